"""What a formula reads besides its clocks and parameters, found in its code: also what does not change just now."""

from __future__ import annotations

import builtins
import dataclasses
import dis
import enum
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from numbers import Number
from typing import Any

from optimsche.lr_fn import LrFn
from optimsche.schedule import Schedule

# Modules whose functions answer differently from call to call.
_CHANGING_MODULES = frozenset({"random", "secrets", "time", "uuid", "datetime", "os", "socket", "_random", "posix"})
# Functions of array libraries that draw from a hidden generator; jax.random takes its key as a parameter.
_RANDOM_IN_TORCH = frozenset(
    {"bernoulli", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn"}
    | {"randn_like", "randperm"}
)
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_MISSING: Any = object()


def impurities(lr_fn: LrFn[...]) -> list[str]:
    """What a formula reads or writes outside its clocks and parameters, each in one sentence; empty if it is pure.

    Constants are fine: numbers, text and tuples of these under a name in capitals, modules, classes, pure functions.

    >>> from optimsche import cosine, lr_fn
    >>> impurities(cosine)
    []
    """
    formula = lr_fn.formula
    if lr_fn.is_built_in:
        return []
    if not isinstance(formula, types.FunctionType):
        call = vars(type(formula)).get("__call__")
        return list(_Inspection().of(call)) if isinstance(call, types.FunctionType) else []
    return list(dict.fromkeys(_Inspection().of(formula)))


class _Inspection:
    """One walk through a formula and the functions that it calls."""

    def __init__(self) -> None:
        self._seen: set[types.CodeType] = set()

    def of(self, function: types.FunctionType) -> Iterator[str]:
        if function.__code__ in self._seen:
            return
        self._seen.add(function.__code__)
        cells = dict(zip(function.__code__.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        yield from self._of_code(function.__code__, function, cells)

    def _of_code(self, code: types.CodeType, function: types.FunctionType, cells: Mapping[str, Any]) -> Iterator[str]:
        instructions = list(dis.get_instructions(code))
        for place, instruction in enumerate(instructions):
            name = str(instruction.argval)
            match instruction.opname:
                case "LOAD_GLOBAL" | "LOAD_NAME":
                    value = function.__globals__.get(name, getattr(builtins, name, _MISSING))
                    yield from self._of_name(name, value, _attributes(instructions, place), function)
                case "LOAD_DEREF" | "LOAD_CLASSDEREF" if name in cells:
                    yield from self._of_name(name, cells[name], _attributes(instructions, place), function)
                case "STORE_GLOBAL" | "DELETE_GLOBAL":
                    yield f"it changes the global variable {name!r}: what it needs are its clocks and parameters"
                case "STORE_DEREF" | "DELETE_DEREF" if name in cells:
                    yield f"it changes {name!r}, a variable outside: what it needs are its clocks and parameters"
                case "IMPORT_NAME" if name.partition(".")[0] in _CHANGING_MODULES:
                    yield f"it imports {name}, whose answers change: {_instead_of(name)}"
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from self._of_code(constant, function, cells)

    def _of_name(self, name: str, value: Any, attributes: list[str], function: types.FunctionType) -> Iterator[str]:
        path = name
        for attribute in attributes:
            if not isinstance(value, types.ModuleType | type) or not hasattr(value, attribute):
                break
            value, path = getattr(value, attribute), f"{path}.{attribute}"
        else:
            attributes = []
        if value is _MISSING:
            return
        if _changes_by_itself(value):
            yield f"it uses {path}, whose answers change: {_instead_of(path)}"
        elif isinstance(value, types.FunctionType) and _is_of_the_same_project(value, function):
            yield from self.of(value)
        elif isinstance(value, types.FunctionType | LrFn) and attributes and attributes[0] in vars(value):
            yield f"it reads {path}.{attributes[0]}, an attribute that can change: make it a parameter"
        elif not is_constant(value):
            kind = type(value).__name__
            yield f"it reads the variable {path!r}, a {kind}, which can change: make it a parameter, {_frozen(value)}"
        elif isinstance(value, Number | str) and _can_be_assigned(name, path, function):
            yield (
                f"it reads the variable {path!r}, which can be given another value: make it a parameter, "
                "or a constant with a name in capitals"
            )


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _MISSING


def _attributes(instructions: list[dis.Instruction], place: int) -> list[str]:
    """The names of ``.a.b`` after the name that is loaded at ``place``."""
    names = []
    for instruction in instructions[place + 1 :]:
        if instruction.opname in _ATTRIBUTES:
            names.append(str(instruction.argval))
        elif instruction.opname != "CACHE":
            break
    return names


def is_constant(value: Any) -> bool:
    """Whether a value outside a formula stays what it is.

    >>> is_constant((0.1, "text")), is_constant([0.1]), is_constant((0.1, [0.2]))
    (True, False, False)
    """
    if value is None or isinstance(value, Number | str | bytes | range | enum.Enum | Schedule | LrFn):
        return True
    if isinstance(value, tuple | frozenset):
        return all(map(is_constant, value))
    if isinstance(value, types.MappingProxyType):
        return all(map(is_constant, value.values()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        return bool(value.__dataclass_params__.frozen) and all(map(is_constant, fields))  # type: ignore[attr-defined]
    flags: Any = getattr(value, "flags", None)
    if hasattr(flags, "writeable"):  # a NumPy array
        return flags.writeable is False
    return isinstance(value, types.ModuleType | type) or callable(value)


def _changes_by_itself(value: Any) -> bool:
    """Whether a function draws from a hidden generator, or asks the clock or the machine."""
    if not callable(value) or isinstance(value, type | LrFn):
        return False
    owner = getattr(value, "__self__", None)
    module = _module_of(value)
    if owner is not None and not isinstance(owner, types.ModuleType):  # random.random is a method of a generator
        module = _module_of(owner)
    root = module.partition(".")[0]
    if root == "torch":
        return getattr(value, "__name__", "") in _RANDOM_IN_TORCH
    return root in _CHANGING_MODULES or module.startswith("numpy.random")


def _module_of(value: Any) -> str:
    return str(getattr(value, "__module__", None) or getattr(type(value), "__module__", None) or "")


def _instead_of(path: str) -> str:
    if "rand" in path or "normal" in path or "secrets" in path:
        return "for noise that is a function of the update, take .jitter(amount, seed=...)"
    return "a schedule knows its clocks and parameters alone"


def _frozen(value: Any) -> str:
    return "or a tuple in capitals" if isinstance(value, list | set | dict) else "or take what you need out of it"


def _is_of_the_same_project(value: types.FunctionType, function: types.FunctionType) -> bool:
    """Other libraries are taken at their word; one's own helpers are read like the formula itself."""
    root = value.__module__.partition(".")[0] if value.__module__ else ""
    if root == "optimsche" or root in sys.stdlib_module_names - {"__main__"}:
        return False
    return root == (function.__module__ or "").partition(".")[0]


def _can_be_assigned(name: str, path: str, function: types.FunctionType) -> bool:
    """Whether code may give a variable another value: one in capitals is a constant, unless a function assigns it."""
    if path == name and name in function.__code__.co_freevars:
        return _is_assigned_around(name, function)
    if path == name and hasattr(builtins, name) and name not in function.__globals__:
        return False
    last = path.rpartition(".")[2]
    if "." in path and isinstance(function.__globals__.get(name), types.ModuleType):
        return False if _is_a_library(function.__globals__[name]) else not last.isupper()
    return not last.isupper() or any(_assigns(other, name, "STORE_GLOBAL") for other in _functions_beside(function))


def _is_a_library(module: types.ModuleType) -> bool:
    """``math.pi`` and ``numpy.e`` are constants in small letters."""
    root = module.__name__.partition(".")[0]
    return root in sys.stdlib_module_names or root in {"numpy", "torch", "jax", "optimsche"}


def _functions_beside(function: types.FunctionType) -> Iterator[types.CodeType]:
    for value in list(function.__globals__.values()):
        formula: Callable[..., Any] = value.formula if isinstance(value, LrFn) else value
        if isinstance(formula, types.FunctionType) and formula.__globals__ is function.__globals__:
            yield formula.__code__


def _is_assigned_around(name: str, function: types.FunctionType) -> bool:
    """Whether the function around a closure assigns a variable after it was made, or more than once."""
    outermost = function.__globals__.get(function.__qualname__.partition(".")[0])
    if not isinstance(outermost, types.FunctionType):
        return False
    stores = _assigns(outermost.__code__, name, "STORE_DEREF")
    is_argument = name in outermost.__code__.co_varnames[: outermost.__code__.co_argcount]
    return stores > (0 if is_argument else 1)


def _assigns(code: types.CodeType, name: str, operation: str) -> int:
    """How many instructions of a code, and of those inside it, assign a variable."""
    here = sum(bool(i.opname == operation and i.argval == name) for i in dis.get_instructions(code))
    return here + sum(_assigns(c, name, operation) for c in code.co_consts if isinstance(c, types.CodeType))
