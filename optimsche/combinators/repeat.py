"""A schedule again and again, with restarts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.evaluation.clocks import LARGEST_CLOCK
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Closed, Cycles, Fraction, Growth, Steps
from optimsche.schedule import Schedule


def _one_cycle(schedule: Schedule, times: int | None, every: float | None, stretch: float, **_: Any) -> dict[str, Any]:
    if every is None and schedule.length == math.inf:
        raise ValueError("the schedule never ends; say how long a cycle is (every=)")
    if every is None and schedule.length == 0:
        raise ValueError("the schedule has length 0; say how long a cycle is (every=)")
    every = facts.whole_if_it_is(schedule.length) if every is None else every
    try:
        _begin(times or 0, every, stretch)
    except OverflowError:
        raise ValueError(f"{times} cycles, each {stretch} times as long as the last, never end; take fewer") from None
    return {"every": every}


def _begin(cycle: float, every: float, stretch: float) -> float:
    """The update after which a cycle begins: `every * (1 + stretch + ... + stretch**(cycle - 1))`."""
    if ops.is_number(stretch):
        return every * (cycle if stretch == 1 else (stretch**cycle - 1.0) / (stretch - 1.0))
    growing = ops.where(stretch == 1, 2.0, stretch)
    return every * ops.where(stretch == 1, cycle, (growing**cycle - 1.0) / (growing - 1.0))


def _boundaries(schedule: Node, times: int | None, every: float, stretch: float, **_: Any) -> Iterator[float]:
    few = [*itertools.islice(facts.boundaries_before(schedule, every), _FEW + 1)]
    for cycle in itertools.count() if times is None else range(times):
        begin, longer = _begin(cycle, every, stretch), stretch**cycle
        if ops.is_number(begin) and begin > LARGEST_CLOCK:
            return
        # Of many, the first must come before the last is known: those of a cycle may be more than can be listed.
        for boundary in few if len(few) <= _FEW else facts.boundaries_before(schedule, every):
            yield begin + boundary * longer
        yield begin + every * longer


_FEW = 1_000


def _six_boundaries(**params: Any) -> float:
    """A repetition without an end is drawn to its sixth boundary."""
    *_, sixth = itertools.islice(_boundaries(**params), 6)
    return sixth


@lr_fn(
    resolve=_one_cycle,
    length=lambda schedule, times, every, stretch, **_: math.inf if times is None else _begin(times, every, stretch),
    boundaries=_boundaries,
    reach=_six_boundaries,
)
def repeat(
    real_step: float,
    epoch: float,
    schedule: Schedule,
    times: Cycles | None = None,
    *,
    every: Steps | None = None,
    stretch: Growth = 1.0,
    scale: Fraction = 1.0,
    closed: Closed = "right",
) -> float:
    """Restart the schedule again and again, each cycle longer and lower than the one before by the same ratio.

        scale**k * schedule((t - begin(k)) / stretch**k)
        where begin(k) = every * sum(stretch**i for i in range(k))
        and k is the first of 0, 1, 2, ... with t <= begin(k + 1), but at most times - 1

    Like every piece, a cycle includes its last update. With cycles of 100, update 100 is the last of the first and
    update 101 the first of the second. With `closed="left"`, `k` is the first with `t < begin(k + 1)`.

    Args:
        schedule: one cycle.
        times: how many cycles; 1 to 10,000, or None for no end. The last one goes on after them.
        every: length of the first cycle in updates; > 0. By default the length of the schedule.
        stretch: how many times as long each cycle is as the last; 1 to 100.
        scale: what is left of the rate with each cycle; > 0 and <= 1.
        closed: the edge that belongs to a cycle. `"right"`: its last update. `"left"`: its first instant, so that at
            the clock of a restart the new cycle has begun, for shapes that count from 0 and are then shifted by 1.

    Returns:
        A schedule as long as its cycles.

    Raises:
        ValueError: the schedule never ends and `every` is not given; or the cycles grow without bounds.

    Source: Loshchilov & Hutter, SGDR (2017), section 3, arXiv:1608.03983.

    >>> from optimsche import linear
    >>> plan = linear(start=1.0, steps=10).repeat(3, stretch=2, scale=0.5)
    >>> [plan(t) for t in (0, 5, 10, 20, 30, 50, 70)]
    [1.0, 0.5, 0.0, 0.25, 0.0, 0.125, 0.0]
    >>> plan.boundaries()
    (10.0, 30.0, 70.0)
    """
    cycle, place = _cycle(real_step, times, every, stretch, closed)  # type: ignore[arg-type]  # `every` is resolved
    value = schedule(place, epoch)
    return value if ops.is_number(scale) and scale == 1 else value * scale**cycle


def _cycle(real_step: float, times: int | None, every: float, stretch: float, closed: str) -> tuple[float, float]:
    """The number of the cycle that an update lies in, from 0, and its place in it on the first cycle's clock."""
    if ops.is_number(stretch):
        return (_equal_cycle if stretch == 1 else _growing_cycle)(real_step, times, every, stretch, closed)
    equal = _equal_cycle(real_step, times, every, stretch, closed)
    growing = _growing_cycle(real_step, times, every, ops.where(stretch == 1, 2.0, stretch), closed)
    return ops.where(stretch == 1, equal[0], growing[0]), ops.where(stretch == 1, equal[1], growing[1])


def _equal_cycle(real_step: float, times: int | None, every: float, _: float, closed: str) -> tuple[float, float]:
    cycle, place = ops.block(real_step, every, closed)
    if times is None:
        return cycle, place
    past = cycle > times - 1
    return ops.minimum(cycle, times - 1.0), ops.where(past, real_step - (times - 1) * every, place)


def _growing_cycle(
    real_step: float, times: int | None, every: float, stretch: float, closed: str
) -> tuple[float, float]:
    last = math.inf if times is None else times - 1.0
    # The logarithm is off by a rounding error just where it matters, at the boundaries; comparing puts that right.
    guess = ops.floor(ops.log(1.0 + real_step * (stretch - 1.0) / every) / ops.log(stretch))
    guess = ops.minimum(ops.maximum(guess, 0.0), last)
    guess = ops.where(_begun(real_step, guess, every, stretch, closed) | (guess <= 0), guess, guess - 1.0)
    later = _begun(real_step, guess + 1.0, every, stretch, closed) & (guess < last)
    cycle = ops.where(later, guess + 1.0, guess)
    late = real_step - _begin(cycle, every, stretch)
    return cycle, ops.where(late > 0, late, 0.0) / stretch**cycle


def _begun(real_step: float, cycle: float, every: float, stretch: float, closed: str) -> bool:
    """Whether a cycle has begun; a clock that misses the boundary by a rounding error is on it."""
    begin = _begin(cycle, every, stretch)
    return real_step > begin + ops.tolerance(begin) if closed == "right" else real_step >= begin - ops.tolerance(begin)
