"""Levanter: ``count`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    return peers.levanter.lr_scheduler(**case["params"])


def values(case):
    return at_finished(build(case), case)
