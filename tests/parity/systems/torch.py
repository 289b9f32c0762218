"""PyTorch: ``last_epoch`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    options = {"quantity": case["quantity"]} if "quantity" in case else {}
    return _built(case["schedule"], dict(case["params"]), case["base_lr"], **options)


def _built(name, params, base_lr, **options):
    if name == "ReduceLROnPlateau":
        params["metrics"] = params.get("metrics", [])
    if "schedulers" in params:
        params["schedulers"] = [_built(one["schedule"], dict(one["params"]), base_lr) for one in params["schedulers"]]
    if name not in ("CyclicLR", "OneCycleLR", "SequentialLR"):
        options["base_lr"] = base_lr
    return getattr(peers.torch, name)(**params, **options)


def values(case):
    return at_finished(build(case), case)
