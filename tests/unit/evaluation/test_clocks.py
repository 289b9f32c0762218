"""The door for clocks: what comes in, as what, and in which type the values leave."""

import math
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import optimsche as o
from optimsche.evaluation import clocks
from optimsche.evaluation.clocks import NO_EPOCH

INF = math.inf

# ---------------------------------------------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 7.5, 1e300, 2**53 + 1, np.float32(1.5), np.int64(3), np.uint8(255)])
@pytest.mark.parametrize("name", ["real_step", "epoch"])
def test_a_clock_is_a_float(name, value):
    found = clocks.enter(value, name)
    assert (found, type(found)) == (float(value), float)


def test_updates_begin_with_0_and_epochs_with_1():
    assert [clocks.enter(t, "real_step") for t in (0, 0.5)] == [0.0, 0.5]
    for epoch in (0, 0.5, -1, np.nextafter(1.0, 0.0)):
        with pytest.raises(ValueError, match=r"epoch must be a number from 1 to 1e300, got .* pass epoch \+ 1"):
            clocks.enter(epoch, "epoch")


@pytest.mark.parametrize("value", [-1, -1e-300, 1.1e300, INF, math.nan, 10**400, np.float64(-1.0)])
def test_a_clock_out_of_range_is_refused(value):
    with pytest.raises(
        ValueError, match=r"real_step must be a number from 0 to 1e300, got .*Updates count from 1; 0 is"
    ):
        clocks.enter(value, "real_step")


@pytest.mark.parametrize("value", [True, np.bool_(True), "3", 1j, [1, 2], (1, 2)])
def test_what_is_no_clock_is_refused(value):
    with pytest.raises(TypeError, match=r"real_step must be a number, or .*\. For many steps at once pass an array"):
        clocks.enter(value, "real_step")


def test_no_clock_at_all_is_answered():
    with pytest.raises(TypeError, match=r"a schedule is called with the number of an update, from 1: plan\(n\)"):
        clocks.enter(None, "real_step")


# ---------------------------------------------------------------------------------------------------------------------
# Arrays
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i8", "u8", ">f4", ">f8", ">i4", ">u2"])
def test_an_array_enters_as_a_copy_in_the_widest_type(dtype):
    given = np.array([1, 100], dtype=dtype)
    found = clocks.enter(given, "epoch")
    assert (found.dtype, found.dtype.isnative, found.tolist()) == (np.float64, True, [1.0, 100.0])
    found[0] = 7.0
    assert given.tolist() == [1, 100]


def test_tensors_enter_in_the_widest_type():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.uint8, torch.int64):
        assert clocks.enter(torch.tensor([1, 100], dtype=dtype), "real_step").dtype == torch.float64
    # JAX has no float64 by default: whole numbers stay what they are until they are computed with.
    assert clocks.enter(jnp.array([1, 2], dtype=jnp.int8), "real_step").dtype == jnp.int8
    assert clocks.enter(jnp.array([1, 2], dtype=jnp.float16), "real_step").dtype == jnp.float32
    with jax.enable_x64(True):
        assert clocks.enter(jnp.array([1, 2], dtype=jnp.float32), "real_step").dtype == jnp.float64


def test_arrays_of_what_is_no_number_are_refused():
    for bad in (np.array([True]), np.array([1j]), np.array([1], dtype="m8[D]"), torch.tensor([True]), jnp.array([1j])):
        with pytest.raises(TypeError, match="epoch must hold whole or real numbers, got an array of"):
            clocks.enter(bad, "epoch")


@pytest.mark.parametrize("library", [np.array, torch.tensor, jnp.array], ids=["numpy", "torch", "jax"])
def test_arrays_are_held_to_the_range(library):
    assert clocks.enter(library([]), "epoch").shape == (0,)
    for bad in ([1.0, -1.0], [1.0, INF], [math.nan, 1.0], [-1.0], [1.0, 0.5]):
        with pytest.raises(ValueError, match="epoch must hold numbers from 1 to 1e300, got values from"):
            clocks.enter(library(bad), "epoch")
    with pytest.raises(ValueError, match=r"real_step must hold numbers from 0 to 1e300, got values from -1\.0 to 2\.0"):
        clocks.enter(library([2.0, -1.0]), "real_step")


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(TypeError, match=r"real_step must be an array without a mask; evaluate real_step\.filled"):
        o.linear(steps=9)(masked)
    with pytest.raises(TypeError, match="epoch must be an array without a mask"):
        o.linear(steps=9)(1, masked)


def test_subclasses_of_arrays_are_plain_arrays_inside():
    class Mine(np.ndarray):
        def __mul__(self, other):
            raise AssertionError("its own arithmetic")

    steps = np.arange(3.0).view(Mine)
    for plan in (o.linear(steps=9), o.expression("1 if t < 1 else 2"), o.cosine(steps=5).warmup(1) * 2.0):
        assert plan(steps).tolist() == plan(np.arange(3)).tolist()


# ---------------------------------------------------------------------------------------------------------------------
# What leaves
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize(
    ("dtype", "out"),
    [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4"), (">f8", "f8"), ("u1", "f8"), ("u8", "f8"), (">i2", "f8")],
)
def test_values_leave_in_the_type_of_the_clock(dtype, out, count):
    plan = o.linear(start=1.0, steps=200).warmup(50)
    steps = (np.arange(count) % 100).astype(dtype)
    found = plan(steps)
    assert (found.dtype, found.dtype.isnative) == (np.dtype(out), True)
    assert found.tolist() == plan(steps.astype(float)).astype(out).tolist()


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_unsigned_steps_are_not_subtracted_below_0(dtype):
    plan = o.linear(start=1.0, steps=10).shift(5)
    expected = [plan(t) for t in (0, 3, 9)]
    assert plan(np.array([0, 3, 9], dtype=dtype)).tolist() == expected
    assert plan(np.array([0, 3, 9] * 100, dtype=dtype))[:3].tolist() == expected


def test_values_leave_in_the_wider_type_of_two_clocks():
    plan = o.linear(start=1.0, steps=10).by_epoch()
    narrow, wide = np.array([1, 2], dtype="f4"), np.array([1.0, 2.0])
    assert [plan(a, b).dtype.name for a, b in ((narrow, narrow), (narrow, wide), (wide, narrow), (3, narrow))] == [
        "float32",
        "float64",
        "float64",
        "float32",
    ]
    assert plan(torch.tensor([1.0]), torch.tensor([2.0], dtype=torch.float64)).dtype == torch.float64


def test_float32_clocks_are_as_exact_as_the_number():
    """Neighbouring updates merge in float32 after 2**24; what the clock says is what counts."""
    plan = o.milestones(at=(2**24,), factor=0.5)
    assert plan(np.array([2**24, 2**24 + 2], dtype="f4")).tolist() == [1.0, 0.5]
    assert plan(torch.tensor([2.0**24, 2.0**24 + 2])).tolist() == [1.0, 0.5]


def test_spread_gives_a_value_the_shape_of_its_clocks():
    steps = np.zeros(3)
    assert clocks.spread(0.5, 1.0, 1.0) == 0.5
    assert type(clocks.spread(2, 1.0, 1.0)) is float
    assert clocks.spread(0.5, steps, 1.0).tolist() == clocks.spread(0.5, 1.0, steps).tolist() == [0.5] * 3
    assert clocks.spread(0.5, np.zeros((2, 1)), np.zeros(3)).shape == (2, 3)
    value = np.ones(3)
    assert clocks.spread(value, steps, NO_EPOCH) is value


# ---------------------------------------------------------------------------------------------------------------------
# No epoch
# ---------------------------------------------------------------------------------------------------------------------


def test_a_users_formula_may_hand_on_that_there_is_no_epoch():
    plan, counting = o.linear(steps=10), o.linear(steps=10).by_epoch()

    @o.lr_fn
    def of_another(real_step, epoch):
        return plan(real_step, epoch)

    @o.lr_fn
    def of_one_that_counts(real_step, epoch):
        return counting(real_step, epoch)

    for steps in (5, np.array([5.0]), torch.tensor([5.0])):
        assert of_another()(steps) == 0.5
        assert of_one_that_counts()(steps, 6) == 0.5
        with pytest.raises(ValueError, match="this schedule counts epochs, and was called without one"):
            of_one_that_counts()(steps)


def test_no_epoch_refuses_to_be_one():
    assert clocks.enter_epoch(None, needed=False) is NO_EPOCH
    assert clocks.enter_epoch(2, needed=False) == clocks.enter_epoch(2, needed=True) == 2.0
    with pytest.raises(ValueError, match="this schedule counts epochs, and was called without one"):
        clocks.enter_epoch(None, needed=True)


@pytest.mark.parametrize(
    "use",
    [
        lambda e: e + 1,
        lambda e: 1 - e,
        lambda e: np.float64(1.0) * e,
        lambda e: np.ones(3) * e,
        lambda e: torch.ones(3) + e,
        lambda e: jnp.ones(3) + e,
        lambda e: e > 1,
        lambda e: e == 1,
        lambda e: e <= 1.0,
        float,
        int,
        bool,
        math.cos,
        math.floor,
        round,
        abs,
        operator.neg,
        np.asarray,
        np.cos,
        lambda e: max(1.0, e),
        lambda e: [1.0, 2.0][e],
        lambda e: o.ops.maximum(1.0, e),
        lambda e: o.ops.maximum(np.ones(3), e),
        lambda e: o.ops.maximum(torch.ones(3), e),
        lambda e: o.ops.where(np.ones(3) > 0, e, 1.0),
        lambda e: o.ops.where(torch.ones(3) > 0, e, 1.0),
        lambda e: o.ops.cos(e),
        lambda e: o.ops.floor(e),
    ],
)
def test_whatever_uses_no_epoch_is_refused(use):
    with pytest.raises(ValueError, match="this schedule counts epochs, and was called without one"):
        use(NO_EPOCH)
