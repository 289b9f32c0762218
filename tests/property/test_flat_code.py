"""Flat code gives the values of the formulas that it was made from, and a formula that it cannot be made from stays."""

import functools
import math
import operator
import random
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import Rate, Steps, compiling, lr_fn, symbols
from optimsche.schedule import LrFn
from tests.property.examples import example
from tests.property.strategies import any_schedule, built_in, epochs, plans, real_steps
from tests.property.test_values import largest_value

schedules_and_plans = st.one_of(any_schedule, plans())
clocks = st.lists(st.one_of(real_steps, st.floats(0, 1e6)), min_size=1, max_size=12)
BY_NUMBER_ONLY = {o.jitter, o.expression, o.running_product}


@given(schedules_and_plans, clocks, epochs)
def test_flat_code_for_numbers_gives_the_same_bits(s, steps, epoch):
    flat = s._node.for_numbers()
    for t in steps:
        value, expected = flat(t, float(epoch)), s._node.play(float(t), float(epoch))
        assert value == expected, t


@given(schedules_and_plans, epochs)
def test_a_schedule_gives_the_same_bits_before_and_after_it_has_flat_code(s, epoch):
    steps = range(0, 120, 3)
    first = [s(t, epoch) for t in steps]
    assert [s(t, epoch) for t in steps] == first
    assert all(type(s(t, epoch)) is float for t in steps)


@given(schedules_and_plans, epochs, st.sampled_from(["sorted", "shuffled", "falling", "fractions"]))
def test_flat_code_for_arrays_agrees_with_numbers(s, epoch, order):
    steps = np.concatenate([np.arange(0, 300), np.arange(300, 30_000, 97), [10**6, 10**9]]).astype(float)
    if order == "shuffled":
        np.random.default_rng(0).shuffle(steps)
    if order == "falling":
        steps = steps[::-1]
    if order == "fractions":
        steps = steps / 7
    curve = s(steps, epoch)
    largest = largest_value(s, [*steps.tolist(), *s.joints[:20]], epoch)
    bound = 4 * math.ulp(largest) if largest else 0.0
    for t, value in zip(steps.tolist(), curve.tolist(), strict=True):
        assert abs(s(t, epoch) - value) <= bound, t


@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_of_ours_is_written_out_whole(lr_fn):
    """No silent way back to the tree: where a call is left over, the list above says so."""
    found = example(lr_fn)._node.outcome()
    assert ("call" in _operations(found)) == (lr_fn in BY_NUMBER_ONLY)


def _operations(found):
    if isinstance(found, symbols.Choice):
        return set().union(*map(_operations, found))
    if isinstance(found, symbols.Symbol):
        return {found.operation}.union(*map(_operations, found.arguments))
    return set()


@pytest.mark.parametrize(
    ("plan", "ends"),
    [
        (o.constant(), 1),
        (o.linear(steps=9), 3),
        (o.linear(steps=9).warmup(3), 6),
        (o.linear(steps=9).clamp(floor=0.1, ceiling=0.5), 3),
        (o.step_decay(factor=0.5, every=9), 1),
    ],
    ids=repr,
)
def test_no_more_ways_are_written_out_than_there_are(plan, ends):
    assert _ends(plan._node.outcome()) == ends


def _ends(found):
    return _ends(found.when) + _ends(found.otherwise) if isinstance(found, symbols.Choice) else 1


@pytest.mark.parametrize(
    ("plan", "weight"),
    [
        (o.linear(steps=9), 1),
        (o.linear(steps=9) >> o.linear(steps=9), 3),
        ((o.linear(steps=9) >> o.linear(steps=9)) * o.constant(), 5),
        (o.milestones(at=(2, 5, 7)), 4),
        (o.piecewise_constant(at=(2, 5), values=(0.1, 0.7, 0.3)) * 2.0, 7),
    ],
    ids=repr,
)
def test_a_schedule_weighs_as_much_as_its_parts_and_tables_have_entries(plan, weight):
    assert plan._node.weight == weight


def _parts(found):
    """What is called from flat code."""
    if isinstance(found, symbols.Choice):
        return [part for inner in found for part in _parts(inner)]
    if isinstance(found, symbols.Symbol):
        called = [found.arguments[0]] if found.operation == "call" else []
        return called + [part for inner in found.arguments for part in _parts(inner)]
    return []


@lr_fn
def of_a_user(real_step, epoch, *, peak: Rate, every: Steps):
    return peak if real_step % every < 3 else math.sin(real_step) ** 2


def test_a_function_of_a_user_stays_a_call_inside_flat_code():
    plan = of_a_user(peak=0.5, every=7).warmup(10) * 2.0
    assert "call" in _operations(plan._node.outcome())
    steps = np.arange(1_000)
    expected = [plan._node.play(float(t), 1.0) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert plan(steps).tolist() == expected
    assert [plan(t) for t in steps.tolist()] == expected


def test_what_a_users_function_reads_is_read_at_every_call():
    level = [1.0]

    @lr_fn
    def impure(real_step, epoch):
        return level[0]

    for plan in (impure().shift(1), impure().warmup(4)):
        level[0] = 1.0
        before = [plan(t) for t in range(4, 104)]
        level[0] = 2.0
        assert (before, [plan(t) for t in range(4, 7)]) == ([1.0] * 100, [2.0] * 3)


TABLE = o.piecewise_constant(values=[k % 7 for k in range(500)], at=range(1, 500))


def test_a_table_of_too_many_ways_is_not_written_out_and_still_plays():
    assert TABLE._node.outcome() is None
    steps = np.arange(4_000)
    assert TABLE(steps).tolist() == [TABLE(t) for t in steps.tolist()]


@lr_fn(length=lambda: 200.0, joints=lambda: range(1, 201))
def number_of_the_epoch(real_step, epoch):
    return epoch


def test_what_is_not_written_out_is_played_in_the_first_epoch_too():
    plan = number_of_the_epoch().over(1_000)
    assert plan._node.outcome() is None
    assert [plan(t) for t in range(100)] == [1.0] * 100
    assert [plan(t, 3) for t in range(100)] == [3.0] * 100


@pytest.mark.parametrize(
    "plan",
    [
        o.sequence([o.linear(start=k, steps=10) for k in range(300)]),
        functools.reduce(operator.rshift, [o.linear(start=k, steps=10) for k in range(90)]),
        TABLE.warmup(10) * 2.0,
        (o.sequence([o.cosine(start=k, steps=7) for k in range(9)]) * o.sequence([o.linear(steps=5)] * 9)).clamp(
            floor=0.1
        ),
    ],
    ids=["balanced", "chain", "table inside", "product"],
)
def test_what_is_too_much_for_one_function_calls_parts_that_have_their_own(plan):
    assert "call" in _operations(plan._node.outcome())
    steps = np.arange(4_000)
    expected = [plan._node.play(float(t), 1.0) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert all(part._node._for_numbers for part in _parts(plan._node.outcome()))
    assert plan(steps).tolist() == pytest.approx(expected, rel=1e-14)
    shuffled = np.random.default_rng(0).permutation(steps)
    assert plan(shuffled).tolist() == pytest.approx([expected[t] for t in shuffled], rel=1e-14)


def test_flat_code_is_written_for_what_is_called_often():
    plan = o.cosine(steps=100).warmup(10)
    before = [plan(t) for t in range(20)]
    assert plan._node._for_numbers is None
    assert [plan(t) for t in range(20)] == before
    assert plan._play.__code__.co_filename == "<schedule>"


@pytest.mark.parametrize("refusal", [SyntaxError, RecursionError, MemoryError])
def test_what_pythons_compiler_refuses_still_plays(monkeypatch, refusal):
    def refuse(*_):
        raise refusal

    monkeypatch.setattr(compiling, "for_numbers", refuse)
    monkeypatch.setattr(compiling, "Blocks", refuse)
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan._node.for_blocks() is None
    assert plan(np.arange(500)).tolist() == [plan(t) for t in range(500)]


@pytest.mark.parametrize("refusal", [symbols.Untraceable, RecursionError])
def test_what_cannot_be_followed_still_plays(monkeypatch, refusal):
    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(symbols, "outcome", refuse)
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan(np.arange(500)).tolist() == [plan(t) for t in range(500)]
    assert plan._node.outcome() is None


@pytest.mark.parametrize("error", [TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError])
def test_a_formula_of_ours_that_fails_on_a_symbol_stays_a_call(error):
    def numbers_only(real_step, epoch):
        if type(real_step) is not float:
            raise error
        return real_step + epoch

    numbers_only.__module__ = "optimsche.numbers_only"
    plan = LrFn(numbers_only)().shift(1)
    assert [plan(t) for t in range(100)] == [1.0, *(float(t) for t in range(1, 100))]
    assert "call" in _operations(plan._node.outcome())


def test_nesting_past_what_pythons_parser_takes_still_plays():
    plan = o.linear(start=1.0, steps=1_000)
    for _ in range(98):
        plan = plan * 0.99
    steps = np.arange(1_500)
    assert [plan(t) for t in steps.tolist()] == pytest.approx(plan(steps).tolist(), rel=1e-13)


def test_threads_that_follow_formulas_at_once_do_not_mix_them():
    made = {}

    def follow(k):
        for _ in range(30):
            made[k] = o.cosine(start=k, steps=100).repeat(3).warmup(10)._node.for_numbers()

    threads = [threading.Thread(target=follow, args=(k,)) for k in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, flat in made.items():
        assert [flat(t, 1.0) for t in range(400)] == [
            o.cosine(start=k, steps=100).repeat(3).warmup(10)(t) for t in range(400)
        ]


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
@given(schedules_and_plans)
def test_a_block_that_goes_both_ways_is_taken_apart_without_a_loss(order, s):
    """Small steps near the first joints, in one block: every choice divides it, in this or in that order."""
    joints = [joint for joint in s.joints[:8] if joint < 1e6] or [10.0]
    steps = np.concatenate([np.linspace(0, 1.5 * joint + 2, 80) for joint in joints] * 2)
    steps.sort()
    steps = {"rising": steps, "falling": steps[::-1], "shuffled": np.random.default_rng(1).permutation(steps)}[order]
    while steps.size <= 300:
        steps = np.concatenate([steps, steps])
    largest = largest_value(s, [*steps.tolist(), *s.joints[:20]], 1.0)
    for t, value in zip(steps.tolist(), s(steps).tolist(), strict=True):
        assert abs(s._node.play(t, 1.0) - value) <= 4 * math.ulp(largest), t


@pytest.mark.parametrize("order", [lambda t: t, lambda t: t[::-1], np.random.default_rng(0).permutation])
def test_one_side_of_a_mixed_block_does_not_use_up_what_the_other_needs(order):
    s = o.cosine(start=0.0, end=1.0, steps=2_000).add(o.linear(start=0.5, steps=1_000))
    steps = order(np.arange(5_000))
    assert s(steps).tolist() == pytest.approx([s._node.play(float(t), 1.0) for t in steps.tolist()], rel=1e-14)


def test_a_clock_out_of_range_is_refused_in_any_block():
    plan = o.linear(steps=100)
    for bad in (-1, math.nan, math.inf):
        steps = np.arange(50_000, dtype=float)
        steps[40_000] = bad
        with pytest.raises(ValueError, match="real_step must be finite and >= 0"):
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


def test_threads_that_play_one_schedule_at_once_all_get_flat_code():
    for _ in range(20):
        plan = o.cosine(start=1.0, steps=500).repeat(3).warmup(10)
        threads = [
            threading.Thread(target=call, args=(plan,))
            for call in [lambda s: [s(t) for t in range(60)], lambda s: s(np.arange(1_000))] * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert plan._node.outcome() is not None
        assert plan._node.for_blocks() is not None
        assert plan._play.__code__.co_filename == "<schedule>"


def test_whole_numbers_past_what_a_float_holds_are_inf_in_flat_code_too():
    plan = o.step_decay(factor=0.5, every=1e-9)
    assert [plan(1e300) for _ in range(40)] == [0.0] * 40
