"""Paddle's schedulers: update ``n`` gets what they have at ``last_epoch = n - 1``.

They hold the rate themselves, so ``learning_rate`` is an argument of each.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Lt, MinLen

from optimsche.lr_fns import constant as held
from optimsche.lr_fns import exponential, inverse_sqrt, linear, power_law
from optimsche.peers import keras, torch
from optimsche.peers._functions import as_schedule
from optimsche.peers._peer import (
    Ease,
    Edges,
    Gamma,
    Lr,
    Metrics,
    PositiveLr,
    RealSteps,
    Share,
    SomeRealSteps,
    SomeSteps,
    Steps,
    UnitFactor,
    peer,
)
from optimsche.peers._pieces import from_zero, powers, stairs
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "NoamDecay",
    "PiecewiseDecay",
    "NaturalExpDecay",
    "InverseTimeDecay",
    "PolynomialDecay",
    "LinearWarmup",
    "ExponentialDecay",
    "MultiStepDecay",
    "StepDecay",
    "LambdaDecay",
    "MultiplicativeDecay",
    "ReduceOnPlateau",
    "CosineAnnealingDecay",
    "OneCycleLR",
    "CyclicLR",
    "LinearLR",
    "CosineAnnealingWarmRestarts",
]

Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Drop: TypeAlias = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
Falling: TypeAlias = Annotated[float, Ge(0), Lt(1), Meaning("a factor on the rate")]
Size: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("the width of the model")]
SomeEdges: TypeAlias = Annotated[tuple[RealSteps, ...], MinLen(1), Meaning("numbers of steps")]
Values: TypeAlias = Annotated[tuple[Lr, ...], MinLen(2), Meaning("learning rates")]
Speed: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("how fast the rate falls")]


@peer("paddle")
def NoamDecay(d_model: Size, warmup_steps: SomeRealSteps, learning_rate: Lr = 1.0) -> Schedule:
    """``d_model**-0.5 * min(e**-0.5, e * warmup_steps**-1.5)`` times the rate, at ``e = n - 1``."""
    peak = learning_rate * d_model**-0.5 * warmup_steps**-0.5
    return inverse_sqrt(start=peak, timescale=warmup_steps).warmup(warmup_steps).shift(1)


@peer("paddle")
def PiecewiseDecay(boundaries: SomeEdges, values: Values) -> Schedule:
    """The first of ``values`` whose boundary is still ahead, then the last.

    A boundary that is no later than one before it is never met.
    """
    if len(values) <= len(boundaries):
        raise ValueError(
            f"paddle.PiecewiseDecay: {len(boundaries)} boundaries need {len(boundaries) + 1} values, got {len(values)}"
        )
    kept: list[tuple[float, float]] = []
    for boundary, value in zip(boundaries, values, strict=False):
        if not kept or boundary > kept[-1][0]:
            kept.append((boundary, value))
    return stairs([*(value for _, value in kept), values[-1]], [boundary for boundary, _ in kept])


@peer("paddle")
def NaturalExpDecay(learning_rate: Lr, gamma: Speed) -> Schedule:
    """The rate times ``exp(-gamma * e)``."""
    return exponential(start=learning_rate, factor=math.exp(-1.0), every=1 / gamma).shift(1)


@peer("paddle")
def InverseTimeDecay(learning_rate: Lr, gamma: Gamma) -> Schedule:
    """The rate divided by ``1 + gamma * e``."""
    if gamma == 0:
        return held(value=learning_rate)
    return power_law(start=learning_rate, timescale=1 / gamma, power=1).shift(1)


@peer("paddle")
def PolynomialDecay(
    learning_rate: Lr, decay_steps: SomeSteps, end_lr: Lr = 0.0001, power: Power = 1.0, cycle: bool = False
) -> Schedule:
    """A power of what is left of ``decay_steps``, or with ``cycle`` of the next multiple of them."""
    return keras.polynomial_decay(learning_rate, decay_steps, end_lr, power, cycle)


@peer("paddle")
def LinearWarmup(learning_rate: Lr | Schedule, warmup_steps: SomeSteps, start_lr: Lr, end_lr: Lr) -> Schedule:
    """A line from ``start_lr`` towards ``end_lr``, then a rate, or a schedule of this module from its own beginning."""
    if end_lr <= start_lr:
        raise ValueError(f"paddle.LinearWarmup: end_lr must be greater than start_lr={start_lr}, got {end_lr}")
    after = learning_rate.shift(-1) if isinstance(learning_rate, Schedule) else held(value=learning_rate)
    return from_zero((warmup_steps, linear(start=start_lr, end=end_lr, steps=warmup_steps)), after)


@peer("paddle")
def ExponentialDecay(learning_rate: Lr, gamma: Drop) -> Schedule:
    """The rate times ``gamma`` with each step."""
    return powers(learning_rate, gamma).shift(1)


@peer("paddle")
def MultiStepDecay(learning_rate: Lr, milestones: Edges, gamma: Falling = 0.1) -> Schedule:
    """The rate times ``gamma`` from each of ``milestones`` on."""
    if list(milestones) != sorted(set(milestones)):
        raise ValueError(f"paddle.MultiStepDecay: milestones must increase, got {milestones}")
    return stairs([learning_rate * gamma**k for k in range(len(milestones) + 1)], milestones)


@peer("paddle")
def StepDecay(learning_rate: Lr, step_size: SomeSteps, gamma: Falling = 0.1) -> Schedule:
    """The rate times ``gamma`` after each ``step_size`` steps."""
    return powers(learning_rate, gamma, step_size).staircase(step_size)


@peer("paddle")
def LambdaDecay(learning_rate: Lr, lr_lambda: object) -> Schedule:
    """The rate times a function of ``last_epoch``: a schedule, the text of a formula, or a function that is one."""
    return learning_rate * as_schedule("paddle.LambdaDecay", "lr_lambda", lr_lambda).shift(1)


@peer("paddle")
def MultiplicativeDecay(learning_rate: Lr, lr_lambda: object) -> Schedule:
    """The rate times a function of ``last_epoch`` for each of 1, 2, ... up to it."""
    return learning_rate * as_schedule("paddle.MultiplicativeDecay", "lr_lambda", lr_lambda).running_product().shift(1)


@peer("paddle")
def ReduceOnPlateau(
    learning_rate: PositiveLr,
    mode: Literal["min", "max"] = "min",
    factor: Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_lr: Lr = 0.0,
    epsilon: RealSteps = 1e-8,
    *,
    metrics: Metrics,
) -> Schedule:
    """PyTorch's plateau, but for two things: the first report is the best so far, and a cooldown looks at none."""
    relative, absolute = (threshold, 0.0) if threshold_mode == "rel" else (0.0, threshold)
    rates, best, bad, quiet = [learning_rate], None, 0, 0
    for metric in metrics:
        rate = rates[-1]
        if quiet > 0:
            quiet -= 1
        else:
            change = 0.0 if best is None else best * relative + absolute
            if best is None or (metric < best - change if mode == "min" else metric > best + change):
                best, bad = metric, 0
            else:
                bad += 1
            if bad > patience:
                quiet, bad = cooldown, 0
                lower = max(rate * factor, min_lr)
                rate = lower if rate - lower > epsilon else rate
        rates.append(rate)
    return stairs(rates, range(1, len(rates)))


@peer("paddle")
def CosineAnnealingDecay(learning_rate: Lr, T_max: SomeSteps, eta_min: Lr = 0.0) -> Schedule:
    """Half a cosine to ``eta_min`` and, after it, back up: a wave of period ``2 * T_max``."""
    return torch.CosineAnnealingLR(T_max, eta_min, base_lr=learning_rate)


@peer("paddle")
def OneCycleLR(
    max_learning_rate: Lr,
    total_steps: SomeSteps,
    divide_factor: torch.Divisor = 25.0,
    end_learning_rate: Lr = 0.0001,
    phase_pct: Share = 0.3,
    anneal_strategy: Ease = "cos",
    three_phase: bool = False,
) -> Schedule:
    """Up to the highest rate and down to ``end_learning_rate`` by the last update; after it, where Paddle raises, held.

    PyTorch's curve, whose end is a rate here and a divisor there.
    """
    if three_phase and phase_pct >= 0.5:
        raise ValueError(f"paddle.OneCycleLR: with three_phase phase_pct must be less than 0.5, got {phase_pct}")
    low = max_learning_rate / divide_factor
    ends = [low, end_learning_rate] if three_phase else [end_learning_rate]
    return torch.phases(total_steps, phase_pct, three_phase, anneal_strategy, [low, max_learning_rate, *ends])


@peer("paddle")
def CyclicLR(
    base_learning_rate: Lr,
    max_learning_rate: Lr,
    step_size_up: SomeSteps,
    step_size_down: SomeSteps | None = None,
    mode: torch.Mode = "triangular",
    exp_gamma: Gamma = 1.0,
    scale_fn: object = None,
    scale_mode: torch.ScaleMode = "cycle",
) -> Schedule:
    """Triangles between two rates, as PyTorch's."""
    shape = step_size_up, step_size_down, mode, exp_gamma, scale_fn, scale_mode
    return torch.CyclicLR(base_learning_rate, max_learning_rate, *shape)


@peer("paddle")
def LinearLR(
    learning_rate: Lr, total_steps: SomeSteps, start_factor: torch.StartFactor = 1 / 3, end_factor: UnitFactor = 1.0
) -> Schedule:
    """A line from one factor to another."""
    return torch.LinearLR(start_factor, end_factor, total_steps, base_lr=learning_rate)


@peer("paddle")
def CosineAnnealingWarmRestarts(
    learning_rate: Lr, T_0: SomeSteps, T_mult: torch.Growth = 1, eta_min: Lr = 0.0
) -> Schedule:
    """Half a cosine again and again, each ``T_mult`` times as long as the last."""
    return torch.CosineAnnealingWarmRestarts(T_0, T_mult, eta_min, base_lr=learning_rate)
