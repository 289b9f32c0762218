"""Schedules made of schedules: lr functions whose first parameters are schedules, given by position.

Each is also a method of :class:`~optimsche.Schedule`. They move ``real_step`` and leave ``epoch`` alone, except
:func:`by_epoch`; none hands on a clock below 0.
"""

from __future__ import annotations

import math
from typing import Any

from optimsche import ops
from optimsche.domains import Cycles, Factor, Fraction, Growth, Length, Offset, Rate, Ratio, Steps
from optimsche.schedule import Schedule, lr_fn

__all__ = [
    "add",
    "by_epoch",
    "clamp",
    "cooldown",
    "over",
    "repeat",
    "scale",
    "shift",
    "staircase",
    "stretch",
    "then",
    "warmup",
]

# ---------------------------------------------------------------------------------------------------------------------
# One after the other
# ---------------------------------------------------------------------------------------------------------------------


def _at_the_end_of_the_first(first: Schedule, second: Schedule, at: float | None) -> dict[str, Any]:
    if at is not None:
        return {}
    if first.length == math.inf:
        raise ValueError("the first piece never ends; give it a length (steps=) or say where the second begins (at=)")
    return {"at": _whole_if_it_is(first.length)}


def _whole_if_it_is(length: float) -> float:
    """A length as a person would have written it: 7 and not 7.0."""
    return int(length) if length.is_integer() else length


def _joints_of_then(first: Schedule, second: Schedule, at: float) -> list[float]:
    return [*(joint for joint in first.joints if joint < at), at, *(at + joint for joint in second.joints)]


@lr_fn(
    resolve=_at_the_end_of_the_first,
    length=lambda first, second, at: at + second.length,
    joints=_joints_of_then,
)
def then(real_step: float, epoch: float, first: Schedule, second: Schedule, *, at: Steps | None = None) -> float:
    r"""Play ``first`` up to and including update ``at``, then ``second`` from its own zero; also written ``>>``.

    .. math:: \eta(t) = f(t) \text{ for } t \le a, \quad g(t - a) \text{ after}

    with :math:`t` real step, :math:`f` first, :math:`g` second, :math:`a` at.

    Args:
        first: the schedule played first.
        second: the schedule played next; its update 1 is number ``at + 1``.
        at: the last update of ``first``; > 0. By default its length, as it is when the two are joined.

    Returns:
        A schedule as long as ``at`` and ``second`` together.

    Raises:
        ValueError: ``first`` never ends and ``at`` is not given.

    >>> from optimsche import constant, linear
    >>> plan = constant(value=0.1, steps=10) >> linear(start=0.1, steps=5)
    >>> [plan(t) for t in (1, 10, 11, 15)]
    [0.1, 0.1, 0.08, 0.0]
    """
    return ops.switch(
        real_step,
        at,  # type: ignore[arg-type]  # resolved when the schedule was built
        before=lambda t: first(t, epoch),
        after=lambda t: second(t, epoch),
    )


def _joints_of_warmup(schedule: Schedule, steps: float) -> list[float]:
    after = [steps + joint for joint in schedule.joints]
    return [steps, *after] if steps > 0 else after


@lr_fn(
    length=lambda schedule, steps, start: steps + schedule.length,
    joints=lambda schedule, steps, start: _joints_of_warmup(schedule, steps),
)
def warmup(real_step: float, epoch: float, schedule: Schedule, steps: Length, *, start: Rate = 0.0) -> float:
    r"""Rise from ``start`` to the schedule's own value at 0 in a straight line, then play the schedule.

    .. math:: \eta(t) = a + (f(0) - a)\, t/W \text{ for } t \le W, \quad f(t - W) \text{ after}

    with :math:`t` real step, :math:`f` schedule, :math:`W` steps, :math:`a` start. Update 1 gets :math:`1/W` of the
    way, update :math:`W` all of it.

    Args:
        schedule: what follows; its update 1 is number ``steps + 1``.
        steps: length of the rise in updates; >= 0, where 0 means none.
        start: rate at step 0; finite, >= 0.

    Returns:
        A schedule longer by ``steps``.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Goyal et al., Accurate, Large Minibatch SGD (2017), section 2.2, arXiv:1706.02677.

    >>> from optimsche import constant
    >>> [constant(value=0.5).warmup(10)(t) for t in (0, 1, 5, 10, 11)]
    [0.0, 0.05, 0.25, 0.5, 0.5]
    """
    return ops.switch(
        real_step,
        steps,
        before=lambda t: ops.segment(start, schedule(0.0, epoch), ops.progress(t, steps)),
        after=lambda t: schedule(t, epoch),
    )


@lr_fn(
    length=lambda schedule, at, steps, end: at + steps,
    joints=lambda schedule, at, steps, end: [*(joint for joint in schedule.joints if joint < at), at, at + steps],
)
def cooldown(real_step: float, epoch: float, schedule: Schedule, *, at: Steps, steps: Steps, end: Rate = 0.0) -> float:
    r"""Play the schedule up to and including update ``at``, then go from there to ``end`` in a straight line.

    .. math:: \eta(t) = f(t) \text{ for } t \le a, \quad f(a) + (e - f(a)) \min((t - a)/T, 1) \text{ after}

    with :math:`t` real step, :math:`f` schedule, :math:`a` at, :math:`T` steps, :math:`e` end. It branches a finished
    model off a run that goes on: the run's own schedule need not be known to end.

    Args:
        schedule: the schedule of the run.
        at: the last update before the way down; > 0.
        steps: length of the way down in updates; > 0.
        end: rate from ``at + steps`` on; finite, >= 0.

    Returns:
        A schedule of length ``at + steps``.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import constant
    >>> [constant(value=0.1).cooldown(at=100, steps=10)(t) for t in (100, 105, 110, 111)]
    [0.1, 0.05, 0.0, 0.0]
    """
    return ops.switch(
        real_step,
        at,
        before=lambda t: schedule(t, epoch),
        after=lambda t: ops.segment(schedule(at, epoch), end, ops.progress(t, steps)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# At the same time
# ---------------------------------------------------------------------------------------------------------------------


def _longer(first: Schedule, second: Any) -> float:
    """The later of two ends. A constant does not count beside another schedule, since it is always at its end."""
    parts = [part for part in (first, second) if hasattr(part, "lr_fn")]
    changing = [part.length for part in parts if part.lr_fn.name != "constant" or part.length != math.inf]
    return max(changing) if changing else math.inf


def _joints_of_both(first: Schedule, second: Any) -> list[float]:
    end = _longer(first, second)
    return sorted({joint for joint in (*first.joints, *getattr(second, "joints", ())) if joint <= end})


@lr_fn(
    length=lambda schedule, factor: _longer(schedule, factor),
    joints=lambda schedule, factor: _joints_of_both(schedule, factor),
)
def scale(real_step: float, epoch: float, schedule: Schedule, factor: Factor | Schedule) -> float:
    r"""Multiply by a number or by another schedule; also written ``*``.

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
    """
    if callable(factor):
        return schedule(real_step, epoch) * factor(real_step, epoch)
    return schedule(real_step, epoch) * factor


@lr_fn(length=_longer, joints=_joints_of_both)
def add(real_step: float, epoch: float, first: Schedule, second: Schedule) -> float:
    r"""Add two schedules, update by update.

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
    >>> constant(value=0.25).add(linear(start=0.5, steps=10))(5)
    0.5
    """
    return first(real_step, epoch) + second(real_step, epoch)


def _length_inside(schedule: Schedule, **_: Any) -> float:
    return schedule.length


def _joints_inside(schedule: Schedule, **_: Any) -> tuple[float, ...]:
    return schedule.joints


@lr_fn(
    resolve=lambda schedule, floor, ceiling: _not_below(ceiling, floor),
    length=_length_inside,
    joints=_joints_inside,
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


# ---------------------------------------------------------------------------------------------------------------------
# On another clock
# ---------------------------------------------------------------------------------------------------------------------


def _joints_of_shift(schedule: Schedule, by: float) -> list[float]:
    moved = [joint + by for joint in schedule.joints if joint + by > 0]
    # A schedule that was shifted away to length 0 has no joint that could move back.
    return moved if moved or schedule.length != 0 or by <= 0 else [by]


@lr_fn(length=lambda schedule, by: ops.maximum(schedule.length + by, 0.0), joints=_joints_of_shift)
def shift(real_step: float, epoch: float, schedule: Schedule, by: Offset) -> float:
    r"""Play the schedule ``by`` updates later.

    .. math:: \eta(t) = f(\max(t - k, 0))

    with :math:`t` real step, :math:`f` schedule, :math:`k` by.

    Args:
        schedule: the schedule to move.
        by: a number of updates; negative plays it earlier, without its beginning. A shape that counts from 0, where
            the first update is number 0, is one shift by 1 away.

    Returns:
        A schedule longer by ``by``.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=10).shift(1)(t) for t in (0, 1, 6, 11)]
    [1.0, 1.0, 0.5, 0.0]
    """
    return schedule(ops.maximum(real_step - by, 0.0), epoch)


@lr_fn(
    length=lambda schedule, by: schedule.length * by,
    joints=lambda schedule, by: [joint * by for joint in schedule.joints],
)
def stretch(real_step: float, epoch: float, schedule: Schedule, by: Ratio) -> float:
    r"""Play the schedule ``by`` times as long.

    .. math:: \eta(t) = f(t/k)

    with :math:`t` real step, :math:`f` schedule, :math:`k` by.

    Args:
        schedule: the schedule to slow down, or with ``by`` < 1 to speed up.
        by: the factor; > 0.

    Returns:
        A schedule ``by`` times as long. Its joints need not fall on whole updates: :func:`over` sees to that.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> linear(start=1.0, steps=10).stretch(3)(15)
    0.5
    """
    return schedule(real_step / by, epoch)


def _has_an_end_and_room(schedule: Schedule, steps: float) -> dict[str, Any]:
    if schedule.length == math.inf:
        raise ValueError("the schedule never ends, so it cannot be fitted; give its last piece a length (steps=)")
    if schedule.length == 0:
        raise ValueError("the schedule has length 0, so it cannot be stretched")
    before = 0.0
    for inner, outer in zip(schedule.joints, _fitted_joints(schedule, steps), strict=True):
        if outer <= before:
            raise ValueError(
                f"over {steps} updates the piece that ends at {inner} has less than one update; "
                "give it a larger part, or the plan more updates"
            )
        before = outer
    return {}


def _fitted_joints(schedule: Schedule, steps: float) -> list[float]:
    """The joints of a schedule, stretched to ``steps`` and moved to the nearest whole update; the last is its end."""
    ratio = steps / schedule.length
    return [*(ops.floor(joint * ratio + 0.5) for joint in schedule.joints[:-1]), steps]


def _knots(schedule: Any, steps: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where the joints are in updates, and on the schedule's own clock: computed once for a schedule in use."""
    if not ops.is_number(steps):
        return (0.0, *_fitted_joints(schedule, steps)), (0.0, *schedule.joints)
    if steps not in schedule.memo:
        schedule.memo[steps] = (0.0, *_fitted_joints(schedule, steps)), (0.0, *schedule.joints)
    return schedule.memo[steps]


@lr_fn(
    resolve=_has_an_end_and_room,
    length=lambda schedule, steps: steps,
    joints=_fitted_joints,
)
def over(real_step: float, epoch: float, schedule: Schedule, steps: Steps) -> float:
    r"""Play the schedule over ``steps`` updates, whatever its own length, with its joints on whole updates.

    .. math:: \eta(t) = f(\phi(t)), \quad \phi \text{ linear between } \phi(0) = 0 \text{ and }
        \phi(\lfloor j N/L + \tfrac12 \rfloor) = j \text{ for each joint } j

    with :math:`t` real step, :math:`f` schedule, :math:`L` its length, :math:`N` steps. So a plan can be written in
    fractions of a run, as one of length 1.

    Args:
        schedule: a schedule with an end.
        steps: the new length in updates; > 0.

    Returns:
        A schedule of length ``steps``, which holds its last value.

    Raises:
        ValueError: the schedule never ends, or one of its pieces would get less than one update.

    >>> from optimsche import constant, linear
    >>> plan = (constant(steps=0.8) >> linear(steps=0.2)).over(1_000).warmup(100)
    >>> plan.joints, plan(900), plan(1_100)
    ((100.0, 900.0, 1100.0), 1.0, 0.0)
    """
    outer, inner = _knots(schedule, steps)
    return schedule(ops.interpolate(real_step, outer, inner), epoch)


@lr_fn(length=_length_inside, joints=_joints_inside)
def staircase(real_step: float, epoch: float, schedule: Schedule, every: Steps) -> float:
    r"""Hold the value for ``every`` updates at a time.

    .. math:: \eta(t) = f(n \max(\lceil t/n \rceil - 1, 0))

    with :math:`t` real step, :math:`f` schedule, :math:`n` every. Updates 1 to :math:`n` get :math:`f(0)`.

    Args:
        schedule: the schedule to sample.
        every: updates on each step; > 0.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=100).staircase(25)(t) for t in (1, 25, 26, 50, 51)]
    [1.0, 1.0, 0.75, 0.75, 0.5]
    """
    _, place = ops.block(real_step, every)
    return schedule(real_step - place, epoch)


@lr_fn(
    counts_epochs=True,
    length=lambda schedule: math.inf,
    joints=lambda schedule: (),
)
def by_epoch(real_step: float, epoch: float, schedule: Schedule) -> float:
    r"""Count finished epochs where the schedule counts updates.

    .. math:: \eta(t, e) = f(\max(e - 1, 0))

    with :math:`e` epoch, :math:`f` schedule. The first epoch plays :math:`f(0)`.

    Args:
        schedule: a schedule whose lengths are meant in epochs.

    Returns:
        A schedule without a length in updates. To draw it or attach it to an optimizer takes ``steps_per_epoch``.

    Note:
        A piece includes the clock at its end, and the clock is 0 in the first epoch: ``milestones(at=(29,))`` falls
        after 30 epochs, since the thirtieth is played at 29.

    Raises:
        TypeError: not a schedule.

    >>> from optimsche import linear
    >>> plan = linear(start=1.0, steps=10).by_epoch()
    >>> plan(123, epoch=1), plan(456, epoch=6)
    (1.0, 0.5)
    """
    return schedule(ops.maximum(epoch - 1.0, 0.0), epoch)


# ---------------------------------------------------------------------------------------------------------------------
# Again and again
# ---------------------------------------------------------------------------------------------------------------------

# Joints of a repetition without an end are listed for so many cycles, or fewer if there are many in each.
_CYCLES_LISTED, _MOST_JOINTS = 100, 10_000


def _one_cycle(
    schedule: Schedule, times: int | None, every: float | None, stretch: float, scale: float
) -> dict[str, Any]:
    if every is None and schedule.length == math.inf:
        raise ValueError("the schedule never ends; say how long a cycle is (every=)")
    if every is None and schedule.length == 0:
        raise ValueError("the schedule has length 0; say how long a cycle is (every=)")
    every = _whole_if_it_is(schedule.length) if every is None else every
    try:
        _begin(times or 0, every, stretch)
    except OverflowError:
        raise ValueError(f"{times} cycles, each {stretch} times as long as the last, never end; take fewer") from None
    if (times or 1) * len(schedule.joints) > _MOST_JOINTS:
        raise ValueError(
            f"{times} cycles of {len(schedule.joints)} pieces are more than {_MOST_JOINTS} pieces; take fewer"
        )
    return {"every": every}


def _begin(cycle: float, every: float, stretch: float) -> float:
    """The update after which a cycle begins: ``every * (1 + stretch + ... + stretch**(cycle - 1))``."""
    if ops.is_number(stretch):
        return every * (cycle if stretch == 1 else (stretch**cycle - 1.0) / (stretch - 1.0))
    growing = ops.where(stretch == 1, 2.0, stretch)
    return every * ops.where(stretch == 1, cycle, (growing**cycle - 1.0) / (growing - 1.0))


def _joints_of_repeat(schedule: Schedule, times: int | None, every: float, stretch: float, scale: float) -> list[float]:
    inside = [*(joint for joint in schedule.joints if joint < every), every]
    cycles = range(min(_CYCLES_LISTED, max(_MOST_JOINTS // len(inside), 1)) if times is None else times)
    return [_begin(cycle, every, stretch) + joint * stretch**cycle for cycle in cycles for joint in inside]


@lr_fn(
    resolve=_one_cycle,
    length=lambda schedule, times, every, stretch, scale: math.inf if times is None else _begin(times, every, stretch),
    joints=_joints_of_repeat,
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
) -> float:
    r"""Restart the schedule again and again, each cycle longer and lower than the one before by the same ratio.

    .. math:: \eta(t) = d^k f\!\left((t - b_k)/m^k\right), \quad b_k = n\,(1 + m + \dots + m^{k-1}),
        \quad b_k < t \le b_{k+1}

    with :math:`t` real step, :math:`f` schedule, :math:`n` every, :math:`m` stretch, :math:`d` scale. Like every
    piece, a cycle includes its last update: with cycles of 100, update 100 is the last of the first and update 101
    the first of the second.

    Args:
        schedule: one cycle.
        times: how many cycles; 1 to 10,000, or None for no end. The last one goes on after them.
        every: length of the first cycle in updates; > 0. By default the length of the schedule.
        stretch: how many times as long each cycle is as the last; 1 to 100.
        scale: what is left of the rate with each cycle; > 0 and <= 1.

    Returns:
        A schedule as long as its cycles.

    Raises:
        ValueError: the schedule never ends and ``every`` is not given; or the cycles grow without bounds.

    Source: Loshchilov & Hutter, SGDR (2017), section 3, arXiv:1608.03983.

    >>> from optimsche import linear
    >>> plan = linear(start=1.0, steps=10).repeat(3, stretch=2, scale=0.5)
    >>> [plan(t) for t in (0, 5, 10, 20, 30, 50, 70)]
    [1.0, 0.5, 0.0, 0.25, 0.0, 0.125, 0.0]
    >>> plan.joints
    (10.0, 30.0, 70.0)
    """
    cycle, place = _cycle(real_step, times, every, stretch)  # type: ignore[arg-type]  # `every` is resolved
    value = schedule(place, epoch)
    return value if ops.is_number(scale) and scale == 1 else value * scale**cycle


def _cycle(real_step: float, times: int | None, every: float, stretch: float) -> tuple[float, float]:
    """The number of the cycle that an update lies in, from 0, and its place in it on the first cycle's clock."""
    if ops.is_number(stretch):
        return (_equal_cycle if stretch == 1 else _growing_cycle)(real_step, times, every, stretch)
    equal = _equal_cycle(real_step, times, every, stretch)
    growing = _growing_cycle(real_step, times, every, ops.where(stretch == 1, 2.0, stretch))
    return ops.where(stretch == 1, equal[0], growing[0]), ops.where(stretch == 1, equal[1], growing[1])


def _equal_cycle(real_step: float, times: int | None, every: float, _: float) -> tuple[float, float]:
    cycle, place = ops.block(real_step, every)
    if times is None:
        return cycle, place
    past = cycle > times - 1
    return ops.minimum(cycle, times - 1.0), ops.where(past, real_step - (times - 1) * every, place)


def _growing_cycle(real_step: float, times: int | None, every: float, stretch: float) -> tuple[float, float]:
    last = math.inf if times is None else times - 1.0
    # The logarithm is off by a rounding error just where it matters, at the joints; comparing puts that right.
    guess = ops.floor(ops.log(1.0 + real_step * (stretch - 1.0) / every) / ops.log(stretch))
    guess = ops.minimum(ops.maximum(guess, 0.0), last)
    guess = ops.where((real_step <= _edge(guess, every, stretch)) & (guess > 0), guess - 1.0, guess)
    cycle = ops.where((real_step > _edge(guess + 1.0, every, stretch)) & (guess < last), guess + 1.0, guess)
    late = real_step - _begin(cycle, every, stretch)
    return cycle, ops.where(late > 0, late, 0.0 * late) / stretch**cycle


def _edge(cycle: float, every: float, stretch: float) -> float:
    begin = _begin(cycle, every, stretch)
    return begin + ops.slack(begin)
