"""When flat code is written, what it is written for, and that a schedule plays the same where there is none."""

import functools
import operator
import sys
import threading

import numpy as np
import pytest

import optimsche as o
from benchmarks.scalar import without_flat_code
from optimsche import arrays, compiling, lr_fn, ops, symbols
from tests.unit.test_symbols import of_a_user

OFTEN = range(40)  # calls after which a schedule has flat code


def flat_functions(work):
    """How many functions of flat code run in a piece of work."""
    run = []
    sys.setprofile(lambda frame, event, arg: run.append(event) if frame.f_code.co_filename == "<schedule>" else None)
    try:
        work()
    finally:
        sys.setprofile(None)
    return run.count("call")


# ---------------------------------------------------------------------------------------------------------------------
# Code for an outcome
# ---------------------------------------------------------------------------------------------------------------------


def of_both_clocks(t, e):
    """Operations of every kind, on results that are used once, twice, and on both sides of a choice."""
    x = ops.cos(t * 0.01) + e
    low, high = ops.minimum(x, t), ops.maximum(x, 0.5)
    steps = ops.floor(t / 7.0) * 0.25 + t % 5.0
    chosen = ops.where((t < 30.0) & (e < 9.0), low - high * 2.0, ops.sqrt(steps) + -x)
    return chosen if t < 50.0 else chosen * x + steps


def test_code_for_one_number_and_for_blocks_gives_the_formulas_values():
    found = symbols.outcome(of_both_clocks, "t", "e")
    number, blocks = compiling.for_numbers(found), compiling.Blocks(found, arrays.call)
    steps = np.linspace(0.0, 100.0, 401)
    expected = [of_both_clocks(t, 2.0) for t in steps.tolist()]
    assert [number(t, 2.0) for t in steps.tolist()] == expected
    block = blocks(steps, 2.0, blocks.workspace(float))
    assert block.tolist() == pytest.approx(expected, rel=1e-14, abs=1e-15)


# ---------------------------------------------------------------------------------------------------------------------
# When there is flat code
# ---------------------------------------------------------------------------------------------------------------------


def test_flat_code_is_written_for_what_is_called_often():
    plan = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: [plan(t) for t in range(20)]) == 0
    before = [plan(t) for t in OFTEN]
    assert flat_functions(lambda: plan(5)) == 1
    assert [plan(t) for t in OFTEN] == before


def test_flat_code_is_written_for_a_long_array():
    plan = o.cosine(steps=100).warmup(10)
    assert flat_functions(lambda: plan(np.arange(100))) == 0
    assert flat_functions(lambda: plan(np.arange(1_000))) > 0
    assert flat_functions(lambda: without_flat_code(plan)(np.arange(1_000))) == 0


TABLE = o.piecewise_constant(values=[k % 7 for k in range(500)], at=range(1, 500))


def test_a_table_of_too_many_ways_is_not_written_out_and_still_plays():
    steps = np.arange(4_000)
    assert flat_functions(lambda: [TABLE(t) for t in OFTEN] + [TABLE(1), TABLE(steps)]) == 0
    assert TABLE(steps).tolist() == [TABLE(t) for t in steps.tolist()]


@lr_fn(length=lambda: 200.0, boundaries=lambda: range(1, 201))
def number_of_the_epoch(real_step, epoch):
    return epoch


def test_what_is_not_written_out_is_played_in_the_first_epoch_too():
    plan = number_of_the_epoch().over(1_000)
    assert [plan(t) for t in range(100)] == [1.0] * 100
    assert [plan(t, 3) for t in range(100)] == [3.0] * 100
    assert flat_functions(lambda: plan(1)) == 0


@pytest.mark.parametrize(
    ("plan", "flat"),
    [
        (o.sequence([o.linear(start=k, steps=10) for k in range(300)]), 5),
        (functools.reduce(operator.rshift, [o.linear(start=k, steps=10) for k in range(90)]), 8),
        (TABLE.warmup(10) * 2.0, 2),
        (
            (o.sequence([o.cosine(start=k, steps=7) for k in range(9)]) * o.sequence([o.linear(steps=5)] * 9)).clamp(
                floor=0.1
            ),
            4,
        ),
    ],
    ids=["balanced", "chain", "table inside", "product"],
)
def test_what_is_too_much_for_one_function_calls_parts_that_have_their_own(plan, flat):
    steps = np.arange(4_000)
    tree = without_flat_code(plan)
    expected = [tree(t) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert max(flat_functions(lambda t=t: plan(t)) for t in range(100)) >= flat
    assert plan(steps).tolist() == pytest.approx(expected, rel=1e-14)
    assert flat_functions(lambda: plan(steps)) >= 8  # two blocks take 6 at most where parts are played as they are
    shuffled = np.random.default_rng(0).permutation(steps)
    assert plan(shuffled).tolist() == pytest.approx([expected[t] for t in shuffled], rel=1e-14)


def test_a_function_of_a_user_is_called_from_flat_code():
    plan = of_a_user(peak=0.5, every=7).warmup(10) * 2.0
    steps = np.arange(1_000)
    expected = [without_flat_code(plan)(t) for t in steps.tolist()]
    assert [plan(t) for t in steps.tolist()] == expected
    assert plan(steps).tolist() == expected
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
    monkeypatch.setattr(compiling, "for_numbers", raising(refusal))
    monkeypatch.setattr(compiling, "Blocks", raising(refusal))
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan(np.arange(500)).tolist() == [plan(t) for t in range(500)]


@pytest.mark.parametrize("refusal", [symbols.Untraceable, RecursionError])
def test_what_cannot_be_followed_still_plays(monkeypatch, refusal):
    monkeypatch.setattr(symbols, "outcome", raising(refusal))
    plan = o.cosine(start=0.5, steps=200).warmup(10)
    assert plan(np.arange(500)).tolist() == [plan(t) for t in range(500)]
    assert flat_functions(lambda: [plan(5), plan(np.arange(500))]) == 0


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
        in_threads(*[lambda s=plan: [s(t) for t in range(60)], lambda s=plan: s(np.arange(1_000))] * 2)
        assert flat_functions(lambda s=plan: s(5)) == 1
        assert flat_functions(lambda s=plan: s(np.arange(1_000))) > 0
