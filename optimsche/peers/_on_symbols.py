"""A user's function so that it can be followed on a symbol: with another ``math`` around it, and around its helpers."""

from __future__ import annotations

import builtins
import functools
import math
import sys
import types
from collections.abc import Callable
from typing import Any

from optimsche.evaluation.trace import is_symbol, recorded


def taking_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, where ``math``, NumPy's functions and Python's own record what they do with a symbol.

    Functions that it calls are taken along: those from around it, from its defaults, the one inside of a
    ``functools.partial``, and an object's own ``__call__``.
    """
    call = vars(type(function)).get("__call__")  # an object's
    return _Taking().along(types.MethodType(call, function) if isinstance(call, types.FunctionType) else function)  # type: ignore[no-any-return]


class _Taking:
    def __init__(self) -> None:
        self.known: dict[int, Any] = {}

    def along(self, value: Any) -> Any:
        """What stands for a value in the world of symbols: itself, unless it computes."""
        match value:
            case functools.partial():
                return functools.partial(self.along(value.func), *map(self.along, value.args), **value.keywords)
            case types.FunctionType():
                return self.known[id(value)] if id(value) in self.known else self._rebuilt(value)
            case types.MethodType():
                return types.MethodType(self.along(value.__func__), value.__self__)
            case types.ModuleType():
                return _module(value)
            case types.BuiltinFunctionType() if value.__module__ == "math":
                return getattr(_Functions(math), value.__name__)
        if _is_ufunc(value):
            return getattr(_Functions(sys.modules["numpy"]), value.__name__)
        return value

    def _rebuilt(self, function: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        around: dict[str, Any] = {"__builtins__": {**vars(builtins), **_BUILT_IN}, "__name__": function.__module__}
        made = types.FunctionType(function.__code__, around, function.__name__, None, cells)
        self.known[id(function)] = made  # now, because a function may call itself
        for mine, theirs in zip(cells, function.__closure__ or (), strict=True):
            mine.cell_contents = self.along(theirs.cell_contents)
        for name in _names_in(function.__code__):
            if name in function.__globals__:
                around[name] = self.along(function.__globals__[name])
        made.__defaults__ = tuple(map(self.along, function.__defaults__ or ())) or None
        made.__kwdefaults__ = {name: self.along(value) for name, value in (function.__kwdefaults__ or {}).items()}
        return made


def _module(value: types.ModuleType) -> Any:
    return _Functions(value) if value.__name__ in ("math", "numpy") else value


def _import(*args: Any, **options: Any) -> Any:
    """What ``import`` inside of a function gives it."""
    return _module(__import__(*args, **options))


def _names_in(code: types.CodeType) -> set[str]:
    """The names that code may look up around it, that of the functions inside of it included."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def _is_ufunc(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ufunc)


# ---------------------------------------------------------------------------------------------------------------------
# The functions that record
# ---------------------------------------------------------------------------------------------------------------------


def _recording(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        if any(map(is_symbol, arguments)):
            return recorded(name, *arguments)
        return plain(*arguments, **options)

    return function


def _log(x: Any, base: Any = None) -> Any:
    if base is not None:
        return _log(x) / _log(base)
    return recorded("log", x) if is_symbol(x) else math.log(x)


def _extreme(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    def function(*values: Any, **options: Any) -> Any:
        given = tuple(values[0]) if len(values) == 1 and not is_symbol(values[0]) else values
        if options or not any(map(is_symbol, given)):
            return plain(*values, **options)
        return given[0] if len(given) == 1 else recorded(name, *given)

    return function


def _isinstance(value: Any, kinds: Any) -> bool:
    """Where ``int`` and ``float`` are the recording ones; the step counts as both."""
    types_of: dict[int, Any] = {id(_BUILT_IN["int"]): int, id(_BUILT_IN["float"]): float}
    meant: Any = tuple(types_of.get(id(kind), kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    return (int in meant or float in meant) if is_symbol(value) else isinstance(value, meant)


class _Functions:
    """In the place of a module: its functions that record, and what else it has, for anything but the step."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        if name in _RECORDING:
            return _RECORDING[name]
        found = getattr(self.module, name)
        return _of_numbers(name, found) if callable(found) else found


def _of_numbers(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        if any(map(is_symbol, (*arguments, *options.values()))):
            raise TypeError(f"{name} of the step has no place in a formula")
        return plain(*arguments, **options)

    return function


_RECORDING: dict[str, Callable[..., Any]] = {
    **{name: _recording(name, getattr(math, name)) for name in ("cos", "sin", "tanh", "exp", "sqrt", "floor", "ceil")},
    "log": _log,
    "log2": lambda x: _log(x, 2.0),
    "log10": lambda x: _log(x, 10.0),
    **dict.fromkeys(("pow", "power"), lambda x, y: x**y),
    **dict.fromkeys(("fabs", "abs"), abs),
    **dict.fromkeys(("minimum", "fmin"), _extreme("min", min)),
    **dict.fromkeys(("maximum", "fmax"), _extreme("max", max)),
    "clip": lambda x, low, high: _extreme("min", min)(_extreme("max", max)(x, low), high),
}

_BUILT_IN = {
    "__import__": _import,
    "float": lambda *value: value[0] if value and is_symbol(value[0]) else float(*value),
    "int": _recording("int", int),
    "round": _recording("round", round),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "divmod": lambda x, y: (x // y, x % y),
    "isinstance": _isinstance,
}
