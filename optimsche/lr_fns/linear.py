"""A straight line."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate, Steps


@lr_fn
def linear(real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps) -> float:
    """Go from `start` to `end` in a straight line, then hold `end`.

        start + (end - start) * min(t / steps, 1)

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0. Above `start` the line rises.
        steps: length in updates; > 0.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [linear(start=0.1, steps=100)(t) for t in (0, 50, 100, 999)]
    [0.1, 0.05, 0.0, 0.0]
    """
    return ops.line(start, end, ops.progress(real_step, steps))
