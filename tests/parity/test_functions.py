"""Functions given as arguments: read from their source, or followed, or refused with what to do instead."""

import bisect
import functools
import math

import numpy as np
import pytest
import torch

from optimsche import expression, lr_fn, peers

WARMUP = 10


def with_branches(step):
    if step < WARMUP:
        return step / WARMUP
    return max(0.1, 1 - (step - WARMUP) / 50)


def one_formula(step):
    """A docstring, and one formula."""
    return min(1.0, step / WARMUP) * 0.5 ** (step // 7)


def of_huggingface(current_step: int, *, num_warmup_steps: int, num_training_steps: int, num_cycles: float):
    """As ``transformers`` has it."""
    if current_step < num_warmup_steps:
        return float(current_step) / float(max(1, num_warmup_steps))
    progress = float(current_step - num_warmup_steps) / float(max(1, num_training_steps - num_warmup_steps))
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * float(num_cycles) * 2.0 * progress)))


HUGGINGFACE = functools.partial(of_huggingface, num_warmup_steps=10, num_training_steps=70, num_cycles=0.5)


def with_a_default(epoch, cycles=0.5):
    return 0.5 * (1 + math.cos(math.pi * cycles * 2 * epoch / 30))


def helper(epoch):
    return math.exp(-epoch / 50)


def with_a_helper(epoch):
    return 2 * helper(epoch)


def with_checks(epoch):
    assert isinstance(epoch, int)
    assert epoch >= 0, "before the beginning"
    return helper(max(0.0, float(epoch - WARMUP)))


def with_a_refusal(epoch):
    if epoch < 0:
        raise ValueError(f"epoch must be >= 0, got {epoch}")
    assert epoch <= 120, f"{epoch!r} is past the end"
    return 0.9**epoch


def with_its_own_imports(epoch):
    import math

    from numpy import cos

    return math.exp(-epoch / 30) * cos(epoch / 9)


def with_whole_cycles(epoch):
    cycle, place = divmod(epoch, 12)
    return math.hypot(3, 4) / 5 * 0.5**cycle * (1 - place / 24)


class Settings:
    def __init__(self, warmup, total):
        self.warmup, self.total = warmup, total

    def rate(self, epoch):
        return math.sqrt(1 / (1 + epoch)) if epoch > self.warmup else 1.0

    def __call__(self, epoch):
        return min(1.0, (epoch + 1) / self.warmup) * math.cos(epoch / self.total)


SETTINGS = Settings(5, 80)


def of_an_object(epoch):
    return np.clip(np.cos(epoch / SETTINGS.total), 0.1, 1.0)


def of_three(start, speed, epoch):
    return start * math.exp(-speed * epoch)


def over_a_list(epoch):
    for milestone, rate in ((30, 1.0), (60, 0.5)):
        if epoch < milestone:
            return rate
    return 0.1


def with_a_function_inside(epoch):
    def inner(x):
        return math.log(1 + x, 10)

    return round(inner(epoch) * 4) / 4


def values(function):
    schedule = peers.torch.LambdaLR(function, base_lr=1.0)
    return [schedule(n + 1) for n in range(100)]


FUNCTIONS = [
    with_branches,
    one_formula,
    HUGGINGFACE,
    lambda t: 0.95**t,
    lambda e: math.exp(-0.1 * e),
    with_a_default,
    with_a_helper,
    lambda e: helper(e),
    with_checks,
    with_a_refusal,
    with_its_own_imports,
    with_whole_cycles,
    SETTINGS,
    SETTINGS.rate,
    of_an_object,
    functools.partial(of_three, 0.5, 0.01),
    over_a_list,
    with_a_function_inside,
    lambda e: 0.1 ** bisect.bisect_right([30, 60], e),
    lambda e: 0.1 ** sum(e >= milestone for milestone in (30, 60)),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_played_as_it_is(function):
    assert values(function) == pytest.approx([function(n) for n in range(100)], rel=1e-14)


def test_two_on_a_line_are_told_apart():
    pair = (lambda t: 1.0 if t < 30 else 0.1), (lambda t: 1.0 if t < 31 else 0.1)
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
    with pytest.raises(TypeError, match=r"(?s)lr_lambda cannot be read as one formula.*put @lr_fn above"):
        values(function)


def without_words(epoch):
    raise RuntimeError


def refusing_in_two_ways(epoch):
    if epoch < 5:
        raise KeyError
    raise RuntimeError


@pytest.mark.parametrize(("function", "kind"), [(without_words, "RuntimeError"), (refusing_in_two_ways, "KeyError")])
def test_the_reason_is_never_empty(function, kind):
    with pytest.raises(TypeError, match=rf"In the way was: {kind}\."):
        values(function)


def test_a_schedule_is_taken_as_it_is():
    @lr_fn
    def table(real_step, epoch):
        return {0: 1.0, 1: 0.5}.get(int(real_step), 0.1)

    assert values(table())[:4] == [1.0, 0.5, 0.1, 0.1]


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="lr_lambda must be a function, the text of one, or a schedule, got 3"):
        values(3)


TABLE = (1.0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("function", "in_the_way"),
    [
        (lambda e: 0.1 if e in {30, 60} else 1.0, "looked up in a set or a dictionary"),
        (lambda e: {0: 1}.get(e, 0.5), "looked up in a set or a dictionary"),
        (lambda e: {40: 1}[e], "looked up in a set or a dictionary"),
        (lambda e: 1.0 if str(e) == "30" else 0.5, "made text"),
        (lambda e: 1.0 if f"{e}" == "30" else 0.5, "made text"),
        (lambda e: 1.0 if repr(e) == "30" else 0.5, "made text"),
        (lambda e: 0.9**e if e < 60 else float(str(e)), "what was read gives 0.00179701 at 60, and the function 60"),
        (lambda e: TABLE[min(e // 30, 2)], "the step is an index"),
        (lambda e: float(torch.tensor(e / 100.0)), "Could not infer dtype"),
        (lambda e: math.gamma(e + 1), "gamma of the step has no place in a formula"),
    ],
)
def test_what_was_in_the_way_is_said(function, in_the_way):
    with pytest.raises(TypeError, match=f"(?s)In the way was: .*{in_the_way}.*real_step then counts from 0"):
        values(function)


def test_a_list_of_functions_is_refused_in_words():
    with pytest.raises(TypeError, match="lr_lambda must be one function, got 2: build a schedule of each"):
        values([with_branches, one_formula])
