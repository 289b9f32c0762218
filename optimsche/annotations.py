"""What the annotation of a parameter says: its meaning in words, and which kinds of value it takes."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from optimsche.ranges import Meaning


def meaning_of(annotation: Any) -> str:
    """The words that an annotation carries about its parameter, or an empty text.

    >>> from optimsche import Steps
    >>> meaning_of(Steps)
    'a length, in updates'
    """
    if typing.get_origin(annotation) is Annotated:
        return next((item.text for item in typing.get_args(annotation)[1:] if isinstance(item, Meaning)), "")
    return next((words for words in map(meaning_of, typing.get_args(annotation)) if words), "")


def is_storable(annotation: Any) -> bool:
    """Whether a schedule can hold the values that an annotation declares: they print, compare and are written to JSON.

    >>> from optimsche import Steps
    >>> is_storable(Steps | None), is_storable(dict[str, float])
    (True, False)
    """
    origin, items = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return all(isinstance(item, int | float | str | None) for item in items)
    if origin is Annotated:
        return is_storable(items[0])
    if origin in (typing.Union, types.UnionType):
        return all(map(is_storable, items))
    if origin in (tuple, list):
        return all(item is Ellipsis or (is_storable(item) and not _is_schedule(item)) for item in items)
    return annotation in (Any, None, type(None), float, int, bool, str, tuple, list) or _is_schedule(annotation)


def _is_schedule(annotation: Any) -> bool:
    return isinstance(annotation, type) and getattr(annotation, "is_schedule", False) is True


def is_real(annotation: Any) -> bool:
    """Whether an annotation declares a real number (or a row of them), so that a formula may rely on floats.

    >>> from optimsche import Count, Milestones, Steps
    >>> is_real(Steps | None), is_real(Milestones), is_real(Count)
    (True, True, False)
    """
    return annotation is float or any(is_real(item) for item in typing.get_args(annotation))


def takes_schedule(annotation: Any) -> bool:
    """Whether a parameter may be a schedule, so that text for it is an expression."""
    return _is_schedule(annotation) or any(map(takes_schedule, typing.get_args(annotation)))


def takes_text(annotation: Any) -> bool:
    """Whether text is a value that a parameter may have, and not a number that was read as text.

    >>> from optimsche import Steps
    >>> takes_text(Steps), takes_text(Literal["up", "down"])
    (False, True)
    """
    if annotation is Any or annotation is str or typing.get_origin(annotation) is Literal:
        return True
    return any(takes_text(item) for item in typing.get_args(annotation))


def annotations_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations of an lr function or a plan, by parameter; no text among them."""
    own: Mapping[str, Any] = getattr(function, "annotations", function.__annotations__)
    return own
