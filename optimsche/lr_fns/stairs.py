"""Rates that fall in steps. An update at the edge of a step still belongs to the step before it."""

from __future__ import annotations

import math
from typing import Any

from optimsche import ops
from optimsche.domains import Fraction, Milestones, PositiveFactor, Rate, Steps
from optimsche.lr_fns import _points
from optimsche.schedule import lr_fn

# Steps without an end: so many of their edges are listed as joints.
_EDGES_LISTED = 100


@lr_fn(joints=lambda start, factor, every: [every * number for number in range(1, _EDGES_LISTED + 1)])
def step_decay(real_step: float, epoch: float, *, start: Rate = 1.0, factor: Fraction, every: Steps) -> float:
    r"""Multiply by ``factor`` after each ``every`` updates.

    .. math:: \eta(t) = s \gamma^{\max(\lceil t/n \rceil - 1, 0)}

    with :math:`t` real step, :math:`s` start, :math:`\gamma` factor, :math:`n` every.

    Args:
        start: rate of updates 1 to ``every``; finite, >= 0.
        factor: what is left of the rate after each step; > 0 and <= 1.
        every: updates on each step; > 0.

    Returns:
        A schedule that falls from ``start`` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Note:
        By epochs, ``step_decay(...).shift(-1).by_epoch()`` falls after ``every`` epochs: see :func:`by_epoch`.

    >>> [step_decay(start=1.0, factor=0.5, every=10)(t) for t in (1, 10, 11, 20, 21)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    number, _ = ops.block(real_step, every)
    return start * factor**number


def _without_overflow(start: float, factor: float, at: tuple[float, ...]) -> dict[str, Any]:
    if math.log(factor) * len(at) + math.log(max(start, 1.0)) > 700:
        raise ValueError(f"the rate would overflow: {start} multiplied {len(at)} times by {factor}")
    return _points.increasing(at)


@lr_fn(resolve=_without_overflow, joints=_points.all_but_zero)
def milestones(
    real_step: float, epoch: float, *, start: Rate = 1.0, factor: PositiveFactor = 0.1, at: Milestones
) -> float:
    r"""Multiply by ``factor`` after each of the updates in ``at``.

    .. math:: \eta(t) = s \gamma^{\#\{m \in M : m < t\}}

    with :math:`t` real step, :math:`s` start, :math:`\gamma` factor, :math:`M` at.

    Args:
        start: rate up to and including the first milestone; finite, >= 0.
        factor: the multiplier; finite, > 0.
        at: the last update of each step; increasing, > 0.

    Returns:
        A schedule that holds its last value for ever and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Note:
        By epochs, ``milestones(at=(29, 59)).by_epoch()`` falls after 30 and 60 of them: see :func:`by_epoch`.

    Source: He et al., Deep Residual Learning (2015), section 3.4, arXiv:1512.03385.

    >>> [milestones(start=1.0, factor=0.5, at=(30, 60))(t) for t in (30, 31, 60, 61)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return start * factor ** ops.real(ops.count_below(at, real_step))
