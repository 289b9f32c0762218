"""A hyperbola whose first part hardly depends on the length of the run."""

from __future__ import annotations

from typing import Any

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate, Steps


def _bounded(steps: float, upper_bound: float, **_: Any) -> dict[str, Any]:
    if upper_bound < steps:
        raise ValueError(f"upper_bound must be >= steps, got upper_bound={upper_bound} and steps={steps}")
    return {}


@lr_fn(resolve=_bounded)
def hyperbolic(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, upper_bound: Steps
) -> float:
    """Go from `start` to `end` along a hyperbola whose first part hardly depends on `steps`, then hold `end`.

        done = min(t / steps, 1)
        end + (start - end) * sqrt((1 - done) * (1 - done * steps / (2 * upper_bound - steps)))

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0.
        steps: length in updates; > 0.
        upper_bound: the longest run that is meant, in updates; >= `steps`. At `steps` the curve is a straight line.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Kim, HyperbolicLR: Epoch Insensitive Learning Rate Scheduler (2024), arXiv:2407.15200.

    >>> [hyperbolic(start=0.1, steps=100, upper_bound=100)(t) for t in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    >>> round(hyperbolic(start=0.1, steps=100, upper_bound=250)(50), 6)
    0.066144
    """
    done = ops.progress(real_step, steps)
    left = ops.power((1.0 - done) * (1.0 - steps / (2.0 * upper_bound - steps) * done), 0.5)
    return ops.line(end, start, left)  # from the end, where what is left is exactly 0
