"""Schedules as text and as plain data, in both directions.

`parse` reads what `repr` prints and what a person would type into a shell or a YAML file. It evaluates nothing:
it walks Python's own syntax tree and knows numbers, names of lr functions and plans, methods, `>>`, `*`, `/`, `+` and
`-`.
`to_dict` and `from_dict` do the same with nested dictionaries, for JSON and YAML.

A tool for configurations may hand over either, or what it has read already: both functions take all of it.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import inspect
import io
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optimsche import combinators
from optimsche.annotations import annotations_of, takes_schedule, takes_text
from optimsche.call_errors import did_you_mean, shown
from optimsche.lr_fn import Shape
from optimsche.names import lookup
from optimsche.reading import (
    DEEPEST,
    MOST_VALUES,
    is_mapping,
    is_numeric_text,
    is_row,
    numbers_from_text,
    size_of,
    syntax_tree,
)
from optimsche.schedule import Schedule

# Far above what a person writes, far below what could exhaust the stack or the memory.
_LONGEST_TEXT = 1_000_000
_MOST_VALUES, _MOST_SCHEDULES = MOST_VALUES, 50_000
_METHODS = (*combinators.__all__, "sequence", "replace")


# ---------------------------------------------------------------------------------------------------------------------
# Text
# ---------------------------------------------------------------------------------------------------------------------


def parse(text: str | Mapping[str, Any] | Schedule) -> Schedule:
    """Read a schedule from text.

    Args:
        text: an expression of lr functions and plans by name, their methods, `>>`, `*`, `/`, `+`, `-` and numbers. A
            mapping, also as text, is read as by `from_dict`, and a schedule is itself: so `type=parse` is enough for
            argparse and jsonargparse, whatever a configuration has there.

    Returns:
        The schedule; `parse(repr(schedule)) == schedule`.

    Raises:
        ValueError: the text is not such an expression; the message points at the character.
        TypeError: not text, or a parameter is of the wrong kind.

    >>> parse("warmup(cosine(start=3e-4, steps=9_000), steps=1_000)")
    warmup(cosine(start=0.0003, end=0.0, steps=9000), steps=1000, start=0.0)
    >>> parse("0.5 * linear(steps=100) >> constant(value=0.0)")(50)
    0.25
    >>> parse("cosin(steps=9)")
    Traceback (most recent call last):
    ValueError: parse: at character 1 of 'cosin(steps=9)': unknown lr function or plan 'cosin'; did you mean 'cosine'?
    """
    with _shown_by_argparse():
        if isinstance(text, str):
            return _from_text(text)
        if isinstance(text, Schedule) or is_mapping(text):
            return from_dict(text)
        raise TypeError(f"parse takes text, a mapping or a schedule, got {shown(text)} ({type(text).__name__})")


def _from_text(text: str) -> Schedule:
    value = _value_of_text(text)
    if isinstance(value, Shape):
        raise TypeError(f"parse: {value.needs_a_length()}")
    return value


def _value_of_text(text: str) -> Schedule | Shape:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"parse: the text has {len(text)} characters; at most {_LONGEST_TEXT} are read")
    if not text.strip():
        raise ValueError("parse: the text is empty, which is not an expression")
    if "\0" in text:  # Python's parser says it in another way in each version, and never where
        where = f"at character {text.index(chr(0)) + 1} of {_shortened(text)}"
        raise ValueError(f"parse: {where}: this is not an expression: it has a null character")
    with _collector_paused():
        value = _read(text)
    if isinstance(value, dict):  # the other form, on a command line
        return from_dict(value)
    if not isinstance(value, Schedule | Shape):
        raise ValueError(f"parse: {_shortened(text)} is a {type(value).__name__}, not a schedule")
    return value


@contextlib.contextmanager
def _shown_by_argparse() -> Iterator[None]:
    """Errors as argparse shows them: of any other it keeps the words to itself ("invalid parse value")."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if "argparse" not in sys.modules:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise _kind_for_argparse(kind)(str(error)) from None


@functools.cache
def _kind_for_argparse(kind: type[Exception]) -> Callable[[str], Exception]:
    """`kind` as argparse knows it, too. It prints and pickles as `kind`."""
    from argparse import ArgumentTypeError

    members = {"__module__": kind.__module__, "__reduce__": lambda error: (kind, error.args)}
    bases: Any = kind, ArgumentTypeError
    made: Callable[[str], Exception] = type(kind.__name__, bases, members)
    return made


def _read(text: str) -> Any:
    try:
        tree = syntax_tree(text)
    except SyntaxError as error:
        where = f"at character {_character(text, error)} of {_shortened(text)}"
        raise ValueError(f"parse: {where}: this is not an expression: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError(f"parse: {_shortened(text)} is not an expression: nested too deeply, or no text") from None
    return _Reader(text).read(tree, depth=0)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """A tree of a hundred thousand nodes has no cycles, and the collector would look at all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _character(text: str, error: SyntaxError) -> int:
    """The place in the text where Python's parser stopped; the text stands on the second line of what it was given."""
    if error.lineno == 1:  # the bracket before the text: what it lacks, it lacks at its end
        return len(text) + 1
    before = _lines(text)[: max((error.lineno or 2) - 2, 0)]
    return min(sum(map(len, before)) + max(error.offset or 1, 1), len(text) + 1)


def _lines(text: str) -> list[str]:
    """The lines as Python's parser counts them: a form feed, say, ends none, though it does for `str.splitlines`."""
    return list(io.StringIO(text, newline=""))


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Mult: operator.mul,
    ast.RShift: operator.rshift,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Div: operator.truediv,
}


class _Reader:
    """Walks a syntax tree; refuses every node that is not on its list."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, node: ast.expr, depth: int) -> Any:
        if depth > DEEPEST:
            raise self._error(node, f"nested more than {DEEPEST} deep")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return value
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return tuple(self.read(element, depth + 1) for element in elements)
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return self._mapping(keys, values, depth + 1)  # type: ignore[arg-type]  # None is not among them
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self._number(operand, depth)
                return -number if isinstance(sign, ast.USub) else number
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                return self._combine(node, sign, self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(node, self._named(node.func, name), depth)
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="peers") | ast.Attribute(attr="peers")))
            ):
                raise self._error(node, _OF_PEERS)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return self._call(node, self._method(node, self.read(owner, depth + 1), name), depth)
            case ast.Name(id=name):
                parameters = ", ".join(f"{p}=..." for p in inspect.signature(self._named(node, name)).parameters)
                raise self._error(node, f"{name} needs its parameters: {name}({parameters})")
        raise self._error(
            node,
            f"{self._text_from(node)[:40]!r} has no place in a schedule; known are numbers, "
            "lr functions and plans by name, their methods, >>, *, /, + and -",
        )

    def _mapping(self, keys: list[ast.expr], values: list[ast.expr], depth: int) -> dict[Any, Any]:
        read: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            name = self.read(key, depth)
            if not isinstance(name, str | int | float):
                raise self._error(key, f"the key of a mapping is text or a number, got {shown(name)}")
            if name in read:
                raise self._error(key, f"{name!r} is given twice")
            read[name] = self.read(value, depth)
        return read

    def _named(self, node: ast.expr, name: str) -> Callable[..., Schedule]:
        try:
            return lookup(name)
        except ValueError as error:
            raise self._error(node, str(error)) from None

    def _method(self, node: ast.expr, owner: Any, name: str) -> Callable[..., Schedule]:
        if not isinstance(owner, Schedule):
            raise self._error(node, f"only a schedule has methods, and {shown(owner)} is none")
        if name not in _METHODS:
            hint = did_you_mean(name, _METHODS)
            raise self._error(node, f"a schedule has no method {name!r}{hint}")
        return getattr(owner, name)  # type: ignore[no-any-return]

    def _call(self, node: ast.Call, function: Callable[..., Schedule], depth: int) -> Schedule:
        if any(keyword.arg is None for keyword in node.keywords):
            raise self._error(node, "** has no place in a schedule")
        args = [self.read(argument, depth + 1) for argument in node.args]
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg in kwargs:
                raise self._error(keyword, f"{keyword.arg!r} is given twice")
            kwargs[str(keyword.arg)] = self.read(keyword.value, depth + 1)
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            raise type(error)(self._place(node) + str(error)) from None

    def _number(self, node: ast.expr, depth: int) -> Any:
        value = self.read(node, depth + 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(node, f"a sign stands before a number, not before {shown(value)}")
        return value

    def _combine(self, node: ast.expr, sign: ast.operator, left: Any, right: Any) -> Any:
        allowed = {
            (True, True): ast.RShift | ast.Mult | ast.Add | ast.Sub,
            (True, False): ast.Mult | ast.Div | ast.Add | ast.Sub,
            (False, True): ast.Mult | ast.Add | ast.Sub,
        }
        schedules = isinstance(left, Schedule), isinstance(right, Schedule)
        numbers = all(
            isinstance(value, int | float | Schedule) and value is not True and value is not False
            for value in (left, right)
        )
        if not numbers or not isinstance(sign, allowed.get(schedules, ast.Mult | ast.Add | ast.Sub | ast.Div)):
            raise self._error(node, "schedules take >> * + -, with a number * / + -; numbers take + - * /")
        try:
            made = _OPERATORS[type(sign)](left, right)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise self._error(node, str(error)) from None
        if type(made) is int and not -sys.float_info.max <= made <= sys.float_info.max:
            # The product with more of its kind would take long.
            raise self._error(node, f"{shown(made)} is too large a number")
        return made

    def _error(self, node: ast.expr | ast.keyword, message: str) -> ValueError:
        return ValueError(self._place(node) + message)

    def _place(self, node: ast.expr | ast.keyword) -> str:
        character = len(self.text) - len(self._text_from(node)) + 1
        return f"parse: at character {character} of {_shortened(self.text)}: "

    def _text_from(self, node: ast.expr | ast.keyword) -> str:
        """The text from where a node begins."""
        lines = _lines(self.text)[node.lineno - 2 :]
        return lines[0].encode()[node.col_offset :].decode() + "".join(lines[1:])


# ---------------------------------------------------------------------------------------------------------------------
# Plain data
# ---------------------------------------------------------------------------------------------------------------------


def to_dict(schedule: Schedule) -> dict[str, Any]:
    """The schedule as nested dictionaries of numbers, text and lists, for JSON and YAML.

    >>> from optimsche import cosine
    >>> to_dict(cosine(start=0.1, steps=100).warmup(10))
    {'warmup': {'schedule': {'cosine': {'start': 0.1, 'end': 0.0, 'steps': 100}}, 'steps': 10, 'start': 0.0}}
    """
    return {schedule.lr_fn.name: {name: _to_data(value) for name, value in schedule.arguments.items()}}


def _to_data(value: Any) -> Any:
    if isinstance(value, Schedule):
        return to_dict(value)
    return [_to_data(element) for element in value] if isinstance(value, tuple) else value


def from_dict(data: Mapping[str, Any] | str | Schedule) -> Schedule:
    """Build a schedule from what `to_dict` gives, or from the same form written by hand.

    Args:
        data: `{name: {parameter: value, ...}}` with the name of an lr function or a plan. A schedule inside it is
            such a mapping, or text for `parse`. Where a number is declared, one written as text counts as that
            number, because YAML reads `3e-4` as text. Hydra's form is taken as well, `{"_target_": "optimsche.cosine",
            "steps": 9_000}`, and jsonargparse's, `{"class_path": "optimsche.cosine", "init_args": {"steps": 9_000}}`.
            Mappings and sequences may be of any kind, such as OmegaConf's. Text is read as by `parse`, and a schedule
            is itself.

    Returns:
        The schedule; `from_dict(to_dict(schedule)) == schedule`.

    Raises:
        ValueError, TypeError: the form is not this one, or a parameter is refused; the message names the path.

    >>> from_dict({"cosine": {"start": "3e-4", "steps": 9_000}})
    cosine(start=0.0003, end=0.0, steps=9000)
    >>> from_dict({"then": {"first": {"constant": {"steps": 10}}, "second": {"cosin": {"steps": 5}}}})
    Traceback (most recent call last):
    ValueError: from_dict: at then.second: unknown lr function or plan 'cosin'; did you mean 'cosine'?
    """
    if isinstance(data, Schedule):
        return data
    with _shown_by_argparse():
        if isinstance(data, str):
            return _from_text(data)
        if is_mapping(data):
            _refuse_too_much(data)
        return _from_data(data, path=(), depth=0, built={})


def _refuse_too_much(data: Any) -> None:
    """Count every element before anything is built: aliases in a YAML file make a short text a huge tree."""
    try:
        values, schedules = size_of(data)
    except ValueError as error:
        raise ValueError(f"from_dict: {error}") from None
    if values > _MOST_VALUES or schedules > _MOST_SCHEDULES:
        raise ValueError(f"from_dict: more than {_MOST_VALUES:,} values, or {_MOST_SCHEDULES:,} schedules, in one")


def _from_data(data: Any, path: tuple[str, ...], depth: int, built: dict[int, tuple[Any, Schedule]]) -> Schedule:
    if id(data) in built:  # an alias
        return built[id(data)][1]
    if depth > DEEPEST:
        raise ValueError(f"from_dict: nested more than {DEEPEST} deep")
    name, parameters = _name_and_parameters(data, path)
    try:
        build = _target(name) if _TARGET in data or _CLASS_PATH in data else lookup(name)
    except (ValueError, TypeError) as error:
        raise _at(path, error) from None
    path = (*path, str(name))
    parameters = {} if parameters is None else parameters
    if not is_mapping(parameters):
        raise _at(path, TypeError(f"parameters are given by name, {{name: value}}, got {shown(parameters)}"))
    annotations = annotations_of(build)
    values = {
        str(key): _value(annotations.get(str(key)), value, (*path, str(key)), depth, built)
        for key, value in parameters.items()
    }
    try:
        made: Schedule = build(**values)
    except (ValueError, TypeError) as error:
        raise _at(path, error) from None
    built[id(data)] = data, made  # held, so that nothing else takes its id
    return made


# Hydra's name for what is built; and what says how it hands containers over, which are all the same here.
_TARGET, _HOW_TO_CONVERT = "_target_", ("_convert_", "_recursive_")
# jsonargparse's.
_CLASS_PATH, _INIT_ARGS = "class_path", "init_args"
_OF_PEERS = "other systems' schedules are built in Python; store the repr of it"


def _name_and_parameters(data: Any, path: tuple[str, ...]) -> tuple[Any, Any]:
    if is_mapping(data) and _TARGET in data:
        parameters = {key: value for key, value in data.items() if key not in (_TARGET, *_HOW_TO_CONVERT)}
        return data[_TARGET], parameters
    if is_mapping(data) and _CLASS_PATH in data and {*data} <= {_CLASS_PATH, _INIT_ARGS}:
        return data[_CLASS_PATH], data.get(_INIT_ARGS)
    if is_mapping(data) and len(data) == 1:
        return next(iter(data.items()))
    form = "a schedule is one name with its parameters, {name: {...}}"
    raise _at(path, TypeError(f"{form}, got {shown(data)}{_instead_of(data)}"))


def _target(path: Any) -> Callable[..., Schedule]:
    """The function that Python would find at `path`: one of the library's, or one of a user's own in its module."""
    if str(path).startswith("optimsche.peers."):
        raise ValueError(f"{shown(path)}: {_OF_PEERS}")
    name = str(path).rpartition(".")[2]
    build = lookup(name)
    if path not in (f"optimsche.{name}", f"{build.__module__}.{name}"):
        raise ValueError(f"{shown(path)} is no lr function or plan; write optimsche.{name}")
    return build


def _instead_of(data: object) -> str:
    """What to write instead of data that have not the form of a schedule."""
    if is_mapping(data) and isinstance(data.get("name"), str):
        others = {key: value for key, value in data.items() if key != "name"}
        return f". Write {shown({data['name']: others})}"
    return ""


def _value(
    annotation: Any, value: Any, path: tuple[str, ...], depth: int, built: dict[int, tuple[Any, Schedule]]
) -> Any:
    may_be_schedule = takes_schedule(annotation)
    if is_mapping(value) and (may_be_schedule or annotation is None):
        return _from_data(value, path, depth + 1, built)
    if is_row(value) and may_be_schedule:
        return [_value(annotation, each, (*path, str(place)), depth, built) for place, each in enumerate(value)]
    if takes_text(annotation):
        return value
    if isinstance(value, str) and may_be_schedule and not is_numeric_text(value):
        try:
            return _value_of_text(value)
        except (ValueError, TypeError) as error:
            raise _at(path, error) from None
    return numbers_from_text(value)


def _at(path: tuple[str, ...], error: Exception) -> Exception:
    where = f"at {'.'.join(path)}: " if path else ""
    return type(error)(f"from_dict: {where}{error}")
