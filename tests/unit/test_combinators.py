"""Exact values, lengths and boundaries of every combinator, on numbers, on arrays, and with arrays as parameters."""

import functools
import inspect
import math
import operator
import sys

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import optimsche as o

INF = math.inf
# A schedule whose value is its clock: what a combinator does to the clock can be read off.
CLOCK = o.linear(start=0.0, end=1_000.0, steps=1_000)
DOWN = o.linear(start=1.0, steps=10)


def _check(schedule, values):
    steps, rates = np.array(list(values), dtype=float), list(values.values())
    assert [schedule(t) for t in values] == rates
    assert schedule(steps).tolist() == rates
    assert schedule(steps[:, None]).ravel().tolist() == rates


@pytest.mark.parametrize(
    ("schedule", "values", "length", "boundaries"),
    [
        (o.constant(steps=10) >> DOWN, {0: 1.0, 10: 1.0, 15: 0.5, 20: 0.0, 21: 0.0}, 20, (10, 20)),
        (DOWN.then(DOWN, at=5), {0: 1.0, 5: 0.5, 10: 0.5, 15: 0.0}, 15, (5, 15)),
        (DOWN.then(o.constant(value=0.25)), {10: 0.0, 11: 0.25, 10**6: 0.25}, INF, (10,)),
        (DOWN.then(o.constant(value=0.25), at=20), {10: 0.0, 20: 0.0, 21: 0.25}, INF, (10, 20)),
        (DOWN.warmup(4), {0: 0.0, 1: 0.25, 4: 1.0, 5: 0.9, 14: 0.0}, 14, (4, 14)),
        (DOWN.warmup(4, start=0.5), {0: 0.5, 2: 0.75, 4: 1.0}, 14, (4, 14)),
        (DOWN.warmup(0), {0: 1.0, 5: 0.5, 10: 0.0}, 10, (10,)),
        (DOWN.warmup(0.5), {0: 0.0, 0.25: 0.5, 0.5: 1.0, 5.5: 0.5}, 10.5, (0.5, 10.5)),
        (DOWN.cooldown(at=5, steps=2), {0: 1.0, 5: 0.5, 6: 0.25, 7: 0.0, 8: 0.0}, 7, (5, 7)),
        (DOWN.cooldown(at=10, steps=4, end=1.0), {10: 0.0, 11: 0.25, 14: 1.0, 99: 1.0}, 14, (10, 14)),
        (DOWN * 0.5, {0: 0.5, 5: 0.25}, 10, (10,)),
        (DOWN * DOWN.stretch(2), {0: 1.0, 10: 0.0, 5: 0.375}, 20, (10, 20)),
        (DOWN * o.constant(value=0.5), {0: 0.5, 5: 0.25}, 10, (10,)),
        (o.constant(value=0.5) * 0.5, {0: 0.25}, INF, ()),
        (o.constant(value=0.5, steps=7) * DOWN, {0: 0.5, 10: 0.0}, 10, (7, 10)),
        (DOWN.add(o.constant(value=0.5)), {0: 1.5, 10: 0.5}, 10, (10,)),
        (DOWN.add(o.exponential(factor=0.5)), {0: 2.0, 1: 1.4}, INF, (10,)),
        (DOWN.clamp(floor=0.25, ceiling=0.75), {0: 0.75, 5: 0.5, 10: 0.25}, 10, (10,)),
        (DOWN.clamp(ceiling=0.25), {0: 0.25, 10: 0.0}, 10, (10,)),
        (DOWN.clamp(floor=0.5, ceiling=0.5), {0: 0.5, 10: 0.5}, 10, (10,)),
        (DOWN.shift(3), {0: 1.0, 3: 1.0, 8: 0.5, 13: 0.0}, 13, (13,)),
        (DOWN.shift(-5), {0: 0.5, 5: 0.0}, 5, (5,)),
        (DOWN.shift(-9.5), {0.5: 0.0}, 0.5, (0.5,)),
        (DOWN.shift(-20), {0: 0.0}, 0, ()),
        (DOWN.shift(-20).shift(4), {0: 0.0, 9: 0.0}, 4, (4,)),
        (DOWN.shift(-20).shift(0.5), {0: 0.0, 9: 0.0}, 0.5, (0.5,)),
        (DOWN.shift(-20).shift(-1), {0: 0.0, 9: 0.0}, 0, ()),
        (DOWN.shift(-20).shift(-0.5), {0: 0.0, 9: 0.0}, 0, ()),
        (DOWN.shift(-20).shift(0), {0: 0.0, 9: 0.0}, 0, ()),
        (o.constant().shift(5), {0: 1.0, 9: 1.0}, INF, ()),
        ((DOWN >> DOWN).shift(-10), {0: 0.0, 1: 0.9, 10: 0.0}, 10, (10,)),
        (DOWN.stretch(3), {0: 1.0, 15: 0.5, 30: 0.0}, 30, (30,)),
        (DOWN.stretch(0.5), {0: 1.0, 2.5: 0.5, 5: 0.0}, 5, (5,)),
        (DOWN.over(100), {0: 1.0, 50: 0.5, 100: 0.0, 200: 0.0}, 100, (100,)),
        ((DOWN >> DOWN).over(5), {0: 1.0, 3: 0.0, 4: 0.5, 5: 0.0}, 5, (3, 5)),
        ((o.constant(steps=0.25) >> o.linear(steps=0.75)).over(40), {10: 1.0, 25: 0.5, 40: 0.0}, 40, (10, 40)),
        (DOWN.staircase(5), {0: 1.0, 1: 1.0, 5: 1.0, 6: 0.5, 10: 0.5, 11: 0.0}, 10, (10,)),
        (DOWN.staircase(5, closed="left"), {0: 1.0, 4: 1.0, 5: 0.5, 9: 0.5, 10: 0.0}, 10, (10,)),
        (DOWN.warp(CLOCK), {0: 1.0, 5: 0.5, 10: 0.0}, 1_000, (1_000,)),
        (o.constant(1.0) + DOWN, {0: 2.0, 5: 1.5, 10: 1.0, 99: 1.0}, 10, (10,)),
        (o.constant(0.25) + o.constant(0.5), {0: 0.75}, INF, ()),
        (DOWN + 0.5, {0: 1.5, 10: 0.5}, 10, (10,)),
        (0.5 + DOWN, {0: 1.5, 10: 0.5}, 10, (10,)),
        (DOWN + DOWN.stretch(2) + 0, {0: 2.0, 10: 0.5, 20: 0.0}, 20, (10, 20)),
        (DOWN + o.milestones(at=(4, 15)), {0: 2.0, 5: 0.6}, 15, (4, 10, 15)),
        (DOWN - 0.25, {0: 0.75, 5: 0.25, 7.5: 0.0, 10: 0.0}, 10, (10,)),
        (1 - DOWN, {0: 0.0, 5: 0.5, 10: 1.0, 11: 1.0}, 10, (10,)),
        (0.5 - DOWN, {0: 0.0, 5: 0.0, 10: 0.5}, 10, (10,)),
        (DOWN - DOWN.stretch(2), {0: 0.0, 10: 0.0}, 20, (10, 20)),
        (DOWN.stretch(2) - DOWN, {0: 0.0, 10: 0.5, 20: 0.0}, 20, (10, 20)),
        (DOWN.minimum(0.25), {0: 0.25, 5: 0.25, 9: pytest.approx(0.1), 10: 0.0}, 10, (10,)),
        (DOWN.minimum(o.constant(0.5, steps=4)), {0: 0.5, 6: 0.4, 10: 0.0}, 10, (4, 10)),
        (DOWN.maximum(0.25), {0: 1.0, 5: 0.5, 9: 0.25, 10: 0.25}, 10, (10,)),
        (DOWN.maximum(1 - DOWN), {0: 1.0, 5: 0.5, 10: 1.0}, 10, (10,)),
        (DOWN.maximum(o.exponential(factor=0.5)), {0: 1.0, 1: 0.9, 10: 0.5**10}, INF, (10,)),
        (DOWN.clamp(floor=0.5 - DOWN, ceiling=DOWN.stretch(2)), {0: 1.0, 5: 0.5, 10: 0.5, 20: 0.0}, 20, (10, 20)),
        (DOWN.clamp(floor=0.5, ceiling=o.constant(0.25)), {0: 0.25, 10: 0.25}, 10, (10,)),
        (DOWN.then(o.constant(0.25, steps=3), at=0), {0: 1.0, 1: 0.25, 4: 0.25}, 3, (3,)),
        (DOWN.cooldown(at=0, steps=4), {0: 1.0, 1: 0.75, 4: 0.0}, 4, (4,)),
        (DOWN.cooldown(at=5, steps=0), {0: 1.0, 5: 0.5, 6: 0.0}, 5, (5,)),
        (DOWN.cooldown(at=1, steps=4), {0: 1.0, 1: 0.9, 3: 0.45, 5: 0.0}, 5, (1, 5)),
        (DOWN.cooldown(at=0, steps=0, end=0.5), {0: 1.0, 1: 0.5}, 0, ()),
        (
            o.constant().cooldown(at=4, steps=4, along=o.one_minus_power(power=0.5)),
            {0: 1.0, 4: 1.0, 5: 0.5, 8: 0.0, 9: 0.0},
            8,
            (4, 8),
        ),
        (
            o.constant(0.5).cooldown(at=4, steps=4, end=0.25, along=o.one_minus_power(power=2)),
            {4: 0.5, 6: 0.4375, 8: 0.25, 9: 0.25},
            8,
            (4, 8),
        ),
        (o.constant().cooldown(at=2, steps=6, along=o.cosine), {2: 1.0, 4: 0.75, 5: 0.5, 8: 0.0}, 8, (2, 8)),
        (
            o.constant().cooldown(at=10, steps=8, along=o.constant(steps=1) >> o.linear(steps=3)),
            {10: 1.0, 12: 1.0, 15: 0.5, 18: 0.0},
            18,
            (10, 12, 18),
        ),
        (DOWN.by_tokens(2), {0: 1.0, 1: 0.8, 5: 0.0}, 5, (5,)),
        (DOWN.by_tokens({1: 1, 5: 2}), {0: 1.0, 4: 0.6, 5: 0.4, 6: pytest.approx(0.2), 7: 0.0}, 7, (7,)),
        (o.piecewise_constant(values=(1.0, 0.5), at=(2,)).running_product(), {0: 1, 2: 1, 3: 0.5, 5: 0.125}, INF, (2,)),
    ],
    ids=repr,
)
def test_values_length_and_boundaries(schedule, values, length, boundaries):
    _check(schedule, values)
    assert schedule.length == length
    assert schedule.boundaries() == boundaries


def test_epochs_count_from_one_and_finished_ones_are_the_clock():
    plan = DOWN.by_epoch()
    assert [plan(99, epoch) for epoch in (1, 1.5, 2, 6, 11, 12)] == [1, 0.95, 0.9, 0.5, 0.0, 0.0]
    assert plan(np.array([7, 7]), np.array([1.0, 6.0])).tolist() == [1.0, 0.5]
    assert (plan.length, plan.boundaries(), plan.counts_epochs) == (INF, (), True)
    for epoch in (0, 0.5):
        with pytest.raises(ValueError, match="epoch must be a number from 1 to 1e300"):
            plan(99, epoch)


# ---------------------------------------------------------------------------------------------------------------------
# Cycles, against counting
# ---------------------------------------------------------------------------------------------------------------------


def _counted(t, times, every, stretch, closed):
    """The cycle that an update lies in, and its place on the first cycle's clock, by going through them."""
    cycle, begin, length = 0, 0.0, every
    while times is None or cycle < times - 1:
        end = begin + length
        if t < end or (closed == "right" and t == end):
            break
        cycle, begin, length = cycle + 1, end, length * stretch
    return cycle, (t - begin) / stretch**cycle


STEPS = np.arange(0, 60, 0.5)


@pytest.mark.parametrize("closed", ["right", "left"])
@pytest.mark.parametrize("times", [None, 1, 3])
@pytest.mark.parametrize("stretch", [1, 1.0, 2, 3.0, 1.5, 1.125])
@pytest.mark.parametrize("every", [4, 1, 2.5])
def test_a_repetition_is_where_counting_cycles_says(every, stretch, times, closed):
    plan = CLOCK.repeat(times, every=every, stretch=stretch, closed=closed)
    falling = o.constant(value=1.0).repeat(times, every=every, stretch=stretch, scale=0.5, closed=closed)
    counted = [_counted(t, times, every, stretch, closed) for t in STEPS.tolist()]
    places = pytest.approx([place for _, place in counted], abs=1e-12)
    assert [plan(t) for t in STEPS.tolist()] == places
    assert plan(STEPS).tolist() == places
    assert plan(STEPS[::-1])[::-1].tolist() == places
    factors = [0.5**cycle for cycle, _ in counted]
    assert [falling(t) for t in STEPS.tolist()] == factors
    assert falling(STEPS).tolist() == factors
    # The same with parameters that are arrays: a row of growths against a column of steps.
    row = np.array([1.0, stretch])
    table = plan.apply(STEPS[:, None], 1, {"stretch": row})
    equal = [_counted(t, times, every, 1, closed)[1] for t in STEPS.tolist()]
    assert table[:, 0].tolist() == pytest.approx(equal, abs=1e-12)
    assert table[:, 1].tolist() == places
    halved = falling.apply(STEPS[:, None], 1, {"stretch": row, "scale": np.array([1.0, 0.5])})
    assert halved[:, 0].tolist() == [1.0] * len(STEPS)
    assert halved[:, 1].tolist() == factors


@pytest.mark.parametrize("stretch", [1, 2])
@pytest.mark.parametrize("times", [None, 2])
def test_a_clock_just_before_a_cycle_that_counts_as_its_beginning_is_no_negative_one(times, stretch):
    plan = o.exponential(factor=0.5).repeat(times, every=10, stretch=stretch, closed="left")
    nearly = 10 - 2.0**-30
    assert [plan(nearly), *plan(np.array([nearly]))] == [1.0, 1.0]
    assert plan.apply(np.array([nearly]), 1, {"stretch": np.array([stretch])}).tolist() == [1.0]


@pytest.mark.parametrize("stretch", [1, 2])
def test_a_clock_that_a_warp_puts_before_the_beginning_is_in_the_first_cycle(stretch):
    plan = o.constant(value=1.0).repeat(4, every=10, stretch=stretch, scale=0.5).warp(o.expression(text="t - 5"))
    assert [plan(1), plan(15), plan(16)] == plan(np.array([1, 15, 16])).tolist() == [1.0, 1.0, 0.5]


def test_the_largest_clock_is_in_the_last_cycle():
    plan = o.constant(value=1.0).repeat(3, every=1e-10, stretch=100, scale=0.5)
    assert plan(1e300) == 0.25


@pytest.mark.parametrize("stretch", [1, 2])
def test_how_far_from_a_boundary_a_clock_still_counts_as_on_it(stretch):
    begin = 96.0 if stretch == 2 else 64.0
    slack = begin * 2.0**-32
    once = o.constant(value=1.0)
    right = once.repeat(every=32, stretch=stretch, scale=0.5)
    left = once.repeat(every=32, stretch=stretch, scale=0.5, closed="left")
    assert [right(begin + slack), right(begin + 2 * slack)] == [0.5, 0.25]
    assert [left(begin - slack), left(begin - 2 * slack)] == [0.25, 0.5]


@pytest.mark.parametrize("given", [np.array(2.0), torch.tensor(2.0), jnp.array(2.0)], ids=["numpy", "torch", "jax"])
def test_what_the_lengths_inside_over_are_made_of_must_be_numbers(given):
    plan = o.linear(start=1.0, steps=4).repeat(2).over(12)
    found = plan.apply(np.array([0.0, 4.0, 6.0, 9.0, 12.0]), 1, {"schedule": {"stretch": 2.0}})
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.75, 0.375, 0.0], abs=1e-12)
    for params in ({"schedule": {"stretch": given}}, {"schedule": {"schedule": {"steps": given}, "every": given}}):
        with pytest.raises(TypeError, match="apply: inside over, what a length is made of must be numbers"):
            plan.apply(np.array([0.0, 4.0]), 1, params)


def test_lengths_and_boundaries_of_cycles():
    assert (DOWN.repeat(3).length, DOWN.repeat(3).boundaries()) == (30, (10, 20, 30))
    assert (DOWN.repeat(3, stretch=2).length, DOWN.repeat(3, stretch=2).boundaries()) == (70, (10, 30, 70))
    assert DOWN.repeat(2, every=25).boundaries() == (10, 25, 35, 50)
    assert DOWN.repeat(2, every=5).boundaries() == (5, 10)
    assert DOWN.repeat().length == INF
    assert DOWN.repeat().boundaries(most=100) == DOWN.repeat().boundaries(upto=1_005) == tuple(range(10, 1_001, 10))
    assert DOWN.repeat(stretch=2).boundaries(150, most=3) == (10, 30, 70)
    assert DOWN.repeat(stretch=2).boundaries(70) == (10, 30, 70)
    assert DOWN.repeat(stretch=2).boundaries(69.9) == (10, 30)
    assert DOWN.repeat(3).boundaries(most=99) == DOWN.repeat(3).boundaries(99) == (10, 20, 30)
    assert len(o.sequence([DOWN] * 300).repeat(100).boundaries()) == 30_000


def test_more_than_a_million_boundaries_are_not_listed():
    for plan in (DOWN.repeat(), DOWN.repeat(10_000).repeat(10_000)):
        with pytest.raises(ValueError, match=r"repeat has more than 1,048,576 boundaries up to inf; say how far"):
            plan.boundaries()
        assert plan.boundaries(upto=25) == (10, 20)
        assert plan.boundaries(most=2) == (10, 20)
    with pytest.raises(ValueError, match=r"more than 1,048,576 boundaries up to 1e\+09"):
        DOWN.repeat().boundaries(upto=1e9)
    assert DOWN.repeat(every=1e-3).boundaries(most=3) == (0.001, 0.002, 0.003)


def test_a_sequence_takes_pieces_of_no_length_as_joining_them_does():
    nothing, last = DOWN.shift(-10), o.constant(0.5)
    for pieces in ([nothing, last], [DOWN, nothing, nothing, last], [nothing, DOWN, nothing, DOWN]):
        joined = functools.reduce(operator.rshift, pieces)
        plan = o.sequence(pieces)
        assert plan.length == joined.length
        assert plan.boundaries() == joined.boundaries()
        assert [plan(t) for t in range(25)] == [joined(t) for t in range(25)]


@pytest.mark.parametrize("stretch", [1.0, 2.0, 3.0, 10.0])
def test_cycles_at_their_boundaries_far_out(stretch):
    """Where the logarithm that guesses the cycle is off by a rounding error."""
    begins = [100.0 * (k if stretch == 1 else (stretch**k - 1) / (stretch - 1)) for k in range(1, 30)]
    begins = [begin for begin in begins if begin < 1e12]
    once = o.constant(value=1.0)
    right = once.repeat(every=100, stretch=stretch, scale=0.5)
    left = once.repeat(every=100, stretch=stretch, scale=0.5, closed="left")
    for cycle, begin in enumerate(begins, 1):
        steps, before, after = np.array([begin - 1, begin, begin + 1]), 0.5 ** (cycle - 1), 0.5**cycle
        assert [right(t) for t in steps.tolist()] == right(steps).tolist() == [before, before, after]
        assert [left(t) for t in steps.tolist()] == left(steps).tolist() == [before, after, after]


# ---------------------------------------------------------------------------------------------------------------------
# Many pieces, and the clocks inside
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_sequence_is_its_pieces_one_after_the_other(count):
    pieces = [o.linear(start=k + 1.0, end=k + 0.5, steps=k + 1) for k in range(count)]
    plan, chain = o.sequence(pieces), pieces[0]
    for piece in pieces[1:]:
        chain = chain >> piece
    assert [plan(t) for t in range(50)] == [chain(t) for t in range(50)]
    assert plan.boundaries() == chain.boundaries()
    edges = [10 * k for k in range(1, count)]
    spaced = o.sequence(pieces, at=edges)
    assert [spaced(t) for t in edges] == [k + 0.5 for k in range(count - 1)]
    assert [spaced(t + k + 2) for k, t in enumerate(edges)] == [k + 1.5 for k in range(count - 1)]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ((10,), r"at needs one update less than there are schedules \(3\)"),
        ((10, 20, 30), r"at needs one update less than there are schedules \(3\)"),
        ((10, 10), r"at must increase from above 0, got 10 after 10"),
        ((20, 10), r"at must increase from above 0, got 10 after 20"),
        ((0, 10), r"at must increase from above 0, got 0 after 0"),
        ((10, INF), r"piece 1 never ends"),
    ],
)
def test_a_sequence_whose_ends_do_not_fit_is_refused(at, message):
    with pytest.raises(ValueError, match=message):
        o.sequence([DOWN, DOWN, DOWN], at=at)


def test_a_sequence_with_a_piece_that_never_ends_is_refused_by_its_number():
    with pytest.raises(ValueError, match="piece 1 never ends"):
        o.sequence([DOWN, o.constant(value=0.1), DOWN])
    with pytest.raises(TypeError, match=r"sequence takes schedules, got 0.1 \(float\)"):
        o.sequence([DOWN, 0.1])


def test_over_with_lengths_as_an_array_fits_each():
    plan = (o.constant(steps=0.5) >> o.linear(steps=0.5)).over(100)
    table = plan.apply(np.array([[0.0], [50.0], [75.0], [100.0], [200.0]]), 1, {"steps": np.array(200.0)})
    assert table.ravel().tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert plan.apply(150, 1, {"steps": 200}) == 0.5
    steps = np.array([0.0, 25.0, 50.0, 100.0])
    assert DOWN.over(100).apply(steps, 1, {"steps": np.array(200.0)}).tolist() == [1.0, 0.875, 0.75, 0.5]
    assert [plan.apply(t, 1, {"steps": 200.0}) for t in (0, 100, 150, 200)] == [1.0, 1.0, 0.5, 0.0]


def test_over_refuses_a_piece_of_less_than_one_update():
    with pytest.raises(ValueError, match=r"over 4 updates the piece that ends at 0\.1 has less than one update"):
        (o.constant(steps=0.1) >> o.linear(steps=0.9)).over(4)
    assert (o.constant(steps=0.1) >> o.linear(steps=0.9)).over(5).boundaries() == (1, 5)


def test_jitter_moves_a_value_by_a_share_of_itself():
    plan = o.constant(value=2.0).jitter(0.25, seed=3)
    values = [plan(t) for t in range(1, 400)]
    assert all(1.5 < value < 2.5 for value in values)
    assert min(values) < 1.55
    assert max(values) > 2.45
    assert plan(np.arange(1, 400)).tolist() == values
    assert DOWN.jitter(0.0)(5) == 0.5
    assert [round(o.constant(value=1.0).jitter(0.1, seed=7)(t), 3) for t in (1, 2, 3)] == [0.909, 0.945, 0.913]


def test_a_running_product_looks_at_no_update_after_its_own():
    plan = o.expression(text="1 / (4 - t)").running_product()
    assert [plan(t) for t in (0, 2, 3)] == [1.0, 1 / 6, 1 / 6]
    with pytest.raises(ValueError, match="has no value at t=4"):
        plan(4)


def test_a_running_product_goes_on_from_block_to_block():
    plan = o.expression(text="1 - 0.5 * (t % 4000 == 0)").running_product()
    steps = np.arange(20_000)
    assert np.array_equal(plan(steps), 0.5 ** (steps // 4_000))
    assert [plan(t) for t in (8_192, 8_193, 16_384, 16_385)] == [0.25, 0.25, 0.0625, 0.0625]


def test_a_running_product_has_a_longest_one(monkeypatch):
    monkeypatch.setattr(sys.modules["optimsche.combinators.running_product"], "_MOST_FACTORS", 100)
    plan = o.constant(value=1.0).running_product()
    assert plan(100) == plan(100.5) == 1.0
    with pytest.raises(ValueError, match="is made for up to 100 updates, got 101"):
        plan(101)


def test_a_running_product_ends_at_ten_million_updates():
    plan = o.constant(value=1.0).running_product()
    with pytest.raises(ValueError, match="is made for up to 10,000,000 updates, got 10,000,001"):
        plan(10_000_001)
    epochs = o.linear(start=1.0, steps=2).by_epoch().running_product()
    assert [epochs(3, epoch) for epoch in (1, 2, 1)] == [1.0, 0.125, 1.0]  # nothing of one epoch is kept for another


# ---------------------------------------------------------------------------------------------------------------------
# What is written
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "written"),
    [
        (o.constant(), "constant(value=1.0, steps=None)"),
        (o.linear(steps=9), "linear(start=1.0, end=0.0, steps=9)"),
        (o.cosine(steps=9), "cosine(start=1.0, end=0.0, steps=9)"),
        (o.polynomial(steps=9), "polynomial(start=1.0, end=0.0, steps=9, power=2.0)"),
        (o.one_minus_power(steps=9), "one_minus_power(start=1.0, end=0.0, steps=9, power=0.5)"),
        (o.geometric(end=0.1, steps=9), "geometric(start=1.0, end=0.1, steps=9)"),
        (o.tanh(steps=9), "tanh(start=1.0, end=0.0, steps=9, lower=-7.0, upper=3.0)"),
        (o.rex(steps=9), "rex(start=1.0, end=0.0, steps=9, beta=0.5)"),
        (o.hyperbolic(steps=9, upper_bound=9), "hyperbolic(start=1.0, end=0.0, steps=9, upper_bound=9)"),
        (o.exponential(factor=0.5), "exponential(start=1.0, factor=0.5, every=1.0)"),
        (o.inverse_sqrt(timescale=9), "inverse_sqrt(start=1.0, timescale=9)"),
        (o.power_law(timescale=9, power=1.0), "power_law(start=1.0, timescale=9, power=1.0)"),
        (o.step_decay(factor=0.5, every=9), "step_decay(start=1.0, factor=0.5, every=9)"),
        (o.milestones(at=(9,)), "milestones(start=1.0, factor=0.1, at=(9,))"),
        (o.constant(value=0.5).warmup(9), "warmup(constant(value=0.5, steps=None), steps=9, start=0.0)"),
        (
            DOWN.cooldown(at=5, steps=2),
            "cooldown(linear(start=1.0, end=0.0, steps=10), at=5, steps=2, end=0.0, along=None)",
        ),
        (DOWN.clamp(), "clamp(linear(start=1.0, end=0.0, steps=10), floor=0.0, ceiling=None)"),
        (DOWN.staircase(5), "staircase(linear(start=1.0, end=0.0, steps=10), every=5, closed='right')"),
        (DOWN.jitter(0.5), "jitter(linear(start=1.0, end=0.0, steps=10), amount=0.5, seed=0)"),
        (
            o.constant(value=0.5).repeat(every=10),
            "repeat(constant(value=0.5, steps=None), times=None, every=10, stretch=1.0, scale=1.0, closed='right')",
        ),
    ],
    ids=lambda value: value.lr_fn.name if isinstance(value, o.Schedule) else "",
)
def test_what_is_left_out_is_written_with_its_default(schedule, written):
    assert repr(schedule) == written


@pytest.mark.parametrize(
    "call",
    [
        lambda: DOWN.warmup(1, 0.5),
        lambda: DOWN.then(DOWN, 5),
        lambda: DOWN.cooldown(5, 2),
        lambda: DOWN.clamp(0.5),
        lambda: DOWN.repeat(2, 5),
        lambda: DOWN.staircase(5, "left"),
        lambda: DOWN.jitter(0.5, 3),
        lambda: DOWN.plot(100),
        lambda: DOWN.table(100),
        lambda: o.warmup(DOWN, 1, 0.5),
        lambda: o.then(DOWN, DOWN, 5),
        lambda: o.repeat(DOWN, 2, 5),
    ],
)
def test_options_are_given_by_name(call):
    with pytest.raises(TypeError, match=r"by (position|name)"):
        call()


@pytest.mark.parametrize("name", ["plot", "table", "explore", *(f for f in o.combinators.__all__ if f != "sequence")])
def test_a_method_has_the_defaults_of_its_function(name):
    def options(function):
        return {p.name: p.default for p in inspect.signature(function).parameters.values() if p.default is not p.empty}

    function = o.curve.explore if name == "explore" else getattr(o, name)
    several = {"difference": False} if name == "plot" else {}  # what one schedule alone has no use for
    assert options(getattr(o.Schedule, name)) | several == options(function)


def test_products_and_joined_pieces_of_something_else_are_refused():
    for call in (lambda: DOWN * "2", lambda: "2" * DOWN, lambda: DOWN >> 0.5, lambda: 0.5 >> DOWN, lambda: DOWN * None):
        with pytest.raises(TypeError, match=r"unsupported operand|can't multiply|a number is written as a schedule"):
            call()


# ---------------------------------------------------------------------------------------------------------------------
# Tokens
# ---------------------------------------------------------------------------------------------------------------------


def test_a_constant_batch_is_the_plan_in_updates():
    tokens = 4_194_304
    in_updates = o.cosine(start=3e-4, steps=9_000).warmup(1_000)
    in_tokens = o.cosine(start=3e-4, steps=9_000 * tokens).warmup(1_000 * tokens).by_tokens(tokens)
    assert (in_tokens.length, in_tokens.boundaries()) == (10_000, (1_000, 10_000))
    steps = np.arange(0, 10_100, 7)
    assert [in_tokens(t) for t in steps.tolist()] == pytest.approx([in_updates(t) for t in steps.tolist()], rel=1e-12)
    assert in_tokens(steps).tolist() == pytest.approx(in_updates(steps).tolist(), rel=1e-12)
    assert [in_tokens(t) for t in (0, 1_000, 10_000)] == [in_updates(t) for t in (0, 1_000, 10_000)]
    stages = {1: tokens, 500: tokens, 5_001: tokens}
    assert in_tokens.replace(per_update=stages)(steps).tolist() == in_tokens(steps).tolist()


@pytest.mark.parametrize("calls", [0, 50])
def test_what_has_been_seen_is_counted_exactly(calls):
    stages = ((1, 3_000_001), (8, 1), (9, 2**40 + 1), (1_000, 7))
    seen = o.expression("t").by_tokens(stages)  # its value is its clock
    for t in range(calls):
        seen(t)
    counts, total = {}, 0
    for update in range(1, 1_200):
        total += next(tokens for first, tokens in reversed(stages) if first <= update)
        counts[update] = total
    assert total < 2**53
    assert [seen(t) for t in counts] == list(counts.values())
    steps = np.array(list(counts))
    assert seen(steps).tolist() == list(counts.values())
    assert seen(torch.as_tensor(steps)).tolist() == list(counts.values())
    assert (seen(0), seen(7.5), seen(8.5)) == (0.0, counts[7] + 0.5, counts[8] + (2**40 + 1) / 2)


def test_boundaries_of_stages_are_where_the_tokens_have_been_seen():
    plan = o.milestones(at=(10, 35, 40, 100), factor=0.5).by_tokens({1: 10, 3: 5, 7: 20})
    # After updates 1 to 8: 10, 20, 25, 30, 35, 40, 60, 80 tokens.
    assert plan.boundaries() == (1.0, 5.0, 6.0, 9.0)
    assert [plan(t) for t in range(11)] == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.125, 0.125, 0.125, 0.0625]
    assert (o.linear(steps=40) >> o.constant()).by_tokens({1: 10, 3: 5}).length == INF
    assert o.linear(steps=37.5).by_tokens({1: 10, 3: 5}).length == 5.5


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("0:768", 768),
        ("0:768 1M:1536", {1: 768, 1_304: 1_536}),
        ("0:2 3:4 9:1", {1: 2, 3: 4, 5: 1}),
        ("0:2 1K:4  2K:8", {1: 2, 501: 4, 751: 8}),
        ("0:1000 1B:2000 2T:4000", {1: 1_000, 1_000_001: 2_000, 1_000_500_001 - 1_000_000 + 500_000: 4_000}),
    ],
)
def test_megatrons_text_of_batch_sizes(text, stages):
    if "2T" in text:
        stages = {1: 1_000, 1_000_001: 2_000, 1_000_001 + (2 * 10**12 - 10**9) // 2_000: 4_000}
    assert DOWN.by_tokens(text) == DOWN.by_tokens(stages)


def test_megatrons_text_with_samples_of_many_tokens():
    from optimsche.combinators.by_tokens import stages_of_text

    assert stages_of_text("0:2 100:4", seq_length=10) == {1: 20, 6: 40}


def test_stages_that_only_overshoot_a_threshold_skip_it():
    assert DOWN.by_tokens("0:100 5:7 90:3") is not None


def test_one_stage_is_a_number():
    assert DOWN.by_tokens({1: 5}) == DOWN.by_tokens([(1, 5)]) == DOWN.by_tokens(5)
    assert repr(DOWN.by_tokens({1: 5, 3: 7})).endswith("per_update=((1, 5), (3, 7)))")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers and schedules
# ---------------------------------------------------------------------------------------------------------------------


def test_a_constant_and_a_line_end_with_the_line():
    assert (o.constant(1.0) + o.linear(steps=10)).length == 10


def test_sum_is_a_sum():
    parts = [DOWN, DOWN.stretch(2), o.constant(0.5)]
    assert sum(parts) == DOWN + DOWN.stretch(2) + o.constant(0.5)
    assert sum(parts)(5) == 0.5 + 0.75 + 0.5
    assert sum(parts, 1.5) == 1.5 + DOWN + DOWN.stretch(2) + o.constant(0.5)
    assert sum([DOWN]) is DOWN


def test_numbers_on_either_side():
    assert 0.5 + DOWN == DOWN + 0.5 == DOWN.add(0.5) == o.add(DOWN, np.float64(0.5))
    assert DOWN.subtract(0.5) == DOWN - 0.5
    assert 0.5 - DOWN == o.subtract(0.5, DOWN) == np.float64(0.5) - DOWN != DOWN - 0.5
    assert DOWN + 0 != DOWN  # a schedule of its own: what repr shows is what was written
    with pytest.raises(TypeError, match="unsupported operand"):
        "1" - DOWN


def test_differences_are_never_negative():
    steps = np.arange(20)
    for plan in (DOWN - 0.5, 0.5 - DOWN, DOWN - o.linear(end=0.9, steps=20)):
        values = [plan(t) for t in steps.tolist()]
        assert min(values) == 0.0
        assert plan(steps).tolist() == values


def test_replace_builds_the_same_function_with_other_parameters():
    plan = DOWN.warmup(4)
    assert plan.replace(steps=2) == DOWN.warmup(2)
    assert plan.replace(schedule=o.constant()) == o.constant().warmup(4)
    assert plan.replace() == plan
    assert DOWN.by_tokens(3).replace(per_update={1: 3, 5: 6}) == DOWN.by_tokens({1: 3, 5: 6})
    with pytest.raises(ValueError, match=r"warmup\(steps=-1\): steps must be >= 0"):
        plan.replace(steps=-1)


def test_a_method_sequence_begins_with_its_schedule():
    assert DOWN.sequence([DOWN, o.constant()]) == o.sequence([DOWN, DOWN, o.constant()])
    assert DOWN.sequence([DOWN], at=[4]) == DOWN.then(DOWN, at=4)
    assert DOWN.sequence([]) is DOWN


@pytest.mark.parametrize("by", [-0.3, -(0.1 + 0.2)])
def test_a_boundary_that_a_shift_puts_at_0_but_for_rounding_is_there(by):
    plan = o.milestones(at=(0.1 + 0.2, 5), factor=0.5)
    assert plan.shift(by).boundaries() == (pytest.approx(4.7),)
    assert o.linear(steps=0.1 + 0.2).shift(by).length == 0
    assert o.linear(steps=0.1 + 0.2).shift(by).boundaries() == ()
    assert o.linear(steps=0.1 + 0.2).shift(by).by_tokens({1: 10, 5: 20}).length == 0
    assert o.linear(steps=0.3 + 1e-6).shift(-0.3).length == pytest.approx(1e-6)


def test_an_endless_schedule_that_begins_later_is_drawn_as_far():
    """What is cut off its beginning is made good at its end: six cycles are shown."""
    cycles = o.linear(steps=10).repeat()
    assert (cycles.reach, cycles.shift(-20).reach, cycles.shift(20).reach) == (60.0, 60.0, 80.0)


@pytest.mark.parametrize(("power", "middle"), [(0.5, 1 - 0.5**0.5), (1, 0.5), (2, 0.75)])
def test_a_shape_without_a_length_goes_along(power, middle):
    shape = o.one_minus_power(power=power)
    assert repr(shape) == f"one_minus_power(power={power})"
    plan = o.constant(0.5).cooldown(at=10, steps=20, along=shape)
    assert [plan(t) for t in (10, 20, 30, 31)] == [0.5, pytest.approx(0.5 * middle), 0.0, 0.0]
    assert plan == o.constant(0.5).cooldown(at=10, steps=20, along=o.one_minus_power(steps=1, power=power))
    assert plan(np.array([10, 20, 30])).tolist() == [plan(t) for t in (10, 20, 30)]
    assert o.parse(repr(plan)) == plan == o.from_dict(plan.to_dict())
    for refused in (lambda: shape * 2, lambda: 2 * shape, lambda: shape(3), lambda: shape.length, lambda: shape + DOWN):
        with pytest.raises(
            TypeError, match=r"needs steps= \(a length, in updates\); without it, it only goes into along="
        ):
            refused()


def test_growth_is_held_before_it_overflows():
    plan = o.growth(start=0.25, factor=2, every=10)
    assert [plan(t) for t in (0, 10, 20, 15)] == [0.25, 0.5, 1.0, pytest.approx(0.5 * 2**0.5)]
    assert (plan.length, plan.boundaries()) == (INF, ())
    for huge in (1e6, 1e300):
        assert 1e299 < plan(huge) <= 1e300
        assert plan(np.array([huge]))[0] == pytest.approx(plan(huge), rel=1e-9)
    assert o.growth(start=1.0, factor=1.5)(1_000) == pytest.approx(1.5**1_000, rel=1e-12)
    assert o.growth(start=0.0, factor=2)(1e300) == 0.0
    assert o.growth(start=1e200, factor=10)(1e6) == pytest.approx(1e300)
    assert o.growth(start=0.5, factor=1)(1e300) == 0.5
    with pytest.raises(ValueError, match=r"(?s)factor must be >= 1 and finite .*To fall, use exponential"):
        o.growth(factor=0.5)


@pytest.mark.parametrize(("steps", "boundaries"), [(20, (10, 14, 22, 30)), (15, (10, 13, 19, 25))])
def test_a_cooldown_has_all_boundaries_of_the_shape_that_it_goes_along(steps, boundaries):
    along = o.piecewise_linear(values=(1.0, 0.5, 0.25, 0.0), at=(0, 2, 6, 10))
    plan = o.constant(value=0.1).cooldown(at=10, steps=steps, along=along)
    assert plan.boundaries() == boundaries
    assert [plan(t) for t in plan.boundaries()] == pytest.approx([0.1, 0.05, 0.025, 0.0])


def test_boundaries_of_a_cooldown_along_a_short_shape():
    short = o.linear(start=1.0, end=0.5, steps=0.25) >> o.linear(start=0.5, end=0.0, steps=0.25)
    assert o.constant(1.0).cooldown(at=10, steps=4, along=short).boundaries() == (10.0, 12.0, 14.0)


@pytest.mark.parametrize("clock", [9.8, 9.99, 10.0])
def test_a_piece_whose_length_is_a_float32_ends_where_it_says(clock):
    plan = o.linear(start=1.0, steps=10)
    rate = float(plan.apply(clock, 1, {"steps": torch.tensor(10.0)}))
    assert rate == pytest.approx(plan(clock), abs=1e-7)


def test_boundaries_inside_of_growing_cycles_grow_along():
    plan = (o.linear(steps=4) >> o.constant(0.5, steps=6)).repeat(stretch=2)
    assert plan.boundaries(upto=80) == (4.0, 10.0, 18.0, 30.0, 46.0, 70.0)


def test_batches_that_end_within_one_update_are_never_made():
    assert o.linear(steps=700).by_tokens("0:100 50:200 60:300") == o.linear(steps=700).by_tokens({1: 100, 2: 300})
