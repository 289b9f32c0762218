"""lrsched: the argument of a schedule counts from 0."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    params = dict(case["params"])
    if "schedule" in params:
        params["schedule"] = build(params["schedule"])
    if "phases" in params:
        params["phases"] = [(duration, build(inner)) for duration, inner in params["phases"]]
    return getattr(peers.lrsched, case["schedule"])(**params)


def values(case):
    return at_finished(build(case), case)
