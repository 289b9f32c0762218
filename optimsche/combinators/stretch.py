"""A schedule made longer or shorter by a factor."""

from __future__ import annotations

from optimsche.lr_fn import lr_fn
from optimsche.ranges import Ratio
from optimsche.schedule import Schedule


@lr_fn(
    length=lambda schedule, by: schedule.length * by,
    boundaries=lambda schedule, by: (boundary * by for boundary in schedule.each_boundary()),
    rests_with=("schedule",),
)
def stretch(real_step: float, epoch: float, schedule: Schedule, by: Ratio) -> float:
    """Make the schedule `by` times as long.

        schedule(t / by)

    Args:
        schedule: the schedule to slow down, or with `by` < 1 to speed up.
        by: the factor; > 0.

    Returns:
        A schedule `by` times as long. Its boundaries need not fall on whole updates; `over` moves them there.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> linear(start=1.0, steps=10).stretch(3)(15)
    0.5
    """
    return schedule(real_step / by, epoch)
