"""What does one evaluation cost? ``schedule(step)`` in a training loop, against code written by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from benchmarks.harness import Question, Row, compare
from optimsche import cosine

PEAK, WARMUP_STEPS, DECAY_STEPS = 3e-4, 1_000, 100_000


def by_hand() -> Callable[[int], float]:
    """The best that a person writes for a warm-up and a cosine: a closure with its constants folded."""
    rise, frequency, half, cos = PEAK / WARMUP_STEPS, math.pi / DECAY_STEPS, PEAK / 2, math.cos

    def rate(step: int) -> float:
        if step < WARMUP_STEPS:
            return step * rise
        if step >= WARMUP_STEPS + DECAY_STEPS:
            return 0.0
        return half + half * cos((step - WARMUP_STEPS) * frequency)

    return rate


def against_hand() -> Row:
    """Random steps of a warm-up and a cosine."""
    plan, hand = cosine(start=PEAK, steps=DECAY_STEPS).warmup(WARMUP_STEPS), by_hand()
    steps = random.Random(0).choices(range(WARMUP_STEPS + DECAY_STEPS), k=2_000)
    if not all(math.isclose(plan(t), hand(t), rel_tol=1e-9, abs_tol=1e-18) for t in steps):
        raise AssertionError("the hand-written rival computes something else")
    return compare(
        "scalar/hand",
        lambda: [plan(t) for t in steps],
        "closure with folded constants",
        lambda: [hand(t) for t in steps],
        work_per_call=len(steps),
    )


QUESTIONS = [
    Question(
        name="scalar/hand",
        work="schedule(step): warm-up of 1,000 and cosine of 100,000, random steps",
        rival="closure with folded constants",
        promised=10.0,
        measure=against_hand,
    )
]
