"""Timing two things against each other on a noisy machine.

Absolute times drift from second to second, so nothing here compares two runs: each round times ours and the rival
once, in alternating order, and what is reported is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison: seconds for one piece of work, and the ratio ours / rival."""

    name: str
    ours_s: float | None
    rival: str
    rival_s: float | None
    ratio: float | None


class Question(NamedTuple):
    """What a benchmark measures, against whom, and the ratio that the project promises."""

    name: str
    work: str
    rival: str
    promised: float
    measure: Callable[[], Row]


def compare(
    name: str,
    ours: Callable[[], object],
    rival: str,
    theirs: Callable[[], object],
    *,
    rounds: int = 31,
    work_per_call: int = 1,
    their_work_per_call: int | None = None,
) -> Row:
    """Time two callables that do the same work, interleaved; one call does ``work_per_call`` pieces of it.

    A rival that takes much longer may do ``their_work_per_call`` pieces, fewer than ours.
    """
    ours()  # warm up: caches, lazy imports
    theirs()
    ours_s: list[float] = []
    theirs_s: list[float] = []
    for number in range(rounds):
        pair = [(ours, ours_s, work_per_call), (theirs, theirs_s, their_work_per_call or work_per_call)]
        for call, times, work in pair if number % 2 == 0 else reversed(pair):
            begin = time.perf_counter()
            call()
            times.append((time.perf_counter() - begin) / work)
    ratio = statistics.median(a / b for a, b in zip(ours_s, theirs_s, strict=True))
    return Row(name, statistics.median(ours_s), rival, statistics.median(theirs_s), ratio)


def missing(name: str, rival: str) -> Row:
    """The row of a rival that is not installed."""
    return Row(name, None, f"{rival} (not installed)", None, None)
