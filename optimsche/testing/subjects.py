"""What is tested: lr functions, and all else that schedules come from, seen in the same way."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optimsche import ranges
from optimsche.lr_fn import LrFn
from optimsche.schedule import Schedule


class PlanFunction:
    """A function that returns a schedule, such as a named plan or one's own, with the face of an lr function."""

    is_segment = is_built_in = False

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        given, written = _taken_apart(function)
        self.name: str = getattr(written, "__name__", type(function).__name__)
        signature = inspect.signature(function)
        free = [p for p in signature.parameters.values() if p.name not in given]
        self.__signature__ = signature.replace(parameters=free)
        self.annotations = dict(self._annotations(written))

    def _annotations(self, written: Callable[..., Any]) -> typing.Iterator[tuple[str, Any]]:
        if isinstance(written, LrFn):
            yield from written.annotations.items()
            return
        names = {name: getattr(ranges, name) for name in ranges.__all__} | {"Schedule": Schedule}
        try:
            where = written if inspect.isroutine(written) else type(written).__call__
            read = typing.get_type_hints(where, localns=names, include_extras=True)
        except (NameError, TypeError) as error:
            raise TypeError(f"the annotations of {self.name} cannot be read here: {error}") from None
        for p in self.__signature__.parameters.values():
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise TypeError(f"{self.name} takes {p}, and nothing says what to draw for it: test a function without")
            if p.name in read:
                yield p.name, read[p.name]

    def __call__(self, **arguments: Any) -> Schedule:
        """The schedule that the function makes of these parameters."""
        by_position = [
            arguments.pop(p.name)
            for p in self.__signature__.parameters.values()
            if p.kind is p.POSITIONAL_ONLY and p.name in arguments
        ]
        made = self.function(*by_position, **arguments)
        if not isinstance(made, Schedule):
            raise TypeError(f"{self.name} must return a schedule, got {type(made).__name__}: {made!r:.80}")
        # What a segment starts from is said: one that leaves it open would take it from the piece before.
        return made.lr_fn(**made.arguments) if made.lr_fn.is_segment else made

    def call(self, arguments: Mapping[str, Any]) -> str:
        """A call as text."""
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def _taken_apart(function: Callable[..., Any]) -> tuple[set[str], Callable[..., Any]]:
    """Of ``functools.partial`` the names that it gives, and the function that it calls."""
    given: set[str] = set()
    while isinstance(function, functools.partial):
        given, function = given | {*function.keywords}, function.func
    return given, function


class OnePlan(PlanFunction):
    """A schedule, which has no parameters to draw."""

    def __init__(self, plan: Schedule) -> None:
        super().__init__(lambda: plan)
        self.plan = plan
        self.name = repr(plan)
        self.is_segment = plan.lr_fn.is_segment


Subject = LrFn[...] | PlanFunction
# What users give.
Tested = LrFn[...] | Schedule | Callable[..., Schedule]


def subject_of(value: Any, call: str) -> Subject:
    """What may be tested, as something with a name, parameters and annotations, that is called for a schedule.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(value, LrFn | PlanFunction):
        return value
    if isinstance(value, Schedule):
        return OnePlan(value)
    if callable(value) and not isinstance(value, type):
        return PlanFunction(value)
    raise TypeError(
        f"{call} takes an lr function, a plan, a function that returns one, or a list of these; "
        f"got {type(value).__name__}"
    )


def subjects_of(value: Any, call: str) -> list[Subject]:
    """One of these, or a list of them.

    Raises:
        TypeError: one is none of these.
        ValueError: the list is empty.
    """
    if not isinstance(value, Iterable) or isinstance(value, Schedule | str):
        return [subject_of(value, call)]
    found = [subject_of(one, call) for one in value]
    if not found:
        raise ValueError(f"{call}: the list of what is tested is empty")
    return found
