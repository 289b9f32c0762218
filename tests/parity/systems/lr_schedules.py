"""lr_schedules: the function's argument counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    return getattr(peers.lr_schedules, case["schedule"])(**case["params"])


def values(case):
    return at_finished(build(case), case)
