"""What combinators have in common: lengths and boundaries, from those of the schedules inside."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Any

from optimsche.evaluation.node import Node
from optimsche.schedule import Schedule


def whole_if_it_is(length: float) -> float:
    """A length as a person would have written it: 7 and not 7.0."""
    return int(length) if length.is_integer() else length


def length_inside(schedule: Node, **_: Any) -> float:
    """For `@lr_fn(length=)`: that of the schedule inside."""
    return schedule.length


def boundaries_inside(schedule: Node, **_: Any) -> Iterator[float]:
    """For `@lr_fn(boundaries=)`: those of the schedule inside."""
    return schedule.each_boundary()


def boundaries_before(schedule: Node, at: float) -> Iterator[float]:
    """Those of a schedule that is left at a clock."""
    return itertools.takewhile(lambda boundary: boundary < at, schedule.each_boundary(at))


def longest(*parts: Any) -> float:
    """The latest end of schedules that are combined update by update; numbers among them have none.

    One that has no end but rests is counted up to there, so a constant takes no end from what is beside it. Only if
    none of them has an end, there is none.
    """
    schedules = [part for part in parts if hasattr(part, "rests_at")]
    if all(schedule.length == math.inf for schedule in schedules):
        return math.inf
    latest: float = max(schedule.rests_at for schedule in schedules)
    return latest


def boundaries_of_all(*parts: Any) -> Iterator[float]:
    """The boundaries of schedules that are combined update by update, in order, up to the end that `longest` finds."""
    schedules, end = [part for part in parts if isinstance(part, Node)], longest(*parts)
    return heapq.merge(*(schedule.each_boundary(end) for schedule in schedules))


def value_of(part: float | Schedule, real_step: float, epoch: float) -> float:
    """The value of a parameter that is a number or a schedule."""
    return part(real_step, epoch) if callable(part) else part
