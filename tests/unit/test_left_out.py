"""A segment whose start was left out: who joins it is told, and the question costs nothing and fails nothing."""

import time
import warnings

import pytest

import optimsche as o
from optimsche import Rate, lr_fn


@lr_fn
def inverse(real_step, epoch, *, peak: Rate = 0.1):
    return peak / real_step


def test_a_rate_before_a_default_is_named():
    with pytest.warns(UserWarning, match=r"begins with the default start=1.0, .* ends with 0.1. Write start=0.1"):
        o.constant(0.1, steps=10) >> o.linear(steps=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        o.linear(steps=10) >> o.cosine(steps=5)


@pytest.mark.parametrize("at", [3, 5, 8, 10])
def test_the_rate_before_is_that_of_the_piece_which_is_played_there(at):
    pieces = o.linear(start=0.3, end=0.2, steps=5) >> o.polynomial(start=0.2, end=0.1, power=2, steps=5)
    before = pieces(at)
    with pytest.warns(UserWarning, match=f"ends with {before:g}. Write start={before:g}"):
        pieces.then(o.linear(steps=5), at=at)


def test_who_draws_a_plan_is_told_of_a_piece_inside_of_it():
    with pytest.warns(UserWarning, match=r"ends with 0.1"):
        plan = (o.constant(0.1, steps=10) >> o.linear(steps=5)).scale(0.5).warmup(3)
    with pytest.warns(UserWarning, match=r"ends with 0.1"):
        plan.table()


@pytest.mark.parametrize("first", [o.expression("0.1 / t"), inverse(), o.expression("1 / (t - 10)")], ids=str)
def test_what_has_no_value_somewhere_can_be_joined(first):
    plan = first.then(o.linear(steps=5), at=10)
    assert plan(4) == first(4)
    assert plan(15) == 0.0


@pytest.mark.parametrize(
    "first",
    [
        o.linear(steps=1).repeat().shift(-1e12),
        o.linear(steps=1e-12).repeat().shift(-1),
        o.linear(steps=1e-3).repeat().repeat(every=2**31),
        o.constant(1, steps=10_000_000).running_product().running_product(),
    ],
    ids=str,
)
def test_what_takes_long_is_not_asked(first):
    begin = time.process_time()
    first.then(o.linear(steps=5), at=10_000_000)
    assert time.process_time() - begin < 1.0
