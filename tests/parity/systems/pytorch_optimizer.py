"""pytorch_optimizer: calls of ``step`` from 0; three schedulers leave the first update to their constructor."""

from optimsche import peers

LATE = ("LinearScheduler", "CosineScheduler", "PolyScheduler")


def build(case):
    params = dict(case["params"])
    if "lr_scheduler" in params:
        params["lr_scheduler"] = build({"base_lr": case.get("base_lr"), **params["lr_scheduler"]})
    if case["schedule"].startswith("get_"):
        params["base_lr"] = case["base_lr"]
    module = peers.pytorch_optimizer if hasattr(peers.pytorch_optimizer, case["schedule"]) else peers.torch
    if module is peers.torch and case["schedule"] not in ("CyclicLR", "OneCycleLR"):
        params["base_lr"] = case["base_lr"]
    return getattr(module, case["schedule"])(**params)


def values(case):
    inner = case["params"].get("lr_scheduler", case)
    schedule, update = build(case), 2 if inner["schedule"] in LATE else 1
    return [schedule(step + update) for step in case["steps"]]
