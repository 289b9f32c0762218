"""``check_plan``: what its author believes of a plan, held against every update of the run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge

from optimsche import checking
from optimsche.curve import ranges as updates_of
from optimsche.ranges import Length, Meaning, Rate
from optimsche.schedule import Schedule
from optimsche.testing.laws import assert_continuous

_TotalSteps = Annotated[int, Ge(1), Meaning("the length of the run, in updates")]
# As a part of the highest rate: what a few roundings come to, and no more.
_CLOSE = 1e-12
_MOST = 10_000_000


def check_plan(
    plan: Schedule,
    *,
    total_steps: int | None = None,
    peak: float | None = None,
    floor: float | None = None,
    warmup_steps: float | None = None,
    monotone: bool = False,
    continuous: bool = False,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
) -> tuple[str, ...]:
    """Hold what is believed of a plan against every update of the run, and name the first that says otherwise.

    Each argument is one belief, and one that is not given is not asked.

    Args:
        plan: the schedule.
        total_steps: the run has so many updates, and the plan, if it has an end, ends with the last of them. Without
            it the plan's own length is the run's.
        peak: no rate is above it, and it is reached once: where it is left, it does not come again.
        floor: the rate of the last update; from the highest on none is below it.
        warmup_steps: the highest rate is first reached with this update, and every rate up to it is above the one
            before. With 0 it is reached at 0, the instant before training.
        monotone: between two boundaries the rate only rises, only falls or stays.
        continuous: the rate does not jump, as for :func:`~optimsche.testing.assert_continuous`.
        steps_per_epoch: micro-batches in an epoch; needed where rates depend on the epoch.
        accum_grad: micro-batches in an update, where ``steps_per_epoch`` is given.

    Returns:
        The beliefs that were asked.

    Raises:
        AssertionError: one is wrong; the message has the belief, the first update that shows it, and its rate.
        TypeError: not a schedule.
        ValueError: no belief is given, one is out of its range, or the run's length is not known or above 10,000,000.

    >>> from optimsche import warmup_cosine
    >>> plan = warmup_cosine(peak=0.1, warmup_steps=10, total_steps=100, floor=0.01)
    >>> check_plan(plan, total_steps=100, peak=0.1, floor=0.01, warmup_steps=10, monotone=True, continuous=True)
    ('total_steps', 'peak', 'floor', 'warmup_steps', 'monotone', 'continuous')
    >>> check_plan(plan, total_steps=90, floor=0.01)
    Traceback (most recent call last):
    AssertionError: check_plan(total_steps=90): warmup(cosine(start=0.1, end=0.01, steps=90), steps=10, start=0.0)
        it ends with update 100
    """
    if not isinstance(plan, Schedule):
        raise TypeError(f"check_plan takes a schedule, got {type(plan).__name__}; a function that returns one: call it")
    given = {"total_steps": total_steps, "peak": peak, "floor": floor, "warmup_steps": warmup_steps}
    beliefs = {name: _admitted(name, value) for name, value in given.items() if value is not None}
    beliefs |= {name: True for name, value in {"monotone": monotone, "continuous": continuous}.items() if value}
    if not beliefs:
        raise ValueError(f"check_plan states nothing of the plan: give {', '.join(_BELIEFS)}, or some of them")
    per_epoch = updates_of.updates_per_epoch("check_plan", steps_per_epoch, accum_grad)
    updates_of.check_epochs("check_plan", plan, per_epoch)
    if continuous and plan.counts_epochs:
        raise ValueError("check_plan(continuous=True) asks between updates, where a plan that counts epochs stays")
    run = _run_of(plan, beliefs.get("total_steps"), per_epoch)
    for name, value in beliefs.items():
        wrong = _BELIEFS[name](run, value)
        if wrong is not None:
            raise AssertionError(f"check_plan({name}={value!r}): {plan!r}\n    {wrong}")
    return tuple(beliefs)


def _admitted(name: str, value: Any) -> Any:
    kinds: dict[str, Any] = {"total_steps": _TotalSteps, "warmup_steps": Length}
    return checking.admit("check_plan", name, kinds.get(name, Rate), value)


class _Run(NamedTuple):
    """A plan, and the rate of every update of a run from 0, the instant before it, to the last."""

    plan: Schedule
    rates: list[float]
    highest: float
    per_epoch: int | None

    @property
    def last(self) -> int:
        return len(self.rates) - 1

    @property
    def close(self) -> float:
        """How far apart two rates may be that are one."""
        return _CLOSE * self.highest


def _run_of(plan: Schedule, total_steps: int | None, per_epoch: int | None) -> _Run:
    import numpy as np

    if total_steps is None:
        end = updates_of.end_of(plan, per_epoch)
        if not end < math.inf:
            raise ValueError(f"check_plan(total_steps=None): {plan!r} has no end, so say how long the run is")
        total_steps = max(math.ceil(end), 1)
    if total_steps > _MOST:
        raise ValueError(f"check_plan looks at every update, of at most {_MOST:,}; the run has {total_steps:,}")
    clock = np.arange(total_steps + 1)
    epoch = 1.0 if per_epoch is None else np.maximum(np.ceil(clock / per_epoch), 1.0)
    rates = plan(clock, epoch)
    return _Run(plan, rates.tolist(), float(rates.max()), per_epoch)


def _total_steps(run: _Run, total_steps: int) -> str | None:
    length = run.plan.length
    if not 0 < length < math.inf or length == total_steps:
        return None
    return f"it ends with update {length:g}"


def _peak(run: _Run, peak: float) -> str | None:
    left = None
    for update, rate in enumerate(run.rates):
        if rate > peak + run.close:
            return f"update {update} is above it: {rate!r}"
        is_there = rate >= peak - run.close
        if is_there and left is not None:
            return f"update {update} has it again, {rate!r}, after update {left} had left it"
        if not is_there and update > 0 and run.rates[update - 1] >= peak - run.close:
            left = update
    if run.highest < peak - run.close:
        return f"it is never reached: the highest is {run.highest!r}, of update {run.rates.index(run.highest)}"
    return None


def _floor(run: _Run, floor: float) -> str | None:
    for update in range(run.rates.index(run.highest), run.last + 1):
        if run.rates[update] < floor - run.close:
            return f"update {update} is below it: {run.rates[update]!r}"
    if abs(run.rates[-1] - floor) > run.close:
        return f"the last update, {run.last}, has {run.rates[-1]!r}"
    return None


def _warmup_steps(run: _Run, warmup_steps: float) -> str | None:
    first = next(update for update, rate in enumerate(run.rates) if rate >= run.highest - run.close)
    for update in range(1, min(math.floor(warmup_steps), run.last) + 1):
        before, rate = run.rates[update - 1], run.rates[update]
        if not rate > before and update <= first:
            return f"update {update} has {rate!r}, which is not above {before!r}, that of the one before"
    if first != warmup_steps:
        return f"the highest rate, {run.highest!r}, is first reached with update {first}"
    return None


def _monotone(run: _Run, _: bool) -> str | None:
    for first, last in itertools.pairwise(_boundaries(run)):
        rises = None  # not known, while it stays
        # A boundary belongs to the piece before it, and 0 to the first.
        for update in range(first + 2 if first else 1, last + 1):
            before, rate = run.rates[update - 1], run.rates[update]
            if abs(rate - before) <= run.close:
                continue
            if rises is not None and rises is not (rate > before):
                goes, went = ("rises", "fell") if rate > before else ("falls", "rose")
                return (
                    f"update {update} {goes} from {before!r} to {rate!r}, where it {went} before; the piece is that of "
                    f"updates {first + 1} to {last}"
                )
            rises = rate > before
    return None


def _boundaries(run: _Run) -> Iterator[int]:
    """0, and the last update of each piece."""
    last = float(run.last)
    found = [math.floor(boundary) for boundary in run.plan.boundaries(last)]
    if run.per_epoch is not None:
        starts = updates_of.boundaries_in_epochs(run.plan, run.per_epoch, last)
        found += [math.floor(update) - 1 for update in starts]
    return iter(sorted({0, run.last, *(boundary for boundary in found if 0 < boundary < run.last)}))


def _continuous(run: _Run, _: bool) -> str | None:
    try:
        assert_continuous(run.plan)
    except AssertionError as error:
        return str(error).partition("\n")[2].strip()
    return None


_BELIEFS: dict[str, Callable[[_Run, Any], str | None]] = {
    "total_steps": _total_steps,
    "peak": _peak,
    "floor": _floor,
    "warmup_steps": _warmup_steps,
    "monotone": _monotone,
    "continuous": _continuous,
}
