"""torch-lr-finder: ``last_epoch`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished


def build(case):
    return getattr(peers.torch_lr_finder, case["schedule"])(**case["params"], base_lr=case["base_lr"])


def values(case):
    return at_finished(build(case), case)
