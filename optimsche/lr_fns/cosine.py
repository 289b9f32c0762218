"""Half a cosine."""

from __future__ import annotations

import math

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate, Steps


@lr_fn
def cosine(real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps) -> float:
    """Go from `start` to `end` along half a cosine, then hold `end`.

        end + (start - end) * (1 + cos(pi * min(t / steps, 1))) / 2

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0. Above `start` the curve rises.
        steps: length in updates; > 0.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Loshchilov & Hutter, SGDR (2017), eq. 5, one cycle, arXiv:1608.03983.

    >>> cosine(start=0.1, steps=100)
    cosine(start=0.1, end=0.0, steps=100)
    >>> [cosine(start=0.1, steps=100)(t) for t in (0, 50, 100, 999)]
    [0.1, 0.05, 0.0, 0.0]
    """
    left = 0.5 + 0.5 * ops.cos(math.pi * ops.progress(real_step, steps))
    return ops.line(end, start, left)  # from the end, where what is left is exactly 0
