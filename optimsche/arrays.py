"""Evaluating a schedule on NumPy arrays, in blocks that fit the processor's cache.

The result is that of evaluating every element alone; what differs is only how much is computed. Where the formula could
be followed on symbols, each block runs through flat code and goes one way at each joint; elsewhere the formula takes
whole blocks. One that cannot take arrays, because it branches in Python or calls ``math``, is evaluated element by
element.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from optimsche import backends

# Blocks for a formula that is evaluated as it is: with the results between, so many elements fit a core's own cache.
_BLOCK = 8_192
# Below this many elements one pass through the formula is quicker than writing and compiling code for it.
_FEW = 256


def evaluate(formula: Any, real_step: Any, epoch: Any) -> Any:
    """``formula(real_step, epoch)`` for clocks of which at least one is a NumPy array.

    Args:
        formula: callable with the clocks; its ``for_blocks()`` gives flat code for blocks of an array, or None.
        real_step: a number or an array, as a user gives it.
        epoch: likewise.

    Raises:
        TypeError, ValueError: a clock is no number, or not from 0 to 1e300.
    """
    import numpy as np

    steps_differ = backends.is_numpy(real_step) and real_step.dtype.kind in "iuf"
    if not steps_differ or np.ndim(epoch) > 0 or real_step.size <= _FEW:
        return whole(formula, real_step, epoch)
    epoch = backends.clock(epoch, "epoch")
    flat, dtype = _wide_enough(real_step.ravel()), real_step.dtype if real_step.dtype.kind == "f" else np.dtype(float)
    curve = np.empty(flat.size, dtype=flat.dtype if flat.dtype.kind == "f" else float)
    if not _fill(curve, formula, flat, epoch):
        backends.clock(real_step, "real_step")  # raises, with the range of all of them
    return curve.reshape(real_step.shape).astype(dtype, copy=False)


def whole(formula: Any, real_step: Any, epoch: Any) -> Any:
    """The same in one pass through the formula, without flat code."""
    import numpy as np

    steps, epochs = backends.clock(real_step, "real_step"), backends.clock(epoch, "epoch")
    dtype = np.result_type(*(clock for clock in (steps, epochs) if backends.is_numpy(clock)))
    # A copy: a formula that works in its own place must not alter what it was given.
    steps, epochs = (_wide_enough(clock).copy() if backends.is_array(clock) else clock for clock in (steps, epochs))
    return _whole(formula, steps, epochs).astype(dtype, copy=False)


def _wide_enough(clock: Any) -> Any:
    """An array that is no narrower than float32: in float16, 65,520 is infinite, and a plan is longer than that."""
    return clock.astype("float32") if clock.dtype == "float16" else clock


def _fill(curve: Any, formula: Any, real_step: Any, epoch: Any) -> bool:
    """Compute a curve block by block, each in its own place; False where a clock is out of range, which ends it."""
    blocks = formula.for_blocks()
    size, workspace = (blocks.size, blocks.workspace(curve.dtype)) if blocks else (_BLOCK, None)
    for begin in range(0, curve.size, size):
        block = curve[begin : begin + size]
        block[:] = real_step[begin : begin + size]
        if not (block.min() >= 0 and float(block.max()) <= backends.LARGEST_CLOCK):  # a float: float32 has no 1e300
            return False
        block[:] = blocks(block, epoch, workspace) if blocks else _whole(formula, block, epoch)
    return True


def call(formula: Callable[[Any, Any], Any], real_step: Any, epoch: Any, out: Any) -> Any:
    """A formula that is called from flat code, with a block or with what is one number for all of it."""
    if not backends.is_array(real_step):
        out[:] = formula(float(real_step), epoch)
    elif hasattr(formula, "for_blocks"):
        _fill(out, formula, real_step, epoch)
    else:
        out[:] = _whole(formula, real_step, epoch)
    return out


def _whole(formula: Callable[[Any, Any], Any], real_step: Any, epoch: Any) -> Any:
    try:
        return backends.spread(formula(real_step, epoch), real_step, epoch)
    except (TypeError, ValueError):
        # Python's branches and math's functions refuse arrays with these errors. One that has another cause comes
        # again from the first element.
        return _by_element(formula, real_step, epoch)


def _by_element(formula: Callable[[Any, Any], Any], real_step: Any, epoch: Any) -> Any:
    import numpy as np

    steps, epochs = np.broadcast_arrays(real_step, epoch)
    value = getattr(formula, "value", None) or functools.partial(_value, formula)
    values = [value(t, e) for t, e in zip(steps.ravel().tolist(), epochs.ravel().tolist(), strict=True)]
    return np.array(values, dtype=float).reshape(steps.shape)


def _value(formula: Callable[[Any, Any], Any], real_step: float, epoch: float) -> float:
    """As :meth:`Node.value`, for a formula that is called from flat code."""
    value = formula(real_step, epoch)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise backends.no_number(getattr(formula, "__name__", repr(formula)), value, real_step) from None
