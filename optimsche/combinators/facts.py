"""Length and boundaries of combinators, from those of the schedules inside; lengths as people write them."""

from __future__ import annotations

import functools
import math
from typing import Any

from optimsche import ops
from optimsche.schedule import Schedule

# Shapes that change at their boundaries alone, and combinators that hold still when their parts do.
_CHANGE_AT_JOINTS = ("constant", "milestones", "piecewise_constant")
_STILL_WITH_THEIR_PARTS = ("then", "warmup", "scale", "add", "clamp", "shift", "stretch", "staircase")


def whole_if_it_is(length: float) -> float:
    """A length as a person would have written it: 7 and not 7.0."""
    return int(length) if length.is_integer() else length


def length_inside(schedule: Schedule, **_: Any) -> float:
    """For `@lr_fn(length=)`: that of the schedule inside."""
    return schedule.length


def joints_before(schedule: Schedule, at: float) -> list[float]:
    """The boundaries of a schedule before `at`. Where arrays say which those are, the others are moved to `at`."""
    joints = schedule.joints
    if all(ops.is_number(x) for x in (*joints, at)):
        return [joint for joint in joints if joint < at]
    return [ops.minimum(joint, at) for joint in joints]


def joints_inside(schedule: Schedule, **_: Any) -> tuple[float, ...]:
    """For `@lr_fn(joints=)`: those of the schedule inside."""
    return schedule.joints


def longer(first: Schedule, second: Any) -> float:
    """The later of two ends. A schedule without an end that is constant after its last boundary ends there.

    So a constant beside another schedule does not count, whatever it is made of: neither `constant()` nor
    `2 * constant()`. Only if neither of the two has an end, there is none.
    """
    parts = [part for part in (first, second) if hasattr(part, "lr_fn")]
    if all(map(_is_endless, parts)):
        return math.inf
    return functools.reduce(ops.maximum, map(_last_change, parts))


def _is_endless(part: Any) -> bool:
    return type(part.length) is float and part.length == math.inf


def _last_change(part: Any) -> float:
    """Where a schedule last changes: its end, or the last boundary of one that is constant from there on."""
    if not _is_endless(part):
        return part.length  # type: ignore[no-any-return]
    if not _comes_to_rest(part):
        return math.inf
    return part.joints[-1] if part.joints else 0.0


def _comes_to_rest(part: Any) -> bool:
    """Whether a schedule is constant after its last boundary: one with an end, and one made of such and of steps."""
    if not _is_endless(part) or part.lr_fn.name in _CHANGE_AT_JOINTS:
        return True
    if part.lr_fn.name not in _STILL_WITH_THEIR_PARTS:
        return False
    if "comes to rest" not in part.memo:
        # What `then` evaluates first it leaves at a boundary.
        parts = (part.params["second"],) if part.lr_fn.name == "then" else part.params.values()
        part.memo["comes to rest"] = all(_comes_to_rest(inner) for inner in parts if hasattr(inner, "lr_fn"))
    return part.memo["comes to rest"]  # type: ignore[no-any-return]


def joints_of_both(first: Schedule, second: Any) -> list[float]:
    """The boundaries of two schedules, in order, up to the end that `longer` finds."""
    joints, end = (*first.joints, *getattr(second, "joints", ())), longer(first, second)
    if all(ops.is_number(x) for x in (*joints, end)):
        return sorted({joint for joint in joints if joint <= end})
    return _sorted_each([ops.minimum(joint, end) for joint in joints])


def _sorted_each(joints: list[float]) -> list[float]:
    """Boundaries of which some are arrays, each element in order."""
    for last in range(len(joints) - 1, 0, -1):
        for place in range(last):
            left, right = joints[place], joints[place + 1]
            joints[place], joints[place + 1] = ops.minimum(left, right), ops.maximum(left, right)
    return joints
