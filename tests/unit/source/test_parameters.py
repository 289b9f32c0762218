"""Plans in JavaScript with parameters as arguments, as the live pages of the docs have them."""

import contextlib
import json
import random
import runpy
import subprocess
from pathlib import Path

import pytest

import optimsche as o
from optimsche.evaluation.trace import Example
from optimsche.source.parameters import Range, code_with_parameters
from tests.property.test_code import _node

DOCS = Path(__file__).parents[3] / "docs"
PAGE = runpy.run_path(str(DOCS / "live.py"))
RATE, STEPS = Range(0.0, 1.0, 0.5), Range(1, 100, 20, True)


def test_the_page_is_what_the_command_writes():
    assert (DOCS / "live.html").read_text() == PAGE["page"]()


def _drawn_plan(build, ranges, rng):
    """A plan of the page with its values, of which some do not go together."""
    while True:
        values = {
            name: rng.randint(int(given.low), int(given.high)) if given.whole else rng.uniform(given.low, given.high)
            for name, given in ranges.items()
        }
        with contextlib.suppress(ValueError):
            return values, build(**values)


def test_every_plan_of_the_page_is_the_plan_wherever_its_sliders_stand():
    rng, cases, meant = random.Random(0), [], []
    for build, (ranges, _) in PAGE["PLANS"].items():
        calls = []
        for _ in range(40):
            values, plan = _drawn_plan(build, ranges, rng)
            calls += [[step, *values.values()] for step in (0, 1, rng.randint(1, 30_000), rng.randint(1, 60_000))]
            meant += [plan(call[0]) for call in calls[-4:]]
        cases.append([code_with_parameters(build, ranges, name="rate"), calls])
    run = """const cases = JSON.parse(require("fs").readFileSync(0));
             console.log(JSON.stringify(cases.flatMap(([text, calls]) => {
                 const f = new Function(text + "; return rate;")(); return calls.map((call) => f(...call)); })));"""
    ran = subprocess.run([_node(), "-e", run], input=json.dumps(cases), text=True, capture_output=True, check=True)
    got = json.loads(ran.stdout)
    assert len(got) == len(meant) == 160 * len(PAGE["PLANS"])
    assert got == pytest.approx(meant, rel=1e-12, abs=1e-18)


def test_the_script_of_the_page_is_javascript():
    subprocess.run([_node(), "--check", str(DOCS / "live.js")], check=True)


def test_sums_of_lengths_follow_their_parameters():
    def build(hold, steps):
        return o.constant(value=1.0, steps=hold) >> o.linear(steps=steps)

    code = code_with_parameters(build, {"hold": STEPS, "steps": STEPS}, name="two_pieces")
    assert code.startswith("function twoPieces(realStep, hold, steps) {\n  if (realStep <= hold) {\n    return 1;")


def test_what_does_not_follow_from_the_parameters_is_refused():
    def by_number(steps):
        return o.linear(start=0.1 if steps > 50 else 0.2, steps=steps)

    def lost(steps):
        return o.linear(start=0.1, steps=float(steps))

    def noisy(amount):
        return o.constant(value=0.1).jitter(amount)

    for build, ranges, reason in (
        (by_number, {"steps": STEPS}, r"with \{'steps': \d+\} it is"),
        (lost, {"steps": STEPS}, r"with \{'steps': \d+\} it is"),
        (noisy, {"amount": RATE}, "one formula of its parameters: jitter: "),
        (lambda steps: o.linear(steps=steps).by_epoch(), {"steps": STEPS}, "it counts epochs"),
        (lambda t: o.linear(steps=t), {"t": STEPS}, "a parameter needs a name that a function can have, got 't'"),
    ):
        with pytest.raises(ValueError, match=reason):
            code_with_parameters(build, ranges, name="rate")


def test_an_example_is_a_number_that_remembers():
    from optimsche.evaluation.trace import trace

    def formula(x):
        three = Example(3.0, x)
        assert (three, three + 1, 2 * three, three > 2) == (3.0, 4.0, 6.0, True)
        assert type(1 - three) is Example
        return (1 - three).symbol

    found = trace(formula, "x")
    assert (found.operation, found.arguments[0]) == ("-", 1)
