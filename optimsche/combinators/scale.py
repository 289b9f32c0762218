"""A schedule times a number or another schedule."""

from __future__ import annotations

from optimsche.combinators import facts
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Factor
from optimsche.schedule import Schedule


@lr_fn(
    length=lambda schedule, factor: facts.longest(schedule, factor),
    boundaries=lambda schedule, factor: facts.boundaries_of_all(schedule, factor),
    rests_with=("schedule", "factor"),
)
def scale(real_step: float, epoch: float, schedule: Schedule, factor: Factor | Schedule) -> float:
    """Multiply by a number or by another schedule; also written `*`, or `/` by a number.

        schedule(t) * factor(t)

    A number as `factor` is the same at every update.

    Args:
        schedule: the schedule to multiply.
        factor: a number, finite and >= 0, or a schedule.

    Returns:
        A schedule that ends where the later of its parts ends.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import cosine
    >>> 3e-4 * cosine(steps=9_000)
    scale(cosine(start=1.0, end=0.0, steps=9000), factor=0.0003)
    >>> (0.5 * cosine(steps=100) * cosine(steps=100))(50)
    0.125
    >>> cosine(steps=9_000) / 2
    scale(cosine(start=1.0, end=0.0, steps=9000), factor=0.5)
    """
    return schedule(real_step, epoch) * facts.value_of(factor, real_step, epoch)
