"""The inverse square root of the time passed: a decay without an end."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate, Steps


@lr_fn
def inverse_sqrt(real_step: float, epoch: float, *, start: Rate = 1.0, timescale: Steps) -> float:
    """Fall with the inverse square root of the time passed.

        start / sqrt(1 + t / timescale)

    After a warm-up of `timescale` updates, this is the Transformer's `start * sqrt(timescale / n)` at update `n` of
    the run: see `noam`.

    Args:
        start: rate at update 0; finite, >= 0.
        timescale: updates until the rate has fallen to `start / sqrt(2)`; > 0.

    Returns:
        A schedule that falls from `start` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Vaswani et al., Attention Is All You Need (2017), section 5.3, arXiv:1706.03762.

    >>> [inverse_sqrt(start=0.1, timescale=100)(t) for t in (0, 300, 9_900)]
    [0.1, 0.05, 0.01]
    """
    return start / ops.sqrt(1.0 + real_step / timescale)
