"""pytorch_scheduler's schedulers: update ``n`` gets what they have at ``last_epoch = n - 1``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from optimsche.lr_fns import (
    constant,
    cosine,
    geometric,
    hyperbolic,
    inverse_sqrt,
    linear,
    one_minus_power,
    polynomial,
    power_law,
    rex,
    tanh,
)
from optimsche.peers._peer import Lr, PositiveGamma, PositiveLr, Schedules, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_zero, segment, up_to, warm_restarts
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "RexScheduler",
    "InverseSqrtScheduler",
    "LinearDecayScheduler",
    "CosineWithWarmupScheduler",
    "WarmupHoldCosineScheduler",
    "TrapezoidalScheduler",
    "WSDScheduler",
    "FlatCosineScheduler",
    "KDecayScheduler",
    "TanhDecayScheduler",
    "SlantedTriangularScheduler",
    "PolynomialScheduler",
    "PowerDecayScheduler",
    "ChebyshevScheduler",
    "HyperbolicLRScheduler",
    "ExpHyperbolicLRScheduler",
    "CosineAnnealingWarmupRestarts",
    "IdentityScheduler",
    "WarmupScheduler",
    "SequentialComposer",
]

Power = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Steepness = Annotated[float, Gt(0), Lt(math.inf), Meaning("how steep the curve is in its middle")]
CutFraction = Annotated[float, Gt(0), Lt(1), Meaning("a part of the whole")]
FlatFraction = Annotated[float, Ge(0), Lt(1), Meaning("a part of the whole")]
Multiplier = Annotated[float, Gt(0), Lt(math.inf), Meaning("how many times as long each cycle is as the last")]
Milestones = Annotated[tuple[Steps, ...], Meaning("numbers of steps")]
_SHAPES: dict[str, Callable[..., Schedule]] = {
    "cosine": cosine,
    "exponential": one_minus_power,
    "linear": linear,
    "sqrt": one_minus_power,
}


@peer("pytorch_scheduler")
def RexScheduler(total_steps: SomeSteps, *, base_lr: Lr) -> Schedule:
    """Slowly, then quickly down to 0."""
    return rex(start=base_lr, steps=total_steps).shift(1)


@peer("pytorch_scheduler")
def InverseSqrtScheduler(warmup_steps: SomeSteps, *, base_lr: Lr) -> Schedule:
    """A line up from 0, then the inverse square root of the step."""
    return inverse_sqrt(start=base_lr, timescale=warmup_steps).warmup(warmup_steps).shift(1)


@peer("pytorch_scheduler")
def LinearDecayScheduler(total_steps: SomeSteps, warmup_steps: Steps = 0, min_lr: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """A line up from 0, then one down."""
    _fits("LinearDecayScheduler", total_steps, warmup_steps=warmup_steps)
    return linear(start=base_lr, end=min_lr, steps=total_steps - warmup_steps).warmup(warmup_steps).shift(1)


@peer("pytorch_scheduler")
def CosineWithWarmupScheduler(
    total_steps: SomeSteps, warmup_steps: Steps = 0, min_lr: Lr = 0.0, *, base_lr: Lr
) -> Schedule:
    """A line up from 0, then half a cosine."""
    _fits("CosineWithWarmupScheduler", total_steps, warmup_steps=warmup_steps)
    return cosine(start=base_lr, end=min_lr, steps=total_steps - warmup_steps).warmup(warmup_steps).shift(1)


@peer("pytorch_scheduler")
def WarmupHoldCosineScheduler(
    total_steps: SomeSteps, warmup_steps: Steps = 0, hold_steps: Steps = 0, min_lr: Lr = 0.0, *, base_lr: Lr
) -> Schedule:
    """A line up from 0, the rate, half a cosine."""
    _fits("WarmupHoldCosineScheduler", total_steps, warmup_steps=warmup_steps, hold_steps=hold_steps)
    fall = cosine(start=base_lr, end=min_lr, steps=total_steps - warmup_steps - hold_steps)
    return from_zero(up_to(base_lr, warmup_steps), (hold_steps, constant(value=base_lr)), fall)


@peer("pytorch_scheduler")
def TrapezoidalScheduler(
    total_steps: SomeSteps, warmup_steps: Steps, decay_steps: Steps, min_lr: Lr = 0.0, *, base_lr: Lr
) -> Schedule:
    """A line up from 0, the rate, a line down over the last ``decay_steps``."""
    hold = total_steps - warmup_steps - decay_steps
    if hold < 0:
        raise ValueError(
            f"pytorch_scheduler.TrapezoidalScheduler: warmup_steps + decay_steps must be <= total_steps={total_steps}, "
            f"got {warmup_steps} + {decay_steps}"
        )
    fall = segment(linear, base_lr, min_lr, decay_steps)
    return from_zero(up_to(base_lr, warmup_steps), (hold, constant(value=base_lr)), fall)


@peer("pytorch_scheduler")
def WSDScheduler(
    total_steps: SomeSteps,
    warmup_steps: Steps,
    stable_steps: Steps,
    min_lr: Lr = 0.0,
    decay_type: Literal["cosine", "linear", "sqrt"] = "cosine",
    *,
    base_lr: Lr,
) -> Schedule:
    """A line up from 0, the rate, a decay over what is left."""
    _fits("WSDScheduler", total_steps, warmup_steps=warmup_steps, stable_steps=stable_steps)
    fall = _SHAPES[decay_type](start=base_lr, end=min_lr, steps=total_steps - warmup_steps - stable_steps)
    return from_zero(up_to(base_lr, warmup_steps), (stable_steps, constant(value=base_lr)), fall)


@peer("pytorch_scheduler")
def FlatCosineScheduler(
    total_steps: SomeSteps, flat_fraction: FlatFraction = 0.7, min_lr: Lr = 0.0, *, base_lr: Lr
) -> Schedule:
    """The rate for a part of the steps, rounded down, then half a cosine."""
    flat = math.floor(total_steps * flat_fraction)
    fall = cosine(start=base_lr, end=min_lr, steps=total_steps - flat)
    return from_zero((flat, constant(value=base_lr)), fall)


@peer("pytorch_scheduler")
def KDecayScheduler(total_steps: SomeSteps, k: Power = 1.0, min_lr: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine of the ``k``-th power of what is done."""
    done = one_minus_power(start=0.0, end=1.0, steps=total_steps, power=k)
    return cosine(start=base_lr, end=min_lr, steps=1).warp(done).shift(1)


@peer("pytorch_scheduler")
def TanhDecayScheduler(
    total_steps: SomeSteps, steepness: Steepness = 3.0, min_lr: Lr = 0.0, *, base_lr: Lr
) -> Schedule:
    """The stretch of tanh between ``-steepness`` and ``steepness``: it begins below the rate and jumps at its end."""
    inside = 0.5 * (1.0 + math.tanh(steepness))
    start, end = min_lr + (base_lr - min_lr) * inside, min_lr + (base_lr - min_lr) * (1.0 - inside)
    fall = tanh(start=start, end=max(end, 0.0), steps=total_steps, lower=-steepness, upper=steepness)
    return from_zero((total_steps, fall), constant(value=min_lr))


@peer("pytorch_scheduler")
def SlantedTriangularScheduler(
    total_steps: SomeSteps, cut_frac: CutFraction = 0.1, ratio: PositiveGamma = 32.0, *, base_lr: Lr
) -> Schedule:
    """A line from ``base_lr / ratio`` up to the rate and one down again; with ``ratio`` below 1 the rate, for ever."""
    cut = math.floor(total_steps * cut_frac)
    low = base_lr / max(ratio, 1.0)
    fall = linear(start=base_lr, end=low, steps=total_steps - cut)
    if cut == 0:  # the first step is the lowest, and the second already one of the way down
        return from_zero((1, constant(value=low)), fall.shift(-1))
    return from_zero(up_to(base_lr, cut, low), fall)


@peer("pytorch_scheduler")
def PolynomialScheduler(
    total_steps: SomeSteps,
    power: Power = 1.0,
    min_lr: Lr = 0.0,
    warmup_steps: Steps = 0,
    cycle: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """A line up from 0, then a power of what is left; with ``cycle`` again and again."""
    _fits("PolynomialScheduler", total_steps, warmup_steps=warmup_steps)
    fall = polynomial(start=base_lr, end=min_lr, steps=total_steps - warmup_steps, power=power)
    plan = fall.warmup(warmup_steps)
    return (plan.repeat(closed="left") if cycle else plan).shift(1)


@peer("pytorch_scheduler")
def PowerDecayScheduler(
    total_steps: SomeSteps,
    warmup_steps: Steps = 0,
    alpha: Power = 0.5,
    min_lr: Lr = 0.0,
    *,
    base_lr: Lr,
) -> Schedule:
    """A line up from 0, then a power of the step, not below ``min_lr``; ``total_steps`` is not looked at."""
    _fits("PowerDecayScheduler", total_steps, warmup_steps=warmup_steps)
    if warmup_steps > 0:
        fall = power_law(start=base_lr, timescale=warmup_steps, power=alpha).clamp(floor=min_lr)
        return from_zero(up_to(base_lr, warmup_steps), fall)
    fall = power_law(start=base_lr, timescale=1, power=alpha).clamp(floor=min_lr)
    return from_zero((1, constant(value=base_lr)), fall.shift(-1))


@peer("pytorch_scheduler")
def ChebyshevScheduler(total_steps: SomeSteps, min_lr: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine at the middle of each step: the nodes of a Chebyshev polynomial, the largest first."""
    middles = segment(linear, 0.5, total_steps - 0.5, total_steps - 1)
    return cosine(start=base_lr, end=min_lr, steps=total_steps).warp(middles).shift(1)


@peer("pytorch_scheduler")
def HyperbolicLRScheduler(
    total_steps: SomeSteps, upper_bound: SomeSteps, min_lr: Lr = 1e-6, warmup_steps: Steps = 0, *, base_lr: Lr
) -> Schedule:
    """A line up from ``min_lr``, then a hyperbola, which ends above ``min_lr`` unless ``upper_bound`` is its length."""
    length, drop = _hyperbola("HyperbolicLRScheduler", total_steps, upper_bound, warmup_steps)
    end = max(base_lr - (base_lr - min_lr) * drop, 0.0)
    fall = hyperbolic(start=base_lr, end=end, steps=length, upper_bound=upper_bound)
    return fall.warmup(warmup_steps, start=min_lr if warmup_steps else 0.0).shift(1)


@peer("pytorch_scheduler")
def ExpHyperbolicLRScheduler(
    total_steps: SomeSteps,
    upper_bound: SomeSteps,
    min_lr: PositiveLr = 1e-6,
    warmup_steps: Steps = 0,
    *,
    base_lr: PositiveLr,
) -> Schedule:
    """:func:`HyperbolicLRScheduler` in the logarithm of the rate."""
    length, drop = _hyperbola("ExpHyperbolicLRScheduler", total_steps, upper_bound, warmup_steps)
    done = hyperbolic(start=0.0, end=1.0, steps=length, upper_bound=upper_bound)
    fall = geometric(start=base_lr, end=base_lr * (base_lr / min_lr) ** -drop, steps=1).warp(done)
    return fall.warmup(warmup_steps, start=min_lr if warmup_steps else 0.0).shift(1)


def _hyperbola(name: str, total_steps: int, upper_bound: int, warmup_steps: int) -> tuple[int, float]:
    """The length of the way down, and how much of the way to ``min_lr`` is made on it."""
    _fits(name, total_steps, warmup_steps=warmup_steps)
    if upper_bound < total_steps:
        raise ValueError(
            f"pytorch_scheduler.{name}: upper_bound must be >= total_steps={total_steps}, got {upper_bound}"
        )
    length = total_steps - warmup_steps
    return length, math.sqrt(length / upper_bound * (2.0 - length / upper_bound))


@peer("pytorch_scheduler")
def CosineAnnealingWarmupRestarts(
    first_cycle_steps: SomeSteps,
    warmup_steps: Steps = 0,
    max_lr: Lr = 0.1,
    min_lr: Lr = 0.001,
    cycle_mult: Multiplier = 1.0,
    gamma: PositiveGamma = 1.0,
) -> Schedule:
    """Lines up and half cosines down; cycle ``i`` has ``int(first_cycle_steps * cycle_mult**i)`` steps.

    The first step of each cycle has ``min_lr``, also without a warm-up. Of cycles that grow the first 2,000 are made,
    of those that shrink all that have a step.
    """
    name = "CosineAnnealingWarmupRestarts"
    if warmup_steps >= first_cycle_steps:
        raise ValueError(
            f"pytorch_scheduler.{name}: warmup_steps must be < first_cycle_steps={first_cycle_steps}, "
            f"got {warmup_steps}"
        )
    if max_lr < min_lr:
        raise ValueError(f"pytorch_scheduler.{name}: max_lr must be >= min_lr={min_lr}, got {max_lr}")
    lengths = (int(first_cycle_steps * cycle_mult**i) for i in range(10_000))
    return warm_restarts(lengths, warmup_steps, max_lr, min_lr, gamma, low_first=True)


@peer("pytorch_scheduler")
def IdentityScheduler(*, base_lr: Lr) -> Schedule:
    """The rate."""
    return constant(value=base_lr)


@peer("pytorch_scheduler")
def WarmupScheduler(
    base_scheduler: Schedule,
    warmup_steps: Steps,
    warmup_type: Literal["linear", "cosine", "exponential"] = "linear",
    *,
    base_lr: Lr,
) -> Schedule:
    """From 0 to the rate, then a schedule of this module from its beginning; ``"exponential"`` is the square."""
    power = {"power": 2.0} if warmup_type == "exponential" else {}
    rise = segment(_SHAPES[warmup_type], 0.0, base_lr, warmup_steps, **power)
    return from_zero((warmup_steps, rise), base_scheduler.shift(-1))


@peer("pytorch_scheduler")
def SequentialComposer(schedulers: Schedules, milestones: Milestones) -> Schedule:
    """Schedules of this module one after the other, the next from each of ``milestones`` on."""
    name = "pytorch_scheduler.SequentialComposer"
    if len(milestones) != len(schedulers) - 1:
        raise ValueError(
            f"{name}: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got {milestones}"
        )
    if list(milestones) != sorted(milestones):
        raise ValueError(f"{name}: milestones must be sorted, got {milestones}")
    lengths = [end - begin for begin, end in zip((0, *milestones), milestones, strict=False)]
    pieces = [schedule.shift(-1) for schedule in schedulers]
    return from_zero(*zip(lengths, pieces, strict=False), pieces[-1])


def _fits(name: str, total_steps: int, **parts: int) -> None:
    """Refuse parts of a run that leave no step of it."""
    if sum(parts.values()) >= total_steps:
        words, numbers = " + ".join(parts), " + ".join(map(str, parts.values()))
        raise ValueError(f"pytorch_scheduler.{name}: {words} must be < total_steps={total_steps}, got {numbers}")
