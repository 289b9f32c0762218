"""Where pieces meet: complete up to any clock, found one by one, and never waited for."""

import math
import tracemalloc

import pytest

import optimsche as o

SAW = o.linear(steps=1e-3).repeat()
AFTER_A_LONG_CUT = o.linear(steps=1).repeat().shift(-1e12)


def test_the_first_boundaries_of_a_cycle_are_there_before_its_last():
    plan = SAW.repeat(every=2**31)
    tracemalloc.start()
    assert plan.boundaries(upto=0.0035) == (0.001, 0.002, 0.003)
    assert plan.reach == 0.006
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    many = o.linear(steps=1).repeat().repeat(every=1_500)
    assert many.boundaries(upto=3_002) == tuple(range(1, 3_003))


def test_the_end_is_a_boundary_though_rounding_puts_it_past_the_end():
    cycles = o.linear(steps=100).repeat(3, every=2**31, stretch=1.3)
    plan = 1 - cycles
    assert plan.length == cycles.length == cycles.boundaries()[-1]
    assert plan.boundaries()[-1] == plan.boundaries(upto=plan.length)[-1] == plan.length


@pytest.mark.parametrize("stretch", [1.01, 1.1, 1.3, 1.7, 2.9])
@pytest.mark.parametrize("times", range(1, 12))
def test_the_end_of_cycles_is_a_boundary_of_whatever_they_are_combined_with(stretch, times):
    cycles = o.linear(steps=0.7).repeat(times, stretch=stretch)
    for plan in (cycles, cycles + 0.1, o.constant(0.1).maximum(cycles), cycles.shift(0.3), cycles.staircase(0.3)):
        assert plan.boundaries(upto=plan.length)[-1] == plan.length


def test_what_lies_behind_too_many_is_refused_and_does_not_keep_a_reader_waiting():
    with pytest.raises(ValueError, match="repeat has more than 1,048,576 boundaries"):
        AFTER_A_LONG_CUT.boundaries(upto=3)
    assert AFTER_A_LONG_CUT.reach == math.inf


def test_boundaries_of_cycles_that_grow_end_with_the_largest_clock():
    *_, before, last = o.linear(steps=10).repeat(stretch=3).boundaries()
    assert before < 1e300 < 3 * last


def test_as_many_boundaries_as_may_be_gone_through_are_and_no_more():
    ten, eleven = (o.piecewise_constant(values=[0.1] * (n + 1), at=range(1, n + 1))._node for n in (10, 11))
    assert ten.first_boundaries(99, among=10) == tuple(range(1, 11))
    with pytest.raises(ValueError, match="piecewise_constant has more than 10 boundaries up to inf"):
        eleven.first_boundaries(99, among=10)


@pytest.mark.parametrize(
    "text",
    [
        "linear(steps=0.001).repeat().repeat(3, every=2147483648).over(100)",
        "linear(steps=1).repeat().then(constant(steps=1), at=1000000000)" + ".shift(0)" * 90 + ".over(10)",
    ],
)
def test_over_ends_at_the_first_piece_that_is_too_short(text):
    with pytest.raises(ValueError, match=r"the piece that ends at .* has less than one update"):
        o.parse(text)


@pytest.mark.parametrize(
    ("upto", "most", "kind", "message"),
    [
        ("9", None, TypeError, r"boundaries\(upto='9'\): upto must be a number"),
        (None, None, TypeError, "upto must be a number"),
        (math.nan, None, ValueError, "upto must be finite"),
        (math.inf, -1, ValueError, r"most must be a whole number >= 0 \(how many\), got -1"),
        (math.inf, 2.5, ValueError, "most must be a whole number"),
        (math.inf, "2", TypeError, "most must be a whole number or None"),
    ],
)
def test_boundaries_up_to_what_is_no_clock(upto, most, kind, message):
    with pytest.raises(kind, match=message):
        o.linear(steps=10).boundaries(upto, most=most)


def test_a_combinator_that_says_nothing_of_its_length_is_drawn_no_further_than_it_is_known():
    @o.lr_fn
    def half(real_step, epoch, schedule: o.Schedule):
        return 0.5 * schedule(real_step, epoch)

    plan = half(o.linear(steps=10))
    assert plan.length == plan.reach == math.inf
