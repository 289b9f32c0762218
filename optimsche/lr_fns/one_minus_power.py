"""One minus a power of what is done of the piece."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Power, Rate, Steps


@lr_fn
def one_minus_power(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, power: Power = 0.5
) -> float:
    """Go from `start` to `end` by a power of the part of `steps` that is done, then hold `end`.

        start + (end - start) * min(t / steps, 1) ** power

    The default is the "1-sqrt" decay.

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0.
        steps: length in updates; > 0.
        power: exponent; > 0. Below 1 most of the change comes early, above 1 late; 1 is a straight line.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (2024),
    arXiv:2405.18392.

    >>> [one_minus_power(start=0.1, steps=100)(t) for t in (0, 25, 100, 999)]
    [0.1, 0.05, 0.0, 0.0]
    """
    return ops.line(start, end, ops.power(ops.progress(real_step, steps), power))
