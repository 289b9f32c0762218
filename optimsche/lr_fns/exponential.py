"""The same ratio with every update, without an end."""

from __future__ import annotations

from optimsche.lr_fn import lr_fn
from optimsche.ranges import Fraction, Rate, Steps


@lr_fn
def exponential(real_step: float, epoch: float, *, start: Rate = 1.0, factor: Fraction, every: Steps = 1.0) -> float:
    """Multiply by `factor` over each `every` updates, smoothly and without an end.

        start * factor ** (t / every)

    Args:
        start: rate at update 0; finite, >= 0.
        factor: what is left of the rate after `every` updates; > 0 and <= 1.
        every: updates over which the rate is multiplied once; > 0.

    Returns:
        A schedule that falls from `start` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [exponential(start=1.0, factor=0.5, every=10)(t) for t in (0, 10, 20)]
    [1.0, 0.5, 0.25]
    """
    return start * factor ** (real_step / every)
