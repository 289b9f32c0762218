"""WeNet: what the optimizer has before each update, from the first."""

from optimsche import peers
from tests.parity.systems import at_finished, called


def build(case):
    return called(peers.wenet, case)


def values(case):
    return at_finished(build(case), case)
