"""The formula in a combinator's docstring is what the combinator computes."""

import importlib
import inspect
import itertools
import math
import re

import pytest

import optimsche as o
from optimsche import combinators, random32

DOWN = o.linear(start=1.0, end=0.25, steps=10)
WAVE = o.cosine(start=0.8, end=0.1, steps=7) >> o.linear(start=0.5, steps=6)
STAIRS = o.step_decay(start=0.5, factor=0.5, every=3)
# What a formula may name beside the clocks and the combinator's own parameters.
FUNCTIONS = {"floor": math.floor, "ceil": math.ceil, "prod": math.prod, "min": min, "max": max, "sum": sum}
CLOCKS = (0, 0.25, 1, 2, 3, 4, 4.5, 5, 6, 7, 8, 9.75, 10, 11, 12, 13.5, 15, 20, 21, 34, 35, 36, 100, 1_000)
EPOCHS = (1, 1.5, 2, 7, 30)

CASES = {
    "then": [{"first": DOWN, "second": WAVE, "at": 10}, {"first": STAIRS, "second": DOWN, "at": 4.5}],
    "warmup": [
        {"schedule": DOWN, "steps": 5, "start": 0.0},
        {"schedule": WAVE, "steps": 4.5, "start": 2.0},
        {"schedule": WAVE, "steps": 0, "start": 2.0},
    ],
    "cooldown": [
        {"schedule": STAIRS, "at": 4, "steps": 8, "end": 0.0, "along": None},
        {"schedule": WAVE, "at": 9.75, "steps": 3, "end": 0.9, "along": None},
    ],
    "scale": [{"schedule": DOWN, "factor": WAVE}, {"schedule": STAIRS, "factor": 0.3}],
    "add": [{"first": DOWN, "second": WAVE}, {"first": STAIRS, "second": 0.3}],
    "subtract": [{"first": DOWN, "second": WAVE}, {"first": STAIRS, "second": 0.2}, {"first": 0.7, "second": DOWN}],
    "minimum": [{"first": DOWN, "second": WAVE}, {"first": STAIRS, "second": 0.3}],
    "maximum": [{"first": DOWN, "second": WAVE}, {"first": STAIRS, "second": 0.3}],
    "by_tokens": [{"schedule": DOWN, "per_update": 2}, {"schedule": WAVE, "per_update": 0.75}],
    "clamp": [
        {"schedule": DOWN, "floor": 0.3, "ceiling": 0.75},
        {"schedule": WAVE, "floor": 0.0, "ceiling": 0.4},
        {"schedule": WAVE, "floor": 0.2, "ceiling": None},
    ],
    "running_product": [{"schedule": DOWN}, {"schedule": STAIRS + o.constant(value=0.75)}],
    "shift": [{"schedule": WAVE, "by": 1}, {"schedule": DOWN, "by": -2.5}],
    "stretch": [{"schedule": WAVE, "by": 3}, {"schedule": DOWN, "by": 0.5}],
    "staircase": [
        {"schedule": WAVE, "every": 3, "closed": "right"},
        {"schedule": DOWN, "every": 2.25, "closed": "right"},
        {"schedule": WAVE, "every": 3, "closed": "left"},
    ],
    "warp": [
        {"schedule": WAVE, "clock": o.linear(start=13.0, steps=20)},
        {"schedule": DOWN, "clock": o.linear(start=0.0, end=10.0, steps=4)},
    ],
    "by_epoch": [{"schedule": DOWN}, {"schedule": WAVE}],
}

# These formulas have parts that are explained in words, after "where". Here the parts are made as the words say.
CASES_WITH_PARTS = {
    "repeat": [
        {"schedule": DOWN, "times": None, "every": 10, "stretch": 1.0, "scale": 1.0, "closed": "right"},
        {"schedule": WAVE, "times": 3, "every": 7, "stretch": 1.0, "scale": 0.5, "closed": "left"},
        {"schedule": DOWN, "times": None, "every": 5, "stretch": 2.0, "scale": 0.5, "closed": "right"},
        {"schedule": WAVE, "times": 3, "every": 5, "stretch": 2.0, "scale": 0.5, "closed": "right"},
        {"schedule": DOWN, "times": None, "every": 4, "stretch": 1.5, "scale": 0.75, "closed": "left"},
    ],
    "over": [
        {"schedule": WAVE, "steps": 20},
        {"schedule": WAVE, "steps": 99.5},
        {"schedule": DOWN, "steps": 5},
        {"schedule": DOWN >> WAVE >> DOWN, "steps": 35},
    ],
    "jitter": [{"schedule": DOWN, "amount": 0.1, "seed": 0}, {"schedule": WAVE, "amount": 1.0, "seed": 2**32 - 1}],
}


def cycle_of(t, times, every, stretch, closed, **_):
    def begin(k):
        return every * sum(stretch**i for i in range(k))

    k, last = 0, math.inf if times is None else times - 1
    while k < last and (t > begin(k + 1) if closed == "right" else t >= begin(k + 1)):
        k += 1
    return {"begin": begin, "k": k}


def inner_clock(_, schedule, steps):
    inside = schedule.boundaries()[:-1]
    length = schedule.length
    outer = [0, *(math.floor(b * steps / length + 0.5) for b in inside), steps]
    points = list(zip(outer, [0, *inside, length], strict=True))

    def inner(t):
        for (left, low), (right, high) in itertools.pairwise(points):
            if t <= right:
                return low + (high - low) * (t - left) / (right - left) if t < right else high
        return length

    return {"inner": inner}


def noise_of(_, seed, **__):
    return {"noise": lambda i: random32.uniform(seed, float(i))}


PARTS = {"repeat": cycle_of, "over": inner_clock, "jitter": noise_of}


def block(name):
    """The first indented lines after the summary of a docstring, and those of them that begin with "where"."""
    text = inspect.cleandoc(getattr(combinators, name).__doc__)
    found = re.match(r"[^\n]+\n\n((?: {4}[^\n]+\n)+)\n", text)
    assert found, f"{name} has no formula after its summary"
    formula, where, words = found[1].partition("    where ")
    return formula, where + words


# Parameters that may be a schedule, and that a formula writes as one.
EITHER = {("scale", "factor"), *((name, key) for name in ("add", "subtract") for key in ("first", "second"))} | {
    (name, "second") for name in ("minimum", "maximum")
}


def in_formula(name, key, value):
    """A parameter as the formula sees it: schedules as functions of one clock."""
    if isinstance(value, o.Schedule):
        return lambda t: value(t)
    if (name, key) in EITHER and value is not None:
        return lambda t: value  # a number is the same at every update
    if (name, key, value) == ("clamp", "ceiling", None):
        return math.inf
    return value


def check(name, case, parts=lambda t, **_: {}):
    formula, _ = block(name)
    code = compile(f"({formula})", f"<formula of {name}>", "eval")
    made = getattr(o, name)(**case)
    given = {key: in_formula(name, key, value) for key, value in case.items()}
    for e in EPOCHS if name == "by_epoch" else (1,):
        for t in CLOCKS:
            value = eval(code, FUNCTIONS | given | parts(t, **case) | {"t": t, "e": e})
            assert made(t, e) == pytest.approx(value, rel=1e-9, abs=1e-300), (t, e)


def cases(of):
    return [pytest.param(name, case, id=f"{name}-{number}") for name in of for number, case in enumerate(of[name])]


@pytest.mark.parametrize(("name", "case"), cases(CASES))
def test_a_formula_is_an_expression_and_true(name, case):
    assert not block(name)[1]
    check(name, case)


@pytest.mark.parametrize(("name", "case"), cases(CASES_WITH_PARTS))
def test_a_formula_with_parts_in_words_is_true(name, case):
    assert block(name)[1]
    check(name, case, PARTS[name])


def test_every_combinator_is_here():
    # `sequence` has no formula of its own: it is made of `then`, and is not among these names.
    assert {*CASES, *CASES_WITH_PARTS} == set(combinators.__all__)
    for name, given in (CASES | CASES_WITH_PARTS).items():
        parameters = set(getattr(combinators, name).__signature__.parameters)
        assert all(set(case) == parameters for case in given), name


def test_a_wrong_formula_is_seen(monkeypatch):
    doc = o.shift.__doc__
    monkeypatch.setattr(o.shift, "__doc__", doc.replace("t - by", "t + by"))
    assert o.shift.__doc__ != doc
    with pytest.raises(AssertionError):
        check("shift", CASES["shift"][0])


@pytest.mark.parametrize("name", [*combinators.__all__, "sequence"])
def test_a_combinator_is_in_the_file_of_its_name_and_explained_in_plain_text(name):
    module = importlib.import_module(f"optimsche.combinators.{name}")
    made = getattr(module, name)
    assert made is getattr(combinators, name) is getattr(o, name)
    assert made.__module__ == module.__name__
    for markup in ("``", "\\", ".. ", ":math:", ":func:", ":class:"):
        assert markup not in made.__doc__.replace("...", "")
