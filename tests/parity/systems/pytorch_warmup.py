"""pytorch_warmup: ``last_step`` counts from 0, and the factors are written in terms of the update."""

from optimsche import peers
from tests.parity.systems import at_finished, torch


def build(case):
    params = dict(case["params"])
    if "lr_scheduler" in params:
        params["lr_scheduler"] = torch.build({"base_lr": case["base_lr"], **params["lr_scheduler"]})
    else:
        params["base_lr"] = case["base_lr"]
    return getattr(peers.pytorch_warmup, case["schedule"].split("+")[0])(**params)


def values(case):
    return at_finished(build(case), case)
