"""MMEngine: the counter is the number of calls of ``step()`` so far, of all schedulers of a list alike."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    params = dict(case["params"])
    is_momentum = case.get("quantity") == "momentum"
    base = {"base_momentum": case["base_momentum"]} if is_momentum else {"base_lr": case["base_lr"] or 0.0}
    if "schedulers" in params:
        counted = [{**one["params"], "type": one["schedule"], "by_epoch": True} for one in params["schedulers"]]
        return peers.mmengine.param_scheduler(counted, **base)
    if case["schedule"] == "OneCycleLR" and case["base_lr"] is None:
        base = {}
    if case["schedule"].startswith("ReduceOnPlateau"):
        params["metrics"] = params.get("metrics", [])
    return getattr(peers.mmengine, case["schedule"])(**params, **base)


def values(case):
    return at_finished(build(case), case)
