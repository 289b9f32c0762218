"""The last-iterate bound: against its formula as it is written, and the results of its paper."""

import math

import numpy as np
import pytest

import optimsche as o
from benchmarks import theory as command
from optimsche import theory


def as_written(rates, distance=1.0, gradient=1.0):
    """Theorem 1 with every sum as a sum."""
    last, squared = len(rates), [rate**2 * gradient**2 for rate in rates]
    value = (distance**2 + sum(squared)) / (2 * sum(rates))
    for k in range(last - 1):
        value += rates[k] / sum(rates[k + 1 :]) * sum(squared[k:]) / sum(rates[k:]) / 2
    return value


@pytest.mark.parametrize("plan", [o.constant(value=0.1), o.warmup_cosine(peak=0.3, warmup_steps=5, total_steps=60)])
def test_it_is_the_formula(plan):
    rates = [rate for rate in plan(np.arange(1, 61)).tolist() if rate]  # the last of a cosine is 0: it changes nothing
    assert theory.bound(plan, 60, distance=2.0, gradient=3.0) == pytest.approx(as_written(rates, 2.0, 3.0))


def test_the_best_rate_is_where_the_bound_is_least():
    plan = o.wsd(peak=0.7, warmup_steps=10, decay_steps=40, total_steps=200)
    best = theory.best_rate(plan, 200, distance=2.0, gradient=3.0)
    least, lower, higher = (
        theory.bound(plan * (best * k / 0.7), 200, distance=2.0, gradient=3.0) for k in (1, 0.9, 1.1)
    )
    assert least < min(lower, higher)
    assert lower == pytest.approx(theory.bound(plan * (best / 0.9 / 0.7), 200, distance=2.0, gradient=3.0))


def test_the_results_of_the_paper():
    assert command.exponent("cosine") == pytest.approx(-0.5, abs=0.01)
    plans = command.plans(10_000)
    ratio = theory.best_rate(plans["wsd"], 10_000) / theory.best_rate(plans["cosine"], 10_000)
    assert ratio == pytest.approx(0.53, abs=0.01)
    plan = plans["wsd"] * theory.best_rate(plans["wsd"], 10_000)
    before, begin, end = (theory.bound(plan, n) for n in (6_000, 8_000, 10_000))
    assert (begin - end) > 4 * (before - begin)  # it falls within the cooldown


def test_a_rate_for_another_length():
    short, long = o.cosine(steps=1_000), o.cosine(steps=4_000)
    assert theory.transfer_rate(0.1, short, 1_000, long, 4_000) == pytest.approx(0.05, rel=0.01)


def test_a_run_of_a_hundred_million_is_too_much_and_ten_are_not():
    assert theory.bound(o.constant(value=1e-3), 1_000_000) > 0
    with pytest.raises(ValueError, match="steps must be a whole number >= 1 and <= 100000000"):
        theory.bound(o.constant(value=1.0), 10**9)


def test_wrong_calls():
    assert theory.bound(o.constant(value=0.0), 5) == math.inf
    with pytest.raises(ValueError, match="has the rate 0 in all of its 5 updates"):
        theory.best_rate(o.constant(value=0.0), 5)
    with pytest.raises(ValueError, match="counts epochs; write it in updates"):
        theory.bound(o.cosine(steps=5).by_epoch(), 5)
    with pytest.raises(TypeError, match="plan must be a schedule"):
        theory.bound(0.1, 5)
    with pytest.raises(ValueError, match="distance must be > 0"):
        theory.bound(o.constant(value=0.1), 5, distance=0)
    with pytest.raises(ValueError, match="rate must be > 0"):
        theory.transfer_rate(0, o.constant(value=1.0), 1, o.constant(value=1.0), 1)


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200])
def test_the_size_of_the_rates_is_no_limit(size):
    shape = o.linear(steps=50) + o.constant(value=0.1)
    assert theory.best_rate(size * shape, 50) == pytest.approx(theory.best_rate(shape, 50), rel=1e-9)
    assert 0 < theory.bound(size * shape, 50) < math.inf


def test_rates_that_fall_below_what_a_square_can_hold():
    plan = o.geometric(start=0.1, end=1e-250, steps=100)
    assert theory.bound(plan, 100) == pytest.approx(theory.bound(plan, 60), rel=0.05)
