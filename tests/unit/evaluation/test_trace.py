"""What formulas come to when they run on symbols: the paths through, what is recorded, what stays a call."""

import math
import threading

import pytest

import optimsche as o
from optimsche import Rate, Steps, lr_fn
from optimsche.evaluation.trace import Choice, Symbol, Untraceable, trace
from optimsche.lr_fn import LrFn
from tests.property.examples import example
from tests.property.strategies import built_in

BY_NUMBER_ONLY = {o.jitter, o.expression, o.running_product}


def traced(schedule):
    """What a schedule's formula comes to: the one place of these tests that looks inside a schedule."""
    return trace(schedule._node._traced, "t", "e")


def operations(found):
    if isinstance(found, Choice):
        return set().union(*map(operations, found))
    if isinstance(found, Symbol):
        return {found.operation}.union(*map(operations, found.arguments))
    return set()


def ends(found):
    return ends(found.when) + ends(found.otherwise) if isinstance(found, Choice) else 1


def test_arithmetic_is_written_down_and_equal_parts_are_one_object():
    found = trace(lambda t, e: (t * 2.0 + e) / (t * 2.0 - 1), "t", "e")
    left, right = found.arguments
    assert [s.operation for s in (found, left, right)] == ["/", "+", "-"]
    assert left.arguments[0] is right.arguments[0]
    assert left.arguments[0].arguments[1] == 2.0


def test_whole_numbers_and_floats_are_not_one_object():
    found = trace(lambda t: (t + 1) * (t + 1.0), "t")
    assert [type(part.arguments[1]) for part in found.arguments] == [int, float]


def test_both_answers_are_followed_and_a_question_is_asked_once():
    asked = []

    def formula(t):
        asked.append(1)
        if t < 5.0:
            return 1.0
        return 2.0 if t < 5.0 else t if t < 9.0 else 3.0

    found = trace(formula, "t")
    assert (found.condition.operation, found.when, found.otherwise.when.operation) == ("<", 1.0, "t")
    assert found.otherwise.otherwise == 3.0
    assert len(asked) == ends(found) == 3


def test_a_formula_of_too_many_paths_is_not_traced():
    def formula(questions):
        return lambda t: sum(1.0 for k in range(questions) if t < float(k))

    assert ends(trace(formula(6), "t")) == 64
    with pytest.raises(Untraceable, match="more than 64 paths through the formula"):
        trace(formula(7), "t")


def test_threads_that_trace_at_once_do_not_mix_them():
    made = {}

    def work(k):
        for _ in range(100):
            made[k] = trace(lambda t: (t + k) * k if t < k else (t - k) / k if t < 2 * k else k, "t")

    threads = [threading.Thread(target=work, args=(float(k),)) for k in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, found in made.items():
        assert (ends(found), found.condition.arguments[1], found.otherwise.otherwise) == (3, k, k)


@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_of_ours_is_traced_whole(lr_fn):
    """No silent way back to the tree: where a call is left over, the list above says so."""
    assert ("call" in operations(traced(example(lr_fn)))) == (lr_fn in BY_NUMBER_ONLY)


@pytest.mark.parametrize(
    ("plan", "paths"),
    [
        (o.constant(), 1),
        (o.linear(steps=9), 2),
        (o.linear(steps=9).warmup(3), 4),
        (o.linear(steps=9).clamp(floor=0.1, ceiling=0.5), 2),
        (o.step_decay(factor=0.5, every=9), 1),
    ],
    ids=repr,
)
def test_no_more_paths_are_traced_than_there_are(plan, paths):
    assert ends(traced(plan)) == paths


@lr_fn
def of_a_user(real_step, epoch, *, peak: Rate, every: Steps):
    return peak if real_step % every < 3 else math.sin(real_step) ** 2


def test_a_function_of_a_user_stays_a_call():
    assert "call" in operations(traced(of_a_user(peak=0.5, every=7).warmup(10) * 2.0))


@pytest.mark.parametrize("error", [TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError])
def test_a_formula_of_ours_that_fails_on_a_symbol_stays_a_call(error):
    def numbers_only(real_step, epoch):
        if type(real_step) is not float:
            raise error
        return real_step + 1.0

    numbers_only.__module__ = "optimsche.numbers_only"
    plan = LrFn(numbers_only)().shift(1)
    assert [plan(t) for t in range(100)] == [1.0, *(float(t) for t in range(1, 100))]
    assert "call" in operations(traced(plan))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (float, "float"),
        (int, "int"),
        (math.cos, "function of math"),
        (round, "round"),
        (str, "text"),
        (lambda t: [1.0, 2.0][t], "index"),
        (lambda t: {1.0: 2.0}.get(t), "looked up"),
    ],
)
def test_what_needs_the_number_says_so(ask, message):
    with pytest.raises(TypeError, match=message):
        trace(ask, "t", is_foreign=True)


def test_a_trace_inside_a_trace_is_one_of_its_own():
    inner = []

    def formula(t):
        inner.append(trace(lambda u: 1.0 if u < 3.0 else u, "u"))
        return t if t < 9.0 else 2.0

    outer = trace(formula, "t")
    assert (ends(outer), [ends(found) for found in inner]) == (2, [2, 2])
    assert (outer.when.operation, inner[0].otherwise.operation) == ("t", "u")
