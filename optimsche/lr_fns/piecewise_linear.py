"""Rates that are listed one by one, with straight lines between them."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.lr_fns import _points
from optimsche.ranges import Points, Rates


@lr_fn(resolve=_points.one_value_each, boundaries=_points.all_but_zero, length=lambda values, at: at[-1])
def piecewise_linear(real_step: float, epoch: float, *, values: Rates, at: Points) -> float:
    """Straight lines through the points `(at[i], values[i])`, flat before the first and after the last.

        numpy.interp(t, at, values)

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
