"""OLMo-core: updates from 1."""

import functools

from optimsche import peers
from tests.parity.systems import at_number, called


def build(case):
    parts = case["params"].get("schedulers", [])
    parts = [functools.partial(getattr(peers.olmo_core, one["schedule"]), **one["params"]) for one in parts]
    return called(peers.olmo_core, case, **({"schedulers": parts} if parts else {}))


def values(case):
    return at_number(build(case), case)
