"""Factors that follow a metric: pure functions of the metrics reported so far, which the training loop keeps.

>>> losses = [2.0, 1.0, 1.0, 1.0, 1.0]
>>> plateau(losses, factor=0.5, patience=2)  # three reports without an improvement
0.5
>>> plateau.trace(losses, factor=0.5, patience=2)  # before the first report, and after each
[1.0, 1.0, 1.0, 1.0, 1.0, 0.5]

Nothing here remembers anything. The factor now in force is computed from the whole history, so a resumed run needs
the history and nothing else: `plan * plateau(history, patience=3)`.
"""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, ParamSpec, TypeAlias

from annotated_types import Ge, Gt, Lt

from optimsche import call_errors, checking
from optimsche.ranges import Count, Factor, Meaning
from optimsche.signatures import signature

__all__ = ["greedy", "plateau"]

P = ParamSpec("P")

Drop: TypeAlias = Annotated[
    float, Gt(0), Lt(1), Meaning("what is left of the rate each time", "For a rate that never falls use no plateau.")
]
Reports: TypeAlias = Annotated[int, Ge(0), Meaning("a number of reports")]
Threshold: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("the smallest improvement that counts")]
Mode: TypeAlias = Literal["min", "max"]


class FactorOfHistory(Generic[P]):
    """A function of a history of metrics, made from one that yields the factor before the first report and after each.

    Called, it gives the last: the factor now in force. `trace` gives them all.
    """

    def __init__(self, factors: Callable[P, Iterator[float]]) -> None:
        self._factors, self._name = factors, factors.__name__
        self._annotations = typing.get_type_hints(factors, include_extras=True)
        own = inspect.signature(factors).parameters.values()
        self.__signature__ = signature([p.replace(annotation=self._annotations[p.name]) for p in own], float)
        functools.update_wrapper(self, factors)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> float:
        """The factor now in force."""
        return self.trace(*args, **kwargs)[-1]

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> list[float]:
        """The factors before the first report and after each: one more than there are reports."""
        given = call_errors.by_name(self._name, self.__signature__.parameters, args, kwargs)
        reports = given.pop("history")
        if isinstance(reports, str | bytes | Mapping) or not hasattr(reports, "__iter__") or _ndim(reports) == 0:
            raise TypeError(f"{self._name}: history must be a list of the metrics reported so far, got {reports!r:.60}")
        history = [self._metric(place, value) for place, value in enumerate(reports, start=1)]
        settings: dict[str, Any] = {
            name: checking.admit(self._name, name, self._annotations[name], value) for name, value in given.items()
        }
        return list(self._factors(history, **settings))  # type: ignore[arg-type]

    def __reduce__(self) -> str:
        return self._name  # found by its name, as a function is

    def _metric(self, place: int, value: Any) -> float:
        try:
            return float(value)
        except OverflowError:
            raise ValueError(
                f"{self._name}: history must hold metrics that fit a float, "
                f"got {call_errors.shown(value)} as report {place}"
            ) from None
        except (TypeError, ValueError):
            raise TypeError(
                f"{self._name}: history must hold the metrics as numbers, got {value!r:.60} as report {place}. "
                "For a tensor append loss.item()"
            ) from None


def _ndim(value: Any) -> int:
    return getattr(value, "ndim", 1)


def _of_history(factors: Callable[P, Iterator[float]]) -> FactorOfHistory[P]:
    return FactorOfHistory(factors)


@_of_history
def plateau(
    history: Sequence[float],
    *,
    factor: Drop = 0.1,
    patience: Reports = 10,
    mode: Mode = "min",
    rtol: Threshold = 1e-4,
    atol: Threshold = 0.0,
    cooldown: Reports = 0,
    start: Factor = 1.0,
    floor: Factor = 0.0,
    smallest_change: Factor = 0.0,
    average: Count = 1,
) -> Iterator[float]:
    """The factor on the rate after these reports: it falls each time the metric stops improving.

    A report improves on the best so far if

        metric < best * (1 - rtol) - atol

    or, with `mode="max"`, if `metric > best * (1 + rtol) + atol`. When more than `patience` reports in a row do not,
    the factor is multiplied by `factor`, and the count begins again.

    Args:
        history: every metric reported so far, the oldest first; kept by the training loop, for instance in its
            checkpoint.
        factor: what is left of the rate each time; > 0 and < 1.
        patience: reports without an improvement that are tolerated; >= 0.
        mode: `"min"` for a loss, `"max"` for an accuracy.
        rtol: improvement that counts, as a part of the best; >= 0.
        atol: the same as a difference; >= 0.
        cooldown: reports after each fall in which none is counted against it; >= 0.
        start: the factor before the first report; >= 0. A rate makes the result a rate.
        floor: no fall leads below it; >= 0.
        smallest_change: a fall by no more than this is not made; >= 0.
        average: so many reports are averaged to one; >= 1.

    Returns:
        A number to multiply a schedule with, from 0 to 1 unless `start` is larger.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind; a report is not a number.

    >>> from optimsche import constant
    >>> losses = [1.0, 0.5, 0.5, 0.5]
    >>> (constant(value=0.4) * plateau(losses, factor=0.5, patience=1))(1)
    0.2
    """
    value, best, bad, quiet = start, math.inf if mode == "min" else -math.inf, 0, 0
    yield value
    for metric in _means(history, average):
        if metric is not None:
            # A NaN is never better than anything.
            if metric < best * (1.0 - rtol) - atol if mode == "min" else metric > best * (1.0 + rtol) + atol:
                best, bad = metric, 0
            else:
                bad += 1
            if quiet > 0:
                quiet, bad = quiet - 1, 0
            if bad > patience:
                lower = max(value * factor, floor)
                value = lower if value - lower > smallest_change else value
                quiet, bad = cooldown, 0
        yield value


def _means(history: Sequence[float], average: int) -> Iterator[float | None]:
    """For each report the mean of the last `average` of them, where such a group is complete, else None."""
    for last in range(1, len(history) + 1):
        yield sum(history[last - average : last]) / average if last % average == 0 else None


@_of_history
def greedy(
    history: Sequence[float],
    *,
    factor: Drop = 0.95,
    patience: Reports = 10,
    mode: Mode = "min",
    rtol: Threshold = 0.0,
    atol: Threshold = 1e-6,
    cooldown: Reports = 0,
    warmup: Reports = 0,
    start: Factor = 1.0,
    floor: Factor = 0.0,
    ceiling: Factor = 10.0,
    smallest_change: Factor = 0.0,
    window: Count = 1,
    restart_after: Count = 500,
) -> Iterator[float]:
    """The factor on the rate after these reports: it rises while the metric improves and falls while it does not.

    Args:
        history: every metric reported so far, the oldest first.
        factor: what is left of the rate after a fall; a rise divides by it; > 0 and < 1.
        patience: a change needs more than so many good or bad reports in a row; >= 0.
        mode: `"min"` for a loss, `"max"` for an accuracy.
        rtol: improvement that counts, as a part of the best; >= 0.
        atol: the same as a difference; >= 0.
        cooldown: reports after a fall in which nothing is counted; >= 0.
        warmup: the same after a rise; >= 0.
        start: the factor before the first report; >= 0. A rate makes the result a rate.
        floor: no fall leads below it; >= 0.
        ceiling: no rise leads above it; >= 0.
        smallest_change: a change by no more than this is not made; >= 0.
        window: each report counts as the mean of the last so many; >= 1.
        restart_after: so many falls at the floor begin everything anew; >= 1.

    Returns:
        A number, to multiply a schedule with.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind; a report is not a number.

    Source: GreedyLR: A Novel Adaptive Learning Rate Scheduler (2025), arXiv:2512.14527.

    >>> greedy([3.0, 2.0, 1.0], factor=0.5, patience=1)
    2.0
    """
    worst = math.inf if mode == "min" else -math.inf
    value, best, good, bad, quiet, falls_left, begin = start, worst, 0, 0, 0, restart_after, 0
    yield value
    for place in range(len(history)):
        recent = history[max(begin, place + 1 - window) : place + 1]
        metric = sum(recent) / len(recent)
        if quiet > 0:
            quiet, good, bad = quiet - 1, 0, 0
        elif metric < best * (1.0 - rtol) - atol if mode == "min" else metric > best * (1.0 + rtol) + atol:
            best, good, bad = metric, good + 1, 0
        else:
            good, bad = 0, bad + 1
        if good > patience:
            higher = min(value / factor, ceiling)
            value = higher if higher - value > smallest_change else value
            good, quiet, falls_left = 0, warmup, restart_after
        elif bad > patience:
            lower = max(value * factor, floor)
            value = lower if value - lower > smallest_change else value
            bad, quiet = 0, cooldown
            falls_left -= value <= floor
            if falls_left <= 0:
                value, best, falls_left, begin = start, worst, restart_after, place + 1
        yield value
