"""The two sweeps of Lightning's learning-rate finder: update ``n`` gets what they have at ``last_epoch = n - 1``.

The first update runs at the rate of the optimizer; every other one is a place ahead, so update 2 is the second of
``num_iter`` places and update ``num_iter`` at ``end_lr``. After it the sweep goes on.
"""

from __future__ import annotations

from optimsche.lr_fns import constant
from optimsche.peers._peer import Lr, PositiveLr, SomeSteps, peer
from optimsche.peers._pieces import line, powers
from optimsche.schedule import Schedule

__all__ = [
    "LinearLR",
    "ExponentialLR",
]


@peer("lightning")
def _LinearLR(end_lr: Lr, num_iter: SomeSteps, *, base_lr: Lr) -> Schedule:
    """A line from the rate to ``end_lr`` and on; one that falls ends at 0."""
    return constant(value=base_lr).then(line(base_lr, end_lr, num_iter).shift(-1), at=1)


@peer("lightning")
def _ExponentialLR(end_lr: PositiveLr, num_iter: SomeSteps, *, base_lr: PositiveLr) -> Schedule:
    """The same ratio with each update, through ``end_lr`` and on."""
    return constant(value=base_lr).then(powers(base_lr, end_lr / base_lr, num_iter).shift(-1), at=1)


LinearLR, ExponentialLR = _LinearLR, _ExponentialLR
