"""The libraries that arrays come from: how to tell them apart, and the same functions from each.

``ops`` is what formulas call; what it needs to know of NumPy, PyTorch and JAX is here, and so are clocks, which are the
first thing that a formula gets, and words of 32 bits, which random numbers are made of. A library is imported when one
of its arrays arrives, so nothing here imports PyTorch or JAX before that.
"""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable
from typing import Any

from optimsche.symbols import Symbol

#: The largest clock: far beyond any run, and small enough that no formula overflows on it.
LARGEST_CLOCK = 1e300


# ---------------------------------------------------------------------------------------------------------------------
# What a value is
# ---------------------------------------------------------------------------------------------------------------------


def is_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, or stands for one, and is not an array, tensor or traced value."""
    kind = type(x)
    return kind is float or kind is int or kind is Symbol


def is_numpy(value: Any) -> bool:
    """Whether ``value`` is a NumPy array or scalar, asked without importing NumPy."""
    return type(value).__module__ == "numpy"


def is_array(value: Any) -> bool:
    """Whether ``value`` is a NumPy array, and not one of NumPy's scalars."""
    return is_numpy(value) and hasattr(value, "__len__")


def is_numpy_scalar(value: Any) -> bool:
    """Whether ``value`` is a NumPy scalar such as ``numpy.float64(0.1)``, and not an array."""
    return is_numpy(value) and not hasattr(value, "__len__")


def shown(value: Any) -> str:
    """``value`` in an error message: shortened, and never an error itself."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        return f"a number of {value.bit_length()} bits"


# ---------------------------------------------------------------------------------------------------------------------
# Clocks
# ---------------------------------------------------------------------------------------------------------------------


def clock(value: Any, name: str) -> Any:
    """A clock as formulas want it: a Python float, or an array of floats (float64 if it came as whole numbers).

    Whole numbers become float64 before any arithmetic, because in float32 neighbouring steps merge past 2**24; a
    device without float64 gets its widest type.

    Raises:
        TypeError: not a number and not a NumPy, PyTorch or JAX array of real numbers.
        ValueError: not from 0 to 1e300. Arrays on an accelerator are not looked at, since the program would wait for
            them, nor are traced ones.
    """
    if is_numpy_scalar(value):
        value = value.item()
    if type(value) is float or type(value) is int:
        if 0 <= value <= LARGEST_CLOCK:
            return float(value)
        raise ValueError(f"{name} must be a number from 0 to 1e300, got {shown(value)}. {_CLOCKS}")
    try:
        namespace = namespace_of(value)
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
            value = value * namespace_of(clock_).ones_like(clock_)
    if not is_number(value) and namespace_of(value).is_complex(value):
        raise TypeError(f"an lr function returns real numbers, got an array of {value.dtype}")
    return float(value) if type(value) is int else value


def like_clocks(value: Any, real_step: Any, epoch: Any) -> Any:
    """``value`` in the shape and the type of its clocks, of which at least one is an array."""
    clocks = [clock_ for clock_ in (real_step, epoch) if not is_number(clock_)]
    return namespace_of(*clocks).cast(spread(value, real_step, epoch), *clocks)


def copied(clock_: Any) -> Any:
    """A clock of its own for a formula, which may work in place; arrays of JAX cannot be changed."""
    return clock_ if is_number(clock_) else namespace_of(clock_).copied(clock_)


def in_library_of(array: Any, clock_: Any) -> Any:
    """A NumPy clock as an array of the library of another array; any other clock as it is."""
    return namespace_of(array).taken(clock_, array) if is_array(clock_) else clock_


def real_numbers(array: Any) -> Any:
    """An array of whole numbers in the widest type of its library, so that arithmetic is not done in a narrower one."""
    return namespace_of(array).wide(array) if namespace_of(array).is_whole(array) else array


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


def _refuse_outside(name: str, lowest: float, highest: float) -> None:
    if not (lowest >= 0 and highest <= LARGEST_CLOCK):
        raise ValueError(f"{name} must hold numbers from 0 to 1e300, got values from {lowest} to {highest}. {_CLOCKS}")


_CLOCKS = "Clocks count from 1; 0 is the instant before training."


# ---------------------------------------------------------------------------------------------------------------------
# 32-bit words, for random numbers
# ---------------------------------------------------------------------------------------------------------------------

_MASK = 2**32 - 1


def words(*values: float) -> tuple[Any, ...]:
    """Whole floats below 2**32 as 32-bit words: Python integers, or arrays of a type that holds them."""
    return tuple(int(value) if is_number(value) else namespace_of(value).word(value) for value in values)


def wide(clock: float) -> float:
    """A clock in the widest type of its library, so that whole steps and words are exact."""
    return clock if is_number(clock) else namespace_of(clock).wide(clock)


def word(constant: int, like: Any) -> Any:
    """A constant word of the kind of another."""
    return constant if is_number(like) else namespace_of(like).word(constant, like)


def wrapped(value: Any) -> Any:
    """A sum or shift of words as a word again: modulo 2**32."""
    return value & _MASK if is_number(value) else namespace_of(value).wrapped(value)


def real_like(value: Any, clock: Any) -> Any:
    """A word as a real number of the type of a clock."""
    return float(value) if is_number(value) else namespace_of(value).real_like(value, clock)


# ---------------------------------------------------------------------------------------------------------------------
# The libraries
# ---------------------------------------------------------------------------------------------------------------------


def namespace_of(*values: Any) -> Any:
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
        return self._module.searchsorted(points, real_step, side="left")

    def take(self, values: Any, index: Any) -> Any:
        return self.sequence(values, index)[index]

    def sequence(self, values: Any, like: Any) -> Any:
        return self._module.asarray(values, dtype=float)

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
        return self._torch.searchsorted(points, self._torch.as_tensor(real_step).contiguous(), side="left")

    def take(self, values: Any, index: Any) -> Any:
        return self.sequence(values, index)[index]

    def sequence(self, values: Any, like: Any) -> Any:
        torch = self._torch
        if isinstance(values, torch.Tensor):
            return values
        like = torch.as_tensor(like)
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
