"""Composer: ``timestamp.batch`` counts from 0; update ``n`` runs at ``max(0, n - 2)``, so 0 serves two updates."""

from optimsche import peers


def build(case):
    params = dict(case["params"])
    run = params.pop("run", {})
    return getattr(peers.composer, case["schedule"])(**params, **run, base_lr=case["base_lr"])


def values(case):
    schedule = build(case)
    return [schedule(step + 2 if step else 1) for step in case["steps"]]
