"""A schedule is a value: an lr function and its parameters, called with the clocks.

All that a schedule can do follows from the pair (function, parameters) and is defined once, here: its value, equality,
hash, repr and pickling. `lr_fn` makes constructors of schedules, `methods` has the combinators as methods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Protocol, TypeVar, overload

from annotated_types import Ge

from optimsche import habits
from optimsche.call_errors import answers_attributes, explained_methods
from optimsche.checking import admit
from optimsche.evaluation import arrays
from optimsche.evaluation.node import Node, arrays_in, as_bound
from optimsche.methods import Methods
from optimsche.pickling import build, build_by_name
from optimsche.ranges import Meaning
from optimsche.wrong_names import to_replace, where_a_parameter_is

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimsche.lr_fn import LrFn

_Clock = Annotated[float, Meaning("a clock, in updates")]
_Most = Annotated[int, Ge(0), Meaning("how many")] | None
# Each level costs a few of Python's stack frames; text and JSON nest as deep.
_DEEPEST = 100


class _Array(Protocol):
    """What PyTorch's, JAX's and NumPy's arrays have in common for a type checker."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...


ArrayT = TypeVar("ArrayT", bound=_Array)


@answers_attributes("a schedule", habits.OF_A_SCHEDULE, where_a_parameter_is)
@explained_methods
class Schedule(Methods):
    """An immutable learning-rate schedule: call it with the number of an update to get that update's rate.

    Built by lr functions such as `cosine`, combined by methods, `>>`, `*`, `/`, `+` and `-`. Two schedules are equal
    when they are the same function with equal parameters; `repr` is the expression that builds the schedule.

    >>> from optimsche import cosine
    >>> plan = cosine(start=3e-4, steps=9_000).warmup(1_000)
    >>> plan
    warmup(cosine(start=0.0003, end=0.0, steps=9000), steps=1000, start=0.0)
    >>> plan(500), plan(1_000), plan(10_000)
    (0.00015, 0.0003, 0.0)
    """

    __slots__ = (
        "__weakref__",
        "_arguments",
        "_depth",
        "_has_default_start",
        "_hash",
        "_lr_fn",
        "_node",
    )
    is_schedule = True

    _lr_fn: LrFn[...]
    _arguments: dict[str, Any]
    _depth: int
    _hash: int
    _has_default_start: bool
    _node: Node

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError(
            "Schedule is not built directly; call an lr function such as cosine(start=3e-4, steps=9_000), "
            "or define one with @lr_fn"
        )

    @classmethod
    def _of(cls, lr_fn: LrFn[...], arguments: dict[str, Any], *, has_default_start: bool = False) -> Schedule:
        self = object.__new__(cls)
        inner = [value for value in arguments.values() if isinstance(value, Schedule)]
        depth = 1 + max((schedule._depth for schedule in inner), default=0)
        if depth > _DEEPEST:
            raise ValueError(
                f"{lr_fn.name}: schedules can be nested {_DEEPEST} deep, and this would be one more. "
                "For many pieces write sequence([a, b, c, ...]), or one table: piecewise_constant, piecewise_linear or "
                "milestones"
            )
        bound = {
            name: value._node if isinstance(value, Schedule) else as_bound(value, lr_fn.annotations[name])
            for name, value in arguments.items()
        }
        facts = {
            "_lr_fn": lr_fn,
            "_arguments": arguments,
            # For whoever joins pieces, and no part of the value.
            "_has_default_start": has_default_start,
            "_depth": depth,
            "_hash": hash((lr_fn.name, tuple(arguments.items()))),
            "_node": Node(lr_fn, bound),
        }
        for name, fact in facts.items():
            object.__setattr__(self, name, fact)
        return self

    # -- evaluation ---------------------------------------------------------------------------------------------------

    @overload
    def __call__(self, real_step: float | np.integer[Any] | np.floating[Any], epoch: float | None = ...) -> float: ...
    @overload
    def __call__(self, real_step: NDArray[Any], epoch: float | NDArray[Any] | None = ...) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, real_step: ArrayT, epoch: float | ArrayT | None = ...) -> ArrayT: ...
    @overload
    def __call__(self, real_step: float, epoch: ArrayT) -> ArrayT: ...
    def __call__(self, real_step: Any = None, epoch: Any = None) -> Any:  # without a clock it says what to write
        """The rate of update number `real_step`.

        Args:
            real_step: number of the update, from 1; 0 is the instant before training. A number or an array of numbers
                from 0 to 1e300.
            epoch: pass over the data, from 1, may be fractional. A number, or an array of the same shape. A schedule
                that counts epochs needs it; the others do not look at it.

        Returns:
            A Python float for numbers; an array of the same library and shape for an array, float64 if the steps were
            whole numbers.

        Raises:
            ValueError: a clock is out of its range, or `epoch` is needed and not given. A clock on an accelerator, or a
                traced one, is not looked at.
            TypeError: a clock that is not a number or an array of numbers.
        """
        # The call of a training loop comes first: a whole number that Python compares and a float holds as it is, and
        # flat code that is there.
        node = self._node  # once: a class with answers for attributes that it lacks is slower to find those it has
        flat = node.flat
        if flat is not None and type(real_step) is int and real_step >= 0 and real_step <= 1_000_000_000:
            if epoch is None:
                if not node.counts_epochs:
                    return flat(0.0 + real_step)
            elif type(epoch) is int and epoch >= 1 and epoch <= 1_000_000_000:
                return flat(0.0 + real_step, 0.0 + epoch)
        return arrays.call(node, real_step, epoch)

    # Python's own words for a wrong name begin with this. To answer it otherwise would take time from every call.
    __call__.__qualname__ = "a schedule is called with the number of an update, plan(n), or plan(n, epoch): plan"

    def apply(self, real_step: Any, epoch: Any, params: Mapping[str, Any]) -> Any:
        """The same pure function with other parameters: numbers, arrays, tensors or traced values.

        Args:
            real_step: as in a call.
            epoch: as in a call; None for none.
            params: a nested dictionary like `params`; a parameter that is left out keeps its value. Ranges are not
                checked.

        Returns:
            The value, in the common shape of the clocks and the parameters.

        Raises:
            TypeError: a parameter that the schedule does not have.
            ValueError: a clock is out of its range, or `epoch` is needed and None.

        >>> from optimsche import cosine
        >>> plan = cosine(start=0.1, steps=100)
        >>> plan.apply(50, 1, {"start": 0.2})
        0.1
        >>> import numpy as np
        >>> plan.apply(np.array([[0], [50]]), 1, {"start": np.array([0.1, 0.2])})
        array([[0.1 , 0.2 ],
               [0.05, 0.1 ]])
        """
        node, given = self._node.with_params(params), list(arrays_in(params))
        if given:
            return arrays.call_beside(given, node, real_step, epoch)
        return arrays.call(node, real_step, epoch)

    # -- facts --------------------------------------------------------------------------------------------------------

    @property
    def lr_fn(self) -> LrFn[...]:
        """The lr function that this schedule evaluates."""
        return self._lr_fn

    @property
    def arguments(self) -> dict[str, Any]:
        """Its parameters by name, inner schedules as schedules: `s.lr_fn(**s.arguments) == s`."""
        return dict(self._arguments)

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters by name, those of inner schedules as dictionaries: what `apply` takes."""
        return {name: v.params if isinstance(v, Schedule) else v for name, v in self._arguments.items()}

    @property
    def inner(self) -> tuple[Schedule, ...]:
        """The schedules that it is made of, in the order of its parameters: those directly inside."""
        return tuple(value for value in self._arguments.values() if isinstance(value, Schedule))

    @property
    def length(self) -> float:
        """The natural length in updates; `math.inf` for a schedule without an end."""
        length = self._node.length
        return length if isinstance(length, float) else float(length)

    def boundaries(self, upto: float = math.inf, *, most: int | None = None) -> tuple[float, ...]:
        """Where one piece ends and the next begins, in updates: above 0, increasing, the end of the last included.

        Args:
            upto: all of them up to this clock; by default all that there are.
            most: only the first so many.

        Raises:
            ValueError: there are more than a million, as of a repetition without an end; or an argument is outside its
                range.
            TypeError: an argument is of the wrong kind.

        >>> from optimsche import linear
        >>> linear(steps=10).repeat().boundaries(upto=35)
        (10.0, 20.0, 30.0)
        """
        if not (isinstance(upto, float) and upto == math.inf):
            upto = admit("boundaries", "upto", _Clock, upto)
        most = admit("boundaries", "most", _Most, most)
        return self._node.boundaries(upto) if most is None else self._node.first_boundaries(most, upto)

    @property
    def reach(self) -> float:
        """How far it is worth drawing: its length, or what is known of a schedule without an end, else `math.inf`."""
        return self._node.reach

    @property
    def counts_epochs(self) -> bool:
        """Whether a part of it is evaluated by the epoch (`by_epoch`) and not by the update."""
        return self._node.counts_epochs

    # -- a value among values -----------------------------------------------------------------------------------------

    def replace(self, **changes: Any) -> Schedule:
        """The same lr function with some parameters changed: those of the outermost piece.

        Raises:
            TypeError: a parameter that it does not have.

        >>> from optimsche import cosine
        >>> cosine(start=0.1, steps=100).replace(steps=200)
        cosine(start=0.1, end=0.0, steps=200)
        """
        for name, value in changes.items():
            if name not in self._arguments:
                raise TypeError(f"{self._lr_fn.name}() has no parameter {name!r}{to_replace(self, name, value)}")
        return self._lr_fn(**{**self._arguments, **changes})

    def __repr__(self) -> str:
        shown, all_by_position = [], True
        for name, value in self._arguments.items():
            alone = name in self._lr_fn.positional_only
            # A schedule goes by position, as people write it, where nothing before it goes by name.
            if alone or (all_by_position and isinstance(value, Schedule) and name in self._lr_fn.positional):
                shown.append(repr(value))
            else:
                all_by_position = False
                shown.append(f"{name}={value!r}")
        return f"{self._lr_fn.name}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return _same(self, other, set()) if isinstance(other, Schedule) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        if self._lr_fn.is_built_in:  # by its name: torch.load is told that this is safe
            return build_by_name, (self._lr_fn.name, self._arguments)
        return build, (self._lr_fn, self._arguments)

    def __copy__(self) -> Schedule:
        return self

    def __deepcopy__(self, memo: object) -> Schedule:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a schedule is immutable: cannot set {name!r}; build a new one instead")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a schedule is immutable: cannot delete {name!r}")

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        # torch's LambdaLR saves that of what it calls, and writes into it when it loads: a new one each time.
        return {}


def _same(one: Schedule, other: Schedule, compared: set[tuple[int, int]]) -> bool:
    """Whether two schedules are equal; a pair of parts that comes again is not compared again."""
    if one is other or (id(one), id(other)) in compared:
        return True
    if one._hash != other._hash or one._lr_fn != other._lr_fn:
        return False
    for mine, theirs in zip(one._arguments.values(), other._arguments.values(), strict=True):
        if isinstance(mine, Schedule) and isinstance(theirs, Schedule):
            if not _same(mine, theirs, compared):
                return False
        elif mine != theirs:
            return False
    compared.add((id(one), id(other)))
    return True
