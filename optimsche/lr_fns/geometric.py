"""The same ratio with every update, towards a given end."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Meaning, Steps

PositiveRate = Annotated[
    float, Gt(0), Lt(math.inf), Meaning("a learning rate", "A ratio never reaches 0: use linear or cosine for that.")
]


@lr_fn
def geometric(real_step: float, epoch: float, *, start: PositiveRate = 1.0, end: PositiveRate, steps: Steps) -> float:
    """Go from `start` to `end` by the same ratio with every update, then hold `end`.

        start * (end / start) ** min(t / steps, 1)

    Args:
        start: rate at update 0; finite, > 0.
        end: rate from update `steps` on; finite, > 0. Above `start` it is the sweep of a learning-rate range test.
        steps: length in updates; > 0.

    Returns:
        A schedule with values between `start` and `end`, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [geometric(start=1.0, end=0.0625, steps=4)(t) for t in range(6)]
    [1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625]
    """
    done = ops.progress(real_step, steps)
    return ops.clip_to_end(start * (end / start) ** done, start, end, done)
