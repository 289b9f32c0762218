"""Paddle: ``last_epoch`` counts finished updates from 0."""

from optimsche import peers
from tests.parity.systems import at_finished, called


def build(case):
    inner = case["params"].get("learning_rate")
    nested = {"learning_rate": build({**inner, "base_lr": None})} if isinstance(inner, dict) else {}
    return called(peers.paddle, case, **nested)


def values(case):
    return at_finished(build(case), case)
