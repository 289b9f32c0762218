"""fairseq: ``num_updates`` counts from 0; what a run is like stands in ``run``."""

from optimsche import peers
from tests.parity.systems import at_finished

OF_THE_RUN = {
    "fixed": ["updates_per_epoch"],
    "polynomial_decay": ["updates_per_epoch"],
    "reduce_lr_on_plateau": ["updates_per_epoch", "metrics"],
    "manual": ["updates_per_epoch"],
}


def build(case):
    params = dict(case["params"])
    run = params.pop("run", {})
    params.setdefault("lr", [case["base_lr"]])
    params |= {name: run[name] for name in OF_THE_RUN.get(case["schedule"], []) if name in run}
    return getattr(peers.fairseq, case["schedule"])(**params)


def values(case):
    return at_finished(build(case), case)
