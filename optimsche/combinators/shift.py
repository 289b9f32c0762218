"""A schedule moved to later or earlier updates."""

from __future__ import annotations

from optimsche import ops
from optimsche.domains import Offset
from optimsche.schedule import Schedule, lr_fn


def _moved(joint: float, by: float) -> float:
    """Where a boundary is after the shift; one that misses 0 by a rounding error is at 0."""
    return ops.where(joint + by > ops.slack(joint), joint + by, 0.0)


def _joints_of_shift(schedule: Schedule, by: float) -> list[float]:
    moved = [_moved(joint, by) for joint in schedule.joints]
    if not all(ops.is_number(joint) for joint in moved):
        return moved
    moved = [joint for joint in moved if joint > 0]
    # A schedule that was shifted away to length 0 has no boundary that could move back.
    return moved if moved or schedule.length != 0 or by <= 0 else [by]


@lr_fn(length=lambda schedule, by: _moved(schedule.length, by), joints=_joints_of_shift)
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
