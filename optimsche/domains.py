"""The ranges that parameters may have, the check that enforces them, and the wording of errors.

A range stands in the annotation of a parameter, in the terms of ``annotated-types``::

    Steps = Annotated[float, Gt(0), Lt(math.inf), Meaning("a length, in updates")]

One place serves four readers: the person who reads the signature, the check when a schedule is built, the
configuration, and hypothesis, which draws valid parameters from it. Users' own lr functions may use these names or
their own ``Annotated`` types.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import operator
import sys
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar

import annotated_types as at
from annotated_types import Ge, Gt, Le, Lt

from optimsche import backends

__all__ = [
    "Closed",
    "Count",
    "Cycles",
    "Factor",
    "Fraction",
    "Growth",
    "Length",
    "Meaning",
    "Milestones",
    "Offset",
    "Points",
    "PositiveFactor",
    "Power",
    "Rate",
    "Rates",
    "Ratio",
    "Seed",
    "Share",
    "Steps",
]


P = ParamSpec("P")
ResultT = TypeVar("ResultT")
KindT = TypeVar("KindT")


class Meaning(NamedTuple):
    """What a parameter is, in a few words with its unit, and what to do instead of a value outside its range."""

    text: str
    cure: str = ""


_NO_LENGTH = "Leave a piece of no length out; for no change use constant(value=...)."

Rate: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a learning rate")]
Factor: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a factor on the rate")]
PositiveFactor: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on the rate")]
Fraction: TypeAlias = Annotated[
    float, Gt(0), Le(1), Meaning("what is left of the rate each time", "To grow, use geometric(start=, end=, steps=).")
]
Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Steps: TypeAlias = Annotated[
    float,
    Gt(0),
    Lt(math.inf),
    Meaning("a length, in updates", _NO_LENGTH),
]
Length: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a length, in updates; 0 for none")]
Offset: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a number of updates")]
Ratio: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on the length")]
Growth: TypeAlias = Annotated[float, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Count: TypeAlias = Annotated[int, Ge(1), Meaning("how many")]
Cycles: TypeAlias = Annotated[
    int, Ge(1), Le(10_000), Meaning("how many cycles", "For cycles without an end leave it out.")
]
Closed: TypeAlias = Literal["right", "left"]
Seed: TypeAlias = Annotated[int, Ge(0), Lt(2**32), Meaning("a seed")]
Share: TypeAlias = Annotated[float, Ge(0), Le(1), Meaning("a share of the rate")]
Milestones: TypeAlias = Annotated[tuple[Steps, ...], at.MinLen(1), Meaning("increasing numbers of updates")]
Points: TypeAlias = Annotated[tuple[Length, ...], at.MinLen(1), Meaning("increasing numbers of updates")]
Rates: TypeAlias = Annotated[tuple[Rate, ...], at.MinLen(1), Meaning("learning rates")]


class _Refused(Exception):
    """A value that an annotation does not admit: what is allowed, and whether its kind or its size is wrong."""

    def __init__(self, allowed: str, meaning: Meaning, *, wrong_kind: bool) -> None:
        self.allowed, self.meaning, self.wrong_kind = allowed, meaning, wrong_kind


def admit(call: str, name: str, annotation: Any, value: Any) -> Any:
    """``value`` as a schedule stores it: a plain number, text, a tuple or a schedule, checked against ``annotation``.

    NumPy scalars become Python numbers, lists become tuples, -0.0 becomes 0.0.

    Raises:
        TypeError: the value is of a kind that the parameter does not take.
        ValueError: its kind is right and its size is not.

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
        shown, meaning = backends.shown(value), refused.meaning
        text = f"{call}({name}={shown}): {name} must be {refused.allowed}"
        text += f" ({meaning.text})" if meaning.text else ""
        text += f", got {shown}" + (f" ({type(value).__name__})." if refused.wrong_kind else ".")
        cure = _cure_for_kind(value, refused.allowed) if refused.wrong_kind else meaning.cure
        text += f"\n    {cure}" if cure else ""
        raise (TypeError if refused.wrong_kind else ValueError)(text) from None


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
    if backends.is_numpy_scalar(value):
        return value.item()
    if backends.is_numpy(value) and getattr(value, "ndim", 0) == 1:
        return tuple(value.tolist())
    return tuple(value) if type(value) in (list, range) else value


def _cure_for_kind(value: Any, allowed: str) -> str:
    if "Schedule" in allowed and isinstance(value, int | float):
        return f"A number is written as a schedule: constant(value={value!r})."
    if "tuple" in allowed and isinstance(value, int | float):
        return f"Write ({value!r},) for a single one."
    if hasattr(value, "shape") and hasattr(value, "dtype") and not backends.is_numpy_scalar(value):
        return "A schedule holds plain numbers; arrays and tensors go through schedule.apply(real_step, epoch, params)."
    if isinstance(value, str) and is_numeric_text(value):
        return f"This is text; write {value} without quotes."
    return ""


# ---------------------------------------------------------------------------------------------------------------------
# Ranges
# ---------------------------------------------------------------------------------------------------------------------


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


def meaning_of(annotation: Any) -> str:
    """The words that an annotation carries about its parameter, or an empty text.

    >>> meaning_of(Steps)
    'a length, in updates'
    """
    if typing.get_origin(annotation) is Annotated:
        return next((item.text for item in typing.get_args(annotation)[1:] if isinstance(item, Meaning)), "")
    return next((words for words in map(meaning_of, typing.get_args(annotation)) if words), "")


def is_storable(annotation: Any) -> bool:
    """Whether a schedule can hold the values that an annotation declares: they print, compare and are written to JSON.

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

    >>> is_real(Steps | None), is_real(Milestones), is_real(Count)
    (True, True, False)
    """
    return annotation is float or any(is_real(item) for item in typing.get_args(annotation))


def takes_schedule(annotation: Any) -> bool:
    """Whether a parameter may be a schedule, so that text for it is an expression."""
    return _is_schedule(annotation) or any(map(takes_schedule, typing.get_args(annotation)))


def takes_text(annotation: Any) -> bool:
    """Whether text is a value that a parameter may have, and not a number that was read as text.

    >>> takes_text(Steps), takes_text(Literal["up", "down"])
    (False, True)
    """
    if annotation is Any or annotation is str or typing.get_origin(annotation) is Literal:
        return True
    return any(takes_text(item) for item in typing.get_args(annotation))


# ---------------------------------------------------------------------------------------------------------------------
# Functions whose parameters are checked by their annotations
# ---------------------------------------------------------------------------------------------------------------------


def checked(call: str, function: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """``function``, its arguments checked and made plain first as those of an lr function are, in the same words.

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


def explained(function: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """``function``, that answers a call with wrong names in the words of an lr function. A right one goes straight on.

    >>> @explained
    ... def train(*, grad_clip: float) -> None: ...
    >>> train(max_grad_norm=1.0)
    Traceback (most recent call last):
    TypeError: train() has no parameter 'max_grad_norm'; here that is 'grad_clip'
    """

    @functools.wraps(function)
    def calling(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # it comes from inside
            refused = error
        _explain(function, args, kwargs)
        raise refused

    return calling


def explained_methods(kind: type[KindT]) -> type[KindT]:
    """A class whose public methods, and whose construction, are :func:`explained`."""
    for name, method in list(vars(kind).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(method, classmethod):
            setattr(kind, name, classmethod(explained(method.__func__)))
        elif inspect.isfunction(method):
            setattr(kind, name, explained(method))
    return kind


def _explain(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    try:
        annotations = typing.get_type_hints(function, include_extras=True)
    except NameError:  # a name that is there for type checkers only
        annotations = {}
    signature = inspect.signature(function)
    parameters = {n: p.replace(annotation=annotations.get(n, p.annotation)) for n, p in signature.parameters.items()}
    if next(iter(parameters), "") in ("self", "cls"):
        del parameters[next(iter(parameters))]
        args = args[1:]
    by_name(function.__qualname__.removesuffix(".__init__").removeprefix("Schedule."), parameters, args, kwargs)


# ---------------------------------------------------------------------------------------------------------------------
# Names and numbers as people write them
# ---------------------------------------------------------------------------------------------------------------------


def by_name(
    call: str, parameters: Mapping[str, inspect.Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, defaults filled in; the first parameters may be given by position.

    Raises:
        TypeError: an unknown name, one that is missing, or one that is given twice.
    """
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if len(args) > len(positional):
        most = f"at most {len(positional)} parameters by position" if positional else "its parameters by name"
        more = _BY_POSITION.get(call, "")
        raise TypeError(f"{call}() takes {most}: write {call}({', '.join(f'{name}=...' for name in parameters)}){more}")
    given = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name not in parameters:
            free = [other for other in parameters if other not in given and other not in kwargs]
            hint = _called_here(name, value, free) or did_you_mean(name, free)
            hint = hint or f"; it takes {', '.join(parameters) or 'none'}"
            raise TypeError(f"{call}() has no parameter {name!r}{hint}")
        if name in given:
            raise TypeError(f"{call}() got {name!r} twice, by position and by name")
        given[name] = value
    missing = [p for p in parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        words = [f"{p.name}= ({meaning_of(p.annotation) or 'a value'})" for p in missing]
        raise TypeError(f"{call}() needs {' and '.join(words)}")
    return {name: given.get(name, p.default) for name, p in parameters.items()}


_PICTURE = "plot(...).figure.savefig('curve.png') saves the picture"
# What to say of arguments by position that a function does not take.
_BY_POSITION = {
    "plot": f". Several schedules are one list, plot([a, b]), and {_PICTURE}",
    "sequence": ". The schedules are one list: sequence([a, b, c])",
}

# What other libraries call a parameter, and what it may be called here.
_ELSEWHERE = {
    "T_0": ("cycle_steps", "every"),
    "T_max": ("steps", "total_steps"),
    "T_mult": ("stretch",),
    "base_lr": ("floor", "start"),
    "decay_rate": ("factor",),
    "decay_steps": ("steps",),
    "end_value": ("end", "floor"),
    "epoch": ("epoch_num",),
    "eta_min": ("end", "floor"),
    "final": ("end", "floor"),
    "final_lr": ("end", "floor"),
    "gamma": ("factor", "scale"),
    "init_value": ("start", "value"),
    "lr": ("peak", "start", "value"),
    "max": ("ceiling",),
    "max_lr": ("peak",),
    "milestones": ("at",),
    "min": ("floor",),
    "min_lr": ("end", "floor"),
    "num_training_steps": ("total_steps", "steps"),
    "num_warmup_steps": ("warmup_steps", "steps"),
    "peak_value": ("peak",),
    "step_size": ("every",),
    "stop": ("end", "floor"),
    "total_iters": ("steps",),
    "transition_steps": ("steps", "every"),
    "warmup_steps": ("steps",),
    **dict.fromkeys(("accumulate_grad_batches", "gradient_accumulation_steps", "accumulation_steps"), ("accum_grad",)),
    **dict.fromkeys(("max_grad_norm", "gradient_clip_val", "clip_grad_norm", "max_norm"), ("grad_clip",)),
    **dict.fromkeys(("amp", "autocast", "bf16", "fp16", "mixed_precision", "precision"), ("use_amp",)),
    **dict.fromkeys(("lr_schedule", "lr_scheduler", "scheduler"), ("schedule",)),
}
# Parts of a run, which are numbers of updates here.
_PARTS_OF_A_RUN = {"pct_start": "warmup_steps", "warmup_fraction": "warmup_steps", "warmup_ratio": "warmup_steps"}
# What has no name of its own here.
_IN_WORDS = {
    "stable_steps": "the stable part is what the others leave of total_steps",
    "label": "for labels, give a mapping: plot({'a': a, 'b': b})",
    "yscale": "log=True makes the vertical axis logarithmic",
    **dict.fromkeys(
        ("color", "grid", "linewidth", "title", "xlabel", "ylabel"), "set it on the axes that this returns"
    ),
    **dict.fromkeys(("dpi", "figsize", "fig", "figure"), "make the axes yourself, and give them as ax="),
    **dict.fromkeys(("file", "filename", "path", "save", "savefig"), _PICTURE),
}


def _called_here(name: str, value: Any, free: Sequence[str]) -> str:
    """What to write for another library's name, of the parameters that are not given yet."""
    part = _PARTS_OF_A_RUN.get(name)
    if part in free:
        return f"; here that is {part!r}, in updates: {part}=round({backends.shown(value)} * total_steps)"
    here = next((other for other in _ELSEWHERE.get(name, ()) if other in free), None)
    return f"; here that is {here!r}" if here else f"; {_IN_WORDS[name]}" if name in _IN_WORDS else ""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``"; did you mean 'steps'?"`` if one of ``known`` is close to ``name``, otherwise an empty text.

    >>> did_you_mean("step", ["start", "end", "steps"])
    "; did you mean 'steps'?"
    """
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: object, known: Iterable[str]) -> str | None:
    """The one of ``known`` that looks most like ``name``, if any does.

    >>> closest("step", ["start", "end", "steps"])
    'steps'
    """
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(str(name), list(known), n=1)), None)


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


def is_numeric_text(text: str) -> bool:
    """Whether ``text`` is a finite number as Python writes it: ``3e-4``, ``9_000``."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def numbers_from_text(value: Any) -> Any:
    """``value`` with every numeric text in it as the number: YAML reads ``3e-4`` as text.

    >>> numbers_from_text({"lr": "3e-4", "steps": "9_000", "name": "adam", "betas": ["0.9", 0.95]})
    {'lr': 0.0003, 'steps': 9000, 'name': 'adam', 'betas': [0.9, 0.95]}
    """
    if isinstance(value, str) and is_numeric_text(value):
        return int(value) if value.strip("+- ").replace("_", "").isdecimal() else float(value)
    if isinstance(value, Mapping):
        return {key: numbers_from_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(numbers_from_text(item) for item in value)
    return value
