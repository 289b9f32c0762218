"""A schedule moved to later or earlier updates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from optimsche import ops
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Offset
from optimsche.schedule import Schedule


def _moved(boundary: float, by: float) -> float:
    """Where a boundary is after the shift; one that misses 0 by a rounding error is at 0."""
    return ops.where(boundary + by > ops.tolerance(boundary), boundary + by, 0.0)


def _boundaries(schedule: Node, by: float) -> Iterator[float]:
    if schedule.length == 0 and by > 0:  # one that was shifted away to nothing has no boundary that could move back
        yield by
    yield from (moved for boundary in schedule.each_boundary() if (moved := _moved(boundary, by)) > 0)


def _reach(schedule: Node, by: float) -> float:
    """As far as the schedule's own reach is moved, and to the sixth boundary that is left of a repetition."""
    reach = _moved(schedule.reach, by)
    if reach == math.inf:
        return reach
    try:
        return max(reach, *itertools.islice(_boundaries(schedule, by), 6), 0.0)
    except ValueError:  # so much is cut off that nobody goes through it
        return math.inf


@lr_fn(
    length=lambda schedule, by: _moved(schedule.length, by),
    boundaries=_boundaries,
    reach=_reach,
    rests_with=("schedule",),
)
def shift(real_step: float, epoch: float, schedule: Schedule, by: Offset) -> float:
    """Evaluate the schedule `by` updates later.

        schedule(max(t - by, 0))

    Args:
        schedule: the schedule to move.
        by: a number of updates. A negative one moves the schedule earlier and cuts off its beginning. For a shape that
            counts from 0, so that the first update is number 0, take `by=1`.

    Returns:
        A schedule longer by `by`.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=10).shift(1)(t) for t in (0, 1, 6, 11)]
    [1.0, 1.0, 0.5, 0.0]
    """
    return schedule(ops.maximum(real_step - by, 0.0), epoch)
