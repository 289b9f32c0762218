"""When flat code is written, what it is written for, and that a schedule plays the same where there is none."""

import functools
import operator
import sys
import threading

import numpy as np
import pytest

import optimsche as o
from benchmarks.scalar import without_flat_code
from optimsche import lr_fn, ops
from optimsche.evaluation import node
from optimsche.evaluation.scalar_code import scalar_code
from optimsche.evaluation.trace import Untraceable, trace
from tests.unit.evaluation.test_trace import of_a_user

OFTEN = range(40)  # calls after which a schedule has flat code


def flat_functions(work):
    """How many functions of flat code run in a piece of work."""
    run = []

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_filename == "<schedule>" and frame.f_code.co_name != "<module>":
            run.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(run)


# ---------------------------------------------------------------------------------------------------------------------
# Code for a trace
# ---------------------------------------------------------------------------------------------------------------------


def of_both_clocks(t, e):
    """Operations of every kind, on results that are used once, twice, and on both sides of a choice."""
    x = ops.cos(t * 0.01) + e
    low, high = ops.minimum(x, t), ops.maximum(x, 0.5)
    steps = ops.floor(t / 7.0) * 0.25 + t % 5.0
    chosen = ops.where((t < 30.0) & (e < 9.0), low - high * 2.0, ops.sqrt(steps) + -x)
    return chosen if t < 50.0 else chosen * x + steps


def test_code_for_one_number_and_for_many_gives_the_formulas_values():
    code = scalar_code(trace(of_both_clocks, "t", "e"))
    steps = np.linspace(0.0, 100.0, 401).tolist()
    expected = [of_both_clocks(t, 2.0) for t in steps]
    assert [code.one(t, 2.0) for t in steps] == expected
    assert code.many(steps, [2.0] * 401) == expected
    assert code.many(steps, steps) == [of_both_clocks(t, t) for t in steps]


def test_code_gives_floats_where_the_formula_gives_whole_numbers():
    code = scalar_code(trace(lambda t: 3 if t < 5.0 else (t < 9.0) * 1, "t"))
    values = [code.one(t) for t in (1.0, 7.0, 9.0)]
    assert (values, {type(value) for value in values}) == ([3.0, 1.0, 0.0], {float})
    assert code.many([1.0, 7.0], [None, None]) == [3.0, 1.0]


def test_code_has_the_formulas_numbers_whatever_their_sign_and_size():
    for formula in (lambda t: (-0.5) ** t, lambda t: ops.nearest(t * 0.3), lambda t: ops.nearest(t * 1e308) * 0.5):
        code = scalar_code(trace(formula, "t"))
        assert [code.one(t) for t in (1.0, 2.0, 99.0)] == [formula(t) for t in (1.0, 2.0, 99.0)]


# ---------------------------------------------------------------------------------------------------------------------
# When there is flat code
# ---------------------------------------------------------------------------------------------------------------------


def test_flat_code_is_written_for_what_is_called_often():
    plan = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: [plan(t) for t in range(20)]) == 0
    before = [plan(t) for t in OFTEN]
    assert flat_functions(lambda: plan(5)) == 1
    assert [plan(t) for t in OFTEN] == before


def test_flat_code_is_written_for_an_array_that_is_worth_it():
    plan = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: plan(np.arange(31))) == 0
    assert flat_functions(lambda: plan(np.arange(1))) == 1
    other = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: other(np.arange(100))) == 1
    assert flat_functions(lambda: other(5)) == 1
    assert flat_functions(lambda: without_flat_code(plan)(np.arange(100))) == 0


def test_a_long_array_goes_through_the_formula_and_not_number_by_number():
    plan = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: plan(np.arange(257))) == 0
    assert flat_functions(lambda: plan(np.arange(256))) == 1
    assert plan(np.arange(257))[:256].tolist() == pytest.approx(plan(np.arange(256)).tolist(), rel=1e-14, abs=1e-16)


TABLE = o.piecewise_constant(values=[k % 7 for k in range(500)], at=range(1, 500))


def test_a_table_of_too_many_ways_is_not_written_out_and_still_plays():
    steps = np.arange(4_000)
    assert flat_functions(lambda: [TABLE(t) for t in OFTEN] + [TABLE(1), TABLE(steps)]) == 0
    assert TABLE(steps).tolist() == [TABLE(t) for t in steps.tolist()]


@lr_fn(length=lambda: 200.0, boundaries=lambda: range(1, 201))
def number_of_the_epoch(real_step, epoch):
    return epoch


def test_what_is_not_written_out_is_told_the_epoch():
    plan = number_of_the_epoch().over(1_000)
    assert [plan(t, 3) for t in range(100)] == [3.0] * 100
    assert flat_functions(lambda: plan(1, 1)) == 0


@pytest.mark.parametrize(
    "plan",
    [
        o.sequence([o.linear(start=k, steps=10) for k in range(20)]),
        o.sequence([o.linear(start=k, steps=10) for k in range(300)]),
        functools.reduce(operator.rshift, [o.linear(start=k, steps=10) for k in range(90)]),
        TABLE.warmup(10) * 2.0,
        (o.sequence([o.cosine(start=k, steps=7) for k in range(9)]) * o.sequence([o.linear(steps=5)] * 9)).clamp(
            floor=0.1
        ),
    ],
    ids=["short", "balanced", "chain", "table inside", "product"],
)
def test_what_is_too_much_for_one_function_is_written_in_several_and_plays_the_same(plan):
    steps = np.arange(4_000)
    tree = without_flat_code(plan)
    expected = [tree(t) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert plan._node.flat is not None
    assert plan(steps[:256]).tolist() == expected[:256]
    assert plan(steps).tolist() == pytest.approx(expected, rel=1e-14)
    shuffled = np.random.default_rng(0).permutation(steps)
    assert plan(shuffled).tolist() == pytest.approx([expected[t] for t in shuffled], rel=1e-14)


def test_what_is_too_much_for_one_function_is_told_the_epoch():
    long = o.sequence([o.linear(start=k, steps=10) for k in range(90)])
    plan = long.by_epoch() + long
    clocks = [(t, 1 + t % 70) for t in range(200)]
    expected = [without_flat_code(plan)(t, epoch) for t, epoch in clocks]
    assert [plan(t, epoch) for t, epoch in clocks] == expected
    assert plan._node.flat is not None


def test_a_function_of_a_user_is_called_from_flat_code():
    plan = of_a_user(peak=0.5, every=7).warmup(10) * 2.0
    steps = np.arange(1_000)
    expected = [without_flat_code(plan)(t) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert plan(steps).tolist() == pytest.approx(expected, rel=1e-14)
    assert [plan(t) for t in steps.tolist()] == expected
    assert flat_functions(lambda: plan(20)) == 1


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


# ---------------------------------------------------------------------------------------------------------------------
# Where there can be none
# ---------------------------------------------------------------------------------------------------------------------


def raising(error):
    def refuse(*_, **__):
        raise error

    return refuse


@pytest.mark.parametrize("refusal", [SyntaxError, RecursionError, MemoryError])
def test_what_pythons_compiler_refuses_still_plays(monkeypatch, refusal):
    monkeypatch.setattr(node, "scalar_code", raising(refusal))
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan(np.arange(250)).tolist() == [plan(t) for t in range(250)]


@pytest.mark.parametrize("refusal", [Untraceable, RecursionError])
def test_what_cannot_be_followed_still_plays(monkeypatch, refusal):
    monkeypatch.setattr(node, "trace", raising(refusal))
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan(np.arange(250)).tolist() == [plan(t) for t in range(250)]
    assert flat_functions(lambda: [plan(5), plan(np.arange(250))]) == 0


def test_nesting_past_what_pythons_parser_takes_still_plays():
    plan = o.linear(start=1.0, steps=1_000)
    for _ in range(98):
        plan = plan * 0.99
    steps = np.arange(1_500)
    assert [plan(t) for t in steps.tolist()] == pytest.approx(plan(steps).tolist(), rel=1e-13)


# ---------------------------------------------------------------------------------------------------------------------
# Threads
# ---------------------------------------------------------------------------------------------------------------------


def in_threads(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_make_flat_code_at_once_do_not_mix_it():
    made = {}

    def make(k):
        for _ in range(30):
            plan = o.cosine(start=k, steps=100).repeat(3).warmup(10)
            made[k] = [plan(t) for t in OFTEN] and plan

    in_threads(*(functools.partial(make, k) for k in (1, 2, 3, 4)))
    for plan in made.values():
        assert flat_functions(lambda plan=plan: plan(5)) == 1
        tree = without_flat_code(plan)
        assert [plan(t) for t in range(400)] == [tree(t) for t in range(400)]


def test_threads_that_play_one_schedule_at_once_all_get_flat_code():
    for _ in range(20):
        plan = o.cosine(start=1.0, steps=500).repeat(3).warmup(10)
        in_threads(*[lambda s=plan: [s(t) for t in range(60)], lambda s=plan: s(np.arange(200))] * 2)
        assert flat_functions(lambda s=plan: s(5)) == 1
        assert flat_functions(lambda s=plan: s(np.arange(200))) == 1
