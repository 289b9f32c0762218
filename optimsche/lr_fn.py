"""`@lr_fn`: a formula becomes a constructor of schedules.

An lr function is a plain function of `(real_step, epoch, *, parameters)`. The decorator reads its signature once; every
schedule that it makes is checked against it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import types
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, overload

from optimsche import names, ranges
from optimsche.annotations import is_storable
from optimsche.call_errors import by_name, did_you_mean, shown
from optimsche.checking import admit
from optimsche.evaluation.node import Node
from optimsche.libraries import is_numpy_scalar
from optimsche.schedule import Schedule
from optimsche.signatures import signature

P = ParamSpec("P")
_OF_A_SEGMENT = ("start", "end", "steps")


class LrFn(Generic[P]):
    """A constructor of schedules, made by `lr_fn` from a formula. Call it with the formula's parameters."""

    def __init__(
        self,
        formula: Callable[..., Any],
        *,
        length: Callable[..., Any] | None = None,
        boundaries: Callable[..., Iterable[Any]] | None = None,
        reach: Callable[..., Any] | None = None,
        resolve: Callable[..., Mapping[str, Any]] | None = None,
        counts_epochs: bool = False,
        changes_at_boundaries: bool = False,
        rests_with: tuple[str, ...] = (),
    ) -> None:
        own = _own_parameters(formula)
        functools.update_wrapper(self, formula)
        self.formula = formula
        self.name: str = formula.__name__
        self.length, self.boundaries, self.reach, self.resolve = length, boundaries, reach, resolve
        self.counts_epochs, self.changes_at_boundaries = counts_epochs, changes_at_boundaries
        self.rests_with = tuple(rests_with)
        self.is_built_in = names.is_built_in(formula)
        self.annotations = {p.name: _annotation(formula, p) for p in own}
        self.positional = tuple(p.name for p in own if p.kind is not p.KEYWORD_ONLY)
        self.positional_only = frozenset(p.name for p in own if p.kind is p.POSITIONAL_ONLY)
        own = [p if p.annotation is p.empty else p.replace(annotation=self.annotations[p.name]) for p in own]
        self.__signature__ = signature(own, Schedule)
        self.__annotations__ = {p.name: p.annotation for p in own if p.annotation is not p.empty}
        self.is_segment = tuple(self.annotations)[:3] == _OF_A_SEGMENT
        for p in own:
            if p.default is not p.empty:
                admit(f"@lr_fn: {self.name}", p.name, self.annotations[p.name], p.default)
        for name in self.rests_with:
            if name not in self.annotations:
                raise TypeError(f"@lr_fn: rests_with= of {self.name} names its schedules, and {name!r} is none of them")
        _make_portable(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Schedule:
        """Build the schedule: every parameter is checked here, once."""
        if self.is_segment and kwargs and not args and kwargs.keys() <= self.annotations.keys() - {*_OF_A_SEGMENT}:
            return Shape(self, kwargs)  # type: ignore[return-value]  # which takes the place of one in along= alone
        given = by_name(self.name, self.__signature__.parameters, args, kwargs)
        arguments = {name: self._admitted(name, value) for name, value in given.items()}
        if self.resolve is not None:
            try:
                resolved = self.resolve(**arguments)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None
            _check_resolved(self, resolved)
            arguments |= {name: self._admitted(name, value) for name, value in resolved.items()}
        made = Schedule._of(self, arguments, has_default_start=self.is_segment and "start" not in kwargs)
        if not self.is_built_in:
            _check_facts(made._node)
        return made

    def _admitted(self, name: str, value: Any) -> Any:
        return admit(self.name, name, self.annotations[name], value)

    def __repr__(self) -> str:
        return f"<lr function {self.name}({', '.join(self.__signature__.parameters)})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LrFn) and self.formula is other.formula

    def __hash__(self) -> int:
        return hash(id(self.formula))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # Before protocol 4, pickle reaches `cosine.formula` by way of `cosine`, which is what is being pickled.
        if protocol < 4 and isinstance(self.formula, types.FunctionType):
            name = self.formula.__qualname__.removesuffix(".formula")
            if _found(self.__module__, name) != self:
                import pickle

                raise pickle.PicklingError(
                    f"pickle finds no lr function {name} in {self.__module__}, or another one: define it at the top of "
                    "its module, or pickle with protocol 4 or later"
                )
            return _found, (self.__module__, name)
        return _of_formula, (self.formula,)


def _found(module: str, name: str) -> Any:
    """What a module has under a name, which may have dots."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class Shape:
    """A segment whose length is not known yet, such as `one_minus_power(power=0.5)`: for `along=`, and nothing else."""

    def __init__(self, lr_fn: LrFn[...], parameters: Mapping[str, Any]) -> None:
        self.of_length_one = lr_fn(start=1.0, end=0.0, steps=1, **parameters)
        self._call = f"{lr_fn.name}({', '.join(f'{name}={value!r}' for name, value in parameters.items())})"

    def __repr__(self) -> str:
        return self._call

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(self.needs_a_length())

    def needs_a_length(self) -> str:
        """What is missing, in words."""
        return f"{self._call} needs steps= (a length, in updates); without it, it only goes into along="

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    __call__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse
    __rshift__ = __rrshift__ = _refuse


def as_shape(value: Any) -> Any:
    """What `along=` takes as a schedule of its own length: a segment without one becomes a segment of length 1."""
    if isinstance(value, LrFn) and value.is_segment:
        return value(start=1.0, end=0.0, steps=1)
    return value.of_length_one if isinstance(value, Shape) else value


def _check_resolved(lr_fn: LrFn[...], resolved: Any) -> None:
    where = f"@lr_fn: resolve= of {lr_fn.name} must return a dictionary of parameters to replace, {{}} for none"
    if not isinstance(resolved, Mapping):
        raise TypeError(f"{where}; it returned {shown(resolved)}")
    for name in resolved:
        if name not in lr_fn.annotations:
            raise TypeError(f"{where}; {name!r} is none of them{did_you_mean(name, lr_fn.annotations)}")


def _check_facts(node: Node) -> None:
    """Refuse a length or boundaries that are none, where somebody's own function says what they are."""
    lr_fn, length = node.lr_fn, node.length
    said = "length=" if lr_fn.length is not None else "the parameter steps"
    where = f"@lr_fn: {said} of {lr_fn.name} must be a number of updates >= 0, or math.inf for no end"
    if isinstance(length, bool) or not (isinstance(length, int | float) or is_numpy_scalar(length)):
        raise TypeError(f"{where}; it is {shown(length)}")
    if not length >= 0:
        raise ValueError(f"{where}; it is {shown(length)}")
    if lr_fn.boundaries is not None:
        where = f"@lr_fn: boundaries= of {lr_fn.name} must give increasing numbers of updates > 0"
        found = lr_fn.boundaries(**node.params)
        try:  # the first of them: there may be no last one
            numbers = [0.0, *map(float, itertools.islice(found, _LOOKED_AT))]
        except (TypeError, ValueError):
            raise TypeError(f"{where}; it gave {shown(found)}") from None
        if not all(left < right < math.inf for left, right in itertools.pairwise(numbers)):
            raise ValueError(f"{where}; it gave {shown(numbers[1:])}")


_LOOKED_AT = 1_000


def _make_portable(lr_fn: LrFn[...]) -> None:
    """Let pickle find the formula, whose name is taken by the lr function: as the attribute that it is.

    What it takes to make the lr function again travels with the formula, for picklers that send functions as code.
    """
    formula: Any = lr_fn.formula
    if isinstance(formula, types.FunctionType) and "lr_fn_options" not in formula.__dict__:
        formula.__qualname__ += ".formula"
        formula.__dict__["lr_fn_options"] = {name: getattr(lr_fn, name) for name in OPTIONS}


def _of_formula(formula: Callable[..., Any]) -> LrFn[...]:
    known_one = names.known().get(formula.__name__)
    if isinstance(known_one, LrFn) and known_one.formula is formula:
        return known_one
    return LrFn(formula, **getattr(formula, "lr_fn_options", {}))


@overload
def lr_fn(formula: Callable[Concatenate[Any, Any, P], Any], /) -> LrFn[P]: ...
@overload
def lr_fn(
    *,
    length: Callable[..., Any] | None = None,
    boundaries: Callable[..., Iterable[Any]] | None = None,
    reach: Callable[..., Any] | None = None,
    resolve: Callable[..., Mapping[str, Any]] | None = None,
    counts_epochs: bool = False,
    changes_at_boundaries: bool = False,
    rests_with: tuple[str, ...] = (),
) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], LrFn[P]]: ...
def lr_fn(formula: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Turn a formula into a constructor of schedules.

    Args:
        formula: a pure function `(real_step, epoch, *, parameters) -> rate`. The clocks arrive as floats or as arrays,
            which are the formula's own; the second may also be called `_epoch` or `_`. Ranges of parameters stand in
            their annotations (`Rate`, `Steps`, or any `Annotated` type in the terms of annotated-types). Written with
            `optimsche.ops` it works on every kind of array and can be differentiated; one that branches in Python or
            calls `math` works on numbers, and element by element on NumPy arrays.
        length: natural length in updates, from the parameters; without it the parameter `steps`, if that is a number.
        boundaries: where pieces meet, in updates, from the parameters: increasing, and all of them, by an iterator if
            there is no last one. Without it the end, if there is one.
        reach: how far a schedule without an end is worth drawing, in updates, from the parameters.
        resolve: called with the checked parameters when a schedule is built; returns those to replace, for defaults
            that depend on other parameters, or raises `ValueError`.
        counts_epochs: the function evaluates a schedule by epochs, so a call needs an epoch, and drawing it
            `steps_per_epoch`.
        changes_at_boundaries: the value is constant between boundaries, of which there is a last one.
        rests_with: names of the schedules inside; once these have stopped changing, so has the value.

    Returns:
        The constructor, with the formula's signature less the clocks.

    Raises:
        TypeError: the first two parameters are not the clocks, or `*args` or `**kwargs` are taken.
        ValueError: the name is that of another lr function or plan.

    >>> from optimsche import Rate, Steps, lr_fn
    >>> @lr_fn
    ... def sawtooth(real_step, epoch, *, peak: Rate, every: Steps):
    ...     return peak * (1 - (real_step % every) / every)
    >>> sawtooth(peak=0.1, every=100).warmup(10)
    warmup(sawtooth(peak=0.1, every=100), steps=10, start=0.0)
    >>> sawtooth(peak=0.1, every=100)(50)
    0.05
    """
    for name, value in options.items():
        if name not in OPTIONS:
            hint = did_you_mean(name, OPTIONS) or f"; it takes {', '.join(OPTIONS)}"
            raise TypeError(f"@lr_fn has no option {name!r}{hint}")
        if name in _FUNCTIONS and value is not None and not callable(value):
            raise TypeError(f"@lr_fn: {name}= must be a function of the parameters, got {shown(value)}")
    if formula is None:
        return functools.partial(_make, **options)
    return _make(formula)


_FUNCTIONS = ("length", "boundaries", "reach", "resolve")
OPTIONS = tuple(LrFn.__init__.__kwdefaults__ or ())


def _make(formula: Callable[..., Any], **options: Any) -> LrFn[...]:
    made: LrFn[...] = LrFn(formula, **options)
    names.register(made.name, made)
    return made


_EPOCH = ("epoch", "_epoch", "_")


def _own_parameters(formula: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        name, parameters = formula.__name__, [*inspect.signature(formula).parameters.values()]
    except (AttributeError, TypeError, ValueError):  # an object, a partial, a function that is written in C
        raise TypeError(
            f"@lr_fn takes a function with a name and a signature, got {shown(formula)}; "
            "write def f(real_step, epoch, *, ...): return ..., and call in it what there is"
        ) from None
    clocks, own = parameters[:2], parameters[2:]
    if not name.isidentifier():
        raise TypeError(
            f"@lr_fn: a schedule prints the name of its function, and {name!r} is not an identifier: define it with def"
        )
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    plain = all(p.kind in by_position and p.default is p.empty for p in clocks)
    if len(clocks) < 2 or clocks[0].name in _EPOCH or clocks[1].name not in _EPOCH or not plain:
        raise TypeError(
            f"@lr_fn: {name} must begin with the clocks by name: def {name}(real_step, epoch, *, ...); the second may "
            "also be _epoch or _, where it is not used"
        )
    for p in own:
        if p.kind not in (*by_position, p.KEYWORD_ONLY):
            raise TypeError(f"@lr_fn: {name} takes {p}, but every parameter of an lr function has a name of its own")
    return own


# What an annotation may name without importing it.
_NAMES = {name: getattr(ranges, name) for name in ranges.__all__} | {"Schedule": Schedule}


def _annotation(formula: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
    where = f"@lr_fn: the annotation {annotation!r} of {formula.__name__}'s parameter {parameter.name!r}"
    if isinstance(annotation, str):  # from __future__ import annotations
        variables = inspect.getclosurevars(formula).nonlocals if getattr(formula, "__closure__", None) else {}
        known = getattr(formula, "__globals__", {})
        try:  # as most are, a name that is there already
            annotation = known.get(annotation) or eval(annotation, _NAMES | known, dict(variables))
        except Exception as error:
            raise TypeError(f"{where} cannot be read here: {error}. Define it at the top of the module") from None
    if not is_storable(annotation):
        raise TypeError(f"{where} is not something a schedule can hold: numbers, text, tuples of these, schedules")
    return annotation
