"""Functions given as arguments: read from their source, or followed, or refused with what to do instead."""

import math

import pytest

from optimsche import expression, lr_fn, peers

WARMUP = 10


def with_branches(step):
    if step < WARMUP:
        return step / WARMUP
    return max(0.1, 1 - (step - WARMUP) / 50)


def one_formula(step):
    """A docstring, and one formula."""
    return min(1.0, step / WARMUP) * 0.5 ** (step // 7)


def values(function):
    schedule = peers.torch.LambdaLR(function, base_lr=1.0)
    return [schedule(n + 1) for n in range(100)]


@pytest.mark.parametrize("function", [with_branches, one_formula, lambda t: 0.95**t, lambda e: math.exp(-0.1 * e)])
def test_a_function_is_played_as_it_is(function):
    assert values(function) == pytest.approx([function(n) for n in range(100)], rel=1e-14)


def test_two_on_a_line_are_told_apart():
    pair = (lambda t: 0.5**t), (lambda t: 0.25**t)
    for function in pair:
        assert values(function) == pytest.approx([function(n) for n in range(100)], rel=1e-14)


def test_one_without_a_source_is_followed():
    names = {}
    exec("def typed(t):\n    return 0.9 ** t if t % 2 == 0 else -(-0.5)", names)
    assert values(names["typed"]) == pytest.approx([names["typed"](n) for n in range(100)], rel=1e-14)


def test_it_prints_as_its_formula():
    assert peers.torch.LambdaLR(lambda epoch: 0.95**epoch, base_lr=0.1) == 0.1 * expression(text="0.95 ** t").shift(1)


@pytest.mark.parametrize("function", [print, lambda t: {0: 1.0, 1: 0.5}.get(int(t), 0.1), lambda t: math.gamma(t + 1)])
def test_what_is_no_formula_is_refused(function):
    with pytest.raises(TypeError, match=r"lr_lambda cannot be read as one formula.*put @lr_fn above"):
        values(function)


def test_a_schedule_is_taken_as_it_is():
    @lr_fn
    def table(real_step, epoch):
        return {0: 1.0, 1: 0.5}.get(int(real_step), 0.1)

    assert values(table())[:4] == [1.0, 0.5, 0.1, 0.1]


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="lr_lambda must be a function, the text of one, or a schedule, got 3"):
        values(3)
