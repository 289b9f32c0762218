"""fvcore: the counter is the part of the run that is done, so a run of length 1 has it one below its update."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    return _built(case["schedule"], dict(case["params"]))


def _built(name, params):
    if "schedulers" in params:
        params["schedulers"] = [_built(one["schedule"], dict(one["params"])) for one in params["schedulers"]]
    return getattr(peers.fvcore, name)(**params, total_steps=1)


def values(case):
    return at_finished(build(case), case)
