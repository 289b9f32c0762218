"""One formula, every kind of number: NumPy, PyTorch and JAX agree with Python, compiled, vectorised, differentiated."""

import functools
import math
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import optimsche as o
from optimsche import ops
from tests.property.examples import PLAN, example
from tests.property.strategies import any_schedule, built_in, epochs, plans, real_steps
from tests.property.test_values import largest_value

STEPS = np.array([0, 1, 500, 999, 1_000, 1_001, 5_000, 9_999, 10_000, 10_001, 12_345])
COUNT = len(STEPS)  # JAX compiles each operation anew for each shape, so most clocks are of this one
EXPECTED = [PLAN(int(t)) for t in STEPS]
schedules_and_plans = st.one_of(any_schedule, plans())
clocks = st.lists(real_steps, min_size=1, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _double_precision():
    with jax.enable_x64(True):
        yield


def assert_within_ulps(got, expected, ulps=4, largest=0.0):
    bound = ulps * math.ulp(max(*map(abs, expected), largest))
    assert all(abs(a - b) <= bound for a, b in zip(got, expected, strict=True))


@given(schedules_and_plans, clocks, epochs)
def test_torch_agrees(s, steps, epoch):
    curve = s(torch.tensor(steps), epoch)
    assert curve.dtype == torch.float64
    assert_within_ulps(
        curve.tolist(), [s(t, epoch) for t in steps], largest=largest_value(s, s.boundaries(most=20), epoch)
    )


@settings(max_examples=25)
@given(schedules_and_plans, clocks, epochs)
def test_jax_agrees(s, steps, epoch):
    steps = np.resize(steps, COUNT).tolist()
    curve = s(jnp.asarray(steps), epoch)
    assert curve.dtype == jnp.float64
    # XLA's own power and cosine differ from the C library's by more than NumPy's do.
    assert_within_ulps(curve.tolist(), [s(t, epoch) for t in steps], 32, largest_value(s, s.boundaries(most=20), epoch))


@pytest.mark.parametrize("kind", ["numpy", "torch", "torch 0-d", "jax", "jax 0-d"])
@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_takes_every_kind(lr_fn, kind):
    s = example(lr_fn)
    make = {
        "numpy": np.asarray,
        "torch": torch.as_tensor,
        "torch 0-d": lambda t: torch.as_tensor(t[4]),
        "jax": jnp.asarray,
        "jax 0-d": lambda t: jnp.asarray(t[4]),
    }[kind]
    array = make(STEPS)
    if lr_fn is o.running_product and kind != "numpy":
        with pytest.raises(TypeError, match="running_product takes a number or a NumPy array, got"):
            s(array)
        return
    curve = s(array, 1)
    assert type(curve) is type(array) or kind.startswith("jax")
    assert curve.shape == array.shape
    expected = np.array([s(int(t), 1) for t in STEPS])
    assert np.allclose(curve, expected if array.shape else expected[4], rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    "s",
    [
        PLAN,
        PLAN.repeat(4, every=500, stretch=2, scale=0.5),
        o.one_cycle(peak=0.1, total_steps=10_000),
        o.milestones(at=(999, 5_000)).warmup(100),
        o.piecewise_linear(at=(0, 900, 5_000), values=(0.1, 0.2, 0.0)),
        (o.constant(steps=0.8) >> o.linear(steps=0.2)).over(9_000).warmup(1_000),
    ],
    ids=["warmup-cosine", "restarts", "one-cycle", "milestones", "polyline", "fractions"],
)
def test_compiled_traced_and_vectorised_agree(s):
    expected = [s(int(t)) for t in STEPS]
    compiled = torch.compile(lambda t: s(t), fullgraph=True, backend="aot_eager")
    assert_within_ulps(compiled(torch.as_tensor(STEPS)).tolist(), expected)
    for transformed in (jax.jit(s), jax.vmap(s), jax.jit(jax.vmap(s))):
        assert_within_ulps(transformed(jnp.asarray(STEPS)).tolist(), expected, ulps=32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's compiler uses its own deprecated names
def test_compiled_by_the_default_compiler_in_one_graph():
    compiled = torch.compile(lambda t: PLAN(t), fullgraph=True)
    assert_within_ulps(compiled(torch.as_tensor(STEPS)).tolist(), EXPECTED)


def test_a_compiled_training_step_takes_a_python_step_number():
    compiled = torch.compile(lambda n: torch.ones(2, dtype=torch.float64) * PLAN(n), fullgraph=True, backend="eager")
    for n in (1, 2, 3, 2_000, 2_001):
        assert compiled(n)[0].item() == pytest.approx(PLAN(n), rel=1e-14)


def test_a_compiled_training_step_is_not_compiled_anew_for_each_call_of_a_plan_that_is_new():
    plan = o.constant(value=0.5)
    compiled = torch.compile(lambda x, n: x * plan(n), fullgraph=True, backend="eager")
    with torch._dynamo.config.patch(recompile_limit=3):
        assert [compiled(torch.ones(1), n).item() for n in range(1, 60)] == [0.5] * 59


def test_a_formula_as_text_is_compiled_in_one_graph():
    plan = o.expression(text="0.2 * t if t < 2 else 0.1")
    compiled = torch.compile(lambda t: plan(t), fullgraph=True, backend="eager")
    assert compiled(torch.arange(4)).tolist() == [plan(t) for t in range(4)]


APPLIED = {
    "shape": (o.cosine(start=0.1, steps=50), lambda q: {"start": q}),
    "inside": (o.cosine(start=0.1, steps=50).warmup(10), lambda q: {"schedule": {"start": q}}),
    "in a tuple": (o.piecewise_linear(values=(0.1, 0.2), at=(5, 10)), lambda q: {"values": (q, 0.2)}),
}


@pytest.mark.parametrize(("s", "params"), APPLIED.values(), ids=APPLIED)
def test_a_numpy_clock_goes_with_parameters_of_any_library(s, params):
    steps = np.arange(1, 3 * COUNT, 3)

    def total(q):
        return s.apply(steps, 1, params(q)).sum()

    expected = total(np.array(0.1))
    start = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    total(start).backward()
    slope = (total(0.2) - total(0.1)) / 0.1
    assert start.grad.item() == pytest.approx(slope, rel=1e-9)
    assert float(jax.grad(total)(0.1)) == pytest.approx(slope, rel=1e-9)
    assert float(jax.jit(total)(0.1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("library", [np.array, torch.tensor, jnp.array], ids=["numpy", "torch", "jax"])
def test_whole_numbers_as_parameters_are_not_computed_in_a_narrower_type(library):
    plan = o.cosine(steps=300)
    assert float(plan.apply(50, 1, {"steps": library(300)})) == pytest.approx(plan(50), rel=1e-15)


@pytest.mark.parametrize(
    "s",
    [
        o.linear(steps=3),
        o.milestones(at=(1,)),
        o.piecewise_linear(at=(1, 2), values=(0.1, 0.2)),
        o.piecewise_constant(at=(1,), values=(0.1, 0.2)),
        (o.linear(steps=2) >> o.linear(steps=3)).over(10),
        o.constant().jitter(0.1),
    ],
    ids=repr,
)
def test_the_result_has_the_type_of_its_clock(s):
    for clock in (torch.tensor([1.0, 2.0]), jnp.array([1.0, 2.0], dtype="float32"), np.array([1, 2], dtype="float32")):
        assert s(clock).dtype == s.apply(clock, 1, {}).dtype == clock.dtype
    assert s(torch.tensor([1, 2])).dtype is torch.float64


def test_gradients_with_respect_to_the_step():
    slope = (PLAN(5_001.0) - PLAN(4_999.0)) / 2
    assert float(jax.grad(PLAN)(5_000.0)) == pytest.approx(slope, rel=1e-6)
    t = torch.tensor(5_000.0, dtype=torch.float64, requires_grad=True)
    PLAN(t).backward()
    assert t.grad.item() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("t", [0.0, 1.0, 500.0, 1_000.0, 1_001.0, 5_000.0, 10_000.0, 20_000.0])
@pytest.mark.parametrize("name", ["start", "end", "steps"])
def test_gradients_with_respect_to_parameters_are_those_of_finite_differences(name, t):
    value, h = {"start": 3e-4, "end": 1e-5, "steps": 9_000.0}[name], {"start": 1e-6, "end": 1e-6, "steps": 1e-3}[name]
    plan = o.cosine(start=3e-4, end=1e-5, steps=9_000).warmup(1_000)

    def rate(x):
        return plan.apply(t, 1, {"schedule": {name: x}})

    expected = (rate(value + h) - rate(value - h)) / (2 * h)
    if t == 10_000.0 and name == "steps":
        expected = 0.0  # the end of the fall, where the slope is flat on both sides
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    out = rate(x)
    if out.requires_grad:
        out.backward()
    from_torch = 0.0 if x.grad is None else x.grad.item()
    assert from_torch == pytest.approx(expected, rel=1e-5, abs=1e-12)
    assert float(jax.grad(rate)(value)) == pytest.approx(expected, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 2_000.0])
def test_a_power_of_zero_has_a_gradient_of_zero(exponent):
    base, power = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.0, exponent))
    for result in (ops.power(base, power), ops.power(base, exponent)):
        result.backward()
        assert (result.item(), base.grad.item(), power.grad.item()) == (0.0, 0.0, 0.0)
    assert jax.grad(ops.power, argnums=(0, 1))(0.0, exponent) == (0.0, 0.0)
    assert jax.grad(ops.power)(0.0, exponent) == 0.0


def test_cycles_that_do_not_grow_have_a_finite_gradient_for_their_growth():
    plan = o.linear(start=1.0, steps=4).repeat(2)

    def rate(x):
        return plan.apply(7.0, 1, {"stretch": x})

    growth = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    rate(growth).backward()
    assert math.isfinite(growth.grad.item())
    assert math.isfinite(float(jax.grad(rate)(1.0)))


@pytest.mark.parametrize("t", [0.0, 3.0])
def test_a_piece_of_no_length_has_a_gradient_of_zero(t):
    step, steps = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (t, 0.0))
    ops.progress(step, steps).backward()
    assert (step.grad.item(), steps.grad.item()) == (0.0, 0.0)
    assert jax.grad(ops.progress, argnums=(0, 1))(t, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    "make", [functools.partial(torch.tensor, dtype=torch.float64), jnp.asarray], ids=["torch", "jax"]
)
def test_arithmetic_is_that_of_numbers(make):
    high, low, one = make([3.0, 1.0]), make([1.0, 2.0]), make(1.5)
    for x, y, smaller, larger in [
        (high, low, [1.0, 1.0], [3.0, 2.0]),
        (high, 1.5, [1.5, 1.0], [3.0, 1.5]),
        (1.5, high, [1.5, 1.0], [3.0, 1.5]),
        (high, one, [1.5, 1.0], [3.0, 1.5]),
    ]:
        assert (ops.minimum(x, y).tolist(), ops.maximum(x, y).tolist()) == (smaller, larger)
    assert ops.where(high > low, 0.1, 0.2).tolist() == [0.1, 0.2]
    assert ops.where(high > low, high, 0.2).tolist() == [3.0, 0.2]
    assert ops.where(high > low, 0.1, low).tolist() == [0.1, 2.0]
    assert [ops.floor(one).tolist(), ops.nearest(make([2.5, 3.5])).tolist()] == [1.0, [2.0, 4.0]]
    at, tall = make([10.0, 20.5, 30.0]), make([0.5, 0.25, 0.125])
    steps = make([0.0, 10.0, 10.0 + 2.0**-30, 10.0 + 2.0**-28, 20.5, 31.0])
    for points in ((10, 20.5, 30), at):
        assert ops.count_below(points, steps).tolist() == [0, 0, 0, 1, 1, 3]
    assert ops.count_below(at, 20.75).tolist() == 2
    assert ops.take((0.5, 0.25, 0.125), ops.count_below(at, make([5.0, 25.0]))).tolist() == [0.5, 0.125]
    assert ops.take(tall, 1).tolist() == 0.25
    assert ops.interpolate(make([5.0, 10.0, 15.25, 20.5, 30.0, 99.0]), at, tall).tolist() == [
        *(0.5, 0.5, 0.375, 0.25, 0.125, 0.125)
    ]


def test_a_row_of_peaks_against_a_column_of_steps_is_a_table():
    peaks = np.array([1e-4, 1e-3])
    for make in (np.asarray, torch.as_tensor, jnp.asarray):
        table = PLAN.apply(make(STEPS)[:, None], 1, {"schedule": {"start": make(peaks)}})
        expected = [[o.cosine(start=p, steps=9_000).warmup(1_000)(int(t)) for p in peaks] for t in STEPS]
        assert np.allclose(table, expected, rtol=1e-13, atol=1e-18)


def test_apply_names_an_unknown_parameter():
    with pytest.raises(TypeError, match=r"apply: cosine has no parameter 'step'; did you mean 'steps'\?"):
        PLAN.apply(1, 1, {"schedule": {"step": 3}})


def test_whole_numbers_past_float32_stay_apart():
    stairs = o.step_decay(factor=0.5, every=1).shift(2**25)
    steps = torch.arange(2**25, 2**25 + 8)
    assert stairs(steps).tolist() == [stairs(int(t)) for t in steps]
    assert len(set(stairs(steps).tolist())) == 7


@pytest.mark.parametrize(
    "bad",
    [np.array([True]), torch.tensor([True]), np.array(["1"]), np.array([1j]), torch.tensor([1j]), np.array([None])],
)
def test_arrays_that_are_no_numbers_are_refused(bad):
    with pytest.raises(TypeError, match="real_step must"):
        PLAN(bad)


@pytest.mark.parametrize("bad", [np.array([3, -1]), np.array([math.nan]), np.array([math.inf])])
def test_numpy_clocks_outside_their_range_are_refused(bad):
    with pytest.raises(ValueError, match="real_step must hold numbers from 0 to 1e300"):
        PLAN(bad)


def test_shapes_are_kept():
    assert PLAN(np.arange(6).reshape(2, 3)).shape == (2, 3)
    assert PLAN(np.array(5)).shape == ()
    assert PLAN(np.array([])).shape == (0,)
    assert o.constant(value=0.1)(np.arange(4)).tolist() == [0.1] * 4
    assert o.constant(value=0.1)(torch.arange(4)).tolist() == [0.1] * 4
    assert PLAN.by_epoch()(np.arange(4), np.array([1, 2, 3, 4])).tolist() == [PLAN(t) for t in range(4)]
    for make in (np.array, torch.tensor, jnp.array):
        assert PLAN.by_epoch()(7, make([1, 2])).tolist() == pytest.approx([PLAN(0), PLAN(1)], rel=1e-15)


def test_float32_steps_stay_float32():
    assert PLAN(np.float32([1, 2])).dtype == np.float32
    assert PLAN(torch.tensor([1.0, 2.0])).dtype == torch.float32
    narrow = torch.tensor([1.0, 2.0])
    assert ops.where(narrow > 1.5, narrow, 0.1).dtype == ops.where(narrow > 1.5, 0.1, narrow).dtype == torch.float32
    assert ops.interpolate(narrow, (1, 3), (0.5, 0.25)).tolist() == [0.5, 0.375]


def _numbers_in(params, path=()):
    """The path of every real number among nested parameters."""
    for name, value in params.items():
        if isinstance(value, dict):
            yield from _numbers_in(value, (*path, name))
        elif isinstance(value, float | int) and not isinstance(value, bool) and name not in ("times", "seed"):
            yield (*path, name)


def _is_a_length_inside_over(s, path):
    """What over must know as a number, to put its boundaries on whole updates."""
    return s.lr_fn is o.over and path[0] == "schedule" and path[-1] == "steps"


def _with(path, value):
    """Nested parameters that give one number, and leave the others as they are."""
    for name in reversed(path):
        value = {name: value}
    return value


@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_gradients_of_every_parameter_are_finite_and_those_of_finite_differences(lr_fn):
    s = example(lr_fn)
    if lr_fn is o.running_product:
        pytest.skip("it looks at the number of its clock, so it takes no tensors")
    for path in _numbers_in(s.params):
        if _is_a_length_inside_over(s, path):
            continue
        value = s.params
        for name in path:
            value = value[name]
        h = 1e-6 * max(abs(value), 1e-3)
        for t in (0.0, 1.3, 4.4, 450.7, 3_333.3, 8_765.4, 54_321.0):

            def rate(x, path=path, t=t):
                return s.apply(t, 1.0, _with(path, x))

            x = torch.tensor(float(value), dtype=torch.float64, requires_grad=True)
            out = rate(x)
            if isinstance(out, torch.Tensor) and out.requires_grad:
                out.backward()
            from_torch = 0.0 if x.grad is None else x.grad.item()
            from_jax = float(jax.grad(lambda x: jnp.asarray(rate(x), dtype=float))(float(value)))
            assert math.isfinite(from_torch), (path, t)
            assert from_jax == pytest.approx(from_torch, rel=1e-6, abs=1e-12), (path, t)
            low, high = rate(value - h), rate(value + h)
            smooth = abs(high - 2 * rate(value) + low) <= 1e-6 * max(abs(high), abs(low)) + 1e-3 * abs(high - low)
            if smooth and value - h > 0:
                # A difference of rounded values: their last bits, magnified by the step.
                noise = 4 * math.ulp(max(abs(high), abs(low))) / h
                assert from_torch == pytest.approx((high - low) / (2 * h), rel=1e-3, abs=noise + 1e-12), (path, t)


@pytest.mark.parametrize("kind", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("lr_fn", sorted(built_in, key=lambda f: f.name), ids=lambda f: f.name)
def test_a_row_of_any_parameter_against_a_column_of_steps_is_a_table(lr_fn, kind):
    s = example(lr_fn)
    if lr_fn is o.running_product:
        pytest.skip("it looks at the number of its clock, so it takes no tensors")
    make = {"numpy": np.asarray, "torch": torch.as_tensor, "jax": jnp.asarray}[kind]
    for path in _numbers_in(s.params):
        if _is_a_length_inside_over(s, path):
            continue
        value = float(functools.reduce(operator.getitem, path, s.params))
        row = [value, 0.75 * value]
        table = s.apply(make(STEPS)[:, None], 1, _with(path, make(np.array(row))))
        expected = [[s.apply(int(t), 1, _with(path, x)) for x in row] for t in STEPS]
        assert np.shape(table) == (len(STEPS), 2), path
        assert np.allclose(table, expected, rtol=1e-12, atol=1e-15), path


@pytest.mark.parametrize(
    ("s", "path"),
    [
        (o.linear(steps=10).over(100), ("schedule", "steps")),
        ((o.linear(steps=10) >> o.cosine(steps=20)).over(100), ("schedule", "at")),
        ((o.linear(steps=10) >> o.cosine(steps=20)).over(100), ("schedule", "second", "steps")),
        (o.cosine(steps=20).warmup(10).over(90), ("schedule", "schedule", "steps")),
        (o.linear(steps=4).add(o.cosine(steps=9)).over(75), ("schedule", "first", "steps")),
        (o.linear(steps=4).repeat(3, stretch=2).over(75), ("schedule", "stretch")),
        (o.piecewise_linear(values=(0.0, 1.0), at=(0, 40)).over(65), ("schedule", "at")),
    ],
    ids=str,
)
def test_what_a_length_inside_over_is_made_of_must_be_numbers(s, path):
    def rate(x):
        return s.apply(3.0, 1, _with(path, (0.0, x) if path[-1] == "at" and "values" in s.params["schedule"] else x))

    assert 0 <= rate(8.0) <= 2
    for length in (torch.tensor(8.0), jnp.asarray(8.0), np.array([8.0, 9.0])):
        with pytest.raises(TypeError, match="inside over, what a length is made of must be numbers"):
            rate(length)
    with pytest.raises(TypeError, match="inside over, what a length is made of must be numbers"):
        jax.jit(rate)(8.0)


def test_the_shape_of_a_cooldown_may_have_a_length_of_any_kind():
    s = o.constant(value=0.1).cooldown(at=5, steps=10, along=o.linear(steps=20))
    length = torch.tensor(30.0, dtype=torch.float64)
    assert s.apply(10.0, 1, {"along": {"steps": length}}).item() == pytest.approx(0.05)


@pytest.mark.parametrize("kind", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_clocks_at_hand_are_looked_at(kind, wrong):
    make = {"numpy": np.asarray, "torch": torch.as_tensor, "jax": jnp.asarray}[kind]
    for call in (PLAN, lambda t: PLAN(1, t), lambda t: PLAN.apply(t, 1, {})):
        with pytest.raises(ValueError, match=r"must hold numbers from [01] to 1e300, got values from"):
            call(make(np.array([1.0, wrong])))
    assert PLAN(make(np.array([]))).shape == (0,)


def test_clocks_without_values_are_not_looked_at():
    steps = [1.0, 9.0]
    expected = [PLAN(t) for t in steps]
    assert torch.vmap(PLAN)(torch.tensor(steps, dtype=torch.float64)).tolist() == pytest.approx(expected)
    assert jax.jit(PLAN)(jnp.asarray(steps)).tolist() == pytest.approx(expected)
    assert PLAN(torch.ones(2, device="meta")).shape == (2,)
    constant = jnp.asarray(9.0)  # not traced inside of what is
    assert jax.jit(lambda x: x + PLAN(constant))(0.0) == pytest.approx(expected[1])


@pytest.mark.parametrize("kind", ["numpy", "torch", "jax"])
def test_tables_may_hold_arrays(kind):
    make = {"numpy": np.asarray, "torch": torch.as_tensor, "jax": jnp.asarray}[kind]
    steps, row = np.array([0.0, 1, 9, 10, 11, 20, 21, 39, 40, 41, 60]), np.array([0.5, 2.0])
    assert len(steps) == COUNT
    for s, name in [
        (o.piecewise_linear(values=(0.0, 1.0, 0.25), at=(0, 10, 40)), "values"),
        (o.piecewise_linear(values=(0.0, 1.0, 0.25), at=(0, 10, 40)), "at"),
        (o.piecewise_constant(values=(0.0, 1.0, 0.25), at=(10, 40)), "values"),
        (o.piecewise_constant(values=(0.0, 1.0, 0.25), at=(10, 40)), "at"),
        (o.milestones(at=(10, 40), factor=0.1), "at"),
    ]:
        given = s.params[name]
        last = given[-1]
        table = s.apply(make(steps)[:, None], 1, {name: (*given[:-1], make(last * row))})
        expected = np.stack([s.apply(steps, 1, {name: (*given[:-1], float(last * x))}) for x in row], axis=1)
        assert np.allclose(table, expected, rtol=1e-12, atol=1e-15), name
