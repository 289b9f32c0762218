"""pytorch_scheduler: ``last_epoch`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished

OWN_RATES = ("CosineAnnealingWarmupRestarts", "SequentialComposer")


def build(case):
    params, base_lr = dict(case["params"]), case["base_lr"]
    if "base_scheduler" in params:
        params["base_scheduler"] = build({"base_lr": base_lr, **params["base_scheduler"]})
    if "schedulers" in params:
        params["schedulers"] = [build({"base_lr": base_lr, **inner}) for inner in params["schedulers"]]
    if case["schedule"] not in OWN_RATES:
        params["base_lr"] = base_lr
    return getattr(peers.pytorch_scheduler, case["schedule"])(**params)


def values(case):
    return at_finished(build(case), case)
