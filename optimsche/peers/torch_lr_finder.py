"""The two sweeps of torch-lr-finder: update ``n`` gets what they have at ``last_epoch = n - 1``.

Update ``num_iter`` is at ``end_lr``; after it the sweep goes on.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from annotated_types import Gt

from optimsche.peers._peer import Lr, PositiveLr, peer
from optimsche.peers._pieces import line, powers
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LinearLR",
    "ExponentialLR",
]

Iterations: TypeAlias = Annotated[int, Gt(1), Meaning("a number of iterations")]


@peer("torch_lr_finder")
def LinearLR(end_lr: Lr, num_iter: Iterations, *, base_lr: Lr) -> Schedule:
    """A line from the rate to ``end_lr`` and on; one that falls ends at 0."""
    return line(base_lr, end_lr, num_iter - 1).shift(1)


@peer("torch_lr_finder")
def ExponentialLR(end_lr: PositiveLr, num_iter: Iterations, *, base_lr: PositiveLr) -> Schedule:
    """The same ratio with each update, through ``end_lr`` and on."""
    return powers(base_lr, end_lr / base_lr, num_iter - 1).shift(1)
