"""optax: ``count`` is the number of finished updates; the plateau counts from 1."""

from optimsche import peers
from tests.parity.systems import at_finished, at_number


def build(case):
    return _built(case["schedule"], dict(case["params"]))


def _built(name, params):
    if "schedules" in params:
        params["schedules"] = [_built(one["schedule"], dict(one["params"])) for one in params["schedules"]]
    if params.get("boundaries_and_scales"):
        params["boundaries_and_scales"] = {int(k): v for k, v in params["boundaries_and_scales"].items()}
    return getattr(peers.optax, name.removeprefix("contrib."))(**params)


def values(case):
    return (at_number if case["schedule"].startswith("contrib.") else at_finished)(build(case), case)
