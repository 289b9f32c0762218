"""pytorch_optimizer's own schedulers: update ``n`` gets what they have after ``n - 1`` calls of ``step``.

``LinearScheduler``, ``CosineScheduler`` and ``PolyScheduler`` count these calls from 0, and their constructor leaves
``min_lr`` in force: update 1 gets that, and update ``n`` what they have at ``n - 2``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Gt, Lt

from optimsche.lr_fns import constant, linear, one_minus_power, rex
from optimsche.peers._peer import Cycles, Gamma, Lr, SomeSteps, Steps, Value, peer
from optimsche.peers._pieces import HORIZON, from_zero, segment, stairs, up_to, warm_restarts, wave
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LinearScheduler",
    "CosineScheduler",
    "PolyScheduler",
    "REXScheduler",
    "CosineAnnealingWarmupRestarts",
    "get_wsd_schedule",
    "get_chebyshev_schedule",
    "ProportionScheduler",
]

Order = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Multiplier = Annotated[float, Gt(0), Lt(math.inf), Meaning("how many times as long each cycle is as the last")]
_LARGEST = 1e250


@peer("pytorch_optimizer")
def LinearScheduler(t_max: Steps, max_lr: Lr, min_lr: Lr = 0.0, init_lr: Lr = 0.0, warmup_steps: Steps = 0) -> Schedule:
    """A line up, then one down that meets ``min_lr`` at ``t_max`` and goes on, here to 0 and there below it."""
    length = t_max - warmup_steps
    fall = _going_on(max_lr, (min_lr - max_lr) / length) if length else constant(value=max_lr)
    return from_zero((1, constant(value=min_lr)), up_to(max_lr, warmup_steps, init_lr), fall)


@peer("pytorch_optimizer")
def CosineScheduler(t_max: Steps, max_lr: Lr, min_lr: Lr = 0.0, init_lr: Lr = 0.0, warmup_steps: Steps = 0) -> Schedule:
    """A line up, then a cosine that rises again after ``t_max``."""
    length = abs(t_max - warmup_steps)
    fall = wave(max_lr, min_lr, length) if length else constant(value=max_lr)
    return from_zero((1, constant(value=min_lr)), up_to(max_lr, warmup_steps, init_lr), fall)


@peer("pytorch_optimizer")
def PolyScheduler(
    poly_order: Order = 0.5,
    *,
    t_max: Steps,
    max_lr: Lr,
    min_lr: Lr = 0.0,
    init_lr: Lr = 0.0,
    warmup_steps: Steps = 0,
) -> Schedule:
    """A line up, then ``min_lr + (max_lr - min_lr) * t**poly_order``, which grows for ever; ``t_max`` is not used."""
    growth = _going_on(min_lr, max_lr - min_lr, poly_order)
    return from_zero(
        (1, constant(value=min_lr)),
        up_to(max_lr, warmup_steps, init_lr),
        (1, constant(value=max_lr)),
        growth.shift(-1),
    )


@peer("pytorch_optimizer")
def REXScheduler(total_steps: Steps, max_lr: Lr = 1.0, min_lr: Lr = 0.0) -> Schedule:
    """Slowly, then quickly down to ``min_lr``, which the first update gets, too."""
    return constant(value=min_lr).then(segment(rex, max_lr, min_lr, total_steps), at=1)


@peer("pytorch_optimizer")
def CosineAnnealingWarmupRestarts(
    first_cycle_steps: SomeSteps,
    cycle_mult: Multiplier = 1.0,
    max_lr: Lr = 1e-4,
    min_lr: Lr = 1e-6,
    warmup_steps: Steps = 0,
    gamma: Gamma = 0.9,
) -> Schedule:
    """Lines up and half cosines down; what follows the line is ``cycle_mult`` times as long with each cycle.

    Its length is rounded down, and at least 1. The first update gets ``min_lr``, also without a line. Of cycles that
    grow the first 2,000 are made.
    """
    if warmup_steps >= first_cycle_steps:
        raise ValueError(
            "pytorch_optimizer.CosineAnnealingWarmupRestarts: warmup_steps must be smaller than "
            f"first_cycle_steps={first_cycle_steps}, got {warmup_steps}"
        )

    def lengths() -> Iterator[int]:
        length = first_cycle_steps
        while True:
            yield length
            length = max(1, int((length - warmup_steps) * cycle_mult)) + warmup_steps

    cycles = warm_restarts(lengths(), warmup_steps, max_lr, min_lr, gamma, low_first=False)
    return cycles if warmup_steps else constant(value=min_lr).then(cycles.shift(-1), at=1)


@peer("pytorch_optimizer")
def get_wsd_schedule(
    num_warmup_steps: Steps,
    num_stable_steps: Steps,
    num_decay_steps: Steps,
    min_lr_ratio: Gamma = 0.0,
    num_cycles: Cycles = 0.5,
    cooldown_type: Literal["cosine", "1-sqrt", "linear", "1-square"] = "1-sqrt",
    *,
    base_lr: Lr,
) -> Schedule:
    """A line up from 0, the rate, a cooldown, then ``min_lr_ratio`` of the rate.

    Only ``"cosine"`` has the ratio as its floor; the others fall towards 0 and jump up to it.
    """
    low = base_lr * min_lr_ratio
    if cooldown_type == "linear":
        fall = segment(linear, base_lr, 0.0, num_decay_steps)
    elif cooldown_type == "cosine":
        half = num_decay_steps / (2.0 * num_cycles) if num_cycles else 0.0
        fall = wave(base_lr, low, half) if half else constant(value=base_lr)
    else:
        power = 0.5 if cooldown_type == "1-sqrt" else 2.0
        fall = segment(one_minus_power, base_lr, 0.0, num_decay_steps, power=power)
    return from_zero(
        up_to(base_lr, num_warmup_steps),
        (num_stable_steps, constant(value=base_lr)),
        (num_decay_steps, fall),
        constant(value=low),
    )


@peer("pytorch_optimizer")
def get_chebyshev_schedule(num_epochs: Steps, is_warmup: bool = False, *, base_lr: Lr) -> Schedule:
    """The rate times the reciprocals of Chebyshev nodes between 0.05 and 1, in a fractal order.

    There are as many as the next power of two above ``num_epochs - 1``, for 2 and 4 half of these. The first is used
    three times, and the last one is held.
    """
    if is_warmup:
        return constant(value=base_lr)
    nodes = 2 ** (num_epochs - 1).bit_length() if num_epochs > 1 else 1
    order = [0]
    while len(order) < nodes - 2:
        order = [place for first in order for place in (first, 2 * len(order) - 1 - first)]
    middle, radius = (1.0 + 0.05) / 2.0, (1.0 - 0.05) / 2.0
    rates = [base_lr / (middle - radius * math.cos((place + 0.5) * math.pi / nodes)) for place in order]
    return stairs(rates, range(3, len(rates) + 2))


@peer("pytorch_optimizer")
def ProportionScheduler(
    lr_scheduler: Schedule, max_lr: Lr, min_lr: Lr = 0.0, max_value: Value = 2.0, min_value: Value = 2.0
) -> Schedule:
    """The rate of a schedule, moved from ``min_lr`` and ``max_lr`` to ``min_value`` and ``max_value``, but not below 0.

    It follows the rate of each update. Before the first call of ``step`` the scheduler itself follows ``init_lr``,
    which its schedulers do not apply.
    """
    if max_lr <= min_lr:
        return constant(value=max_value)
    slope = (max_value - min_value) / (max_lr - min_lr)
    at_zero = min_value - slope * min_lr
    if at_zero < 0:  # it is 0 up to some rate
        return _going_on(0.0, slope).shift(-at_zero / slope).warp(lr_scheduler)
    return _going_on(at_zero, slope).warp(lr_scheduler)


def _going_on(start: float, by: float, power: float = 1.0) -> Schedule:
    """``start + by * t**power`` until it is 0, or too large for a number."""
    room = start if by < 0 else _LARGEST
    if by == 0 or room == 0:
        return constant(value=start)
    far = math.log2(room / abs(by)) / power >= math.log2(HORIZON)
    steps = HORIZON if far else (room / abs(by)) ** (1.0 / power)
    end = max(start + by * steps**power, 0.0) if far or by > 0 else 0.0
    if power == 1:
        return linear(start=start, end=end, steps=steps)
    return one_minus_power(start=start, end=end, steps=steps, power=power)
