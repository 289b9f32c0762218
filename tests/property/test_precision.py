"""Clocks of any type give what numbers give: narrow floats, JAX's float32, and whole numbers of any width and order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import optimsche as o
from tests.property.examples import PLAN, example

LENGTHS = (0.3, 0.7, 7.5, 50, 1e5)
COUNT, LAST_WHOLE = 96, 2.0**24


def _plans():
    for n in LENGTHS:
        saw, fall = o.linear(start=1.0, end=0.1, steps=n), o.cosine(start=0.5, steps=2 * n)
        stairs = o.step_decay(factor=0.9, every=n)
        for closed in ("right", "left"):
            for stretch in (1, 1.01, 1.1, 1.3, 1.5, 1.7, 2, 3):
                yield f"repeat {n} {stretch} {closed}", saw.repeat(stretch=stretch, closed=closed)
            yield f"repeat of then {n} {closed}", (saw >> fall).repeat(stretch=2, scale=0.9, closed=closed)
            yield f"warmup of repeat {n} {closed}", saw.repeat(stretch=1.3, closed=closed).warmup(0.7)
            yield f"shifted {n} {closed}", saw.repeat(3, stretch=1.5, closed=closed).shift(1)
            yield f"staircase {n} {closed}", fall.warmup(3 * n).staircase(n, closed=closed)
        yield f"then {n}", saw >> fall >> o.constant(value=0.7, steps=n)
        yield f"over {n}", (saw >> fall).over(max(7 * n, 100)).warmup(n)
        yield f"step_decay {n}", stairs
        yield f"by_tokens {n}", (saw >> fall).stretch(768).by_tokens({1: 768, 11: 1536})
        yield f"cooldown {n}", stairs.cooldown(at=5 * n, steps=3 * n, along=o.one_minus_power(steps=1))
        yield f"jitter {n}", stairs.jitter(0.3, seed=3)
        yield f"clamp {n}", fall.clamp(floor=o.linear(start=0.4, end=0.1, steps=n).repeat(), ceiling=0.9 * stairs)
        yield f"stretch {n}", (o.linear(steps=10) >> o.constant(value=0.5, steps=5)).repeat().stretch(n)
        yield f"warp {n}", o.cosine(steps=1).warp(o.one_minus_power(start=0.0, end=1.0, steps=n))
        yield f"milestones {n}", o.milestones(at=(n, 3 * n, 3.5 * n))
        yield f"listed {n}", o.piecewise_linear(at=(n, 3 * n, 3.5 * n), values=(0.1, 0.4, 0.2))
        yield f"growth {n}", o.growth(start=0.1, factor=1.001, every=n)
    for lr_fn in (o.polynomial, o.geometric, o.tanh, o.rex, o.hyperbolic, o.expression, o.exponential, o.inverse_sqrt):
        yield lr_fn.name, example(lr_fn)
    yield "power_law", example(o.power_law)


PLANS = dict(_plans())


def clocks_of(schedule):
    """Clocks at and around the boundaries, also far ones: whole, or as a person would write them."""
    found, before = {0.0, 1.0, 2.0, 3.0, 99_999.0, 2.0**22 + 0.5, LAST_WHOLE - 3, LAST_WHOLE}, 0.0
    far = [b for b in schedule.boundaries(1.5e7, most=2_000)[-3:] if b == int(b)]
    for boundary in (*schedule.boundaries(most=7), *far):
        found |= {boundary + d for d in (-1, -0.5, 0, 0.5, 1)} | {float(round(boundary)), (before + boundary) / 2}
        before = boundary
    whole = sorted(t for t in found if 0 <= t <= LAST_WHOLE and t == int(t))
    fractions = sorted(t for t in found if 0 <= t <= 1_000 and t != int(t)) or [0.5]
    return [np.resize(np.array(clocks), COUNT) for clocks in (whole, fractions)]


def assert_near(got, expected, kind="float32", ulps=1):
    """As near as the type of the result can be, on the way to it the last bits of float64."""
    got, expected = np.asarray(got, dtype=float), np.asarray(expected)
    bound = ulps * float(jnp.finfo(kind).eps) * abs(expected) + 1e-12 * abs(expected).max()
    far = abs(got - expected) > bound
    assert not far.any(), (got[far], expected[far])


def assert_as_numbers(plan, curve, clocks):
    """At a boundary the value of the number that was meant; elsewhere between it and that of the float32."""
    boundaries = {*plan.boundaries(most=7)}
    largest = max(abs(min(plan(t), LARGEST)) for t in clocks)
    for t, got in zip(clocks.tolist(), np.asarray(curve, dtype=float).tolist(), strict=True):
        meant, held = (min(plan(x), LARGEST) for x in (t, float(np.float32(t))))
        low, high = (meant, meant) if t in boundaries else (min(meant, held), max(meant, held))
        # Inside of a cycle, a boundary is met as nearly as float32 has the clock.
        bound = 4 * EPS * largest + (4 * EPS * largest * (1 + t) if t != int(t) else 0.0)
        assert low - bound <= got <= high + bound, (t, got, meant, held)


LARGEST, EPS = float(np.finfo("float32").max), float(np.finfo("float32").eps)


@pytest.mark.parametrize("name", PLANS)
def test_float32_gives_what_numbers_give(name):
    plan = PLANS[name]
    for clocks in clocks_of(plan):
        steps = clocks.astype("float32")
        for clock in (jnp.asarray(steps), steps, torch.tensor(steps)):
            curve = plan(clock)
            assert "float32" in str(curve.dtype)
            assert_as_numbers(plan, curve, clocks)


COMPILED = [name for name in PLANS if any(f" {n}" in f"{name} " for n in ("0.7 ", "50 "))]
TOGETHER = 24  # many schedules are compiled sooner than one by one


@pytest.fixture(scope="module")
def compiled():
    """The curves of the schedules under jit."""
    curves = {}
    for begin in range(0, len(COMPILED), TOGETHER):
        names = COMPILED[begin : begin + TOGETHER]

        @jax.jit
        def play(clocks, names=tuple(names)):
            return {name: [PLANS[name](steps) for steps in clocks[name]] for name in names}

        curves |= play({name: np.array(clocks_of(PLANS[name]), dtype="float32") for name in names})
    return curves


@pytest.mark.parametrize("name", COMPILED)
def test_float32_compiled_by_jax_gives_what_numbers_give(name, compiled):
    plan = PLANS[name]
    for clocks, curve in zip(clocks_of(plan), compiled[name], strict=True):
        assert_as_numbers(plan, curve, clocks)


MIXED = {
    "restarts": o.linear(start=1.0, end=0.1, steps=5).repeat(stretch=1.5, closed="left").warmup(3),
    "stairs": o.step_decay(factor=0.9, every=7).shift(1),
    "listed": o.milestones(at=(3, 20, 100)),
    "noise": PLAN.jitter(0.3),
}


@pytest.mark.parametrize("plan", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_gives_what_numbers_give(plan, kind):
    steps = np.array([*range(64), *range(84, 116)], dtype="float32")
    assert len(steps) == COUNT
    expected = [plan(float(t)) for t in steps]
    narrow = jnp.asarray(steps).astype(kind)
    assert narrow.tolist() == steps.tolist()
    tensor = torch.tensor(steps).to(getattr(torch, kind))
    for curve in (plan(narrow), jax.jit(plan)(narrow), plan(tensor)):
        assert kind in str(curve.dtype)
        # float16 has fewer digits below its smallest normal number.
        curve = np.array(curve.tolist())
        assert (abs(curve - expected) <= float(jnp.finfo(kind).eps) * abs(np.array(expected)) + 2.0**-24).all()
    if kind == "float16":
        assert plan(steps.astype(kind)).tolist() == plan(narrow).tolist()


WHOLE = [
    *(f"{order}{sign}{size}" for order in "<>" for sign in "iu" for size in (2, 4, 8)),
    *("i1", "u1", ">f2", ">f4", ">f8"),
]


@pytest.mark.parametrize("plan", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("count", [100, 600])
def test_numpy_numbers_of_any_width_and_order_are_what_they_say(plan, kind, count):
    largest = np.iinfo(kind).max if kind[-2] in "iu" or kind in ("i1", "u1") else 2**11
    numbers = [n % (min(largest, 2**40) + 1) for n in (*range(count - 2), largest, largest - 1)]
    curve = plan(np.array(numbers, dtype=kind))
    out = np.dtype("float64") if kind[-2] != "f" else np.dtype(kind).newbyteorder("=")
    assert curve.dtype == out
    assert_near(curve, [plan(n) for n in numbers], out if kind != ">f2" else "float16", ulps=1 + 2**6 * (kind == ">f2"))


@pytest.mark.parametrize("plan", MIXED.values(), ids=MIXED)
def test_whole_numbers_of_any_width_are_what_they_say(plan):
    numbers = {}
    for kind in ("uint8", "int8", "int16", "uint16", "int32", "uint32"):
        largest = np.iinfo(kind).max
        # As many as are asked elsewhere: JAX compiles each operation anew for each shape.
        numbers[kind] = np.array([*range(COUNT - 2), largest - 1, largest], dtype=kind)
    compiled = jax.jit(lambda clocks: {kind: plan(clock) for kind, clock in clocks.items()})(numbers)
    for kind, clock in numbers.items():
        expected = [plan(int(n)) for n in clock]
        for curve in (plan(jnp.asarray(clock)), compiled[kind]):
            assert curve.dtype == jnp.float32
            assert_near(curve, expected)
        curve = plan(torch.tensor(clock.tolist(), dtype=getattr(torch, kind)))
        assert curve.dtype == torch.float64
        assert_near(curve, expected, "float64", ulps=8)


def test_neighbours_past_2_to_the_24_stay_apart_under_jax():
    stairs = o.step_decay(factor=0.5, every=1).shift(2**25)
    steps = np.arange(2**25, 2**25 + 8, dtype="int32")
    assert jax.jit(stairs)(steps).tolist() == [stairs(int(t)) for t in steps]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_what_is_too_large_for_a_type_is_its_largest_number(kind):
    plan = o.growth(start=1.0, factor=10.0)
    largest, steps = float(jnp.finfo(kind).max), [1.0, 200.0, 400.0]
    for curve in (
        plan(jnp.asarray(steps, dtype=kind)),
        jax.jit(plan)(jnp.asarray(steps, dtype=kind)),
        plan(torch.tensor(steps, dtype=getattr(torch, kind))),
    ):
        assert curve.tolist() == [10.0, largest, largest]
    nowhere = o.expression(text="1 / (t - t)")
    assert nowhere(jnp.asarray([1.0], dtype=kind)).tolist() == [float("inf")]


def test_an_exponential_peer_that_grows_is_exact_under_jax():
    plan = o.peers.torch.ExponentialLR(1.1, base_lr=0.1)
    assert float(jax.jit(plan)(4)) == pytest.approx(0.1331, rel=1e-7)


TRANSFORMED = {
    "restarts": PLAN.repeat(4, every=500, stretch=2, scale=0.5),
    "tanh": example(o.tanh),
    "by epoch": o.linear(steps=9).by_epoch() * PLAN,
    "listed": o.piecewise_linear(at=(0, 900, 5_000), values=(0.1, 0.2, 0.0)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("plan", TRANSFORMED.values(), ids=TRANSFORMED)
def test_jax_may_transform_a_schedule_in_any_order(plan):
    steps = jnp.asarray([0.0, 1.0, 500.0, 999.0, 1000.0, 5000.0, 12345.0])

    def rate(t, epoch=3.0):
        return plan(t, epoch)

    def scanned(ts):
        return jax.lax.scan(lambda carry, t: (carry + rate(t), rate(t)), 0.0, ts)[1]

    expected = [rate(float(t)) for t in steps]
    inner = jax.jit(rate)
    for curve in (
        inner(steps),
        jax.vmap(inner)(steps),
        scanned(steps),
        jax.vmap(lambda q: scanned(steps * q))(jnp.ones(2))[1],
        jax.jit(jax.vmap(lambda t: jax.lax.cond(t > 3, inner, rate, t)))(steps),
    ):
        assert_near(curve, expected, ulps=2)
    with jax.enable_x64(True):
        wide = jnp.asarray(steps, dtype=float)
        slopes = np.asarray(jax.vmap(jax.grad(rate))(wide))
        bends = np.asarray(jax.vmap(jax.grad(jax.grad(rate)))(wide))
        by_epoch = float(jax.grad(rate, argnums=1)(500.0, 3.0))
    for found in (
        jax.vmap(jax.grad(rate))(steps),
        jax.vmap(jax.grad(inner))(steps),
        jax.jit(jax.vmap(jax.grad(jax.checkpoint(rate))))(steps),
        jax.grad(lambda ts: scanned(ts).sum())(steps),
        jax.grad(lambda ts: jax.vmap(inner)(ts).sum())(steps),
        jax.vmap(jax.jacfwd(inner))(steps),
    ):
        assert np.allclose(found, slopes, rtol=1e-6, atol=0)
    assert np.allclose(jax.vmap(jax.hessian(inner))(steps), bends, rtol=1e-6, atol=1e-7 * abs(bends).max())
    assert float(jax.grad(inner, argnums=1)(jnp.int32(500), 3.0)) == pytest.approx(by_epoch, rel=1e-6)


def test_whole_clocks_of_jax_go_with_parameters_of_jax():
    def rate(start):
        return o.cosine(start=0.1, steps=9).apply(jnp.int32(3), 1, {"start": start})

    assert float(rate(jnp.float32(0.2))) == pytest.approx(0.15, rel=1e-6)
    assert float(jax.grad(rate)(0.2)) == pytest.approx(0.75, rel=1e-6)
