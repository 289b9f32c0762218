"""A schedule fitted to a number of updates."""

from __future__ import annotations

import math
from typing import Any, cast

from optimsche import ops
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Steps
from optimsche.schedule import Schedule


def _has_an_end_and_room(schedule: Schedule, steps: float) -> dict[str, Any]:
    if schedule.length == math.inf:
        raise ValueError("the schedule never ends, so it cannot be fitted; give its last piece a length (steps=)")
    if schedule.length == 0:
        raise ValueError("the schedule has length 0, so it cannot be stretched")
    before = 0.0
    # One after the other, since the first that is too short may be one of very many.
    for inner in schedule._node.each_boundary():
        outer = steps if inner >= schedule.length else _moved(inner, steps / schedule.length)
        if outer <= before:
            raise ValueError(
                f"over {steps} updates the piece that ends at {inner} has less than one update; "
                "give it a larger part, or the plan more updates"
            )
        before = outer
    return {}


def _fitted(schedule: Schedule | Node, steps: float) -> list[float]:
    """The boundaries of a schedule, stretched to `steps` and moved to the nearest whole update; the last is its end."""
    ratio = steps / schedule.length
    return [*(_moved(boundary, ratio) for boundary in schedule.boundaries()[:-1]), steps]


def _moved(boundary: float, ratio: float) -> float:
    return ops.floor(boundary * ratio + 0.5)


def _knots(schedule: Node, steps: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where the boundaries are in updates, and on the schedule's own clock."""
    try:
        inner = (0.0, *schedule.boundaries()) if ops.is_number(schedule.length) else None
    except (TypeError, ValueError):  # arrays have no order
        inner = None
    if inner is None:
        raise TypeError("apply: inside over, what a length is made of must be numbers: build a plan for each of them")
    return (0.0, *_fitted(schedule, steps)), inner


@lr_fn(
    resolve=_has_an_end_and_room,
    length=lambda schedule, steps: steps,
    boundaries=_fitted,
)
def over(real_step: float, epoch: float, schedule: Schedule, steps: Steps) -> float:
    """Fit the schedule to `steps` updates, whatever its own length, with its boundaries on whole updates.

        schedule(inner(t))
        where inner(t) follows straight lines from inner(0) = 0
        through inner(floor(b * steps / length + 0.5)) = b for each boundary b of the schedule before its end
        to inner(steps) = length, the schedule's own length, and stays there

    So a plan can be written in fractions of a run, as one of length 1.

    Args:
        schedule: a schedule with an end.
        steps: the new length in updates; > 0.

    Returns:
        A schedule of length `steps`, which holds its last value.

    Raises:
        ValueError: the schedule never ends, or one of its pieces would get less than one update.

    >>> from optimsche import constant, linear
    >>> plan = (constant(steps=0.8) >> linear(steps=0.2)).over(1_000).warmup(100)
    >>> plan.boundaries(), plan(900), plan(1_100)
    ((100.0, 900.0, 1100.0), 1.0, 0.0)
    """
    node = cast(Node, schedule)
    if ops.is_number(steps):
        outer, inner = node.derived(("knots", steps), lambda: _knots(node, steps))
    else:
        outer, inner = _knots(node, steps)
    return schedule(ops.interpolate(real_step, outer, inner), epoch)
