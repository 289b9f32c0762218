"""A segment whose `start` was left out, after a piece that ends elsewhere: a default of 1 in a chain of rates."""

from __future__ import annotations

from optimsche.call_errors import warn
from optimsche.combinators.running_product import takes_long
from optimsche.schedule import Schedule


def warn_of_left_out_start(first: Schedule, second: Schedule, at: float) -> None:
    """Warn whoever joins two pieces, if the second begins with a default that the piece before it does not know.

    Factors are fine: `linear(steps=10) >> cosine(steps=5)` begins with 1 twice. A piece that has the default at one of
    its own boundaries speaks in factors; another one speaks in rates.
    """
    while second.lr_fn.name == "then":
        second = second.arguments["first"]
    while first.lr_fn.name == "then":
        one, other, joined = first.arguments.values()
        first, at = (one, at) if at <= joined else (other, at - joined)
    if not second._has_default_start:
        return
    start, known = second.arguments["start"], _values_at_boundaries(first, at)
    if known and start not in known:
        before = known[0]
        warn(
            f"{second!r} begins with the default start={start}, and the piece before it ends with {before:g}. "
            f"Write start={before:g} to go on from there, or start={start} if the jump is meant"
        )


# What is nested deeper is not evaluated to ask: it may hold the same parts again and again.
_LOOKED_AT, _AMONG, _DEEPEST = 20, 100, 10


def _values_at_boundaries(schedule: Schedule, at: float) -> list[float]:
    """The values at its end, at 0 and at its first boundaries; none where it takes long to find them, or has none."""
    if schedule.counts_epochs or schedule._depth > _DEEPEST or takes_long(schedule):
        return []
    try:
        boundaries = schedule._node.first_boundaries(_LOOKED_AT, at, among=_AMONG)
        return [*map(schedule, (at, 0.0, *boundaries))]
    except Exception:  # as 1 / t has none at 0: whoever evaluates it there is told
        return []


def warn_of_left_out_starts(schedule: Schedule) -> None:
    """Warn whoever draws or attaches a plan of every such place in it."""
    if schedule.lr_fn.name == "then":
        first, second, at = schedule.arguments.values()
        warn_of_left_out_start(first, second, at)
    for inner in schedule.inner:
        warn_of_left_out_starts(inner)
