"""torchtitan's schedule: update ``n`` gets what it has at ``last_epoch = n - 1``, where it writes ``n`` itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from optimsche.lr_fns import constant, cosine, linear, one_minus_power
from optimsche.peers._peer import Lr, Share, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_one, segment
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LRSchedulersContainer",
]

Ratio = Annotated[float, Ge(0), Lt(float("inf")), Meaning("a part of the run")]
_DECAYS: dict[str, Callable[..., Schedule]] = {"linear": linear, "sqrt": one_minus_power, "cosine": cosine}


@peer("torchtitan")
def LRSchedulersContainer(
    warmup_steps: Steps = 200,
    total_steps: SomeSteps | None = None,
    decay_ratio: Ratio | None = None,
    decay_type: Literal["linear", "sqrt", "cosine"] = "linear",
    min_lr_factor: Share = 0.0,
    *,
    training_steps: SomeSteps | None = None,
    base_lr: Lr,
) -> Schedule:
    """A warm-up whose first update gets ``1 / warmup_steps``, the rate, then a decay over the last ``decay_ratio``.

    Without a ratio everything after the warm-up is decay. The steps are ``training_steps`` unless ``total_steps`` are
    given; there is a virtual one after the last, so that the lowest rate would be that of the update after the run.
    Past it, where torchtitan goes on below zero, the rate is held.
    """
    total = training_steps if total_steps is None else total_steps
    if total is None:
        raise ValueError("torchtitan.LRSchedulersContainer: give training_steps, or total_steps")
    warmup = min(warmup_steps, total)
    decay = total - warmup if decay_ratio is None else min(round(total * decay_ratio), total - warmup)
    fall = segment(_DECAYS[decay_type], base_lr, base_lr * min_lr_factor, decay) if decay else constant(value=base_lr)
    return from_one(
        (warmup, segment(linear, 0.0, base_lr, warmup)),
        (total + 1 - warmup - decay, constant(value=base_lr)),
        fall,
    )
