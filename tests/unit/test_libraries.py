"""What a value is, and what each library does where they differ."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from optimsche import libraries, random32
from optimsche.libraries import library_of


def test_what_counts_as_a_number():
    assert [libraries.is_number(x) for x in (1, 1.0, True, "1", np.float64(1.0), np.ones(1))] == [True] * 2 + [
        False
    ] * 4
    assert [libraries.is_array(x) for x in (np.ones(1), np.array(1), np.float64(1.0), [1.0])] == [True] * 2 + [
        False
    ] * 2
    assert [libraries.is_numpy_scalar(x) for x in (np.ones(1), np.float64(1.0), 1.0)] == [False, True, False]
    assert [libraries.is_numpy_array(x) for x in (np.array(1), np.float64(1.0), torch.ones(1))] == [True, False, False]


def test_the_first_array_says_which_library():
    assert library_of(1.0, np.ones(1)) is library_of(np.ones(2), torch.ones(2))
    assert library_of(np.float64(1.0)).cos is np.cos
    assert library_of((1.0, 2.0), torch.nn.Parameter(torch.ones(1))).__class__ is library_of(torch.ones(1)).__class__
    assert library_of(jnp.ones(1)) is not library_of(np.ones(1))


@pytest.mark.parametrize("value", ["x", None, 1.0, [1.0], object()])
def test_what_has_no_arithmetic_is_refused(value):
    with pytest.raises(TypeError, match=r"no arithmetic for \w+; use a number, or a NumPy, PyTorch or JAX array"):
        library_of(value)


@pytest.mark.parametrize("array", [np.array, torch.tensor, jnp.array], ids=["numpy", "torch", "jax"])
def test_kinds_of_numbers(array):
    library = library_of(array([1]))
    kinds = {
        name: array(value) for name, value in {"whole": [1], "real": [0.5], "truth": [True], "complex": [1j]}.items()
    }
    assert {name: library.is_whole(value) for name, value in kinds.items()} == dict.fromkeys(kinds, False) | {
        "whole": True
    }
    assert [name for name, value in kinds.items() if library.is_real(value)] == ["whole", "real"]
    assert [name for name, value in kinds.items() if library.is_complex(value)] == ["complex"]
    assert library.ends(array([3, 1, 2])) == (1.0, 3.0)
    assert library.ends(array([])) is None


def test_words_are_32_bits():
    assert random32.words(3.0, 2.0**32 - 1) == (3, 2**32 - 1)
    (array,) = random32.words(np.array([3.0, 2.0**32 - 1]))
    assert (array.dtype, array.tolist()) == (np.int64, [3, 2**32 - 1])
    assert (random32.wrapped(2**32 + 5), random32.wrapped(2**32 - 1)) == (5, 2**32 - 1)
    assert random32.wrapped(np.array([2**32 + 5, 7, 2**32 - 1])).tolist() == [5, 7, 2**32 - 1]
    assert (random32.as_word(7, 3), random32.as_word(7, array).tolist()) == (7, 7)
    assert type(random32.real_like(3, 1.0)) is float
    assert random32.real_like(array, np.ones(1, dtype=np.float32)).dtype == np.float32
