"""What do large plans cost? Thousands of joined pieces, a million milestones, parts that are shared sixty deep."""

from __future__ import annotations

import functools
import gc
import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.harness import Question, Row
from optimsche import Schedule, linear, milestones, parse, sequence

FEW, MANY = 1_000, 10_000
_NLOGN = MANY * math.log(MANY) / (FEW * math.log(FEW))


def joined(pieces: int) -> Schedule:
    """A plan of many pieces, of one to three updates each."""
    return sequence([linear(start=0.1 + number % 7, steps=1 + number % 3) for number in range(pieces)])


@functools.cache
def _plan(pieces: int) -> Schedule:
    return joined(pieces)


def build(pieces: int) -> float:
    """Seconds to build the plan."""
    return _seconds(lambda: joined(pieces))


def first_array(pieces: int) -> float:
    """Seconds of the first curve of a plan that was never called, over as many steps as it has pieces."""
    return _seconds(functools.partial(joined(pieces), np.arange(pieces)))


def text(pieces: int) -> float:
    """Seconds to print the plan and to read that."""
    plan = _plan(pieces)
    return _seconds(lambda: parse(repr(plan)))


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()  # what was made before is not this work's to clear away
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _middle(measure: Callable[[], float], rounds: int = 5) -> float:
    return statistics.median(measure() for _ in range(rounds))


def at_most(seconds: float, measure: Callable[[], float]) -> Row:
    """The time taken, against the time promised."""
    ours = _middle(measure)
    return Row(ours, seconds)


def grows(measure: Callable[[int], float]) -> Row:
    """The time for 10,000 pieces, against that for 1,000 if it grows as n log n."""
    rounds = [(measure(MANY), measure(FEW) * _NLOGN) for _ in range(5)]
    many, expected = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Row(many, expected)


def million_milestones() -> float:
    """Seconds to build a million milestones and to call them once."""
    at = tuple(range(1, 1_000_001))
    return _seconds(lambda: milestones(at=at)(500_000))


def shared_sixty_deep() -> float:
    """Seconds to compare two plans of sixty sums of a plan with itself, which have 2**60 parts written out."""
    one, other = linear(steps=3), linear(steps=3)
    for _ in range(60):
        one, other = one + one, other + other
    return _seconds(lambda: one == other)


_PIECES = "a plan of 10,000 joined pieces: "
QUESTIONS = [
    Question("pieces/build", _PIECES + "build", "1 s", 1.0, lambda: at_most(1.0, lambda: build(MANY))),
    Question("pieces/array", _PIECES + "first curve", "1 s", 1.0, lambda: at_most(1.0, lambda: first_array(MANY))),
    Question("pieces/text", _PIECES + "parse(repr(...))", "4 s", 1.0, lambda: at_most(4.0, lambda: text(MANY))),
    Question("pieces/build-growth", _PIECES + "build", "n log n from 1,000", 1.0, lambda: grows(build)),
    Question("pieces/array-growth", _PIECES + "first curve", "n log n from 1,000", 1.0, lambda: grows(first_array)),
    Question("pieces/text-growth", _PIECES + "parse(repr(...))", "n log n from 1,000", 1.0, lambda: grows(text)),
    Question(
        "milestones", "1,000,000 milestones: build, and call", "2 s", 1.0, lambda: at_most(2.0, million_milestones)
    ),
    Question(
        "eq", "== of plans with 60 levels of shared parts", "10 ms", 1.0, lambda: at_most(0.01, shared_sixty_deep)
    ),
]
