"""nanochat's multipliers: update ``n`` gets what they have at ``it = n - 1``, of ``num_iterations`` updates.

The rate of each parameter group is its own, times :func:`get_lr_multiplier`. The numbers of Muon's momentum are written
into nanochat and are no arguments.
"""

from __future__ import annotations

from optimsche.lr_fns import constant, cosine, linear
from optimsche.peers._peer import Gamma, Share, SomeSteps, Steps, Value, peer
from optimsche.peers._pieces import from_zero, segment
from optimsche.schedule import Schedule

__all__ = [
    "get_lr_multiplier",
    "get_muon_momentum",
    "get_weight_decay",
]


@peer("nanochat")
def get_lr_multiplier(
    *, num_iterations: SomeSteps, warmup_steps: Steps = 40, warmdown_ratio: Share = 0.65, final_lr_frac: Gamma = 0.05
) -> Schedule:
    """A warm-up whose first update gets ``1 / warmup_steps``, 1, then a line down over ``warmdown_ratio`` of the run.

    The line would be at ``final_lr_frac`` with the update after the last.
    """
    down = round(warmdown_ratio * num_iterations)
    rise = segment(linear, 0.0, 1.0, warmup_steps).shift(-1)
    return _held_between((warmup_steps, rise), num_iterations - down, segment(linear, 1.0, final_lr_frac, down), down)


@peer("nanochat")
def get_muon_momentum(*, num_iterations: SomeSteps, warmdown_ratio: Share = 0.65) -> Schedule:
    """Muon's momentum: from 0.85 to 0.97 over 400 updates, and down to 0.9 while the rate goes down."""
    down = round(warmdown_ratio * num_iterations)
    rise = linear(start=0.85, end=0.97, steps=400)
    return _held_between((400, rise), num_iterations - down, segment(linear, 0.97, 0.90, down), down, 0.97)


@peer("nanochat")
def get_weight_decay(*, num_iterations: SomeSteps, weight_decay: Value) -> Schedule:
    """Muon's weight decay: half a cosine to 0."""
    return cosine(start=weight_decay, steps=num_iterations).shift(1)


def _held_between(rise: tuple[int, Schedule], until: int, fall: Schedule, down: int, level: float = 1.0) -> Schedule:
    """A rise, a level up to a counter, and a fall that is entered midway where the rise is still going on then."""
    hold = until - rise[0]
    held = constant(value=level)
    return from_zero(rise, (hold, held), fall.shift(min(hold, 0)) if down else held)
