"""lr_schedules' one class: update ``n`` gets what it gives for ``step = n - 1``, as in its examples."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

from annotated_types import Gt, Lt, MinLen

from optimsche.peers._peer import SomeRealSteps, Value, peer
from optimsche.peers._pieces import polyline
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LinearScheduler",
]

Moment: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf)]
Times: TypeAlias = Annotated[tuple[Moment, ...], MinLen(1), Meaning("steps, or parts of the run")]
Values: TypeAlias = Annotated[tuple[Value, ...], MinLen(1), Meaning("the value at each time")]


@peer("lr_schedules")
def LinearScheduler(times: Times, values: Values, total_training_steps: SomeRealSteps | None = None) -> Schedule:
    """Straight lines between ``(times[i], values[i])``, flat outside; with a total, times are parts of it.

    A time that is listed twice is a jump, and the step on it has the first of the two values.
    """
    call = "lr_schedules.LinearScheduler"
    if len(times) != len(values):
        raise ValueError(f"{call}: times and values must have the same length, got {len(times)} and {len(values)}")
    if list(times) != sorted(times):
        raise ValueError(f"{call}: times must be in ascending order, got {times}")
    if total_training_steps is None and 0 <= times[0] <= times[-1] <= 1:
        raise ValueError(
            f"{call}: times from 0 to 1 are parts of total_training_steps, so give it; got times={times} without it"
        )
    total = 1 if total_training_steps is None else total_training_steps
    return polyline([time * total for time in times], values, closed="right")
