"""A schedule on the clock that another schedule gives."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.schedule import Schedule


@lr_fn(
    length=lambda schedule, clock: clock.length,
    boundaries=lambda schedule, clock: clock.each_boundary(),
)
def warp(real_step: float, epoch: float, schedule: Schedule, clock: Schedule) -> float:
    """Evaluate the schedule on the clock that another schedule gives.

        schedule(max(clock(t), 0))

    A shape of length 1 becomes a new shape on a clock that goes from 0 to 1 in its own way. A straight line on another
    schedule as its clock moves that schedule's values, or turns them over.

    Args:
        schedule: what is evaluated, of length 1 for a clock that ends at 1.
        clock: a schedule whose values are the clock, in updates of `schedule`.

    Returns:
        A schedule as long as `clock`.

    Raises:
        TypeError: one of them is not a schedule.

    >>> from optimsche import cosine, linear, one_minus_power
    >>> k_decay = cosine(start=0.1, steps=1).warp(one_minus_power(start=0.0, end=1.0, steps=100, power=2))
    >>> [k_decay(t) for t in (0, 100)]
    [0.1, 0.0]
    >>> momentum = linear(start=0.95, end=0.85, steps=1).warp(linear(start=0.0, end=1.0, steps=30))
    >>> [round(momentum(t), 4) for t in (0, 15, 30)]
    [0.95, 0.9, 0.85]
    """
    return schedule(ops.maximum(clock(real_step, epoch), 0.0), epoch)
