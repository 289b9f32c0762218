"""The larger of two schedules."""

from __future__ import annotations

from optimsche import ops
from optimsche.combinators import facts
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate
from optimsche.schedule import Schedule


@lr_fn(
    length=lambda first, second: facts.longest(first, second),
    boundaries=lambda first, second: facts.boundaries_of_all(first, second),
    rests_with=("first", "second"),
)
def maximum(real_step: float, epoch: float, first: Schedule, second: Rate | Schedule) -> float:
    """The larger of a schedule and a number or another schedule, update by update.

        max(first(t), second(t))

    Args:
        first: a schedule.
        second: a schedule, or a number, finite and >= 0, which is the same at every update.

    Returns:
        A schedule that ends where the later of the two ends.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import cosine, linear
    >>> [linear(steps=10).maximum(0.25)(t) for t in (0, 5, 10)]
    [1.0, 0.5, 0.25]
    """
    one, other = facts.value_of(first, real_step, epoch), facts.value_of(second, real_step, epoch)
    return ops.maximum(one, other)
