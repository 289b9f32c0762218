"""diffusers: ``last_epoch`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished, called


def build(case):
    return called(peers.diffusers, case)


def values(case):
    return at_finished(build(case), case)
