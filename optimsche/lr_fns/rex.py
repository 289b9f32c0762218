"""A quotient of two straight lines: budgeted training (REX), and inverse time decay to a given end."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Meaning, Rate, Steps

Beta = Annotated[float, Gt(-math.inf), Lt(1), Meaning("how far the curve is bent; 0 is a straight line")]


@lr_fn
def rex(real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, beta: Beta = 0.5) -> float:
    """Go from `start` to `end` slowly at first and quickly at last (REX), then hold `end`.

        done = min(t / steps, 1)
        end + (start - end) * (1 - done) / (1 - beta * done)

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0.
        steps: length in updates; > 0.
        beta: the bend; < 1. Above 0 most of the change comes late, below 0 early, 0 is a straight line. With
            `beta = 1 - start / end` it is inverse time decay, `start / (1 + k * t)`, that meets `end`.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Chen, Wolfe & Kyrillidis, REX: Revisiting Budgeted Training with an Improved Schedule (2021),
    arXiv:2107.04197, where `beta` is 1/2.

    >>> [round(rex(start=0.3, steps=100)(t), 6) for t in (0, 50, 80, 100)]
    [0.3, 0.2, 0.1, 0.0]
    >>> inverse_time = rex(start=0.4, end=0.1, steps=300, beta=1 - 0.4 / 0.1)
    >>> [round(inverse_time(t), 6) for t in (0, 100, 300)]  # 0.4 / (1 + t / 100)
    [0.4, 0.2, 0.1]
    """
    done = ops.progress(real_step, steps)
    left = (1.0 - done) / (1.0 - beta * done)
    return ops.line(end, start, left)  # from the end, where what is left is exactly 0
