"""Laws of a schedule as a value that optimsche.testing does not state: the same in arrays and in another process."""

import itertools
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import ops, testing
from optimsche.lr_fn import LrFn
from optimsche.names import known
from tests.property.strategies import (
    any_schedule,
    built_in,
    epochs,
    plans,
    real_steps,
    updates_only,
)

schedules_and_plans = st.one_of(any_schedule, plans())
clocks = st.lists(real_steps, min_size=1, max_size=12)


def largest_value(s, steps, epoch):
    """The largest value of a schedule, also where no step was drawn: what rounding errors are measured by."""
    return max(magnitude(s), *(s(t, epoch) for t in [0, *steps]))


def magnitude(s):
    """A bound of a schedule's values from the rates in its parameters, as far as these give one."""
    inner = [magnitude(part) for part in s.inner]
    if s.lr_fn is o.scale:
        factor = s.arguments["factor"]
        return inner[0] * (inner[1] if isinstance(factor, o.Schedule) else factor)
    own = [s.params.get(name) for name in ("start", "end", "value", "floor", "first", "second")]
    own = [x if isinstance(x, float | int) else 0.0 for x in own]
    if s.lr_fn in (o.add, o.subtract):
        return sum(inner) + sum(own)
    if s.lr_fn is o.milestones:
        return own[0] * max(1.0, s.arguments["factor"] ** len(s.arguments["at"]))
    amount = s.arguments["amount"] if s.lr_fn is o.jitter else 0.0
    return max(*own, *s.arguments.get("values", ()), *((1 + amount) * m for m in inner))


def ulps_apart(got, expected, largest):
    return abs(got - expected) / math.ulp(largest) if largest > 0 else abs(got - expected) / 5e-324


@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_is_exported_documented_and_shown(lr_fn):
    assert getattr(o, lr_fn.name) is lr_fn
    assert lr_fn.name in o.__all__
    for heading in ("Args:", "Returns:", "Raises:", ">>> "):
        assert heading in lr_fn.__doc__
    for parameter in lr_fn.__signature__.parameters:
        assert f"{parameter}:" in lr_fn.__doc__


@pytest.mark.parametrize("name", sorted(name for name, f in known().items() if not isinstance(f, LrFn)))
def test_every_plan_is_exported_and_shown(name):
    plan = getattr(o, name)
    assert name in o.__all__
    for heading in ("Args:", "Returns:", "Raises:", ">>> "):
        assert heading in plan.__doc__


def test_another_process_gives_the_same_bits():
    plan = (o.one_cycle(peak=0.1, total_steps=999) >> o.noam(d_model=512, warmup_steps=77)) * 0.3
    code = (
        "import pickle, sys\n"
        "s = pickle.loads(sys.stdin.buffer.read())\n"
        "print([s(t).hex() for t in range(0, 3_000, 7)], 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(plan), capture_output=True, check=True)
    assert ran.stdout.decode().strip() == f"{[plan(t).hex() for t in range(0, 3_000, 7)]} False False"


@given(any_schedule, st.data(), real_steps, epochs)
def test_apply_with_the_parameters_of_another_is_the_other(s, data, t, epoch):
    other = _another(data.draw, s)
    if _structure(s) == _structure(other):
        assert s.apply(t, epoch, other.params) == other(t, epoch)


def _another(draw, s):
    """A schedule of the same functions with other parameters; the same one where these do not fit each other."""
    drawn = draw(testing.params(s.lr_fn))
    arguments = dict(s.arguments)
    for name, value in arguments.items():
        if isinstance(value, o.Schedule):
            arguments[name] = _another(draw, value)
        elif not isinstance(drawn.get(name, value), o.Schedule):
            arguments[name] = drawn.get(name, value)
    try:
        return s.lr_fn(**arguments)
    except ValueError:
        return s


def _structure(s):
    inner = {name: _structure(v) if isinstance(v, o.Schedule) else None for name, v in s.arguments.items()}
    optional = {name for name, value in s.arguments.items() if value is None}
    return s.lr_fn, inner, optional


@given(schedules_and_plans, clocks, epochs)
def test_arrays_agree_with_numbers(s, steps, epoch):
    expected = [s(t, epoch) for t in steps]
    curve = s(np.array(steps), epoch)
    assert curve.dtype == np.float64
    assert curve.shape == (len(steps),)
    largest = largest_value(s, [*steps, *s.boundaries(most=20)], epoch)
    assert all(ulps_apart(a, b, largest) <= 4 for a, b in zip(curve.tolist(), expected, strict=True))


@given(schedules_and_plans, epochs)
def test_long_sorted_arrays_agree(s, epoch):
    steps = np.arange(0, 20_000)
    curve = s(steps, epoch)
    picked = [
        0,
        *(int(min(j + d, 19_999)) for j in s.boundaries(most=20) for d in (0, 1)),
        19_999,
        *range(0, 20_000, 1_999),
    ]
    expected = [s(t, epoch) for t in picked]
    largest = largest_value(s, [*picked, *s.boundaries(most=20)], epoch)
    assert all(ulps_apart(a, b, largest) <= 4 for a, b in zip(curve[picked].tolist(), expected, strict=True))
    shuffled = steps.copy()
    random.Random(0).shuffle(shuffled)
    assert np.allclose(s(shuffled, epoch), curve[shuffled], rtol=0, atol=4 * math.ulp(max(curve.max(), 5e-324)))


@given(updates_only)
def test_boundaries_increase_and_end_with_the_length(s):
    first = s.boundaries(most=1_000)
    assert all(left < right - ops.tolerance(right) for left, right in itertools.pairwise([0.0, *first]))
    if math.isfinite(s.length) and s.length > 0 and len(first) < 1_000:
        assert s.boundaries()[-1] == s.length


@given(updates_only, real_steps, epochs, epochs)
def test_only_by_epoch_looks_at_the_epoch(s, t, one, two):
    assert s(t, one) == s(t, two)


@given(any_schedule)
def test_schedules_are_immutable(s):
    with pytest.raises(AttributeError, match="immutable"):
        s.anything = 1
    s.params.clear()
    s.arguments.clear()
    assert set(s.params) == set(s.lr_fn.__signature__.parameters)
