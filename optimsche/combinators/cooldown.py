"""A fall that branches off a running schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from optimsche import ops
from optimsche.combinators import facts
from optimsche.combinators.running_product import takes_long
from optimsche.evaluation.node import Node
from optimsche.lr_fn import LrFn, Shape, as_shape, lr_fn
from optimsche.ranges import Length, Meaning, Rate, ReadAs
from optimsche.schedule import Schedule

if TYPE_CHECKING:  # what people write; a schedule stores what `as_shape` makes of it
    Along: TypeAlias = Schedule | Shape | LrFn[...]
else:
    Along = Annotated[Schedule, ReadAs(as_shape), Meaning("the shape of the fall, from 1 to 0")]


def _from_one_to_zero(along: Schedule | None, **_: Any) -> dict[str, Any]:
    if along is not None:
        if along.length == math.inf:
            raise ValueError(f"along must be a schedule with an end, got {along!r}; give it a length (steps=)")
        if along.counts_epochs or takes_long(along):
            what = "counts epochs" if along.counts_epochs else "is evaluated update by update"
            raise ValueError(f"along must be a shape that is fitted to steps, got {along!r}, which {what}")
        ends = along(0), along(along.length)
        if ends != (1.0, 0.0):
            raise ValueError(f"along must go from 1 to 0, got {along!r}, which goes from {ends[0]} to {ends[1]}")
    return {}


def _boundaries(schedule: Node, at: float, steps: float, along: Node | None, **_: Any) -> Iterator[float]:
    yield from facts.boundaries_before(schedule, at)
    if at > 0:
        yield at
    if along is not None and along.length > 0:
        yield from (at + boundary * (steps / along.length) for boundary in along.boundaries()[:-1])
    if steps > 0:
        yield at + steps


@lr_fn(
    resolve=_from_one_to_zero,
    length=lambda schedule, at, steps, **_: at + steps,
    boundaries=_boundaries,
)
def cooldown(
    real_step: float,
    epoch: float,
    schedule: Schedule,
    *,
    at: Length,
    steps: Length,
    end: Rate = 0.0,
    along: Along | None = None,
) -> float:
    """Evaluate the schedule up to and including update `at`, then go from there to `end`.

        schedule(t)  if t <= at else  schedule(at) + (end - schedule(at)) * min((t - at) / steps, 1)

    Use it to finish a model from a checkpoint of a run that goes on. The schedule of that run need not end.

    Args:
        schedule: the schedule of the run.
        at: the last update before the fall; >= 0.
        steps: length of the fall in updates; >= 0, where 0 means at once.
        end: rate from `at + steps` on; finite, >= 0.
        along: the shape of the fall, a schedule from 1 to 0: `along=one_minus_power(power=0.5)`, or `along=cosine`.
            It is fitted to `steps`, whatever its length. By default a straight line.

    Returns:
        A schedule of length `at + steps`.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind; `along` is not from 1 to 0.

    Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (2024),
    arXiv:2405.18392.

    >>> from optimsche import constant, one_minus_power
    >>> [constant(0.1).cooldown(at=100, steps=10)(t) for t in (100, 105, 110, 111)]
    [0.1, 0.05, 0.0, 0.0]
    >>> plan = constant(0.1).cooldown(at=80, steps=20, along=one_minus_power(power=0.5))
    >>> [round(plan(t), 6) for t in (80, 81, 85, 90, 100)]
    [0.1, 0.077639, 0.05, 0.029289, 0.0]
    """

    def down(t: float, epoch: float) -> float:
        if along is None:
            return ops.line(schedule(at, epoch), end, ops.progress(t, steps))
        shape = cast(Schedule, along)
        left = shape(ops.progress(t, steps) * shape.length, epoch)
        return ops.line(end, schedule(at, epoch), left)  # from the end, where what is left is exactly 0

    return ops.switch(real_step, at, before=schedule, after=down, along=(epoch,))
