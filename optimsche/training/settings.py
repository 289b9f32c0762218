"""The ranges of the settings of :class:`OptimScheduler`, which hold whenever one is set."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar, overload

from annotated_types import Ge, Gt, Lt

from optimsche.call_errors import closest
from optimsche.checking import admit
from optimsche.counting import stages_of
from optimsche.ranges import Meaning

ValueT = TypeVar("ValueT")

_EPOCH_LENGTH: Any = Annotated[int, Ge(1), Meaning("micro-batches in one epoch")]

_RANGES: dict[str, Any] = {
    "step_per_update": Annotated[int, Ge(1), Meaning("windows from one update to the next")],
    "accum_grad": Annotated[int, Ge(1), Meaning("micro-batches in one window")],
    "steps_per_epoch": _EPOCH_LENGTH | None,
    "grad_norm_type": Annotated[float, Gt(0), Meaning("the p of the norm; math.inf for the largest gradient")],
    "ft_factor": Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on every rate, for fine-tuning")],
    "rates": Literal["absolute", "relative"],
    "max_skips": Annotated[int, Ge(1), Meaning("skipped updates in a row that end the run")],
    "epoch_num": Annotated[
        float, Ge(1), Lt(math.inf), Meaning("a pass over the data; the first is 1, and halfway through it is 1.5")
    ],
}


def admitted(name: str, value: Any, call: str = "OptimScheduler") -> Any:
    """``value``, checked against the range of the argument ``name``.

    Raises:
        TypeError: the value is of the wrong kind.
        ValueError: it is outside its range.

    >>> admitted("rates", "abs")
    Traceback (most recent call last):
    ValueError: OptimScheduler(rates='abs'): rates must be one of 'absolute', 'relative', got 'abs'.
    """
    if name == "grad_norm_type" and value == math.inf:
        return math.inf
    if name == "accum_grad" and isinstance(value, Mapping):
        return dict(stages_of(value))
    return admit(call, name, _RANGES[name], value)


def defaults_of(kind: type) -> dict[str, Any]:
    """The arguments of a class that may be left out, and what they are then.

    >>> class Example:
    ...     def __init__(self, optimizer: object, rates: str = "absolute") -> None: ...
    >>> defaults_of(Example)
    {'rates': 'absolute'}
    """
    parameters = inspect.signature(kind).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


class Checked(Generic[ValueT]):
    """A setting that is checked whenever it is set, also after construction.

    Args:
        check: gives the value back, or refuses it; by default by the range of the argument of the same name.

    >>> class Example:
    ...     rates = Checked[str]()
    >>> Example().rates = "abs"
    Traceback (most recent call last):
    ValueError: OptimScheduler(rates='abs'): rates must be one of 'absolute', 'relative', got 'abs'.
    """

    def __init__(self, check: Callable[[Any], Any] | None = None) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:
        # Without a __get__, Python finds the value in the instance by itself, as quickly as that of any attribute.
        @overload
        def __get__(self, instance: None, owner: type) -> Checked[ValueT]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> ValueT: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...

    def __set__(self, instance: object, value: Any) -> None:
        """Keep a value, or refuse it and keep the one before."""
        instance.__dict__[self._name] = self._check(value) if self._check else admitted(self._name, value)


class Fixed(Generic[ValueT]):
    """An attribute that stays as it was built.

    Args:
        cure: what to do instead of setting it.

    >>> class Example:
    ...     optimizer = Fixed[str]("build another Example")
    >>> example = Example()
    >>> example.optimizer = "SGD"
    >>> example.optimizer = "Adam"
    Traceback (most recent call last):
    AttributeError: optimizer cannot be exchanged; build another Example
    """

    def __init__(self, cure: str) -> None:
        self._cure = cure

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type) -> Fixed[ValueT]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> ValueT: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...

    def __set__(self, instance: object, value: Any) -> None:
        """Keep the first value."""
        if self._name in instance.__dict__:
            raise AttributeError(f"{self._name} cannot be exchanged; {self._cure}")
        instance.__dict__[self._name] = value


def rename_hint(missing: str, given: Iterable[object]) -> str:
    """What to say beside "``missing`` is missing", if one of the ``given`` keys looks like it.

    >>> rename_hint("optim_type", ["optim_typ", "lr"])
    "; there is 'optim_typ': rename it"
    """
    close = closest(missing, map(str, given))
    return "" if close is None else f"; there is {close!r}: rename it"
