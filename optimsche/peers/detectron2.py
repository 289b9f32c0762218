"""detectron2's wrappers of fvcore's schedulers, and its older schedulers: update ``n`` is at ``last_epoch = n - 1``.

A schedule of fvcore's that is wrapped is built with ``total_steps=1``, as the parts of a composite are.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from annotated_types import Gt, Lt

from optimsche.lr_fns import linear, piecewise_constant, polynomial
from optimsche.peers import fvcore
from optimsche.peers._peer import Edges, Gamma, Lr, RealSteps, Share, SomeRealSteps, peer
from optimsche.peers._pieces import from_zero, stairs, wave
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "WarmupParamScheduler",
    "LRMultiplier",
    "WarmupMultiStepLR",
    "WarmupCosineLR",
    "WarmupPolyLR",
]

Method: TypeAlias = Literal["linear", "constant"]
Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]


@peer("detectron2")
def WarmupParamScheduler(
    scheduler: Schedule,
    warmup_factor: Gamma,
    warmup_length: Share,
    warmup_method: Method = "linear",
    rescale_interval: bool = False,
    *,
    total_steps: SomeRealSteps,
) -> Schedule:
    """A warm-up over a part of the run, then a schedule of ``peers.fvcore`` where it is by then.

    It leads from ``warmup_factor`` times the schedule's first value to what that has at its end. With
    ``rescale_interval`` it leads to the first value, and the whole schedule follows in what is left of the run.
    """
    first = scheduler(1)
    warmup = fvcore.ConstantParamScheduler(warmup_factor * first, total_steps=1)
    if warmup_method == "linear":
        end = first if rescale_interval else scheduler(1 + warmup_length)
        warmup = fvcore.LinearParamScheduler(warmup_factor * first, end, total_steps=1)
    after: Literal["rescaled", "fixed"] = "rescaled" if rescale_interval else "fixed"
    lengths = (warmup_length, 1 - warmup_length)
    return fvcore.CompositeParamScheduler((warmup, scheduler), lengths, ("rescaled", after), total_steps=total_steps)


@peer("detectron2")
def LRMultiplier(multiplier: Schedule, max_iter: SomeRealSteps, *, base_lr: Lr) -> Schedule:
    """The rate times a schedule of ``peers.fvcore``, over ``max_iter`` updates."""
    return base_lr * multiplier.shift(-1).stretch(max_iter).shift(1)


@peer("detectron2")
def WarmupMultiStepLR(
    milestones: Edges,
    gamma: Gamma = 0.1,
    warmup_factor: Gamma = 0.001,
    warmup_iters: RealSteps = 1000,
    warmup_method: Method = "linear",
    *,
    base_lr: Lr,
) -> Schedule:
    """The rate times ``gamma`` from each of ``milestones`` on, times a warm-up."""
    if list(milestones) != sorted(milestones):
        raise ValueError(f"detectron2.WarmupMultiStepLR: milestones must not fall, got {milestones}")
    steps = stairs([base_lr * gamma**k for k in range(len(milestones) + 1)], milestones)
    return _warmed(steps, warmup_factor, warmup_iters, warmup_method)


@peer("detectron2")
def WarmupCosineLR(
    max_iters: SomeRealSteps,
    warmup_factor: Gamma = 0.001,
    warmup_iters: RealSteps = 1000,
    warmup_method: Method = "linear",
    *,
    base_lr: Lr,
) -> Schedule:
    """Half a cosine over ``max_iters``, and back up after it, times a warm-up."""
    return _warmed(wave(base_lr, 0.0, max_iters).shift(1), warmup_factor, warmup_iters, warmup_method)


@peer("detectron2")
def WarmupPolyLR(
    max_iters: SomeRealSteps,
    warmup_factor: Gamma = 0.001,
    warmup_iters: RealSteps = 1000,
    warmup_method: Method = "linear",
    power: Power = 0.9,
    constant_ending: Gamma = 0.0,
    *,
    base_lr: Lr,
) -> Schedule:
    """A power of what is left of ``max_iters``, times a warm-up, after which ``constant_ending`` is a floor.

    Of the project DeepLab. A ``warmup_factor`` of 1 is no warm-up. After ``max_iters``, where it raises, or with a
    whole power goes on, it is held.
    """
    fall = polynomial(start=base_lr, steps=max_iters, power=power)
    rising = _warmed(fall.shift(1), warmup_factor, warmup_iters, warmup_method)
    if constant_ending == 0:
        return rising
    after = fall.clamp(floor=base_lr * constant_ending)
    if warmup_iters == 0 or warmup_factor == 1:
        return after.shift(1)
    return from_zero((warmup_iters, rising.shift(-1)), after.shift(-warmup_iters))


def _warmed(schedule: Schedule, factor: float, steps: float, method: str) -> Schedule:
    """A schedule of updates times a factor that leads to 1."""
    if steps == 0:
        return schedule
    if method == "linear":
        return schedule * linear(start=factor, end=1.0, steps=steps).shift(1)
    return schedule * piecewise_constant(values=(factor, 1.0), at=(math.ceil(steps),))
