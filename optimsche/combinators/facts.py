"""Length and joints of combinators that have those of the schedule inside, and lengths as people write them."""

from __future__ import annotations

from typing import Any

from optimsche import ops
from optimsche.schedule import Schedule


def whole_if_it_is(length: float) -> float:
    """A length as a person would have written it: 7 and not 7.0."""
    return int(length) if length.is_integer() else length


def length_inside(schedule: Schedule, **_: Any) -> float:
    """For ``@lr_fn(length=)``: that of the schedule inside."""
    return schedule.length


def joints_before(schedule: Schedule, at: float) -> list[float]:
    """The joints of a schedule that is played up to ``at``; where arrays say which those are, the others lie on it."""
    joints = schedule.joints
    if all(ops.is_number(x) for x in (*joints, at)):
        return [joint for joint in joints if joint < at]
    return [ops.minimum(joint, at) for joint in joints]


def joints_inside(schedule: Schedule, **_: Any) -> tuple[float, ...]:
    """For ``@lr_fn(joints=)``: those of the schedule inside."""
    return schedule.joints
