"""Laws of the segments: exact at both ends, between them all the way, monotone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import testing
from tests.property.strategies import any_segment, lengths, rates, segments


def _ends(s):
    return s.params["start"], s.params["end"], s.params["steps"]


@given(any_segment)
def test_both_ends_are_exact_and_the_end_is_held(s):
    testing.assert_exact_ends(s)
    assert s(10 * s.length) == s.params["end"]
    assert s.boundaries() == (s.length,)


@given(any_segment, st.lists(st.floats(0.0, 1.0), max_size=20), st.integers(0, 10**6))
def test_the_way_is_inside_and_never_turns_back(s, places, t):
    """Anywhere on the way, and from an update to the next."""
    steps = [*(place * s.length for place in places), t, t + 1]
    testing.assert_inside(s, steps)
    testing.assert_one_way(s, steps)


@given(any_segment)
def test_both_ends_are_exact_on_arrays(s):
    start, end, steps = _ends(s)
    curve = s(np.array([0, steps, steps + 1]))
    assert curve.tolist() == [start, end, end]


@given(rates, rates, lengths)
def test_powers_of_one_are_the_straight_line(start, end, steps):
    line = o.linear(start=start, end=end, steps=steps)
    for family in (o.polynomial, o.one_minus_power):
        bent = family(start=start, end=end, steps=steps, power=1)
        for t in (0, steps / 4, steps / 2, steps):
            assert bent(t) == pytest.approx(line(t), rel=1e-12, abs=1e-15 * max(start, end))


@given(rates, lengths)
def test_cosine_is_symmetric_about_its_middle(start, steps):
    s = o.cosine(start=start, steps=steps)
    for place in (0.0, 0.1, 0.25, 0.5):
        total = s(place * steps) + s((1 - place) * steps)
        assert total == pytest.approx(start, rel=1e-12)


def test_none_of_the_segments_has_lost_its_signature():
    known = {o.linear, o.cosine, o.polynomial, o.one_minus_power, o.geometric, o.tanh, o.rex, o.hyperbolic}
    assert known <= set(segments)


@pytest.mark.parametrize("lr_fn", segments, ids=lambda f: f.name)
def test_segments_share_one_signature(lr_fn):
    parameters = lr_fn.__signature__.parameters
    assert list(parameters)[:3] == ["start", "end", "steps"]
    assert parameters["start"].default == 1.0
    if lr_fn is not o.geometric:  # a ratio never reaches 0
        assert parameters["end"].default == 0.0
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())


def test_ends_are_exact_where_a_plain_formula_misses_them():
    missed = 0
    for k in range(1, 2_000):
        start, end = 0.1 / k, 0.3 / (k + 7)
        missed += start + (end - start) * 1.0 != end
        assert o.linear(start=start, end=end, steps=k)(k) == end
        assert math.isfinite(o.cosine(start=start, end=end, steps=k)(k / 3))
    assert missed > 100  # the test has something to find
