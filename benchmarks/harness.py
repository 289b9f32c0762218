"""Timing two things against each other on a noisy machine.

Absolute times drift from second to second, so nothing here compares two runs: each round times ours and the rival
once, in alternating order, and what is reported is the ratio of the two medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Literal, NamedTuple


class Row(NamedTuple):
    """What was found: ours and the rival's, in seconds ("s"), bytes ("B") or counted ("")."""

    ours: float
    theirs: float
    unit: Literal["s", "B", ""] = "s"

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours / self.theirs


class Question(NamedTuple):
    """What a benchmark measures, against whom, and the ratio that the project promises.

    ``measure`` raises ``ModuleNotFoundError`` where the rival is not installed.
    """

    name: str
    work: str
    rival: str
    promised: float
    measure: Callable[[], Row]


_ROUNDS_TO_WARM_UP = 2  # caches, lazy imports, what is made at the first call


def _nothing() -> None:
    pass


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    before_ours: Callable[[], object] = _nothing,
    before_theirs: Callable[[], object] = _nothing,
    rounds: int = 31,
    pieces: int = 1,
    their_pieces: int | None = None,
) -> Row:
    """Time two callables that do the same work, interleaved.

    Args:
        ours: what is timed.
        theirs: what it is timed against.
        before_ours: called each time before ``ours``, and not timed.
        before_theirs: likewise.
        rounds: how often each is timed.
        pieces: how many pieces of work one call does; the times are for one of them.
        their_pieces: fewer for a rival that takes much longer; the same number by default.
    """
    ours_s: list[float] = []
    theirs_s: list[float] = []
    sides = [
        (before_ours, ours, pieces, ours_s),
        (before_theirs, theirs, pieces if their_pieces is None else their_pieces, theirs_s),
    ]
    for number in range(-_ROUNDS_TO_WARM_UP, rounds):
        for before, timed, count, times in sides if number % 2 == 0 else reversed(sides):
            before()
            begin = time.perf_counter()
            timed()
            seconds = time.perf_counter() - begin
            if number >= 0:
                times.append(seconds / count)
    return Row(statistics.median(ours_s), statistics.median(theirs_s))
