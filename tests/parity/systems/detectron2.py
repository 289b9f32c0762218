"""detectron2: ``last_epoch`` counts finished updates from 0; a schedule of fvcore's inside is built for a run of 1."""

from optimsche import peers
from tests.parity.systems import at_finished, called, fvcore


def build(case):
    nested = {name: fvcore.build(inner) for name, inner in case["params"].items() if isinstance(inner, dict)}
    return called(peers.detectron2, case, **nested)


def values(case):
    return at_finished(build(case), case)
