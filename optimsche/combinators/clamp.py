"""A schedule kept between two bounds."""

from __future__ import annotations

from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate
from optimsche.schedule import Schedule


@lr_fn(
    resolve=lambda schedule, floor, ceiling: _not_below(ceiling, floor),
    length=lambda schedule, floor, ceiling: facts.longest(schedule, floor, ceiling),
    boundaries=lambda schedule, floor, ceiling: facts.boundaries_of_all(schedule, floor, ceiling),
    rests_with=("schedule", "floor", "ceiling"),
)
def clamp(
    real_step: float,
    epoch: float,
    schedule: Schedule,
    *,
    floor: Rate | Schedule = 0.0,
    ceiling: Rate | Schedule | None = None,
) -> float:
    """Keep the value between `floor` and `ceiling`.

        min(max(schedule(t), floor), ceiling)

    Without a `ceiling` there is only the `max`.

    Args:
        schedule: the schedule to bound.
        floor: the lowest value; a number, finite and >= 0, or a schedule.
        ceiling: the highest value; a number, finite and >= `floor`, or a schedule, or None for no bound. Where it is
            below `floor`, as a schedule may be, it wins.

    Returns:
        A schedule of the same length; one that bounds it may end later.

    Raises:
        ValueError: `ceiling` is below `floor`.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=10).clamp(floor=0.25, ceiling=0.75)(t) for t in (0, 5, 10)]
    [0.75, 0.5, 0.25]
    """
    bounded = ops.maximum(schedule(real_step, epoch), facts.value_of(floor, real_step, epoch))
    return bounded if ceiling is None else ops.minimum(bounded, facts.value_of(ceiling, real_step, epoch))


def _not_below(ceiling: Any, floor: Any) -> dict[str, Any]:
    if isinstance(ceiling, int | float) and isinstance(floor, int | float) and ceiling < floor:
        raise ValueError(f"ceiling must be >= floor, got ceiling={ceiling} and floor={floor}")
    return {}
