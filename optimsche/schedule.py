"""A schedule is a value: an lr function and its parameters, called with the clocks.

``@lr_fn`` turns a plain function of ``(real_step, epoch, *, parameters)`` into a constructor of schedules. All that a
schedule can do follows from the pair (function, parameters) and is defined once, here: evaluation, equality, hash,
repr, pickling, and the combinators as methods.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, NoReturn, ParamSpec, Protocol, TypeVar, overload

from optimsche import backends, domains, ops, symbols
from optimsche.domains import (
    Closed,
    Cycles,
    Factor,
    Fraction,
    Growth,
    Length,
    Offset,
    Rate,
    Ratio,
    Seed,
    Share,
    Steps,
)
from optimsche.symbols import Symbol, is_symbol

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from optimsche.compiling import Blocks
    from optimsche.curve import Table

P = ParamSpec("P")

# Each level costs a few of Python's stack frames; text and JSON nest as deep.
_DEEPEST = 100


class _Array(Protocol):
    """What PyTorch's, JAX's and NumPy's arrays have in common for a type checker."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...


ArrayT = TypeVar("ArrayT", bound=_Array)


# ---------------------------------------------------------------------------------------------------------------------
# Evaluation: a formula with its parameters bound
# ---------------------------------------------------------------------------------------------------------------------

_NOT_TRIED: Any = object()
# After so many calls with a number, a schedule is worth writing flat code for: that takes as long as a few hundred.
_CALLS_BEFORE_FLAT_CODE = 32
# Parts of more weight than this are not written out with the rest; with less, if that is still too much.
_HEAVIEST = (24, 6, 0)
_FIRST_EPOCH = 1.0


class Node:
    """An lr function with its parameters bound: the evaluating half of a schedule, without checks.

    A combinator sees the schedules that it is made of as nodes: it calls them with the clocks, and may ask for their
    ``length`` and ``joints``. Parameters may be any kind of number here, also tensors and traced values.
    """

    __slots__ = (
        *("_for_blocks", "_for_numbers", "_joints", "_length", "_outcome"),
        *("lr_fn", "memo", "params", "play", "weight"),
    )

    def __init__(self, lr_fn: LrFn[...], params: dict[str, Any], play: Callable[[Any, Any], Any]) -> None:
        self.lr_fn = lr_fn
        self.params = params
        self.play = play
        self.memo: dict[Any, Any] = {}  # what a combinator computes from this node once
        self._length: Any = None  # found once: a schedule that is a part twice would be asked twice at each level
        self._joints: tuple[Any, ...] | None = None
        parts = [part.weight if isinstance(part, Node) else len(part) for part in params.values() if _has_weight(part)]
        self.weight: int = 1 + sum(parts)  # how much there is to write out, about
        self._outcome: Any = _NOT_TRIED
        self._for_blocks: Any = _NOT_TRIED
        self._for_numbers: Callable[..., Any] | None = None

    def __call__(self, real_step: Any, epoch: Any) -> Any:
        """The formula's value."""
        if is_symbol(real_step) or is_symbol(epoch):
            # What is too much to be written out with the rest is called, and has flat code of its own.
            heavy = self.weight > symbols.heaviest()
            return Symbol("call", _Flat(self), real_step, epoch) if heavy else self._follow(real_step, epoch)
        return self.play(real_step, epoch)

    # -- flat code: see ``symbols`` and ``compiling`` -----------------------------------------------------------------

    def _follow(self, real_step: Any, epoch: Any) -> Any:
        """The formula on symbols. One that needs to know its numbers, or is not ours, stays a call of the formula."""
        if not self.lr_fn.is_built_in:
            return Symbol("call", self.play, real_step, epoch)
        try:
            return self.play(real_step, epoch)
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return Symbol("call", self.play, real_step, epoch)

    def outcome(self) -> Any:
        """What the formula comes to, or None if that is too much to write out; found once."""
        if self._outcome is _NOT_TRIED:
            found = None
            for heaviest in _HEAVIEST:
                try:
                    found = symbols.outcome(self._follow, "t", "e", heaviest=heaviest)
                    break
                except (symbols.Untraceable, RecursionError):
                    continue
            self._outcome = found  # at once, for other threads
        return self._outcome

    def for_numbers(self) -> Callable[..., Any]:
        """The formula as flat code for one number, made once; as it is, where there is none."""
        if self._for_numbers is None:
            from optimsche import compiling  # when it is first needed, as `arrays` below

            found = self.outcome()
            try:
                made = None if found is None else compiling.for_numbers(found)
            except (SyntaxError, RecursionError, MemoryError):  # nested deeper than Python's own parser goes
                made = None
            self._for_numbers = made or (lambda real_step, epoch=1.0: self.value(float(real_step), epoch))
        return self._for_numbers

    def value(self, real_step: float, epoch: float) -> float:
        """The formula's value for numbers, as a float.

        Raises:
            TypeError: the formula returned something else.
        """
        value = self.play(real_step, epoch)
        try:
            return value if type(value) is float else float(value)
        except (TypeError, ValueError):
            raise backends.no_number(self.lr_fn.name, value, real_step) from None

    def for_blocks(self) -> Blocks | None:
        """The formula as flat code for blocks of a NumPy array, or None; made once."""
        if self._for_blocks is _NOT_TRIED:
            from optimsche import arrays, compiling

            found = self.outcome()
            try:
                self._for_blocks = None if found is None else compiling.Blocks(found, arrays.call)
            except (SyntaxError, RecursionError, MemoryError):
                self._for_blocks = None
        return self._for_blocks  # type: ignore[no-any-return]

    @property
    def length(self) -> Any:
        """What the lr function's ``length=`` says, else the parameter ``steps``, else ``math.inf``."""
        if self._length is None:
            hook, steps = self.lr_fn.length, self.params.get("steps")
            self._length = hook(**self.params) if hook is not None else math.inf if steps is None else steps
        return self._length

    @property
    def joints(self) -> tuple[Any, ...]:
        """What the lr function's ``joints=`` says, else the end, if there is one."""
        if self._joints is None:
            hook, length = self.lr_fn.joints, self.length
            endless = type(length) is float and length == math.inf
            joints = tuple(hook(**self.params)) if hook is not None else () if endless else (length,)
            self._joints = _apart(joints, length)
        return self._joints


def _apart(joints: tuple[Any, ...], length: Any) -> tuple[Any, ...]:
    """Joints without those that are the next but for rounding, as are two sums of the same lengths; the end is last."""
    if not joints or not all(ops.is_number(x) for x in (*joints, length)):
        return joints
    last = length if abs(joints[-1] - length) <= ops.slack(length) else joints[-1]
    apart = [last]
    for joint in reversed(joints[:-1]):
        if joint < apart[-1] - ops.slack(apart[-1]):
            apart.append(joint)
    return tuple(reversed(apart))


class _Flat:
    """A node that flat code calls: with flat code of its own, made when it is first called."""

    __slots__ = ("_node", "_play")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._play: Callable[[Any, Any], Any] | None = None

    def __call__(self, real_step: Any, epoch: Any) -> Any:
        """The value: from flat code for numbers, from the formula as it is for arrays."""
        if backends.is_numpy(real_step):
            return self._node(real_step, epoch)
        if self._play is None:
            self._play = self._node.for_numbers()
        return self._play(real_step, epoch)

    def for_blocks(self) -> Blocks | None:
        """For a block of an array: see :meth:`Node.for_blocks`."""
        return self._node.for_blocks()


def _has_weight(part: Any) -> bool:
    return isinstance(part, Node | tuple)


def _bind(lr_fn: LrFn[...], params: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """The formula as a function of the clocks alone.

    A copy of the function with the parameters as its defaults: Python fills in defaults faster than it passes keyword
    arguments, and the parameters of a schedule never change.
    """
    formula = lr_fn.formula
    if not isinstance(formula, types.FunctionType):
        return functools.partial(formula, **params)
    bound = types.FunctionType(formula.__code__, formula.__globals__, formula.__name__, None, formula.__closure__)
    bound.__defaults__ = tuple(params[name] for name in lr_fn.positional)
    bound.__kwdefaults__ = {name: value for name, value in params.items() if name not in lr_fn.positional}
    return bound


# ---------------------------------------------------------------------------------------------------------------------
# The value
# ---------------------------------------------------------------------------------------------------------------------


@domains.explained_methods
class Schedule:
    """An immutable learning-rate schedule: call it with the number of an update to get that update's rate.

    Built by lr functions such as :func:`~optimsche.cosine`, combined by methods, ``>>``, ``*``, ``/`` and
    ``+``. Two schedules are equal when they are the same function with equal parameters; ``repr`` is the expression
    that builds the schedule.

    >>> from optimsche import cosine
    >>> plan = cosine(start=3e-4, steps=9_000).warmup(1_000)
    >>> plan
    warmup(cosine(start=0.0003, end=0.0, steps=9000), steps=1000, start=0.0)
    >>> plan(500), plan(1_000), plan(10_000)
    (0.00015, 0.0003, 0.0)
    """

    # An empty __dict__, since torch's LambdaLR stores that of whatever it calls.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_arguments",
        "_counts_epochs",
        "_depth",
        "_hash",
        "_lr_fn",
        "_node",
        "_play",
    )
    __array_ufunc__ = None  # numpy.float64(0.1) * schedule is a schedule, not an array of one
    is_schedule = True

    _lr_fn: LrFn[...]
    _arguments: dict[str, Any]
    _counts_epochs: bool
    _depth: int
    _hash: int
    _node: Node
    _play: Callable[..., Any]

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError(
            "Schedule is not built directly; call an lr function such as cosine(start=3e-4, steps=9_000), "
            "or define one with @lr_fn"
        )

    @classmethod
    def _of(cls, lr_fn: LrFn[...], arguments: dict[str, Any]) -> Schedule:
        self = object.__new__(cls)
        inner = _schedules(arguments)
        depth = 1 + max((schedule._depth for schedule in inner), default=0)
        if depth > _DEEPEST:
            raise ValueError(
                f"{lr_fn.name}: schedules can be nested {_DEEPEST} deep, and this would be one more. "
                "For many pieces write sequence([a, b, c, ...]), or one table: piecewise_constant, piecewise_linear or "
                "milestones"
            )
        bound = {name: _as_bound(value, lr_fn.annotations[name]) for name, value in arguments.items()}
        object.__setattr__(self, "_lr_fn", lr_fn)
        object.__setattr__(self, "_arguments", arguments)
        object.__setattr__(self, "_depth", depth)
        # From the parts' own: a schedule that is a part twice is not walked through twice at each level.
        object.__setattr__(self, "_counts_epochs", lr_fn.counts_epochs or any(part._counts_epochs for part in inner))
        object.__setattr__(self, "_hash", hash((lr_fn.name, tuple(arguments.items()))))
        object.__setattr__(self, "_node", Node(lr_fn, bound, _bind(lr_fn, bound)))
        object.__setattr__(self, "_play", self._until_flat_code())
        return self

    def _until_flat_code(self) -> Callable[[Any, Any], float]:
        """The formula as it is, for the first calls; then flat code takes its place."""
        node, calls = self._node, itertools.count(1)

        def play(real_step: Any, epoch: Any = _FIRST_EPOCH) -> float:
            # Where torch.compile follows the call there is nothing to count, and a count would be a guard that fails.
            if not _is_compiled_by_torch() and next(calls) == _CALLS_BEFORE_FLAT_CODE:
                object.__setattr__(self, "_play", node.for_numbers())
            return node.value(float(real_step), epoch)

        return play

    # -- evaluation ---------------------------------------------------------------------------------------------------

    @overload
    def __call__(self, real_step: float | np.integer[Any] | np.floating[Any], epoch: float = ...) -> float: ...
    @overload
    def __call__(self, real_step: NDArray[Any], epoch: float | NDArray[Any] = ...) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, real_step: ArrayT, epoch: float | ArrayT = ...) -> ArrayT: ...
    @overload
    def __call__(self, real_step: float, epoch: ArrayT) -> ArrayT: ...
    def __call__(self, real_step: Any, epoch: Any = _FIRST_EPOCH) -> Any:
        """The rate of update number ``real_step``.

        Args:
            real_step: number of the update, from 1; 0 is the instant before training. A number or an array of numbers
                from 0 to 1e300.
            epoch: pass over the data, from 1, may be fractional. A number, or an array of the same shape.

        Returns:
            A Python float for numbers; an array of the same library and shape for an array, float64 if the steps were
            whole numbers.

        Raises:
            ValueError: a clock is not from 0 to 1e300; one on an accelerator, or a traced one, is not looked at.
            TypeError: a clock that is not a number or an array of numbers.
        """
        # The call of a training loop comes first: a whole number that a float holds, with or without an epoch.
        if type(real_step) is int and 0 <= real_step <= 2**53:
            if epoch is _FIRST_EPOCH:
                return self._play(real_step)
            if (type(epoch) is int or type(epoch) is float) and 0 <= epoch <= backends.LARGEST_CLOCK:
                return self._play(real_step, float(epoch))
        if backends.is_array(real_step) or backends.is_array(epoch):
            from optimsche import arrays

            return arrays.evaluate(self._node, real_step, epoch)
        steps, epochs = backends.clock(real_step, "real_step"), backends.clock(epoch, "epoch")
        if type(steps) is float and type(epochs) is float:
            return self._play(steps, epochs)
        return backends.like_clocks(self._node.play(backends.copied(steps), backends.copied(epochs)), steps, epochs)

    def apply(self, real_step: Any, epoch: Any, params: Mapping[str, Any]) -> Any:
        """The same pure function with other parameters: numbers, arrays, tensors or traced values.

        Args:
            real_step: as in a call.
            epoch: as in a call.
            params: a nested dictionary like :attr:`params`; a parameter that is left out keeps its value. Ranges are
                not checked.

        Returns:
            The value, in the common shape of the clocks and the parameters.

        Raises:
            TypeError: a parameter that the schedule does not have.

        >>> from optimsche import cosine
        >>> plan = cosine(start=0.1, steps=100)
        >>> plan.apply(50, 1, {"start": 0.2})
        0.1
        >>> import numpy as np
        >>> plan.apply(np.array([[0], [50]]), 1, {"start": np.array([0.1, 0.2])})
        array([[0.1 , 0.2 ],
               [0.05, 0.1 ]])
        """
        node, given = self._with_params(params), list(_arrays_in(params))
        if not given and (backends.is_array(real_step) or backends.is_array(epoch)):
            from optimsche import arrays

            return arrays.whole(node, real_step, epoch)
        real_step, epoch = backends.clock(real_step, "real_step"), backends.clock(epoch, "epoch")
        if not given and type(real_step) is float and type(epoch) is float:
            return node.value(real_step, epoch)
        for array in given:
            # NumPy's own arithmetic takes no traced values and no tensors.
            real_step, epoch = backends.in_library_of(array, real_step), backends.in_library_of(array, epoch)
        value = node(backends.copied(real_step), backends.copied(epoch))
        return backends.spread(value, real_step, epoch) if given else backends.like_clocks(value, real_step, epoch)

    def _with_params(self, given: Mapping[str, Any]) -> Node:
        lr_fn, own = self._lr_fn, self._node.params
        if not isinstance(given, Mapping):
            raise TypeError(
                f"apply takes a dictionary of parameters of {lr_fn.name}, {{}} for no change, "
                f"got {backends.shown(given)}"
            )
        for name in given:
            if name not in own:
                hint = domains.did_you_mean(name, own)
                raise TypeError(f"apply: {lr_fn.name} has no parameter {name!r}{hint}")
        params = dict(own)
        for name, value in self._arguments.items():
            if name in given and not isinstance(value, Schedule):
                params[name] = _parameter(f"apply: {lr_fn.name}", name, lr_fn.annotations[name], given[name])
            elif name in given:
                if not isinstance(given[name], Mapping):
                    raise TypeError(
                        f"apply: {lr_fn.name}'s {name} takes a dictionary of the parameters of {value.lr_fn.name}, "
                        f"got {backends.shown(given[name])}"
                    )
                params[name] = value._with_params(given[name])
        return Node(lr_fn, params, functools.partial(lr_fn.formula, **params))

    # -- facts --------------------------------------------------------------------------------------------------------

    @property
    def lr_fn(self) -> LrFn[...]:
        """The lr function that this schedule plays."""
        return self._lr_fn

    @property
    def arguments(self) -> dict[str, Any]:
        """Its parameters by name, inner schedules as schedules: ``s.lr_fn(**s.arguments) == s``."""
        return dict(self._arguments)

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters by name, those of inner schedules as dictionaries: what :meth:`apply` takes."""
        return {name: v.params if isinstance(v, Schedule) else v for name, v in self._arguments.items()}

    @property
    def inner(self) -> tuple[Schedule, ...]:
        """The schedules that it is made of, in the order of its parameters: those directly inside."""
        return _schedules(self._arguments)

    @property
    def length(self) -> float:
        """The natural length in updates; ``math.inf`` for a schedule without an end."""
        return float(self._node.length)

    @property
    def joints(self) -> tuple[float, ...]:
        """Where pieces meet, in updates: above 0, increasing, the end of the last piece included if it has one."""
        return tuple(float(joint) for joint in self._node.joints)

    @property
    def counts_epochs(self) -> bool:
        """Whether a part of it is played by the epoch (:func:`~optimsche.by_epoch`) and not by the update."""
        return self._counts_epochs

    # -- a value among values -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        shown = []
        for name, value in self._arguments.items():
            by_position = isinstance(value, Schedule) and name in self._lr_fn.positional
            shown.append(repr(value) if by_position else f"{name}={value!r}")
        return f"{self._lr_fn.name}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return self._lr_fn == other._lr_fn and self._arguments == other._arguments

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._lr_fn, self._arguments)

    def __copy__(self) -> Schedule:
        return self

    def __deepcopy__(self, memo: object) -> Schedule:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a schedule is immutable: cannot set {name!r}; build a new one instead")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a schedule is immutable: cannot delete {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain data, for JSON and YAML: see :func:`optimsche.to_dict`."""
        from optimsche import text

        return text.to_dict(self)

    # -- drawing ------------------------------------------------------------------------------------------------------

    def plot(
        self,
        *,
        steps: float | None = None,
        steps_per_epoch: int | None = None,
        accum_grad: int = 1,
        unit: Literal["updates", "epochs"] = "updates",
        log: bool = False,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the curve and return its Matplotlib axes: see :func:`optimsche.plot`."""
        from optimsche.curve import plot

        return plot(
            self, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, unit=unit, log=log, ax=ax
        )

    def table(
        self,
        *,
        steps: float | None = None,
        steps_per_epoch: int | None = None,
        accum_grad: int = 1,
        rows: int = 12,
    ) -> Table:
        """The rates at the joints and at a few updates between: see :func:`optimsche.table`."""
        from optimsche.curve import table

        return table(self, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, rows=rows)

    def _repr_html_(self) -> str | None:
        from optimsche import curve

        return curve.notebook_html(self)

    # -- combinators as methods: each is the function of the same name in optimsche.combinators ----------------------
    # They import inside the call: the one reference upwards, since combinators are made of schedules.

    def then(self, second: Schedule, *, at: Steps | None = None) -> Schedule:
        """Play this up to and including update ``at`` (by default its length), then ``second`` from its own zero."""
        from optimsche.combinators import then

        return then(self, second, at=at)

    def warmup(self, steps: Length, *, start: Rate = 0.0) -> Schedule:
        """Rise from ``start`` to this schedule's value at 0 over ``steps`` updates, then play it."""
        from optimsche.combinators import warmup

        return warmup(self, steps, start=start)

    def cooldown(self, *, at: Steps, steps: Steps, end: Rate = 0.0) -> Schedule:
        """Play this up to and including update ``at``, then go in a straight line to ``end`` over ``steps``."""
        from optimsche.combinators import cooldown

        return cooldown(self, at=at, steps=steps, end=end)

    def scale(self, factor: Factor | Schedule) -> Schedule:
        """Multiply by a number or by another schedule; also written ``*``, or ``/`` by a number."""
        from optimsche.combinators import scale

        return scale(self, factor)

    def add(self, second: Schedule) -> Schedule:
        """Add another schedule, update by update; also written ``+``."""
        from optimsche.combinators import add

        return add(self, second)

    def shift(self, by: Offset) -> Schedule:
        """Play this ``by`` updates later; earlier if ``by`` is negative."""
        from optimsche.combinators import shift

        return shift(self, by)

    def stretch(self, by: Ratio) -> Schedule:
        """Play this ``by`` times as long."""
        from optimsche.combinators import stretch

        return stretch(self, by)

    def over(self, steps: Steps) -> Schedule:
        """Play this over ``steps`` updates, whatever its own length, with its joints on whole updates."""
        from optimsche.combinators import over

        return over(self, steps)

    def repeat(
        self,
        times: Cycles | None = None,
        *,
        every: Steps | None = None,
        stretch: Growth = 1.0,
        scale: Fraction = 1.0,
        closed: Closed = "right",
    ) -> Schedule:
        """Restart this ``every`` updates, each cycle ``stretch`` times as long and ``scale`` times as high."""
        from optimsche.combinators import repeat

        return repeat(self, times, every=every, stretch=stretch, scale=scale, closed=closed)

    def clamp(self, *, floor: Rate = 0.0, ceiling: Rate | None = None) -> Schedule:
        """Keep the value between ``floor`` and ``ceiling``."""
        from optimsche.combinators import clamp

        return clamp(self, floor=floor, ceiling=ceiling)

    def staircase(self, every: Steps, *, closed: Closed = "right") -> Schedule:
        """Hold the value for ``every`` updates at a time."""
        from optimsche.combinators import staircase

        return staircase(self, every, closed=closed)

    def warp(self, clock: Schedule) -> Schedule:
        """Play this on the clock that another schedule gives."""
        from optimsche.combinators import warp

        return warp(self, clock)

    def jitter(self, amount: Share, *, seed: Seed = 0) -> Schedule:
        """Move each update's value up or down at random, by at most ``amount`` of it: a pure function of the seed."""
        from optimsche.combinators import jitter

        return jitter(self, amount, seed=seed)

    def running_product(self) -> Schedule:
        """Multiply the values that this has at 1, 2, ... up to the update."""
        from optimsche.combinators import running_product

        return running_product(self)

    def by_epoch(self) -> Schedule:
        """Count finished epochs where this counts updates."""
        from optimsche.combinators import by_epoch

        return by_epoch(self)

    def __rshift__(self, second: Schedule) -> Schedule:
        return self.then(second) if isinstance(second, Schedule) else NotImplemented

    def __mul__(self, factor: float | Schedule) -> Schedule:
        if isinstance(factor, Schedule) or _is_real_number(factor):
            return self.scale(factor)
        if hasattr(factor, "dtype"):
            raise TypeError(
                f"a schedule is multiplied by a number or another schedule, not by an array ({type(factor).__name__}); "
                "multiply its values: plan(steps) * factors"
            )
        return NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Schedule:
        if not _is_real_number(divisor):
            return NotImplemented
        if divisor == 0:
            raise ValueError(f"a schedule is divided by a number > 0, got {divisor!r}")
        return self.scale(1 / divisor)

    def __add__(self, second: Schedule) -> Schedule:
        return self.add(second) if isinstance(second, Schedule) else NotImplemented


def _schedules(arguments: dict[str, Any]) -> tuple[Schedule, ...]:
    return tuple(value for value in arguments.values() if isinstance(value, Schedule))


def _is_real_number(value: Any) -> bool:
    return isinstance(value, int | float) or backends.is_numpy_scalar(value)


def _parameter(call: str, name: str, annotation: Any, value: Any) -> Any:
    """A parameter of ``apply`` as a formula sees it: its kind is checked, its range is not."""
    if isinstance(value, tuple | list):
        return tuple(_parameter(call, name, annotation, element) for element in value)
    if _is_array(value):
        return backends.real_numbers(value) if domains.is_real(annotation) else value
    if not isinstance(value, int | float) and not (isinstance(value, str) and domains.takes_text(annotation)):
        value = domains.admit(call, name, annotation, value)
    return _as_bound(value, annotation)


def _arrays_in(params: Any) -> Iterator[Any]:
    """The arrays, tensors and traced values among parameters, those of inner schedules and in tuples included."""
    if isinstance(params, Mapping | tuple | list):
        for value in params.values() if isinstance(params, Mapping) else params:
            yield from _arrays_in(value)
    elif _is_array(params):
        yield params


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and not backends.is_numpy_scalar(value)


def _is_compiled_by_torch() -> bool:
    """Whether ``torch.compile`` follows this call, asked without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def _as_bound(value: Any, annotation: Any) -> Any:
    """A parameter as its formula sees it: schedules as nodes, and a real number as a float however it was written."""
    if isinstance(value, Schedule):
        return value._node
    if type(value) is int and domains.is_real(annotation):
        return float(value)
    return value


def _rebuild(lr_fn: LrFn[...], arguments: dict[str, Any]) -> Schedule:
    return lr_fn(**arguments)


# ---------------------------------------------------------------------------------------------------------------------
# The decorator
# ---------------------------------------------------------------------------------------------------------------------


class LrFn(Generic[P]):
    """A constructor of schedules, made by :func:`lr_fn` from a formula. Call it with the formula's parameters."""

    def __init__(
        self,
        formula: Callable[..., Any],
        *,
        length: Callable[..., Any] | None = None,
        joints: Callable[..., Sequence[Any]] | None = None,
        resolve: Callable[..., Mapping[str, Any]] | None = None,
        counts_epochs: bool = False,
    ) -> None:
        functools.update_wrapper(self, formula)
        self.formula = formula
        self.name: str = formula.__name__
        self.length, self.joints, self.resolve, self.counts_epochs = length, joints, resolve, counts_epochs
        self.is_built_in = _is_built_in(formula)
        own = _own_parameters(formula)
        self.annotations = {p.name: _annotation(formula, p) for p in own}
        self.positional = tuple(p.name for p in own if p.kind is not p.KEYWORD_ONLY)
        own = [p if p.annotation is p.empty else p.replace(annotation=self.annotations[p.name]) for p in own]
        self.__signature__ = inspect.Signature(own, return_annotation=Schedule)
        self.__annotations__ = {p.name: p.annotation for p in own if p.annotation is not p.empty}
        for p in own:
            if p.default is not p.empty:
                domains.admit(f"@lr_fn: {self.name}", p.name, self.annotations[p.name], p.default)
        _make_portable(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Schedule:
        """Build the schedule: every parameter is checked here, once."""
        given = domains.by_name(self.name, self.__signature__.parameters, args, kwargs)
        arguments = {name: self._admitted(name, value) for name, value in given.items()}
        if self.resolve is not None:
            try:
                resolved = self.resolve(**arguments)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None
            _check_resolved(self, resolved)
            arguments |= {name: self._admitted(name, value) for name, value in resolved.items()}
        made = Schedule._of(self, arguments)
        if not self.is_built_in:
            _check_facts(made._node)
        return made

    def _admitted(self, name: str, value: Any) -> Any:
        return domains.admit(self.name, name, self.annotations[name], value)

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
            if _by_name(self.__module__, name) != self:
                import pickle

                raise pickle.PicklingError(
                    f"pickle finds no lr function {name} in {self.__module__}, or another one: define it at the top of "
                    "its module, or pickle with protocol 4 or later"
                )
            return _by_name, (self.__module__, name)
        return _of_formula, (self.formula,)


def _by_name(module: str, name: str) -> Any:
    """What a module has under a name, which may have dots."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _check_resolved(lr_fn: LrFn[...], resolved: Any) -> None:
    where = f"@lr_fn: resolve= of {lr_fn.name} must return a dictionary of parameters to replace, {{}} for none"
    if not isinstance(resolved, Mapping):
        raise TypeError(f"{where}; it returned {backends.shown(resolved)}")
    for name in resolved:
        if name not in lr_fn.annotations:
            raise TypeError(f"{where}; {name!r} is none of them{domains.did_you_mean(name, lr_fn.annotations)}")


def _check_facts(node: Node) -> None:
    """Refuse a length or joints that are none, where somebody's own function says what they are."""
    lr_fn, params = node.lr_fn, node.params
    if lr_fn.length is not None:
        length = lr_fn.length(**params)
        where = f"@lr_fn: length= of {lr_fn.name} must return a number of updates >= 0, or math.inf for no end"
        if not _is_real_number(length) or isinstance(length, bool):
            raise TypeError(f"{where}; it returned {backends.shown(length)}")
        if not length >= 0:
            raise ValueError(f"{where}; it returned {backends.shown(length)}")
    if lr_fn.joints is not None:
        joints = lr_fn.joints(**params)
        where = f"@lr_fn: joints= of {lr_fn.name} must return increasing numbers of updates > 0"
        try:
            numbers = [0.0, *map(float, joints)]
        except (TypeError, ValueError):
            raise TypeError(f"{where}; it returned {backends.shown(joints)}") from None
        if not all(left < right < math.inf for left, right in itertools.pairwise(numbers)):
            raise ValueError(f"{where}; it returned {backends.shown(joints)}")


def _make_portable(lr_fn: LrFn[...]) -> None:
    """Let pickle find the formula, whose name is taken by the lr function: as the attribute that it is.

    What it takes to make the lr function again travels with the formula, for picklers that send functions as code.
    """
    formula: Any = lr_fn.formula
    if isinstance(formula, types.FunctionType) and "lr_fn_options" not in formula.__dict__:
        formula.__qualname__ += ".formula"
        formula.__dict__["lr_fn_options"] = {name: getattr(lr_fn, name) for name in _OPTIONS}


def _of_formula(formula: Callable[..., Any]) -> LrFn[...]:
    known_one = _known.get(formula.__name__)
    if isinstance(known_one, LrFn) and known_one.formula is formula:
        return known_one
    return LrFn(formula, **getattr(formula, "lr_fn_options", {}))


@overload
def lr_fn(formula: Callable[Concatenate[Any, Any, P], Any], /) -> LrFn[P]: ...
@overload
def lr_fn(
    *,
    length: Callable[..., Any] | None = None,
    joints: Callable[..., Sequence[Any]] | None = None,
    resolve: Callable[..., Mapping[str, Any]] | None = None,
    counts_epochs: bool = False,
) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], LrFn[P]]: ...
def lr_fn(formula: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Turn a formula into a constructor of schedules.

    Args:
        formula: a pure function ``(real_step, epoch, *, parameters) -> rate``. The clocks arrive as floats or as
            arrays; ranges of parameters stand in their annotations (:data:`~optimsche.Rate`,
            :data:`~optimsche.Steps`, or any ``Annotated`` type in the terms of annotated-types). Written with
            ``optimsche.ops`` it works on every kind of array and can be differentiated; one that branches in Python
            or calls ``math`` works on numbers, and element by element on NumPy arrays.
        length: natural length in updates, from the parameters; without it the parameter ``steps``, if there is one.
        joints: where pieces meet, in updates, from the parameters; without it the end, if there is one.
        resolve: called with the checked parameters when a schedule is built; returns those to replace, for defaults
            that depend on other parameters, or raises ``ValueError``.
        counts_epochs: the function plays a schedule by epochs, so drawing it takes ``steps_per_epoch``.

    Returns:
        The constructor, with the formula's signature less the clocks.

    Raises:
        TypeError: the first two parameters are not the clocks, or ``*args`` or ``**kwargs`` are taken.
        ValueError: the name is that of a built-in lr function or plan.

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
        if name not in _OPTIONS:
            hint = domains.did_you_mean(name, _OPTIONS) or f"; it takes {', '.join(_OPTIONS)}"
            raise TypeError(f"@lr_fn has no option {name!r}{hint}")
        if name != "counts_epochs" and value is not None and not callable(value):
            raise TypeError(f"@lr_fn: {name}= must be a function of the parameters, got {backends.shown(value)}")
    if formula is None:
        return functools.partial(_make, **options)
    return _make(formula)


_OPTIONS = ("length", "joints", "resolve", "counts_epochs")


def _make(formula: Callable[..., Any], **options: Any) -> LrFn[...]:
    try:
        is_function = callable(formula) and bool(formula.__name__) and bool(inspect.signature(formula))
    except (AttributeError, TypeError, ValueError):  # an object, a partial, a function that is written in C
        is_function = False
    if not is_function:
        raise TypeError(
            f"@lr_fn takes a function with a name and a signature, got {backends.shown(formula)}; "
            "write def f(real_step, epoch, *, ...): return ..., and call in it what there is"
        )
    made: LrFn[...] = LrFn(formula, **options)
    register(made.name, made)
    return made


def _own_parameters(formula: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(formula).parameters.values())
    clocks, own = parameters[:2], parameters[2:]
    name = formula.__name__
    if not name.isidentifier():
        raise TypeError(
            f"@lr_fn: a schedule prints the name of its function, and {name!r} is not an identifier: define it with def"
        )
    plain = all(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in clocks)
    if len(clocks) < 2 or clocks[0].name == "epoch" or not plain:
        raise TypeError(f"@lr_fn: {name} must begin with the clocks: def {name}(real_step, epoch, *, ...)")
    for p in own:
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise TypeError(f"@lr_fn: {name} takes {p}, but every parameter of an lr function has a name of its own")
    return own


def _annotation(formula: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
    where = f"@lr_fn: the annotation {annotation!r} of {formula.__name__}'s parameter {parameter.name!r}"
    if isinstance(annotation, str):  # from __future__ import annotations
        variables = dict(inspect.getclosurevars(formula).nonlocals) if inspect.isfunction(formula) else {}
        ranges = {name: getattr(domains, name) for name in domains.__all__} | {"Schedule": Schedule}
        try:
            annotation = eval(annotation, ranges | getattr(formula, "__globals__", {}), variables)
        except Exception as error:
            raise TypeError(f"{where} cannot be read here: {error}. Define it at the top of the module") from None
    if not domains.is_storable(annotation):
        raise TypeError(f"{where} is not something a schedule can hold: numbers, text, tuples of these, schedules")
    return annotation


# ---------------------------------------------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------------------------------------------

_known: dict[str, Callable[..., Schedule]] = {}


def known() -> dict[str, Callable[..., Schedule]]:
    """Every lr function and named plan by name, users' own included: what text and configuration can reach."""
    return dict(_known)


def register(name: str, constructor: Callable[..., Schedule]) -> None:
    """Make an lr function or a plan known by name. Users' own replace each other, but never a built-in one."""
    before = _known.get(name)
    if before is not None and _is_built_in(before) and not _is_built_in(constructor):
        raise ValueError(f"{name!r} is the name of a built-in schedule; give your lr function another name")
    _known[name] = constructor


def _is_built_in(constructor: Callable[..., Schedule]) -> bool:
    return (constructor.__module__ or "").startswith("optimsche.")
