"""Rates that are listed one by one, each held for a while."""

from __future__ import annotations

from optimsche import ops
from optimsche.lr_fn import lr_fn
from optimsche.lr_fns import _points
from optimsche.ranges import Milestones, Rates


@lr_fn(resolve=_points.one_value_more, boundaries=_points.all_but_zero, changes_at_boundaries=True)
def piecewise_constant(real_step: float, epoch: float, *, values: Rates, at: Milestones) -> float:
    """Hold each of `values` in turn, changing after each of the updates in `at`.

        values[sum(update < t for update in at)]

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
