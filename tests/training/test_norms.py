"""The norm of the gradients: right in every dtype, for every size, and torch's where torch's is right."""

import math

import pytest
import torch
from torch.nn.utils import get_total_norm

from optimsche.training.norms import total_norm


def exact(tensors):
    return math.sqrt(sum(float(part.double().pow(2).sum()) for t in tensors for part in t.reshape(-1).split(1 << 20)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("draw", [torch.randn, torch.rand])
def test_accurate_on_one_large_tensor(dtype, draw):
    """At 1e7 torch's own is off by 4e-4; the blocks are the same size at 1e8 and beyond."""
    torch.manual_seed(0)
    tensor = draw(10_000_003).to(dtype)
    assert float(total_norm([tensor])) == pytest.approx(exact([tensor]), rel=2e-6)
    if dtype is torch.float32:
        assert abs(float(get_total_norm([tensor])) / exact([tensor]) - 1) > 1e-5


def test_accurate_on_1e8_numbers():
    tensor = torch.rand(100_000_000)
    assert float(total_norm([tensor])) == pytest.approx(exact([tensor]), rel=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_accurate_on_many_of_many_sizes(dtype):
    torch.manual_seed(0)
    tensors = [torch.randn(size).to(dtype) for size in (1, 7, 1 << 15, (1 << 15) + 1, 1 << 19, (1 << 19) + 1)]
    assert float(total_norm(tensors)) == pytest.approx(exact(tensors), rel=2e-6)


def test_mixed_dtypes_and_layouts():
    torch.manual_seed(0)
    tensors = [
        torch.randn(300, 400).t(),
        torch.randn(40_000, dtype=torch.float64),
        torch.randn(100).half(),
        torch.randn(2, 3, 200, 300).to(memory_format=torch.channels_last),
    ]
    assert float(total_norm(tensors)) == pytest.approx(exact(tensors), rel=2e-6)


def test_small_ones_are_torchs_to_the_bit():
    torch.manual_seed(0)
    tensors = [torch.randn(30, 40), torch.randn(30)]
    assert torch.equal(total_norm(tensors), get_total_norm(tensors))


@pytest.mark.parametrize("p", [1.0, 3.0, math.inf])
def test_other_norms_are_torchs(p):
    torch.manual_seed(0)
    tensors = [torch.randn(300, 400), torch.randn(30)]
    assert torch.equal(total_norm(tensors, p), get_total_norm(tensors, p))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("place", [0, 400_000, -1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_one_bad_number_anywhere_shows(value, place, dtype):
    tensor = torch.zeros(600_000, dtype=dtype)
    tensor[place] = value
    assert not math.isfinite(float(total_norm([torch.ones(3, dtype=dtype), tensor])))


def test_a_norm_that_overflows_is_infinite():
    assert float(total_norm([torch.full((100_000,), 1e30)])) == math.inf


def test_a_sparse_gradient_that_names_a_row_twice():
    twice = torch.sparse_coo_tensor([[1, 1]], [3.0, 1.0], (4,), check_invariants=True)
    assert float(total_norm([twice, torch.tensor([3.0])])) == 5.0


def test_complex_gradients_of_any_size():
    for size in (7, 40_000):
        gradient = torch.randn(size, dtype=torch.complex64)
        norm = total_norm([gradient, torch.ones(3)])
        expected = torch.sqrt(gradient.abs().double().square().sum() + 3)
        assert norm.dtype == torch.float32
        assert float(norm) == pytest.approx(float(expected), rel=2e-6)
        assert float(total_norm([gradient.conj()])) == pytest.approx(float(expected.square() - 3) ** 0.5, rel=2e-6)
