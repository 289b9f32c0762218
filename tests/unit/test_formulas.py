"""The formula in a docstring is true: evaluated as Python, it gives the schedule's values."""

import inspect
import math
import textwrap

import numpy
import pytest

import optimsche as o
from optimsche import lr_fns, plans

# No formula: what `expression` computes is its parameter, and what a plan is made of stands under Returns.
NO_FORMULA = {"expression", *plans.__all__} - {"noam"}
ENDS = [{"start": 0.3, "end": 0.01, "steps": 40}, {"start": 0.02, "end": 0.5, "steps": 7.5}]
EXAMPLES = {
    "constant": [{"value": 0.3}, {"value": 0.1, "steps": 40}],
    "cosine": [*ENDS, {"start": 0.3, "end": 0.0, "steps": 40}],
    "exponential": [{"start": 0.3, "factor": 0.9, "every": 10}, {"start": 1.0, "factor": 0.999, "every": 1}],
    "geometric": ENDS,
    "growth": [{"start": 0.3, "factor": 1.5, "every": 100}, {"start": 1.0, "factor": 1.001, "every": 1}],
    "hyperbolic": [{**ends, "upper_bound": bound} for ends in ENDS for bound in (40, 250)],
    "inverse_sqrt": [{"start": 0.3, "timescale": 40}],
    "linear": ENDS,
    "milestones": [{"start": 0.3, "factor": 0.1, "at": (5, 20, 40)}, {"start": 0.3, "factor": 2.0, "at": (7.5,)}],
    "noam": [{"peak": 0.3, "warmup_steps": 40}, {"peak": 0.3, "warmup_steps": 7.5}],
    "one_minus_power": [{**ends, "power": power} for ends in ENDS for power in (0.5, 3)],
    "piecewise_constant": [{"values": (0.3, 0.1, 0.2), "at": (5, 40)}],
    "piecewise_linear": [{"values": (0.3, 0.1, 0.2), "at": (5, 20, 40)}, {"values": (0.3,), "at": (5,)}],
    "polynomial": [{**ends, "power": power} for ends in ENDS for power in (0.5, 3)],
    "power_law": [{"start": 0.3, "timescale": 40, "power": 2}, {"start": 0.3, "timescale": 7.5, "power": 0.3}],
    "rex": [{**ends, "beta": beta} for ends in ENDS for beta in (0.5, 0.0, -3)],
    "step_decay": [{"start": 0.3, "factor": 0.5, "every": 10}, {"start": 0.3, "factor": 0.9, "every": 7.5}],
    "tanh": [{**ends, "lower": lower, "upper": upper} for ends in ENDS for lower, upper in ((-7, 3), (-2, 2))],
}
CLOCKS = (0, 1, 3, 5, 6, 7.5, 10, 11, 19, 20, 21, 33, 39, 40, 41, 250, 10_000)


def formula(name):
    """The indented lines that stand after the summary; empty where other text or a section does."""
    after = inspect.getdoc(getattr(o, name)).split("\n\n")[1]
    return textwrap.dedent(after) if after.startswith("    ") else ""


def evaluate(text, names):
    """The value of the last line; each line before it gives a part a name."""
    *parts, value = text.split("\n")
    for part in parts:
        part_name, _, part_value = part.partition(" = ")
        names = {**names, part_name: eval(part_value, names)}
    return eval(value, names)


def test_every_shape_has_a_formula():
    assert {name for name in (*lr_fns.__all__, *plans.__all__) if not formula(name)} == NO_FORMULA
    assert EXAMPLES.keys() == {*lr_fns.__all__, *plans.__all__} - NO_FORMULA


@pytest.mark.parametrize(
    ("name", "params"),
    [pytest.param(name, params, id=f"{name}-{params}") for name, examples in EXAMPLES.items() for params in examples],
)
def test_a_formula_gives_the_schedules_values(name, params):
    schedule = getattr(o, name)(**params)
    for t in CLOCKS:
        names = {**vars(math), "numpy": numpy, **params, "t": t, "e": 1}
        assert schedule(t, 1) == pytest.approx(evaluate(formula(name), names), rel=1e-9, abs=1e-15), t
