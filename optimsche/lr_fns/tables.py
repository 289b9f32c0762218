"""Rates that are listed one by one."""

from __future__ import annotations

from optimsche import ops
from optimsche.domains import Milestones, Points, Rates
from optimsche.lr_fns import _points
from optimsche.schedule import lr_fn


@lr_fn(resolve=_points.one_value_more, joints=_points.all_but_zero)
def piecewise_constant(real_step: float, epoch: float, *, values: Rates, at: Milestones) -> float:
    r"""Hold each of ``values`` in turn, changing after each of the updates in ``at``.

    .. math:: \eta(t) = v_k, \quad k = \#\{m \in M : m < t\}

    with :math:`t` real step, :math:`v` values, :math:`M` at.

    Args:
        values: the rates, one more than there are changes; finite, >= 0.
        at: the last update of each value but the last; increasing, > 0.

    Returns:
        A schedule that holds its last value for ever and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind, or the numbers do not match.

    >>> [piecewise_constant(values=(0.1, 0.3, 0.2), at=(10, 20))(t) for t in (10, 11, 20, 21)]
    [0.1, 0.3, 0.3, 0.2]
    """
    return ops.take(values, ops.count_below(at, real_step))


@lr_fn(resolve=_points.one_value_each, joints=_points.all_but_zero, length=lambda values, at: at[-1])
def piecewise_linear(real_step: float, epoch: float, *, values: Rates, at: Points) -> float:
    r"""Straight lines through the points ``(at[i], values[i])``, flat before the first and after the last.

    .. math:: \eta(t) = v_k + (v_{k+1} - v_k) \frac{t - m_k}{m_{k+1} - m_k}, \quad m_k < t \le m_{k+1}

    with :math:`t` real step, :math:`v` values, :math:`m` at.

    Args:
        values: the rate at each point; finite, >= 0.
        at: the points, in updates; increasing, >= 0.

    Returns:
        A schedule as long as its last point, which meets every value exactly.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind, or the numbers do not match.

    >>> [piecewise_linear(at=(10, 20), values=(0.1, 0.3))(t) for t in (0, 10, 15, 20, 99)]
    [0.1, 0.1, 0.2, 0.3, 0.3]
    """
    return ops.interpolate(real_step, at, values)
