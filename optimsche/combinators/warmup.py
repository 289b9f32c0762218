"""A straight rise before a schedule."""

from __future__ import annotations

from collections.abc import Iterator

from optimsche import ops
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Length, Rate
from optimsche.schedule import Schedule


def _boundaries(schedule: Node, steps: float, start: float) -> Iterator[float]:
    if steps > 0:
        yield steps
    yield from (steps + boundary for boundary in schedule.each_boundary())


@lr_fn(
    length=lambda schedule, steps, start: steps + schedule.length,
    boundaries=_boundaries,
    rests_with=("schedule",),
)
def warmup(real_step: float, epoch: float, schedule: Schedule, steps: Length, *, start: Rate = 0.0) -> float:
    """Rise from `start` to the schedule's own value at 0 in a straight line, then evaluate the schedule.

        start + (schedule(0) - start) * t / steps  if t < steps else  schedule(t - steps)

    Update 1 gets `1 / steps` of the rise, update `steps` all of it.

    Args:
        schedule: what follows; its update 1 is number `steps + 1`.
        steps: length of the rise in updates; >= 0, where 0 means none.
        start: rate at step 0; finite, >= 0.

    Returns:
        A schedule longer by `steps`.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Goyal et al., Accurate, Large Minibatch SGD (2017), section 2.2, arXiv:1706.02677.

    >>> from optimsche import constant
    >>> [constant(value=0.5).warmup(10)(t) for t in (0, 1, 5, 10, 11)]
    [0.0, 0.05, 0.25, 0.5, 0.5]
    """
    return ops.switch(
        real_step,
        steps,
        before=lambda t: ops.line(start, schedule(0.0, epoch), ops.progress(t, steps)),
        after=lambda t: schedule(t, epoch),
    )
