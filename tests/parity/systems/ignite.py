"""Ignite: ``event_index`` counts from 0, except that state schedulers count an event before they set its value."""

from optimsche import peers
from tests.parity.systems import at_finished, at_number
from tests.parity.systems import torch as pytorch

# What only says where a value goes.
_PLACES = ("param_name", "save_history", "create_new", "output_simulated_values")


def build(case):
    return _built(case["schedule"], dict(case["params"]), case.get("base_lr"))


def _built(name, params, base_lr):
    if not hasattr(peers.ignite, name):
        return pytorch._built(name, params, base_lr)
    for place in _PLACES + (() if name == "ReduceLROnPlateauScheduler" else ("param_group_index",)):
        params.pop(place, None)
    if "schedulers" in params:
        params["schedulers"] = [_built(one["schedule"], dict(one["params"]), base_lr) for one in params["schedulers"]]
    if name == "create_lr_scheduler_with_warmup":
        inner = params["lr_scheduler"]
        params["from_torch"] = not hasattr(peers.ignite, inner["schedule"])
        params["base_lr"] = base_lr
        params["lr_scheduler"] = _built(inner["schedule"], dict(inner["params"]), base_lr)
    if name == "ReduceLROnPlateauScheduler":
        params["metrics"], params["base_lr"] = params.get("metrics", []), base_lr
    return getattr(peers.ignite, name)(**params)


def values(case):
    return (at_number if case["schedule"].endswith("StateScheduler") else at_finished)(build(case), case)
