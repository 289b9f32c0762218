"""The laws of optimsche.testing, searched over random trees of every lr function, up to six deep.

The kit draws these trees from the signatures alone, so a new lr function is searched without being listed.
"""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

import optimsche as o
from optimsche import testing
from tests.property.strategies import EXACT, built_in, lengths, plans

# running_product takes no clock past its limit and overflows for factors above 1; growth overflows in products.
finite = st.one_of(
    testing.schedules(built_in - {o.running_product, o.growth}, depth=6),
    testing.schedules(built_in - {o.running_product, o.scale}, depth=6),
)
exact = testing.schedules(EXACT, depth=6)
inner = testing.schedules(built_in - {o.running_product, o.growth}, depth=3)
any_tree = testing.schedules(built_in, depth=6)
clocks = st.lists(testing.real_steps(), min_size=1, max_size=6)
epochs = testing.epochs()
factors = st.just(0.0) | st.floats(1e-30, 1e6)


def _without_few(s, steps):
    return sorted({*testing.clocks(s), *steps})


@given(finite, clocks, epochs)
def test_values_are_finite_and_not_negative(s, steps, epoch):
    testing.assert_finite(s, _without_few(s, steps), epoch)
    testing.assert_not_negative(s, _without_few(s, steps), epoch)


@given(finite, clocks, epochs)
def test_schedules_are_pure(s, steps, epoch):
    testing.assert_pure(s, _without_few(s, steps), epoch)


@given(finite, clocks, epochs)
def test_apply_is_the_call(s, steps, epoch):
    testing.assert_apply(s, _without_few(s, steps), epoch)


@given(any_tree, st.lists(st.integers(0, 1_000), min_size=1, max_size=3), epochs)
def test_text_json_and_pickle_round_trip(s, steps, epoch):
    values_or_refusals(s, steps, epoch)
    testing.assert_round_trips(s, [], epoch)


def values_or_refusals(s, steps, epoch):
    """Each copy gives the same bits, or the same refusal: products have a longest clock."""
    for other in (o.parse(repr(s)), o.from_dict(s.to_dict())):
        for t in steps:
            assert outcome(other, t, epoch) == outcome(s, t, epoch)


def outcome(s, t, epoch):
    try:
        return s(t, epoch).hex()
    except ValueError as error:
        return str(error)


@given(finite, clocks, epochs)
def test_every_copy_gives_the_same_bits(s, steps, epoch):
    testing.assert_round_trips(s, steps, epoch)


@given(exact, clocks, epochs)
def test_numpy_agrees_with_numbers(s, steps, epoch):
    testing.assert_same_on_every_backend(s, steps, epoch, backends=["numpy"], ulps=8)


@given(finite)
def test_boundaries_increase_and_end_with_the_length(s):
    testing.assert_length_and_boundaries(s)


@given(plans(), clocks, epochs)
def test_named_plans_keep_what_every_schedule_keeps(s, steps, epoch):
    steps = _without_few(s, steps)
    for law in (
        testing.assert_finite,
        testing.assert_not_negative,
        testing.assert_pure,
        testing.assert_apply,
        testing.assert_round_trips,
    ):
        law(s, steps, epoch)
    testing.assert_length_and_boundaries(s)


@given(inner, inner, inner, lengths, lengths, clocks, epochs)
def test_then(a, b, c, m, n, steps, epoch):
    testing.assert_then_associates(a, b, c, (m, n), steps, epoch)
    testing.assert_then_plays_both(a, b, m, steps, epoch)


@given(inner, inner, lengths, factors, factors, clocks, epochs)
def test_scale(a, b, m, k, j, steps, epoch):
    testing.assert_scale_distributes(a, b, m, k, steps, epoch)
    testing.assert_scale_composes(a, (k, j), steps, epoch)


@given(inner, st.integers(0, 1_000), st.integers(0, 1_000), st.sampled_from([1, -1]), clocks, epochs)
def test_shift(s, j, k, sign, steps, epoch):
    testing.assert_shift_adds(s, (sign * j, sign * k), steps, epoch)


@given(inner, st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), clocks, epochs)
def test_stretch(s, j, k, steps, epoch):
    testing.assert_stretch_multiplies(s, (j, k), steps, epoch)


@given(inner, st.just(0) | st.integers(0, 10**6), factors, epochs)
def test_warmup(s, steps, start, epoch):
    testing.assert_warmup_meets(s, steps, start, epoch)


@given(inner, lengths, epochs)
def test_repeat(s, every, epoch):
    testing.assert_repeats(s, every, epoch)


@given(inner, factors, factors, epochs)
def test_clamp(s, floor, more, epoch):
    testing.assert_clamps(s, floor, floor + more, epoch)


@given(inner, st.integers(1, 10**6), epochs)
def test_over(s, steps, epoch):
    assume(0 < s.length < math.inf)
    try:
        fitted = s.over(steps)
    except ValueError:  # no room for one of its pieces
        assume(False)
    assert fitted.length == steps
    testing.assert_over_fits(s, steps, epoch)


def test_every_function_is_drawn_at_every_depth():
    drawn = testing.coverage(built_in, depth=4, examples=4_000)  # each place some twenty times
    assert drawn.missing == ()
    assert set(drawn.counts) == {f.name for f in built_in}


def test_a_function_that_is_never_drawn_is_reported():
    drawn = testing.coverage([o.constant, o.warmup, o.cosine], depth=3, examples=1)
    assert drawn.missing
    assert "missing: " in str(drawn)
