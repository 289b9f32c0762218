"""The sum of two schedules."""

from __future__ import annotations

from optimsche.combinators import facts
from optimsche.schedule import Schedule, lr_fn


@lr_fn(length=facts.longer, joints=facts.joints_of_both)
def add(real_step: float, epoch: float, first: Schedule, second: Schedule) -> float:
    """Add two schedules, update by update; also written `+`.

        first(t) + second(t)

    Args:
        first: a schedule.
        second: another.

    Returns:
        A schedule that ends where the later of the two ends.

    Raises:
        TypeError: one of them is not a schedule.

    >>> from optimsche import constant, linear
    >>> (constant(value=0.25) + linear(start=0.5, steps=10))(5)
    0.5
    """
    return first(real_step, epoch) + second(real_step, epoch)
