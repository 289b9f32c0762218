"""A formula written as text: for configuration files, and for functions that come from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from optimsche import libraries, ops
from optimsche.evaluation.trace import following
from optimsche.lr_fn import lr_fn
from optimsche.lr_fns._formula import compiled, normal_form
from optimsche.ranges import Meaning

Formula = Annotated[str, Meaning("a formula in t, the real step")]


def _normalised(text: str) -> dict[str, Any]:
    return {"text": normal_form(text)}


@lr_fn(resolve=_normalised)
def expression(real_step: float, epoch: float, text: Formula) -> float:
    """Compute a formula that is written as text.

    The text is arithmetic in `t`, the real step: numbers, `+ - * / // % **`, comparisons and `and`, `or`, `not` of
    them, `a if condition else b`, and the functions and constants of `math` that formulas use (`min max abs float int
    floor ceil round sqrt exp log cos sin tanh pow pi e`, with or without `math.`). It may also be a whole lambda of one
    argument. Nothing else is understood, so text from a file can do no harm. A function of your own under `lr_fn`
    reads better where you can write one.

    Args:
        text: the formula.

    Returns:
        A schedule without a length. It prints the formula in Python's own form.

    Raises:
        ValueError: the text is not such a formula; when called with a number: the formula has no value there. An array
            has inf or nan at such a place.
        TypeError: not text.

    >>> expression(text="0.1 / (1 + 0.1*t)")
    expression(text='0.1 / (1 + 0.1 * t)')
    >>> [expression(text="lambda step: 0.1 * 0.5 ** (step // 10)")(t) for t in (0, 10, 20)]
    [0.1, 0.05, 0.025]
    """
    for_numbers, for_arrays, for_symbols = compiled[text]
    if following() is not None:
        return for_symbols(real_step)
    if not ops.is_number(real_step):
        return _silently(for_arrays, real_step)
    try:
        value = float(for_numbers(real_step))
    except (ArithmeticError, ValueError, TypeError) as error:  # TypeError: a root of a negative number is complex
        raise ValueError(f"expression(text={text!r}) has no value at t={real_step:g}: {error}") from None
    if not math.isfinite(value):
        raise ValueError(f"expression(text={text!r}) is {value} at t={real_step:g}")
    return value


def _silently(function: Callable[[Any], Any], array: Any) -> Any:
    """Without NumPy's warnings: for values that a later choice drops."""
    if not libraries.is_numpy(array):
        return function(array)
    import numpy

    with numpy.errstate(all="ignore"):
        return function(array)
