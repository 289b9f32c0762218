"""A schedule kept between two bounds."""

from __future__ import annotations

from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.domains import Rate
from optimsche.schedule import Schedule, lr_fn


@lr_fn(
    resolve=lambda schedule, floor, ceiling: _not_below(ceiling, floor),
    length=facts.length_inside,
    joints=facts.joints_inside,
)
def clamp(
    real_step: float, epoch: float, schedule: Schedule, *, floor: Rate = 0.0, ceiling: Rate | None = None
) -> float:
    """Keep the value between `floor` and `ceiling`.

        min(max(schedule(t), floor), ceiling)

    Without a `ceiling` there is only the `max`.

    Args:
        schedule: the schedule to bound.
        floor: the lowest value; finite, >= 0.
        ceiling: the highest value; finite, >= `floor`, or None for no bound.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError: `ceiling` is below `floor`.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=10).clamp(floor=0.25, ceiling=0.75)(t) for t in (0, 5, 10)]
    [0.75, 0.5, 0.25]
    """
    bounded = ops.maximum(schedule(real_step, epoch), floor)
    return bounded if ceiling is None else ops.minimum(bounded, ceiling)


def _not_below(ceiling: float | None, floor: float) -> dict[str, Any]:
    if ceiling is not None and ceiling < floor:
        raise ValueError(f"ceiling must be >= floor, got ceiling={ceiling} and floor={floor}")
    return {}
