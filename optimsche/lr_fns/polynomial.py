"""Powers of what is left of a piece, and of what is done of it."""

from __future__ import annotations

from optimsche import ops
from optimsche.domains import Power, Rate, Steps
from optimsche.schedule import lr_fn


@lr_fn
def polynomial(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, power: Power = 2.0
) -> float:
    r"""Go from ``start`` to ``end`` as a power of what is left of the piece, then hold ``end``.

    .. math:: \eta(t) = e + (s - e)(1 - u)^p, \quad u = \min(t/T, 1)

    with :math:`t` real step, :math:`s` start, :math:`e` end, :math:`T` steps, :math:`p` power.

    Args:
        start: rate at step 0; finite, >= 0.
        end: rate from ``steps`` on; finite, >= 0.
        steps: length in updates; > 0.
        power: exponent; > 0. Above 1 most of the way is made early, below 1 late; 1 is a straight line.

    Returns:
        A schedule with values between ``start`` and ``end``, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Liu, Rabinovich & Berg, ParseNet (2015), "poly" policy, arXiv:1506.04579.

    >>> [polynomial(start=1.0, steps=100, power=2)(t) for t in (0, 50, 75, 100)]
    [1.0, 0.25, 0.0625, 0.0]
    """
    left = 1.0 - ops.progress(real_step, steps)
    return ops.segment(end, start, ops.power(left, power))  # from the end, where what is left is exactly 0


@lr_fn
def one_minus_power(
    real_step: float, epoch: float, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps, power: Power = 0.5
) -> float:
    r"""Go from ``start`` to ``end`` as a power of what is done of the piece, then hold ``end``.

    .. math:: \eta(t) = s + (e - s) u^p, \quad u = \min(t/T, 1)

    with :math:`t` real step, :math:`s` start, :math:`e` end, :math:`T` steps, :math:`p` power. The default is the
    "1-sqrt" decay.

    Args:
        start: rate at step 0; finite, >= 0.
        end: rate from ``steps`` on; finite, >= 0.
        steps: length in updates; > 0.
        power: exponent; > 0. Below 1 most of the way is made early, above 1 late; 1 is a straight line.

    Returns:
        A schedule with values between ``start`` and ``end``, both met exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (2024),
    arXiv:2405.18392.

    >>> [one_minus_power(start=0.1, steps=100)(t) for t in (0, 25, 100, 999)]
    [0.1, 0.05, 0.0, 0.0]
    """
    return ops.segment(start, end, ops.power(ops.progress(real_step, steps), power))
