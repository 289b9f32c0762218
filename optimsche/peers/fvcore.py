"""fvcore's parameter schedulers, which are functions of ``where``, the part of the run that is done, from 0 to below 1.

``total_steps`` is the length of the run: update ``n`` is evaluated at ``where = (n - 1) / total_steps``. With
``total_steps=1`` update ``1 + where`` is fvcore's own clock, and that is how the parts of a composite are given. At
``where = 1``, which no update has and where fvcore has no value or raises, the curves hold their end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, MinLen

from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, linear, piecewise_constant, polynomial
from optimsche.peers._peer import (
    Exponent,
    Gamma,
    PositiveGamma,
    Schedules,
    Share,
    SomeRealSteps,
    SomeSteps,
    Value,
    peer,
)
from optimsche.peers._pieces import powers
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "ConstantParamScheduler",
    "CosineParamScheduler",
    "ExponentialParamScheduler",
    "LinearParamScheduler",
    "PolynomialDecayParamScheduler",
    "MultiStepParamScheduler",
    "StepParamScheduler",
    "StepWithFixedGammaParamScheduler",
    "CompositeParamScheduler",
]

Values: TypeAlias = Annotated[tuple[Value, ...], MinLen(1), Meaning("values")]
Lengths: TypeAlias = Annotated[tuple[Share, ...], MinLen(1), Meaning("parts of the run")]
Numbers: TypeAlias = Annotated[tuple[Annotated[float, Ge(0)], ...], Meaning("numbers of updates")]
PositiveValue: TypeAlias = PositiveGamma
# fvcore steps so much early, so that rounding does not make it late.
_EPSILON = 1e-6


@peer("fvcore")
def ConstantParamScheduler(value: Value, *, total_steps: SomeRealSteps) -> Schedule:
    """One value."""
    return constant(value=value)


@peer("fvcore")
def CosineParamScheduler(start_value: Value, end_value: Value, *, total_steps: SomeRealSteps) -> Schedule:
    """Half a cosine."""
    return cosine(start=start_value, end=end_value, steps=total_steps).shift(1)


@peer("fvcore")
def ExponentialParamScheduler(start_value: Value, decay: Gamma, *, total_steps: SomeRealSteps) -> Schedule:
    """The value times ``decay`` over the whole run."""
    return powers(start_value, decay, total_steps).shift(1)


@peer("fvcore")
def LinearParamScheduler(start_value: Value, end_value: Value, *, total_steps: SomeRealSteps) -> Schedule:
    """A straight line."""
    return linear(start=start_value, end=end_value, steps=total_steps).shift(1)


@peer("fvcore")
def PolynomialDecayParamScheduler(base_value: Value, power: Exponent, *, total_steps: SomeRealSteps) -> Schedule:
    """A power of what is left."""
    if power == 0:
        return constant(value=base_value)
    return polynomial(start=base_value, steps=total_steps, power=power).shift(1)


@peer("fvcore")
def MultiStepParamScheduler(
    values: Values,
    num_updates: SomeSteps | None = None,
    milestones: Numbers | None = None,
    *,
    total_steps: SomeRealSteps,
) -> Schedule:
    """A list of values, changing at milestones of ``num_updates``.

    Without ``num_updates`` the last milestone is the length. Without ``milestones`` all values but the last take
    ``ceil(num_updates / len(values))``.
    """
    call = "fvcore.MultiStepParamScheduler"
    if num_updates is None and milestones is None:
        raise ValueError(f"{call}: num_updates and milestones cannot both be None; give one of them")
    wanted = len(values) - int(num_updates is not None)
    if milestones is None:
        width = math.ceil((num_updates or 0) / len(values))
        edges: tuple[float, ...] = tuple(width * number for number in range(1, len(values)))
    elif len(milestones) != wanted:
        raise ValueError(f"{call}: {len(values)} values need {wanted} milestones here, got {len(milestones)}")
    else:
        edges = milestones
    whole: float
    *inner, whole = edges if num_updates is None else (*edges, num_updates)
    if whole < len(values):
        raise ValueError(f"{call}: the total number of updates must be at least the number of values, got {whole}")
    for left, right in itertools.pairwise((0, *inner, whole)):
        if right <= left:
            raise ValueError(f"{call}: milestones must rise from above 0 to below the total {whole}, got {(*inner,)}")
    return _early_stairs(values, [math.ceil(edge) / whole for edge in inner], total_steps)


@peer("fvcore")
def StepParamScheduler(num_updates: SomeRealSteps, values: Values, *, total_steps: SomeRealSteps) -> Schedule:
    """A list of values, each for an equal part of the run, whatever ``num_updates`` is."""
    return _early_stairs(values, [number / len(values) for number in range(1, len(values))], total_steps)


@peer("fvcore")
def StepWithFixedGammaParamScheduler(
    base_value: PositiveValue,
    num_decays: SomeSteps,
    gamma: PositiveGamma,
    num_updates: SomeSteps,
    *,
    total_steps: SomeRealSteps,
) -> Schedule:
    """The value times ``gamma`` after each of ``num_decays + 1`` equal parts of the run."""
    values = [base_value * gamma**number for number in range(num_decays + 1)]
    return _early_stairs(values, [number / len(values) for number in range(1, len(values))], total_steps)


@peer("fvcore")
def CompositeParamScheduler(
    schedulers: Schedules,
    lengths: Lengths,
    interval_scaling: tuple[Literal["rescaled", "fixed"], ...],
    *,
    total_steps: SomeRealSteps,
) -> Schedule:
    """Schedules of this module, built with ``total_steps=1``, one after the other for parts of the run.

    A ``"rescaled"`` one is compressed into its part of the run. Of a ``"fixed"`` one the same part is evaluated.
    """
    call = "fvcore.CompositeParamScheduler"
    if not len(schedulers) == len(lengths) == len(interval_scaling):
        raise ValueError(
            f"{call}: schedulers, lengths and interval_scaling must be as many, "
            f"got {len(schedulers)}, {len(lengths)} and {len(interval_scaling)}"
        )
    if abs(sum(lengths) - 1.0) >= 1e-3:
        raise ValueError(f"{call}: the sum of all values in lengths must be 1, got {sum(lengths)}")
    *before, _ = lengths
    begins = [0.0, *itertools.accumulate(before)]
    pieces: list[tuple[float, Schedule]] = []  # the clock after which each is played, and the piece from there on
    for inner, scaling, begin, end in zip(schedulers, interval_scaling, begins, [*begins[1:], 1.0], strict=True):
        edge = max(begin - _EPSILON, 0.0) * total_steps
        if pieces and edge <= pieces[-1][0]:
            pieces.pop()
        scale, zero = (end - begin, begin) if scaling == "rescaled" else (1.0, 0.0)
        played = inner.shift(-1).stretch(max(scale, _EPSILON) * total_steps)
        pieces.append((edge, played.shift(zero * total_steps - edge)))
    return sequence([piece for _, piece in pieces], at=[edge for edge, _ in pieces[1:]]).shift(1)


def _early_stairs(values: Iterable[float], edges: list[float], total_steps: float) -> Schedule:
    """Values that change at parts of the run, a little early."""
    levels = tuple(values)
    if not edges:
        return constant(value=levels[0])
    at = tuple((edge - _EPSILON) * total_steps for edge in edges)
    return piecewise_constant(values=levels, at=at).shift(1)
