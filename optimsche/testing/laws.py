"""What every schedule keeps: each law takes a schedule and raises ``AssertionError`` with what breaks it.

The clocks that a law looks at are those that it is given, or else :func:`clocks`: small numbers, both sides of every
boundary, and far beyond the end. Counter-examples are reported for the smallest clock that has one.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from optimsche.lr_fn import LrFn
from optimsche.names import known
from optimsche.schedule import Schedule
from optimsche.testing.purity import impurities
from optimsche.text import from_dict, parse, to_dict

_MOST_BOUNDARIES, _SO_MANY, _FIRST_FEW = 8, 1_000, 12


def clocks(schedule: Schedule) -> list[int]:
    """Whole clocks at which a schedule may break: the first, both sides of its boundaries, between them, past its end.

    >>> from optimsche import cosine
    >>> clocks(cosine(steps=40))[-8:]
    [20, 39, 40, 41, 80, 100, 10000, 1000000]
    """
    boundaries = [0, *(int(min(boundary, 1e15)) for boundary in schedule.boundaries(most=_MOST_BOUNDARIES))]
    around = {max(boundary + by, 0) for boundary in boundaries for by in (-1, 0, 1)}
    between = {(left + right) // 2 for left, right in itertools.pairwise(boundaries)}
    return sorted({*range(_FIRST_FEW), *around, *between, 2 * boundaries[-1], 100, 10_000, 1_000_000})


def broken(law: str, schedule: Schedule, how: str) -> AssertionError:
    """The error of a law: its name, the schedule, and what breaks it."""
    return AssertionError(f"{law}: {schedule!r}\n    {how}")


def _asked(schedule: Schedule, real_steps: Iterable[float] | None) -> list[float]:
    return list(clocks(schedule)) if real_steps is None else sorted(set(real_steps))


def lr_fns_in(schedule: Schedule) -> Iterator[LrFn[...]]:
    """The lr functions that a schedule is made of."""
    yield schedule.lr_fn
    for inner in schedule.inner:
        yield from lr_fns_in(inner)


def assert_pure(schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0) -> None:
    """A value depends on the clocks and the parameters alone.

    The same in any order, when asked again, and from an equal schedule, bit for bit; and the code of users' own
    functions reads nothing that could change: no global state, no hidden generator, no clock of the machine.

    >>> from optimsche import cosine
    >>> assert_pure(cosine(steps=100))
    """
    steps = _asked(schedule, real_steps)
    read = list(dict.fromkeys(words for lr_fn in lr_fns_in(schedule) for words in impurities(lr_fn)))
    because = "".join(f"\n    {words}" for words in read)
    first = {t: schedule(t, epoch) for t in steps}
    for name, again in _other_orders(schedule, steps, epoch):
        for t in steps:
            if not _same(first[t], again[t]):
                how = f"at real_step={t}, epoch={epoch} it was {first[t]!r}, and {again[t]!r} {name}"
                raise broken("assert_pure", schedule, how + because)
    if read:
        raise broken("assert_pure", schedule, f"at real_step={steps[0]} it is {first[steps[0]]!r}, but" + because)


def _other_orders(schedule: Schedule, steps: list[float], epoch: float) -> Iterator[tuple[str, dict[float, float]]]:
    yield "when asked again", {t: schedule(t, epoch) for t in steps}
    yield "when asked from the last to the first", {t: schedule(t, epoch) for t in reversed(steps)}
    shuffled = list(steps)
    random.Random(0).shuffle(shuffled)
    other = schedule.lr_fn(**schedule.arguments)
    yield "from an equal schedule, in another order", {t: other(t, epoch) for t in shuffled}


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


_AT_ZERO = "Number 0 is the instant before training, and has a value: divide by ops.maximum(real_step, 1)"
_OF_PARAMETERS = "Refuse such parameters with @lr_fn(resolve=...), or say how to draw: check_laws(f, x=...)"


def assert_finite(schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0) -> None:
    """Every value is a finite Python float.

    >>> from optimsche import noam
    >>> assert_finite(noam(peak=1e-3, warmup_steps=4_000))
    """
    for t in _asked(schedule, real_steps):
        try:
            value = schedule(t, epoch)
        except Exception as error:
            how = f"at real_step={t}, epoch={epoch} it has no value: {type(error).__name__}: {error}"
            how += f"\n    {_AT_ZERO if t == 0 and isinstance(error, ZeroDivisionError) else _OF_PARAMETERS}"
            raise broken("assert_finite", schedule, how) from error
        if type(value) is not float or not math.isfinite(value):
            raise broken("assert_finite", schedule, f"at real_step={t}, epoch={epoch} it is {value!r}")


def assert_not_negative(schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0) -> None:
    """No value is below 0.

    >>> from optimsche import linear
    >>> assert_not_negative(linear(start=0.1, steps=3))
    """
    for t in _asked(schedule, real_steps):
        value = schedule(t, epoch)
        if not value >= 0:
            raise broken("assert_not_negative", schedule, f"at real_step={t}, epoch={epoch} it is {value!r}")


def assert_bounded(
    schedule: Schedule, low: float, high: float, real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """Every value lies from ``low`` to ``high``, both included.

    >>> from optimsche import cosine
    >>> assert_bounded(cosine(start=0.3, end=0.1, steps=7), 0.1, 0.3)
    """
    stays_inside("assert_bounded", schedule, low, high, _asked(schedule, real_steps), epoch)


def stays_inside(law: str, schedule: Schedule, low: float, high: float, steps: list[float], epoch: float) -> None:
    """What :func:`assert_bounded` asks, in the name of a law."""
    for t in steps:
        value = schedule(t, epoch)
        if not low <= value <= high:
            raise broken(law, schedule, f"at real_step={t}, epoch={epoch} it is {value!r}, outside {low!r} to {high!r}")


def assert_monotone(
    schedule: Schedule, *, rising: bool, real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """It never turns back: each value is at least the one before, or with ``rising=False`` at most.

    >>> from optimsche import linear
    >>> assert_monotone(linear(start=0.0, end=0.1, steps=100), rising=True)
    """
    never_turns("assert_monotone", schedule, rising, _asked(schedule, real_steps), epoch)


def never_turns(law: str, schedule: Schedule, rising: bool, steps: list[float], epoch: float) -> None:
    """What :func:`assert_monotone` asks, in the name of a law."""
    for (t, here), (u, there) in itertools.pairwise((t, schedule(t, epoch)) for t in steps):
        if not (here <= there if rising else here >= there):
            turn = "falls" if rising else "rises"
            how = f"from real_step={t} to {u} it {turn} from {here!r} to {there!r}"
            raise broken(law, schedule, how)


# Narrower than this, as a part of the clock, an interval is a point; a jump is what is left of a change there.
_POINT = 2.0**-30


def assert_continuous(
    schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0, *, tolerance: float = 1e-3
) -> None:
    """Nowhere does the value jump.

    Wherever two neighbouring clocks have different values, the larger part of the change is followed into an ever
    smaller interval, down to 2**-30 of the clock. What is left there is a jump if it is more than ``tolerance`` of
    the largest value. Smaller jumps, and those between two clocks of equal value, are not found.

    >>> from optimsche import constant, cosine
    >>> assert_continuous(cosine(steps=100).warmup(10))
    >>> assert_continuous(constant(value=0.1, steps=10) >> constant(value=0.2))
    Traceback (most recent call last):
    AssertionError: assert_continuous: then(constant(value=0.1, steps=10), constant(value=0.2, steps=None), at=10)
        at real_step=10 it jumps from 0.1 to 0.2
    """
    steps = [float(t) for t in _asked(schedule, real_steps)]
    values = [schedule(t, epoch) for t in steps]
    smallest = tolerance * max(map(abs, values), default=0.0)
    for (left, right), (here, there) in zip(itertools.pairwise(steps), itertools.pairwise(values), strict=True):
        while abs(there - here) > smallest and right - left > _POINT * right:
            middle = (left + right) / 2
            between = schedule(middle, epoch)
            if abs(between - here) >= abs(there - between):
                right, there = middle, between
            else:
                left, here = middle, between
        if abs(there - here) > smallest:
            raise broken("assert_continuous", schedule, f"at real_step={left:.6g} it jumps from {here!r} to {there!r}")


def assert_apply(schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0) -> None:
    """``s.apply(t, e, s.params)`` is ``s(t, e)``, bit for bit, and so is ``s.apply(t, e, {})``.

    >>> from optimsche import cosine
    >>> assert_apply(cosine(steps=100).warmup(10))
    """
    params = schedule.params
    for t in _asked(schedule, real_steps):
        value = schedule(t, epoch)
        for words, given in (("with its own params", params), ("without params", {})):
            applied = schedule.apply(t, epoch, given)
            if not _same(applied, value):
                how = f"at real_step={t}, epoch={epoch} it is {value!r}, and apply {words} gives {applied!r}"
                raise broken("assert_apply", schedule, how)


def assert_round_trips(schedule: Schedule, real_steps: Iterable[float] | None = None, epoch: float = 1.0) -> None:
    """Text, dictionary, JSON, copies and pickle give an equal schedule with the same values, bit for bit.

    Pickle is asked only where Python can find each function by its name: not for one that is defined in another.

    >>> from optimsche import cosine
    >>> assert_round_trips(cosine(start=0.1, steps=100).warmup(10))
    """
    for lr_fn in lr_fns_in(schedule):
        if known().get(lr_fn.name) != lr_fn:
            how = f"another function has taken the name {lr_fn.name!r}, so text and JSON would mean that one"
            raise broken("assert_round_trips", schedule, how)
    steps = _asked(schedule, real_steps)
    values = [schedule(t, epoch) for t in steps]
    for name, road in _roads(schedule):
        other = road()
        if other != schedule or hash(other) != hash(schedule) or repr(other) != repr(schedule):
            raise broken("assert_round_trips", schedule, f"{name} gives {other!r}")
        for t, value in zip(steps, values, strict=True):
            if not _same(other(t, epoch), value):
                how = f"{name}: at real_step={t}, epoch={epoch} it gives {other(t, epoch)!r} for {value!r}"
                raise broken("assert_round_trips", schedule, how)


def _roads(schedule: Schedule) -> Iterator[tuple[str, Callable[[], Schedule]]]:
    yield "lr_fn(**arguments)", lambda: schedule.lr_fn(**schedule.arguments)
    yield "parse(repr(s))", lambda: parse(repr(schedule))
    yield "eval(repr(s))", lambda: eval(repr(schedule), dict(known()))
    yield "from_dict(to_dict(s))", lambda: from_dict(to_dict(schedule))
    yield "from_dict of JSON", lambda: from_dict(json.loads(json.dumps(to_dict(schedule))))
    yield "copy.deepcopy(s)", lambda: copy.deepcopy(schedule)
    if all(_is_found_by_pickle(lr_fn) for lr_fn in lr_fns_in(schedule)):
        yield "pickle", lambda: pickle.loads(pickle.dumps(schedule))
        yield "pickle with protocol 2, as torch.save", lambda: pickle.loads(pickle.dumps(schedule, protocol=2))


def _is_found_by_pickle(lr_fn: LrFn[...]) -> bool:
    found: Any = sys.modules.get(lr_fn.formula.__module__)
    for name in lr_fn.formula.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is lr_fn.formula


def assert_length_and_boundaries(schedule: Schedule) -> None:
    """Boundaries are above 0 and increase, the last is the schedule's length, if it has one, and none is left out.

    Those up to a clock begin those up to twice that clock. Where a function declares that it changes at its boundaries,
    the value between two of them is one.

    >>> from optimsche import cosine
    >>> assert_length_and_boundaries(cosine(steps=100).warmup(10))
    """
    boundaries, length = schedule.boundaries(most=_SO_MANY), schedule.length
    if not all(boundary > 0 for boundary in boundaries) or any(a >= b for a, b in itertools.pairwise(boundaries)):
        raise broken(
            "assert_length_and_boundaries", schedule, f"boundaries must increase from above 0, got {boundaries}"
        )
    if not length >= 0:
        raise broken("assert_length_and_boundaries", schedule, f"length must be >= 0, got {length}")
    if 0 < length < math.inf and len(boundaries) < _SO_MANY and boundaries[-1:] != (length,):
        how = f"the last boundary must be the length, {length}, got boundaries {boundaries}"
        raise broken("assert_length_and_boundaries", schedule, how)
    _assert_complete(schedule, boundaries)
    if schedule.lr_fn.changes_at_boundaries:
        _assert_constant_between(schedule, boundaries)


def _assert_complete(schedule: Schedule, boundaries: tuple[float, ...]) -> None:
    law, length = "assert_length_and_boundaries", schedule.length
    for upto in sorted({*boundaries[:_MOST_BOUNDARIES], *boundaries[-1:], 10.0, min(length, 1e15)}):
        fewer, more = schedule.boundaries(upto, most=_SO_MANY), schedule.boundaries(2 * upto, most=_SO_MANY)
        if more[: len(fewer)] != fewer or not all(0 < boundary <= upto for boundary in fewer):
            raise broken(law, schedule, f"up to {upto} its boundaries are {fewer}, and up to {2 * upto} {more}")
        if len(more) < _SO_MANY and any(boundary <= upto for boundary in more[len(fewer) :]):
            raise broken(law, schedule, f"up to {upto} its boundaries are {fewer}, but up to {2 * upto} {more}")
        if upto == length > 0 and len(fewer) < _SO_MANY and fewer[-1:] != (length,):
            raise broken(law, schedule, f"up to {upto} its boundaries are {fewer}, without its end")


def _assert_constant_between(schedule: Schedule, boundaries: tuple[float, ...], epoch: float = 1.0) -> None:
    last = boundaries[-1] if boundaries else 0.0
    after = (last, 4 * last + 100) if len(boundaries) < _SO_MANY else (last, last)
    for left, right in [*itertools.pairwise((0.0, *boundaries)), after]:
        inside = [left + (right - left) * part for part in (0.25, 0.5, 0.75)]
        values = {t: schedule(t, epoch) for t in inside if left < t < right}
        if len(set(values.values())) > 1:
            how = f"it is declared to change at its boundaries, but between {left} and {right} it has values {values}"
            raise broken("assert_length_and_boundaries", schedule, how)


def largest_value(schedule: Schedule, real_steps: Iterable[float], epoch: float) -> float:
    """The largest value at the given clocks, at 0 and at the first boundaries: what rounding errors are measured by."""
    steps: list[Any] = [0, *real_steps, *schedule.boundaries(most=20)]
    return float(max(abs(schedule(t, epoch)) for t in steps))
