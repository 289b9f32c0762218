"""optax's schedules: update ``n`` gets what they have at ``count = n - 1``.

They are of values, not of rates alone, and a value may be below 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, expression, linear, polynomial
from optimsche.metrics import plateau
from optimsche.peers._peer import (
    Edges,
    Exponent,
    Gamma,
    Metrics,
    Schedules,
    Share,
    SomeRealSteps,
    SomeSteps,
    Steps,
    Value,
    peer,
)
from optimsche.peers._pieces import from_zero, powers, segment, stairs
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "constant_schedule",
    "polynomial_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "exponential_decay",
    "cosine_decay_schedule",
    "piecewise_interpolate_schedule",
    "linear_onecycle_schedule",
    "cosine_onecycle_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
    "sgdr_schedule",
    "join_schedules",
    "reduce_on_plateau",
]

AnyValue = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a value")]
AnySteps = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a number of steps")]
Divisor = Annotated[float, Gt(0), Meaning("a divisor of the rate")]
Drop = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
Reports = Annotated[int, Ge(1), Meaning("a number of reports")]


@peer("optax")
def constant_schedule(value: AnyValue) -> Schedule:
    """``value`` for ever."""
    return _held(value)


@peer("optax")
def polynomial_schedule(
    init_value: AnyValue,
    end_value: AnyValue,
    power: Exponent,
    transition_steps: AnySteps,
    transition_begin: AnySteps = 0,
) -> Schedule:
    """A power of what is left of ``transition_steps``; without such steps, or of power 0, the first value for ever."""
    if transition_steps <= 0 or power == 0:
        return _held(init_value)
    curve = _between(polynomial, init_value, end_value, transition_steps, power=power)
    return curve.shift(max(transition_begin, 0) + 1)


@peer("optax")
def linear_schedule(
    init_value: AnyValue, end_value: AnyValue, transition_steps: AnySteps, transition_begin: AnySteps = 0
) -> Schedule:
    """A straight line; without ``transition_steps`` the first value for ever."""
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


@peer("optax")
def piecewise_constant_schedule(init_value: AnyValue, boundaries_and_scales: object = None) -> Schedule:
    """The value times each scale from its boundary on."""
    if init_value < 0:
        return _negative(piecewise_constant_schedule(-init_value, boundaries_and_scales))
    boundaries, values = _boundaries("piecewise_constant_schedule", init_value, boundaries_and_scales)
    return stairs(values, boundaries)


@peer("optax")
def exponential_decay(
    init_value: AnyValue,
    transition_steps: AnySteps,
    decay_rate: Gamma,
    transition_begin: AnySteps = 0,
    staircase: bool = False,
    end_value: AnyValue | None = None,
) -> Schedule:
    """The value times ``decay_rate`` over each ``transition_steps``; ``end_value`` is a floor, for growth a ceiling.

    Without ``transition_steps``, or with a ``decay_rate`` of 0, the first value for ever, unbounded.
    """
    if transition_steps <= 0 or decay_rate == 0:
        return _held(init_value)
    if init_value < 0 or (end_value or 0.0) < 0:
        bounds = decay_rate < 1, end_value
        return _signed_decay(init_value, transition_steps, decay_rate, transition_begin, staircase, *bounds)
    curve = powers(init_value, decay_rate, transition_steps)
    if staircase:
        curve = curve.staircase(transition_steps, closed="left")
    if end_value is not None:
        curve = curve.clamp(floor=end_value) if decay_rate < 1 else curve.clamp(ceiling=end_value)
    return curve.shift(max(transition_begin, 0) + 1)


def _signed_decay(
    init: float, steps: float, rate: float, begin: float, staircase: bool, is_floor: bool, bound: float | None
) -> Schedule:
    """An exponential decay below 0, or with a bound there."""
    if init >= 0:  # it never comes to a floor below 0, and is never below such a ceiling
        return exponential_decay(init, steps, rate, begin, staircase) if is_floor else _held(bound or 0.0)
    if bound is not None and bound > 0:
        return _held(bound) if is_floor else exponential_decay(init, steps, rate, begin, staircase)
    size = exponential_decay(-init, steps, rate, begin, staircase)
    if bound is not None:
        size = size.clamp(ceiling=-bound) if is_floor else size.clamp(floor=-bound)
    return _negative(size)


@peer("optax")
def cosine_decay_schedule(
    init_value: AnyValue, decay_steps: SomeRealSteps, alpha: AnyValue = 0.0, exponent: Exponent = 1.0
) -> Schedule:
    """Half a cosine to the power ``exponent``, down to ``alpha`` times the first value."""
    return _cosine_power(init_value, init_value * alpha, decay_steps, exponent).shift(1)


def _cosine_power(start: float, end: float, steps: float, exponent: float) -> Schedule:
    if exponent == 0:
        return _held(start)
    if exponent == 1:
        return _between(cosine, start, end, steps)
    return _between(polynomial, start, end, 1, power=exponent).warp(cosine(start=0.0, end=1.0, steps=steps))


def _between(shape: Callable[..., Schedule], start: float, end: float, steps: float, **more: float) -> Schedule:
    """A segment whose ends may lie below 0, where the pieces of this library have none; at its end if it has no length.

    >>> _between(linear, -1.0, 1.0, 4)(1)
    -0.5
    """
    if steps <= 0:
        return _held(end)
    if min(start, end) >= 0:
        return shape(start=start, end=end, steps=steps, **more)
    share = shape(start=1.0, end=0.0, steps=steps, **more)
    return expression(text=f"{end!r} + {start - end!r} * t").warp(share)


def _held(value: float) -> Schedule:
    return constant(value=value) if value >= 0 else expression(text=repr(value))


def _negative(size: Schedule) -> Schedule:
    return expression(text="-t").warp(size)


@peer("optax")
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"], init_value: AnyValue, boundaries_and_scales: object = None
) -> Schedule:
    """Lines or half cosines between the boundaries, at each of which the value is multiplied by a scale."""
    if init_value < 0:
        return _negative(piecewise_interpolate_schedule(interpolate_type, -init_value, boundaries_and_scales))
    boundaries, values = _boundaries("piecewise_interpolate_schedule", init_value, boundaries_and_scales)
    shape = linear if interpolate_type == "linear" else cosine
    ways = zip(itertools.pairwise((0, *boundaries)), itertools.pairwise(values), strict=True)
    pieces = [(end - begin, segment(shape, start, stop, end - begin)) for (begin, end), (start, stop) in ways]
    return from_zero(*pieces, constant(value=values[-1]))


def _boundaries(name: str, init_value: float, scales: object) -> tuple[list[int], list[float]]:
    """The boundaries in order, and the value before the first and from each on."""
    scales = {} if scales is None else scales
    if not isinstance(scales, Mapping):
        raise TypeError(f"optax.{name}: boundaries_and_scales must be a dictionary {{boundary: scale}}, got {scales!r}")
    boundaries, values = sorted(scales), [init_value]
    for boundary in boundaries:
        scale = scales[boundary]
        if isinstance(boundary, bool) or not isinstance(boundary, int) or boundary < 0:
            raise ValueError(f"optax.{name}: a boundary is a whole number of steps >= 0, got {boundary!r}")
        if not 0 <= scale < float("inf"):
            raise ValueError(f"optax.{name}: scales must be finite and >= 0, got {scale} at boundary {boundary}")
        values.append(values[-1] * scale)
    return boundaries, values


@peer("optax")
def linear_onecycle_schedule(
    transition_steps: SomeSteps,
    peak_value: AnyValue,
    pct_start: Share = 0.3,
    pct_final: Share = 0.85,
    div_factor: Divisor = 25.0,
    final_div_factor: Divisor = 1e4,
) -> Schedule:
    """Lines up to the peak, down to where they began, and on down to that by ``final_div_factor``."""
    scales = {
        int(pct_start * transition_steps): div_factor,
        int(pct_final * transition_steps): 1.0 / div_factor,
        transition_steps: 1.0 / final_div_factor,
    }
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, scales)


@peer("optax")
def cosine_onecycle_schedule(
    transition_steps: SomeSteps,
    peak_value: AnyValue,
    pct_start: Share = 0.3,
    div_factor: Divisor = 25.0,
    final_div_factor: Divisor = 1e4,
) -> Schedule:
    """Half a cosine up to the peak and half a cosine down to almost nothing."""
    scales = {
        int(pct_start * transition_steps): div_factor,
        transition_steps: 1.0 / (div_factor * final_div_factor),
    }
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, scales)


@peer("optax")
def warmup_constant_schedule(init_value: AnyValue, peak_value: AnyValue, warmup_steps: AnySteps) -> Schedule:
    """A line to the peak, which stays; without ``warmup_steps`` the first value for ever."""
    return linear_schedule(init_value, peak_value, warmup_steps)


@peer("optax")
def warmup_cosine_decay_schedule(
    init_value: AnyValue,
    peak_value: AnyValue,
    warmup_steps: Steps,
    decay_steps: SomeSteps,
    end_value: AnyValue = 0.0,
    exponent: Exponent = 1.0,
) -> Schedule:
    """A line to the peak, then half a cosine to ``end_value`` at ``decay_steps``, which includes the warm-up.

    From a peak of 0 the end is lost: all of it is 0.
    """
    if decay_steps <= warmup_steps:
        raise ValueError(
            f"optax.warmup_cosine_decay_schedule: decay_steps includes the warm-up, so it must be more than "
            f"warmup_steps={warmup_steps}, got {decay_steps}"
        )
    end = end_value if peak_value != 0 else 0.0
    warmup = _between(linear, init_value, peak_value, warmup_steps)
    return from_zero((warmup_steps, warmup), _cosine_power(peak_value, end, decay_steps - warmup_steps, exponent))


@peer("optax")
def warmup_exponential_decay_schedule(
    init_value: AnyValue,
    peak_value: AnyValue,
    warmup_steps: Steps,
    transition_steps: AnySteps,
    decay_rate: Gamma,
    transition_begin: AnySteps = 0,
    staircase: bool = False,
    end_value: AnyValue | None = None,
) -> Schedule:
    """A line to the peak, then :func:`exponential_decay`, whose ``transition_begin`` counts from the peak."""
    decay = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return join_schedules((linear_schedule(init_value, peak_value, warmup_steps), decay), (warmup_steps,))


@peer("optax")
def sgdr_schedule(cosine_kwargs: object) -> Schedule:
    """One :func:`warmup_cosine_decay_schedule` after the other, each over its own ``decay_steps``."""
    if not isinstance(cosine_kwargs, Sequence) or not cosine_kwargs:
        raise ValueError(
            "optax.sgdr_schedule: cosine_kwargs must be a list with the arguments of at least one cycle, "
            f"got {cosine_kwargs!r:.60}"
        )
    cycles = [warmup_cosine_decay_schedule(**one) for one in cosine_kwargs]
    return sequence(cycles, at=list(itertools.accumulate(one["decay_steps"] for one in cosine_kwargs))[:-1])


@peer("optax")
def join_schedules(schedules: Schedules, boundaries: Edges) -> Schedule:
    """Schedules of this module one after the other, the next from each boundary on."""
    if len(boundaries) != len(schedules) - 1:
        raise ValueError(
            f"optax.join_schedules: {len(schedules)} schedules take {len(schedules) - 1} boundaries, "
            f"got {len(boundaries)}"
        )
    if list(boundaries) != sorted(boundaries):
        raise ValueError(f"optax.join_schedules: boundaries must not fall, got {boundaries}")
    played = [k for k, (begin, end) in enumerate(itertools.pairwise((0, *boundaries, float("inf")))) if end > begin]
    return sequence([schedules[k] for k in played], at=[boundaries[k - 1] for k in played[1:]])


@peer("optax")
def reduce_on_plateau(
    factor: Drop = 0.1,
    patience: Reports = 10,
    rtol: Share = 1e-4,
    atol: Value = 0.0,
    cooldown: Steps = 0,
    accumulation_size: Reports = 1,
    min_scale: Value = 0.0,
    *,
    metrics: Metrics,
) -> Schedule:
    """The scale of ``optax.contrib.reduce_on_plateau``: that of update ``n`` counts the metric reported with it.

    It falls with the ``patience``-th report without an improvement, where PyTorch's falls with the one after it.
    """
    if rtol == 0 and atol == 0:
        raise ValueError("optax.reduce_on_plateau: at least one of rtol and atol must be above 0, got 0 for both")
    scales: Sequence[float] = plateau.trace(
        metrics,
        factor=factor,
        patience=patience - 1,
        rtol=rtol,
        atol=atol,
        cooldown=cooldown,
        floor=min_scale,
        average=accumulation_size,
    )
    return stairs(scales, range(len(scales) - 1))
