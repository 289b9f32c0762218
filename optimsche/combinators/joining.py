"""One after the other: a schedule, then another; a way up before it, or a way down after it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

from optimsche import backends, ops
from optimsche.combinators import facts
from optimsche.domains import Length, Rate, Steps, admit, explained
from optimsche.schedule import Schedule, lr_fn


def _at_the_end_of_the_first(first: Schedule, second: Schedule, at: float | None) -> dict[str, Any]:
    if at is not None:
        return {}
    if first.length == math.inf:
        raise ValueError(
            "the first piece never ends; give it a length (steps=, or @lr_fn(length=...) for a function of your own) "
            "or say where the second begins (at=)"
        )
    return {"at": facts.whole_if_it_is(first.length)}


def _joints_of_then(first: Schedule, second: Schedule, at: float) -> list[float]:
    return [*facts.joints_before(first, at), at, *(at + joint for joint in second.joints)]


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


@explained
def sequence(schedules: Iterable[Schedule], at: Iterable[float] | None = None) -> Schedule:
    """Play many schedules one after the other: ``a >> b >> c >> ...``, however many there are.

    Args:
        schedules: at least one.
        at: the last update of each but the last, counted from the beginning; increasing, > 0. By default where their
            lengths put it.

    Returns:
        Joined pieces, as deep as the logarithm of their number; ``>>`` nests as deep as there are pieces.

    Raises:
        ValueError: there is no schedule, ``at`` does not fit their number or does not increase, or a piece that never
            ends has no place in ``at``.
        TypeError: one of them is not a schedule.

    >>> from optimsche import constant, linear
    >>> sequence([constant(value=0.1), linear(start=0.1, steps=50), constant(value=0.0)], at=(20, 70)).joints
    (20.0, 70.0)
    """
    if isinstance(schedules, Schedule) or not isinstance(schedules, Iterable):
        raise TypeError(
            f"sequence takes a list of schedules, got {backends.shown(schedules)}: write sequence([a, b, c])"
        )
    pieces = tuple(schedules)
    for piece in pieces:
        if not isinstance(piece, Schedule):
            raise TypeError(f"sequence takes schedules, got {piece!r} ({type(piece).__name__})")
    if not pieces:
        raise ValueError("sequence needs at least one schedule")
    if at is None:
        edges: tuple[float, ...] = tuple(itertools.accumulate(piece.length for piece in pieces[:-1]))
    else:
        given = tuple(at) if isinstance(at, Iterable) else at
        never_ends = isinstance(given, tuple) and math.inf in given  # which is refused below, as a piece
        edges = given if never_ends else admit("sequence", "at", tuple[float, ...], given)
    if len(edges) != len(pieces) - 1:
        raise ValueError(f"sequence(at={edges!r}): at needs one update less than there are schedules ({len(pieces)})")
    if math.inf in edges:
        raise ValueError(
            f"sequence: piece {edges.index(math.inf)} never ends; "
            "give it a length (steps=) or say where each ends (at=)"
        )
    for left, right in itertools.pairwise((0, *edges)):
        if right <= left:
            raise ValueError(f"sequence(at={edges!r}): at must increase from above 0, got {right} after {left}")
    return _joined(pieces, (0, *edges))


def _joined(pieces: tuple[Schedule, ...], begins: tuple[float, ...]) -> Schedule:
    if len(pieces) == 1:
        return pieces[0]
    middle = len(pieces) // 2
    first, second = _joined(pieces[:middle], begins[:middle]), _joined(pieces[middle:], begins[middle:])
    return then(first, second, at=facts.whole_if_it_is(float(begins[middle] - begins[0])))


def _joints_of_warmup(schedule: Schedule, steps: float) -> list[float]:
    after = [steps + joint for joint in schedule.joints]
    return after if ops.is_number(steps) and steps == 0 else [steps, *after]


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
    joints=lambda schedule, at, steps, end: [*facts.joints_before(schedule, at), at, at + steps],
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
