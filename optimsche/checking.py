"""The check of a parameter against its annotation, and the words of its refusal."""

from __future__ import annotations

import functools
import inspect
import math
import operator
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, ParamSpec, TypeVar

import annotated_types as at
from annotated_types import Ge, Gt, Le, Lt

from optimsche import libraries
from optimsche.call_errors import by_name, did_you_mean, shown
from optimsche.ranges import Meaning, ReadAs
from optimsche.reading import is_numeric_text

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class _Refused(Exception):
    """A value that an annotation does not admit: what is allowed, and whether its kind or its size is wrong."""

    def __init__(self, allowed: str, meaning: Meaning, *, wrong_kind: bool) -> None:
        self.allowed, self.meaning, self.wrong_kind = allowed, meaning, wrong_kind


def admit(call: str, name: str, annotation: Any, value: Any) -> Any:
    """`value` as a schedule stores it: a plain number, text, a tuple or a schedule, checked against `annotation`.

    NumPy scalars become Python numbers, lists become tuples, -0.0 becomes 0.0.

    Raises:
        TypeError: the value is of a kind that the parameter does not take.
        ValueError: its kind is right and its size is not.

    >>> from optimsche import Steps
    >>> admit("cosine", "steps", Steps, 100)
    100
    >>> admit("cosine", "steps", Steps, 0)
    Traceback (most recent call last):
    ValueError: cosine(steps=0): steps must be > 0 and finite (a length, in updates), got 0.
        Leave a piece of no length out; for no change use constant(value=...).
    """
    try:
        return _admit(annotation, value, Meaning(""))
    except _Refused as refused:
        value_text, meaning = shown(value), refused.meaning
        text = f"{call}({name}={value_text}): {name} must be {refused.allowed}"
        text += f" ({meaning.text})" if meaning.text else ""
        text += f", got {value_text}" + (f" ({type(value).__name__})." if refused.wrong_kind else ".")
        cure = _cure_for_kind(value, refused.allowed) if refused.wrong_kind else meaning.cure
        text += f"\n    {cure}" if cure else ""
        raise (TypeError if refused.wrong_kind else ValueError)(text) from None
    except (ValueError, TypeError) as error:  # of a function that reads it
        raise type(error)(f"{call}({name}={shown(value)}): {error}") from None


def _admit(annotation: Any, value: Any, meaning: Meaning) -> Any:
    value = _plain(value)
    if annotation is Any or annotation is None:
        return _admit_anything(value, meaning)
    origin, items = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _admit_annotated(items[0], items[1:], value, meaning)
    if origin is typing.Union or origin is types.UnionType:
        return _admit_one_of(items, value, meaning)
    if origin is Literal:
        if value not in items:
            of_their_kind = type(value) in map(type, items)
            meant = did_you_mean(value, filter(None, map(str, items))).removeprefix("; ")
            meaning = meaning._replace(cure=meant[:1].upper() + meant[1:])
            raise _Refused("one of " + ", ".join(map(repr, items)), meaning, wrong_kind=not of_their_kind)
        return value
    if origin in (tuple, list) or annotation in (tuple, list):
        return _admit_tuple(items, value, meaning)
    if annotation is type(None):
        if value is not None:
            raise _Refused("None", meaning, wrong_kind=True)
        return None
    if annotation is float or annotation is int:
        return _admit_number(annotation, value, meaning)
    if not isinstance(value, annotation):
        raise _Refused(f"a {annotation.__name__}", meaning, wrong_kind=True)
    return value


def _admit_annotated(base: Any, metadata: tuple[Any, ...], value: Any, meaning: Meaning) -> Any:
    meaning = next((item for item in metadata if isinstance(item, Meaning)), meaning)
    constraints = list(_constraints(metadata))
    for item in metadata:
        if isinstance(item, ReadAs):
            value = item.read(value)
    value = _admit(base, value, meaning)
    if not all(constraint.holds(value) for constraint in constraints):
        raise _Refused(_in_words(base, constraints), meaning, wrong_kind=False)
    return value


def _admit_number(kind: type, value: Any, meaning: Meaning) -> Any:
    allowed = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(allowed, meaning, wrong_kind=True)
    if not -sys.float_info.max <= value <= sys.float_info.max:
        raise _Refused("finite", Meaning(meaning.text), wrong_kind=False)
    if kind is int:
        if value != int(value):
            raise _Refused(allowed, meaning, wrong_kind=False)
        return int(value)
    if isinstance(value, int) and abs(value) <= 2**53:
        return int(value)
    return float(value) + 0.0  # -0.0 becomes 0.0; a whole number past 2**53 becomes what arithmetic would make of it


def _admit_one_of(options: tuple[Any, ...], value: Any, meaning: Meaning) -> Any:
    refusals = []
    for option in options:
        try:
            return _admit(option, value, meaning)
        except _Refused as refused:
            refusals.append(refused)
    right_kind = [refused for refused in refusals if not refused.wrong_kind]
    if len(right_kind) == 1:  # what this one says is what the value lacks
        raise right_kind[0]
    refusals = right_kind or refusals
    about = next((refused.meaning for refused in refusals if refused.meaning.text), meaning)
    raise _Refused(
        " or ".join(dict.fromkeys(refused.allowed for refused in refusals)), about, wrong_kind=not right_kind
    )


def _admit_tuple(items: tuple[Any, ...], value: Any, meaning: Meaning) -> Any:
    if not isinstance(value, tuple):
        raise _Refused("a tuple", meaning, wrong_kind=True)
    if not items:
        return _admit_anything(value, meaning)
    if len(items) == 1 or items[-1] is Ellipsis:  # list[X] or tuple[X, ...]
        items = items[:1] * len(value)
    if len(items) != len(value):
        raise _Refused(f"a tuple of {len(items)}", meaning, wrong_kind=False)
    return tuple(_admit(item, element, meaning) for item, element in zip(items, value, strict=True))


def _admit_anything(value: Any, meaning: Meaning) -> Any:
    """For a parameter without an annotation: whatever prints, compares and is written to JSON as itself."""
    if value is None or isinstance(value, bool | str) or getattr(value, "is_schedule", False):
        return value
    if isinstance(value, int | float):
        return _admit_number(float, value, meaning)
    if isinstance(value, tuple) and not any(getattr(element, "is_schedule", False) for element in value):
        return tuple(_admit_anything(_plain(element), meaning) for element in value)
    raise _Refused("a number, text, a tuple of these, or a schedule", meaning, wrong_kind=True)


def _plain(value: Any) -> Any:
    """NumPy's scalars and rows as Python's numbers and tuples, lists and ranges as tuples; anything else as it is.

    Text that is more than text, such as a member of an enumeration or NumPy's, is the text: it prints as such.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if libraries.is_numpy_scalar(value):
        return value.item()
    if libraries.is_numpy(value) and getattr(value, "ndim", 0) == 1:
        return tuple(value.tolist())
    return tuple(value) if type(value) in (list, range) else value


def _cure_for_kind(value: Any, allowed: str) -> str:
    if "Schedule" in allowed and isinstance(value, int | float):
        return f"A number is written as a schedule: constant(value={value!r})."
    if "tuple" in allowed and isinstance(value, int | float):
        return f"Write ({value!r},) for a single one."
    if hasattr(value, "shape") and hasattr(value, "dtype") and not libraries.is_numpy_scalar(value):
        return "A schedule holds plain numbers; arrays and tensors go through schedule.apply(real_step, epoch, params)."
    if isinstance(value, str) and is_numeric_text(value):
        return f"This is text; write {value} without quotes."
    return ""


class _Constraint(NamedTuple):
    holds: Callable[[Any], bool]
    words: str


def _constraints(metadata: Iterable[Any]) -> Iterator[_Constraint]:
    for item in metadata:
        match item:
            case Gt(gt=bound):
                yield _Constraint(partial(operator.lt, bound), _bound_in_words(">", bound))
            case Ge(ge=bound):
                yield _Constraint(partial(operator.le, bound), _bound_in_words(">=", bound))
            case Lt(lt=bound):
                yield _Constraint(partial(operator.gt, bound), _bound_in_words("<", bound))
            case Le(le=bound):
                yield _Constraint(partial(operator.ge, bound), _bound_in_words("<=", bound))
            case at.MinLen(min_length=shortest):
                yield _Constraint(partial(_is_as_long, shortest), f"of at least {shortest}")
            case at.Predicate(func=test):
                yield _Constraint(test, getattr(test, "__name__", "as its predicate says"))
            case at.GroupedMetadata():
                yield from _constraints(item)


def _is_as_long(shortest: int, value: Any) -> bool:
    return len(value) >= shortest


def _bound_in_words(sign: str, bound: Any) -> str:
    return "finite" if bound in (math.inf, -math.inf) else f"{sign} {bound}"


def _in_words(base: Any, constraints: list[_Constraint]) -> str:
    words = " and ".join(dict.fromkeys(constraint.words for constraint in constraints))
    kind = "a tuple " if typing.get_origin(base) is tuple else "a whole number " if base is int else ""
    return kind + words


def checked(call: str, function: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """`function`, its arguments checked and made plain first as those of an lr function are, in the same words.

    >>> from optimsche import Rate
    >>> def half(*, rate: Rate) -> float:
    ...     return rate / 2
    >>> checked("half", half)(rate=-1)
    Traceback (most recent call last):
    ValueError: half(rate=-1): rate must be >= 0 and finite (a learning rate), got -1.
    """
    annotations = typing.get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    parameters = {p.name: p.replace(annotation=annotations[p.name]) for p in signature.parameters.values()}

    @functools.wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        given = by_name(call, parameters, args, kwargs)
        values: dict[str, Any] = {name: admit(call, name, annotations[name], given[name]) for name in given}
        return function(**values)  # type: ignore[call-arg]

    return checking
