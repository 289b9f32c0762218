"""What formulas come to when they are followed on symbols: the ways through, what is written out, what is called."""

import functools
import math
import operator
import threading

import pytest

import optimsche as o
from optimsche import Rate, Steps, lr_fn, symbols
from optimsche.evaluation.trace import Choice, Symbol, Untraceable
from optimsche.lr_fn import LrFn
from tests.property.examples import example
from tests.property.strategies import built_in

BY_NUMBER_ONLY = {o.jitter, o.expression, o.running_product}


def come_to(schedule):
    """What a schedule's formula comes to, or None: the one place of these tests that looks inside a schedule."""
    return schedule._node.outcome()


def operations(found):
    if isinstance(found, Choice):
        return set().union(*map(operations, found))
    if isinstance(found, Symbol):
        return {found.operation}.union(*map(operations, found.arguments))
    return set()


def ends(found):
    return ends(found.when) + ends(found.otherwise) if isinstance(found, Choice) else 1


def test_arithmetic_is_written_down_and_equal_parts_are_one_object():
    found = symbols.outcome(lambda t, e: (t * 2.0 + e) / (t * 2.0 - 1), "t", "e")
    left, right = found.arguments
    assert [s.operation for s in (found, left, right)] == ["/", "+", "-"]
    assert left.arguments[0] is right.arguments[0]
    assert left.arguments[0].arguments[1] == 2.0


def test_whole_numbers_and_floats_are_not_one_object():
    found = symbols.outcome(lambda t: (t + 1) * (t + 1.0), "t")
    assert [type(part.arguments[1]) for part in found.arguments] == [int, float]


def test_both_answers_are_followed_and_a_question_is_asked_once():
    asked = []

    def formula(t):
        asked.append(1)
        if t < 5.0:
            return 1.0
        return 2.0 if t < 5.0 else t if t < 9.0 else 3.0

    found = symbols.outcome(formula, "t")
    assert (found.condition.operation, found.when, found.otherwise.when.operation) == ("<", 1.0, "t")
    assert found.otherwise.otherwise == 3.0
    assert len(asked) == ends(found) == 3


def test_a_formula_of_too_many_ways_is_not_followed():
    def formula(questions):
        return lambda t: sum(1.0 for k in range(questions) if t < float(k))

    assert ends(symbols.outcome(formula(6), "t")) == 64
    with pytest.raises(Untraceable, match="more than 64 ways through the formula"):
        symbols.outcome(formula(7), "t")
    assert symbols.heaviest() == 0


def test_how_much_may_be_written_out_is_known_meanwhile():
    seen = []
    symbols.outcome(lambda t: seen.append(symbols.heaviest()) or t, "t", heaviest=7)
    assert (seen, symbols.heaviest()) == ([7], 0)


def test_threads_that_follow_formulas_at_once_do_not_mix_them():
    made = {}

    def follow(k):
        for _ in range(100):
            made[k] = symbols.outcome(lambda t: (t + k) * k if t < k else (t - k) / k if t < 2 * k else k, "t")

    threads = [threading.Thread(target=follow, args=(float(k),)) for k in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, found in made.items():
        assert (ends(found), found.condition.arguments[1], found.otherwise.otherwise) == (3, k, k)


@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_of_ours_is_written_out_whole(lr_fn):
    """No silent way back to the tree: where a call is left over, the list above says so."""
    assert ("call" in operations(come_to(example(lr_fn)))) == (lr_fn in BY_NUMBER_ONLY)


@pytest.mark.parametrize(
    ("plan", "ways"),
    [
        (o.constant(), 1),
        (o.linear(steps=9), 3),
        (o.linear(steps=9).warmup(3), 6),
        (o.linear(steps=9).clamp(floor=0.1, ceiling=0.5), 3),
        (o.step_decay(factor=0.5, every=9), 1),
    ],
    ids=repr,
)
def test_no_more_ways_are_written_out_than_there_are(plan, ways):
    assert ends(come_to(plan)) == ways


CONSTANTS = [o.constant(value=1 + k / 9, steps=9) for k in range(40)]


@pytest.mark.parametrize(
    ("part", "most"),
    [
        pytest.param(lambda n: o.milestones(at=range(1, n + 1)), 23, id="entries of a table"),
        pytest.param(
            lambda n: o.piecewise_constant(at=range(1, n), values=[k % 7 for k in range(n)]), 12, id="of two tables"
        ),
        pytest.param(lambda n: functools.reduce(operator.rshift, CONSTANTS[:n]), 12, id="pieces"),
        pytest.param(lambda n: functools.reduce(operator.mul, CONSTANTS[:n]), 12, id="factors"),
        pytest.param(lambda n: functools.reduce(lambda s, _: s * 0.9, range(n), o.constant()), 23, id="numbers"),
    ],
)
def test_what_weighs_more_than_24_is_called_by_the_rest(part, most):
    """Each function weighs 1, and each entry of a table; of chains, each piece and each joint."""
    assert "call" not in operations(come_to(part(most).shift(1)))
    assert "call" in operations(come_to(part(most + 1).shift(1)))


@lr_fn
def of_a_user(real_step, epoch, *, peak: Rate, every: Steps):
    return peak if real_step % every < 3 else math.sin(real_step) ** 2


def test_a_function_of_a_user_stays_a_call():
    assert "call" in operations(come_to(of_a_user(peak=0.5, every=7).warmup(10) * 2.0))


@pytest.mark.parametrize("error", [TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError])
def test_a_formula_of_ours_that_fails_on_a_symbol_stays_a_call(error):
    def numbers_only(real_step, epoch):
        if type(real_step) is not float:
            raise error
        return real_step + epoch

    numbers_only.__module__ = "optimsche.numbers_only"
    plan = LrFn(numbers_only)().shift(1)
    assert [plan(t) for t in range(100)] == [1.0, *(float(t) for t in range(1, 100))]
    assert "call" in operations(come_to(plan))
