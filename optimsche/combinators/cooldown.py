"""A straight way down after a schedule."""

from __future__ import annotations

from optimsche import ops
from optimsche.combinators import facts
from optimsche.domains import Rate, Steps
from optimsche.schedule import Schedule, lr_fn


@lr_fn(
    length=lambda schedule, at, steps, end: at + steps,
    joints=lambda schedule, at, steps, end: [*facts.joints_before(schedule, at), at, at + steps],
)
def cooldown(real_step: float, epoch: float, schedule: Schedule, *, at: Steps, steps: Steps, end: Rate = 0.0) -> float:
    """Evaluate the schedule up to and including update `at`, then go from there to `end` in a straight line.

        schedule(t)  if t <= at else  schedule(at) + (end - schedule(at)) * min((t - at) / steps, 1)

    Use it to finish a model from a checkpoint of a run that goes on. The schedule of that run need not end.

    Args:
        schedule: the schedule of the run.
        at: the last update before the way down; > 0.
        steps: length of the way down in updates; > 0.
        end: rate from `at + steps` on; finite, >= 0.

    Returns:
        A schedule of length `at + steps`.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import constant
    >>> [constant(value=0.1).cooldown(at=100, steps=10)(t) for t in (100, 105, 110, 111)]
    [0.1, 0.05, 0.0, 0.0]
    """
    return ops.switch(
        real_step,
        at,
        before=lambda t: schedule(t, epoch),
        after=lambda t: ops.segment(schedule(at, epoch), end, ops.progress(t, steps)),
    )
