"""Arithmetic for formulas: written once, right for a Python number and for NumPy, PyTorch and JAX arrays.

A formula calls these functions instead of `math`'s. A float takes the first branch, plain `math`; everything else goes
by its type: other numbers to `math`, symbols are recorded, and an array is handed to the library that it belongs to.
That library is already imported when one of its arrays arrives, so nothing here imports PyTorch or JAX before that.

Everything is typed as if for `float`, because that is how formulas read; arrays, tensors and traced values take the
same lines. Each function keeps gradients finite where it can be differentiated, also at the ends of a piece.

The functions that every shape calls ask `type(x) is float` before `is_number(x)`: nearly always that is the answer, and
a call costs as much as the arithmetic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from optimsche.evaluation.precision import rounding
from optimsche.evaluation.trace import is_symbol, recorded
from optimsche.libraries import is_number, is_numpy, library_of

__all__ = [
    "block",
    "clip_to_end",
    "cos",
    "count_below",
    "exp",
    "floor",
    "growth",
    "interpolate",
    "is_number",
    "line",
    "log",
    "maximum",
    "minimum",
    "nearest",
    "power",
    "progress",
    "real",
    "segment",
    "sin",
    "sqrt",
    "switch",
    "take",
    "tanh",
    "tolerance",
    "where",
]

# A clock that went through sums of fractions (0.1 + 0.2, then - 0.1) misses a boundary by rounding errors. So near to a
# boundary, as a part of the piece, it is on it; but never so far that whole numbers could be meant.
_IN_FLOAT32, _LESS_THAN_AN_UPDATE = 2.0**-18, 0.25

_PLAIN = frozenset({int, float})


# ---------------------------------------------------------------------------------------------------------------------
# Elementary functions
# ---------------------------------------------------------------------------------------------------------------------


def cos(x: float) -> float:
    """The cosine of `x`, in radians."""
    return math.cos(x) if type(x) is float else _elementary("cos", x)


def sin(x: float) -> float:
    """The sine of `x`, in radians."""
    return math.sin(x) if type(x) is float else _elementary("sin", x)


def tanh(x: float) -> float:
    """The hyperbolic tangent of `x`."""
    return math.tanh(x) if type(x) is float else _elementary("tanh", x)


def exp(x: float) -> float:
    """The exponential of `x`."""
    return math.exp(x) if type(x) is float else _elementary("exp", x)


def log(x: float) -> float:
    """The natural logarithm of `x` > 0."""
    return math.log(x) if type(x) is float else _elementary("log", x)


def sqrt(x: float) -> float:
    """The square root of `x` >= 0."""
    return math.sqrt(x) if type(x) is float else _elementary("sqrt", x)


def floor(x: float) -> float:
    """The largest whole number <= `x`, as a float."""
    if is_symbol(x):
        return recorded("floor", x)
    if is_number(x):
        return float(math.floor(x)) if abs(x) < math.inf else x
    return library_of(x).floor(x)


def nearest(x: float) -> float:
    """The nearest whole number as a float; from the middle between two, the even one."""
    if is_symbol(x):
        return recorded("round", x)
    if is_number(x):
        return float(round(x)) if abs(x) < math.inf else x
    return library_of(x).round(x)


def _elementary(name: str, x: float) -> float:
    if is_symbol(x):
        return recorded(name, x)
    return getattr(math if is_number(x) else library_of(x), name)(x)


def real(count: int) -> float:
    """A whole number as a float, so that arithmetic on an array of them is not done in a narrower type."""
    return float(count) if is_number(count) else library_of(count).wide(count)


def power(base: float, exponent: float) -> float:
    """`base ** exponent` for `base` >= 0 and `exponent` > 0, with a gradient of 0 where `base` is 0."""
    if is_number(base) and is_number(exponent):
        return base**exponent
    positive = base > 0
    return where(positive, where(positive, base, 1.0) ** exponent, 0.0)


def growth(start: float, factor: float, times: float) -> float:
    """`start * factor ** times` for `factor` >= 1, held before it leaves the range of its precision.

    >>> growth(0.5, 2.0, 3.0), growth(0.5, 1.0, 1e9)
    (4.0, 0.5)
    """
    largest = math.log(1e37 if any(map(_is_narrow, (start, factor, times))) else 1e300)
    most = (largest - log(maximum(start, 1.0))) / log(maximum(factor, 1.0 + 1e-12))
    return start * factor ** minimum(times, most)


def minimum(x: float, y: float) -> float:
    """The smaller of two values."""
    if type(x) is float and type(y) is float:
        return x if x < y else y
    if is_symbol(x) or is_symbol(y):
        return recorded("min", x, y)
    if is_number(x) and is_number(y):
        return x if x < y else y
    return library_of(x, y).minimum(x, y)


def maximum(x: float, y: float) -> float:
    """The larger of two values."""
    if type(x) is float and type(y) is float:
        return x if x > y else y
    if is_symbol(x) or is_symbol(y):
        return recorded("max", x, y)
    if is_number(x) and is_number(y):
        return x if x > y else y
    return library_of(x, y).maximum(x, y)


def where(condition: bool, x: float, y: float) -> float:
    """`x` where `condition` holds, else `y`. Both are computed; see :func:`switch` for when that is too much."""
    if type(condition) is bool:
        return x if condition else y
    if is_symbol(condition):
        return recorded("select", condition, x, y)
    return library_of(condition).where(condition, x, y)


# ---------------------------------------------------------------------------------------------------------------------
# What schedules are made of
# ---------------------------------------------------------------------------------------------------------------------


def tolerance(steps: float) -> float:
    """How far from the end of a piece of `steps` a clock may be and still be on it: less than any whole update."""
    return minimum(steps * _rounding(steps), _LESS_THAN_AN_UPDATE)


def _rounding(x: float) -> float:
    """What rounding does to a sum of a few numbers, as a part of it."""
    return max(rounding(), _IN_FLOAT32) if _is_narrow(x) else rounding()


def _is_narrow(x: Any) -> bool:
    """Whether arithmetic is done in float32: with parameters of that type, and on what has nothing wider."""
    return not is_number(x) and x.dtype.itemsize < 8


def _tolerance_at(boundary: float, clock: float) -> float:
    """The tolerance of a boundary for an array of clocks, in the coarser precision of the two."""
    return minimum(boundary * max(_rounding(boundary), _rounding(clock)), _LESS_THAN_AN_UPDATE)


def progress(real_step: float, steps: float) -> float:
    """How much of a piece is done: `real_step / steps`, at most 1; a piece of no length is done at once.

    >>> progress(25.0, 100.0), progress(100.0, 100.0), progress(0.0, 0.0)
    (0.25, 1.0, 1.0)
    """
    if (type(real_step) is float and type(steps) is float) or (is_number(real_step) and is_number(steps)):
        left = steps - real_step
        if (type(left) is float and left > _LESS_THAN_AN_UPDATE) or left > tolerance(steps):
            return real_step / steps
        return 1.0
    inside = real_step < steps - _tolerance_at(steps, real_step)
    return where(inside, real_step / (steps if is_number(steps) and steps else where(steps > 0, steps, 1.0)), 1.0)


def segment(start: float, end: float, weight: float) -> float:
    """Go from `start` (`weight` 0) to `end` (`weight` 1) in a straight line.

    Both ends are met exactly and nothing between lies outside them, which `start + (end - start) * weight` alone
    does not promise in floating point.

    >>> segment(0.1, 0.3, 0.0), segment(0.1, 0.3, 0.5), segment(0.1, 0.3, 1.0)
    (0.1, 0.2, 0.3)
    """
    if type(weight) is float and type(start) is float and type(end) is float:
        value = start + (end - start) * weight
        if weight >= 1.0 or (value > end if start <= end else value < end):
            return end
        return value
    return clip_to_end(start + (end - start) * weight, start, end, weight)


def line(start: float, end: float, weight: float) -> float:
    """`segment` for a `weight` that is known to be from 0 to 1.

    >>> line(0.1, 0.3, 0.5)
    0.2
    """
    if is_number(start) and is_number(end) and start + (end - start) == end:
        # Rounding is monotone, so this goes no further than the end, and meets it.
        return start + (end - start) * weight if start else end * weight
    return segment(start, end, weight)


def clip_to_end(value: float, start: float, end: float, weight: float) -> float:
    """`value`, on its way from `start` to `end`: exactly `end` from `weight` 1 on, and never beyond it."""
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


def switch(
    real_step: float,
    at: float,
    before: Callable[..., float],
    after: Callable[..., float],
    along: tuple[Any, ...] = (),
) -> float:
    """`before(real_step)` up to and including `at`, then `after(real_step - at)`.

    A number evaluates the one that applies. On arrays neither side ever sees a clock outside its own range, so a
    formula that has no value there cannot spoil the result or its gradient. Where a whole NumPy array lies on one side,
    the other is not evaluated; and where both sides are schedules, each gets its own elements and no others.

    Args:
        real_step: the clock.
        at: the boundary, which belongs to `before`.
        before: called with the clock, and with what is in `along`.
        after: likewise, with its own clock.
        along: what goes along with the clock, such as the epoch: numbers, or arrays of the clock's shape.

    >>> switch(3.0, 10.0, before=lambda t: -t, after=lambda t: t)
    -3.0
    >>> switch(13.0, 10.0, before=lambda t: -t, after=lambda t: t)
    3.0
    """
    if (type(real_step) is float and type(at) is float) or (is_number(real_step) and is_number(at)):
        late = real_step - at
        if (type(late) is float and late > _LESS_THAN_AN_UPDATE) or late > tolerance(at):
            return after(late, *along)
        return before(real_step, *along)
    first: Any = real_step <= at + _tolerance_at(at, real_step)
    if is_number(at) and is_numpy(real_step):
        if first.all():
            return before(real_step, *along)
        if not first.any():
            return after(real_step - at, *along)
        if getattr(before, "takes_parts", False) and getattr(after, "takes_parts", False):
            return _in_parts(real_step, at, first, before, after, along)
    # `where` and not `minimum`: at a tie, minimum shares the gradient between its two arguments.
    early, late = where(first, real_step, at), where(first, 0.0, real_step - at)
    return where(first, before(early, *along), after(late, *along))


def _in_parts(
    real_step: Any,
    at: float,
    first: Any,
    before: Callable[..., Any],
    after: Callable[..., Any],
    along: tuple[Any, ...],
) -> Any:
    """Each side on its own part of a NumPy array, so that many pieces take no more work than there are elements."""
    import numpy

    count = int(numpy.count_nonzero(first))
    # In a sorted array one side comes first, and slices are enough.
    one, other = (slice(0, count), slice(count, None)) if first.ndim == 1 and first[:count].all() else (first, ~first)
    values = numpy.empty_like(real_step)
    for part, side, clock in ((one, before, real_step[one]), (other, after, real_step[other] - at)):
        values[part] = side(clock, *(x[part] if getattr(x, "shape", ()) == first.shape else x for x in along))
    return values


def block(real_step: float, every: float, closed: str = "right") -> tuple[float, float]:
    """The number of the block of `every` updates that `real_step` lies in, from 0, and its place in that block.

    A block ends with its last update: with `every=10`, update 10 is place 10 of block 0 and update 11 is place 1 of
    block 1. With `closed="left"` a block has its beginning and not its end, as in systems that count from 0: clock
    10 is place 0 of block 1. Exact for whole numbers below 2**53, where `ceil(real_step / every)` is not.

    >>> [block(t, 10.0) for t in (0.0, 1.0, 10.0, 11.0)]
    [(0.0, 0.0), (0.0, 1.0), (0.0, 10.0), (1.0, 1.0)]
    >>> [block(t, 10.0, closed="left") for t in (0.0, 9.0, 10.0)]
    [(0.0, 0.0), (0.0, 9.0), (1.0, 0.0)]
    """
    if is_number(real_step) and not is_number(every):
        real_step = real_step + 0.0 * every  # torch has no derivative for the remainder of a number and a tensor
    place = _remainder(real_step, every)
    near = minimum(real_step * _rounding(place), minimum(every / 1024, _LESS_THAN_AN_UPDATE))
    if closed == "right":
        place = where((place <= near) & (real_step > 0), place + every, place)
    else:
        place = where(place >= every - near, 0.0, place)
    return nearest((real_step - place) / every), place


def _remainder(x: Any, n: float) -> Any:
    """`x % n`; for a NumPy array and a whole `n` in simple steps, which are exact and several times as fast.

    They are exact because the quotient of an `x` below a multiple of `n` is never rounded up to a whole number: `x` is
    away from it by a unit in its last place, which is more than `n` times half a unit in the quotient's.
    """
    if not (type(n) is float and is_numpy(x) and n.is_integer() and x.max() < 2**53):
        return x % n
    import numpy

    return x - numpy.floor(x / n) * n


def count_below(points: Sequence[float], real_step: float) -> int:
    """How many of the increasing `points` lie before `real_step`; one that it is on does not.

    >>> [count_below((10, 20), t) for t in (10.0, 11.0, 21.0)]
    [0, 1, 2]
    """
    if _need_each(points, real_step):
        return sum((point + tolerance(point) < real_step) * 1 for point in points)
    if is_number(real_step) and type(points) is tuple:
        # A binary search spelled out: torch.compile cannot look into Python's bisect, which is written in C.
        low, high = 0, len(points)
        while low < high:
            middle = (low + high) // 2
            point = points[middle]
            low, high = (middle + 1, high) if point + tolerance(point) < real_step else (low, middle)
        return low
    library = library_of(real_step, points)
    edges = library.sequence(points, real_step)
    return library.count_below(edges + tolerance(edges), real_step)


def take(values: Sequence[float], index: int) -> float:
    """`values[index]`, for one index or for an array of them."""
    if _need_each(values, index):
        value = values[0]
        for number in range(1, len(values)):
            value = where(index >= number, values[number], value)
        return value
    if type(index) is int and type(values) is tuple:
        return values[index]
    return library_of(index, values).take(values, index)


def interpolate(real_step: float, points: Sequence[float], values: Sequence[float]) -> float:
    """Straight lines through `(points[i], values[i])`, flat outside them; each value is met exactly at its point.

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
        value = where(real_step > left + tolerance(left), line, value)
    return value


def _need_each(numbers: Sequence[float], index: float) -> bool:
    """Whether a list must be gone through one by one: one of it is an array, or cannot be compared with a number."""
    if type(numbers) is not tuple or _PLAIN.issuperset(map(type, numbers)):  # as nearly always: five times as fast
        return False
    fewest = 0 if is_number(index) else 1
    return any(getattr(number, "ndim", -1) >= fewest for number in numbers)
