"""Keras' schedules: update ``n`` gets what they have at ``step = n - 1``, the optimizer's ``iterations`` before it.

Keras computes them in its ``floatx``, single precision unless that is set. ``name`` names the operation in a graph and
changes nothing.
"""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

from annotated_types import Ge, Le, Lt, MinLen

from optimsche.lr_fns import constant, cosine, expression, linear, polynomial, power_law
from optimsche.peers._peer import Exponent, Gamma, Lr, PositiveGamma, RealSteps, Share, SomeRealSteps, peer
from optimsche.peers._pieces import HORIZON, from_zero, mixed, powers, stairs
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "ExponentialDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "InverseTimeDecay",
    "CosineDecay",
    "CosineDecayRestarts",
]

Boundaries: TypeAlias = Annotated[tuple[RealSteps, ...], MinLen(1), Meaning("numbers of steps")]
Values: TypeAlias = Annotated[tuple[Lr, ...], MinLen(2), Meaning("learning rates")]
Growth: TypeAlias = Annotated[float, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Alpha: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a part of the rate")]


@peer("keras")
def ExponentialDecay(
    initial_learning_rate: Lr,
    decay_steps: SomeRealSteps,
    decay_rate: Gamma,
    staircase: bool = False,
    name: str = "ExponentialDecay",
) -> Schedule:
    """The rate times ``decay_rate`` over each ``decay_steps``, smoothly or in stairs."""
    curve = powers(initial_learning_rate, decay_rate, decay_steps)
    return (curve.staircase(decay_steps, closed="left") if staircase else curve).shift(1)


@peer("keras")
def PiecewiseConstantDecay(boundaries: Boundaries, values: Values, name: str = "PiecewiseConstant") -> Schedule:
    """``values[k]`` up to and with step ``boundaries[k]``: with a boundary of 10 the first eleven updates."""
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"keras.PiecewiseConstantDecay: {len(boundaries)} boundaries need {len(boundaries) + 1} values, "
            f"got {len(values)}"
        )
    if list(boundaries) != sorted(set(boundaries)):
        raise ValueError(f"keras.PiecewiseConstantDecay: boundaries must increase, got {boundaries}")
    return stairs(values, [math.floor(boundary) + 1 for boundary in boundaries])


@peer("keras")
def PolynomialDecay(
    initial_learning_rate: Lr,
    decay_steps: SomeRealSteps,
    end_learning_rate: Lr = 0.0001,
    power: Exponent = 1.0,
    cycle: bool = False,
    name: str = "PolynomialDecay",
) -> Schedule:
    """A power of what is left of ``decay_steps``, then the end.

    With ``cycle`` it is left of the next multiple of ``decay_steps``: after each one the rate jumps up, less each time.
    """
    return polynomial_decay(initial_learning_rate, decay_steps, end_learning_rate, power, cycle)


def polynomial_decay(start: float, steps: float, end: float, power: float, cycle: bool) -> Schedule:
    """A power of what is left, once or up to each multiple of the steps."""
    if power == 0:
        return constant(value=start)
    if not cycle:
        return polynomial(start=start, end=end, steps=steps, power=power).shift(1)
    left = expression(text=f"(1 - t / ({steps!r} * max(1, ceil(t / {steps!r})))) ** {power!r}")
    return mixed(end, start, left).shift(1)


@peer("keras")
def InverseTimeDecay(
    initial_learning_rate: Lr,
    decay_steps: SomeRealSteps,
    decay_rate: Gamma,
    staircase: bool = False,
    name: str = "InverseTimeDecay",
) -> Schedule:
    """The rate divided by ``1 + decay_rate * step / decay_steps``, smoothly or in stairs."""
    if decay_rate == 0:
        return constant(value=initial_learning_rate)
    curve = power_law(start=initial_learning_rate, timescale=decay_steps / decay_rate, power=1)
    return (curve.staircase(decay_steps, closed="left") if staircase else curve).shift(1)


@peer("keras")
def CosineDecay(
    initial_learning_rate: Lr,
    decay_steps: SomeRealSteps,
    alpha: Alpha = 0.0,
    name: str = "CosineDecay",
    warmup_target: Lr | None = None,
    warmup_steps: RealSteps = 0,
) -> Schedule:
    """Half a cosine to ``alpha`` times the rate; with ``warmup_target`` a line up to that before it, and from there."""
    if warmup_target is None:
        start = initial_learning_rate
        return cosine(start=start, end=start * alpha, steps=decay_steps).shift(1)
    fall = cosine(start=warmup_target, end=warmup_target * alpha, steps=decay_steps)
    if warmup_steps == 0:
        return fall.shift(1)
    return from_zero((warmup_steps, linear(start=initial_learning_rate, end=warmup_target, steps=warmup_steps)), fall)


@peer("keras")
def CosineDecayRestarts(
    initial_learning_rate: Lr,
    first_decay_steps: SomeRealSteps,
    t_mul: Growth = 2.0,
    m_mul: PositiveGamma = 1.0,
    alpha: Share = 0.0,
    name: str = "SGDRDecay",
) -> Schedule:
    """Half a cosine again and again, each ``t_mul`` times as long and ``m_mul`` times as high above the floor.

    The floor, ``alpha`` times the rate, stays. Of cycles that grow and rise those below 2**53 steps are made.
    """
    steps, fall = first_decay_steps, cosine(start=1.0, steps=first_decay_steps)
    if m_mul <= 1:
        shares = fall.repeat(every=steps, stretch=t_mul, scale=m_mul, closed="left").shift(1)
    elif t_mul == 1:
        heights = powers(1.0, m_mul, steps).staircase(steps, closed="left")
        shares = (fall.repeat(every=steps, closed="left") * heights).shift(1)
    else:
        many = math.ceil(math.log(HORIZON / steps) / math.log(t_mul)) + 1
        cycles = [(steps * t_mul**k, cosine(start=m_mul**k, steps=steps * t_mul**k)) for k in range(many)]
        shares = from_zero(*cycles)
    return mixed(initial_learning_rate * alpha, initial_learning_rate, shares)
