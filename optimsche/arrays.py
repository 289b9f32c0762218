"""Evaluating a bound formula on NumPy arrays: piece by piece where the steps are sorted, else all at once.

The result is that of evaluating every element alone; what differs is only how much is computed. A formula that
cannot take arrays, because it branches in Python or calls ``math``, is evaluated element by element.
"""

from __future__ import annotations

from typing import Any, Protocol

from optimsche import ops

# Cutting at joints pays only when the pieces are long: below this many elements a piece, one pass is quicker.
_ELEMENTS_PER_PIECE = 1_000


class Formula(Protocol):
    """A bound formula that knows where its pieces meet."""

    @property
    def joints(self) -> tuple[float, ...]:
        """In updates, increasing."""
        ...

    def __call__(self, real_step: Any, epoch: Any) -> Any:
        """The value at these clocks."""
        ...


def evaluate(formula: Formula, real_step: Any, epoch: Any) -> Any:
    """``formula(real_step, epoch)`` for clocks of which at least one is a NumPy array of floats."""
    import numpy as np

    if np.ndim(real_step) != 1 or np.ndim(epoch) > 0 or real_step.size < 2 * _ELEMENTS_PER_PIECE:
        return _whole(formula, real_step, epoch)
    joints = formula.joints
    if real_step.size < (len(joints) + 1) * _ELEMENTS_PER_PIECE or not (real_step[1:] >= real_step[:-1]).all():
        return _whole(formula, real_step, epoch)
    # Formulas take an update that lies on a joint as the last of the piece before it: hence "right".
    cuts = np.searchsorted(real_step, joints, side="right").tolist()
    curve = np.empty_like(real_step)
    for begin, end in zip([0, *cuts], [*cuts, real_step.size], strict=True):
        if begin < end:
            curve[begin:end] = _whole(formula, real_step[begin:end], epoch)
    return curve


def _whole(formula: Formula, real_step: Any, epoch: Any) -> Any:
    try:
        return ops.spread(formula(real_step, epoch), real_step, epoch)
    except (TypeError, ValueError):
        # Python's branches and math's functions refuse arrays with these errors. One that has another cause comes
        # again from the first element.
        return _by_element(formula, real_step, epoch)


def _by_element(formula: Formula, real_step: Any, epoch: Any) -> Any:
    import numpy as np

    steps, epochs = np.broadcast_arrays(real_step, epoch)
    values = [float(formula(t, e)) for t, e in zip(steps.ravel().tolist(), epochs.ravel().tolist(), strict=True)]
    return np.array(values, dtype=float).reshape(steps.shape)
