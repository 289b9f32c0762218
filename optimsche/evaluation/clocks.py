"""The only door for clocks: whatever enters becomes a float or an array of the widest real type, once.

Behind it nothing asks again what a clock is: a formula sees the same kind of value for the same clock, however it is
evaluated and however often the schedule was called.
"""

from __future__ import annotations

from typing import Any, NoReturn

from optimsche.call_errors import shown
from optimsche.evaluation.precision import EXACT
from optimsche.evaluation.trace import is_symbol
from optimsche.libraries import is_number, is_numpy_scalar, library_of, register

#: The largest clock: far beyond any run, and small enough that no formula overflows on it.
LARGEST_CLOCK = 1e300

_FIRST = {"real_step": 0, "epoch": 1}
_ADVICE = {
    "real_step": "Updates count from 1; 0 is the instant before training.",
    "epoch": "Epochs count from 1; where they count from 0, pass epoch + 1.",
}


def enter(value: Any, name: str) -> Any:
    """A clock as formulas want it: a Python float, or an array of the widest real type of its library.

    In float32 neighbouring updates merge past 2**24 and boundaries are missed, so every array is widened before any
    arithmetic. `leave` gives the result the type that the clock came in.

    Args:
        value: what a user gave.
        name: `real_step` or `epoch`.

    Raises:
        TypeError: not a number and not a NumPy, PyTorch or JAX array of real numbers.
        ValueError: below the first clock, or above 1e300. Arrays on an accelerator are not looked at, since the program
            would wait for them, nor are traced ones.
    """
    if is_numpy_scalar(value) and value.dtype.kind in "iufb":
        # A float32 is the shortest number that prints like it: 0.7, and not 0.699999988.
        value = float(str(value)) if value.dtype.kind == "f" else value.item()
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _FIRST[name] <= value <= LARGEST_CLOCK:
            return float(value)
        raise ValueError(f"{name} must be a number from {_FIRST[name]} to 1e300, got {shown(value)}. {_ADVICE[name]}")
    library = _library_of_clock(value, name)
    widened = library.exact(value)
    ends = library.ends(widened)
    if ends is not None and not (ends[0] >= _FIRST[name] and ends[1] <= LARGEST_CLOCK):
        raise ValueError(
            f"{name} must hold numbers from {_FIRST[name]} to 1e300, got values from {ends[0]} to {ends[1]}. "
            f"{_ADVICE[name]}"
        )
    return widened


def enter_epoch(value: Any, *, needed: bool) -> Any:
    """An epoch as formulas want it. Without one, an object that refuses to be an epoch as soon as it is used as one.

    Raises:
        ValueError: `needed`, and None was given; or as `enter`.
    """
    if value is not None and value is not NO_EPOCH:  # which a user's formula may hand to any schedule
        return enter(value, "epoch")
    if needed:
        NO_EPOCH.refuse()
    return NO_EPOCH


def rounding_of(*clocks: Any) -> float:
    """How far the clocks that were given may be from what was meant, as a part of them: one in float32 was rounded."""
    found: list[float] = [library_of(clock).rounding(clock) for clock in clocks if hasattr(clock, "dtype")]
    return max([EXACT, *found])


def leave(value: Any, real_step: Any, epoch: Any) -> Any:
    """A value in the type of the clocks that were given, of which at least one is an array."""
    clocks = [clock for clock in (real_step, epoch) if hasattr(clock, "dtype")]
    return library_of(*clocks).cast(value, *clocks)


def spread(value: Any, real_step: Any, epoch: Any) -> Any:
    """A value in the shape of its clocks: a formula that does not look at them gives one number for all.

    Raises:
        TypeError: the values are no real numbers.
    """
    for clock in (real_step, epoch):
        if _is_array(clock) and (getattr(value, "shape", None) != clock.shape or is_number(value)):
            # Multiplied by ones and not copied, so that gradients pass and the wider type wins.
            value = value * library_of(clock).ones_like(clock)
    if not is_number(value) and library_of(value).is_complex(value):
        raise TypeError(f"an lr function returns real numbers, got an array of {value.dtype}")
    return float(value) if type(value) is int else value


def as_inside(clock: Any) -> Any:
    """A clock that a user's formula hands to a schedule inside it, in the kind that all formulas see."""
    if clock is None:
        raise TypeError(
            "a schedule inside of a formula is called with both clocks: schedule(real_step, epoch), as the formula is"
        )
    if type(clock) is float or clock is NO_EPOCH or is_symbol(clock):
        return clock
    if is_numpy_scalar(clock):
        clock = clock.item()
    if isinstance(clock, int | float) and not isinstance(clock, bool):
        return float(clock)
    return _library_of_clock(clock, "a clock").wide(clock)


def own(clock: Any) -> Any:
    """A clock of its own for a user's formula, which may write into it."""
    return library_of(clock).copied(clock) if _is_array(clock) else clock


def no_number(name: str, value: Any, real_step: float) -> TypeError:
    """The error of a formula that returned something else than a number."""
    return TypeError(f"an lr function returns a number; {name} returned {value!r} for real_step={real_step}")


def _is_array(clock: Any) -> bool:
    return type(clock) is not float and clock is not NO_EPOCH and not is_number(clock)


def _library_of_clock(value: Any, name: str) -> Any:
    try:
        library = library_of(value)
    except TypeError:
        if value is None:
            raise TypeError("a schedule is called with the number of an update, from 1: plan(n)") from None
        raise TypeError(
            f"{name} must be a number, or a NumPy, PyTorch or JAX array, got {shown(value)} ({type(value).__name__}). "
            "For many steps at once pass an array: numpy.array([1, 2, 3]), numpy.arange(1, 1001)."
        ) from None
    if hasattr(value, "mask"):
        raise TypeError(f"{name} must be an array without a mask; evaluate {name}.filled(...), and mask the result")
    if not library.is_real(value):
        raise TypeError(f"{name} must hold whole or real numbers, got an array of {value.dtype}")
    return library


class _NoEpoch:
    """The epoch of a call that gave none. A formula may hand it on; one that uses it is refused."""

    def refuse(self, *_: object) -> NoReturn:
        raise ValueError(
            "this schedule counts epochs, and was called without one: write plan(real_step, epoch), with epochs from 1"
        )

    def __repr__(self) -> str:
        return "no epoch"

    __hash__ = object.__hash__


for _operation in (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
    *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow"),
    *("lt", "le", "gt", "ge", "eq", "ne", "bool", "neg", "pos", "abs", "float", "int", "index"),
    *("round", "floor", "ceil", "trunc", "array", "array_ufunc", "torch_function"),
):
    setattr(_NoEpoch, f"__{_operation}__", _NoEpoch.refuse)

NO_EPOCH = _NoEpoch()


class _NoArithmetic:
    """The library of `NO_EPOCH`: it refuses every function."""

    def __getattr__(self, name: str) -> NoReturn:
        NO_EPOCH.refuse()


register(_NoEpoch, _NoArithmetic())
