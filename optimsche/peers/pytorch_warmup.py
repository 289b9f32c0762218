"""pytorch_warmup's factors: update ``n`` gets what they have at ``last_step = n - 1``, where they write ``n`` itself.

Each is a factor on the schedule under it, ``lr_scheduler`` (one of :mod:`optimsche.peers.torch`), or on ``base_lr``.
``beta2`` is what they read from Adam's settings.
"""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Gt, Lt, MinLen

from optimsche.lr_fns import constant, exponential, expression, linear
from optimsche.peers._peer import Lr, SomeSteps, peer
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LinearWarmup",
    "ExponentialWarmup",
    "UntunedLinearWarmup",
    "UntunedExponentialWarmup",
    "RAdamWarmup",
]

Periods = Annotated[tuple[SomeSteps, ...], MinLen(1), Meaning("a number of steps for each parameter group")]
Beta2 = Annotated[float, Ge(0), Lt(1), Meaning("the second of Adam's betas")]
RectifiedBeta2 = Annotated[float, Gt(0.6), Lt(1), Meaning("the second of Adam's betas")]


@peer("pytorch_warmup")
def LinearWarmup(
    warmup_period: SomeSteps | Periods, *, lr_scheduler: Schedule | None = None, base_lr: Lr | None = None
) -> Schedule:
    """The first update gets ``1 / warmup_period`` of the rate, update ``warmup_period`` all of it."""
    period = _of_one_group("LinearWarmup", warmup_period)
    return _on("LinearWarmup", lr_scheduler, base_lr) * linear(start=0.0, end=1.0, steps=period)


@peer("pytorch_warmup")
def ExponentialWarmup(
    warmup_period: SomeSteps | Periods, *, lr_scheduler: Schedule | None = None, base_lr: Lr | None = None
) -> Schedule:
    """``1 - exp(-n / warmup_period)`` of the rate."""
    period = _of_one_group("ExponentialWarmup", warmup_period)
    left = exponential(factor=math.exp(-1.0), every=period)
    return _on("ExponentialWarmup", lr_scheduler, base_lr) * linear(steps=1).warp(left)


@peer("pytorch_warmup")
def UntunedLinearWarmup(
    *, beta2: Beta2 = 0.999, lr_scheduler: Schedule | None = None, base_lr: Lr | None = None
) -> Schedule:
    """:func:`LinearWarmup` over ``int(2 / (1 - beta2))``, which rounding errors may make one shorter."""
    return LinearWarmup(int(2.0 / (1.0 - beta2)), lr_scheduler=lr_scheduler, base_lr=base_lr)


@peer("pytorch_warmup")
def UntunedExponentialWarmup(
    *, beta2: Beta2 = 0.999, lr_scheduler: Schedule | None = None, base_lr: Lr | None = None
) -> Schedule:
    """:func:`ExponentialWarmup` over ``int(1 / (1 - beta2))``, which rounding errors may make one shorter."""
    return ExponentialWarmup(int(1.0 / (1.0 - beta2)), lr_scheduler=lr_scheduler, base_lr=base_lr)


@peer("pytorch_warmup")
def RAdamWarmup(
    *, beta2: RectifiedBeta2 = 0.999, lr_scheduler: Schedule | None = None, base_lr: Lr | None = None
) -> Schedule:
    """RAdam's rectification, from the first step on at which it has a value."""
    limit = 2.0 / (1 - beta2) - 1
    length = f"{limit!r} - 2 * t * {beta2!r} ** t / (1 - {beta2!r} ** t)"
    offset = next(t for t in range(1, 1000) if expression(text=length)(t) > 4)
    rectified = expression(text=f"sqrt((t - 4) * (t - 2) * {limit!r} / ({(limit - 4) * (limit - 2)!r} * t))")
    factor = rectified.warp(expression(text=length)).shift(-offset).shift(1)
    return _on("RAdamWarmup", lr_scheduler, base_lr) * factor


def _on(name: str, lr_scheduler: Schedule | None, base_lr: float | None) -> Schedule:
    """The schedule that a factor dampens."""
    if lr_scheduler is not None:
        return lr_scheduler
    if base_lr is None:
        raise ValueError(f"pytorch_warmup.{name}: give base_lr, the optimizer's own rate, or lr_scheduler, a schedule")
    return constant(value=base_lr)


def _of_one_group(name: str, warmup_period: int | tuple[int, ...]) -> int:
    if isinstance(warmup_period, int):
        return warmup_period
    period, *others = warmup_period
    if others:
        raise ValueError(
            f"pytorch_warmup.{name}: a schedule is that of one parameter group, got warmup_period={warmup_period}; "
            "build one for each"
        )
    return period
