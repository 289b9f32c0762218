"""What makes the rows of the benchmarks quick, counted instead of timed: no busy machine changes a count."""

import sys
import tracemalloc

import numpy as np
import pytest

from benchmarks.curve import RESTARTS, STEPS, WSD
from benchmarks.scalar import PLAN, without_flat_code
from benchmarks.start import RESTARTED


def calls(work):
    """How many functions of Python and of C a piece of work calls."""
    names = []
    sys.setprofile(lambda frame, event, arg: names.append(frame.f_code.co_name) if "call" in event else None)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(names) - 1  # the last is setprofile itself


def peak_bytes(work):
    """How much memory a piece of work has at once, beyond what there was."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("plan", [PLAN, WSD, RESTARTS], ids=["warm-up and cosine", "three pieces", "restarts"])
def test_a_value_takes_the_public_call_and_flat_code(plan):
    tree = without_flat_code(plan)
    for step in range(100):
        plan(step)
    for step in (1, 12_345, 98_765):
        found = calls(lambda step=step: plan(step))
        assert found <= 6, "this lambda, __call__, the flat function, at most three that it calls"
        assert calls(lambda step=step: tree(step)) > 2 * found


def test_a_value_far_into_a_run_takes_as_many_calls_as_an_early_one():
    for step in range(1, 100):
        RESTARTED(step)
    assert calls(lambda: RESTARTED(10**9)) == calls(lambda: RESTARTED(2_000))


@pytest.mark.parametrize("plan", [WSD, RESTARTS], ids=["three pieces", "restarts"])
def test_a_curve_takes_the_memory_of_the_curve(plan):
    plan(STEPS[:1_000])
    assert peak_bytes(lambda: plan(STEPS)) < 8 * STEPS.size + 2**21
    by_hand = peak_bytes(lambda: np.where(STEPS < 10, STEPS.astype(float), STEPS * 2.0))
    assert by_hand > 2 * 8 * STEPS.size  # the count sees what NumPy allocates
