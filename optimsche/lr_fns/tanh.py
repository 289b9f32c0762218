"""A stretch of the hyperbolic tangent."""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Meaning, Rate, Steps

Bound = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("an end of the stretch of tanh that is used")]


def _rising(lower: float, upper: float, **_: Any) -> dict[str, Any]:
    if not math.tanh(lower) < math.tanh(upper):
        raise ValueError(
            f"lower must be below upper, and tanh must rise between them, got lower={lower} and upper={upper}; "
            "usual are -7 and 3, or the same number with both signs"
        )
    return {}


@lr_fn(resolve=_rising)
def tanh(
    real_step: float,
    epoch: float,
    *,
    start: Rate = 1.0,
    end: Rate = 0.0,
    steps: Steps,
    lower: Bound = -7.0,
    upper: Bound = 3.0,
) -> float:
    """Go from `start` to `end` along a stretch of the hyperbolic tangent, then hold `end`.

        x = lower + (upper - lower) * min(t / steps, 1)
        start + (end - start) * (tanh(x) - tanh(lower)) / (tanh(upper) - tanh(lower))

    Args:
        start: rate at update 0; finite, >= 0.
        end: rate from update `steps` on; finite, >= 0.
        steps: length in updates; > 0.
        lower: where on the axis of tanh the stretch begins. Further below 0, the rate stays longer at `start`.
        upper: where it ends; above `lower`. Further above 0, the rate is longer nearly `end`.

    Returns:
        A schedule with values between `start` and `end`, both met exactly (tanh alone comes near them only).

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Hsueh et al., Stochastic Gradient Descent with Hyperbolic-Tangent Decay (2018), arXiv:1806.01593.

    >>> [round(tanh(start=0.1, steps=100, lower=-3, upper=3)(t), 6) for t in (0, 25, 50, 75, 100)]
    [0.1, 0.095482, 0.05, 0.004518, 0.0]
    """
    done = ops.progress(real_step, steps)
    weight = _climb(lower, (upper - lower) * done) / _climb(lower, upper - lower)
    return ops.clip_to_end(start + (end - start) * weight, start, end, done)


def _climb(lower: float, distance: float) -> float:
    """`tanh(lower + distance) - tanh(lower)`, exactly 0 for no distance."""
    return ops.tanh(distance) * (1.0 - ops.tanh(lower + distance) * ops.tanh(lower))
