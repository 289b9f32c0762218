"""A rate that is multiplied after listed updates. A listed update itself still has the rate before."""

from __future__ import annotations

import math
from typing import Any

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.lr_fns import _points
from optimsche.ranges import Milestones, PositiveFactor, Rate


def _without_overflow(start: float, factor: float, at: tuple[float, ...]) -> dict[str, Any]:
    if math.log(factor) * len(at) + math.log(max(start, 1.0)) > 700:
        raise ValueError(f"the rate would overflow: {start} multiplied {len(at)} times by {factor}")
    return _points.increasing(at)


@lr_fn(resolve=_without_overflow, boundaries=_points.all_but_zero, changes_at_boundaries=True)
def milestones(
    real_step: float, epoch: float, *, start: Rate = 1.0, factor: PositiveFactor = 0.1, at: Milestones
) -> float:
    """Multiply by `factor` after each of the updates in `at`.

        start * factor ** sum(update < t for update in at)

    Args:
        start: rate up to and including the first milestone; finite, >= 0.
        factor: the multiplier; finite, > 0.
        at: the last update of each step; increasing, > 0.

    Returns:
        A schedule that holds its last value for ever and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Note:
        By epochs, `milestones(at=(29, 59)).by_epoch()` falls after 30 and 60 of them: see `by_epoch`.

    Source: He et al., Deep Residual Learning (2015), section 3.4, arXiv:1512.03385.

    >>> [milestones(start=1.0, factor=0.5, at=(30, 60))(t) for t in (30, 31, 60, 61)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return start * factor ** ops.real(ops.count_below(at, real_step))
