"""What has to be true of a schedule before an optimizer may follow it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from optimsche.schedule import Schedule

_ROUNDING = 1e-9


def check(schedule: Any, *, epochs_known: bool) -> Schedule:
    """The schedule, if an optimizer can follow it.

    Raises:
        TypeError: not a schedule.
        ValueError: a piece shorter than one update, or a count of epochs that nobody keeps.
    """
    if not isinstance(schedule, Schedule):
        cure = "constant(value=...) for a number" if isinstance(schedule, int | float) else "@lr_fn for a function"
        raise TypeError(f"schedule must be a Schedule ({cure}), got {type(schedule).__name__}.")
    ends = [joint for joint in schedule.joints if joint < schedule.length]
    if schedule.length < math.inf:
        ends.append(schedule.length)
    for begin, end in pairwise([0.0, *ends]):
        if 0 < end - begin < 1 - _ROUNDING:
            raise ValueError(
                f"{schedule!r}: the piece from {begin:g} to {end:g} is shorter than one update. Lengths are counted "
                "in updates.\n    For fractions of a run, stretch the whole: schedule.over(total_steps)"
            )
    if schedule.counts_epochs and not epochs_known:
        raise ValueError(
            f"{schedule!r} counts epochs, and nothing says how long one is."
            "\n    Say it: OptimScheduler(..., steps_per_epoch=len(loader))"
        )
    return schedule
