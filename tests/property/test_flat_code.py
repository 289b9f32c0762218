"""Flat code changes no value: that of a formula is the same with and without it, for numbers and for arrays."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from benchmarks.scalar import without_flat_code
from optimsche import Rate, lr_fn
from tests.property.strategies import any_schedule, epochs, plans, real_steps
from tests.property.test_values import largest_value

schedules_and_plans = st.one_of(any_schedule, plans())
clocks = st.lists(st.one_of(real_steps, st.floats(0, 1e6)), min_size=1, max_size=12)


@given(schedules_and_plans, clocks, epochs)
def test_a_number_gives_the_same_bits_with_and_without(s, steps, epoch):
    tree = without_flat_code(s)
    for t in range(40):  # called so often, it has flat code
        s(t, epoch)
    for t in steps:
        assert s(t, epoch) == tree(t, epoch), t
        if not s.counts_epochs:
            assert s(t) == tree(t), t


@given(schedules_and_plans, epochs)
def test_a_schedule_gives_the_same_bits_before_and_after_it_has_flat_code(s, epoch):
    steps = range(0, 120, 3)
    first = [s(t, epoch) for t in steps]
    assert [s(t, epoch) for t in steps] == first
    assert all(type(s(t, epoch)) is float for t in steps)


@given(schedules_and_plans, epochs, st.sampled_from(["sorted", "shuffled", "falling", "fractions"]))
def test_arrays_agree_with_numbers_that_have_flat_code(s, epoch, order):
    steps = np.concatenate([np.arange(0, 300), np.arange(300, 30_000, 97), [10**6, 10**9]]).astype(float)
    if order == "shuffled":
        np.random.default_rng(0).shuffle(steps)
    if order == "falling":
        steps = steps[::-1]
    if order == "fractions":
        steps = steps / 7
    curve = s(steps, epoch)
    largest = largest_value(s, [*steps.tolist(), *s.boundaries(most=20)], epoch)
    bound = 4 * math.ulp(largest) if largest else 0.0
    for t, value in zip(steps.tolist(), curve.tolist(), strict=True):
        assert abs(s(t, epoch) - value) <= bound, t


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
@given(schedules_and_plans)
def test_arrays_near_boundaries_agree_in_any_order(order, s):
    """Small steps near the first boundaries: every choice divides the array, in this or in that order."""
    boundaries = [boundary for boundary in s.boundaries(most=8) if boundary < 1e6] or [10.0]
    steps = np.concatenate([np.linspace(0, 1.5 * boundary + 2, 80) for boundary in boundaries] * 2)
    steps.sort()
    steps = {"rising": steps, "falling": steps[::-1], "shuffled": np.random.default_rng(1).permutation(steps)}[order]
    while steps.size <= 300:
        steps = np.concatenate([steps, steps])
    tree = without_flat_code(s)
    largest = largest_value(tree, [*steps.tolist(), *s.boundaries(most=20)], 1.0)
    for t, value in zip(steps.tolist(), s(steps, 1.0).tolist(), strict=True):
        assert abs(tree(t, 1.0) - value) <= 4 * math.ulp(largest), t


@pytest.mark.parametrize("order", [lambda t: t, lambda t: t[::-1], np.random.default_rng(0).permutation])
def test_schedules_that_end_at_different_clocks_are_added_in_any_order(order):
    s = o.cosine(start=0.0, end=1.0, steps=2_000).add(o.linear(start=0.5, steps=1_000))
    steps, tree = order(np.arange(5_000)), without_flat_code(s)
    assert s(steps).tolist() == pytest.approx([tree(t) for t in steps.tolist()], rel=1e-14)


def test_a_clock_out_of_range_is_refused_wherever_it_is():
    plan = o.linear(steps=100)
    for bad in (-1, math.nan, math.inf):
        steps = np.arange(50_000, dtype=float)
        steps[40_000] = bad
        with pytest.raises(ValueError, match="real_step must hold numbers from 0 to 1e300"):
            plan(steps)


def test_shapes_and_types_of_long_arrays_are_kept():
    plan = o.cosine(start=0.1, steps=20_000).warmup(100)
    steps = np.arange(30_000)
    assert plan(steps.reshape(100, 300)).tolist() == plan(steps).reshape(100, 300).tolist()
    assert plan(steps.astype(np.float32)).dtype == np.float32
    assert plan(steps.astype(np.uint16)).dtype == np.float64
    assert plan(steps[::-3]).tolist() == plan(steps)[::-3].tolist()
    rng = random.Random(0)
    assert plan(np.array([rng.randrange(10**15) for _ in range(1_000)])).tolist() == [0.0] * 1_000


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("count", [3, 300])
def test_the_type_of_an_array_does_not_depend_on_its_length(dtype, count):
    steps = np.arange(count, dtype=dtype)
    for s in (o.piecewise_linear(values=(0.1, 0.5), at=(10, 50)), o.linear(steps=9), o.constant(value=0.1)):
        assert s(steps).dtype == steps.dtype
        assert s(np.arange(count)).dtype == np.float64


@lr_fn
def in_its_own_place(real_step, epoch, *, a: Rate):
    real_step *= 2.0
    return real_step * a


def test_a_formula_that_works_in_place_leaves_the_callers_array_as_it_is():
    for count in (6, 600):
        steps = np.arange(count, dtype=float)
        assert in_its_own_place(a=1.0)(steps).tolist() == [2.0 * t for t in range(count)]
        assert steps.tolist() == list(range(count))


@lr_fn
def of_nothing(real_step, epoch):
    return None


def test_a_formula_that_returns_nothing_is_named_for_an_array_too():
    with pytest.raises(TypeError, match="an lr function returns a number; of_nothing returned None"):
        of_nothing()(np.arange(3))


def test_whole_numbers_past_what_a_float_holds_are_inf_in_flat_code_too():
    plan = o.step_decay(factor=0.5, every=1e-9)
    assert [plan(1e300) for _ in range(40)] == [0.0] * 40
