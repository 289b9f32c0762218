"""lrsched's schedules: update ``n`` gets what they have at step ``n - 1``, as in the examples of that library."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Lt, MinLen

from optimsche import lr_fns
from optimsche.combinators import sequence
from optimsche.peers._peer import Exponent, Gamma, Lr, PositiveGamma, PositiveLr, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_zero, mixed, powers, segment, stairs, up_to
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "constant",
    "step_decay",
    "multi_step",
    "exponential",
    "exponential_decay",
    "polynomial",
    "polynomial_decay",
    "linear",
    "cosine",
    "cosine_restarts",
    "inverse_sqrt",
    "one_cycle",
    "warmup_stable_decay",
    "triangular",
    "triangular2",
    "exp_range",
    "with_warmup",
    "sequential",
]

Phases: TypeAlias = Annotated[
    tuple[tuple[SomeSteps, Schedule], ...], MinLen(1), Meaning("(duration, schedule) for each phase")
]
Drop = Annotated[float, Gt(0), Le(1), Meaning("a factor on the rate")]
DecayRate = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
Part = Annotated[float, Gt(0), Lt(1), Meaning("a part of the whole")]
Multiplier = Annotated[int, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Power = Annotated[float, Gt(0), Lt(float("inf")), Meaning("an exponent")]
SomeMilestones = Annotated[tuple[SomeSteps, ...], Meaning("numbers of steps")]
TwoSteps = Annotated[int, Ge(2), Meaning("a number of steps")]


@peer("lrsched")
def constant(*, lr: Lr) -> Schedule:
    """One rate."""
    return lr_fns.constant(value=lr)


@peer("lrsched")
def step_decay(*, base_lr: PositiveLr, drop: Drop, step_size: SomeSteps) -> Schedule:
    """The rate times ``drop`` after each ``step_size`` steps."""
    return powers(base_lr, drop, step_size).staircase(step_size)


@peer("lrsched")
def multi_step(*, base_lr: Lr, milestones: SomeMilestones, gamma: Gamma) -> Schedule:
    """The rate times ``gamma`` from each milestone on."""
    return stairs([base_lr * gamma**k for k in range(len(milestones) + 1)], sorted(milestones))


@peer("lrsched")
def exponential(*, base_lr: Lr, gamma: Gamma) -> Schedule:
    """The rate times ``gamma`` with each step."""
    return powers(base_lr, gamma).shift(1)


@peer("lrsched")
def exponential_decay(*, base_lr: PositiveLr, decay_rate: DecayRate, decay_steps: SomeSteps) -> Schedule:
    """The rate times ``decay_rate`` over each ``decay_steps``, smoothly."""
    return powers(base_lr, decay_rate, decay_steps).shift(1)


@peer("lrsched")
def polynomial(*, base_lr: Lr, end_lr: Lr, total_steps: SomeSteps, power: Exponent) -> Schedule:
    """A power of what is left of ``total_steps``; with ``power`` 0 the first rate, for ever."""
    if power == 0:
        return lr_fns.constant(value=base_lr)
    return lr_fns.polynomial(start=base_lr, end=end_lr, steps=total_steps, power=power).shift(1)


@peer("lrsched")
def polynomial_decay(*, start_lr: Lr, end_lr: Lr, total_steps: SomeSteps, power: Power) -> Schedule:
    """A power of what is left of ``total_steps``."""
    return lr_fns.polynomial(start=start_lr, end=end_lr, steps=total_steps, power=power).shift(1)


@peer("lrsched")
def linear(*, base_lr: Lr, end_lr: Lr, total_steps: SomeSteps) -> Schedule:
    """A line over ``total_steps``."""
    return lr_fns.linear(start=base_lr, end=end_lr, steps=total_steps).shift(1)


@peer("lrsched")
def cosine(*, base_lr: Lr, min_lr: Lr, total_steps: SomeSteps) -> Schedule:
    """Half a cosine over ``total_steps``."""
    return lr_fns.cosine(start=base_lr, end=min_lr, steps=total_steps).shift(1)


@peer("lrsched")
def cosine_restarts(*, base_lr: Lr, min_lr: Lr, period: SomeSteps, t_mult: Multiplier) -> Schedule:
    """Half a cosine again and again, each ``t_mult`` times as long as the last."""
    return lr_fns.cosine(start=base_lr, end=min_lr, steps=period).repeat(stretch=t_mult, closed="left").shift(1)


@peer("lrsched")
def inverse_sqrt(*, base_lr: Lr, warmup_steps: SomeSteps) -> Schedule:
    """A line up from 0, then the inverse square root of the step."""
    return lr_fns.inverse_sqrt(start=base_lr, timescale=warmup_steps).warmup(warmup_steps).shift(1)


@peer("lrsched")
def one_cycle(
    *,
    max_lr: Lr,
    total_steps: TwoSteps,
    pct_start: Part,
    initial_div: PositiveGamma,
    final_div: PositiveGamma,
) -> Schedule:
    """Half a cosine up from ``max_lr / initial_div``, another down to ``max_lr / final_div`` (of the highest rate)."""
    warmup = min(max(1, round(pct_start * total_steps)), total_steps - 1)
    rise = lr_fns.cosine(start=max_lr / initial_div, end=max_lr, steps=warmup)
    return (rise >> lr_fns.cosine(start=max_lr, end=max_lr / final_div, steps=total_steps - warmup)).shift(1)


@peer("lrsched")
def warmup_stable_decay(
    *,
    base_lr: Lr,
    warmup_steps: Steps,
    decay_steps: Steps,
    total_steps: SomeSteps,
    final_lr: Lr,
    warmup_start: Lr,
    decay_shape: Literal["linear", "1-sqrt"],
) -> Schedule:
    """A line up, the rate, a decay over the last ``decay_steps``; with none of these the rate stays, for ever."""
    hold = total_steps - warmup_steps - decay_steps
    if hold < 0:
        raise ValueError(
            f"lrsched.warmup_stable_decay: warmup_steps + decay_steps must be <= total_steps={total_steps}, "
            f"got {warmup_steps} + {decay_steps}"
        )
    shape = lr_fns.linear if decay_shape == "linear" else lr_fns.one_minus_power
    return from_zero(
        up_to(base_lr, warmup_steps, warmup_start),
        (hold, lr_fns.constant(value=base_lr)),
        segment(shape, base_lr, final_lr if decay_steps else base_lr, decay_steps),
    )


@peer("lrsched")
def triangular(*, min_lr: Lr, max_lr: Lr, step_size: SomeSteps) -> Schedule:
    """Triangles of ``2 * step_size`` steps."""
    return mixed(min_lr, max_lr, _triangles(step_size)).shift(1)


@peer("lrsched")
def triangular2(*, min_lr: Lr, max_lr: Lr, step_size: SomeSteps) -> Schedule:
    """Triangles, each half as high as the last."""
    heights = powers(1.0, 0.5, 2 * step_size).staircase(2 * step_size, closed="left")
    return mixed(min_lr, max_lr, _triangles(step_size) * heights).shift(1)


@peer("lrsched")
def exp_range(*, min_lr: Lr, max_lr: Lr, step_size: SomeSteps, gamma: Gamma) -> Schedule:
    """Triangles whose height is multiplied by ``gamma`` with each step."""
    return mixed(min_lr, max_lr, _triangles(step_size) * powers(1.0, gamma)).shift(1)


@peer("lrsched")
def with_warmup(schedule: Schedule, *, warmup_steps: SomeSteps, start_lr: Lr) -> Schedule:
    """A line from ``start_lr`` to the first value of a schedule of this module, then that schedule."""
    rise = lr_fns.linear(start=start_lr, end=schedule(1), steps=warmup_steps)
    return rise.shift(1).then(schedule, at=warmup_steps)


@peer("lrsched")
def sequential(phases: Phases) -> Schedule:
    """Schedules of this module back to back; at the end the value that the last has one step before its end."""
    ends = itertools.accumulate(duration for duration, _ in phases)
    duration, last = phases[-1]
    return sequence([*(schedule for _, schedule in phases), lr_fns.constant(value=last(duration))], at=ends)


def _triangles(step_size: int) -> Schedule:
    rise = lr_fns.linear(start=0.0, end=1.0, steps=step_size)
    return (rise >> lr_fns.linear(start=1.0, end=0.0, steps=step_size)).repeat()
