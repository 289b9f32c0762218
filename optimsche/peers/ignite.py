"""Ignite's parameter schedulers: update ``n`` gets what they have at ``event_index = n - 1``.

The ``...StateScheduler`` classes count an event before they set its value, so event ``n`` has the value at ``n``. What
only says where a value goes (the parameter's name, its group, whether a history is kept) is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Lt, MinLen

from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, linear
from optimsche.peers import torch as pytorch
from optimsche.peers._functions import as_schedule
from optimsche.peers._peer import Gamma, Metrics, PositiveLr, RealSteps, Schedules, SomeSteps, Steps, Value, peer
from optimsche.peers._pieces import HORIZON, bisected, from_zero, polyline, powers, stairs
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "LinearCyclicalScheduler",
    "CosineAnnealingScheduler",
    "PiecewiseLinear",
    "ConcatScheduler",
    "create_lr_scheduler_with_warmup",
    "ReduceLROnPlateauScheduler",
    "LambdaStateScheduler",
    "PiecewiseLinearStateScheduler",
    "ExpStateScheduler",
    "StepStateScheduler",
    "MultiStepStateScheduler",
]

CycleSize: TypeAlias = Annotated[int, Ge(2), Meaning("the length of a cycle")]
Event: TypeAlias = Annotated[int, Gt(-(2**53)), Lt(2**53), Meaning("a number of events")]
Points: TypeAlias = Annotated[tuple[tuple[Event, Value], ...], MinLen(1), Meaning("pairs (milestone, value)")]
Events: TypeAlias = Annotated[tuple[Event, ...], Meaning("numbers of events")]
_MOST_CYCLES = 1_500


@peer("ignite")
def LinearCyclicalScheduler(
    start_value: Value,
    end_value: Value,
    cycle_size: CycleSize,
    cycle_mult: Gamma = 1.0,
    start_value_mult: Gamma = 1.0,
    end_value_mult: Gamma = 1.0,
    warmup_duration: Steps = 0,
    monotonic: bool = False,
) -> Schedule:
    """Down to ``end_value`` and back up, or with ``monotonic`` down and then a warm-up to the next start."""
    if warmup_duration > 0 and not monotonic:
        raise ValueError(
            "ignite.LinearCyclicalScheduler: invalid combination of warmup_duration > 0 and monotonic=False; "
            "use either warmup_duration=0 or monotonic=True"
        )
    # Ignite computes the start of a triangle from its end, with that rounding.
    start = start_value if monotonic else end_value + (start_value - end_value)
    multipliers = cycle_mult, start_value_mult, end_value_mult
    return _cyclical("line" if monotonic else "triangle", start, end_value, cycle_size, warmup_duration, *multipliers)


@peer("ignite")
def CosineAnnealingScheduler(
    start_value: Value,
    end_value: Value,
    cycle_size: CycleSize,
    cycle_mult: Gamma = 1.0,
    start_value_mult: Gamma = 1.0,
    end_value_mult: Gamma = 1.0,
    warmup_duration: Steps = 0,
) -> Schedule:
    """Half a cosine down to ``end_value``, then a warm-up to the next start, or a jump to it."""
    multipliers = cycle_mult, start_value_mult, end_value_mult
    return _cyclical("cosine", start_value, end_value, cycle_size, warmup_duration, *multipliers)


@peer("ignite")
def PiecewiseLinear(milestones_values: Points) -> Schedule:
    """Straight lines between pairs ``(milestone, value)``, flat outside; a milestone listed twice is a jump."""
    return _piecewise_linear("PiecewiseLinear", milestones_values)


@peer("ignite")
def ConcatScheduler(schedulers: Schedules, durations: Events) -> Schedule:
    """Schedules of this module one after the other; the last goes on for ever.

    A duration of 0 leaves the first one out; anywhere else, like a negative one, it never ends.
    """
    if len(schedulers) < 2:
        raise ValueError("ignite.ConcatScheduler: schedulers should be more than one, got 1")
    if len(schedulers) != len(durations) + 1:
        raise ValueError(
            f"ignite.ConcatScheduler: there must be one duration less than schedulers, got {len(durations)} for "
            f"{len(schedulers)}"
        )
    if durations[0] == 0:
        schedulers, durations = schedulers[1:], durations[1:]
    played = list(itertools.takewhile(lambda duration: duration > 0, durations))
    return sequence(schedulers[: len(played) + 1], at=itertools.accumulate(played))


@peer("ignite")
def create_lr_scheduler_with_warmup(
    lr_scheduler: Schedule,
    warmup_start_value: Value,
    warmup_duration: SomeSteps,
    warmup_end_value: Value | None = None,
    *,
    from_torch: bool = False,
    base_lr: Value | None = None,
) -> Schedule:
    """A linear warm-up that reaches its end with its last event, then a schedule.

    If that schedule begins with ``warmup_end_value``, its first event is the last of the warm-up, else it begins after
    it. ``from_torch`` says that ``lr_scheduler`` is one of ``peers.torch``: then its first value is left out, and
    comes after the warm-up where it is not the end of it. Without ``warmup_end_value`` the warm-up goes to the rate of
    the optimizer: ``base_lr``, or the first value of a schedule of ``peers.torch``.
    """
    call = "ignite.create_lr_scheduler_with_warmup"
    if warmup_duration < 2:
        raise ValueError(f"{call}: warmup_duration should be at least 2 events, got {warmup_duration}")
    first = lr_scheduler(1)
    end = warmup_end_value if warmup_end_value is not None else first if from_torch else base_lr
    if end is None:
        raise ValueError(f"{call}: give warmup_end_value, or the optimizer's base_lr, which is its default")
    points = [(0, warmup_start_value), (warmup_duration - 1, end)]
    if from_torch and first != end:
        points.append((warmup_duration, first))
    elif not from_torch and first == end:
        points.pop()
        if warmup_duration > 2:
            points.append((warmup_duration - 2, end - (end - warmup_start_value) / (warmup_duration - 1)))
    way_up = _piecewise_linear("PiecewiseLinear", points)
    return way_up.then(lr_scheduler.shift(-1) if from_torch else lr_scheduler, at=points[-1][0] + 1)


@peer("ignite")
def ReduceLROnPlateauScheduler(
    metric_name: str = "loss",
    param_group_index: Steps | None = None,
    mode: Literal["min", "max"] = "min",
    factor: pytorch.Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_lr: Value = 0.0,
    eps: RealSteps = 1e-8,
    *,
    metrics: Metrics,
    base_lr: PositiveLr,
) -> Schedule:
    """PyTorch's plateau; ``min_lr`` counts for the first parameter group only, and if its index is given."""
    floor = min_lr if param_group_index == 0 else 0.0
    return pytorch.ReduceLROnPlateau(
        mode, factor, patience, threshold, threshold_mode, cooldown, floor, eps, metrics=metrics, base_lr=base_lr
    )


@peer("ignite")
def LambdaStateScheduler(lambda_obj: object) -> Schedule:
    """A function of the event: a schedule, the text of a formula, or a function that is one formula."""
    return as_schedule("ignite.LambdaStateScheduler", "lambda_obj", lambda_obj)


@peer("ignite")
def PiecewiseLinearStateScheduler(milestones_values: Points) -> Schedule:
    """Straight lines between pairs ``(milestone, value)``, flat outside; a milestone listed twice is a jump."""
    return _piecewise_linear("PiecewiseLinearStateScheduler", milestones_values).shift(-1)


@peer("ignite")
def ExpStateScheduler(initial_value: Value, gamma: Gamma) -> Schedule:
    """The value times ``gamma`` with each event, the first one included."""
    return powers(initial_value, gamma)


@peer("ignite")
def StepStateScheduler(initial_value: Value, gamma: Gamma, step_size: SomeSteps) -> Schedule:
    """The value times ``gamma`` with each ``step_size``-th event."""
    return powers(initial_value, gamma, step_size).staircase(step_size, closed="left")


@peer("ignite")
def MultiStepStateScheduler(initial_value: Value, gamma: Gamma, milestones: Events) -> Schedule:
    """The value times ``gamma`` from each of ``milestones`` on; out of order, where Ignite's bisection finds them."""
    edges, values = bisected(initial_value, gamma, milestones)
    return stairs(values, edges).shift(-1)


def _piecewise_linear(call: str, points: Sequence[tuple[int, float]]) -> Schedule:
    milestones, values = zip(*points, strict=True)
    if list(milestones) != sorted(milestones):
        raise ValueError(f"ignite.{call}: milestones should be increasing integers, got {milestones}")
    return polyline(milestones, values)


# ---------------------------------------------------------------------------------------------------------------------
# Cycles: affine in their two values, so each of them can change by its own multiplier
# ---------------------------------------------------------------------------------------------------------------------


def _cyclical(
    shape: str,
    start: float,
    end: float,
    size: int,
    gap: int,
    size_mult: float,
    start_mult: float,
    end_mult: float,
) -> Schedule:
    """Cycles with a gap after each, in which the value rises to the next start, whose lengths are cut to whole numbers.

    Those whose lengths are cut, or grow along with their values, are listed until that stops, 1,500 at most; then, or
    when the length is 0 and Ignite raises, the value is held.
    """
    pieces: list[tuple[float, Schedule] | Schedule] = []
    begin = 0.0
    while size > 0 and begin < HORIZON and len(pieces) < _MOST_CYCLES and max(start, end) < 1e200:
        sizes = int(size * size_mult), int(gap * size_mult)
        keeps = size_mult if size_mult == int(size_mult) and 1 <= size_mult <= 100 else float(sizes == (size, gap))
        cycles = [
            (value, mult, _cycle(shape, *ends, size, gap))
            for value, mult, ends in ((start, start_mult, (1.0, 0.0, start_mult)), (end, end_mult, (0.0, 1.0, 0.0)))
        ]
        if keeps == 1:
            parts = [_again(cycle, value, mult, size + gap) for value, mult, cycle in cycles]
            return from_zero(*pieces, parts[0].add(parts[1]))
        if keeps and all(value == 0 or 0 < mult <= 1 for value, mult, _ in cycles):
            parts = [
                (value * cycle).repeat(every=size + gap, stretch=keeps, scale=mult if value else 1.0, closed="left")
                for value, mult, cycle in cycles
            ]
            return from_zero(*pieces, parts[0].add(parts[1]))
        pieces.append((size + gap, _cycle(shape, start, end, start * start_mult, size, gap)))
        begin, start, end, (size, gap) = begin + size + gap, start * start_mult, end * end_mult, sizes
    return from_zero(*pieces, constant(value=end))


def _again(cycle: Schedule, value: float, mult: float, length: int) -> Schedule:
    """Equal cycles, each ``mult`` times as high as the last."""
    height = powers(value, mult, length)
    again = cycle.repeat(every=length, closed="left")
    return again * (value if mult == 1 else height.staircase(length, closed="left"))


def _cycle(shape: str, start: float, end: float, next_start: float, size: int, gap: int) -> Schedule:
    """One cycle and the gap after it."""
    if shape == "triangle":
        return linear(start=start, end=end, steps=size / 2) >> linear(start=end, end=start, steps=size / 2)
    fall = (cosine if shape == "cosine" else linear)(start=start, end=end, steps=size)
    return fall >> linear(start=end, end=next_start, steps=gap) if gap else fall
