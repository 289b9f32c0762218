"""Named plans: whole runs in the totals that people think in, returned as expressions of the pieces.

A plan is no new kind of thing: what it prints is what it is made of, and any of it can be taken further.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, ParamSpec

from annotated_types import Ge

from optimsche import checking
from optimsche.call_errors import DoNotFit
from optimsche.combinators.add import add
from optimsche.combinators.cooldown import Along
from optimsche.combinators.repeat import repeat
from optimsche.lr_fns.constant import constant
from optimsche.lr_fns.cosine import cosine
from optimsche.lr_fns.inverse_sqrt import inverse_sqrt
from optimsche.lr_fns.linear import linear
from optimsche.names import register
from optimsche.ranges import Cycles, Fraction, Growth, Length, Meaning, Rate, Steps
from optimsche.schedule import Schedule

__all__ = [
    "cosine_restarts",
    "noam",
    "one_cycle",
    "triangular",
    "warmup_constant",
    "warmup_cosine",
    "warmup_linear",
    "wsd",
]

P = ParamSpec("P")
ModelSize = Annotated[int, Ge(1), Meaning("the width of the model")]


def _plan(build: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Check a plan's parameters as those of an lr function, in the plan's own words, and make it known by name."""
    checked = checking.checked(build.__name__, build)
    register(build.__name__, checked)
    return checked


def _rest(name: str, total_steps: float, **parts: float) -> float:
    """What the parts leave of the total; at least one update."""
    for part, value in parts.items():
        if 0 < value < 1 < total_steps:
            raise ValueError(
                f"{name}({part}={value}): {part} is less than one update, and lengths are counted in updates.\n"
                f"    For {value:g} of the run write {part}={math.floor(value * total_steps + 0.5)}"
            )
    rest = total_steps - sum(parts.values())
    if rest <= 0:
        used = " + ".join(f"{part}={value}" for part, value in parts.items())
        raise ValueError(
            f"{name}(total_steps={total_steps}): total_steps must be more than {used}, which it includes; "
            f"all are counted in updates"
        )
    return rest


def _below(name: str, floor: float, peak: float) -> None:
    """Refuse a floor above the peak, such as a part of the peak where a rate was asked for."""
    if floor > peak:
        part = f"\n    For {floor:g} of the peak write floor={floor:g} * {peak:g}" if floor <= 1 else ""
        raise ValueError(f"{name}(floor={floor}): floor must be <= peak={peak} (a rate, no part of the peak).{part}")


def _part(share: float, total_steps: float) -> float:
    """A share of a run, to the nearest update; of a run of length 1, which is a plan in fractions, the share itself."""
    return share * total_steps if total_steps < 2 else max(math.floor(share * total_steps + 0.5), 1)


def _share(rate: float, divisor: int) -> float:
    """A part of a rate as a person would write it: of 0.0003 the 25th part is 1.2e-05, not 1.1999999999999999e-05."""
    share = rate / divisor
    return float(f"{share:.15g}") if type(share) is float else share  # one that stands for others is not a number yet


@_plan
def warmup_cosine(*, peak: Rate, warmup_steps: Length, total_steps: Steps, floor: Rate = 0.0) -> Schedule:
    """Rise to `peak` in a straight line, then fall to `floor` along half a cosine.

    Args:
        peak: the highest rate, that of update `warmup_steps`; finite, >= 0.
        warmup_steps: length of the rise in updates; >= 0.
        total_steps: length of the run in updates, the rise included.
        floor: the rate of the last update; from 0 to `peak`.

    Returns:
        `cosine(start=peak, end=floor, steps=total_steps - warmup_steps).warmup(warmup_steps)`.

    Raises:
        ValueError: the rise leaves nothing of the total, or `floor` is above `peak`.

    >>> plan = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
    >>> plan(1), plan(2_000), plan(100_000)
    (1.5e-07, 0.0003, 0.0)
    """
    _below("warmup_cosine", floor, peak)
    steps = _rest("warmup_cosine", total_steps, warmup_steps=warmup_steps)
    return cosine(start=peak, end=floor, steps=steps).warmup(warmup_steps)


@_plan
def warmup_linear(*, peak: Rate, warmup_steps: Length, total_steps: Steps, floor: Rate = 0.0) -> Schedule:
    """Rise to `peak` in a straight line, then fall to `floor` in another.

    Args:
        peak: the highest rate, that of update `warmup_steps`; finite, >= 0.
        warmup_steps: length of the rise in updates; >= 0.
        total_steps: length of the run in updates, the rise included.
        floor: the rate of the last update; from 0 to `peak`.

    Returns:
        `linear(start=peak, end=floor, steps=total_steps - warmup_steps).warmup(warmup_steps)`.

    Raises:
        ValueError: the rise leaves nothing of the total, or `floor` is above `peak`.

    >>> warmup_linear(peak=0.1, warmup_steps=10, total_steps=110)
    warmup(linear(start=0.1, end=0.0, steps=100), steps=10, start=0.0)
    """
    _below("warmup_linear", floor, peak)
    steps = _rest("warmup_linear", total_steps, warmup_steps=warmup_steps)
    return linear(start=peak, end=floor, steps=steps).warmup(warmup_steps)


@_plan
def warmup_constant(*, peak: Rate, warmup_steps: Length, total_steps: Steps | None = None) -> Schedule:
    """Rise to `peak` in a straight line, then stay there: the trunk that cooldowns branch off.

    Args:
        peak: the rate from update `warmup_steps` on; finite, >= 0.
        warmup_steps: length of the rise in updates; >= 0.
        total_steps: length of the run in updates, the rise included, or None for a run without an end.

    Returns:
        `constant(value=peak).warmup(warmup_steps)`.

    Raises:
        ValueError: the rise leaves nothing of the total.

    >>> trunk = warmup_constant(peak=0.1, warmup_steps=1_000)
    >>> trunk.cooldown(at=20_000, steps=2_000)(21_000)
    0.05
    """
    steps = None if total_steps is None else _rest("warmup_constant", total_steps, warmup_steps=warmup_steps)
    return constant(value=peak, steps=steps).warmup(warmup_steps)


@_plan
def wsd(
    *,
    peak: Rate,
    warmup_steps: Length,
    decay_steps: Length,
    total_steps: Steps,
    floor: Rate = 0.0,
    along: Along | None = None,
) -> Schedule:
    """Rise to `peak`, hold it (warm-up, stable, decay), and fall to `floor` at the end.

    Args:
        peak: the rate that is held; finite, >= 0.
        warmup_steps: length of the rise in updates; >= 0.
        decay_steps: length of the fall in updates; >= 0.
        total_steps: length of the run in updates, rise and fall included.
        floor: the rate of the last update; from 0 to `peak`.
        along: the shape of the fall, from 1 to 0, as for `cooldown`: `along=one_minus_power(power=0.5)`. By default a
            straight line.

    Returns:
        `(constant(value=peak, steps=...) >> linear(start=peak, end=floor, steps=decay_steps)).warmup(warmup_steps)`;
        without the hold where rise and fall are the whole run. Along a shape, the fall is a `cooldown` of the hold.

    Raises:
        ValueError: rise and fall are longer than the total, or `floor` is above `peak`.

    Source: Hu et al., MiniCPM (2024), section 4.2, arXiv:2404.06395.

    >>> plan = wsd(peak=0.1, warmup_steps=10, decay_steps=20, total_steps=100)
    >>> [plan(t) for t in (5, 10, 80, 90, 100)]
    [0.05, 0.1, 0.1, 0.05, 0.0]
    """
    _below("wsd", floor, peak)
    no_hold = warmup_steps + decay_steps == total_steps and decay_steps > 0
    hold = 0 if no_hold else _rest("wsd", total_steps, warmup_steps=warmup_steps, decay_steps=decay_steps)
    if decay_steps == 0:
        return constant(value=peak, steps=hold).warmup(warmup_steps)
    if along is not None:
        return constant(value=peak).cooldown(at=hold, steps=decay_steps, end=floor, along=along).warmup(warmup_steps)
    fall = linear(start=peak, end=floor, steps=decay_steps)
    return (fall if no_hold else constant(value=peak, steps=hold).then(fall)).warmup(warmup_steps)


@_plan
def one_cycle(
    *,
    peak: Rate,
    total_steps: Steps,
    warmup_steps: Length | None = None,
    start: Rate | None = None,
    floor: Rate | None = None,
) -> Schedule:
    """Rise to `peak` and fall to almost nothing, both along half a cosine.

    Args:
        peak: the highest rate, that of update `warmup_steps`; finite, >= 0.
        total_steps: length of the run in updates.
        warmup_steps: length of the rise in updates; >= 0; by default 3/10 of the total, to the nearest update.
        start: rate at update 0; by default `peak / 25`.
        floor: the rate of the last update; by default `peak / 250_000`; at most `peak`, unless `start` is above it, as
            for a momentum that falls and rises again.

    Returns:
        `cosine(start=start, end=peak, steps=...) >> cosine(start=peak, end=floor, steps=...)`; the fall alone where
        there is no rise.

    Raises:
        ValueError: the rise leaves nothing of the total, or `floor` is above `peak`.

    Source: Smith & Topin, Super-Convergence (2017), arXiv:1708.07120; the defaults are those of PyTorch's OneCycleLR.

    >>> plan = one_cycle(peak=0.1, total_steps=1_000, start=0.0, floor=0.0)
    >>> [plan(t) for t in (0, 150, 300, 650, 1_000)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    if warmup_steps is None:
        warmup_steps = _part(0.3, total_steps)
    fall = _rest("one_cycle", total_steps, warmup_steps=warmup_steps)
    start = _share(peak, 25) if start is None else start
    floor = _share(peak, 250_000) if floor is None else floor
    if start <= peak:  # upside down it is a cycle of momentum
        _below("one_cycle", floor, peak)
    down = cosine(start=peak, end=floor, steps=fall)
    return down if warmup_steps == 0 else cosine(start=start, end=peak, steps=warmup_steps) >> down


@_plan
def noam(*, warmup_steps: Length, d_model: ModelSize | None = None, peak: Rate | None = None) -> Schedule:
    """Rise in a straight line, then fall with the inverse square root of the update: the Transformer's schedule.

        peak * t / warmup_steps if t <= warmup_steps else peak * sqrt(warmup_steps / t)

    Args:
        warmup_steps: length of the rise in updates; >= 0. Without one, update 1 has the highest rate.
        d_model: width of the model; the highest rate is then `(d_model * warmup_steps) ** -0.5`.
        peak: the highest rate, that of update `warmup_steps`, instead of `d_model`.

    Returns:
        `inverse_sqrt(start=peak, timescale=warmup_steps).warmup(warmup_steps)`: the same curve in two pieces.

    Raises:
        TypeError: neither or both of `d_model` and `peak` are given.

    Source: Vaswani et al., Attention Is All You Need (2017), section 5.3, arXiv:1706.03762.

    >>> plan = noam(peak=0.1, warmup_steps=100)
    >>> [plan(t) for t in (0, 50, 100, 400)]
    [0.0, 0.05, 0.1, 0.05]
    >>> noam(d_model=100, warmup_steps=4)(4)
    0.05
    """
    if (d_model is None) == (peak is None):
        raise DoNotFit("noam() needs either d_model= (the width of the model) or peak= (the highest rate)")
    # The curve of one update's warm-up is that of none: it is below its peak at update 0 alone.
    rise = warmup_steps if warmup_steps > 0 else 1
    highest: float = peak if d_model is None else (d_model * rise) ** -0.5  # type: ignore[assignment]
    return inverse_sqrt(start=highest, timescale=rise).warmup(rise)


def _waves(
    cycle: Callable[[float, float], Schedule],
    floor: float,
    peak: float,
    *,
    cycles: int | None,
    scale: float,
    stretch: float = 1.0,
) -> Schedule:
    """Repeat the cycle between a floor and a peak; `scale` lowers its height above the floor, which stays."""
    if scale == 1 or floor == 0:
        return repeat(cycle(floor, peak), cycles, stretch=stretch, scale=scale)
    return add(constant(value=floor), repeat(cycle(0.0, peak - floor), cycles, stretch=stretch, scale=scale))


@_plan
def cosine_restarts(
    *,
    peak: Rate,
    cycle_steps: Steps,
    cycles: Cycles | None = None,
    warmup_steps: Length = 0,
    floor: Rate = 0.0,
    stretch: Growth = 1.0,
    scale: Fraction = 1.0,
) -> Schedule:
    """Fall from `peak` to `floor` along half a cosine, again and again.

    Args:
        peak: the rate at the beginning of the first cycle; finite, >= 0.
        cycle_steps: length of the first cycle in updates; > 0.
        cycles: how many; 1 to 10,000, or None for no end.
        warmup_steps: length of a rise before the first cycle, in updates; >= 0.
        floor: the rate at the end of each cycle; from 0 to `peak`.
        stretch: how many times as long each cycle is as the last; 1 to 100.
        scale: what is left of the height above `floor` with each cycle; > 0 and <= 1.

    Returns:
        `cosine(start=peak, end=floor, steps=cycle_steps).repeat(...).warmup(warmup_steps)`; with a `floor` above 0
        and a `scale` below 1, the cycles go from `peak - floor` to 0 and stand on the floor:
        `(constant(value=floor) + cosine(start=peak - floor, ...).repeat(...)).warmup(warmup_steps)`.

    Raises:
        ValueError: `floor` is above `peak`.

    Source: Loshchilov & Hutter, SGDR (2017), arXiv:1608.03983.

    >>> plan = cosine_restarts(peak=0.1, cycle_steps=100, stretch=2)
    >>> [plan(t) for t in (50, 100, 200, 300)]
    [0.05, 0.0, 0.05, 0.0]
    """
    _below("cosine_restarts", floor, peak)

    def fall(low: float, high: float) -> Schedule:
        return cosine(start=high, end=low, steps=cycle_steps)

    return _waves(fall, floor, peak, cycles=cycles, scale=scale, stretch=stretch).warmup(warmup_steps)


@_plan
def triangular(
    *,
    floor: Rate = 0.0,
    peak: Rate,
    cycle_steps: Steps,
    cycles: Cycles | None = None,
    scale: Fraction = 1.0,
) -> Schedule:
    """Rise from `floor` to `peak` and fall back, both in straight lines, again and again.

    Args:
        floor: the rate at both ends of each cycle; finite, >= 0.
        peak: the rate in the middle of the first cycle; finite, >= `floor`.
        cycle_steps: length of a cycle in updates, rise and fall together; > 0.
        cycles: how many; 1 to 10,000, or None for no end.
        scale: what is left of the height above `floor` with each cycle; > 0 and <= 1.

    Returns:
        `(linear(start=floor, end=peak, steps=...) >> linear(start=peak, end=floor, steps=...)).repeat(...)`; with a
        `floor` above 0 and a `scale` below 1, the cycles go from 0 to `peak - floor` and stand on the floor:
        `constant(value=floor) + (linear(start=0.0, end=peak - floor, ...) >> ...).repeat(...)`.

    Raises:
        ValueError: `floor` is above `peak`.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2015), arXiv:1506.01186.

    >>> plan = triangular(floor=0.1, peak=0.3, cycle_steps=20)
    >>> [plan(t) for t in (0, 5, 10, 20, 30)]
    [0.1, 0.2, 0.3, 0.1, 0.3]
    """
    _below("triangular", floor, peak)
    rise = _part(0.5, cycle_steps)

    def up_and_down(low: float, high: float) -> Schedule:
        return linear(start=low, end=high, steps=rise) >> linear(start=high, end=low, steps=cycle_steps - rise)

    return _waves(up_and_down, floor, peak, cycles=cycles, scale=scale)
