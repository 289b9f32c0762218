"""Noise that is a pure function of a seed and a step: known answers, independence of order, machine and library."""

import numpy as np
import pytest

import optimsche as o
from optimsche.random32 import threefry_2x32, uniform

# Random123's known answers for Threefry-2x32 with 20 rounds: key, counter, words.
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
# Ours, so that no later version draws other noise: seed, step, value.
GOLDEN = [
    (0, 1, -0.567409090930596),
    (0, 2, 0.9306429221760482),
    (7, 1, -0.9091748299542814),
    (7, 2**32 + 1, 0.23576189414598048),
    (2**32 - 1, 10**15, -0.12083078571595252),
]
STEPS = np.array([0, 1, 2, 3, 1_000, 2**24 + 1, 2**32 - 1, 2**32, 2**33 + 5, 10**15])
PLAN = o.constant(value=1.0).jitter(0.1, seed=7)


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN_ANSWERS)
def test_the_generator_gives_the_published_answers(key, counter, words):
    assert threefry_2x32(key, counter) == words


def test_the_generator_is_the_one_that_jax_has():
    import jax.numpy as jnp
    from jax.extend.random import threefry_2x32 as threefry_of_jax

    rng = np.random.default_rng(0)
    for key, counter in rng.integers(0, 2**32, size=(50, 2, 2), dtype=np.uint32):
        expected = threefry_of_jax(jnp.asarray(key), jnp.asarray(counter))
        assert threefry_2x32(tuple(key.tolist()), tuple(counter.tolist())) == tuple(expected.tolist())


@pytest.mark.parametrize(("seed", "step", "value"), GOLDEN)
def test_the_draws_never_change(seed, step, value):
    assert uniform(seed, float(step)) == value


def test_numpy_draws_the_same_bits():
    assert PLAN(STEPS).tolist() == [PLAN(int(t)) for t in STEPS]


def test_tensors_and_jax_draw_the_same_bits():
    import jax
    import jax.numpy as jnp
    import torch

    expected = [PLAN(int(t)) for t in STEPS]
    assert PLAN(torch.as_tensor(STEPS)).tolist() == expected
    with jax.enable_x64(True):
        assert PLAN(jnp.asarray(STEPS)).tolist() == expected
        assert jax.jit(PLAN)(jnp.asarray(STEPS)).tolist() == expected
        assert jax.vmap(PLAN)(jnp.asarray(STEPS)).tolist() == expected
    compiled = torch.compile(lambda t: PLAN(t), fullgraph=True, backend="aot_eager")
    assert compiled(torch.as_tensor(STEPS)).tolist() == expected


def test_jax_without_double_precision_draws_the_same_noise():
    import jax.numpy as jnp

    small = STEPS[:5]
    assert np.allclose(PLAN(jnp.asarray(small)), PLAN(small), rtol=1e-7, atol=0)


def test_a_step_between_whole_ones_has_the_noise_of_the_one_before():
    assert PLAN(3.999) == PLAN(3)
    assert PLAN(np.array([3.25, 4.0])).tolist() == [PLAN(3), PLAN(4)]


def test_noise_is_bounded_centred_and_even():
    noise = o.constant(value=1.0).jitter(1.0, seed=3)(np.arange(200_000)) - 1
    assert abs(noise.mean()) < 5e-3
    assert noise.std() == pytest.approx(3**-0.5, rel=5e-3)
    assert noise.min() > -1
    assert noise.max() < 1
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.01


def test_other_seeds_are_other_noise_and_none_is_none():
    assert PLAN(5) != o.constant(value=1.0).jitter(0.1, seed=8)(5)
    assert o.constant(value=0.3).jitter(0.0)(5) == 0.3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint64])
def test_every_type_of_array_draws_the_same_noise(dtype):
    steps = np.arange(100).astype(dtype)
    expected = [PLAN(t) for t in range(100)]
    assert np.allclose(PLAN(steps).astype(float), expected, rtol=0, atol=1e-3 if dtype == np.float16 else 1e-7)
    assert float(PLAN(np.array(3, dtype=dtype))) == pytest.approx(expected[3], rel=1e-3)
