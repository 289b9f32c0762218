"""Numbers and expressions as people write them in text, and Python's own tree of them."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


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
        return math.isfinite(float(text))
    except ValueError:
        return False


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
