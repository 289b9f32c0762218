"""DeepSpeed's schedules: update ``n`` gets what they have at ``last_batch_iteration = n - 2``.

The engine steps them after an update, and the first step leads from -1 to 0. So the first update runs at what the
constructor left, and the second at the beginning of the warm-up. ``LRRangeTest`` and ``OneCycle`` count one further, so
that there update ``n`` is at ``n - 1``.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge

from optimsche.lr_fns import constant, cosine, expression, linear, power_law
from optimsche.peers._peer import Gamma, Lr, RealSteps, Share, SomeRealSteps, SomeSteps, Value, peer
from optimsche.peers._pieces import from_zero, line, mixed, segment
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "WarmupLR",
    "WarmupDecayLR",
    "WarmupCosineLR",
    "LRRangeTest",
    "OneCycle",
    "OneCycleMomentum",
]

Rise: TypeAlias = Literal["log", "linear"]
Stairs: TypeAlias = Annotated[int, Ge(0), Meaning("a number of stairs")]


@peer("deepspeed")
def WarmupLR(
    warmup_min_lr: Lr = 0.0,
    warmup_max_lr: Lr | None = None,
    warmup_num_steps: SomeSteps = 1000,
    warmup_type: Rise = "log",
    *,
    base_lr: Lr | None = None,
) -> Schedule:
    """A rise from ``warmup_min_lr`` to ``warmup_max_lr``, then that; by default up to the optimizer's ``base_lr``.

    With ``"log"`` it rises as ``log(i + 1) / log(warmup_num_steps)``; of fewer than 2 steps are made 2.
    """
    high = base_lr if warmup_max_lr is None else warmup_max_lr
    if high is None:
        raise ValueError("deepspeed.WarmupLR: give warmup_max_lr, or the optimizer's base_lr, which is its default")
    rise = _rise(warmup_min_lr, high, warmup_num_steps, warmup_type)
    return _after(warmup_min_lr, from_zero(rise, constant(value=high)))


@peer("deepspeed")
def WarmupDecayLR(
    total_num_steps: SomeSteps,
    warmup_min_lr: Lr = 0.0,
    warmup_max_lr: Lr = 0.001,
    warmup_num_steps: SomeSteps = 1000,
    warmup_type: Rise = "log",
) -> Schedule:
    """The rise of :func:`WarmupLR`, then a line back to ``warmup_min_lr`` at ``total_num_steps``."""
    rise = _rise(warmup_min_lr, warmup_max_lr, warmup_num_steps, warmup_type)
    fall = segment(linear, warmup_max_lr, warmup_min_lr, total_num_steps - rise[0])
    return _after(warmup_min_lr, from_zero(rise, fall))


@peer("deepspeed")
def WarmupCosineLR(
    total_num_steps: SomeSteps,
    warmup_min_ratio: Share = 0.0,
    warmup_num_steps: SomeSteps = 1000,
    cos_min_ratio: Share = 0.0001,
    warmup_type: Rise = "log",
    *,
    base_lr: Lr,
) -> Schedule:
    """A rise to the rate, then half a cosine, one step ahead, to ``cos_min_ratio`` of it; the first update gets 0."""
    rise = _rise(base_lr * warmup_min_ratio, base_lr, warmup_num_steps, warmup_type)
    steps = max(1, total_num_steps - rise[0])
    fall = cosine(start=base_lr, end=base_lr * cos_min_ratio, steps=steps).shift(-1)
    return _after(0.0, from_zero(rise, fall))


def _rise(low: float, high: float, steps: int, kind: str) -> tuple[int, Schedule]:
    length = max(2, steps)
    if kind == "linear":
        return length, linear(start=low, end=high, steps=length)
    return length, mixed(low, high, expression(text=f"log(t + 1) / {math.log(length)!r}"))


def _after(first: float, schedule: Schedule) -> Schedule:
    """What the constructor left for the first update, then a schedule from its own first on."""
    return constant(value=first).then(schedule, at=1)


@peer("deepspeed")
def LRRangeTest(
    lr_range_test_min_lr: Lr = 1e-3,
    lr_range_test_step_size: SomeRealSteps = 2000,
    lr_range_test_step_rate: Gamma = 1.0,
    lr_range_test_staircase: bool = False,
) -> Schedule:
    """A line from the lowest rate, which grows by ``step_rate`` times it with each ``step_size``, or in stairs."""
    low, size = lr_range_test_min_lr, lr_range_test_step_size
    rise = line(low, low * (1 + lr_range_test_step_rate), size) if lr_range_test_step_rate else constant(value=low)
    return (rise.staircase(size, closed="left") if lr_range_test_staircase else rise).shift(1)


@peer("deepspeed")
def OneCycle(
    cycle_min_lr: Lr,
    cycle_max_lr: Lr,
    decay_lr_rate: Gamma = 0.0,
    cycle_first_step_size: SomeRealSteps = 2000,
    cycle_second_step_size: SomeRealSteps | None = None,
    cycle_first_stair_count: Stairs = 0,
    cycle_second_stair_count: Stairs | None = None,
    decay_step_size: RealSteps = 0,
    cycle_momentum: bool = True,
    cycle_min_mom: Value = 0.8,
    cycle_max_mom: Value = 0.9,
    decay_mom_rate: Gamma = 0.0,
) -> Schedule:
    """A line up and one down, or stairs, then ``min / (1 + decay_lr_rate * steps / decay_step_size)``.

    The momentum is :func:`OneCycleMomentum`.
    """
    sizes = cycle_first_step_size, cycle_second_step_size
    length, share = _cycle(*sizes, cycle_first_stair_count, cycle_second_stair_count)
    after = constant(value=cycle_min_lr)
    if decay_lr_rate and decay_step_size:
        after = power_law(start=cycle_min_lr, timescale=decay_step_size / decay_lr_rate, power=1)
    return from_zero((length, mixed(cycle_min_lr, cycle_max_lr, share)), after)


@peer("deepspeed")
def OneCycleMomentum(
    cycle_min_mom: Value = 0.8,
    cycle_max_mom: Value = 0.9,
    decay_mom_rate: Gamma = 0.0,
    cycle_first_step_size: SomeRealSteps = 2000,
    cycle_second_step_size: SomeRealSteps | None = None,
    cycle_first_stair_count: Stairs = 0,
    cycle_second_stair_count: Stairs | None = None,
    decay_step_size: RealSteps = 0,
) -> Schedule:
    """The momentum under :func:`OneCycle`: down and back up, then a line up; the first update gets the lowest."""
    sizes = cycle_first_step_size, cycle_second_step_size
    length, share = _cycle(*sizes, cycle_first_stair_count, cycle_second_stair_count)
    after = constant(value=cycle_max_mom)
    if decay_mom_rate and decay_step_size:
        after = line(cycle_max_mom, cycle_max_mom * (1 + decay_mom_rate), decay_step_size)
    curve = from_zero((length, mixed(cycle_max_mom, cycle_min_mom, share)), after)
    return constant(value=cycle_min_mom).then(curve.shift(-1), at=1)


def _cycle(first: float, second: float | None, first_stairs: int, second_stairs: int | None) -> tuple[float, Schedule]:
    """The length of a cycle, and the way up and down in it."""
    down = first if second is None else second
    stairs_down = first_stairs if second_stairs is None else second_stairs
    rise, fall = linear(start=0.0, end=1.0, steps=first), linear(start=1.0, end=0.0, steps=down)
    if first_stairs:
        rise = rise.staircase(first / first_stairs, closed="left")
    if stairs_down:  # each stair is held at its lower end
        stair = down / stairs_down
        fall = fall.shift(-stair).staircase(stair)
    return first + down, rise.then(fall, at=first)
