"""SpeeChain: training steps from 1, and epochs from 1."""

from optimsche import peers
from tests.parity.systems import at_number


def build(case):
    return getattr(peers.speechain, case["schedule"])(**case["params"], base_lr=case["base_lr"])


def values(case):
    return at_number(build(case), case)
