"""A power of what is left of the piece."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Power, Rate, Steps


@lr_fn
def polynomial(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, power: Power = 2.0
) -> float:
    """Go from `start` to `end` by a power of the part of `steps` that is left, then hold `end`.

        end + (start - end) * (1 - min(t / steps, 1)) ** power

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0.
        steps: length in updates; > 0.
        power: exponent; > 0. Above 1 most of the change comes early, below 1 late; 1 is a straight line.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Liu, Rabinovich & Berg, ParseNet (2015), "poly" policy, arXiv:1506.04579.

    >>> [polynomial(start=1.0, steps=100, power=2)(t) for t in (0, 50, 75, 100)]
    [1.0, 0.25, 0.0625, 0.0]
    """
    left = 1.0 - ops.progress(real_step, steps)
    return ops.line(end, start, ops.power(left, power))  # from the end, where what is left is exactly 0
