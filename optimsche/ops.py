"""Arithmetic for formulas: written once, right for a Python number and for NumPy, PyTorch and JAX arrays.

A formula calls these functions instead of ``math``'s. A Python number takes the first line of each function, which is
plain ``math``; anything else is handed to the library that it belongs to, found by its type. That library is already
imported when one of its arrays arrives, so nothing here imports PyTorch or JAX before its first array.

Everything is typed as if for ``float``, because that is how formulas read; arrays, tensors and traced values follow
the same lines. Each function keeps gradients finite where it can be differentiated, also at the ends of a piece.

The functions that every shape calls ask ``type(x) is float`` before ``is_number(x)``: nearly always that is the answer,
and a call costs as much as the arithmetic.
"""

from __future__ import annotations

import functools
import itertools
import math
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from optimsche.symbols import Symbol, is_symbol, written

#: The largest clock: far beyond any run, and small enough that no formula overflows on it.
LARGEST_CLOCK = 1e300

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
    return _namespace(x).floor(x)


def nearest(x: float) -> float:
    """The nearest whole number as a float; from the middle between two, the even one."""
    if is_symbol(x):
        return written("round", x)
    if is_number(x):
        return float(round(x)) if abs(x) < math.inf else x
    return _namespace(x).round(x)


def _elementary(name: str, x: float) -> float:
    if is_symbol(x):
        return written(name, x)
    return getattr(math if is_number(x) else _namespace(x), name)(x)


def real(count: int) -> float:
    """A whole number as a float, so that arithmetic on an array of them is not done in a narrower type."""
    return float(count) if is_number(count) else _namespace(count).clock(count, "count")


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
    return _namespace(x, y).minimum(x, y)


def maximum(x: float, y: float) -> float:
    """The larger of two values."""
    if type(x) is float and type(y) is float:
        return x if x > y else y
    if is_symbol(x) or is_symbol(y):
        return written("max", x, y)
    if is_number(x) and is_number(y):
        return x if x > y else y
    return _namespace(x, y).maximum(x, y)


def where(condition: bool, x: float, y: float) -> float:
    """``x`` where ``condition`` holds, else ``y``. Both are computed; see :func:`switch` for when that is too much."""
    if type(condition) is bool:
        return x if condition else y
    if is_symbol(condition):
        return written("select", condition, x, y)
    return _namespace(condition).where(condition, x, y)


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
    if _are_arrays(points):
        return sum((point + slack(point) < real_step) * 1 for point in points)
    if is_number(real_step) and type(points) is tuple:
        # A binary search spelled out: torch.compile cannot look into Python's bisect, which is written in C.
        low, high = 0, len(points)
        while low < high:
            middle = (low + high) // 2
            point = points[middle]
            low, high = (middle + 1, high) if point + slack(point) < real_step else (low, middle)
        return low
    return _namespace(real_step, points).count_below(points, real_step)


def take(values: Sequence[float], index: int) -> float:
    """``values[index]``, for one index or for an array of them."""
    if _are_arrays(values):
        value = values[0]
        for number in range(1, len(values)):
            value = where(index >= number, values[number], value)
        return value
    if type(index) is int and type(values) is tuple:
        return values[index]
    return _namespace(index, values).take(values, index)


def interpolate(real_step: float, points: Sequence[float], values: Sequence[float]) -> float:
    """Straight lines through ``(points[i], values[i])``, flat outside them; each value is met exactly at its point.

    >>> [interpolate(t, (10.0, 20.0), (1.0, 3.0)) for t in (0.0, 10.0, 15.0, 20.0, 99.0)]
    [1.0, 1.0, 2.0, 3.0, 3.0]
    """
    if _are_arrays(points) or _are_arrays(values):
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


def _are_arrays(numbers: Sequence[float]) -> bool:
    """Whether one of a list of numbers is an array of them."""
    return type(numbers) is tuple and any(getattr(number, "ndim", 0) > 0 for number in numbers)


# ---------------------------------------------------------------------------------------------------------------------
# 32-bit words, for random numbers
# ---------------------------------------------------------------------------------------------------------------------

_MASK = 2**32 - 1


def words(*values: float) -> tuple[Any, ...]:
    """Whole floats below 2**32 as 32-bit words: Python integers, or arrays of a type that holds them."""
    return tuple(int(value) if is_number(value) else _namespace(value).word(value) for value in values)


def wide(clock: float) -> float:
    """A clock in the widest type of its library, so that whole steps and words are exact."""
    return clock if is_number(clock) else _namespace(clock).wide(clock)


def word(constant: int, like: Any) -> Any:
    """A constant word of the kind of another."""
    return constant if is_number(like) else _namespace(like).word(constant, like)


def wrapped(value: Any) -> Any:
    """A sum or shift of words as a word again: modulo 2**32."""
    return value & _MASK if is_number(value) else _namespace(value).wrapped(value)


def real_like(value: Any, clock: Any) -> Any:
    """A word as a real number of the type of a clock."""
    return float(value) if is_number(value) else _namespace(value).real_like(value, clock)


# ---------------------------------------------------------------------------------------------------------------------
# Clocks, and the libraries behind arrays
# ---------------------------------------------------------------------------------------------------------------------


def clock(value: Any, name: str) -> Any:
    """A clock as formulas want it: a Python float, or an array of floats (float64 if it came as whole numbers).

    Whole numbers become float64 before any arithmetic, because in float32 neighbouring steps merge past 2**24; a
    device without float64 gets its widest type.

    Raises:
        TypeError: not a number and not a NumPy, PyTorch or JAX array of real numbers.
        ValueError: below 0 or not finite. Arrays on an accelerator are not looked at, since the program would wait for
            them, nor are traced ones.
    """
    if is_numpy_scalar(value):
        value = value.item()
    if type(value) is float or type(value) is int:
        if 0 <= value <= LARGEST_CLOCK:
            return float(value)
        raise ValueError(f"{name} must be a finite number >= 0, got {shown(value)}. {_CLOCKS}")
    try:
        namespace = _namespace(value)
    except TypeError:
        raise TypeError(
            f"{name} must be a number, or a NumPy, PyTorch or JAX array, got {shown(value)} ({type(value).__name__}). "
            "For many steps at once pass an array: numpy.array([1, 2, 3]), numpy.arange(1, 1001)."
        ) from None
    return namespace.clock(value, name)


def spread(value: Any, real_step: Any, epoch: Any) -> Any:
    """``value`` in the shape of its clocks: a formula that does not look at them gives one number for all."""
    for clock_ in (real_step, epoch):
        if not is_number(clock_) and (getattr(value, "shape", None) != clock_.shape or value.dtype != clock_.dtype):
            # Multiplied by ones and not copied, so that gradients pass and the wider type wins.
            value = value * _namespace(clock_).ones_like(clock_)
    if not is_number(value) and _namespace(value).is_complex(value):
        raise TypeError(f"an lr function returns real numbers, got an array of {value.dtype}")
    return float(value) if type(value) is int else value


def like_clocks(value: Any, real_step: Any, epoch: Any) -> Any:
    """``value`` in the shape and the type of its clocks, of which at least one is an array."""
    clocks = [clock_ for clock_ in (real_step, epoch) if not is_number(clock_)]
    return _namespace(*clocks).cast(spread(value, real_step, epoch), *clocks)


def copied(clock_: Any) -> Any:
    """A clock of its own for a formula, which may work in place; arrays of JAX cannot be changed."""
    return clock_ if is_number(clock_) else _namespace(clock_).copied(clock_)


def in_library_of(array: Any, clock_: Any) -> Any:
    """A NumPy clock as an array of the library of another array; any other clock as it is."""
    return _namespace(array).taken(clock_, array) if is_array(clock_) else clock_


def real_numbers(array: Any) -> Any:
    """An array of whole numbers in the widest type of its library, so that arithmetic is not done in a narrower one."""
    return _namespace(array).wide(array) if _namespace(array).is_whole(array) else array


def no_number(name: str, value: Any, real_step: float) -> TypeError:
    """The error of a formula that returned something else than a number."""
    return TypeError(f"an lr function returns a number; {name} returned {value!r} for real_step={real_step}")


def silently(function: Callable[[Any], Any], array: Any) -> Any:
    """``function(array)`` without NumPy's warnings: for values that a later choice drops."""
    if not is_numpy(array):
        return function(array)
    import numpy

    with numpy.errstate(all="ignore"):
        return function(array)


def is_numpy(value: Any) -> bool:
    """Whether ``value`` is a NumPy array or scalar, asked without importing NumPy."""
    return type(value).__module__ == "numpy"


def is_array(value: Any) -> bool:
    """Whether ``value`` is a NumPy array, and not one of NumPy's scalars."""
    return is_numpy(value) and hasattr(value, "__len__")


def is_numpy_scalar(value: Any) -> bool:
    """Whether ``value`` is a NumPy scalar such as ``numpy.float64(0.1)``, and not an array."""
    return is_numpy(value) and not hasattr(value, "__len__")


def _refuse_outside(name: str, lowest: float, highest: float) -> None:
    if not (lowest >= 0 and highest < math.inf):
        raise ValueError(f"{name} must be finite and >= 0, got values from {lowest} to {highest}. {_CLOCKS}")


_CLOCKS = "Clocks count from 1; 0 is the instant before training."


def shown(value: Any) -> str:
    """``value`` in an error message: shortened, and never an error itself."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        return f"a number of {value.bit_length()} bits"


def is_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, or stands for one, and is not an array, tensor or traced value."""
    kind = type(x)
    return kind is float or kind is int or kind is Symbol


def _namespace(*values: Any) -> Any:
    """The functions of the library that the first array among ``values`` belongs to."""
    for value in values:
        kind = type(value)
        if kind is not float and kind is not int and kind is not tuple:
            return _NAMESPACES.get(kind) or _find_namespace(kind)
    return _find_namespace(type(values[0]))


def _find_namespace(kind: type) -> Any:
    # By name of the module, along the bases (Parameter is a Tensor), so that no library need be imported to ask.
    for base in kind.__mro__:
        make = _LIBRARIES.get(base.__module__.partition(".")[0])
        if make is not None:
            _NAMESPACES[kind] = namespace = make()
            return namespace
    raise TypeError(f"no arithmetic for {kind.__name__}; use a number, or a NumPy, PyTorch or JAX array")


_ELEMENTARY = ("cos", "sin", "tanh", "exp", "log", "sqrt", "floor", "round", "ones_like")


class _ArrayModule:
    """NumPy's functions, or ``jax.numpy``'s: the same names with the same meaning."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._is_numpy = module.__name__ == "numpy"
        for name in (*_ELEMENTARY, "minimum", "maximum", "where"):
            setattr(self, name, getattr(module, name))

    def count_below(self, points: Any, real_step: Any) -> Any:
        xp = self._module
        points = xp.asarray(points, dtype=float)
        return xp.searchsorted(points + slack(points), real_step, side="left")

    def take(self, values: Any, index: Any) -> Any:
        return self._module.asarray(values, dtype=float)[index]

    def word(self, value: Any, like: Any = None) -> Any:
        # JAX has no 64 bits by default, and its 32 wrap; NumPy warns when a single one does.
        return self._module.asarray(value).astype("int64" if self._is_numpy else "uint32")

    def wrapped(self, value: Any) -> Any:
        return value & _MASK if self._is_numpy else value

    def wide(self, clock: Any) -> Any:
        return clock.astype(float)

    def real_like(self, value: Any, clock: Any) -> Any:
        return value.astype(clock.dtype)

    def is_complex(self, value: Any) -> bool:
        return bool(self._module.iscomplexobj(value))

    def is_whole(self, value: Any) -> bool:
        xp = self._module
        return bool(xp.issubdtype(value.dtype, xp.integer)) and value.dtype.kind != "m"  # a duration is no number

    def cast(self, value: Any, *clocks: Any) -> Any:
        return value.astype(self._module.result_type(*clocks))

    def copied(self, clock: Any) -> Any:
        return clock.copy() if self._is_numpy else clock

    def taken(self, clock: Any, like: Any) -> Any:
        return self._module.asarray(clock)

    def clock(self, value: Any, name: str) -> Any:
        xp = self._module
        if xp.issubdtype(value.dtype, xp.floating):
            floats = value
        elif self.is_whole(value):
            floats = value.astype(float)
        else:
            raise TypeError(f"{name} must hold whole or real numbers, got an array of {value.dtype}")
        if floats.size > 0 and self._is_at_hand(floats):
            import numpy

            found = numpy.asarray(floats)  # JAX's own functions would trace it inside of jit
            _refuse_outside(name, float(found.min()), float(found.max()))
        return floats

    def _is_at_hand(self, array: Any) -> bool:
        """Whether looking at an array makes nobody wait: it has values, and they are in the host's memory."""
        if self._is_numpy:
            return True
        from jax.core import Tracer

        return not isinstance(array, Tracer) and all(d.platform == "cpu" for d in array.devices())


class _Torch:
    """PyTorch's functions, for tensors mixed with Python numbers."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        for name in _ELEMENTARY:
            setattr(self, name, getattr(torch, name))

    def minimum(self, x: Any, y: Any) -> Any:
        if is_number(y):
            return self._torch.clamp(x, max=y)
        return self._torch.clamp(y, max=x) if is_number(x) else self._torch.minimum(x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        if is_number(y):
            return self._torch.clamp(x, min=y)
        return self._torch.clamp(y, min=x) if is_number(x) else self._torch.maximum(x, y)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        if is_number(x) and is_number(y):
            # torch.where of two numbers gives PyTorch's default type, float32, which would round them.
            x = self._torch.full_like(condition, x, dtype=self._widest(condition))
        return self._torch.where(condition, x, y)

    def count_below(self, points: Any, real_step: Any) -> Any:
        real_step = self._torch.as_tensor(real_step)
        points = self._sequence(points, real_step)
        return self._torch.searchsorted(points + slack(points), real_step.contiguous(), side="left")

    def take(self, values: Any, index: Any) -> Any:
        return self._sequence(values, index)[index]

    def _sequence(self, values: Any, like: Any) -> Any:
        torch = self._torch
        if isinstance(values, torch.Tensor):
            return values
        dtype = like.dtype if like.is_floating_point() else self._widest(like)
        return torch.stack([torch.as_tensor(value, dtype=dtype, device=like.device) for value in values])

    def wide(self, clock: Any) -> Any:
        return clock.to(self._widest(clock))

    def word(self, value: Any, like: Any = None) -> Any:
        return value if like is not None else value.to(self._torch.int64)

    def wrapped(self, value: Any) -> Any:
        return value & _MASK

    def real_like(self, value: Any, clock: Any) -> Any:
        return value.to(clock.dtype)

    def is_complex(self, value: Any) -> bool:
        return bool(value.is_complex())

    def is_whole(self, value: Any) -> bool:
        return not (value.is_floating_point() or value.is_complex() or value.dtype is self._torch.bool)

    def cast(self, value: Any, *clocks: Any) -> Any:
        return value.to(functools.reduce(self._torch.promote_types, [clock.dtype for clock in clocks]))

    def copied(self, clock: Any) -> Any:
        return clock.clone()

    def taken(self, clock: Any, like: Any) -> Any:
        tensor = self._torch.as_tensor(clock)
        dtype = self._widest(like) if tensor.dtype is self._torch.float64 else tensor.dtype
        return tensor.to(device=like.device, dtype=dtype)

    def clock(self, value: Any, name: str) -> Any:
        if value.dtype is self._torch.bool or value.is_complex():
            raise TypeError(f"{name} must hold whole or real numbers, got a tensor of {value.dtype}")
        floats = value if value.is_floating_point() else value.to(self._widest(value))
        if floats.device.type == "cpu" and not self._is_tracing():
            self._look_at(floats, name)
        return floats

    def _is_tracing(self) -> bool:
        tracing: bool = self._torch.compiler.is_compiling() or self._torch._C._get_tracing_state() is not None
        return tracing

    def _look_at(self, clock: Any, name: str) -> None:
        try:
            lowest, highest = (float(x) for x in self._torch.aminmax(clock.detach())) if clock.numel() else (0.0, 0.0)
        except RuntimeError:  # a tensor without values: inside of vmap, or traced
            return
        _refuse_outside(name, lowest, highest)

    def _widest(self, tensor: Any) -> Any:
        return self._torch.float32 if tensor.device.type == "mps" else self._torch.float64


def _numpy() -> _ArrayModule:
    import numpy

    return _ArrayModule(numpy)


def _jax() -> _ArrayModule:
    import jax.numpy

    return _ArrayModule(jax.numpy)


_LIBRARIES: dict[str, Callable[[], Any]] = {"numpy": _numpy, "torch": _Torch, "jax": _jax, "jaxlib": _jax}
_NAMESPACES: dict[type, Any] = {}
