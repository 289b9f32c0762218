"""Megatron-LM's scheduler: its ``num_steps`` counts finished updates, or what ``increment`` makes of them, from 0.

Update ``n`` gets ``num_steps = (n - 1) * increment``; in practice these are samples. A boundary belongs to what is
over, as in this library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from optimsche.lr_fns import constant, cosine, geometric, inverse_sqrt, linear, one_minus_power
from optimsche.peers._peer import Lr, RealSteps, SomeRealSteps, SomeSteps, Value, peer
from optimsche.peers._pieces import from_one, segment
from optimsche.schedule import Schedule

__all__ = [
    "OptimizerParamScheduler",
]

Style: TypeAlias = Literal["constant", "linear", "cosine", "inverse-square-root", "WSD"]
WsdStyle: TypeAlias = Literal["linear", "cosine", "exponential", "minus_sqrt", None]
_SHAPES: dict[Any, Callable[..., Schedule]] = {"linear": linear, "cosine": cosine, "minus_sqrt": one_minus_power}


@peer("megatron")
def OptimizerParamScheduler(
    init_lr: Lr,
    max_lr: Lr,
    min_lr: Lr,
    lr_warmup_steps: RealSteps,
    lr_decay_steps: SomeRealSteps,
    lr_decay_style: Style,
    start_wd: Value,
    end_wd: Value,
    wd_incr_steps: RealSteps,
    wd_incr_style: Literal["constant", "linear", "cosine"],
    wsd_decay_steps: RealSteps | None = None,
    lr_wsd_decay_style: WsdStyle = None,
    *,
    increment: SomeSteps = 1,
    quantity: Literal["lr", "weight_decay"] = "lr",
) -> Schedule:
    """A line from ``init_lr`` to ``max_lr``, then a decay to ``min_lr``, which holds after ``lr_decay_steps``.

    ``"constant"`` never falls; ``"inverse-square-root"`` jumps down after ``lr_decay_steps``; ``"WSD"`` begins to fall
    ``wsd_decay_steps`` before, or jumps there from the warm-up if that is earlier. With ``quantity="weight_decay"``
    the way from ``start_wd`` to ``end_wd``.
    """
    name = "megatron.OptimizerParamScheduler"
    if not min_lr <= max_lr or not init_lr <= max_lr:
        raise ValueError(f"{name}: max_lr must be >= min_lr={min_lr} and >= init_lr={init_lr}, got {max_lr}")
    if lr_warmup_steps >= lr_decay_steps:
        raise ValueError(f"{name}: lr_warmup_steps must be < lr_decay_steps={lr_decay_steps}, got {lr_warmup_steps}")
    if lr_decay_style == "WSD" and (wsd_decay_steps is None or lr_wsd_decay_style is None):
        raise ValueError(f"{name}: lr_decay_style='WSD' needs wsd_decay_steps and lr_wsd_decay_style")
    if end_wd < start_wd:
        raise ValueError(f"{name}: end_wd must be >= start_wd={start_wd}, got {end_wd}")
    if wd_incr_style == "constant" and start_wd != end_wd:
        raise ValueError(f"{name}: wd_incr_style='constant' needs start_wd == end_wd, got {start_wd} and {end_wd}")

    if quantity == "weight_decay":
        curve = segment(_SHAPES.get(wd_incr_style, linear), start_wd, end_wd, wd_incr_steps)
    else:
        warmup, last = lr_warmup_steps, lr_decay_steps
        rise = (warmup, segment(linear, init_lr, max_lr, warmup))
        if lr_decay_style == "constant":
            curve = from_one(rise, constant(value=max_lr))
        elif lr_decay_style == "inverse-square-root":
            begin = max(warmup, 1)
            fall = inverse_sqrt(start=max_lr, timescale=begin).clamp(floor=min_lr)
            peak = constant(value=max_lr)
            curve = from_one(rise, (begin - warmup, peak), (last - begin, fall), constant(value=min_lr))
        elif lr_decay_style == "WSD":
            decay = wsd_decay_steps or 0
            hold = last - decay - warmup
            fall = _wsd(lr_wsd_decay_style, max_lr, min_lr, decay)
            curve = from_one(rise, (hold, constant(value=max_lr)), fall.shift(hold) if hold < 0 else fall)
        else:
            curve = from_one(rise, _SHAPES[lr_decay_style](start=max_lr, end=min_lr, steps=last - warmup))
    return curve.stretch(1 / increment).shift(1) if increment > 1 else curve.shift(1)


def _wsd(style: WsdStyle, high: float, low: float, steps: float) -> Schedule:
    if style == "exponential" and steps > 0:  # 2 * 0.5**u - 1
        return linear(start=low, end=high, steps=1).shift(1).warp(geometric(start=2.0, end=1.0, steps=steps))
    return segment(_SHAPES.get(style, linear), high, low, steps)
