"""The difference of two schedules."""

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
def subtract(real_step: float, epoch: float, first: Rate | Schedule, second: Rate | Schedule) -> float:
    """Take away a number or another schedule, update by update, down to 0; also written `-`.

        max(first(t) - second(t), 0)

    A rate is never negative: a difference below 0 is 0.

    Args:
        first: a schedule, or a number.
        second: a schedule, or a number, finite and >= 0, which is the same at every update.

    Returns:
        A schedule that ends where the later of the two ends.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [(1 - linear(steps=10))(t) for t in (0, 5, 10)]
    [0.0, 0.5, 1.0]
    >>> [(linear(steps=10) - 0.25)(t) for t in (0, 5, 10)]
    [0.75, 0.25, 0.0]
    """
    one, other = facts.value_of(first, real_step, epoch), facts.value_of(second, real_step, epoch)
    return ops.maximum(one - other, 0.0)
