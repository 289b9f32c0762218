"""On another clock: later, slower, over so many updates, in steps, by epochs."""

from __future__ import annotations

import math
from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.domains import Closed, Offset, Ratio, Steps
from optimsche.schedule import Schedule, lr_fn


def _moved(joint: float, by: float) -> float:
    """Where a joint comes to lie; one that misses 0 by a rounding error is at 0."""
    return ops.where(joint + by > ops.slack(joint), joint + by, 0.0)


def _joints_of_shift(schedule: Schedule, by: float) -> list[float]:
    moved = [_moved(joint, by) for joint in schedule.joints]
    if not all(ops.is_number(joint) for joint in moved):
        return moved
    moved = [joint for joint in moved if joint > 0]
    # A schedule that was shifted away to length 0 has no joint that could move back.
    return moved if moved or schedule.length != 0 or by <= 0 else [by]


@lr_fn(length=lambda schedule, by: _moved(schedule.length, by), joints=_joints_of_shift)
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
    knots: tuple[tuple[float, ...], tuple[float, ...]] = schedule.memo[steps]
    return knots


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


@lr_fn(length=facts.length_inside, joints=facts.joints_inside)
def staircase(real_step: float, epoch: float, schedule: Schedule, every: Steps, *, closed: Closed = "right") -> float:
    r"""Hold the value for ``every`` updates at a time.

    .. math:: \eta(t) = f(n \max(\lceil t/n \rceil - 1, 0)), \quad \text{closed left: } f(n \lfloor t/n \rfloor)

    with :math:`t` real step, :math:`f` schedule, :math:`n` every. Updates 1 to :math:`n` get :math:`f(0)`.

    Args:
        schedule: the schedule to sample.
        every: updates on each step; > 0.
        closed: the edge that belongs to a step. ``"right"``: its last update. ``"left"``: its first instant, for
            steps that are counted from 0 and then shifted by 1.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> from optimsche import linear
    >>> [linear(start=1.0, steps=100).staircase(25)(t) for t in (1, 25, 26, 50, 51)]
    [1.0, 1.0, 0.75, 0.75, 0.5]
    >>> [linear(start=1.0, steps=100).staircase(25, closed="left")(t) for t in (0, 24, 25, 49, 50)]
    [1.0, 1.0, 0.75, 0.75, 0.5]
    """
    _, place = ops.block(real_step, every, closed)
    return schedule(real_step - place, epoch)


@lr_fn(length=lambda schedule, clock: clock.length, joints=lambda schedule, clock: clock.joints)
def warp(real_step: float, epoch: float, schedule: Schedule, clock: Schedule) -> float:
    r"""Play the schedule on the clock that another schedule gives.

    .. math:: \eta(t) = f(\max(g(t), 0))

    with :math:`t` real step, :math:`f` schedule, :math:`g` clock. A shape of length 1 on a clock that goes from 0 to 1
    in its own way is a new shape; a straight line on a schedule as its clock moves and turns over that schedule's
    values.

    Args:
        schedule: what is played, of length 1 for a clock that ends at 1.
        clock: a schedule whose values are the clock, in updates of ``schedule``.

    Returns:
        A schedule as long as ``clock``.

    Raises:
        TypeError: one of them is not a schedule.

    >>> from optimsche import cosine, linear, one_minus_power
    >>> k_decay = cosine(start=0.1, steps=1).warp(one_minus_power(start=0.0, end=1.0, steps=100, power=2))
    >>> [k_decay(t) for t in (0, 100)]
    [0.1, 0.0]
    >>> momentum = linear(start=0.95, end=0.85, steps=1).warp(linear(start=0.0, end=1.0, steps=30))
    >>> [round(momentum(t), 4) for t in (0, 15, 30)]
    [0.95, 0.9, 0.85]
    """
    return schedule(ops.maximum(clock(real_step, epoch), 0.0), epoch)


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
