"""A segment whose `start` was left out, after a piece that ends elsewhere: a default of 1 in a chain of rates."""

from __future__ import annotations

from optimsche.call_errors import warn
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
    if not second._has_default_start or first.counts_epochs or first._depth > _DEEPEST:
        return
    start, before = second.arguments["start"], first(at)
    if start not in (before, *map(first, (0.0, *first.boundaries(at, most=_LOOKED_AT)))):
        warn(
            f"{second!r} begins with the default start={start}, and the piece before it ends with {before:g}. "
            f"Write start={before:g} to go on from there, or start={start} if the jump is meant"
        )


# What is nested deeper is not evaluated to ask: it may hold the same parts again and again.
_LOOKED_AT, _DEEPEST = 20, 10


def warn_of_left_out_starts(schedule: Schedule) -> None:
    """Warn whoever draws or attaches a plan of every such place in it."""
    if schedule.lr_fn.name == "then":
        first, second, at = schedule.arguments.values()
        warn_of_left_out_start(first, second, at)
    for inner in schedule.inner:
        warn_of_left_out_starts(inner)
