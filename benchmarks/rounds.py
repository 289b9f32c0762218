"""Timing parts of a loop whose other parts are not of interest, ours and a rival's in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.harness import Row


def compare_after(
    name: str,
    ours: tuple[Callable[[], object], Callable[[], object]],
    rival: str,
    theirs: tuple[Callable[[], object], Callable[[], object]],
    *,
    rounds: int,
) -> Row:
    """Time the second of two callables, each time after the first was called; ours and the rival's interleaved."""
    times: dict[int, list[float]] = {0: [], 1: []}
    for number in range(-2, rounds):  # two rounds to warm up
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            before, timed = (ours, theirs)[which]
            before()
            begin = time.perf_counter()
            timed()
            if number >= 0:
                times[which].append(time.perf_counter() - begin)
    ratio = statistics.median(a / b for a, b in zip(times[0], times[1], strict=True))
    return Row(name, statistics.median(times[0]), rival, statistics.median(times[1]), ratio)
