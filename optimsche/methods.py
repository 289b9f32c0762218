"""What can be done with a schedule, as methods: combinators, pictures, data.

A method finds its combinator in the table of names, and what draws and writes when it is first used. So nothing is
imported upwards: combinators are made of schedules, and pictures are of them.
"""

from __future__ import annotations

import operator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from optimsche import habits
from optimsche.call_errors import explained_methods, refuses_operators
from optimsche.libraries import is_numpy_scalar
from optimsche.names import lookup
from optimsche.ranges import Closed, Cycles, Factor, Fraction, Growth, Length, Offset, Rate, Ratio, Seed, Share, Steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from optimsche.combinators.by_tokens import PerUpdate
    from optimsche.combinators.cooldown import Along
    from optimsche.curve import Table
    from optimsche.curve.explorer import Explorer
    from optimsche.runs import Diff
    from optimsche.schedule import Schedule
    from optimsche.source import Language


def _combined(name: str, *args: Any, **kwargs: Any) -> Schedule:
    made: Schedule = lookup(name)(*args, **kwargs)
    return made


def _feature(module: str, name: str) -> Any:
    return getattr(import_module(f"optimsche.{module}"), name)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) or is_numpy_scalar(value)


@refuses_operators(habits.OPERATORS)
@explained_methods
class Methods:
    """The methods and operators of a schedule."""

    __slots__ = ("__dict__",)  # an empty one, which torch.compile looks for

    def __bool__(self) -> bool:  # Python would ask for the length, which is refused as that of a list
        return True

    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain data, for JSON and YAML: see `optimsche.to_dict`."""
        data: dict[str, Any] = _feature("text", "to_dict")(self)
        return data

    def code(self, language: Language = "python", *, name: str | None = None) -> str:
        """The schedule as one plain function that needs nothing of this library, in Python or JavaScript.

        Args:
            language: `"python"`, which imports `math` alone, or `"js"`.
            name: of the function. By default `learning_rate`, in JavaScript `learningRate`.

        Returns:
            The text of a function of `real_step`, from 1, and of `epoch` if the schedule counts epochs. For whole
            numbers the Python gives the schedule's bits, as long as the clocks inside, such as tokens, are below 2**53;
            JavaScript rounds by its own `Math`.

        Raises:
            ValueError: a part of it is no formula, such as `jitter`, which the message names; or an argument is not one
                of those that are allowed.

        >>> from optimsche import linear
        >>> print(linear(start=0.1, steps=100).code())
        # linear(start=0.1, end=0.0, steps=100)
        # real_step: number of the update, from 1
        def learning_rate(real_step):
            if real_step < 100:
                return 0.1 - 0.1 * (real_step / 100)
            return 0.0
        """
        text: str = _feature("source", "code")(self, language, name=name)
        return text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        return _feature("adapters.pydantic_schema", "core_schema_of_a_plan")()

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
        """Draw the curve and return its Matplotlib axes: see `optimsche.plot`."""
        axes: Axes = _feature("curve", "plot")(
            self, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, unit=unit, log=log, ax=ax
        )
        return axes

    def explore(
        self,
        *,
        steps: float | None = None,
        steps_per_epoch: int | None = None,
        accum_grad: int = 1,
        log: bool = False,
    ) -> Explorer:
        """Show the curve with a slider for each number, in a notebook; needs ipywidgets and Matplotlib."""
        explorer: Explorer = _feature("curve", "explore")(
            self, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, log=log
        )
        return explorer

    def table(
        self,
        *,
        steps: float | None = None,
        steps_per_epoch: int | None = None,
        accum_grad: int = 1,
        rows: int = 12,
    ) -> Table:
        """The rates at the boundaries and at a few updates between: see `optimsche.table`."""
        rates: Table = _feature("curve", "table")(
            self, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, rows=rows
        )
        return rates

    def diff(self, other: Schedule, *, at: int = 0, steps_per_epoch: int | None = None, accum_grad: int = 1) -> Diff:
        """Compare with another plan, after `at` updates: where they part, and what is left of each."""
        found: Diff = _feature("runs", "diff")(
            self, other, at=at, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad
        )
        return found

    def _repr_html_(self) -> str | None:
        page: str | None = _feature("curve", "notebook_html")(self)
        return page

    # -- combinators: each is the function of the same name in optimsche.combinators ---------------------------------

    def then(self, second: Schedule, *, at: Length | None = None) -> Schedule:
        """Evaluate this up to and including update `at` (by default its length), then `second` from its own zero."""
        return _combined("then", self, second, at=at)

    def sequence(self, schedules: Iterable[Schedule], at: Iterable[float] | None = None) -> Schedule:
        """Evaluate this and then the others, one after the other: `a.sequence([b, c])` is `a >> b >> c`."""
        return _combined("sequence", [self, *schedules], at=at)

    def warmup(self, steps: Length, *, start: Rate = 0.0) -> Schedule:
        """Rise from `start` to this schedule's value at 0 over `steps` updates, then evaluate it."""
        return _combined("warmup", self, steps, start=start)

    def cooldown(self, *, at: Length, steps: Length, end: Rate = 0.0, along: Along | None = None) -> Schedule:
        """Evaluate this up to and including update `at`, then go to `end` over `steps`, straight or along a shape."""
        return _combined("cooldown", self, at=at, steps=steps, end=end, along=along)

    def scale(self, factor: Factor | Schedule) -> Schedule:
        """Multiply by a number or by another schedule; also written `*`, or `/` by a number."""
        return _combined("scale", self, factor)

    def add(self, second: Rate | Schedule) -> Schedule:
        """Add a number or another schedule, update by update; also written `+`."""
        return _combined("add", self, second)

    def subtract(self, second: Rate | Schedule) -> Schedule:
        """Take away a number or another schedule, update by update, down to 0; also written `-`."""
        return _combined("subtract", self, second)

    def minimum(self, second: Rate | Schedule) -> Schedule:
        """The smaller of this and a number or another schedule, update by update."""
        return _combined("minimum", self, second)

    def maximum(self, second: Rate | Schedule) -> Schedule:
        """The larger of this and a number or another schedule, update by update."""
        return _combined("maximum", self, second)

    def shift(self, by: Offset) -> Schedule:
        """Evaluate this `by` updates later; earlier if `by` is negative."""
        return _combined("shift", self, by)

    def stretch(self, by: Ratio) -> Schedule:
        """Evaluate this `by` times as long."""
        return _combined("stretch", self, by)

    def over(self, steps: Steps) -> Schedule:
        """Evaluate this over `steps` updates, whatever its own length, with its boundaries on whole updates."""
        return _combined("over", self, steps)

    def repeat(
        self,
        times: Cycles | None = None,
        *,
        every: Steps | None = None,
        stretch: Growth = 1.0,
        scale: Fraction = 1.0,
        closed: Closed = "right",
    ) -> Schedule:
        """Restart this `every` updates, each cycle `stretch` times as long and `scale` times as high."""
        return _combined("repeat", self, times, every=every, stretch=stretch, scale=scale, closed=closed)

    def clamp(self, *, floor: Rate | Schedule = 0.0, ceiling: Rate | Schedule | None = None) -> Schedule:
        """Keep the value between `floor` and `ceiling`, each a number or a schedule."""
        return _combined("clamp", self, floor=floor, ceiling=ceiling)

    def staircase(self, every: Steps, *, closed: Closed = "right") -> Schedule:
        """Hold the value for `every` updates at a time."""
        return _combined("staircase", self, every, closed=closed)

    def warp(self, clock: Schedule) -> Schedule:
        """Evaluate this on the clock that another schedule gives."""
        return _combined("warp", self, clock)

    def jitter(self, amount: Share, *, seed: Seed = 0) -> Schedule:
        """Move each update's value up or down at random, by at most `amount` of it: a pure function of the seed."""
        return _combined("jitter", self, amount, seed=seed)

    def running_product(self) -> Schedule:
        """Multiply the values that this has at 1, 2, ... up to the update."""
        return _combined("running_product", self)

    def by_epoch(self) -> Schedule:
        """Count finished epochs where this counts updates."""
        return _combined("by_epoch", self)

    def by_tokens(self, per_update: PerUpdate) -> Schedule:
        """Count tokens where this counts updates; `per_update` says how many an update sees."""
        return _combined("by_tokens", self, per_update)

    # -- operators: each is a combinator ------------------------------------------------------------------------------

    def __rshift__(self, second: Schedule) -> Schedule:
        if _is_real(second):
            raise TypeError(f"a number is written as a schedule: plan >> constant(value={second})")
        return self.then(second) if isinstance(second, Methods) else NotImplemented

    def __rrshift__(self, first: object) -> Schedule:
        if _is_real(first):
            raise TypeError(f"a number is written as a schedule: constant(value={first}, steps=...) >> plan")
        return NotImplemented

    def __mul__(self, factor: float | Schedule) -> Schedule:
        if isinstance(factor, Methods) or _is_real(factor):
            return self.scale(factor)
        if hasattr(factor, "dtype"):
            raise TypeError(
                f"a schedule is multiplied by a number or another schedule, not by an array ({type(factor).__name__}); "
                "multiply its values: plan(steps) * factors"
            )
        return NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Schedule:
        if isinstance(divisor, Methods):
            raise TypeError(habits.DIVIDED)
        if not _is_real(divisor):
            return NotImplemented
        if divisor == 0:
            raise ValueError(f"a schedule is divided by a number > 0, got {divisor!r}")
        return self.scale(1 / divisor)

    def __add__(self, second: float | Schedule) -> Schedule:
        return self.add(second) if isinstance(second, Methods) or _is_real(second) else NotImplemented

    def __radd__(self, first: float) -> Schedule:
        if isinstance(first, int) and first == 0:  # where sum() begins
            return self  # type: ignore[return-value]
        return self.add(first) if _is_real(first) else NotImplemented

    def __sub__(self, second: float | Schedule) -> Schedule:
        return self.subtract(second) if isinstance(second, Methods) or _is_real(second) else NotImplemented

    def __rsub__(self, first: float) -> Schedule:
        return _combined("subtract", first, self) if _is_real(first) else NotImplemented

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """What NumPy does with a schedule: `numpy.float64(0.1) * plan` is a schedule, not an array of one."""
        operation = _OF_UFUNC.get(ufunc.__name__) if method == "__call__" else None
        if operation is None:
            raise TypeError(habits.UFUNCS.get(ufunc.__name__) or habits.UFUNCS[""])
        plain = [value.item() if is_numpy_scalar(value) else value for value in inputs]
        if any(hasattr(value, "dtype") for value in plain):
            if operation in (operator.eq, operator.ne):
                return operation is operator.ne
            if operation is operator.mul:
                return self.__mul__(next(value for value in plain if hasattr(value, "dtype")))  # which refuses it
            raise TypeError(
                f"an array is no part of a schedule: {ufunc.__name__} takes a number or another schedule. "
                "Compute with its values: plan(steps)"
            )
        return operation(*plain)


_OF_UFUNC = {
    "multiply": operator.mul,
    "divide": operator.truediv,
    "true_divide": operator.truediv,
    "add": operator.add,
    "subtract": operator.sub,
    "right_shift": operator.rshift,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
