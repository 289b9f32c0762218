"""What has to be true of a schedule before an optimizer may follow it, whoever writes the rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from optimsche.call_errors import shown
from optimsche.combinators.left_out import warn_of_left_out_starts
from optimsche.names import call_of
from optimsche.schedule import Schedule

_ROUNDING = 1e-9


def attachable(call: str, schedule: Any, *, epochs: str = "", name: str = "schedule") -> Schedule:
    """The schedule, if an optimizer can follow it.

    Args:
        call: who asks, for errors.
        schedule: what was given.
        epochs: what to do about a plan that counts epochs; an empty text where it may.
        name: what it was given as.

    Raises:
        TypeError: not a schedule.
        ValueError: a piece shorter than one update, or a count of epochs that nobody keeps.

    >>> from optimsche import linear
    >>> attachable("ScheduleLR", linear(steps=0.5))
    Traceback (most recent call last):
    ValueError: ScheduleLR: the piece from 0 to 0.5 of linear(start=1.0, end=0.0, steps=0.5) is shorter than one update.
        Lengths are counted in updates. For fractions of a run, stretch the whole: plan.over(total_steps)
    """
    if not isinstance(schedule, Schedule):
        cure = _cure_in_a_training_step(schedule) if call == "OptimScheduler" else ""
        cure = cure or _cure(schedule)
        raise TypeError(
            f"{call}: {name} must be a schedule, got {shown(schedule)}" + (f".\n    {cure}" if cure else "")
        )
    if short := short_piece(schedule):
        raise ValueError(
            f"{call}: the piece from {short[0]:g} to {short[1]:g} of {schedule!r} is shorter than one update."
            "\n    Lengths are counted in updates. For fractions of a run, stretch the whole: plan.over(total_steps)"
        )
    if schedule.counts_epochs and epochs:
        raise ValueError(f"{call}: {schedule!r} counts epochs, and {epochs}")
    warn_of_left_out_starts(schedule)
    return schedule


def short_piece(schedule: Schedule) -> tuple[float, float] | None:
    """The first piece that is shorter than one update, by its two ends: its length was meant as a part of a run."""
    ends = [end for end in schedule.boundaries(most=1_000) if end < schedule.length]
    if schedule.length < math.inf:
        ends.append(schedule.length)
    return next(((a, b) for a, b in pairwise([0.0, *ends]) if 0 < b - a < 1 - _ROUNDING), None)


def _cure_in_a_training_step(given: Any) -> str:
    if given is None:
        return "It may be left out only where every entry of schedules= has an 'lr'."
    if isinstance(given, Mapping) and any(isinstance(value, Schedule) for value in given.values()):
        return "Schedules by the names of parameters are given as schedules=."
    if isinstance(given, list | tuple):
        return "Several are given by what follows each: schedules={'head.*': a, '*': b}, model=model."
    return ""


def _cure(given: Any) -> str:
    if isinstance(given, int | float):
        return f"A number is written as a schedule: constant(value={given!r})."
    if isinstance(given, str | Mapping):
        return "Text and dictionaries are read by parse and from_dict."
    if call := call_of(given):
        return f"Call it with its parameters: {call}."
    if hasattr(given, "last_epoch"):
        return "A torch scheduler is read by from_torch(scheduler)."
    return "A function of your own becomes one under @lr_fn." if callable(given) else ""
