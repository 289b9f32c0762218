"""An array gives what its elements give one by one: short or long, of one clock or two, in any shape."""

import numpy as np
import pytest

import optimsche as o
from optimsche import lr_fn
from optimsche.evaluation import arrays

PLAN = o.cosine(steps=900).warmup(100) * o.milestones(at=(500,), factor=0.5)
BLOCK = arrays._BLOCK


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_arrays_of_every_length(count):
    steps = np.arange(count) % 1_100
    expected = [PLAN(t) for t in steps.tolist()]
    found = PLAN(steps)
    assert (found.shape, found.dtype) == ((count,), np.float64)
    assert found.tolist() == pytest.approx(expected, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("shape", [(), (1, 1), (3, 0), (2, 3), (4, 5, 6), (20, 30)])
def test_arrays_of_every_shape_and_order(shape):
    steps = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    for given in (steps, steps.copy(order="F"), steps[..., ::-1] if shape else steps):
        assert PLAN(given).shape == shape
        assert PLAN(given).ravel().tolist() == pytest.approx([PLAN(t) for t in given.ravel().tolist()], rel=1e-14)


@pytest.mark.parametrize("count", [5, 300, BLOCK + 5])
def test_two_clocks_are_spread_over_each_other(count):
    plan = o.linear(steps=10).by_epoch() * PLAN
    steps, epochs = np.arange(count), 1 + np.arange(count) % 9
    together = [plan(t, e) for t, e in zip(steps.tolist(), epochs.tolist(), strict=True)]
    assert plan(steps, epochs).tolist() == pytest.approx(together, rel=1e-14)
    assert plan(steps, 3).tolist() == pytest.approx([plan(t, 3) for t in steps.tolist()], rel=1e-14)
    assert plan(50, epochs).tolist() == pytest.approx([plan(50, e) for e in epochs.tolist()], rel=1e-14)
    table = plan(steps[:40, None], epochs[None, :7])
    assert table.shape == (min(count, 40), len(epochs[:7]))
    assert table[-1].tolist() == pytest.approx([plan(int(steps[:40][-1]), e) for e in epochs[:7].tolist()], rel=1e-14)


def test_the_clock_that_was_given_is_left_alone():
    for count in (5, 300, BLOCK + 5):
        steps = np.arange(float(count))
        PLAN(steps)
        assert steps.tolist() == list(range(count))
        steps.flags.writeable = False
        assert PLAN(steps)[1] == PLAN(1)


@pytest.mark.parametrize("count", [5, 300, BLOCK + 5])
def test_a_formula_that_takes_numbers_alone(count):
    def on_numbers_alone(real_step, epoch):
        return 0.5 if real_step < 3 else 0.25 if epoch < 5 else 0.125

    plan = lr_fn(on_numbers_alone)() * 2.0
    assert plan(np.arange(count), 2)[:5].tolist() == [1.0, 1.0, 1.0, 0.5, 0.5]
    assert plan(np.arange(count), np.full(count, 7))[-1] == 0.25


def test_an_error_in_a_long_array_names_the_clock():
    plan = o.running_product(o.constant(1.0))
    with pytest.raises(ValueError, match="is made for up to 10,000,000 updates"):
        plan(np.array([1.0] * 300 + [2e7]))
