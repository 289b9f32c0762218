"""Constant ratios: towards an end, and without one."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.domains import Fraction, Meaning, Rate, Steps
from optimsche.schedule import lr_fn

PositiveRate = Annotated[
    float, Gt(0), Lt(math.inf), Meaning("a learning rate", "A ratio never reaches 0: use linear or cosine for that.")
]


@lr_fn
def geometric(real_step: float, epoch: float, *, start: PositiveRate = 1.0, end: PositiveRate, steps: Steps) -> float:
    r"""Go from ``start`` to ``end`` by the same ratio with every update, then hold ``end``.

    .. math:: \eta(t) = s (e/s)^u, \quad u = \min(t/T, 1)

    with :math:`t` real step, :math:`s` start, :math:`e` end, :math:`T` steps.

    Args:
        start: rate at step 0; finite, > 0.
        end: rate from ``steps`` on; finite, > 0. Above ``start`` it is the sweep of a learning-rate range test.
        steps: length in updates; > 0.

    Returns:
        A schedule with values between ``start`` and ``end``, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [geometric(start=1.0, end=0.0625, steps=4)(t) for t in range(6)]
    [1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625]
    """
    done = ops.progress(real_step, steps)
    return ops.landing(start * (end / start) ** done, start, end, done)


@lr_fn
def exponential(real_step: float, epoch: float, *, start: Rate = 1.0, factor: Fraction, every: Steps = 1.0) -> float:
    r"""Multiply by ``factor`` over each ``every`` updates, smoothly and without an end.

    .. math:: \eta(t) = s \gamma^{t/n}

    with :math:`t` real step, :math:`s` start, :math:`\gamma` factor, :math:`n` every.

    Args:
        start: rate at step 0; finite, >= 0.
        factor: what is left of the rate after ``every`` updates; > 0 and <= 1.
        every: updates over which the rate is multiplied once; > 0.

    Returns:
        A schedule that falls from ``start`` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [exponential(start=1.0, factor=0.5, every=10)(t) for t in (0, 10, 20)]
    [1.0, 0.5, 0.25]
    """
    return start * factor ** (real_step / every)
