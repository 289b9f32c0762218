"""What can be changed in an expression: numbers, choices and texts, with the ranges that the signatures give them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from optimsche.annotations import meaning_of
from optimsche.json_schema import kinds_of
from optimsche.schedule import Schedule

# Of a longer row of numbers none can be turned: there would be nothing else to see.
_LONGEST_ROW = 6
# How many places a slider has, at least.
_PLACES = 200

Path = tuple[str | int, ...]


class Knob(NamedTuple):
    """A value in an expression that can be changed."""

    path: Path
    """The parameters that lead to it, and at last its place in a row."""
    label: str
    value: float | str | bool
    choices: tuple[Any, ...] = ()
    """What it may be, where that is a list."""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    """The ends of a slider and the distance of its places; whole numbers for a value that is a whole number."""
    meaning: str = ""


def knobs_of(schedule: Schedule) -> list[Knob]:
    """Everything that can be changed in an expression, in its order.

    A number goes from one end of its range to the other, where that is not far; else from 0 to twice its value, and if
    that is 0, to twice the highest of its kind in the expression.

    >>> from optimsche import cosine
    >>> for knob in knobs_of(cosine(start=3e-4, steps=9_000).warmup(1_000)):
    ...     print(knob.label, knob.value, knob.low, knob.high, knob.step)
    cosine.start 0.0003 0 0.0006 2e-06
    cosine.end 0.0 0 0.0006 2e-06
    cosine.steps 9000 50 18000 50
    warmup.steps 1000 0 2000 10
    warmup.start 0.0 0 0.0006 2e-06
    """
    found = [*_values(schedule, ())]
    times = Counter(_label(path, name) for path, name, _, _ in found)
    highest: dict[str, float] = {}
    for _, _, annotation, value in found:
        if _is_number(value):
            highest[_kind(annotation)] = max(highest.get(_kind(annotation), 0.0), abs(value))
    knobs = []
    for path, name, annotation, value in found:
        label = _label(path, name)
        if times[label] > 1:  # of several alike the way there tells which
            label = _label(path, ".".join(map(str, path[: -2 if isinstance(path[-1], int) else -1])) or name)
        knob = _knob(path, label, annotation, value, highest.get(_kind(annotation), 0.0))
        if knob is not None:
            knobs.append(knob)
    return knobs


def turned(schedule: Schedule, values: Mapping[Path, Any], path: Path = ()) -> Schedule:
    """The same expression with other values.

    Raises:
        ValueError: the values do not go together, or one is outside its range.

    >>> from optimsche import cosine
    >>> turned(cosine(steps=90).warmup(10), {("schedule", "steps"): 190})
    warmup(cosine(start=1.0, end=0.0, steps=190), steps=10, start=0.0)
    """
    arguments: dict[str, Any] = {}
    for name, value in schedule.arguments.items():
        here = (*path, name)
        if isinstance(value, Schedule):
            arguments[name] = turned(value, values, here)
        elif isinstance(value, tuple):
            arguments[name] = tuple(values.get((*here, place), element) for place, element in enumerate(value))
        else:
            arguments[name] = values.get(here, value)
    return schedule.lr_fn(**arguments)


def _values(schedule: Schedule, path: Path) -> Iterator[tuple[Path, str, Any, Any]]:
    """Path, function, annotation and value of all that is no schedule."""
    for name, value in schedule.arguments.items():
        annotation = schedule.lr_fn.annotations[name]
        if isinstance(value, Schedule):
            yield from _values(value, (*path, name))
        elif isinstance(value, tuple) and len(value) <= _LONGEST_ROW:
            for place, element in enumerate(value):
                yield (*path, name, place), schedule.lr_fn.name, annotation, element
        elif not isinstance(value, tuple):
            yield (*path, name), schedule.lr_fn.name, annotation, value


def _label(path: Path, name: str) -> str:
    return f"{name}.{path[-2]}[{path[-1]}]" if isinstance(path[-1], int) else f"{name}.{path[-1]}"


def _kind(annotation: Any) -> str:
    """What a number is of, so that one that is 0 can have the size of the others."""
    meaning = meaning_of(annotation)
    return "updates" if "updates" in meaning else meaning


def _knob(path: Path, label: str, annotation: Any, value: Any, highest: float) -> Knob | None:
    meaning = meaning_of(annotation)
    kinds = [kind.get("items", kind) for kind in kinds_of(annotation)]
    kinds = [each for kind in kinds for each in kind.get("anyOf", [kind])]
    choices = next((tuple(kind["enum"]) for kind in kinds if "enum" in kind), ())
    if choices or isinstance(value, bool | str):
        return Knob(path, label, value, choices, meaning=meaning)
    number = next((kind for kind in kinds if kind.get("type") in ("number", "integer")), None)
    if number is None or not _is_number(value):
        return None  # None, or a value of a kind of its own
    is_whole = number["type"] == "integer" or (isinstance(value, int) and abs(value) >= 10)
    is_whole = is_whole or (value == 0 and isinstance(value, int) and highest >= 10)
    low, high, step = _slider(number, float(value), highest, is_whole)
    return Knob(path, label, value, (), low, high, step, meaning)


def _slider(kind: Mapping[str, Any], value: float, highest: float, is_whole: bool) -> tuple[float, float, float]:
    """Ends and step of a slider."""
    lowest = kind.get("minimum", kind.get("exclusiveMinimum", -math.inf))
    limit = kind.get("maximum", kind.get("exclusiveMaximum", math.inf))
    high = 2.0 * (abs(value) or highest) or 1.0
    high = limit if limit <= max(2.0 * high, 1.0) else high
    low = max(lowest, -high)
    step = _round_number((high - low) / _PLACES)
    if is_whole:
        step = max(round(step), 1)
    if "exclusiveMinimum" in kind and low == kind["exclusiveMinimum"]:
        low += step
    if "exclusiveMaximum" in kind and high == kind["exclusiveMaximum"]:
        high -= step
    high = max(high, value, low + step)
    return (round(min(low, value)), round(high), round(step)) if is_whole else (min(low, value), high, step)


def _round_number(size: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above a size."""
    exponent = math.floor(math.log10(size))
    digit = next(digit for digit in (5, 2, 1) if digit * 10.0**exponent <= size * (1 + 1e-9))
    return float(f"{digit}e{exponent}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
