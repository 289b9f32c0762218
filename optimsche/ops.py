"""Arithmetic for formulas: written once, right for a Python number and for NumPy, PyTorch and JAX arrays.

A formula calls these functions instead of ``math``'s. A float takes the first branch, plain ``math``; everything else
goes by its type: other numbers to ``math``, symbols are written down, and an array is handed to the library that it
belongs to. That library is already imported when one of its arrays arrives, so nothing here imports PyTorch or JAX
before its first array.

Everything is typed as if for ``float``, because that is how formulas read; arrays, tensors and traced values follow
the same lines. Each function keeps gradients finite where it can be differentiated, also at the ends of a piece.

The functions that every shape calls ask ``type(x) is float`` before ``is_number(x)``: nearly always that is the answer,
and a call costs as much as the arithmetic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from optimsche.backends import LARGEST_CLOCK, is_number, is_numpy, namespace_of
from optimsche.symbols import is_symbol, written

__all__ = [
    "LARGEST_CLOCK",
    "block",
    "cos",
    "count_below",
    "exp",
    "floor",
    "interpolate",
    "is_number",
    "landing",
    "log",
    "maximum",
    "minimum",
    "nearest",
    "power",
    "progress",
    "real",
    "segment",
    "sin",
    "slack",
    "sqrt",
    "switch",
    "take",
    "tanh",
    "where",
]

# A clock that went through sums of fractions (0.1 + 0.2, then - 0.1) misses a joint by rounding errors. So near to a
# joint, as a part of the piece, it is on it; but never so far that whole numbers could be meant.
_ROUNDING, _LESS_THAN_AN_UPDATE = 2.0**-32, 0.25


# ---------------------------------------------------------------------------------------------------------------------
# Elementary functions
# ---------------------------------------------------------------------------------------------------------------------


def cos(x: float) -> float:
    """The cosine of ``x``, in radians."""
    return math.cos(x) if type(x) is float else _elementary("cos", x)


def sin(x: float) -> float:
    """The sine of ``x``, in radians."""
    return math.sin(x) if type(x) is float else _elementary("sin", x)


def tanh(x: float) -> float:
    """The hyperbolic tangent of ``x``."""
    return math.tanh(x) if type(x) is float else _elementary("tanh", x)


def exp(x: float) -> float:
    """The exponential of ``x``."""
    return math.exp(x) if type(x) is float else _elementary("exp", x)


def log(x: float) -> float:
    """The natural logarithm of ``x`` > 0."""
    return math.log(x) if type(x) is float else _elementary("log", x)


def sqrt(x: float) -> float:
    """The square root of ``x`` >= 0."""
    return math.sqrt(x) if type(x) is float else _elementary("sqrt", x)


def floor(x: float) -> float:
    """The largest whole number <= ``x``, as a float."""
    if is_symbol(x):
        return written("floor", x)
    if is_number(x):
        return float(math.floor(x)) if abs(x) < math.inf else x
    return namespace_of(x).floor(x)


def nearest(x: float) -> float:
    """The nearest whole number as a float; from the middle between two, the even one."""
    if is_symbol(x):
        return written("round", x)
    if is_number(x):
        return float(round(x)) if abs(x) < math.inf else x
    return namespace_of(x).round(x)


def _elementary(name: str, x: float) -> float:
    if is_symbol(x):
        return written(name, x)
    return getattr(math if is_number(x) else namespace_of(x), name)(x)


def real(count: int) -> float:
    """A whole number as a float, so that arithmetic on an array of them is not done in a narrower type."""
    return float(count) if is_number(count) else namespace_of(count).clock(count, "count")


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` for ``base`` >= 0 and ``exponent`` > 0, with a gradient of 0 where ``base`` is 0."""
    if is_number(base) and is_number(exponent):
        return base**exponent
    positive = base > 0
    return where(positive, where(positive, base, 1.0) ** exponent, 0.0)


def minimum(x: float, y: float) -> float:
    """The smaller of two values."""
    if type(x) is float and type(y) is float:
        return x if x < y else y
    if is_symbol(x) or is_symbol(y):
        return written("min", x, y)
    if is_number(x) and is_number(y):
        return x if x < y else y
    return namespace_of(x, y).minimum(x, y)


def maximum(x: float, y: float) -> float:
    """The larger of two values."""
    if type(x) is float and type(y) is float:
        return x if x > y else y
    if is_symbol(x) or is_symbol(y):
        return written("max", x, y)
    if is_number(x) and is_number(y):
        return x if x > y else y
    return namespace_of(x, y).maximum(x, y)


def where(condition: bool, x: float, y: float) -> float:
    """``x`` where ``condition`` holds, else ``y``. Both are computed; see :func:`switch` for when that is too much."""
    if type(condition) is bool:
        return x if condition else y
    if is_symbol(condition):
        return written("select", condition, x, y)
    return namespace_of(condition).where(condition, x, y)


# ---------------------------------------------------------------------------------------------------------------------
# What schedules are made of
# ---------------------------------------------------------------------------------------------------------------------


def slack(steps: float) -> float:
    """How far from the end of a piece of ``steps`` a clock may be and still be on it: less than any whole update."""
    return minimum(steps * _ROUNDING, _LESS_THAN_AN_UPDATE)


def progress(real_step: float, steps: float) -> float:
    """How much of a piece is done: ``real_step / steps``, at most 1; a piece of no length is done at once.

    >>> progress(25.0, 100.0), progress(100.0, 100.0), progress(0.0, 0.0)
    (0.25, 1.0, 1.0)
    """
    if (type(real_step) is float and type(steps) is float) or (is_number(real_step) and is_number(steps)):
        left = steps - real_step
        if (type(left) is float and left > _LESS_THAN_AN_UPDATE) or left > slack(steps):
            return real_step / steps
        return 1.0
    return where(real_step < steps - slack(steps), real_step / where(steps > 0, steps, 1.0), 1.0)


def segment(start: float, end: float, weight: float) -> float:
    """Go from ``start`` (``weight`` 0) to ``end`` (``weight`` 1) in a straight line.

    Both ends are met exactly and nothing between lies outside them, which ``start + (end - start) * weight`` alone
    does not promise in floating point.

    >>> segment(0.1, 0.3, 0.0), segment(0.1, 0.3, 0.5), segment(0.1, 0.3, 1.0)
    (0.1, 0.2, 0.3)
    """
    if type(weight) is float and type(start) is float and type(end) is float:
        value = start + (end - start) * weight
        if weight >= 1.0 or (value > end if start <= end else value < end):
            return end
        return value
    return landing(start + (end - start) * weight, start, end, weight)


def landing(value: float, start: float, end: float, weight: float) -> float:
    """``value``, on its way from ``start`` to ``end``: exactly ``end`` from ``weight`` 1 on, and never beyond it."""
    if is_number(start) and is_number(end):
        if is_number(value):
            if weight >= 1.0:
                return end
            return minimum(value, end) if start <= end else maximum(value, end)
        inside = minimum(value, end) if start <= end else maximum(value, end)
        return where(weight >= 1.0, end, inside)
    # `where` and not `minimum`: at a tie, minimum shares the gradient between its two arguments.
    beyond = where(start <= end, value > end, value < end)
    return where((weight >= 1.0) | beyond, end, value)  # type: ignore[operator]  # of arrays


def switch(real_step: float, at: float, before: Callable[[float], float], after: Callable[[float], float]) -> float:
    """``before(real_step)`` up to and including ``at``, then ``after(real_step - at)``.

    A number evaluates the one that applies. On arrays neither side ever sees a clock outside its own range, so a
    formula that has no value there cannot spoil the result or its gradient; and where a whole NumPy array lies on one
    side, the other is not evaluated.

    >>> switch(3.0, 10.0, before=lambda t: -t, after=lambda t: t)
    -3.0
    >>> switch(13.0, 10.0, before=lambda t: -t, after=lambda t: t)
    3.0
    """
    if (type(real_step) is float and type(at) is float) or (is_number(real_step) and is_number(at)):
        late = real_step - at
        if (type(late) is float and late > _LESS_THAN_AN_UPDATE) or late > slack(at):
            return after(late)
        return before(real_step)
    first = real_step <= at + slack(at)
    if is_number(at) and is_numpy(real_step):
        if first.all():  # type: ignore[attr-defined]
            return before(real_step)
        if not first.any():  # type: ignore[attr-defined]
            return after(real_step - at)
    # `where` and not `minimum`: at a tie, minimum shares the gradient between its two arguments.
    return where(first, before(where(first, real_step, at)), after(where(first, 0.0, real_step - at)))


def block(real_step: float, every: float, closed: str = "right") -> tuple[float, float]:
    """The number of the block of ``every`` updates that ``real_step`` lies in, from 0, and its place in that block.

    A block ends with its last update: with ``every=10``, update 10 is place 10 of block 0 and update 11 is place 1 of
    block 1. With ``closed="left"`` a block has its beginning and not its end, as in systems that count from 0: clock
    10 is place 0 of block 1. Exact for whole numbers below 2**53, where ``ceil(real_step / every)`` is not.

    >>> [block(t, 10.0) for t in (0.0, 1.0, 10.0, 11.0)]
    [(0.0, 0.0), (0.0, 1.0), (0.0, 10.0), (1.0, 1.0)]
    >>> [block(t, 10.0, closed="left") for t in (0.0, 9.0, 10.0)]
    [(0.0, 0.0), (0.0, 9.0), (1.0, 0.0)]
    """
    if is_number(real_step) and not is_number(every):
        real_step = real_step + 0.0 * every  # torch has no derivative for the remainder of a number and a tensor
    place = real_step % every
    near = minimum(real_step * _ROUNDING, minimum(every / 1024, _LESS_THAN_AN_UPDATE))
    if closed == "right":
        place = where((place <= near) & (real_step > 0), place + every, place)
    else:
        place = where(place >= every - near, 0.0, place)
    return nearest((real_step - place) / every), place


def count_below(points: Sequence[float], real_step: float) -> int:
    """How many of the increasing ``points`` lie before ``real_step``; one that it is on does not.

    >>> [count_below((10, 20), t) for t in (10.0, 11.0, 21.0)]
    [0, 1, 2]
    """
    if _need_each(points, real_step):
        return sum((point + slack(point) < real_step) * 1 for point in points)
    if is_number(real_step) and type(points) is tuple:
        # A binary search spelled out: torch.compile cannot look into Python's bisect, which is written in C.
        low, high = 0, len(points)
        while low < high:
            middle = (low + high) // 2
            point = points[middle]
            low, high = (middle + 1, high) if point + slack(point) < real_step else (low, middle)
        return low
    library = namespace_of(real_step, points)
    edges = library.sequence(points, real_step)
    return library.count_below(edges + slack(edges), real_step)


def take(values: Sequence[float], index: int) -> float:
    """``values[index]``, for one index or for an array of them."""
    if _need_each(values, index):
        value = values[0]
        for number in range(1, len(values)):
            value = where(index >= number, values[number], value)
        return value
    if type(index) is int and type(values) is tuple:
        return values[index]
    return namespace_of(index, values).take(values, index)


def interpolate(real_step: float, points: Sequence[float], values: Sequence[float]) -> float:
    """Straight lines through ``(points[i], values[i])``, flat outside them; each value is met exactly at its point.

    >>> [interpolate(t, (10.0, 20.0), (1.0, 3.0)) for t in (0.0, 10.0, 15.0, 20.0, 99.0)]
    [1.0, 1.0, 2.0, 3.0, 3.0]
    """
    if _need_each(points, real_step) or _need_each(values, real_step):
        return _interpolate_each(real_step, points, values)
    index = count_below(points, real_step)
    if type(index) is int and 0 < index < len(points):
        begin, end = points[index - 1], points[index]
        return segment(values[index - 1], values[index], progress(real_step - begin, end - begin))
    if type(index) is int:
        return values[min(index, len(points) - 1)]
    origins = (points[0], *points)
    spans = (1.0, *(right - left for left, right in itertools.pairwise(points)), 1.0)
    weight = progress(maximum(real_step - take(origins, index), 0.0), take(spans, index))
    return segment(take((values[0], *values), index), take((*values, values[-1]), index), weight)


def _interpolate_each(real_step: float, points: Sequence[float], values: Sequence[float]) -> float:
    """The same where each element of arrays has points or values of its own: line by line."""
    value = values[0]
    for (left, right), (start, end) in zip(itertools.pairwise(points), itertools.pairwise(values), strict=True):
        line = segment(start, end, progress(maximum(real_step - left, 0.0), right - left))
        value = where(real_step > left + slack(left), line, value)
    return value


def _need_each(numbers: Sequence[float], index: float) -> bool:
    """Whether a list must be gone through one by one: one of it is an array, or cannot be compared with a number."""
    fewest = 0 if is_number(index) else 1
    return type(numbers) is tuple and any(getattr(number, "ndim", -1) >= fewest for number in numbers)
