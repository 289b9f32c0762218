"""WeNet's schedule: update ``n`` gets what it has at ``last_epoch + 1 = n``."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

from annotated_types import Gt, Lt

from optimsche.lr_fns import inverse_sqrt
from optimsche.peers._peer import Lr, SomeRealSteps, peer
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "WarmupLR",
]

Factor: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("how many updates count as one")]


@peer("wenet")
def WarmupLR(warmup_steps: SomeRealSteps = 25000, device_factor: Factor = 1, *, base_lr: Lr) -> Schedule:
    """A line up to the rate with update ``warmup_steps``, then its inverse square root.

    With a ``device_factor`` the step is divided by it, and the warm-up by its square, rounded.
    """
    warmup = round(warmup_steps / device_factor**2)
    if warmup == 0:
        raise ValueError(
            f"wenet.WarmupLR: of warmup_steps={warmup_steps} a device_factor of {device_factor} leaves none; give more"
        )
    schedule = inverse_sqrt(start=base_lr, timescale=warmup).warmup(warmup)
    return schedule if device_factor == 1 else schedule.stretch(device_factor)
