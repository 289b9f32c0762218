"""The smaller of two schedules."""

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
def minimum(real_step: float, epoch: float, first: Schedule, second: Rate | Schedule) -> float:
    """The smaller of a schedule and a number or another schedule, update by update.

        min(first(t), second(t))

    Args:
        first: a schedule.
        second: a schedule, or a number, finite and >= 0, which is the same at every update.

    Returns:
        A schedule that ends where the later of the two ends.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import cosine, linear
    >>> [linear(steps=10).minimum(0.5)(t) for t in (0, 5, 10)]
    [0.5, 0.5, 0.0]
    """
    one, other = facts.value_of(first, real_step, epoch), facts.value_of(second, real_step, epoch)
    return ops.minimum(one, other)
