"""A rate that grows by a constant ratio."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Lt

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Meaning, Rate, Steps

GrowthFactor = Annotated[float, Ge(1), Lt(math.inf), Meaning("a factor on the rate", "To fall, use exponential.")]


def _sixteen_times(start: float, factor: float, every: float) -> float:
    """How far it is drawn."""
    return every * math.log(16) / math.log(factor) if factor > 1 else math.inf


@lr_fn(reach=_sixteen_times)
def growth(real_step: float, epoch: float, *, start: Rate = 1.0, factor: GrowthFactor, every: Steps = 1.0) -> float:
    """Multiply by `factor` over each `every` updates, smoothly, up to the largest rate that there is.

        start * factor ** (t / every)

    It is held where 1e300 is reached, or 1e300 times a `start` below 1; a narrower type has its largest number there.
    That is far beyond any rate, and nothing overflows.

    Args:
        start: rate at update 0; finite, >= 0.
        factor: what the rate is multiplied by over `every` updates; finite, >= 1.
        every: updates over which the rate is multiplied once; > 0.

    Returns:
        A schedule that rises from `start` and has no length. `exponential` falls; `geometric` goes to an end.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [growth(start=0.25, factor=2, every=10)(t) for t in (0, 10, 20)]
    [0.25, 0.5, 1.0]
    """
    return ops.growth(start, factor, real_step / every)
