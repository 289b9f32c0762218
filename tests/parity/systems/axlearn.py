"""axlearn: updates from 1."""

from optimsche import peers
from tests.parity.systems import at_number


def build(case):
    params = dict(case["params"])
    for name in ("sub", "segments"):
        if name in params:
            params[name] = [build(inner) if isinstance(inner, dict) else inner for inner in params[name]]
    if hasattr(peers.axlearn, case["schedule"]):
        return getattr(peers.axlearn, case["schedule"])(**params)
    return getattr(peers.optax, case["schedule"])(**params).shift(-1)  # one that counts from 0


def values(case):
    return at_number(build(case), case)
