"""Exact values of every shape and plan, at both ends and at points that can be worked out on paper."""

import math

import pytest

import optimsche as o


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (o.constant(value=0.1), {0: 0.1, 1: 0.1, 10**9: 0.1}),
        (o.constant(value=0.1, steps=5), {0: 0.1, 5: 0.1, 6: 0.1}),
        (o.linear(steps=4), {0: 1.0, 1: 0.75, 2: 0.5, 3: 0.25, 4: 0.0, 5: 0.0}),
        (o.linear(start=0.0, end=1.0, steps=4), {0: 0.0, 1: 0.25, 4: 1.0, 9: 1.0}),
        (o.cosine(steps=4), {0: 1.0, 2: 0.5, 4: 0.0, 5: 0.0}),
        (o.cosine(start=0.0, end=1.0, steps=4), {0: 0.0, 2: 0.5, 4: 1.0}),
        (o.cosine(steps=3), {1: 0.75, 2: 0.25}),
        (o.polynomial(steps=4), {0: 1.0, 1: 0.5625, 2: 0.25, 4: 0.0}),
        (o.polynomial(start=0.0, end=1.0, steps=4), {0: 0.0, 1: 0.4375, 2: 0.75, 4: 1.0}),
        (o.polynomial(steps=4, power=0.5), {0: 1.0, 3: 0.5, 4: 0.0}),
        (o.one_minus_power(steps=4), {0: 1.0, 1: 0.5, 4: 0.0, 5: 0.0}),
        (o.one_minus_power(steps=4, power=2), {0: 1.0, 1: 0.9375, 2: 0.75, 4: 0.0}),
        (o.geometric(end=0.0625, steps=4), {0: 1.0, 1: 0.5, 2: 0.25, 4: 0.0625, 9: 0.0625}),
        (o.geometric(start=1e-7, end=1e-3, steps=4), {0: 1e-7, 1: 1e-6, 4: 1e-3}),
        (o.exponential(factor=0.5), {0: 1.0, 1: 0.5, 3: 0.125}),
        (o.exponential(start=2.0, factor=0.25, every=10), {0: 2.0, 5: 1.0, 10: 0.5}),
        (o.inverse_sqrt(timescale=1), {0: 1.0, 3: 0.5, 8: 1 / 3, 99: 0.1}),
        (o.power_law(timescale=2, power=2), {0: 1.0, 2: 0.25, 6: 0.0625}),
        (o.step_decay(factor=0.5, every=2), {0: 1.0, 1: 1.0, 2: 1.0, 3: 0.5, 4: 0.5, 5: 0.25}),
        (o.milestones(at=(2, 5), factor=0.5), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.25, 99: 0.25}),
        (o.piecewise_constant(at=(2, 5), values=(0.1, 0.7, 0.3)), {0: 0.1, 2: 0.1, 3: 0.7, 5: 0.7, 6: 0.3}),
        (o.piecewise_linear(at=(2, 4), values=(0.5, 1.0)), {0: 0.5, 2: 0.5, 3: 0.75, 4: 1.0, 5: 1.0}),
        (o.piecewise_linear(at=(0, 4), values=(0.0, 1.0)), {0: 0.0, 1: 0.25, 4: 1.0}),
        (
            o.warmup_cosine(peak=1.0, warmup_steps=4, total_steps=12),
            {0: 0.0, 1: 0.25, 4: 1.0, 8: 0.5, 12: 0.0, 13: 0.0},
        ),
        (o.warmup_cosine(peak=1.0, warmup_steps=4, total_steps=12, floor=0.5), {4: 1.0, 8: 0.75, 12: 0.5}),
        (o.warmup_linear(peak=1.0, warmup_steps=0, total_steps=4), {0: 1.0, 1: 0.75, 4: 0.0}),
        (o.warmup_constant(peak=1.0, warmup_steps=4), {0: 0.0, 3: 0.75, 4: 1.0, 10**6: 1.0}),
        (
            o.wsd(peak=1.0, warmup_steps=4, decay_steps=4, total_steps=12, floor=0.5),
            {0: 0.0, 2: 0.5, 4: 1.0, 8: 1.0, 9: 0.875, 12: 0.5, 13: 0.5},
        ),
        (o.wsd(peak=1.0, warmup_steps=4, decay_steps=4, total_steps=8), {4: 1.0, 6: 0.5, 8: 0.0}),
        (o.one_cycle(peak=1.0, total_steps=10), {0: 1 / 25, 3: 1.0, 10: 1 / 250_000, 11: 1 / 250_000}),
        (o.noam(peak=1.0, warmup_steps=4), {0: 0.0, 1: 0.25, 4: 1.0, 16: 0.5, 400: 0.1}),
        (o.cosine_restarts(peak=1.0, cycle_steps=2), {0: 1.0, 1: 0.5, 2: 0.0, 3: 0.5, 4: 0.0, 101: 0.5}),
        (
            o.cosine_restarts(peak=1.0, cycle_steps=2, cycles=2, stretch=2, scale=0.5, floor=0.5),
            {0: 1.0, 1: 0.75, 2: 0.5, 4: 0.625, 6: 0.5, 7: 0.5},
        ),
        (o.triangular(peak=1.0, floor=0.5, cycle_steps=4), {0: 0.5, 1: 0.75, 2: 1.0, 3: 0.75, 4: 0.5, 6: 1.0}),
        (o.triangular(peak=1.0, floor=0.5, cycle_steps=4, scale=0.5), {0: 0.5, 2: 1.0, 4: 0.5, 6: 0.75, 8: 0.5}),
        (o.triangular(peak=1.0, cycle_steps=5), {0: 0.0, 3: 1.0, 5: 0.0, 8: 1.0}),
    ],
    ids=repr,
)
def test_values(schedule, values):
    for t, expected in values.items():
        assert schedule(t) == pytest.approx(expected, rel=1e-15), t


@pytest.mark.parametrize("total", [1, 2, 3])
def test_one_cycle_of_a_few_updates(total):
    plan = o.one_cycle(peak=1.0, total_steps=total)
    assert plan.boundaries() == ((0.3, 1.0) if total == 1 else (1.0, total))
    assert plan(plan.boundaries()[0]) == 1.0


def test_one_cycle_upside_down_is_a_momentum():
    plan = o.one_cycle(peak=0.85, start=0.95, floor=0.95, total_steps=1_000)
    assert [plan(t) for t in (0, 300, 1_000)] == [0.95, 0.85, 0.95]


@pytest.mark.parametrize("peak", [0.1, 3e-4, 6e-4, 2e-5, 0.4, 1])
def test_one_cycle_prints_its_defaults_as_a_person_writes_them(peak):
    rise, fall = o.one_cycle(peak=peak, total_steps=100).inner
    assert len(str(rise.arguments["start"])) <= len("1.2e-05")
    assert len(str(fall.arguments["end"])) <= len("1.2e-09")
    assert rise(0) == pytest.approx(peak / 25, rel=1e-15)
    assert fall(70) == pytest.approx(peak / 250_000, rel=1e-15)


@pytest.mark.parametrize("warmup_steps", [1, 10, 4_000, 16_000])
def test_noam_is_the_formula_of_the_transformer(warmup_steps):
    by_width, by_peak = o.noam(d_model=512, warmup_steps=warmup_steps), o.noam(peak=2e-3, warmup_steps=warmup_steps)
    for t in (1, 2, 7, warmup_steps, warmup_steps + 1, 10 * warmup_steps):
        shape = min(t**-0.5, t * warmup_steps**-1.5)
        assert by_width(t) == pytest.approx(512**-0.5 * shape, rel=1e-13)
        assert by_peak(t) == pytest.approx(2e-3 * warmup_steps**0.5 * shape, rel=1e-13)


def test_a_plan_prints_what_it_is_made_of():
    assert repr(o.warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)) == (
        "warmup(cosine(start=0.0003, end=0.0, steps=98000), steps=2000, start=0.0)"
    )
    assert repr(o.wsd(peak=0.1, warmup_steps=1, decay_steps=2, total_steps=10)) == (
        "warmup(then(constant(value=0.1, steps=7), linear(start=0.1, end=0.0, steps=2), at=7), steps=1, start=0.0)"
    )
    assert repr(o.noam(peak=0.1, warmup_steps=10)) == (
        "warmup(inverse_sqrt(start=0.1, timescale=10), steps=10, start=0.0)"
    )


def test_plans_are_what_their_documentation_says():
    rise_and_fall = o.wsd(peak=0.5, warmup_steps=4, decay_steps=4, total_steps=8)
    assert rise_and_fall == o.linear(start=0.5, end=0.0, steps=4).warmup(4)
    lowered = o.cosine_restarts(peak=0.75, floor=0.25, cycle_steps=2, scale=0.5, warmup_steps=1)
    assert lowered == (o.constant(value=0.25) + o.cosine(start=0.5, steps=2).repeat(scale=0.5)).warmup(1)
    held = o.cosine_restarts(peak=0.75, floor=0.25, cycle_steps=2, stretch=2)
    assert held == o.cosine(start=0.75, end=0.25, steps=2).repeat(stretch=2).warmup(0)
    waves = o.triangular(peak=0.75, floor=0.25, cycle_steps=4, scale=0.5, cycles=3)
    up, down = o.linear(start=0.0, end=0.5, steps=2), o.linear(start=0.5, end=0.0, steps=2)
    assert waves == o.constant(value=0.25) + (up >> down).repeat(3, scale=0.5)


@pytest.mark.parametrize(
    ("schedule", "length", "boundaries"),
    [
        (o.constant(), math.inf, ()),
        (o.constant(steps=7), 7.0, (7.0,)),
        (o.cosine(steps=7), 7.0, (7.0,)),
        (o.cosine(steps=7).warmup(3), 10.0, (3.0, 10.0)),
        (o.cosine(steps=7).warmup(0), 7.0, (7.0,)),
        (o.constant() * o.cosine(steps=7), 7.0, (7.0,)),
        (o.linear(steps=3) * o.cosine(steps=7), 7.0, (3.0, 7.0)),
        (o.linear(steps=3).add(o.milestones(at=(2, 9))), 9.0, (2.0, 3.0, 9.0)),
        (o.linear(end=0.5, steps=3) * o.inverse_sqrt(timescale=5), math.inf, (3.0,)),
        (o.constant() * o.constant(), math.inf, ()),
        (o.milestones(at=(2, 9)), math.inf, (2.0, 9.0)),
        (o.piecewise_linear(at=(0, 4), values=(0, 1)), 4.0, (4.0,)),
        (o.cosine(steps=7).shift(3), 10.0, (10.0,)),
        (o.cosine(steps=7).shift(-3), 4.0, (4.0,)),
        (o.cosine(steps=7).shift(-9), 0.0, ()),
        (o.cosine(steps=7).shift(-9).shift(3), 3.0, (3.0,)),
        (o.cosine(steps=7).stretch(2), 14.0, (14.0,)),
        (o.constant().cooldown(at=5, steps=2), 7.0, (5.0, 7.0)),
        (o.cosine(steps=2).repeat(3, stretch=2), 14.0, (2.0, 6.0, 14.0)),
        (o.cosine(steps=7).by_epoch(), math.inf, ()),
        (o.cosine(steps=7).staircase(2).clamp(floor=0.1), 7.0, (7.0,)),
    ],
    ids=repr,
)
def test_length_and_boundaries(schedule, length, boundaries):
    assert schedule.length == length
    assert schedule.boundaries() == boundaries


def test_stairs_without_an_end_list_the_edges_that_are_asked_for():
    stairs = o.step_decay(factor=0.5, every=10)
    assert stairs.boundaries(upto=1_000) == stairs.boundaries(most=100) == tuple(range(10, 1_001, 10))
    with pytest.raises(ValueError, match="step_decay has more than 1,048,576 boundaries up to inf"):
        stairs.boundaries()


def test_boundaries_of_tables_are_their_updates_but_not_the_instant_before_the_first():
    assert o.piecewise_linear(at=(0, 1, 5), values=(0.1, 0.2, 0.3)).boundaries() == (1, 5)
    assert o.milestones(at=(0.5, 7)).boundaries() == (0.5, 7)


@pytest.mark.parametrize(("factor", "count"), [(math.e, 700), (10.0, 304)])
def test_milestones_whose_rate_would_overflow_are_refused(factor, count):
    assert o.milestones(factor=factor, at=range(1, count + 1))(10**6) == pytest.approx(factor**count)
    with pytest.raises(ValueError, match="the rate would overflow"):
        o.milestones(factor=factor, at=range(1, count + 2))
    with pytest.raises(ValueError, match="the rate would overflow"):
        o.milestones(start=1e9, factor=factor, at=range(1, count))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: o.milestones(at=(5, 5)), "at must increase, got 5 after 5"),
        (lambda: o.piecewise_constant(at=(5, 3), values=(0.1, 0.2, 0.3)), "at must increase, got 3 after 5"),
        (lambda: o.piecewise_linear(at=(5, 5), values=(0.1, 0.2)), "at must increase, got 5 after 5"),
        (lambda: o.piecewise_linear(at=(5,), values=(0.1, 0.2)), "one rate for each update in at, got 2 for 1"),
        (lambda: o.piecewise_constant(at=(5,), values=(0.1,)), "one rate more than at has updates, got 1 for 1"),
        (lambda: o.rex(steps=9, beta=1), "beta must be finite and < 1"),
        (lambda: o.hyperbolic(steps=9, upper_bound=8), "upper_bound must be >= steps, got upper_bound=8 and steps=9"),
        (lambda: o.tanh(steps=9, lower=1, upper=1), "lower must be below upper, .* got lower=1 and upper=1"),
        (lambda: o.tanh(steps=9, lower=100, upper=200), "tanh must rise between them"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_bend_may_be_anything_below_one():
    assert o.rex(steps=9, beta=0.999)(0) == 1.0
    assert o.rex(steps=4, beta=-3)(1) == pytest.approx((1 - 0.25) / (1 + 0.75))
    assert o.rex(steps=4, beta=0)(1) == 0.75
    assert o.hyperbolic(steps=9, upper_bound=9)(3) == pytest.approx(2 / 3)
