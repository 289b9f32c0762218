"""ESPnet's schedulers: update ``n`` gets what they have at ``last_epoch + 1 = n``.

``WarmupReduceLROnPlateau``, which counts updates and epochs at once, is missing: multiply a warm-up by ``plateau``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from annotated_types import Gt, Le, Lt, MinLen

from optimsche.lr_fns import constant, geometric, inverse_sqrt, linear, piecewise_linear
from optimsche.peers._peer import Gamma, Lr, PositiveLr, RealSteps, Share, SomeRealSteps, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_one, from_zero, powers, segment, warm_restarts
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "WarmupLR",
    "NoamLR",
    "WarmupStepLR",
    "PiecewiseLinearWarmupLR",
    "TristageLR",
    "ExponentialDecayWarmup",
    "CosineAnnealingWarmupRestarts",
]

Size: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("the width of the model")]
Multiplier: TypeAlias = Annotated[
    float, Gt(0), Lt(math.inf), Meaning("how many times as long each cycle is as the last")
]
Scale: TypeAlias = Annotated[float, Gt(0), Le(1), Meaning("a factor on the rate")]
Points: TypeAlias = Annotated[tuple[RealSteps, ...], MinLen(1), Meaning("increasing numbers of updates")]
Rates: TypeAlias = Annotated[tuple[Lr, ...], MinLen(1), Meaning("learning rates")]


@peer("espnet")
def WarmupLR(warmup_steps: SomeRealSteps = 25000, *, base_lr: Lr) -> Schedule:
    """A line up to the rate with update ``warmup_steps``, then its inverse square root."""
    return inverse_sqrt(start=base_lr, timescale=warmup_steps).warmup(warmup_steps)


@peer("espnet")
def NoamLR(model_size: Size = 320, warmup_steps: SomeRealSteps = 25000, *, base_lr: Lr) -> Schedule:
    """``model_size**-0.5 * min(n**-0.5, n * warmup_steps**-1.5)`` times the rate."""
    peak = base_lr * model_size**-0.5 * warmup_steps**-0.5
    return inverse_sqrt(start=peak, timescale=warmup_steps).warmup(warmup_steps)


@peer("espnet")
def WarmupStepLR(
    warmup_steps: SomeRealSteps = 25000,
    steps_per_epoch: SomeSteps = 10000,
    step_size: SomeSteps = 1,
    gamma: Gamma = 0.1,
    *,
    base_lr: Lr,
) -> Schedule:
    """A line up to the rate, which is then multiplied by ``gamma`` with each ``step_size``-th whole epoch after it."""
    size = steps_per_epoch * step_size
    steps = powers(base_lr, gamma, size).staircase(size, closed="left")
    rise = linear(start=0.0, end=base_lr, steps=warmup_steps)
    return from_one((warmup_steps, rise), steps.shift(-(warmup_steps % steps_per_epoch)))


@peer("espnet")
def PiecewiseLinearWarmupLR(
    warmup_steps_list: Points = (0, 25000), warmup_lr_list: Rates = (0.0, 0.001), *, base_lr: Lr
) -> Schedule:
    """Straight lines through the listed rates, then the rate times the inverse square root of the update."""
    if len(warmup_steps_list) != len(warmup_lr_list):
        raise ValueError(
            "espnet.PiecewiseLinearWarmupLR: warmup_steps_list and warmup_lr_list must be as long, "
            f"got {len(warmup_steps_list)} and {len(warmup_lr_list)}"
        )
    if list(warmup_steps_list) != sorted(set(warmup_steps_list)) or warmup_steps_list[-1] == 0:
        raise ValueError(
            f"espnet.PiecewiseLinearWarmupLR: warmup_steps_list must increase to above 0, got {warmup_steps_list}"
        )
    last = warmup_steps_list[-1]
    fall = inverse_sqrt(start=base_lr, timescale=last)
    return from_one((last, piecewise_linear(at=warmup_steps_list, values=warmup_lr_list)), fall)


@peer("espnet")
def TristageLR(
    max_steps: SomeRealSteps = 25000,
    warmup_ratio: Share = 0.1,
    hold_ratio: Share = 0.4,
    decay_ratio: Share = 0.5,
    init_lr_scale: Scale = 0.01,
    final_lr_scale: Scale = 0.01,
    *,
    base_lr: PositiveLr,
) -> Schedule:
    """A line up from a part of the rate, the rate, and by the same ratio with each update down to a part of it."""
    if not math.isclose(warmup_ratio + hold_ratio + decay_ratio, 1.0):
        raise ValueError(
            "espnet.TristageLR: the sum of warmup_ratio, hold_ratio and decay_ratio must be 1, "
            f"got {warmup_ratio + hold_ratio + decay_ratio}"
        )
    total = int(max_steps)
    warmup, hold = int(total * warmup_ratio), int(total * hold_ratio)
    decay = total - warmup - hold
    fall = geometric(start=base_lr, end=base_lr * final_lr_scale, steps=decay) if decay else constant(value=base_lr)
    rise = segment(linear, base_lr * init_lr_scale, base_lr, warmup)
    return from_one((warmup, rise), (hold, constant(value=base_lr)), fall)


@peer("espnet")
def ExponentialDecayWarmup(
    max_lr: PositiveLr,
    min_lr: PositiveLr,
    total_steps: SomeSteps,
    warmup_steps: Steps = 0,
    warm_from_zero: bool = False,
    *,
    base_lr: Lr | None = None,
) -> Schedule:
    """A warm-up, then by the same ratio with each update from ``max_lr`` through ``min_lr``, and on after it.

    The first update gets what the constructor leaves: 0 with ``warm_from_zero``, which then leads to ``max_lr``, else
    ``max_lr``. Without it the updates of the warm-up that follow get the optimizer's own ``base_lr``.
    """
    if warmup_steps >= total_steps:
        raise ValueError(
            f"espnet.ExponentialDecayWarmup: warmup_steps must be < total_steps={total_steps}, got {warmup_steps}"
        )
    if warmup_steps > 1 and not warm_from_zero and base_lr is None:
        raise ValueError("espnet.ExponentialDecayWarmup: without warm_from_zero its warm-up is the rate; give base_lr")
    rise = constant(value=base_lr or 0.0)
    if warm_from_zero and warmup_steps:
        rise = linear(start=0.0, end=max_lr, steps=warmup_steps).shift(-1)
    fall = powers(max_lr, min_lr / max_lr, total_steps - warmup_steps)
    curve = from_zero((warmup_steps, rise), fall)
    return constant(value=0.0 if warm_from_zero else max_lr).then(curve.shift(-1), at=1)


@peer("espnet")
def CosineAnnealingWarmupRestarts(
    first_cycle_steps: SomeSteps,
    cycle_mult: Multiplier = 1.0,
    max_lr: Lr = 0.1,
    min_lr: Lr = 0.001,
    warmup_steps: Steps = 0,
    gamma: Gamma = 1.0,
) -> Schedule:
    """Lines up and half cosines down; what follows the line is ``cycle_mult`` times as long with each cycle.

    Its length is rounded down, and at least 1. The first update gets ``min_lr``, also without a line.
    """
    if warmup_steps >= first_cycle_steps:
        raise ValueError(
            "espnet.CosineAnnealingWarmupRestarts: warmup_steps must be smaller than "
            f"first_cycle_steps={first_cycle_steps}, got {warmup_steps}"
        )

    def lengths() -> Iterator[int]:
        length = first_cycle_steps
        while True:
            yield length
            length = max(1, int((length - warmup_steps) * cycle_mult)) + warmup_steps

    cycles = warm_restarts(lengths(), warmup_steps, max_lr, min_lr, gamma, low_first=False)
    return cycles if warmup_steps else constant(value=min_lr).then(cycles.shift(-1), at=1)
