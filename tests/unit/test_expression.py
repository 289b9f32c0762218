"""Formulas as text: what is read, what is computed, and that nothing else can be."""

import math
import subprocess
import sys

import numpy as np
import pytest

import optimsche as o

MEANT = {
    "0.1 / (1 + 0.1*t)": lambda t: 0.1 / (1 + 0.1 * t),
    "lambda epoch: 0.95 ** epoch": lambda t: 0.95**t,
    "lambda x: x // 7 % 3": lambda t: t // 7 % 3,
    "1 if t < 10 else 0.1 if t < 20 and not t > 15 or t > 90 else 0.01": lambda t: (
        1 if t < 10 else 0.1 if (t < 20 and not t > 15) or t > 90 else 0.01
    ),
    "min((t + 1) ** -0.5, (t + 1) * 16 ** -1.5, 7)": lambda t: min((t + 1) ** -0.5, (t + 1) * 16**-1.5, 7),
    "0.5 * (1.0 + math.cos(math.pi * t / 100))": lambda t: 0.5 * (1 + math.cos(math.pi * t / 100)),
    "int(t / 3) + floor(t / 4) + ceil(t / 5) + round(t / 2) + abs(-t)": lambda t: (
        int(t / 3) + math.floor(t / 4) + math.ceil(t / 5) + round(t / 2) + abs(-t)
    ),
    "exp(-t / 50) + log(t + 1) + sqrt(t) + tanh(t / 9) + pow(2, -t) + sin(t) ** 2 + max(t, 3) - e / pi + 1": lambda t: (
        math.exp(-t / 50)
        + math.log(t + 1)
        + math.sqrt(t)
        + math.tanh(t / 9)
        + 2**-t
        + math.sin(t) ** 2
        + max(t, 3)
        - math.e / math.pi
        + 1
    ),
    "0.1 * ((t > 5) + (t > 10)) + cos(t > 5) + (t > 5 and t < 20 or not t > 50)": lambda t: (
        0.1 * ((t > 5) + (t > 10)) + math.cos(t > 5) + ((t > 5 and t < 20) or not t > 50)
    ),
    "0.1 if t - 5 else 0.2": lambda t: 0.1 if t - 5 else 0.2,
    "0.5 if t % 2 and t else float(t) / 7": lambda t: 0.5 if t % 2 and t else t / 7,
    "0.5 if not (t % 2 and t) or (t and 3) and t > 5 else 1 / (t + 1)": lambda t: (
        0.5 if not (t % 2 and t) or ((t and 3) and t > 5) else 1 / (t + 1)
    ),
    "(t > 7) ** (t > 5) - (t > 9)": lambda t: (t > 7) ** (t > 5) - (t > 9),
    "0.1 if t <= 0 else 1 / t": lambda t: 0.1 if t <= 0 else 1 / t,
}


@pytest.mark.parametrize("text", MEANT)
def test_means_what_python_means(text):
    s = o.expression(text=text)
    steps = np.arange(0, 320)
    expected = [MEANT[text](t) for t in steps.tolist()]
    assert [s(t) for t in steps.tolist()] == pytest.approx(expected, rel=1e-14)
    assert s(steps) == pytest.approx(np.array(expected, dtype=float), rel=1e-13)
    assert s(steps[:40]) == pytest.approx(np.array(expected[:40], dtype=float), rel=1e-13)


@pytest.mark.parametrize("text", MEANT)
def test_means_the_same_on_tensors_and_traced(text):
    import jax
    import jax.numpy as jnp
    import torch

    s = o.expression(text=text)
    steps = np.arange(0, 320)
    expected = [MEANT[text](t) for t in steps.tolist()]
    assert s(torch.as_tensor(steps)).tolist() == pytest.approx(expected, rel=1e-13)
    with jax.enable_x64(True):
        assert s(jnp.asarray(steps)).tolist() == pytest.approx(expected, rel=1e-13)
        assert jax.jit(s)(jnp.asarray(steps)).tolist() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("text", MEANT)
def test_prints_compares_and_travels_as_its_formula(text):
    s = o.expression(text=text)
    assert o.parse(repr(s)) == s
    assert o.from_dict(s.to_dict()) == s
    assert o.expression(text=s.params["text"]) == s


def test_the_same_formula_is_equal_however_it_was_typed():
    assert o.expression(text="0.1/(1+t)") == o.expression(text="lambda n:\n  0.1 / (1 + n)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('x')", "unknown function"),
        ("t.__class__", r"'t.__class__' has no place in a formula"),
        ("().__class__.__bases__[0]", "has no place in a formula"),
        ("[t for t in (1, 2)]", "has no place in a formula"),
        ("foo(t)", r"unknown function 'foo'; did you mean 'floor'\?"),
        ("sqr(t)", r"unknown function 'sqr'; did you mean 'sqrt'\?"),
        ("math.factorial(t)", "unknown function 'math.factorial'"),
        ("sqrt(t, 2)", "sqrt takes 1, got 2 arguments"),
        ("min(t)", "min takes at least 2, got 1 arguments"),
        *(
            (text, "a lambda of one argument is read")
            for text in (
                "lambda: 1",
                "lambda a, b: a",
                "lambda *a: 1",
                "lambda **a: 1",
                "lambda *, t: t",
                "lambda a=1: a",
                "lambda a, *b: a",
                "lambda a, **b: a",
                "lambda a, *, b: a",
            )
        ),
        ("lambda s: s > 10 and 0.5 or 0.1", "write: a if condition else b"),
        ("t < 3 or 5", "'t < 3 or 5' takes one of two numbers by 'and' and 'or'.*; write: a if condition else b"),
        ("(0.1 and t > 1) + 2", "write: a if condition else b"),
        ("t) * (2", "is not a formula"),
        ("t] * [2", "is not a formula"),
        ("# t", "is not a formula: there is nothing in it"),
        ("pow(t)", "pow takes 2, got 1 arguments"),
        ("pow(t, 2, 3)", "pow takes 2, got 3 arguments"),
        ("abs(t, 2)", "abs takes 1, got 2 arguments"),
        ("floor()", "has no place in a formula"),
        (f"max({', '.join(['t'] * 101)})", "max takes at most 100, got 101 arguments"),
        ("step * 2", "'step' has no place in a formula"),
        ("t if", "is not a formula: invalid syntax"),
        ("", "is not a formula: there is nothing in it"),
        ("'a' * 3", "has no place in a formula"),
        ("1e999 * t", "is too large a number"),
        ("(" * 200 + "t" + ")" * 200, "nested|not a formula"),
        ("-" * 61 + "t", "nested more than 60 deep"),
        ("t + " * 5_000 + "t", "characters; at most 10000 are read"),
        ("0 < t < 5", "has no place in a formula"),
        ("(t := 5)", "has no place in a formula"),
        ("t" + ".a" * 1_500, "nested too deeply"),
        *(("-" * count + "t", "is not a formula: nested too deeply|more than 60 deep") for count in (3_000, 9_000)),
    ],
)
def test_refuses_what_is_no_formula(text, message):
    with pytest.raises(ValueError, match=message):
        o.expression(text=text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / t", r"expression\(text='1 / t'\) has no value at t=0: float division by zero"),
        ("9 ** 9 ** 9", "has no value at t=0"),
        ("(t - 5) ** 0.5", "has no value at t=0"),
        ("1e300 * 1e300", "is inf at t=0"),
    ],
)
def test_says_where_a_formula_has_no_value(text, message):
    with pytest.raises(ValueError, match=message):
        o.expression(text=text)(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-" * 60 + "t", 3.0),  # as deep as can be, and as long
        ("t + " * 2 + " " * 9_991 + "t", 9.0),
        (f"max({', '.join(['t'] * 100)})", 3.0),
        ("lambda t, /: t", 3.0),
        ("+t", 3.0),
        ("int(-t * 1.5)", -4.0),
        ("int(t * 1.5)", 4.0),
        ("int(-t / 6)", 0.0),
        ("floor(-t / 2) - ceil(-t / 2) + ceil(t / 2)", 1.0),
        ("numpy.sqrt(t * 12)", 6.0),
        ("torch.exp(t - t) + np.cos(0) + jnp.sin(0)", 2.0),
        ("not t", 0.0),
        ("t > 2", 1.0),
        ("t // 2 + t % 2", 2.0),
        ("t == 3", 1.0),
        ("t != 3", 0.0),
        ("t >= 3 and t <= 3", 1.0),
        ("1e300 + 0 * t", 1e300),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_read_has_a_value_for_numbers_and_arrays(text, value):
    s = o.expression(text=text)
    assert s(3) == value
    assert type(s(3)) is float
    assert s(np.array([3.0, 3.0])).tolist() == [value, value]


def test_is_text():
    with pytest.raises(TypeError, match="text must be a str"):
        o.expression(text=3)


def test_a_fresh_process_computes_a_condition_on_a_tensor():
    """PyTorch imports itself inside a comparison, by the names of the function that compares."""
    code = "import torch, optimsche as o; print(o.expression(text='0.1 if t < 2 else 0.2')(torch.arange(4)).tolist())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[0.1, 0.1, 0.2, 0.2]"
