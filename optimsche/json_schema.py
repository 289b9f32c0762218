"""The JSON Schema of the dictionary form of schedules, made from the signatures: for editors and config tools."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

import annotated_types as at

from optimsche.annotations import annotations_of, meaning_of
from optimsche.names import known
from optimsche.schedule import Schedule

# from_dict reads a number that is written as text, because YAML reads 3e-4 as text.
_NUMBER_AS_TEXT = {"type": "string", "pattern": r"^\s*[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?\s*$"}
_ANYTHING = {"type": ["number", "string", "boolean", "null", "array", "object"]}
_KINDS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    str: {"type": "string"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    Any: _ANYTHING,
}
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `{name: {parameter: value}}`, for every function that is known.

    What one parameter asks of another, such as updates that must increase, is beyond it: `from_dict` has the last
    word.

    Returns:
        Plain data, for `json.dump`.

    >>> json_schema()["$defs"]["linear"]["properties"]["steps"]["anyOf"][0]
    {'type': 'number', 'exclusiveMinimum': 0}
    >>> json_schema()["$defs"]["linear"]["required"]
    ['steps']
    """
    functions = dict(sorted(known().items()))
    one_of_them = {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in functions},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A schedule: one name with its parameters",
        "$ref": "#/$defs/:schedule",
        "$defs": {":schedule": one_of_them} | {name: _of_function(function) for name, function in functions.items()},
    }


def _of_function(function: Callable[..., Schedule]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    annotations = annotations_of(function)
    required = [p.name for p in parameters.values() if p.default is p.empty]
    return {
        "description": (inspect.getdoc(function) or "").partition("\n")[0],
        "type": "object" if required else ["object", "null"],
        "properties": {p.name: _of_parameter(annotations[p.name], p.default) for p in parameters.values()},
        "required": required,
        "additionalProperties": False,
    }


def _of_parameter(annotation: Any, default: Any) -> dict[str, Any]:
    found = {"anyOf": kinds_of(annotation)}
    meaning = meaning_of(annotation)
    if meaning:
        found["description"] = meaning  # type: ignore[assignment]
    if default is not inspect.Parameter.empty:
        found["default"] = _as_data(default)
    return found


def _as_data(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_dict()
    return [_as_data(element) for element in value] if isinstance(value, tuple) else value


def kinds_of(annotation: Any, metadata: Iterable[Any] = ()) -> list[dict[str, Any]]:
    """The kinds of value that an annotation admits, each as a schema.

    >>> from optimsche import Rate
    >>> kinds_of(Rate | None)[::2]
    [{'type': 'number', 'minimum': 0}, {'type': 'null'}]
    """
    origin, items = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return kinds_of(items[0], (*items[1:], *metadata))
    if origin in (typing.Union, types.UnionType):
        return [kind for item in items for kind in kinds_of(item, metadata)]
    if origin is Literal:
        return [{"enum": list(items)}]
    if origin in (tuple, list, Iterable) or annotation in (tuple, list):
        return [_row(items, metadata)]
    if annotation is float or annotation is int:
        return [{"type": "integer" if annotation is int else "number", **_range(metadata)}, _NUMBER_AS_TEXT]
    if annotation in _KINDS:
        return [_KINDS[annotation]]
    return [{"$ref": "#/$defs/:schedule"}, {"type": "string", "description": "a schedule as text"}]


def _row(items: tuple[Any, ...], metadata: Iterable[Any]) -> dict[str, Any]:
    shortest = max((item.min_length for item in metadata if isinstance(item, at.MinLen)), default=0)
    if len(items) > 1 and items[-1] is not Ellipsis:
        each = [{"anyOf": kinds_of(item)} for item in items]
        return {"type": "array", "prefixItems": each, "minItems": len(items), "maxItems": len(items)}
    element = {"anyOf": kinds_of(items[0])} if items else _ANYTHING
    return {"type": "array", "items": element, "minItems": shortest}


def _range(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in metadata:
        for part in item if isinstance(item, at.GroupedMetadata) else (item,):
            for attribute, word in _BOUNDS.items():
                bound = getattr(part, attribute, None)
                if bound is not None and math.isfinite(bound):
                    found[word] = bound
    return found
