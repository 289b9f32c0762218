"""A schedule that moves in steps."""

from __future__ import annotations

from optimsche import ops
from optimsche.combinators import facts
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Closed, Steps
from optimsche.schedule import Schedule


@lr_fn(length=facts.length_inside, boundaries=facts.boundaries_inside, rests_with=("schedule",))
def staircase(real_step: float, epoch: float, schedule: Schedule, every: Steps, *, closed: Closed = "right") -> float:
    """Hold the value for `every` updates at a time.

        schedule(every * max(ceil(t / every) - 1, 0))  if closed == "right" else  schedule(every * floor(t / every))

    With `closed="right"`, updates 1 to `every` get `schedule(0)`.

    Args:
        schedule: the schedule to sample.
        every: updates on each step; > 0.
        closed: the edge that belongs to a step. `"right"`: its last update. `"left"`: its first instant, for steps that
            are counted from 0 and then shifted by 1.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=100).staircase(25)(t) for t in (1, 25, 26, 50, 51)]
    [1.0, 1.0, 0.75, 0.75, 0.5]
    >>> [linear(start=1.0, steps=100).staircase(25, closed="left")(t) for t in (0, 24, 25, 49, 50)]
    [1.0, 1.0, 0.75, 0.75, 0.5]
    """
    _, place = ops.block(real_step, every, closed)
    return schedule(real_step - place, epoch)
