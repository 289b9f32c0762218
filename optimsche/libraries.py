"""The libraries that arrays come from: how to tell them apart, and the same functions from each.

`ops` is what formulas call. What it, and the clocks' door, must know of NumPy, PyTorch and JAX is here. A library is
imported when one of its arrays arrives, so nothing here imports PyTorch or JAX before that.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from optimsche.evaluation.trace import Example, Symbol

# ---------------------------------------------------------------------------------------------------------------------
# What a value is
# ---------------------------------------------------------------------------------------------------------------------


def is_number(x: Any) -> bool:
    """Whether `x` is a Python number, or stands for one, and is not an array, tensor or traced value."""
    kind = type(x)
    return kind is float or kind is int or kind is Symbol or kind is Example


def is_numpy(value: Any) -> bool:
    """Whether `value` is a NumPy array or scalar, asked without importing NumPy."""
    return type(value).__module__ == "numpy"


def is_numpy_array(value: Any) -> bool:
    """Whether `value` is a NumPy array, and not one of NumPy's scalars."""
    return is_numpy(value) and hasattr(value, "__len__")


def is_numpy_scalar(value: Any) -> bool:
    """Whether `value` is a NumPy scalar such as `numpy.float64(0.1)`, and not an array."""
    return is_numpy(value) and not hasattr(value, "__len__")


def wide(value: Any) -> Any:
    """An array in the widest real type of its library; anything else as it is."""
    return library_of(value).wide(value) if is_array(value) else value


def is_array(value: Any) -> bool:
    """Whether `value` is an array, a tensor or a traced value."""
    return hasattr(value, "dtype") and not is_numpy_scalar(value)


# ---------------------------------------------------------------------------------------------------------------------
# The libraries
# ---------------------------------------------------------------------------------------------------------------------


def library_of(*values: Any) -> Any:
    """The library that the first array among `values` belongs to.

    Raises:
        TypeError: it belongs to none that is known.
    """
    for value in values:
        kind = type(value)
        if kind is not float and kind is not int and kind is not tuple:
            return _KNOWN.get(kind) or _find(kind)
    return _find(type(values[0]))


def _find(kind: type) -> Any:
    # By name of the module, along the bases (Parameter is a Tensor), so that no library need be imported to ask.
    for base in kind.__mro__:
        make = _LIBRARIES.get(base.__module__.partition(".")[0])
        if make is not None:
            _KNOWN[kind] = library = make()
            return library
    raise TypeError(f"no arithmetic for {kind.__name__}; use a number, or a NumPy, PyTorch or JAX array")


def register(kind: type, library: Any) -> None:
    """Say what does the arithmetic of a type."""
    _KNOWN[kind] = library


_ELEMENTARY = ("cos", "sin", "tanh", "exp", "log", "sqrt", "floor", "round", "ones_like")
_MASK = 2**32 - 1


class _ArrayModule:
    """NumPy's functions, or `jax.numpy`'s: the same names with the same meaning."""

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

    # -- what a clock must be -----------------------------------------------------------------------------------------

    def is_real(self, value: Any) -> bool:
        # JAX's bfloat16 is of no kind that NumPy knows.
        return bool(value.dtype.kind in "iuf") or bool(self._module.issubdtype(value.dtype, self._module.floating))

    def is_whole(self, value: Any) -> bool:
        return bool(value.dtype.kind in "iu")

    def is_complex(self, value: Any) -> bool:
        return bool(value.dtype.kind == "c")

    def wide(self, value: Any) -> Any:
        # A copy, which whoever takes it may write into; of a subclass, such as a matrix, a plain array.
        return self._module.asarray(value).astype(float)

    def exact(self, value: Any) -> Any:
        """A clock without loss: whole numbers stay what they are where JAX would make float32 of them."""
        return value if self.is_narrow() and self.is_whole(value) else self.wide(value)

    def rounding(self, value: Any) -> float:
        """How far numbers may be from what they stand for: fractions, in a float narrower than a Python number."""
        if self.is_whole(value) or value.dtype.itemsize >= 8:
            return 0.0
        return _rounding_of(float(self._module.finfo(value.dtype).eps), value if self._is_at_hand(value) else None)

    def is_narrow(self) -> bool:
        """Whether the widest real type is float32: JAX, unless it is told otherwise."""
        return not self._is_numpy and self._module.result_type(float).itemsize < 8

    def in_double(self, function: Callable[..., Any], *clocks: Any) -> Any:
        """`function(*clocks)` computed in float64, in float32."""
        return _in_double_by_jax(function, clocks)

    def ends(self, value: Any) -> tuple[float, float] | None:
        if value.size == 0 or not self._is_at_hand(value):
            return None
        import numpy

        found = numpy.asarray(value)  # JAX's own functions would trace it inside of jit
        return float(found.min()), float(found.max())

    def _is_at_hand(self, array: Any) -> bool:
        if self._is_numpy:
            return True
        from jax.core import Tracer

        return not isinstance(array, Tracer) and all(d.platform == "cpu" for d in array.devices())

    def cast(self, value: Any, *clocks: Any) -> Any:
        xp = self._module
        kinds = (xp.result_type(float) if self.is_whole(clock) else clock.dtype for clock in clocks)
        return self.narrowed(value, functools.reduce(xp.promote_types, kinds).newbyteorder("="))

    def narrowed(self, value: Any, kind: Any) -> Any:
        """In another type: what is too large for it becomes its largest number, and only what was infinite is."""
        if value.dtype == kind:
            return value
        largest = float(self._module.finfo(kind).max)
        return self._module.where(abs(value) < math.inf, self._module.clip(value, -largest, largest), value).astype(
            kind
        )

    def copied(self, clock: Any) -> Any:
        return clock.copy() if self._is_numpy else clock  # JAX's arrays cannot be changed

    def taken(self, value: Any, like: Any) -> Any:
        return self._module.asarray(value)

    # -- 32-bit words -------------------------------------------------------------------------------------------------

    def word(self, value: Any, like: Any = None) -> Any:
        # JAX has no 64 bits by default, and its 32 wrap; NumPy warns when a single one does.
        return self._module.asarray(value).astype("int64" if self._is_numpy else "uint32")

    def wrapped(self, value: Any) -> Any:
        return value & _MASK if self._is_numpy else value

    def real_like(self, value: Any, clock: Any) -> Any:
        return value.astype(clock.dtype)


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
        if all(map(is_number, values)):
            return torch.tensor(values, dtype=dtype, device=like.device)
        return torch.stack([torch.as_tensor(value, dtype=dtype, device=like.device) for value in values])

    # -- what a clock must be -----------------------------------------------------------------------------------------

    def is_real(self, value: Any) -> bool:
        return not (value.is_complex() or value.dtype is self._torch.bool)

    def is_whole(self, value: Any) -> bool:
        return self.is_real(value) and not value.is_floating_point()

    def is_complex(self, value: Any) -> bool:
        return bool(value.is_complex())

    def wide(self, value: Any) -> Any:
        return value.to(self._widest(value))

    def exact(self, value: Any) -> Any:
        return self.wide(value)

    def rounding(self, value: Any) -> float:
        if not value.is_floating_point() or value.dtype.itemsize >= 8:
            return 0.0
        return _rounding_of(
            self._torch.finfo(value.dtype).eps, None if self.ends(value) is None else value.detach().double()
        )

    def is_narrow(self) -> bool:
        return False

    def ends(self, value: Any) -> tuple[float, float] | None:
        tracing = self._torch.compiler.is_compiling() or self._torch._C._get_tracing_state() is not None
        if value.device.type != "cpu" or tracing or not value.numel():
            return None
        try:
            lowest, highest = self._torch.aminmax(value.detach())
            return float(lowest), float(highest)
        except RuntimeError:  # a tensor without values: inside of vmap, or traced
            return None

    def cast(self, value: Any, *clocks: Any) -> Any:
        kinds = (clock.dtype if clock.is_floating_point() else self._widest(clock) for clock in clocks)
        kind = functools.reduce(self._torch.promote_types, kinds)
        if value.dtype == kind:
            return value
        largest = self._torch.finfo(kind).max
        return self._torch.where(value.abs() < math.inf, value.clamp(-largest, largest), value).to(kind)

    def copied(self, clock: Any) -> Any:
        return clock.clone()

    def taken(self, value: Any, like: Any) -> Any:
        tensor = self._torch.as_tensor(value)
        dtype = self._widest(like) if tensor.dtype is self._torch.float64 else tensor.dtype
        return tensor.to(device=like.device, dtype=dtype)

    def _widest(self, tensor: Any) -> Any:
        return self._torch.float32 if tensor.device.type == "mps" else self._torch.float64

    # -- 32-bit words -------------------------------------------------------------------------------------------------

    def word(self, value: Any, like: Any = None) -> Any:
        return value if like is not None else value.to(self._torch.int64)

    def wrapped(self, value: Any) -> Any:
        return value & _MASK

    def real_like(self, value: Any, clock: Any) -> Any:
        return value.to(clock.dtype)


def _rounding_of(eps: float, value: Any) -> float:
    """Whole numbers are what they say. With a fraction among them, so much that the largest is less than an update off.

    What cannot be looked at may be either: float32 is taken for fractions, and what is narrower for whole numbers.
    """
    if value is None:
        return min(2.0 * eps, 2.0**-22)
    import numpy

    numbers = numpy.asarray(value).astype(float)
    if (numbers == numpy.floor(numbers)).all():
        return 0.0
    return min(2.0 * eps, max(0.25 / float(numbers.max()), 0.75 * eps))


def double_precision_of_jax(on: bool) -> AbstractContextManager[None]:
    """JAX with float64, or without it, as it is by default."""
    import jax

    # It moved from one module to the other.
    owner: Any = jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
    switched: AbstractContextManager[None] = owner.enable_x64(on)
    return switched


def _in_double_by_jax(function: Callable[..., Any], clocks: tuple[Any, ...]) -> Any:
    """A function of each element of its clocks, computed by JAX in float64 though float32 is its widest type.

    JAX differentiates float64 only where it is switched on, and it does so long after the call. So the derivative is a
    function of the same kind, which is computed in float64 and leaves in float32.
    """
    import jax

    if jax.default_backend() == "METAL":  # it has no float64
        return function(*map(jax.numpy.float32, clocks))

    @jax.custom_jvp
    def computed(*clocks: Any) -> Any:
        with double_precision_of_jax(True):
            value = function(*(clock.astype("float64") for clock in clocks))
            return library_of(value).narrowed(value, jax.numpy.dtype("float32"))

    @computed.defjvp
    def moved(clocks: Any, moves: Any) -> Any:
        total = jax.numpy.zeros_like(value := computed(*clocks))
        for place, (clock, move) in enumerate(zip(clocks, moves, strict=True)):
            if jax.numpy.issubdtype(clock.dtype, jax.numpy.floating):
                total = total + _in_double_by_jax(_slope_of(function, place), clocks) * move.astype("float32")
        return value, total

    return computed(*clocks)


def _slope_of(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """The derivative with respect to one of the clocks, element by element."""
    import jax

    def slope(*clocks: Any) -> Any:
        def of_one(clock: Any) -> Any:
            return function(*clocks[:place], clock, *clocks[place + 1 :])

        return jax.jvp(of_one, (clocks[place],), (jax.numpy.ones_like(clocks[place]),))[1]

    return slope


def _numpy() -> _ArrayModule:
    import numpy

    return _ArrayModule(numpy)


def _jax() -> _ArrayModule:
    import jax.numpy

    return _ArrayModule(jax.numpy)


_LIBRARIES: dict[str, Callable[[], Any]] = {"numpy": _numpy, "torch": _Torch, "jax": _jax, "jaxlib": _jax}
_KNOWN: dict[type, Any] = {}
