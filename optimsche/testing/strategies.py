"""Hypothesis strategies for schedules: drawn from the signatures of the lr functions, whoever wrote them."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from optimsche import call_errors, checking
from optimsche.annotations import is_real, takes_schedule
from optimsche.combinators import running_product, warp
from optimsche.lr_fn import LrFn
from optimsche.lr_fns import growth
from optimsche.names import known
from optimsche.schedule import Schedule
from optimsche.testing import numbers
from optimsche.testing.subjects import Subject, Tested, subject_of, subjects_of

# Parameters that must fit each other are drawn again until `resolve` takes them, but not for ever.
_TRIES = 12
# Laws look at the first boundaries of every schedule.
_BOUNDARIES = 20
_DEEPEST = 8
# A call late in a run goes through all updates before it.
_SLOW = frozenset({running_product})
# Not inside what `params` draws: with these in it, no combinator could keep the laws.
_ROUGH = frozenset({running_product, warp, growth})

Draw = Callable[[st.SearchStrategy[Any]], Any]
Inner = Callable[[Draw], Schedule]


def params(
    lr_fn: LrFn[...] | Callable[..., Schedule], **given: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of one lr function, by name, such that ``lr_fn(**params)`` is a schedule.

    They are drawn from the ranges in the signature. Lists that must increase, numbers of values that must match, and
    whatever else the function's ``resolve`` asks for are found by trying; parameters with a default are left out now
    and then; inner schedules are the library's own, two deep, but for those that ask more of their clock than the
    laws allow (``running_product`` takes no tensors, ``warp`` magnifies the last bit of its clock, a product of two
    ``growth`` is past the largest number).

    Args:
        lr_fn: an lr function, also one of your own, or a function that returns a schedule.
        given: strategies for parameters whose annotation does not say enough, by name.

    Returns:
        A strategy of dictionaries.

    Raises:
        TypeError: neither of these, a strategy for a parameter that it does not have, or a parameter of which nothing
            says what to draw.

    >>> from hypothesis import given
    >>> from optimsche import piecewise_linear
    >>> @given(params(piecewise_linear))
    ... def test_as_many_values_as_points(drawn):
    ...     assert len(drawn["values"]) == len(drawn["at"])
    >>> test_as_many_values_as_points()
    """
    subject = subject_of(lr_fn, "params")
    for name, strategy in given.items():
        if name not in subject.__signature__.parameters:
            hint = call_errors.did_you_mean(name, subject.__signature__.parameters)
            raise TypeError(f"params: {subject.name} has no parameter {name!r}{hint}")
        if not isinstance(strategy, st.SearchStrategy):
            raise TypeError(
                f"params({name}={strategy!r}): {name} must be a strategy, "
                f"such as hypothesis.strategies.just({strategy!r})"
            )
    _check_drawable(subject, given)
    simple = _Forest([f for f in lr_fns_drawn() if f.is_built_in and f not in _ROUGH])
    return _params(subject, given, lambda draw: simple.tree(draw, 2))


@st.composite
def _params(draw: Draw, lr_fn: Subject, given: Mapping[str, st.SearchStrategy[Any]], inner: Inner) -> dict[str, Any]:
    arguments, made = _accepted(draw, lr_fn, given, inner)
    _reject_without_boundaries(made)
    return arguments


def schedules(lr_fns: Tested | Iterable[Tested] | None = None, *, depth: int = 4) -> st.SearchStrategy[Schedule]:
    """Any schedule: every lr function that is known, users' own included, nested up to ``depth`` deep.

    ``running_product`` is drawn only where it is among ``lr_fns``: its call late in a run takes long, and clocks past
    10,000,000 are refused. A segment always says where it starts.

    Args:
        lr_fns: what to draw from: lr functions, plans, functions that return one, or one of these alone. By default
            all lr functions but ``running_product`` that are known when an example is drawn.
        depth: the deepest nesting, from 1 (shapes alone) to 8.

    Returns:
        A strategy of schedules.

    Raises:
        ValueError: ``depth`` is out of range, or every one of ``lr_fns`` needs a schedule inside it.
        TypeError: one of ``lr_fns`` is none of these, or has a parameter of which nothing says what to draw.

    >>> from hypothesis import given
    >>> from optimsche import parse
    >>> @given(schedules())
    ... def test_text(schedule):
    ...     assert parse(repr(schedule)) == schedule
    >>> test_text()
    """
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= _DEEPEST:
        raise ValueError(f"schedules(depth={depth!r}): depth must be a whole number from 1 to {_DEEPEST}")
    if lr_fns is None:
        return _schedules(None, depth)
    chosen = subjects_of(lr_fns, "schedules")
    for subject in chosen:
        _check_drawable(subject, {})
    return _schedules(_Forest(chosen), depth)


@st.composite
def _schedules(draw: Draw, forest: _Forest | None, depth: int) -> Schedule:
    if forest is None:
        forest = _Forest(lr_fns_drawn())
    made = forest.tree(draw, depth)
    _reject_without_boundaries(made)
    return made


def _reject_without_boundaries(made: Schedule) -> None:
    """Leave out what no law could look at: a shift may cut off more boundaries than are looked through."""
    try:
        made.boundaries(most=_BOUNDARIES)
    except ValueError:
        reject()


def lr_fns_drawn() -> list[LrFn[...]]:
    """The functions that :func:`schedules` draws from by default: all that are known, but those that are slow."""
    return [f for f in known().values() if isinstance(f, LrFn) and f not in _SLOW]


class _Forest:
    """Lr functions to draw trees of: leaves, and those that need schedules inside."""

    def __init__(self, lr_fns: Iterable[Subject]) -> None:
        # Simple ones first: hypothesis shrinks towards the first.
        lr_fns = sorted(lr_fns, key=lambda f: (f.name != "constant", not f.is_built_in, f.name))
        self.leaves = [f for f in lr_fns if not needs_schedule(f)]
        self.branches = [f for f in lr_fns if needs_schedule(f)]
        if not self.leaves:
            names = ", ".join(f.name for f in self.branches) or "none"
            raise ValueError(f"schedules: a tree needs a shape at its ends, and lr_fns has none: {names}")
        # Three branches to a leaf: a tree is then about as wide below as above, and reaches its depth.
        leaves, branches = st.sampled_from(self.leaves), st.sampled_from(self.branches or self.leaves)
        self._any = st.one_of(leaves, branches, branches, branches)
        self._leaf = leaves

    def tree(self, draw: Draw, depth: int) -> Schedule:
        lr_fn = draw(self._leaf if depth <= 1 else self._any)
        return _accepted(draw, lr_fn, {}, lambda again: self.tree(again, depth - 1))[1]


def needs_schedule(lr_fn: Subject) -> bool:
    """Whether a schedule of this function cannot be without another inside it."""
    needed = [p.name for p in lr_fn.__signature__.parameters.values() if p.default is p.empty]
    annotations = [lr_fn.annotations.get(name) for name in needed]
    return any(takes_schedule(annotation) and not is_real(annotation) for annotation in annotations)


def _check_drawable(lr_fn: Subject, given: Mapping[str, st.SearchStrategy[Any]]) -> None:
    for name, parameter in lr_fn.__signature__.parameters.items():
        if parameter.default is parameter.empty and name not in lr_fn.annotations and name not in given:
            raise TypeError(
                f"nothing says what to draw for the parameter {name!r} of {lr_fn.name}: give it an annotation, such as "
                f"{name}: Rate or {name}: Steps, or a strategy: check_laws({lr_fn.name}, {name}=st.integers(1, 100))"
            )


def _accepted(
    draw: Draw, lr_fn: Subject, given: Mapping[str, st.SearchStrategy[Any]], inner: Inner
) -> tuple[dict[str, Any], Schedule]:
    """Parameters that the function takes, and the schedule that they make."""
    for _ in range(_TRIES):
        arguments = _arguments(draw, lr_fn, given, inner)
        try:
            return arguments, lr_fn(**arguments)
        except (ValueError, call_errors.DoNotFit):
            continue
    reject()


def _arguments(draw: Draw, lr_fn: Subject, given: Mapping[str, st.SearchStrategy[Any]], inner: Inner) -> dict[str, Any]:
    drawing = _Drawing(draw, inner)
    arguments = {}
    for name, parameter in lr_fn.__signature__.parameters.items():
        # What a segment starts from is always said: a piece that begins with another's end cannot leave it open.
        may_be_left_out = parameter.default is not parameter.empty and not (lr_fn.is_segment and name == "start")
        if may_be_left_out and (draw(_ONE_IN_FOUR) or not (name in given or name in lr_fn.annotations)):
            continue
        arguments[name] = draw(given[name]) if name in given else drawing.value(lr_fn.annotations[name])
    return arguments


_ONE_IN_FOUR = st.sampled_from([False, False, False, True])
# An lr function's parameter without an annotation.
_ANY_NUMBER = st.one_of(st.integers(1, 100), st.floats(1e-3, 1e3))


class _Drawing:
    """One set of parameters: its lists are about equally long, because those of one function often must be."""

    def __init__(self, draw: Draw, inner: Inner) -> None:
        self._draw, self._inner = draw, inner
        self._count: int | None = None

    def value(self, annotation: Any) -> Any:
        """A value of this annotation."""
        base, metadata = numbers.split(annotation)
        annotation = numbers.joined(base, metadata)
        strategy = numbers.named(annotation)
        if strategy is not None:
            return self._draw(strategy)
        origin, items = typing.get_origin(base), typing.get_args(base)
        if origin in (typing.Union, types.UnionType):
            item = self._draw(st.sampled_from(items))
            return None if item is type(None) else self.value(numbers.joined(item, metadata))
        if origin is tuple and items[-1] is not Ellipsis:
            return tuple(map(self.value, items))
        if origin in (tuple, list) or base in (tuple, list):
            return self._row(items, metadata)
        if base is float or base is int:
            in_range = numbers.number(base, metadata).filter(lambda x: _is_admitted(annotation, x))
            return self._draw(in_range)
        if takes_schedule(base):
            return self._inner(self._draw)
        is_type = isinstance(base, type)
        if is_type and (dataclasses.is_dataclass(base) or hasattr(base, "_fields")):  # a named tuple has those
            hints = typing.get_type_hints(base, include_extras=True)
            return base(**{name: self.value(hints[name]) for name in inspect.signature(base).parameters})
        return self._draw(_ANY_NUMBER if base is Any else st.from_type(annotation))

    def _row(self, items: tuple[Any, ...], metadata: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._count is None:
            self._count = self._draw(st.integers(1, 4))
        fewest, most = numbers.lengths(metadata)
        count = min(max(self._count + self._draw(st.integers(0, 1)), fewest), most)
        row = [self.value(items[0] if items else Any) for _ in range(count)]
        if numbers.increases(metadata) or (all(isinstance(x, int | float) for x in row) and self._draw(st.booleans())):
            ordered = sorted(set(row))
            row = ordered if len(ordered) >= fewest else row
        return tuple(row)


def _is_admitted(annotation: Any, value: Any) -> bool:
    try:
        checking.admit("", "", annotation, value)
    except (ValueError, TypeError):
        return False
    return True
