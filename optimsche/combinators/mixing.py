"""At the same time: schedules multiplied, added, bounded."""

from __future__ import annotations

import functools
import math
from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.domains import Factor, Rate
from optimsche.schedule import Schedule, lr_fn

# Shapes that change at their joints alone, and combinators that hold still when their parts do.
_CHANGE_AT_JOINTS = ("constant", "milestones", "piecewise_constant")
_STILL_WITH_THEIR_PARTS = ("then", "warmup", "scale", "add", "clamp", "shift", "stretch", "staircase")


def _longer(first: Schedule, second: Any) -> float:
    """The later of two ends. One that has no end but holds a constant after its last joint ends there, beside another.

    So a constant does not count, whatever it is made of: ``2 * constant()`` as little as ``constant()``.
    """
    parts = [part for part in (first, second) if hasattr(part, "lr_fn")]
    if all(map(_is_endless, parts)):
        return math.inf
    return functools.reduce(ops.maximum, map(_last_change, parts))


def _is_endless(part: Any) -> bool:
    return type(part.length) is float and part.length == math.inf


def _last_change(part: Any) -> float:
    """Where a schedule last changes: its end, or the last joint of one that is constant from there on."""
    if not _is_endless(part):
        return part.length  # type: ignore[no-any-return]
    if not _comes_to_rest(part):
        return math.inf
    return part.joints[-1] if part.joints else 0.0


def _comes_to_rest(part: Any) -> bool:
    """Whether a schedule is constant after its last joint: one with an end, and one made of such and of steps."""
    if not _is_endless(part) or part.lr_fn.name in _CHANGE_AT_JOINTS:
        return True
    if part.lr_fn.name not in _STILL_WITH_THEIR_PARTS:
        return False
    if "comes to rest" not in part.memo:
        # What `then` plays first it leaves at a joint.
        parts = (part.params["second"],) if part.lr_fn.name == "then" else part.params.values()
        part.memo["comes to rest"] = all(_comes_to_rest(inner) for inner in parts if hasattr(inner, "lr_fn"))
    return part.memo["comes to rest"]  # type: ignore[no-any-return]


def _joints_of_both(first: Schedule, second: Any) -> list[float]:
    joints, end = (*first.joints, *getattr(second, "joints", ())), _longer(first, second)
    if all(ops.is_number(x) for x in (*joints, end)):
        return sorted({joint for joint in joints if joint <= end})
    return _sorted_each([ops.minimum(joint, end) for joint in joints])


def _sorted_each(joints: list[float]) -> list[float]:
    """Joints of which some are arrays, each element in order."""
    for last in range(len(joints) - 1, 0, -1):
        for place in range(last):
            left, right = joints[place], joints[place + 1]
            joints[place], joints[place + 1] = ops.minimum(left, right), ops.maximum(left, right)
    return joints


@lr_fn(
    length=lambda schedule, factor: _longer(schedule, factor),
    joints=lambda schedule, factor: _joints_of_both(schedule, factor),
)
def scale(real_step: float, epoch: float, schedule: Schedule, factor: Factor | Schedule) -> float:
    r"""Multiply by a number or by another schedule; also written ``*``, or ``/`` by a number.

    .. math:: \eta(t) = k f(t) \text{ or } g(t) f(t)

    with :math:`t` real step, :math:`f` schedule, :math:`k` or :math:`g` factor.

    Args:
        schedule: the schedule to multiply.
        factor: a number, finite and >= 0, or a schedule.

    Returns:
        A schedule that ends where the later of its parts ends.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import cosine
    >>> 3e-4 * cosine(steps=9_000)
    scale(cosine(start=1.0, end=0.0, steps=9000), factor=0.0003)
    >>> (0.5 * cosine(steps=100) * cosine(steps=100))(50)
    0.125
    >>> cosine(steps=9_000) / 2
    scale(cosine(start=1.0, end=0.0, steps=9000), factor=0.5)
    """
    if callable(factor):
        return schedule(real_step, epoch) * factor(real_step, epoch)
    return schedule(real_step, epoch) * factor


@lr_fn(length=_longer, joints=_joints_of_both)
def add(real_step: float, epoch: float, first: Schedule, second: Schedule) -> float:
    r"""Add two schedules, update by update; also written ``+``.

    .. math:: \eta(t) = f(t) + g(t)

    with :math:`t` real step, :math:`f` first, :math:`g` second.

    Args:
        first: a schedule.
        second: another.

    Returns:
        A schedule that ends where the later of the two ends.

    Raises:
        TypeError: one of them is not a schedule.

    >>> from optimsche import constant, linear
    >>> (constant(value=0.25) + linear(start=0.5, steps=10))(5)
    0.5
    """
    return first(real_step, epoch) + second(real_step, epoch)


@lr_fn(
    resolve=lambda schedule, floor, ceiling: _not_below(ceiling, floor),
    length=facts.length_inside,
    joints=facts.joints_inside,
)
def clamp(
    real_step: float, epoch: float, schedule: Schedule, *, floor: Rate = 0.0, ceiling: Rate | None = None
) -> float:
    r"""Keep the value between ``floor`` and ``ceiling``.

    .. math:: \eta(t) = \min(\max(f(t), l), h)

    with :math:`t` real step, :math:`f` schedule, :math:`l` floor, :math:`h` ceiling.

    Args:
        schedule: the schedule to bound.
        floor: the lowest value; finite, >= 0.
        ceiling: the highest value; finite, >= ``floor``, or None for no bound.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError: ``ceiling`` is below ``floor``.

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
