"""What the functions of every system have in common: the check of their arguments, and the words for their ranges."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeAlias, TypeVar

import annotated_types as at
from annotated_types import Ge, Gt, Le, Lt

from optimsche import checking
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

P = ParamSpec("P")
ScheduleT = TypeVar("ScheduleT", bound=Schedule)

Lr: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a learning rate")]
PositiveLr: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a learning rate")]
Value: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a value")]
Gamma: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a factor on the rate")]
PositiveGamma: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on the rate")]
UnitFactor: TypeAlias = Annotated[float, Ge(0), Le(1), Meaning("a factor on the rate")]
Exponent: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("an exponent")]
Share: TypeAlias = Annotated[float, Ge(0), Le(1), Meaning("a part of the whole")]
Steps: TypeAlias = Annotated[int, Ge(0), Meaning("a number of steps")]
SomeSteps: TypeAlias = Annotated[int, Gt(0), Meaning("a number of steps")]
RealSteps: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a number of steps")]
SomeRealSteps: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a number of steps")]
Cycles: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a number of cycles")]
Edges: TypeAlias = Annotated[tuple[RealSteps, ...], Meaning("numbers of steps")]
if TYPE_CHECKING:
    Metrics: TypeAlias = tuple[float, ...]
else:
    # Any of them may be NaN or infinite, as a loss may, which `float` excludes: what takes them looks at each.
    Metrics = Annotated[tuple[object, ...], Meaning("the metrics reported so far, the oldest first")]
Schedules: TypeAlias = Annotated[tuple[Schedule, ...], at.MinLen(1), Meaning("schedules of this module")]
Ease: TypeAlias = Literal["cos", "linear"]


def peer(system: str) -> Callable[[Callable[P, ScheduleT]], Callable[P, ScheduleT]]:
    """Check a function's arguments by their annotations; errors call it by the system's name and its own."""

    def checked(function: Callable[P, ScheduleT]) -> Callable[P, ScheduleT]:
        call = f"{system}.{function.__name__}"
        inner = checking.checked(call, function)
        parameters = inspect.signature(function).parameters

        @functools.wraps(function)
        def without_optimizer(*args: P.args, **kwargs: P.kwargs) -> ScheduleT:
            if "optimizer" in kwargs or any(hasattr(argument, "param_groups") for argument in args):
                rate = next((name for name in ("base_lr", "max_lr") if name in parameters), "")
                also = f", and give its rate as {rate}=" if rate else ""
                raise TypeError(f"{call}() takes no optimizer: leave it out{also}")
            if "last_epoch" in kwargs:
                raise TypeError(f"{call}() takes no last_epoch: a schedule is called with the number of the update")
            return inner(*args, **kwargs)

        return without_optimizer

    return checked
