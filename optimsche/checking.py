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
from optimsche.evaluation.trace import Example
from optimsche.ranges import Meaning, ReadAs
from optimsche.reading import is_numeric_text, is_row, length_of, refuse_too_many, size_of
from optimsche.signatures import signature

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
        return _check_of(annotation)(value)
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


# ---------------------------------------------------------------------------------------------------------------------
# An annotation is read once, and becomes a function that gives back what is stored, or refuses
# ---------------------------------------------------------------------------------------------------------------------

_Check = Callable[[Any], Any]
_checks: dict[Any, _Check] = {}


def _check_of(annotation: Any) -> _Check:
    try:
        known = _checks.get(annotation)
    except TypeError:  # of somebody's own, with metadata that have no hash
        return _read(annotation, Meaning(""))
    if known is None:
        _checks[annotation] = known = _read(annotation, Meaning(""))
    return known


def _read(annotation: Any, meaning: Meaning) -> _Check:
    origin, items = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is None:
        return partial(_anything, meaning)
    if origin is Annotated:
        return _annotated(items[0], items[1:], meaning)
    if origin is typing.Union or origin is types.UnionType:
        return partial(_one_of, [_read(item, meaning) for item in items], meaning)
    if origin is Literal:
        return partial(_literal, items, meaning)
    if origin in (tuple, list) or annotation in (tuple, list):
        return _row(items, meaning)
    if annotation is type(None):
        return partial(_nothing, meaning)
    if annotation is float or annotation is int:
        return partial(_number, annotation, meaning)
    return partial(_instance, annotation, meaning)


def _annotated(base: Any, metadata: tuple[Any, ...], meaning: Meaning) -> _Check:
    meaning = next((item for item in metadata if isinstance(item, Meaning)), meaning)
    reads = [item.read for item in metadata if isinstance(item, ReadAs)]
    constraints = list(_constraints(metadata))
    inside, words = _read(base, meaning), _in_words(base, constraints)

    def check(value: Any) -> Any:
        for read in reads:
            value = read(value)
        value = inside(value)
        for holds, _ in constraints:
            if not holds(value):
                raise _Refused(words, meaning, wrong_kind=False)
        return value

    return check


def _number(kind: type, meaning: Meaning, value: Any) -> Any:
    value = _plain(value)
    allowed = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(allowed, meaning, wrong_kind=True)
    if not -sys.float_info.max <= value <= sys.float_info.max:
        raise _Refused("finite", Meaning(meaning.text), wrong_kind=False)
    if kind is int and type(value) is not Example:
        if value != int(value):
            raise _Refused(allowed, meaning, wrong_kind=False)
        return int(value)
    if isinstance(value, int) and abs(value) <= 2**53:
        return int(value)
    if type(value) is Example:
        return value
    return float(value) + 0.0  # -0.0 becomes 0.0; a whole number past 2**53 becomes what arithmetic would make of it


def _one_of(options: list[_Check], meaning: Meaning, value: Any) -> Any:
    refusals = []
    for option in options:
        try:
            return option(value)
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


def _row(items: tuple[Any, ...], meaning: Meaning) -> _Check:
    if not items:
        return partial(_any_row, meaning)
    if len(items) == 1 or items[-1] is Ellipsis:  # list[X] or tuple[X, ...]
        return partial(_uniform_row, items[0], _read(items[0], meaning), meaning)
    checks = [_read(item, meaning) for item in items]

    def check(value: Any) -> Any:
        value = _as_row(value, meaning)
        if len(checks) != len(value):
            raise _Refused(f"a tuple of {len(checks)}", meaning, wrong_kind=False)
        return tuple(each(element) for each, element in zip(checks, value, strict=True))

    return check


def _as_row(value: Any, meaning: Meaning) -> tuple[Any, ...]:
    value = _plain(value)
    if not isinstance(value, tuple):
        raise _Refused("a tuple", meaning, wrong_kind=True)
    return value


def _any_row(meaning: Meaning, value: Any) -> Any:
    return _anything(meaning, _as_row(value, meaning))


def _uniform_row(item: Any, check: _Check, meaning: Meaning, value: Any) -> Any:
    value = _as_row(value, meaning)
    if len(value) > _LONG and _is_a_range_of_floats(item) and {*map(type, value)} <= {int, float}:
        # A range holds for all if it does for the smallest and the largest.
        ends = min(value), max(value)
        no_nan = not any(map(operator.ne, value, value))
        if no_nan and ends[0] > 0 and ends[1] <= 2**53 and all(check(end) == end for end in ends):
            return value
    return tuple(map(check, value))


_LONG = 1_000


def _is_a_range_of_floats(annotation: Any) -> bool:
    if typing.get_origin(annotation) is not Annotated:
        return annotation is float
    base, *metadata = typing.get_args(annotation)
    return base is float and all(isinstance(item, Gt | Ge | Lt | Le | Meaning) for item in metadata)


def _anything(meaning: Meaning, value: Any) -> Any:
    """For a parameter without an annotation: whatever prints, compares and is written to JSON as itself."""
    if is_row(value):
        refuse_too_many(size_of(value).values)  # before all of them are read
    return _of_any_kind(meaning, value)


def _of_any_kind(meaning: Meaning, value: Any) -> Any:
    value = _plain(value)
    if value is None or isinstance(value, bool | str) or getattr(value, "is_schedule", False):
        return value
    if isinstance(value, int | float):
        return _number(float, meaning, value)
    if isinstance(value, tuple) and not any(getattr(element, "is_schedule", False) for element in value):
        return tuple(_of_any_kind(meaning, element) for element in value)
    raise _Refused("a number, text, a tuple of these, or a schedule", meaning, wrong_kind=True)


def _literal(items: tuple[Any, ...], meaning: Meaning, value: Any) -> Any:
    value = _plain(value)
    if value not in items:
        of_their_kind = type(value) in map(type, items)
        meant = did_you_mean(value, filter(None, map(str, items))).removeprefix("; ")
        meaning = meaning._replace(cure=meant[:1].upper() + meant[1:])
        raise _Refused("one of " + ", ".join(map(repr, items)), meaning, wrong_kind=not of_their_kind)
    return value


def _nothing(meaning: Meaning, value: Any) -> None:
    if value is not None:
        raise _Refused("None", meaning, wrong_kind=True)


def _instance(kind: type, meaning: Meaning, value: Any) -> Any:
    value = _plain(value)
    if not isinstance(value, kind):
        raise _Refused(f"a {kind.__name__}", meaning, wrong_kind=True)
    return value


def _plain(value: Any) -> Any:
    """NumPy's scalars and rows as Python's numbers and tuples, any sequence as a tuple; anything else as it is.

    Text that is more than text, such as a member of an enumeration or NumPy's, is the text: it prints as such.
    """
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if libraries.is_numpy_scalar(value):
        return value.item()
    if libraries.is_numpy(value) and getattr(value, "ndim", 0) == 1:
        return tuple(value.tolist())
    if type(value) is tuple or not is_row(value):
        return value
    refuse_too_many(length_of(value))
    return tuple(value)


def _cure_for_kind(value: Any, allowed: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if "Schedule" in allowed and is_number:
        return f"A number is written as a schedule: constant(value={value!r})."
    if "tuple" in allowed and is_number:
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
            case Meaning() | ReadAs():
                pass
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
            case at.MaxLen(max_length=longest):
                yield _Constraint(partial(_is_as_short, longest), f"of at most {longest}")
            case at.MultipleOf(multiple_of=unit):
                yield _Constraint(partial(_is_multiple, unit), f"a multiple of {unit}")
            case at.Predicate(func=test):
                yield _Constraint(test, getattr(test, "__name__", "as its predicate says"))
            case at.GroupedMetadata():
                yield from _constraints(item)


def _is_as_long(shortest: int, value: Any) -> bool:
    return len(value) >= shortest


def _is_as_short(longest: int, value: Any) -> bool:
    return len(value) <= longest


def _is_multiple(unit: Any, value: Any) -> bool:
    return bool(value / unit == round(value / unit))


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
    own = inspect.signature(function).parameters.values()
    parameters = {p.name: p.replace(annotation=annotations[p.name]) for p in own}

    @functools.wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        given = by_name(call, parameters, args, kwargs)
        values: dict[str, Any] = {name: admit(call, name, annotations[name], given[name]) for name in given}
        return function(**values)  # type: ignore[call-arg]

    checking.__annotations__ = annotations  # read once, here
    checking.__signature__ = signature(parameters.values(), annotations.get("return"))  # type: ignore[attr-defined]
    return checking
