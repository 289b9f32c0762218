"""A plan as the search reads it: a table of its rates at whole clocks, and where its pieces meet."""

from __future__ import annotations

import math

import numpy as np

from optimsche.curve import ranges
from optimsche.runs.precision import Values
from optimsche.runs.search import Curve
from optimsche.schedule import Schedule

_LARGEST_TABLE = 1_000_000
_MOST_PIECES = 12


def curve_of(plan: Schedule, per_epoch: int | None, last: float) -> Curve:
    """The curve of a plan for a log that ends with clock `last`."""

    def rate(clocks: Values) -> Values:
        if not plan.counts_epochs:
            return plan(clocks)
        assert per_epoch is not None  # which was checked
        return plan(clocks, np.maximum(np.ceil(clocks / per_epoch), 1.0))

    bounds = plan.boundaries(most=_MOST_PIECES)
    seen = sum(bound <= 3 * last for bound in bounds) + 1  # a faster clock comes further
    knots = np.array([0.0, *bounds[: max(seen, 2)]])
    length = plan.length if plan.length < math.inf else 0.0
    table = int(min(max(2 * last, length) + 2, _LARGEST_TABLE))
    if _counts_from_one(plan):
        edges = _edges(plan)
        knots = np.array([1.0, *(knot + (knot in edges) for knot in knots[1:])])
        return Curve(lambda clocks: _between(plan, edges, clocks), knots, table)
    return Curve(rate, knots, table)


def epochs_known(call: str, plan: Schedule, steps_per_epoch: int | None, accum_grad: int | None) -> int | None:
    """Updates in an epoch, which a plan that counts epochs needs."""
    per_epoch = ranges.updates_per_epoch(call, steps_per_epoch, accum_grad or 1)
    if plan.counts_epochs and per_epoch is None:
        raise ranges.epochs_needed(call, f"{plan!r} counts epochs")
    return per_epoch


def _counts_from_one(plan: Schedule) -> bool:
    """Whether its first update is the start of its curve, as in systems that count finished updates."""
    return not plan.counts_epochs and plan(0) == plan(1) != plan(2)


def _edges(plan: Schedule, begin: float = 0.0) -> set[float]:
    """Where `then` hands over from one piece to the next."""
    if plan.lr_fn.name != "then":
        return set()
    first, second = plan.inner
    edge = begin + plan.arguments["at"]
    return _edges(first, begin) | {edge} | _edges(second, edge)


def _between(plan: Schedule, edges: set[float], clocks: Values) -> Values:
    """The rates of a plan that counts from one, between whole clocks, too.

    There the last update of a piece comes before its end, which is the first update of the next one. A clock between
    the two is still on its way.
    """
    rates = plan(clocks)
    for edge in edges:
        on_its_way = (clocks > edge) & (clocks < edge + 1.0)
        if edge >= 1 and on_its_way.any():
            before, last = plan(edge - 1.0), plan(edge)
            rates = np.where(on_its_way, last + (clocks - edge) * (last - before), rates)
    return rates
