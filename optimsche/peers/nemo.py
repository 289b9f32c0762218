"""NeMo's annealing family: update ``n`` gets what it has at ``last_epoch = n - 1``.

All but the Noam ones and T5's share a warm-up whose update ``n`` of ``warmup_steps + 1`` gets ``n`` parts of the rate,
and a drop to ``min_lr`` after step ``max_steps``. ``warmup_ratio``, ``hold_ratio`` and ``constant_ratio`` are parts of
``max_steps``, rounded down.
"""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

from annotated_types import Gt, Lt

from optimsche.lr_fns import constant, cosine, inverse_sqrt, linear, one_minus_power, polynomial, power_law
from optimsche.peers._peer import Exponent, Lr, Share, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_zero, segment
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "WarmupPolicy",
    "WarmupHoldPolicy",
    "SquareAnnealing",
    "SquareRootAnnealing",
    "CosineAnnealing",
    "NoamAnnealing",
    "NoamHoldAnnealing",
    "WarmupAnnealing",
    "InverseSquareRootAnnealing",
    "T5InverseSquareRootAnnealing",
    "PolynomialDecayAnnealing",
    "PolynomialHoldDecayAnnealing",
    "WarmupHoldAnnealOneMinusSquareRoot",
    "WarmupHoldAnnealLinear",
]

Size: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("the width of the model")]


@peer("nemo")
def WarmupPolicy(
    *,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    max_steps: SomeSteps | None = None,
    min_lr: Lr = 0.0,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then the rate."""
    warmup = _steps("WarmupPolicy", "warmup", warmup_steps, warmup_ratio, max_steps)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, constant(value=base_lr))


@peer("nemo")
def WarmupHoldPolicy(
    *,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    hold_steps: Steps | None = None,
    hold_ratio: Share | None = None,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then the rate; ``hold_steps`` may hold it past ``max_steps``."""
    warmup, hold = _both("WarmupHoldPolicy", warmup_steps, warmup_ratio, hold_steps, hold_ratio, max_steps)
    return _annealed(base_lr, warmup, hold, max_steps, min_lr, constant(value=base_lr))


@peer("nemo")
def SquareAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 1e-5,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then the square of what is left, not below ``min_lr``."""
    warmup = _steps("SquareAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    fall = segment(polynomial, base_lr, 0.0, max_steps - warmup, power=2).clamp(floor=min_lr)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall.shift(warmup))


@peer("nemo")
def SquareRootAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then the square root of what is left of ``max_steps``, the warm-up included: a jump down to it."""
    warmup = _steps("SquareRootAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    fall = polynomial(start=base_lr, steps=max_steps, power=0.5).clamp(floor=min_lr)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall)


@peer("nemo")
def CosineAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    constant_steps: Steps | None = None,
    constant_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, half a cosine to ``min_lr``, and with ``constant_steps`` so many at it, after a warm-up from 0."""
    call = "CosineAnnealing"
    warmup = _steps(call, "warmup", warmup_steps, warmup_ratio, max_steps)
    held = _steps(call, "constant", constant_steps, constant_ratio, max_steps)
    if base_lr < min_lr or (held and base_lr == min_lr):
        raise ValueError(f"nemo.{call}: base_lr must be above min_lr={min_lr}, got {base_lr}")
    steps = max_steps - warmup - held
    if held:
        fall = segment(cosine, base_lr, min_lr, steps)
        return from_zero((warmup, segment(linear, 0.0, base_lr, warmup)), fall)
    fall = segment(cosine, base_lr, min_lr, steps)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall.shift(warmup))


@peer("nemo")
def NoamAnnealing(
    *,
    d_model: Size,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    max_steps: SomeSteps | None = None,
    min_lr: Lr = 0.0,
    base_lr: Lr,
) -> Schedule:
    """``d_model**-0.5 * min(step**-0.5, step * warmup_steps**-1.5)`` times the rate, not below ``min_lr`` after it.

    Steps 0 and 1 are both step 1. ``max_steps`` is what ``warmup_ratio`` is a part of, and no end.
    """
    warmup = _steps("NoamAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    if base_lr < min_lr:
        raise ValueError(f"nemo.NoamAnnealing: base_lr must not be below min_lr={min_lr}, got {base_lr}")
    begin = max(warmup, 1)
    peak = base_lr * d_model**-0.5 * begin**-0.5
    fall = inverse_sqrt(start=peak, timescale=begin).clamp(floor=min_lr)
    if warmup > 0 and peak < min_lr:  # the last step of the warm-up is below the floor, the next one at it
        fall = constant(value=peak).then(fall, at=0.5)
    rise = linear(start=0.0, end=peak, steps=begin)
    first = max(rise(1), min_lr) if warmup == 0 else rise(1)
    return constant(value=first).then(from_zero((begin, rise), fall).shift(-1), at=1)


@peer("nemo")
def NoamHoldAnnealing(
    *,
    max_steps: SomeSteps,
    decay_rate: Exponent = 0.5,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    hold_steps: Steps | None = None,
    hold_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, the rate for ``hold_steps``, then ``(1 + steps / warmup_steps) ** -decay_rate``, above ``min_lr``."""
    call = "NoamHoldAnnealing"
    warmup, hold = _both(call, warmup_steps, warmup_ratio, hold_steps, hold_ratio, max_steps)
    if warmup == 0:
        raise ValueError(f"nemo.{call}: it cannot be used without warm-up steps; give warmup_steps or warmup_ratio")
    fall = constant(value=base_lr)
    if decay_rate > 0:
        fall = power_law(start=base_lr, timescale=warmup, power=decay_rate)
    after = fall.clamp(floor=min_lr).shift(max(warmup, hold))
    return _annealed(base_lr, warmup, hold, max_steps, min_lr, after)


@peer("nemo")
def WarmupAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then a line to ``min_lr``."""
    warmup = _steps("WarmupAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    fall = segment(linear, base_lr, min_lr, max_steps - warmup)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall.shift(warmup))


@peer("nemo")
def InverseSquareRootAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then the inverse square root of the step plus 1."""
    warmup = _steps("InverseSquareRootAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    fall = inverse_sqrt(start=base_lr, timescale=warmup + 1)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall.shift(warmup))


@peer("nemo")
def T5InverseSquareRootAnnealing(*, max_steps: SomeSteps, constant_steps: SomeSteps, min_lr: Lr = 0.0) -> Schedule:
    """The inverse square root of the step, itself and not of a rate, that of ``constant_steps`` up to it."""
    fall = inverse_sqrt(start=constant_steps**-0.5, timescale=constant_steps).shift(constant_steps)
    return from_zero((max(max_steps, constant_steps) + 1, fall), constant(value=min_lr))


@peer("nemo")
def PolynomialDecayAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    power: Exponent = 1.0,
    cycle: bool = False,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, then a power of what is left, down to ``min_lr``.

    ``cycle`` changes nothing, here as in NeMo: the second cycle would begin after ``max_steps``.
    """
    warmup = _steps("PolynomialDecayAnnealing", "warmup", warmup_steps, warmup_ratio, max_steps)
    fall = _power(base_lr, min_lr, max_steps - warmup, power)
    return _annealed(base_lr, warmup, 0, max_steps, min_lr, fall.shift(warmup))


@peer("nemo")
def PolynomialHoldDecayAnnealing(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    power: Exponent = 1.0,
    cycle: bool = False,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    hold_steps: Steps | None = None,
    hold_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, the rate for ``hold_steps``, then a power of what is left, down to ``min_lr``.

    Without steps to hold it counts what is left from the beginning and jumps down. Only the first ``cycle`` is here.
    """
    call = "PolynomialHoldDecayAnnealing"
    warmup, hold = _both(call, warmup_steps, warmup_ratio, hold_steps, hold_ratio, max_steps)
    if cycle and not hold and warmup:
        raise ValueError(f"nemo.{call}: cycle=True without hold_steps begins a second cycle, which is not played here")
    fall = _power(base_lr, min_lr, max_steps - max(warmup, hold), power)
    return _annealed(base_lr, warmup, hold, max_steps, min_lr, fall.shift(hold))


@peer("nemo")
def WarmupHoldAnnealOneMinusSquareRoot(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    hold_steps: Steps | None = None,
    hold_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, the rate for ``hold_steps``, then one minus the square root of what is done, above ``min_lr``."""
    call = "WarmupHoldAnnealOneMinusSquareRoot"
    warmup, hold = _both(call, warmup_steps, warmup_ratio, hold_steps, hold_ratio, max_steps)
    fall = segment(one_minus_power, base_lr, 0.0, max_steps - hold).clamp(floor=min_lr)
    return _annealed(base_lr, warmup, hold, max_steps, min_lr, fall.shift(hold))


@peer("nemo")
def WarmupHoldAnnealLinear(
    *,
    max_steps: SomeSteps,
    min_lr: Lr = 0.0,
    warmup_steps: Steps | None = None,
    warmup_ratio: Share | None = None,
    hold_steps: Steps | None = None,
    hold_ratio: Share | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up, the rate for ``hold_steps``, then a line to ``min_lr``."""
    call = "WarmupHoldAnnealLinear"
    warmup, hold = _both(call, warmup_steps, warmup_ratio, hold_steps, hold_ratio, max_steps)
    fall = segment(linear, base_lr, min_lr, max_steps - hold)
    return _annealed(base_lr, warmup, hold, max_steps, min_lr, fall.shift(hold))


def _annealed(peak: float, warmup: int, hold: int, max_steps: int | None, min_lr: float, after: Schedule) -> Schedule:
    """The warm-up, the rate up to step ``hold``, a curve of the step up to and with ``max_steps``, and ``min_lr``."""
    rise = (warmup + 1, linear(start=peak / (warmup + 1), end=peak, steps=warmup)) if warmup else (0, after)
    begin = max(rise[0], hold)
    held = begin - rise[0], constant(value=peak)
    if max_steps is None:
        return from_zero(rise, held, after.shift(-begin))
    return from_zero(rise, held, (max_steps + 1 - begin, after.shift(-begin)), constant(value=min_lr))


def _steps(call: str, what: str, steps: int | None, ratio: float | None, max_steps: int | None) -> int:
    if steps is not None and ratio is not None:
        raise ValueError(f"nemo.{call}: give either {what}_steps or {what}_ratio, not both")
    if ratio is None:
        return steps or 0
    if max_steps is None:
        raise ValueError(f"nemo.{call}: {what}_ratio is a part of max_steps, so give that, too")
    return int(ratio * max_steps)


def _both(
    call: str,
    warmup_steps: int | None,
    warmup_ratio: float | None,
    hold_steps: int | None,
    hold_ratio: float | None,
    max_steps: int,
) -> tuple[int, int]:
    """The last step of the warm-up, and the one with which the hold is over, 0 where there is none."""
    warmup = _steps(call, "warmup", warmup_steps, warmup_ratio, max_steps)
    hold = _steps(call, "hold", hold_steps, hold_ratio, max_steps)
    return warmup, warmup + hold if hold_steps is not None or hold_ratio is not None else 0


def _power(start: float, end: float, steps: int, power: float) -> Schedule:
    return segment(polynomial, start, end, steps, power=power) if power > 0 else constant(value=start)
