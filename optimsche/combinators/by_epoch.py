"""A schedule on the clock of finished epochs."""

from __future__ import annotations

import math

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.schedule import Schedule


@lr_fn(
    counts_epochs=True,
    length=lambda schedule: math.inf,
    boundaries=lambda schedule: (),
)
def by_epoch(real_step: float, epoch: float, schedule: Schedule) -> float:
    """Count finished epochs where the schedule counts updates.

        schedule(max(e - 1, 0))

    The first epoch gets `schedule(0)`.

    Args:
        schedule: a schedule whose lengths are meant in epochs.

    Returns:
        A schedule without a length in updates. To draw it or attach it to an optimizer takes `steps_per_epoch`.

    Note:
        A piece includes the clock at its end, and the clock is 0 in the first epoch. So `milestones(at=(29,))` falls
        after 30 epochs: the clock of the thirtieth is 29.

    Raises:
        TypeError: not a schedule.

    >>> from optimsche import linear
    >>> plan = linear(start=1.0, steps=10).by_epoch()
    >>> plan(123, epoch=1), plan(456, epoch=6)
    (1.0, 0.5)
    """
    return schedule(ops.maximum(epoch - 1.0, 0.0), epoch)
