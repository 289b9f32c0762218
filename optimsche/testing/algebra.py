"""What schedules keep when they are combined: the laws of ``then``, ``scale``, ``shift`` and the others.

All are exact, bit for bit, for whole-numbered clocks and lengths below 2**53, except where a bound is stated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from optimsche.combinators import clamp, over, repeat, scale, shift, stretch, then, warmup
from optimsche.schedule import Schedule
from optimsche.testing.laws import broken, clocks


def _assert_equal(law: str, left: Schedule, right: Schedule, real_steps: Iterable[float] | None, epoch: float) -> None:
    steps = clocks(left) if real_steps is None else sorted(set(real_steps))
    for t in steps:
        one, other = left(t, epoch), right(t, epoch)
        if one != other:
            how = f"at real_step={t}, epoch={epoch} it is {one!r}, and {right!r}\n    is {other!r}"
            raise broken(law, left, how)


def assert_then_associates(
    a: Schedule,
    b: Schedule,
    c: Schedule,
    at: tuple[float, float],
    real_steps: Iterable[float] | None = None,
    epoch: float = 1.0,
) -> None:
    """``(a >> b) >> c`` is ``a >> (b >> c)``, where ``a`` ends at ``at[0]`` and ``b`` ``at[1]`` updates later.

    >>> from optimsche import constant, cosine, linear
    >>> assert_then_associates(cosine(steps=9), linear(steps=5), constant(), at=(9, 5))
    """
    first, second = at
    left = then(then(a, b, at=first), c, at=first + second)
    right = then(a, then(b, c, at=second), at=first)
    _assert_equal("assert_then_associates", left, right, real_steps, epoch)


def assert_then_plays_both(
    a: Schedule, b: Schedule, at: float, real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """``a.then(b, at=at)`` is ``a`` up to ``at``, and ``b`` from its own zero after it; its length is ``at`` and b's.

    >>> from optimsche import cosine, linear
    >>> assert_then_plays_both(cosine(steps=9), linear(steps=5), at=9)
    """
    both = then(a, b, at=at)
    for t in sorted({*(clocks(both) if real_steps is None else real_steps), at, at + 1}):
        expected = a(t, epoch) if t <= at else b(t - at, epoch)
        if both(t, epoch) != expected:
            how = f"at real_step={t}, epoch={epoch} it is {both(t, epoch)!r}, and the piece that plays is {expected!r}"
            raise broken("assert_then_plays_both", both, how)
    if both.length != at + b.length:
        raise broken("assert_then_plays_both", both, f"its length is {both.length}, not {at} + {b.length}")


def assert_scale_distributes(
    a: Schedule, b: Schedule, at: float, by: float, real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """``k * (a >> b)`` is ``k * a >> k * b``.

    >>> from optimsche import cosine, linear
    >>> assert_scale_distributes(cosine(steps=9), linear(steps=5), at=9, by=0.3)
    """
    left, right = scale(then(a, b, at=at), by), then(scale(a, by), scale(b, by), at=at)
    _assert_equal("assert_scale_distributes", left, right, real_steps, epoch)


def assert_scale_composes(
    schedule: Schedule, by: tuple[float, float], real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """``k * (m * s)`` and ``(k * m) * s`` are each within 3/2 ulp of the exact product; 1 is the identity.

    Each is rounded twice. The second rounding moves the result by at most 1/2 ulp of it. The first moves what it
    rounds by at most 2**-53 of it, and so the result by as large a part: at most 1 ulp of it. (For products that are
    0 or above 1e-290: below that, doubles lose places.)

    >>> from optimsche import cosine
    >>> assert_scale_composes(cosine(steps=9), by=(0.3, 0.7))
    """
    k, m = by
    sides = scale(scale(schedule, m), k), scale(schedule, k * m)
    one = scale(schedule, 1)
    for t in clocks(schedule) if real_steps is None else sorted(set(real_steps)):
        value = schedule(t, epoch)
        if one(t, epoch) != value:
            how = f"at real_step={t}, epoch={epoch} it is {one(t, epoch)!r}, not {value!r}"
            raise broken("assert_scale_composes", one, how)
        exact = Fraction(value) * Fraction(k) * Fraction(m)
        if 0 < abs(exact) < Fraction(1e-290):
            continue
        for side in sides:
            got = side(t, epoch)
            if abs(Fraction(got) - exact) > Fraction(3, 2) * Fraction(math.ulp(got)):
                how = f"at real_step={t}, epoch={epoch} it is {got!r}, more than 3/2 ulp from {float(exact)!r}"
                raise broken("assert_scale_composes", side, how)


def assert_shift_adds(
    schedule: Schedule, by: tuple[int, int], real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """``s.shift(j).shift(k)`` is ``s.shift(j + k)`` for two whole numbers of the same sign.

    Raises:
        ValueError: their signs differ, where the law does not hold: what was cut off does not come back.

    >>> from optimsche import cosine
    >>> assert_shift_adds(cosine(steps=9), by=(2, 3))
    """
    j, k = by
    if j * k < 0:
        raise ValueError(f"assert_shift_adds(by={by}): the two must have the same sign")
    _assert_equal("assert_shift_adds", shift(shift(schedule, j), k), shift(schedule, j + k), real_steps, epoch)


def assert_stretch_multiplies(
    schedule: Schedule, by: tuple[int, int], real_steps: Iterable[float] | None = None, epoch: float = 1.0
) -> None:
    """``s.stretch(j).stretch(k)`` is ``s.stretch(j * k)`` for powers of two, by which division is exact.

    Raises:
        ValueError: one of them is no power of two, so that the two clocks may differ in their last bit.

    >>> from optimsche import cosine
    >>> assert_stretch_multiplies(cosine(steps=9), by=(2, 4))
    """
    j, k = by
    if any(factor < 1 or factor & (factor - 1) for factor in by):
        raise ValueError(f"assert_stretch_multiplies(by={by}): both must be powers of two")
    left, right = stretch(stretch(schedule, j), k), stretch(schedule, j * k)
    _assert_equal("assert_stretch_multiplies", left, right, real_steps, epoch)


def assert_warmup_meets(schedule: Schedule, steps: int, start: float = 0.0, epoch: float = 1.0) -> None:
    """A warm-up is ``start`` at 0, the schedule's own value at 0 at its end, and the schedule from there.

    >>> from optimsche import cosine
    >>> assert_warmup_meets(cosine(steps=9), steps=3)
    """
    warm = warmup(schedule, steps, start=start)
    places = {steps + t: schedule(t, epoch) for t in clocks(schedule)}
    for t, expected in sorted(({0: start} | places if steps > 0 else places).items()):
        if warm(t, epoch) != expected:
            how = f"at real_step={t}, epoch={epoch} it is {warm(t, epoch)!r}, not {expected!r}"
            raise broken("assert_warmup_meets", warm, how)


def assert_repeats(schedule: Schedule, every: int, epoch: float = 1.0) -> None:
    """Equal cycles are periodic: the value at ``t > 0`` comes again ``every`` updates later, for ever.

    >>> from optimsche import cosine
    >>> assert_repeats(cosine(steps=9), every=9)
    """
    again = repeat(schedule, every=every)
    for t in sorted({1, 2, every // 2, every - 1, every} - {0}):
        if t > every or t < 1:
            continue
        for cycle in (1, 2, 1_000):
            there = again(t + cycle * every, epoch)
            if there != again(t, epoch) or again(t, epoch) != schedule(t, epoch):
                how = (
                    f"at real_step={t}, epoch={epoch} it is {again(t, epoch)!r} where one cycle is "
                    f"{schedule(t, epoch)!r}, and {cycle} cycles later {there!r}"
                )
                raise broken("assert_repeats", again, how)


def assert_clamps(schedule: Schedule, floor: float, ceiling: float, epoch: float = 1.0) -> None:
    """``clamp`` bounds, changes nothing inside its bounds, and once is as good as twice.

    >>> from optimsche import cosine
    >>> assert_clamps(cosine(steps=9), floor=0.2, ceiling=0.7)
    """
    once = clamp(schedule, floor=floor, ceiling=ceiling)
    twice = clamp(once, floor=floor, ceiling=ceiling)
    for t in clocks(schedule):
        value, expected = once(t, epoch), min(max(schedule(t, epoch), floor), ceiling)
        again = twice(t, epoch)
        if value != expected or again != value:
            how = f"at real_step={t}, epoch={epoch} it is {value!r}, clamped again {again!r}, not {expected!r}"
            raise broken("assert_clamps", once, how)


def assert_over_fits(schedule: Schedule, steps: int, epoch: float = 1.0) -> None:
    """``s.over(n)`` starts and ends as ``s`` does, exactly, at 0 and at ``n``, and its boundaries are whole.

    Raises:
        ValueError: the schedule has no end, or no room in so many updates.

    >>> from optimsche import cosine
    >>> assert_over_fits(cosine(steps=1), steps=9)
    """
    fitted = over(schedule, steps)
    for t, inner in ((0, 0.0), (steps, schedule.length), (2 * steps, schedule.length)):
        value, expected = fitted(t, epoch), schedule(inner, epoch)
        if value != expected:
            how = f"at real_step={t}, epoch={epoch} it is {value!r}, not {expected!r}"
            raise broken("assert_over_fits", fitted, how)
    if any(boundary != int(boundary) for boundary in fitted.boundaries()) or fitted.length != steps:
        raise broken(
            "assert_over_fits", fitted, f"its boundaries must be whole and end at {steps}, got {fitted.boundaries()}"
        )
