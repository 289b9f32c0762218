"""A formula with its parameters bound: what a schedule evaluates, and the facts that follow from its parameters."""

from __future__ import annotations

import functools
import itertools
import math
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from optimsche import ops
from optimsche.annotations import is_real, takes_text
from optimsche.call_errors import did_you_mean, shown
from optimsche.checking import admit
from optimsche.evaluation import clocks
from optimsche.evaluation.clocks import NO_EPOCH
from optimsche.evaluation.precision import EXACT, is_exact, with_rounding
from optimsche.evaluation.scalar_code import scalar_code
from optimsche.evaluation.trace import (
    Expression,
    Following,
    Symbol,
    Untraceable,
    following,
    is_symbol,
    leaves_parts,
    trace,
)
from optimsche.libraries import is_array, library_of

DerivedT = TypeVar("DerivedT")

# After so many values a schedule is worth flat code: writing it takes as long as a few hundred.
_VALUES_BEFORE_CODE = 32
# More boundaries than this are not listed, and none are looked for behind so many.
_MOST_BOUNDARIES = 2**20


class LrFunction(Protocol):
    """What a node needs to know of its lr function."""

    name: str
    formula: Callable[..., Any]
    positional: tuple[str, ...]
    positional_only: frozenset[str]
    is_built_in: bool
    counts_epochs: bool
    length: Callable[..., Any] | None
    boundaries: Callable[..., Iterable[Any]] | None
    reach: Callable[..., Any] | None
    changes_at_boundaries: bool
    rests_with: tuple[str, ...]

    @property
    def annotations(self) -> Mapping[str, Any]:
        """What its parameters may be, by name."""
        ...


class Node:
    """An lr function with its parameters bound: the evaluating half of a schedule, behind the clocks' door.

    A combinator sees the schedules that it is made of as nodes: it calls them with the clocks, and may ask for their
    `length` and `boundaries`. Parameters may be any kind of number here, also tensors and traced values.
    """

    __slots__ = (
        "_derived",
        "_flat_for_many",
        "_formula",
        "_values",
        "counts_epochs",
        "flat",
        "lr_fn",
        "params",
        "parts",
        "takes_parts",
    )

    def __init__(self, lr_fn: LrFunction, params: dict[str, Any], *, takes_parts: bool = True) -> None:
        self.lr_fn, self.params = lr_fn, params
        self.parts: tuple[Node, ...] = tuple(value for value in params.values() if isinstance(value, Node))
        # From the parts' own: a schedule that is a part twice is not walked through twice at each level.
        self.counts_epochs: bool = lr_fn.counts_epochs or any(part.counts_epochs for part in self.parts)
        # Whether its parameters are numbers alone, so that it has one value for a number and any part of an array.
        self.takes_parts: bool = takes_parts and all(part.takes_parts for part in self.parts)
        self.flat: Callable[..., float] | None = None  # flat code for one number, once it is worth it
        self._flat_for_many: Callable[..., list[float]] | None = None
        self._formula = _bound(lr_fn, params) if lr_fn.is_built_in else _users_formula(lr_fn, params)
        self._values = 0
        self._derived: dict[Any, Any] | None = None

    def __call__(self, real_step: Any, epoch: Any) -> Any:
        """The value for clocks that have come through the door: numbers, arrays, or symbols."""
        if type(real_step) is float and (type(epoch) is float or epoch is NO_EPOCH) and self.takes_parts:
            return self.number(real_step, epoch)
        if is_symbol(real_step) or is_symbol(epoch):
            return Symbol("call", self.number, real_step, epoch) if leaves_parts() else self._traced(real_step, epoch)
        return self._formula(real_step, epoch)

    # -- numbers: the formula, and flat code once it is worth it ------------------------------------------------------

    def number(self, real_step: float, epoch: Any) -> float:
        """The value for numbers, as a float. Flat code has the tolerances of exact clocks written into it."""
        if not is_exact() or (self.flat is None and not self._has_code_after(1)):
            return self._one(real_step, epoch)
        return self.flat(real_step, epoch)  # type: ignore[misc]  # it has

    def many(self, steps: list[float], epochs: list[Any]) -> list[float]:
        """The values for a list of updates and as many epochs."""
        if not is_exact() or (self.flat is None and not self._has_code_after(len(steps))):
            return [*map(self._one, steps, epochs)]
        return self._flat_for_many(steps, epochs)  # type: ignore[misc]  # it has

    def _one(self, real_step: float, epoch: Any) -> float:
        value = self._formula(real_step, epoch)
        return value if type(value) is float else _as_float(self.lr_fn.name, value, real_step)

    def _has_code_after(self, count: int) -> bool:
        """Whether there is flat code, which is written where with `count` more values it is worth it."""
        # Where torch.compile follows the call there is nothing to count, and a count would be a guard that fails.
        if _is_compiled_by_torch() or self._values >= _VALUES_BEFORE_CODE:
            return False
        self._values += count
        if self._values < _VALUES_BEFORE_CODE or not self.lr_fn.is_built_in:
            return False
        try:
            traced = self._trace()
            if isinstance(traced, Symbol) and traced.operation == "call" and traced.arguments[0] == self._one:
                return False
            code = scalar_code(traced)
        except (Untraceable, SyntaxError, RecursionError, MemoryError):  # or nested too deep for Python
            return False
        self._flat_for_many, self.flat = code.many, code.one
        return True

    def _trace(self) -> Expression:
        """The whole, or where that has too many paths this formula alone: its parts have flat code of their own."""
        try:
            return trace(self._traced, "t", "e")
        except Untraceable:
            return trace(self._traced, "t", "e", leaves_parts=True)

    def _traced(self, real_step: Any, epoch: Any) -> Any:
        """The formula on symbols. One that needs to know its numbers, or is a user's, stays a call."""
        follow = following()
        if follow is not None:
            return self._followed(real_step, epoch, follow)
        if self.lr_fn.is_built_in:
            try:
                return self._formula(real_step, epoch)
            except (TypeError, ValueError, ArithmeticError, AttributeError):
                pass
        return Symbol("call", self._one, real_step, epoch)

    def traced_through(self, follow: Following, *, rounding: Any = EXACT, clocks: tuple[str, ...] = ("t", "e")) -> Any:
        """All that it can compute, with no call left.

        Args:
            follow: how users' functions are followed, and which questions need not be asked.
            rounding: how exact the clocks are: a number, or a name that stands in the result for it.
            clocks: names of update and epoch.

        Raises:
            Untraceable: a formula needs to know its numbers; or there are too many paths.
        """

        def formula(real_step: Any, epoch: Any) -> Any:
            exactness = Symbol(rounding) if isinstance(rounding, str) else rounding
            return with_rounding(exactness, self._traced, real_step, epoch)

        return trace(formula, *clocks, is_foreign=True, following=follow)

    def traced_value(self, real_step: Any, epoch: Any) -> Any:
        """The value inside of a trace that leaves no calls, where boundaries are met exactly or not at all."""
        return with_rounding(0.0, self._traced, real_step, epoch)

    def _followed(self, real_step: Any, epoch: Any, follow: Following) -> Any:
        formula = self._formula
        if not self.lr_fn.is_built_in:
            formula = _bound(self.lr_fn, _with_parts(self.params), follow.on_symbols(self.lr_fn.formula))
        try:
            return formula(real_step, epoch)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise Untraceable(f"{self.lr_fn.name}: {error}") from error

    # -- facts --------------------------------------------------------------------------------------------------------

    def derived(self, key: Any, compute: Callable[[], DerivedT]) -> DerivedT:
        """What follows from the parameters alone, whatever the clocks of the call that asks first; computed once."""
        if self._derived is None:
            self._derived = {}
        if key not in self._derived:
            self._derived[key] = with_rounding(EXACT, compute)
        found: DerivedT = self._derived[key]
        return found

    @property
    def length(self) -> float:
        """What the lr function's `length=` says, else its parameter `steps` if that is a number, else `math.inf`."""
        return self.derived("length", self._length)

    def _length(self) -> float:
        if self.lr_fn.length is not None:
            length: float = self.lr_fn.length(**self.params)
            return length
        steps: Any = self.params.get("steps")
        return steps if isinstance(steps, int | float) or is_array(steps) else math.inf

    def boundaries(self, upto: float = math.inf) -> tuple[float, ...]:
        """Where the formula changes from one piece to the next: all of them up to a clock, the end included.

        Raises:
            ValueError: there are more than a million.
        """
        if upto == math.inf:
            return self.derived("boundaries", lambda: self._listed(upto))
        return self._listed(upto)

    def first_boundaries(
        self, most: int, upto: float = math.inf, *, among: int = _MOST_BOUNDARIES
    ) -> tuple[float, ...]:
        """The first so many of them.

        Raises:
            ValueError: a part of it would have to go through more than `among` of its own, which a shift cuts off, say.
        """
        before, _search.among = _search.among, among
        try:
            return tuple(itertools.islice(self.each_boundary(upto), most))
        finally:
            _search.among = before

    def _listed(self, upto: float) -> tuple[float, ...]:
        return self.first_boundaries(_MOST_BOUNDARIES + 1, upto)

    def each_boundary(self, upto: float = math.inf) -> Iterator[float]:
        """The boundaries up to a clock one after the other, in order, however many there are."""
        found, length = self.lr_fn.boundaries, self.length
        declared = () if length == math.inf else (length,)
        return _apart(self.lr_fn.name, declared if found is None else found(**self.params), length, upto)

    @property
    def rests_at(self) -> float:
        """The clock from which on the value stays what it is, or `math.inf`.

        Beside another schedule a constant does not count, whatever it is made of: `2 * constant()` as little as
        `constant()`. So one without an end rests at its last boundary, if it is known to change no more after it.
        """
        return self.derived("rests_at", self._rests_at)

    def _rests_at(self) -> float:
        if self.length < math.inf:
            return self.length
        parts = [self.params[name] for name in self.lr_fn.rests_with]
        rests = bool(parts) and all(part.rests_at < math.inf for part in parts if isinstance(part, Node))
        if not rests and not self.lr_fn.changes_at_boundaries:
            return math.inf
        try:
            *_, last = (0.0, *self.boundaries())
        except ValueError:  # they never end
            return math.inf
        return last

    @property
    def reach(self) -> float:
        """How far it is worth drawing: its length; or what the lr function's `reach=` says; or `math.inf`, not known.

        A combinator that only says how its length follows from those of its parts reaches as far as that is with the
        reach of each part in the place of its length.
        """
        return self.derived("reach", self._reach)

    def _reach(self) -> float:
        if self.length < math.inf:
            return self.length
        if self.lr_fn.reach is not None:
            return float(self.lr_fn.reach(**self.params))
        length = self.lr_fn.length
        if length is None or all(part.reach == math.inf for part in self.parts):
            return math.inf
        drawn = {name: _Drawn(value) if isinstance(value, Node) else value for name, value in self.params.items()}
        return float(length(**drawn))

    # -- other parameters ---------------------------------------------------------------------------------------------

    def with_params(self, given: Mapping[str, Any]) -> Node:
        """The same formula with other parameters: their kinds are checked, their ranges are not.

        Raises:
            TypeError: a parameter that there is not, or of another kind.
        """
        name_of = self.lr_fn.name
        if not isinstance(given, Mapping):
            raise TypeError(
                f"apply takes a dictionary of parameters of {name_of}, {{}} for no change, got {shown(given)}"
            )
        params = dict(self.params)
        for name, value in given.items():
            if name not in params:
                raise TypeError(f"apply: {name_of} has no parameter {name!r}{did_you_mean(name, params)}")
            part = params[name]
            if not isinstance(part, Node):
                params[name] = _parameter(f"apply: {name_of}", name, self.lr_fn.annotations[name], value)
            elif isinstance(value, Mapping):
                params[name] = part.with_params(value)
            else:
                raise TypeError(
                    f"apply: {name_of}'s {name} takes a dictionary of the parameters of {part.lr_fn.name}, "
                    f"got {shown(value)}"
                )
        return Node(self.lr_fn, params, takes_parts=not any(True for _ in arrays_in(given)))


class _Drawn:
    """A part of which somebody asks the length while drawing: as long as it is drawn."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.length = node.reach
        self.rests_at = node.reach if node.rests_at == math.inf else node.rests_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)


class Part:
    """A schedule inside a user's formula: its clocks become what all formulas see, and its facts can be asked for."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    def __call__(self, real_step: Any = None, epoch: Any = None) -> Any:  # without a clock it says what to write
        """The value; each clock a number or an array."""
        return self._node(clocks.as_inside(real_step), clocks.as_inside(epoch))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)


def _bound(
    lr_fn: LrFunction, params: Mapping[str, Any], formula: Callable[..., Any] | None = None
) -> Callable[[Any, Any], Any]:
    """The formula, or what stands for it, as a function of the clocks alone."""
    formula = lr_fn.formula if formula is None else formula
    if not lr_fn.positional_only:
        return functools.partial(formula, **params)
    first = tuple(params[name] for name in lr_fn.positional)
    named = {name: value for name, value in params.items() if name not in lr_fn.positional}
    return lambda real_step, epoch: formula(real_step, epoch, *first, **named)


def _users_formula(lr_fn: LrFunction, params: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """A user's formula, which may write into its clocks, hand other clocks on, and return any kind of number."""
    formula = _bound(lr_fn, _with_parts(params))

    def guarded(real_step: Any, epoch: Any) -> Any:
        value = formula(clocks.own(real_step), clocks.own(epoch))
        if type(value) is float or type(real_step) is not float or is_array(value):
            return value
        return _as_float(lr_fn.name, value, real_step)

    return guarded


def _with_parts(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Part(value) if isinstance(value, Node) else value for name, value in params.items()}


def _as_float(name: str, value: Any, real_step: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise clocks.no_number(name, value, real_step) from None


def _is_compiled_by_torch() -> bool:
    """Whether `torch.compile` follows this call, asked without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


class _Search(threading.local):
    """How many boundaries each schedule may go through, in the search that runs in this thread."""

    def __init__(self) -> None:
        self.among = _MOST_BOUNDARIES


_search = _Search()


def _apart(name: str, boundaries: Iterable[Any], length: float, upto: float) -> Iterator[float]:
    """Boundaries without those that are the next but for rounding, as are two sums of the same lengths."""
    length = _plain_boundary(length)
    kept, nearly = None, length - ops.tolerance(length) if length < math.inf else math.inf
    for count, found in enumerate(boundaries):
        if count >= _search.among:
            raise ValueError(
                f"{name} has more than {_search.among:,} boundaries up to {upto:g}; "
                "say how far, and less: boundaries(upto=1_000)"
            )
        boundary = found if type(found) is float else _plain_boundary(found)
        if boundary >= nearly and not _is_past(boundary, length):
            boundary = length  # also where a rounding error would put it past `upto`
        if kept is not None and _is_past(boundary, kept):
            yield kept
        if boundary > upto:
            return
        kept = boundary
    if kept is not None:
        yield kept


def _is_past(one: float, other: float) -> bool:
    late = one - other
    return late > 1.0 or late > ops.tolerance(one)  # which is less than an update


def _plain_boundary(found: Any) -> float:
    if is_array(found):
        raise TypeError(f"a boundary must be a number, got {shown(found)}")
    return float(found)


def _parameter(call: str, name: str, annotation: Any, value: Any) -> Any:
    """A parameter of `apply` as a formula sees it."""
    if is_symbol(value):
        return value
    if isinstance(value, tuple | list):
        return tuple(_parameter(call, name, annotation, element) for element in value)
    if is_array(value):
        library = library_of(value)
        # Arithmetic on whole numbers would be done in a narrower type.
        return library.wide(value) if is_real(annotation) and library.is_whole(value) else value
    if not isinstance(value, int | float) and not (isinstance(value, str) and takes_text(annotation)):
        value = admit(call, name, annotation, value)
    return as_bound(value, annotation)


def as_bound(value: Any, annotation: Any) -> Any:
    """A parameter as its formula sees it: a real number is a float however it was written."""
    return float(value) if type(value) is int and is_real(annotation) else value


def arrays_in(params: Any) -> Iterator[Any]:
    """The arrays, tensors and traced values among parameters, those of inner schedules and in tuples included."""
    if isinstance(params, Mapping | tuple | list):
        for value in params.values() if isinstance(params, Mapping) else params:
            yield from arrays_in(value)
    elif is_array(params):
        yield params
