"""A rate that falls in steps of equal length. An update at the end of a step still belongs to that step."""

from __future__ import annotations

import itertools

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Fraction, Rate, Steps


@lr_fn(
    boundaries=lambda start, factor, every: (every * number for number in itertools.count(1)),
    reach=lambda start, factor, every: 6 * every,
)
def step_decay(real_step: float, epoch: float, *, start: Rate = 1.0, factor: Fraction, every: Steps) -> float:
    """Multiply by `factor` after each `every` updates.

        start * factor ** max(ceil(t / every) - 1, 0)

    Args:
        start: rate of updates 1 to `every`; finite, >= 0.
        factor: what is left of the rate after each step; > 0 and <= 1.
        every: updates on each step; > 0.

    Returns:
        A schedule that falls from `start` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Note:
        By epochs, `step_decay(...).shift(-1).by_epoch()` falls after `every` epochs: see `by_epoch`.

    >>> [step_decay(start=1.0, factor=0.5, every=10)(t) for t in (1, 10, 11, 20, 21)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    number, _ = ops.block(real_step, every)
    return start * factor**number
