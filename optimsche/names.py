"""The table of names: what text, configurations and methods can reach."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any
from weakref import WeakValueDictionary

from optimsche.call_errors import did_you_mean, shown

# A function that nobody holds any more has no name: one that was defined in a test, say, ends with it.
_table: WeakValueDictionary[str, Callable[..., Any]] = WeakValueDictionary()


def known() -> dict[str, Callable[..., Any]]:
    """Every lr function and named plan by name, users' own included."""
    return dict(_table)


def register(name: str, constructor: Callable[..., Any]) -> None:
    """Make an lr function or a plan known by name.

    Raises:
        ValueError: another one has this name. Only the same function defined again may replace itself: the same name in
            the same module, as when a notebook's cell runs twice.
    """
    before = _table.get(name)
    if before is not None and _home(before) != _home(constructor):
        if is_built_in(before):
            raise ValueError(f"{name!r} is the name of a built-in schedule; give your lr function another name")
        raise ValueError(
            f"{name!r} is already the name of {_home(before)[1]} in {before.__module__}, and text could mean either; "
            "give your lr function another name"
        )
    _table[name] = constructor


def lookup(name: object) -> Callable[..., Any]:
    """The lr function or plan of this name.

    Raises:
        ValueError: there is none.

    >>> lookup("cosin")
    Traceback (most recent call last):
    ValueError: unknown lr function or plan 'cosin'; did you mean 'cosine'?
    """
    found = _table.get(name) if isinstance(name, str) else None
    if found is None:
        hint = (isinstance(name, str) and did_you_mean(name, _table)) or (
            f"; known are {', '.join(sorted(_table))}, and functions of your own once they are imported"
        )
        raise ValueError(f"unknown lr function or plan {shown(name)}{hint}")
    return found


def call_of(constructor: object) -> str:
    """How a function of the table is called, its parameters by name; an empty text for anything else."""
    name = next((name for name, known in _table.items() if known is constructor), "")
    if not name:
        return ""
    return f"{name}({', '.join(f'{parameter}=...' for parameter in signature(_table[name]).parameters)})"


def is_built_in(constructor: Callable[..., Any]) -> bool:
    """Whether a function is the library's own."""
    return (constructor.__module__ or "").startswith("optimsche.")


def _home(constructor: Callable[..., Any]) -> tuple[str, str]:
    return constructor.__module__ or "", constructor.__qualname__.removesuffix(".formula")
