"""timm's schedulers: update ``n`` gets what they have at ``t = n - 1``, the count of finished epochs or updates.

timm calls a scheduler only after the first epoch or update, so the first one runs at what the constructor left: the
rate of the optimizer, or ``warmup_lr_init`` if there is a warm-up. That matters where a curve has something else at
``t = 0``. A training loop that calls ``step(0)`` before it has that value: ``step_first=True``.

Noise is drawn when the schedule is built, with the numbers of PyTorch's generator but without PyTorch. A range without
an end is drawn for ``noise_horizon`` counts.
"""

from __future__ import annotations

import functools
import itertools
import math
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Gt, Lt

from optimsche.lr_fns import constant, cosine, geometric, linear, one_minus_power, piecewise_constant, polynomial
from optimsche.lr_fns import power_law as falling
from optimsche.lr_fns import tanh as tanh_curve
from optimsche.peers import torch as pytorch
from optimsche.peers._functions import as_schedule
from optimsche.peers._peer import (
    Edges,
    Exponent,
    Gamma,
    Lr,
    Metrics,
    PositiveGamma,
    PositiveLr,
    RealSteps,
    SomeRealSteps,
    SomeSteps,
    Steps,
    peer,
)
from optimsche.peers._pieces import HORIZON, bisected, entered, from_zero, mixed, powers, segment, stairs, up_to
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "CosineLRScheduler",
    "TanhLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "MultiStepLRScheduler",
    "WSDLRScheduler",
    "PlateauLRScheduler",
]

Count: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a count of epochs or updates")]
NoiseRange: TypeAlias = tuple[Count, Count] | Count | None
Seed: TypeAlias = Annotated[int, Gt(-(2**63)), Lt(2**63), Meaning("a seed")]
Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Bound: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("an end of the stretch of tanh")]
Part: TypeAlias = Annotated[float, Gt(0), Lt(1), Meaning("a part of the rate")]
Distribution: TypeAlias = Literal["normal", "uniform"]
# Draws at one count before its noise is given up as never within the limit.
_MOST_DRAWS = 1_000_000
_MOST_CYCLES, _FEW_CYCLES = 1_500, 60


@peer("timm")
def CosineLRScheduler(
    t_initial: SomeRealSteps,
    lr_min: Lr = 0.0,
    cycle_mul: PositiveGamma = 1.0,
    cycle_decay: Gamma = 1.0,
    cycle_limit: Steps = 1,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    k_decay: Power = 1.0,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """Half a cosine to ``lr_min`` in each of ``cycle_limit`` cycles, then ``lr_min``.

    Without ``warmup_prefix`` the curve is entered where it is after the warm-up, which jumps there from the base rate.
    """

    def shape(high: float, low: float, steps: float) -> Schedule:
        return _bent(cosine, high, low, steps, k_decay)

    cycles = _cycles(shape, base_lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    curve = _after_warmup(cycles, warmup_t, warmup_lr_init, base_lr, warmup_prefix)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def TanhLRScheduler(
    t_initial: SomeRealSteps,
    lb: Bound = -7.0,
    ub: Bound = 3.0,
    lr_min: Lr = 0.0,
    cycle_mul: PositiveGamma = 1.0,
    cycle_decay: Gamma = 1.0,
    cycle_limit: Steps = 1,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """A stretch of the hyperbolic tangent in each of ``cycle_limit`` cycles, then ``lr_min``.

    It neither begins at the base rate nor ends at ``lr_min``, but as near to them as tanh comes at ``lb`` and ``ub``.
    The warm-up goes to the base rate with ``warmup_prefix``, else to where the curve is after it.
    """
    if not lb < ub:
        raise ValueError(
            f"timm.TanhLRScheduler: lb must be below ub, got lb={lb} and ub={ub}; the defaults are -7 and 3"
        )
    at_begin, at_end = (1.0 - math.tanh(lb)) / 2, (1.0 - math.tanh(ub)) / 2

    def shape(high: float, low: float, steps: float) -> Schedule:
        begin, end = (low + (high - low) * share for share in (at_begin, at_end))
        if at_begin == at_end:
            return constant(value=begin)
        return tanh_curve(start=begin, end=end, steps=steps, lower=lb, upper=ub)

    cycles = _cycles(shape, base_lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    whole = math.floor(warmup_t)
    peak = base_lr if warmup_prefix else cycles(whole - warmup_t)(whole + 1)
    curve = _after_warmup(cycles, warmup_t, warmup_lr_init, peak, warmup_prefix)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def PolyLRScheduler(
    t_initial: SomeRealSteps,
    power: Exponent = 0.5,
    lr_min: Lr = 0.0,
    cycle_mul: PositiveGamma = 1.0,
    cycle_decay: Gamma = 1.0,
    cycle_limit: Steps = 1,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    k_decay: Power = 1.0,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """A power of what is left of a cycle in each of ``cycle_limit`` cycles, then ``lr_min``.

    Without ``warmup_prefix`` the curve is entered where it is after the warm-up, which jumps there from the base rate.
    """

    def shape(high: float, low: float, steps: float) -> Schedule:
        if power == 0:
            return constant(value=high)
        return _bent(polynomial, high, low, steps, k_decay, power=power)

    cycles = _cycles(shape, base_lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    curve = _after_warmup(cycles, warmup_t, warmup_lr_init, base_lr, warmup_prefix)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def StepLRScheduler(
    decay_t: SomeRealSteps,
    decay_rate: Gamma = 1.0,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """The rate times ``decay_rate`` after each ``decay_t``, which need not be whole.

    timm divides in floating point: where the number nearest to ``decay_t`` is above it, as for 2.2, a step that should
    fall on a whole ``t`` comes one later.
    """
    every = decay_t * (1.0 + 2.0**-30) if _is_above_its_digits(decay_t) else decay_t
    steps = powers(base_lr, decay_rate, every).staircase(every, closed="left")
    curve = _after_warmup(lambda begin: steps.shift(1 + begin), warmup_t, warmup_lr_init, base_lr, warmup_prefix)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def MultiStepLRScheduler(
    decay_t: Edges,
    decay_rate: Gamma = 1.0,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """The rate times ``decay_rate`` at each of ``decay_t``, one earlier than PyTorch: a milestone of 10 acts at 9.

    Out of order they act where timm's bisection finds them: ``[4, 2]`` falls twice at 3 and not before.
    """
    edges, values = bisected(base_lr, decay_rate, decay_t)

    def steps(begin: float) -> Schedule:
        return stairs(values, [at - 1 + begin for at in edges])

    curve = _after_warmup(steps, warmup_t, warmup_lr_init, base_lr, warmup_prefix)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def WSDLRScheduler(
    t_initial: SomeRealSteps,
    decay_t: SomeRealSteps,
    lr_min: Lr = 0.0,
    stable_fn: Literal["constant", "rsqrt", "power"] = "constant",
    stable_timescale: SomeRealSteps | None = None,
    stable_power: Power = 0.5,
    decay_fn: object = "1-sqrt",
    decay_power: Power = 0.5,
    decay_ratio: Part = 0.1,
    warmup_t: RealSteps = 0,
    warmup_lr_init: Lr = 0.0,
    t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None,
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = 42,
    initialize: bool = True,
    *,
    base_lr: Lr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """Warm-up, then a stable part that may fall, and in the last ``decay_t`` of ``t_initial`` a way to ``lr_min``.

    A stable part that falls goes on falling on the way down. ``decay_fn`` may also be a schedule, the text of a
    formula, or a function that is one formula, of how much of the way is done.
    """
    if decay_t > t_initial:
        raise ValueError(
            f"timm.WSDLRScheduler: decay_t must be > 0 and <= t_initial={t_initial}, got {decay_t}; "
            "t_initial is the length of the stable part and the decay together"
        )
    timescale = warmup_t if stable_timescale is None else stable_timescale
    if stable_fn != "constant" and timescale <= 0:
        raise ValueError(
            f"timm.WSDLRScheduler: stable_fn={stable_fn!r} needs stable_timescale > 0; it is warmup_t={warmup_t} by "
            "default, so give it where there is no warm-up"
        )
    share = _decay(decay_fn, decay_t, decay_power, decay_ratio)
    if t_initial > decay_t:
        share = constant(value=1.0).then(share, at=t_initial - decay_t)
    if stable_fn == "constant":
        stable = mixed(lr_min, max(base_lr, lr_min), share)
    else:
        power = 0.5 if stable_fn == "rsqrt" else stable_power
        stable = falling(start=base_lr, timescale=timescale, power=power).clamp(floor=lr_min) * share
        stable = stable.add(linear(start=lr_min, end=0.0, steps=1).warp(share)) if lr_min else stable
    curve = from_zero(up_to(base_lr, warmup_t, warmup_lr_init), stable)
    curve = _noisy(curve, noise_range_t, "normal", noise_pct, noise_std, noise_seed, noise_horizon)
    return _started(curve, warmup_lr_init if warmup_t else base_lr, step_first)


@peer("timm")
def PlateauLRScheduler(
    decay_rate: pytorch.Drop = 0.1,
    patience_t: Steps = 10,
    threshold: Gamma = 1e-4,
    cooldown_t: Steps = 0,
    warmup_t: Steps = 0,
    warmup_lr_init: Lr = 0.0,
    lr_min: Lr = 0.0,
    mode: Literal["min", "max"] = "max",
    noise_range_t: NoiseRange = None,
    noise_type: Distribution = "normal",
    noise_pct: Gamma = 0.67,
    noise_std: Gamma = 1.0,
    noise_seed: Seed | None = None,
    initialize: bool = True,
    *,
    metrics: Metrics,
    base_lr: PositiveLr,
    step_first: bool = False,
    noise_horizon: SomeSteps = 10_000,
) -> Schedule:
    """A warm-up, then PyTorch's plateau over the metrics reported with the epochs 1, 2, ... after it.

    The metrics of the warm-up are not looked at. ``step(0)`` without a warm-up sets ``warmup_lr_init``, for good.
    """
    peak = warmup_lr_init if step_first and not warmup_t else base_lr
    if peak == 0:
        return constant(value=0.0)
    falls = pytorch.ReduceLROnPlateau(
        mode,
        decay_rate,
        patience_t,
        threshold,
        cooldown=cooldown_t,
        min_lr=lr_min,
        metrics=metrics[warmup_t:],
        base_lr=peak,
    )
    curve = from_zero(up_to(base_lr, warmup_t, warmup_lr_init), falls.shift(-1)) if warmup_t else falls
    return _noisy(curve, noise_range_t, noise_type, noise_pct, noise_std, noise_seed, noise_horizon, after=warmup_t)


# ---------------------------------------------------------------------------------------------------------------------
# Shapes and cycles
# ---------------------------------------------------------------------------------------------------------------------


def _bent(shape: Callable[..., Schedule], high: float, low: float, steps: float, k: float, **more: float) -> Schedule:
    """A shape on a clock that runs as a power of the time."""
    if k == 1:
        return shape(start=high, end=low, steps=steps, **more)
    return shape(start=high, end=low, steps=1, **more).warp(one_minus_power(start=0.0, end=1.0, steps=steps, power=k))


def _decay(decay_fn: Any, steps: float, power: float, ratio: float) -> Schedule:
    """The way from 1 to 0 that ``decay_fn`` names."""
    match decay_fn:
        case "linear":
            return linear(start=1.0, end=0.0, steps=steps)
        case "1-sqrt":
            return one_minus_power(start=1.0, end=0.0, steps=steps, power=0.5)
        case "cosine":
            return cosine(start=1.0, end=0.0, steps=steps)
        case "power":
            return one_minus_power(start=1.0, end=0.0, steps=steps, power=power)
        case "exp":
            above_the_end = linear(start=0.0, end=1.0, steps=1.0 - ratio).shift(ratio)
            return above_the_end.warp(geometric(start=1.0, end=ratio, steps=steps))
        case str() if decay_fn.isidentifier():
            names = "'linear', '1-sqrt', 'cosine', 'power', 'exp'"
            raise ValueError(f"timm.WSDLRScheduler: decay_fn must be one of {names} or a function, got {decay_fn!r}")
    return as_schedule("timm.WSDLRScheduler", "decay_fn", decay_fn).warp(linear(start=0.0, end=1.0, steps=steps))


def _cycles(
    shape: Callable[[float, float, float], Schedule],
    high: float,
    low: float,
    steps: float,
    mul: float,
    decay: float,
    limit: int,
) -> Callable[[float], Schedule]:
    """So many cycles, each ``mul`` times as long and ``decay`` times as high as the last, then ``low``.

    Equal cycles are repeated; others are listed where they are few, or shrink, or rise, 1,500 of them at most. It is a
    function of the counter at which the first begins.
    """
    many = limit if mul <= 1 else min(limit, math.ceil(53 / math.log2(mul)))
    if limit <= 1 or mul < 1 or mul > 100 or not 0 < decay <= 1 or (mul > 1 and many <= _FEW_CYCLES):
        return functools.partial(_listed, shape, high, low, steps, mul, decay, min(many, _MOST_CYCLES))
    cycles = (high * shape(1.0, 0.0, steps)).repeat(every=steps, stretch=mul, scale=decay, closed="left")
    if low:
        cycles = cycles.add(shape(0.0, low, steps).repeat(every=steps, stretch=mul, closed="left"))
    whole = steps * (limit if mul == 1 else (mul**many - 1) / (mul - 1))
    if whole >= HORIZON:
        return lambda begin: cycles.shift(1 + begin)
    return lambda begin: from_zero((whole, cycles), constant(value=low), begin=begin)


def _listed(
    shape: Callable[[float, float, float], Schedule],
    high: float,
    low: float,
    steps: float,
    mul: float,
    decay: float,
    many: int,
    begin: float,
) -> Schedule:
    """Cycles one by one, each beginning where timm has it begin.

    timm finds the number of a cycle with a logarithm. Where that is rounded down at a restart, the cycle before it
    lasts for one more count: with ``cycle_mul=3`` at 121 of ``t_initial=1``.
    """
    pieces, end, late = [], 0.0, 0.0
    for number in range(many):
        length = steps * mul**number
        curve, begun, end = shape(high * decay**number, low, length), late, end + length
        late = 0.5 if begin == 0 and _misses(end, number + 1, steps, mul) else 0.0
        pieces.append((length - begun + late, curve.shift(-begun) if begun else curve))
    return from_zero(*pieces, constant(value=low), begin=begin)


def _misses(restart: float, number: int, steps: float, mul: float) -> bool:
    """Whether timm's logarithm gives a count that is on a restart to the cycle before it."""
    count = round(restart)
    left = 1 - count / steps * (1 - mul)
    if mul == 1 or left <= 0 or abs(restart - count) > 2.0**-32 * restart:
        return False
    return math.floor(math.log(left, mul)) < number


def _is_above_its_digits(number: float) -> bool:
    """Whether the double nearest to a fraction of small whole numbers lies above it: 2.2, not 2.4."""
    near = Fraction(number).limit_denominator(10_000)
    return 0 < Fraction(number) - near < near / 2**50


# ---------------------------------------------------------------------------------------------------------------------
# What all of them do before and after
# ---------------------------------------------------------------------------------------------------------------------


def _after_warmup(
    curve: Callable[[float], Schedule], steps: float, start: float, peak: float, prefix: bool
) -> Schedule:
    """A line up to ``peak``, then the curve from its beginning (``prefix``) or from where it is by then."""
    way_up, whole = segment(linear, start, peak, steps), math.ceil(steps)
    return from_zero((whole, way_up), curve(steps - whole).shift(-1)) if prefix else entered(steps, way_up, curve(0.0))


def _started(curve: Schedule, initial: float, step_first: bool) -> Schedule:
    """With the rate that the constructor leaves for the first update."""
    return curve if step_first or curve(1) == initial else constant(value=initial).then(curve.shift(-1), at=1)


def _noisy(
    curve: Schedule,
    noise_range: Any,
    kind: str,
    pct: float,
    std: float,
    seed: int | None,
    horizon: int,
    after: int = -1,
) -> Schedule:
    """The curve times one plus the noise drawn at each count of a range, none up to and with the count ``after``."""
    if noise_range is None:
        return curve
    begin, end = noise_range if isinstance(noise_range, tuple) else (noise_range, math.inf)
    first = max(math.ceil(begin), after + 1, 0)
    counts = range(first, math.ceil(min(end, first + horizon if end == math.inf else end)))
    if not counts:
        return curve
    factors = [1.0 + noise for noise in _draws(counts, kind, pct, std, 42 if seed is None else seed)]
    if min(factors) < 0:
        raise ValueError(f"timm: noise below -1 makes the rate negative; noise_pct must be at most 1 here, got {pct}")
    values, edges = [1.0, *factors, 1.0], [*counts, counts[-1] + 1]
    if first == 0:
        values, edges = values[1:], edges[1:]
    return curve * piecewise_constant(values=tuple(values), at=tuple(edges))


def _draws(counts: range, kind: str, pct: float, std: float, seed: int) -> list[float]:
    """The noise at each count: numbers of PyTorch's generator, seeded anew with ``seed + t``."""

    def draw(count: int) -> float:
        words = _words(seed + count)
        if kind == "uniform":
            return 2.0 * (next(words) % 2**24 * 2.0**-24 - 0.5) * pct
        for noise in itertools.islice(_normals(words), _MOST_DRAWS):
            if abs(noise * std) < pct:
                return noise * std
        raise ValueError(f"timm: no noise with noise_std={std} is below noise_pct={pct}; give a larger noise_pct")

    return [draw(count) for count in counts]


def _words(seed: int) -> Iterator[int]:
    """The 32-bit words of PyTorch's generator on the CPU after ``manual_seed``: a Mersenne twister."""
    import numpy as np

    twister = np.random.RandomState(seed % 2**32)
    while True:
        yield from twister.randint(0, 2**32, size=4, dtype=np.uint32).tolist()


def _normals(words: Iterator[int]) -> Iterator[float]:
    """Normal numbers as PyTorch draws them one by one: Box and Muller's pairs, rounded to single precision."""
    while True:
        angle, radius = ((next(words) * 2**32 + next(words)) % 2**53 * 2.0**-53 for _ in range(2))
        length = math.sqrt(-2.0 * math.log1p(-radius))
        for side in (math.cos(2.0 * math.pi * angle), math.sin(2.0 * math.pi * angle)):
            yield struct.unpack("f", struct.pack("f", length * side))[0]
