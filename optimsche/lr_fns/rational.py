"""Quotients and roots of straight lines: budgeted training, inverse time to a given end, hyperbolas."""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.domains import Meaning, Rate, Steps
from optimsche.schedule import lr_fn

Beta = Annotated[float, Gt(-math.inf), Lt(1), Meaning("how far the curve is bent; 0 is a straight line")]


@lr_fn
def rex(real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, beta: Beta = 0.5) -> float:
    r"""Go from ``start`` to ``end`` slowly at first and quickly at last (REX), then hold ``end``.

    .. math:: \eta(t) = e + (s - e) \frac{1 - u}{1 - \beta u}, \quad u = \min(t/T, 1)

    with :math:`t` real step, :math:`s` start, :math:`e` end, :math:`T` steps, :math:`\beta` beta.

    Args:
        start: rate at step 0; finite, >= 0.
        end: rate from ``steps`` on; finite, >= 0.
        steps: length in updates; > 0.
        beta: the bend; < 1. Above 0 most of the way is made late, below 0 early, 0 is a straight line. With
            ``beta = 1 - start / end`` it is inverse time decay, :math:`s/(1 + kt)`, that meets ``end``.

    Returns:
        A schedule with values between ``start`` and ``end``, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Chen, Wolfe & Kyrillidis, REX: Revisiting Budgeted Training with an Improved Schedule (2021),
    arXiv:2107.04197, where ``beta`` is 1/2.

    >>> [round(rex(start=0.3, steps=100)(t), 6) for t in (0, 50, 80, 100)]
    [0.3, 0.2, 0.1, 0.0]
    >>> inverse_time = rex(start=0.4, end=0.1, steps=300, beta=1 - 0.4 / 0.1)
    >>> [round(inverse_time(t), 6) for t in (0, 100, 300)]  # 0.4 / (1 + t / 100)
    [0.4, 0.2, 0.1]
    """
    done = ops.progress(real_step, steps)
    left = (1.0 - done) / (1.0 - beta * done)
    return ops.segment(end, start, left)  # from the end, where what is left is exactly 0


def _bounded(steps: float, upper_bound: float, **_: Any) -> dict[str, Any]:
    if upper_bound < steps:
        raise ValueError(f"upper_bound must be >= steps, got upper_bound={upper_bound} and steps={steps}")
    return {}


@lr_fn(resolve=_bounded)
def hyperbolic(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, upper_bound: Steps
) -> float:
    r"""Go from ``start`` to ``end`` along a hyperbola whose first part hardly depends on ``steps``, then hold ``end``.

    .. math:: \eta(t) = e + (s - e) \sqrt{(1 - u)\left(1 - \frac{T}{2U - T}\,u\right)}, \quad u = \min(t/T, 1)

    with :math:`t` real step, :math:`s` start, :math:`e` end, :math:`T` steps, :math:`U` upper_bound.

    Args:
        start: rate at step 0; finite, >= 0.
        end: rate from ``steps`` on; finite, >= 0.
        steps: length in updates; > 0.
        upper_bound: the longest run that is meant, in updates; >= ``steps``. At ``steps`` the curve is a straight line.

    Returns:
        A schedule with values between ``start`` and ``end``, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Kim, HyperbolicLR: Epoch Insensitive Learning Rate Scheduler (2024), arXiv:2407.15200.

    >>> [hyperbolic(start=0.1, steps=100, upper_bound=100)(t) for t in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    >>> round(hyperbolic(start=0.1, steps=100, upper_bound=250)(50), 6)
    0.066144
    """
    done = ops.progress(real_step, steps)
    left = ops.power((1.0 - done) * (1.0 - steps / (2.0 * upper_bound - steps) * done), 0.5)
    return ops.segment(end, start, left)  # from the end, where what is left is exactly 0
