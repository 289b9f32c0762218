"""Laws of the combinators that optimsche.testing does not state; those that it does are searched by test_laws.py."""

import functools
import inspect
import itertools
import math
import operator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import optimsche as o
from optimsche import Rate, combinators, ops, ranges, testing
from optimsche.combinators.by_tokens import PerUpdate
from optimsche.combinators.cooldown import Along
from optimsche.lr_fn import Shape
from tests.property.strategies import (
    any_schedule,
    any_segment,
    epochs,
    few_updates,
    finite_shape,
    fractions,
    inner,
    lengths,
    plans,
    rates,
    real_steps,
)


@pytest.mark.parametrize("name", combinators.__all__)
def test_each_combinator_is_also_a_method_of_the_same_signature(name):
    function = inspect.signature(getattr(combinators, name))
    method = inspect.signature(
        getattr(o.Schedule, name),
        eval_str=True,
        globals=vars(ranges) | vars(o) | {"Along": Along, "PerUpdate": PerUpdate, "Shape": Shape},
    )
    (first, *rest) = function.parameters.values()
    (self, *shared) = method.parameters.values()
    assert self.name == "self"
    assert first.annotation in (o.Schedule, Rate | o.Schedule)
    # `along` takes more than what is stored: a shape without a length.
    assert [p for p in shared if p.name != "along"] == [p for p in rest if p.name != "along"]
    assert [p.name for p in shared] == [p.name for p in rest]


class TestThen:
    @given(finite_shape, inner)
    def test_lengths_add(self, a, b):
        assert (a >> b).length == a.length + b.length
        assert (a >> b).params["at"] == a.length

    @given(finite_shape, finite_shape)
    def test_reaches_the_end_of_the_second(self, a, b):
        assert (a >> b)(a.length + b.length) == b(b.length)


@given(inner, inner, real_steps, epochs)
def test_schedules_multiply_update_by_update(a, b, t, e):
    assert (a * b)(t, e) == a(t, e) * b(t, e) == (b * a)(t, e)


@given(inner, inner, real_steps, epochs)
def test_add_adds_update_by_update(a, b, t, e):
    assert a.add(b)(t, e) == a(t, e) + b(t, e) == b.add(a)(t, e)


class TestWarmup:
    @given(inner, st.integers(1, 10**6), real_steps, epochs)
    def test_then_is_the_schedule(self, s, w, t, e):
        assert s.warmup(w)(w + t, e) == s(t, e)

    @given(inner, few_updates, epochs)
    def test_rises_by_the_same_amount_with_each_update(self, s, w, e):
        plan = s.warmup(w)
        assert plan(1, e) == pytest.approx(s(0, e) / w, rel=1e-14)


@given(inner, lengths, lengths, rates, real_steps, epochs)
def test_cooldown_branches_off_and_reaches_its_end(s, at, steps, end, t, e):
    branch = s.cooldown(at=at, steps=steps, end=end)
    assert branch.length == at + steps
    if t <= at:
        assert branch(t, e) == s(t, e)
    assert branch(at + steps, e) == end
    low, high = sorted((s(at, e), end))
    assert low <= branch(at + t, e) <= high


class TestShift:
    @given(inner, st.integers(-1_000, 1_000), real_steps, epochs)
    def test_never_hands_on_a_clock_below_zero(self, s, k, t, e):
        assert s.shift(k)(t, e) == s(max(t - k, 0), e)

    @given(inner, inner, lengths, st.integers(0, 1_000), real_steps, epochs)
    def test_respects_then(self, a, b, m, k, t, e):
        assert a.then(b, at=m).shift(k)(t, e) == a.shift(k).then(b, at=m + k)(t, e)


class TestStretch:
    @given(any_segment, any_segment, few_updates, st.integers(1, 50), real_steps)
    def test_respects_then_away_from_boundaries(self, a, b, m, k, t):
        assume(t != m * k)
        together, apart = a.then(b, at=m).stretch(k)(t), a.stretch(k).then(b.stretch(k), at=m * k)(t)
        largest = max(a.params["start"], a.params["end"], b.params["start"], b.params["end"])
        assert together == pytest.approx(apart, rel=1e-9, abs=1e-9 * largest)

    @given(finite_shape, st.integers(1, 100))
    def test_multiplies_the_length(self, s, k):
        assert s.stretch(k).length == s.length * k
        assert s.stretch(k)(s.length * k) == s(s.length)


HELD = o.constant(value=0.5)


@pytest.mark.parametrize(
    ("held", "until"),
    [
        (2 * HELD, 0),
        (HELD.clamp(ceiling=1.0), 0),
        (HELD.shift(1), 0),
        (HELD.staircase(3), 0),
        (HELD + HELD, 0),
        (HELD.warmup(3), 3),
        (HELD.warmup(30), 30),
        (o.linear(steps=25) >> HELD, 25),
        (o.exponential(factor=0.5, every=3).then(HELD, at=40), 40),
        (o.milestones(at=(5, 20)), 20),
        (o.exponential(factor=0.5, every=3), math.inf),
        (HELD * o.exponential(factor=0.5, every=3), math.inf),
        (HELD + o.exponential(factor=0.5, every=3), math.inf),
        (HELD.jitter(0.1), math.inf),
        (HELD.repeat(every=3), math.inf),
    ],
    ids=repr,
)
def test_a_product_or_sum_has_an_end_unless_a_part_goes_on_changing(held, until):
    falling = o.linear(steps=10)
    for both in (held * falling, falling * held, held + falling, falling + held):
        assert both.length == max(until, 10)
        assert both.length == math.inf or (both.boundaries()[-1] == both.length and both(10 * both.length) == both(1e9))
    assert (held * HELD).length == math.inf


tenths = st.integers(1, 30).map(lambda n: n / 10)


@st.composite
def _in_tenths(draw, depth=3):
    """Plans with an end whose lengths are tenths, which add up with rounding errors."""
    if depth == 0:
        return draw(st.builds(o.linear, start=st.just(1.0), steps=tenths) | st.builds(o.constant, steps=tenths))
    inner = _in_tenths(depth - 1)
    one = draw(inner)
    made = draw(
        st.sampled_from(
            [
                lambda: one >> draw(inner),
                lambda: one.then(draw(inner), at=draw(tenths)),
                lambda: one * draw(inner),
                lambda: one + draw(inner),
                lambda: one.repeat(draw(st.integers(1, 4)), stretch=draw(st.sampled_from([1, 1.1, 1.5, 2]))),
                lambda: one.repeat(draw(st.integers(1, 4)), every=draw(tenths)),
                lambda: one.stretch(draw(tenths)),
                lambda: one.shift(draw(st.integers(-30, 30).map(lambda n: n / 10))),
                lambda: one.warmup(draw(tenths)),
                lambda: one.cooldown(at=draw(tenths), steps=draw(tenths)),
            ]
        )
    )()
    return made if made.length > 0 else one


class TestOver:
    @given(_in_tenths())
    def test_boundaries_that_differ_by_rounding_are_one(self, s):
        assert all(left < right - ops.tolerance(right) for left, right in itertools.pairwise([0.0, *s.boundaries()]))
        assert s.boundaries()[-1] == s.length
        fitted = s.over(10**8)
        assert len(fitted.boundaries()) == len(s.boundaries())

    @pytest.mark.parametrize(
        ("plan", "boundaries"),
        [
            (o.cosine(steps=100).repeat(3, stretch=1.1) >> o.linear(steps=30), (277, 582, 917, 1000)),
            (
                (o.constant(steps=0.1) >> o.constant(steps=0.2) >> o.linear(steps=0.7))
                * (o.constant(steps=0.3) >> o.linear(steps=0.7)),
                (100, 300, 1000),
            ),
            (
                (o.constant(steps=0.7) >> o.linear(steps=0.1)).then(o.constant(steps=0.2), at=0.8),
                (700, 800, 1000),
            ),
            ((o.constant(steps=0.7) >> o.constant(steps=0.1)).repeat(2, every=0.8), (438, 500, 938, 1000)),
        ],
        ids=repr,
    )
    def test_takes_plans_with_boundaries_one_rounding_error_apart(self, plan, boundaries):
        assert plan.over(1000).boundaries() == boundaries

    @given(plans().filter(lambda s: math.isfinite(s.length)), st.integers(2_100, 10**6))
    def test_each_piece_is_complete_at_its_boundary(self, s, n):
        fitted = _fit(s, n)
        testing.assert_over_fits(s, n)
        for inner_boundary, outer_boundary in zip(s.boundaries()[:-1], fitted.boundaries()[:-1], strict=True):
            assert fitted(outer_boundary) == s(inner_boundary)

    @given(st.lists(st.tuples(rates, rates, st.integers(1, 400)), min_size=2, max_size=8), st.booleans())
    def test_a_plan_in_fractions_is_the_plan_written_in_updates(self, pieces, right_nested):
        """At every boundary and beside it: fractions add up with rounding errors, and these must not show."""
        n = sum(steps for _, _, steps in pieces)
        in_updates = [o.linear(start=a, end=b, steps=steps) for a, b, steps in pieces]
        in_fractions = [o.linear(start=a, end=b, steps=steps / n) for a, b, steps in pieces]
        fitted, written = _chain(in_fractions, right_nested).over(n), _chain(in_updates, right_nested)
        assert fitted.boundaries() == written.boundaries()
        largest = max(max(a, b) for a, b, _ in pieces)
        for boundary in written.boundaries():
            assert fitted(boundary) == written(boundary)
            for t in (boundary - 1, boundary + 1):
                assert fitted(t) == pytest.approx(written(t), rel=1e-9, abs=1e-9 * largest)

    @pytest.mark.parametrize(
        ("in_fractions", "in_updates"),
        [
            (o.linear(steps=0.1) >> (o.linear(steps=0.2) >> o.linear(steps=0.7)), None),
            (o.linear(steps=0.1).repeat(10), o.linear(steps=100).repeat(10)),
            (
                o.cosine_restarts(peak=1, cycle_steps=0.2, cycles=5),
                o.cosine_restarts(peak=1, cycle_steps=200, cycles=5),
            ),
            ((o.linear(steps=0.2) >> o.linear(steps=0.7)).warmup(0.1), None),
            (
                o.milestones(at=(0.2, 0.5)).then(o.linear(steps=0.3), at=0.6).warmup(0.1),
                o.milestones(at=(200, 500)).then(o.linear(steps=300), at=600).warmup(100),
            ),
            (o.linear(steps=1).staircase(0.1), o.linear(steps=1_000).staircase(100)),
            (
                o.step_decay(factor=0.5, every=0.1).then(o.linear(steps=0.3), at=0.7),
                o.step_decay(factor=0.5, every=100).then(o.linear(steps=300), at=700),
            ),
            (o.linear(steps=100).staircase(25), o.linear(steps=1_000).staircase(250)),
            (o.one_cycle(peak=1, total_steps=1), o.one_cycle(peak=1, total_steps=1_000)),
        ],
        ids=repr,
    )
    def test_edges_in_fractions_are_on_the_updates_they_are_meant_for(self, in_fractions, in_updates):
        fitted = in_fractions.over(1_000)
        in_updates = in_fractions.stretch(1_000) if in_updates is None else in_updates
        for t in range(0, 1_001):
            assert fitted(t) == pytest.approx(in_updates(t), rel=1e-9, abs=1e-12), t

    @given(st.sampled_from([0.02, 0.1, 0.25, 0.3, 0.7, 0.9]), st.integers(100, 10**6), rates)
    def test_a_plan_in_fractions_ends_at_zero_with_the_last_update(self, part, n, peak):
        plan = (o.constant(value=peak, steps=part) >> o.linear(start=peak, steps=1 - part)).over(n)
        boundary = plan.boundaries()[0]
        assert boundary == math.floor(part * n + 0.5)
        assert plan(boundary) == peak
        assert plan(n) == 0.0


def _chain(pieces, right_nested):
    if right_nested:
        return functools.reduce(lambda after, piece: piece >> after, reversed(pieces))
    return functools.reduce(operator.rshift, pieces)


def _fit(s, n):
    try:
        return s.over(n)
    except ValueError:
        # Refused where a piece would get less than one update, and only there.
        ends = [math.floor(boundary * n / s.length + 0.5) for boundary in s.boundaries()[:-1]]
        assert any(right <= left for left, right in itertools.pairwise([0, *ends, n]))
        assume(False)


class TestRepeat:
    @given(inner, lengths, st.integers(1, 10**5), st.integers(0, 10**4), epochs)
    def test_equal_cycles_are_periodic(self, s, every, t, k, e):
        plan = s.repeat(every=every)
        assert plan(t + k * every, e) == plan(t, e)

    @given(inner, lengths, st.integers(1, 6), st.sampled_from([1, 2, 3, 1.5]), fractions, st.data())
    def test_each_cycle_is_the_first_stretched_and_scaled(self, s, every, times, stretch, scale, data):
        plan = s.repeat(times, every=every, stretch=stretch, scale=scale)
        cycle = data.draw(st.integers(0, times - 1))
        begin = sum(every * stretch**k for k in range(cycle))
        length = every * stretch**cycle
        place = data.draw(st.integers(1, max(int(length), 1)))
        assume(place < length and float(begin).is_integer())
        assert plan(begin + place, 1) == s(place / stretch**cycle, 1) * scale**cycle

    @given(any_segment, st.integers(1, 8), st.sampled_from([1, 2, 3, 7]))
    def test_every_cycle_reaches_the_end_exactly_and_the_next_begins_anew(self, s, times, stretch):
        plan = s.repeat(times, stretch=stretch)
        end = s.params["end"]
        for boundary in plan.boundaries():
            assert plan(boundary) == end
        assert plan.length == plan.boundaries()[-1]
        assert plan(10 * plan.length) == end
        if times > 1:
            first = plan.boundaries()[0]
            assert plan(first + 1) == s(1 / stretch)

    @given(any_segment, st.integers(0, 30))
    def test_growing_cycles_without_an_end_start_where_the_sum_says(self, s, cycle):
        plan = s.repeat(stretch=2)
        begin = s.length * (2**cycle - 1)
        assume(begin + s.length * 2**cycle < 2**53)
        assert plan(begin + s.length * 2**cycle) == s.params["end"]


class TestClosedLeft:
    """A cycle or a step that has its first instant, shifted by 1: what systems that count from 0 do."""

    @given(any_segment, st.integers(1, 50), st.integers(0, 10**6))
    def test_equal_cycles_restart_where_the_counter_divides(self, s, every, c):
        plan = s.repeat(every=every, closed="left").shift(1)
        assert plan(c + 1) == s(c % every)

    @given(any_segment, st.integers(1, 50), st.sampled_from([2, 3]), st.integers(0, 10**6))
    def test_growing_cycles_restart_where_the_sum_of_their_lengths_is_reached(self, s, every, stretch, c):
        plan = s.repeat(every=every, stretch=stretch, closed="left").shift(1)
        begin, length = 0, every
        while c >= begin + length:
            begin, length = begin + length, length * stretch
        assert plan(c + 1) == s((c - begin) / (length / every))

    @given(any_segment, st.integers(1, 50), st.integers(1, 5))
    def test_after_the_last_cycle_it_goes_on(self, s, every, times):
        assert s.repeat(times, every=every, closed="left")(10 * times * every) == s(
            10 * times * every - (times - 1) * every
        )

    @given(inner, st.integers(1, 10**4), st.integers(0, 10**6))
    def test_steps_begin_where_the_counter_divides(self, s, every, c):
        assert s.staircase(every, closed="left").shift(1)(c + 1, 1) == s(c // every * every, 1)

    @pytest.mark.parametrize("every", [2.4, 0.1, 1 / 3, 7.7])
    def test_a_length_that_is_not_whole_loses_no_step_to_rounding(self, every):
        stairs = o.exponential(factor=0.5, every=every).staircase(every, closed="left")
        edges = [k * every for k in range(1, 300)]
        assert all(stairs(edge) == pytest.approx(0.5 ** (k + 1), rel=1e-9) for k, edge in enumerate(edges))


class TestWarp:
    @given(inner, real_steps, epochs)
    def test_on_a_clock_that_runs_as_usual_is_the_schedule(self, s, t, e):
        assert s.warp(o.linear(start=0.0, end=2.0**60, steps=2.0**60))(t, e) == s(t, e)

    @given(inner, inner, real_steps, epochs)
    def test_plays_the_first_on_the_values_of_the_second(self, s, clock, t, e):
        assert s.warp(clock)(t, e) == s(clock(t, e), e)

    @given(any_segment, any_segment, any_segment, real_steps)
    def test_associates(self, a, b, c, t):
        assert a.warp(b).warp(c)(t) == a.warp(b.warp(c))(t)

    @given(any_segment, few_updates, st.floats(0.1, 5.0))
    def test_ends_with_its_clock(self, clock, steps, power):
        assert o.cosine(steps=1).warp(o.polynomial(start=0.0, end=1.0, steps=steps, power=power)).length == steps


class TestRunningProduct:
    @given(st.lists(st.floats(0.0, 2.0), min_size=2, max_size=30))
    def test_multiplies_the_values_so_far(self, factors):
        table = o.piecewise_constant(values=factors, at=range(1, len(factors)))
        plan = table.running_product()
        assert [plan(t) for t in range(len(factors) + 1)] == list(itertools.accumulate([1.0, *factors], operator.mul))

    def test_of_equal_factors_is_a_power(self):
        plan = o.constant(value=0.99).running_product()
        assert plan(1_000) == pytest.approx(0.99**1_000, rel=1e-12)
        assert plan(999.5) == plan(999)

    def test_asks_in_any_order_and_by_any_epoch(self):
        plan = o.by_epoch(o.linear(start=1.0, steps=10)).running_product()
        assert [plan(t, epoch) for t, epoch in ((3, 6), (1, 6), (2, 1), (3, 6))] == [0.125, 0.5, 1.0, 0.125]

    def test_of_a_product(self):
        plan = o.piecewise_constant(values=(1.0, 0.5), at=(2,)).running_product().running_product()
        assert [plan(t) for t in range(5)] == [1.0, 1.0, 1.0, 0.5, 0.125]

    def test_longer_than_it_is_made_for(self):
        with pytest.raises(ValueError, match="made for up to 10,000,000 updates, got 10,000,001"):
            o.constant(value=1.0).running_product()(10_000_001)


class TestSequence:
    @given(st.lists(any_segment, min_size=1, max_size=40), real_steps)
    def test_is_the_chain_of_pieces(self, pieces, t):
        assert o.sequence(pieces)(t) == functools.reduce(operator.rshift, pieces)(t)

    def test_of_many_pieces_nests_as_deep_as_their_logarithm(self):
        plan = o.sequence([o.constant(value=k, steps=1) for k in range(2_000)])
        assert [plan(t) for t in (1, 2, 1_000, 2_000, 3_000)] == [0, 1, 999, 1_999, 1_999]
        assert o.parse(repr(plan)) == plan

    @pytest.mark.parametrize(
        ("pieces", "at", "message"),
        [
            ([], None, "at least one schedule"),
            ([o.constant(), o.constant()], None, r"piece 0 never ends; give it a length \(steps=\)"),
            ([o.constant(), o.constant()], (3, 4), "one update less than there are schedules"),
            ([o.constant()] * 3, (4, 4), r"at must increase from above 0, got 4 after 4"),
            ([o.constant()] * 2, (0,), r"at must increase from above 0, got 0 after 0"),
        ],
    )
    def test_refuses_what_is_none(self, pieces, at, message):
        with pytest.raises(ValueError, match=message):
            o.sequence(pieces, at=at)

    def test_refuses_what_is_no_schedule(self):
        with pytest.raises(TypeError, match=r"sequence takes schedules, got 0.1 \(float\)"):
            o.sequence([0.1])


@given(inner, rates, real_steps, epochs)
def test_clamp_without_a_ceiling_only_lifts(s, floor, t, e):
    assert s.clamp(floor=floor)(t, e) == max(s(t, e), floor)


class TestStaircase:
    @given(inner, st.integers(1, 10**4), st.integers(0, 10**4), st.data(), epochs)
    def test_holds_each_value_for_a_block(self, s, every, block, data, e):
        plan = s.staircase(every)
        place = data.draw(st.integers(1, every))
        assert plan(block * every + place, e) == s(block * every, e)

    @given(rates, fractions, st.integers(1, 1_000), st.integers(0, 10**5))
    def test_of_a_decay_is_the_step_decay(self, start, factor, every, t):
        smooth = o.exponential(start=start, factor=factor, every=every)
        assert smooth.staircase(every)(t) == o.step_decay(start=start, factor=factor, every=every)(t)


@given(inner, real_steps, real_steps, epochs)
def test_by_epoch_plays_finished_epochs(s, t, u, e):
    assume(not s.counts_epochs)
    assert s.by_epoch()(t, e) == s.by_epoch()(u, e) == s(max(e - 1, 0))
    assert s.by_epoch().counts_epochs
    assert s.by_epoch().length == math.inf


@given(any_schedule, any_schedule)
def test_operators_are_the_functions(a, b):
    assert a * b == o.scale(a, b)
    assert 0.5 * a == a * 0.5 == o.scale(a, 0.5)
    if 0 < a.length < math.inf:
        assert a >> b == o.then(a, b)
