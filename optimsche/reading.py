"""Numbers and expressions as people write them in text, Python's own tree of them, and how much data may be."""

from __future__ import annotations

import ast
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard


def syntax_tree(text: str) -> ast.expr:
    """Python's tree of an expression, over several lines and with comments if need be; its first line counts as line 2.

    Raises:
        SyntaxError: the text is no expression.
        ValueError, RecursionError, MemoryError: Python's parser gave up.
    """
    with warnings.catch_warnings():
        # "9in" makes Python's parser warn the reader of a program; the answer here is an error, or none.
        warnings.simplefilter("ignore")
        # In brackets of both kinds, since none in the text closes both: "a) * (b" is no expression.
        tree = ast.parse(f"(\n{text}\n)", mode="eval").body
        alone = ast.parse(f"[\n{text}\n]", mode="eval").body
    if isinstance(alone, ast.List) and not alone.elts:
        raise SyntaxError("there is nothing in it")
    return tree


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether `value` is a mapping; or what can be read like one, as `ConfigDict` of ml_collections can.

    >>> is_mapping({"steps": 9}), is_mapping("steps"), is_mapping([("steps", 9)])
    (True, False, False)
    """
    return isinstance(value, Mapping) or all(hasattr(type(value), name) for name in ("keys", "values", "__getitem__"))


def is_row(value: Any) -> bool:
    """Whether `value` is a list, a tuple or another sequence, such as OmegaConf's `ListConfig`, and not text.

    >>> is_row([30, 60]), is_row(range(3)), is_row("30, 60")
    (True, True, False)
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def is_numeric_text(text: str) -> bool:
    """Whether `text` is a finite number as Python writes it: `3e-4`, `9_000`."""
    try:
        # Of thousands of digits, zeros before a number say, Python makes a float and no whole number.
        return len(text) <= _LONGEST_NUMBER and math.isfinite(float(text))
    except ValueError:
        return False


_LONGEST_NUMBER = 1_000


def numbers_from_text(value: Any) -> Any:
    """`value` with every numeric text in it as the number: YAML reads `3e-4` as text.

    >>> numbers_from_text({"lr": "3e-4", "steps": "9_000", "name": "adam", "betas": ["0.9", 0.95]})
    {'lr': 0.0003, 'steps': 9000, 'name': 'adam', 'betas': [0.9, 0.95]}
    """
    if isinstance(value, str) and is_numeric_text(value):
        return int(value) if value.strip("+- ").replace("_", "").isdecimal() else float(value)
    if is_mapping(value):
        return {key: numbers_from_text(item) for key, item in value.items()}
    if is_row(value):
        row = [numbers_from_text(item) for item in value]
        return tuple(row) if isinstance(value, tuple) else row
    return value


# Far above what a person writes, far below what could exhaust the stack or the memory.
DEEPEST, MOST_VALUES = 250, 1_100_000


class Size(NamedTuple):
    """How many values there are in nested data, and how many schedules if it is written as `to_dict` does."""

    values: int
    schedules: float


def size_of(data: Any) -> Size:
    """The size of nested mappings and rows: what is there twice is counted twice, and read once.

    Raises:
        ValueError: it is nested more than 250 deep, as what holds itself is.

    >>> size_of([1, [2, 3]]).values
    4
    """
    return _size(data, {}, depth=0)


def _size(data: Any, known: dict[int, tuple[Any, Size]], depth: int) -> Size:
    if id(data) not in known:
        if depth > 2 * DEEPEST + 1:
            raise ValueError(f"nested more than {DEEPEST} deep")
        # A schedule is two mappings: its name, and its parameters.
        values, schedules = length_of(data), is_mapping(data) / 2
        for inside in data.values() if is_mapping(data) else data if values <= MOST_VALUES else ():
            if type(inside) not in _ATOMS and (is_mapping(inside) or is_row(inside)):
                more = _size(inside, known, depth + 1)
                values, schedules = values + more.values, schedules + more.schedules
        known[id(data)] = data, Size(values, schedules)  # held, so that nothing else takes its id
    return known[id(data)][1]


_ATOMS = frozenset({int, float, str, bool, type(None)})


def refuse_too_many(values: int) -> None:
    """Refuse more values than a schedule holds.

    Raises:
        ValueError: there are more than 1,100,000.
    """
    if values > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values in one")


def length_of(data: Mapping[Any, Any] | Sequence[Any]) -> int:
    """`len(data)`, also where Python has no number for it.

    >>> length_of(range(3)), length_of(range(10**30)) > MOST_VALUES
    (3, True)
    """
    try:
        return len(data)
    except OverflowError:
        return sys.maxsize
