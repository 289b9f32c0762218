"""axlearn's schedules: they count updates from 1, as this library does, and so does update ``n``.

Where a schedule takes others, a bare number is one, too, and None is 1.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

from annotated_types import Ge, Gt, Le, Lt, MinLen

from optimsche.lr_fns import constant, cosine, expression, geometric, linear, one_minus_power, power_law
from optimsche.peers._peer import Exponent, Gamma, Lr, SomeSteps, Steps, Value, peer
from optimsche.peers._pieces import from_one, from_zero, segment
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "polynomial",
    "exponential",
    "inverse_sqrt",
    "adafactor",
    "adafactor_decay_rate",
    "decay_bias_correction",
    "ema_schedule",
    "stepwise",
    "segment_wise",
    "cosine_with_linear_warmup",
    "warmup_stable_decay",
    "constant_with_linear_warmup",
    "linear_schedule_with_warmup",
]

Step: TypeAlias = Annotated[int, Meaning("a step")]
SubSchedules: TypeAlias = Annotated[tuple[Any, ...], MinLen(1), Meaning("schedules of this module, or numbers")]
StepList: TypeAlias = Annotated[tuple[Steps, ...], Meaning("numbers of steps")]
Decay: TypeAlias = Annotated[float, Gt(0), Lt(1), Meaning("what is left of an average with each update")]
FallingPower: TypeAlias = Annotated[float, Gt(-math.inf), Le(0), Meaning("an exponent")]
Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
PositiveValue: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a value")]
EmaDecay: TypeAlias = Annotated[float, Ge(0), Le(1), Meaning("what is left of an average with each update")]


@peer("axlearn")
def polynomial(
    *, begin_step: Step = 0, begin_value: Value = 0.0, end_step: Step = 1, end_value: Value = 0.0, power: Exponent = 1
) -> Schedule:
    """A power of what is done between two steps; with ``power`` 0 the end value throughout."""
    length = _between("polynomial", begin_step, end_step)
    if power == 0:
        return constant(value=begin_value + (end_value - begin_value))
    return one_minus_power(start=begin_value, end=end_value, steps=length, power=power).shift(begin_step)


@peer("axlearn")
def exponential(
    *, begin_step: Step = 0, begin_value: PositiveValue, end_step: Step = 1, end_value: PositiveValue
) -> Schedule:
    """By the same ratio with each step between two steps."""
    length = _between("exponential", begin_step, end_step)
    return geometric(start=begin_value, end=end_value, steps=length).shift(begin_step)


@peer("axlearn")
def inverse_sqrt(*, warmup_steps: SomeSteps = 1) -> Schedule:
    """The inverse square root of the step, itself and not of a rate, that of ``warmup_steps`` before it."""
    return power_law(start=warmup_steps**-0.5, timescale=warmup_steps, power=0.5).shift(warmup_steps)


@peer("axlearn")
def adafactor(
    scale: Gamma = 1.0, *, warmup_steps: SomeSteps = 10_000, decay_power: FallingPower = -0.5, step_offset: Steps = 0
) -> Schedule:
    """``scale`` times a line up, then a power of the step plus ``step_offset``, itself and not of a rate."""
    peak = scale * warmup_steps**decay_power
    power = {"power": -decay_power}
    fall = power_law(start=peak, timescale=warmup_steps, **power) if decay_power else constant(value=peak)
    return fall.warmup(warmup_steps).shift(-step_offset)


@peer("axlearn")
def adafactor_decay_rate(c: Power = 0.8, step_offset: Steps = 0) -> Schedule:
    """Adafactor's average: ``1 - (step - step_offset) ** -c``, 0 before it."""
    return linear(steps=1).warp(power_law(timescale=1, power=c).shift(1 + step_offset))


@peer("axlearn")
def decay_bias_correction(decay: Decay) -> Schedule:
    """An average corrected for its beginning: ``decay * (1 - decay**(step - 1)) / (1 - decay**step)``."""
    return expression(text=f"{decay!r} * (1 - {decay!r} ** t) / (1 - {decay!r} ** (t + 1))").shift(1)


@peer("axlearn")
def ema_schedule(decay: EmaDecay = 0.9999, *, warmup_steps: SomeSteps = 1, step_offset: Steps = 0) -> Schedule:
    """An average's ``step / (1 + step)``, from ``warmup_steps`` on ``decay``; steps count from ``step_offset``."""
    rise = linear(steps=1).warp(power_law(timescale=1, power=1))
    return from_zero((warmup_steps, rise), constant(value=decay)).shift(step_offset - 1)


@peer("axlearn")
def stepwise(sub: SubSchedules, start_step: StepList) -> Schedule:
    """Schedules one after the other, each on its own steps from 0: a boundary belongs to the next one.

    axlearn rounds what they give to single precision.
    """
    pieces = _schedules("stepwise", "sub", sub)
    if len(pieces) != len(start_step) + 1:
        raise ValueError(
            f"axlearn.stepwise: {len(pieces)} in sub need {len(pieces) - 1} in start_step, got {start_step}"
        )
    if list(start_step) != sorted(start_step):
        raise ValueError(f"axlearn.stepwise: start_step must not decrease, got {start_step}")
    lengths = [end - begin for begin, end in zip((0, *start_step), start_step, strict=False)]
    return from_zero(*zip(lengths, pieces, strict=False), pieces[-1]).shift(-1)


@peer("axlearn")
def segment_wise(segments: SubSchedules, *, segment_steps: StepList) -> Schedule:
    """Schedules one after the other, each on its own steps from 1: a boundary belongs to the one before it.

    The last runs on; at step 0, before the first, it is 0.
    """
    pieces = _schedules("segment_wise", "segments", segments)
    if len(pieces) != len(segment_steps) + 1:
        raise ValueError(
            f"axlearn.segment_wise: {len(pieces)} segments need {len(pieces) - 1} segment_steps, got {segment_steps}"
        )
    return _zero_first(from_one(*zip(segment_steps, pieces, strict=False), pieces[-1]))


@peer("axlearn")
def cosine_with_linear_warmup(
    peak_lr: Lr,
    *,
    max_step: SomeSteps,
    warmup_steps: Steps = 500,
    begin_value: Lr = 0.0,
    alpha: Gamma = 0.0,
    decay_begin_step: Steps | None = None,
) -> Schedule:
    """A line up, the rate up to ``decay_begin_step`` if that is later, half a cosine to ``alpha`` times the rate."""
    begin = max(warmup_steps, decay_begin_step or 0)
    length = _left("cosine_with_linear_warmup", max_step, begin)
    return _warmed_up(
        peak_lr, warmup_steps, begin_value, begin, cosine(start=peak_lr, end=alpha * peak_lr, steps=length)
    )


@peer("axlearn")
def warmup_stable_decay(
    peak_lr: Lr,
    *,
    max_step: SomeSteps,
    decay_begin_step: Steps,
    warmup_steps: Steps = 500,
    begin_value: Lr = 0.0,
    alpha: Gamma = 0.0,
) -> Schedule:
    """A line up, the rate, from ``decay_begin_step`` on a line down to ``alpha`` times the rate."""
    if decay_begin_step < warmup_steps:
        raise ValueError(
            f"axlearn.warmup_stable_decay: decay_begin_step must be >= warmup_steps={warmup_steps}, "
            f"got {decay_begin_step}"
        )
    length = _left("warmup_stable_decay", max_step, decay_begin_step)
    fall = linear(start=peak_lr, end=alpha * peak_lr, steps=length)
    return _warmed_up(peak_lr, warmup_steps, begin_value, decay_begin_step, fall)


@peer("axlearn")
def constant_with_linear_warmup(peak_lr: Lr, *, warmup_steps: SomeSteps = 500, begin_value: Lr = 0.0) -> Schedule:
    """A line up, then the rate."""
    return _warmed_up(peak_lr, warmup_steps, begin_value, warmup_steps, constant(value=peak_lr))


@peer("axlearn")
def linear_schedule_with_warmup(
    peak_lr: Lr, *, max_step: SomeSteps, warmup_steps: SomeSteps, begin_value: Lr = 0.0, end_value: Lr = 0.0
) -> Schedule:
    """A line up, then one down."""
    length = _left("linear_schedule_with_warmup", max_step, warmup_steps)
    fall = linear(start=peak_lr, end=end_value, steps=length)
    return _warmed_up(peak_lr, warmup_steps, begin_value, warmup_steps, fall)


def _warmed_up(peak: float, warmup: int, start: float, begin: int, after: Schedule) -> Schedule:
    rise = segment(linear, start, peak, warmup)
    return _zero_first(from_one((warmup, rise), (begin - warmup, constant(value=peak)), after))


def _zero_first(curve: Schedule) -> Schedule:
    """0 at step 0, which a schedule that is nested in :func:`stepwise` may be asked for."""
    return curve if curve(0) == 0 else constant(value=0.0).then(curve.shift(-0.5), at=0.5)


def _schedules(name: str, argument: str, given: tuple[Any, ...]) -> list[Schedule]:
    """Schedules, where bare numbers and None may stand for one."""
    for place, one in enumerate(given):
        if isinstance(one, bool) or not (one is None or isinstance(one, int | float | Schedule)):
            raise TypeError(f"axlearn.{name}: {argument} takes schedules and numbers, got {one!r:.60} at {place}")
    return [one if isinstance(one, Schedule) else constant(value=1.0 if one is None else one) for one in given]


def _between(name: str, begin_step: int, end_step: int) -> int:
    if begin_step >= end_step:
        raise ValueError(f"axlearn.{name}: end_step must be > begin_step={begin_step}, got {end_step}")
    return end_step - begin_step


def _left(name: str, max_step: int, begin: int) -> int:
    if max_step <= begin:
        raise ValueError(f"axlearn.{name}: max_step must be > {begin}, where the decay begins, got {max_step}")
    return max_step - begin
