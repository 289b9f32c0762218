"""Ways to bound gradients: each against its definition."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, clip_adaptive, clip_each_group, clip_norm, clip_value, constant
from optimsche.training.stages import coefficient
from tests.training.helpers import loss_of, small_model, some_batches, twin, weights

ONE = constant(value=1.0)


def moved(clip, *, groups=False, fused=False, **options):
    """What one SGD step at rate 1 subtracts from each weight, beside the unclipped gradients."""
    model = small_model()
    reference = twin(model)
    batch = some_batches(1)[0]
    loss_of(reference, batch).backward()
    parts = [{"params": part.parameters()} for part in (model[0], model[2])] if groups else model.parameters()
    optim = OptimScheduler(torch.optim.SGD(parts, lr=1.0, fused=fused), ONE, grad_clip=clip, **options)
    before = weights(model)
    result = optim.step(loss_of(model, batch), step_num=1)
    gradients = [parameter.grad for parameter in reference.parameters()]
    assert result.grad_norm == pytest.approx(float(torch.nn.utils.get_total_norm(gradients)), rel=1e-6)
    return [a - b for a, b in zip(before, weights(model), strict=True)], gradients, before


@pytest.mark.parametrize("fused", [False, True])
def test_by_norm(fused):
    steps, gradients, _ = moved(clip_norm(0.1), fused=fused)
    norm = float(torch.nn.utils.get_total_norm(gradients))
    assert norm > 0.1
    for step, gradient in zip(steps, gradients, strict=True):
        torch.testing.assert_close(step, gradient * 0.1 / norm, rtol=1e-4, atol=1e-6)


def test_a_number_is_by_norm():
    for one, other in zip(moved(0.1)[0], moved(clip_norm(0.1))[0], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("norm", [1e-8, 0.0999, 0.1, 0.1000001, 0.5, 3.0, 1e10])
def test_the_coefficient_is_torchs_to_the_bit(norm):
    """Rounded to float32 at each step, as torch computes it."""
    norm = float(torch.tensor(norm))
    torchs = torch.clamp(0.1 / (torch.tensor(norm) + 1e-6), max=1.0)
    assert torch.tensor(coefficient(norm, 0.1)) == torchs
    assert torch.equal(coefficient(torch.tensor(norm), 0.1), torchs)


@pytest.mark.parametrize("fused", [False, True])
def test_by_value(fused):
    steps, gradients, _ = moved(clip_value(0.02), fused=fused)
    assert any((gradient.abs() > 0.02).any() for gradient in gradients)
    for step, gradient in zip(steps, gradients, strict=True):
        torch.testing.assert_close(step, gradient.clamp(-0.02, 0.02), rtol=1e-4, atol=1e-6)


def test_each_group_by_itself():
    steps, gradients, _ = moved(clip_each_group(0.05), groups=True)
    for part in (slice(0, 2), slice(2, 4)):
        norm = float(torch.nn.utils.get_total_norm(gradients[part]))
        factor = min(0.05 / norm, 1.0)
        for step, gradient in zip(steps[part], gradients[part], strict=True):
            torch.testing.assert_close(step, gradient * factor, rtol=1e-4, atol=1e-6)


def test_adaptively_by_the_size_of_the_weights():
    """Written out unit by unit, from the paper."""
    steps, gradients, before = moved(clip_adaptive(ratio=0.05, eps=1e-3))
    some = False
    for step, gradient, weight in zip(steps, gradients, before, strict=True):
        for unit in range(len(weight)) if weight.dim() > 1 else [slice(None)]:
            largest = 0.05 * max(float(weight[unit].norm()), 1e-3)
            factor = min(largest / float(gradient[unit].norm()), 1.0)
            some |= factor < 1
            torch.testing.assert_close(step[unit], gradient[unit] * factor, rtol=1e-4, atol=1e-6)
    assert some


def test_adaptively_by_the_filter_of_a_convolution():
    model = nn.Conv2d(2, 3, 3)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=1.0), ONE, grad_clip=clip_adaptive(0.01))
    before = model.weight.detach().clone()
    optim.step(100 * model(torch.ones(1, 2, 3, 3)).sum(), step_num=1)
    for old, new in zip(before, model.weight.detach(), strict=True):
        assert float((old - new).norm()) == pytest.approx(0.01 * float(old.norm()), rel=1e-3)


@pytest.mark.parametrize("clip", [clip_value(0.02), clip_each_group(0.05), clip_adaptive(0.05), 0.05])
def test_the_true_gradient_is_clipped_and_not_a_scaled_sum(clip):
    """Window and loss scale are divided out first."""
    batch = some_batches(1)[0]
    found = []
    for accum_grad, use_amp in ((1, False), (4, False), (4, "fp16")):
        model = small_model()
        optim = OptimScheduler(
            torch.optim.SGD(model.parameters(), lr=1.0), ONE, grad_clip=clip, accum_grad=accum_grad, use_amp=use_amp
        )
        for step_num in range(1, accum_grad + 1):
            optim.step(loss_of(model, batch), step_num=step_num)
        found.append(weights(model))
    for one, other in zip(found[0] * 2, found[1] + found[2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_changing_the_clip_in_mid_run():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=1.0), ONE)
    assert optim.grad_clip is None
    optim.grad_clip = 1e-3
    before = weights(model)
    optim.step(loss_of(model, some_batches(1)[0]), step_num=1)
    step = torch.cat([(a - b).flatten() for a, b in zip(before, weights(model), strict=True)])
    assert float(step.norm()) == pytest.approx(1e-3, rel=1e-2)
    with pytest.raises(ValueError, match="grad_clip must be > 0"):
        optim.grad_clip = -1
    assert optim.grad_clip == 1e-3


@pytest.mark.parametrize("kind", [clip_norm, clip_value, clip_each_group, clip_adaptive])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "1", True])
def test_bounds_are_checked(kind, value):
    with pytest.raises(
        (TypeError, ValueError), match=rf"{kind.__name__}\(\w+=.*must be .*\(a bound of gradients\), got"
    ):
        kind(value)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_bounds_may_be_numpys(number):
    for kind in (clip_norm, clip_value, clip_each_group, clip_adaptive):
        assert kind(number) == kind(number.item())
        assert repr(kind(number)) == repr(kind(number.item()))


@pytest.mark.parametrize("norm_type", [1.0, 2.0])
@pytest.mark.parametrize("gradient", [[1.0, 2.0, 3.3], [1e39, 0.0, 1.0], [1e-9, 0.0, 0.0]])
@pytest.mark.parametrize("fused", [False, True])
def test_float64_is_clipped_in_float64(fused, gradient, norm_type):
    """As torch clips it, to the last bit, also where float32 has no such number."""
    gradient = torch.tensor(gradient, dtype=torch.float64)
    ours, theirs = (nn.Parameter(torch.ones(3, dtype=torch.float64)) for _ in range(2))
    optimizer = torch.optim.SGD([ours], lr=1.0, fused=fused)
    OptimScheduler(optimizer, ONE, grad_clip=0.7, grad_norm_type=norm_type).step((ours * gradient).sum(), step_num=1)
    theirs.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_([theirs], 0.7, norm_type)
    torch.optim.SGD([theirs], lr=1.0, fused=fused).step()
    assert torch.equal(ours, theirs)


def test_by_value_of_a_sparse_row_that_is_named_twice():
    model = nn.Embedding(3, 1, sparse=True)
    before = model.weight.detach().clone()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), ONE, grad_clip=clip_value(0.5))
    optim.step((0.4 * model(torch.tensor([0, 0, 1]))).sum(), step_num=1)
    torch.testing.assert_close((before - model.weight.detach()).flatten(), torch.tensor([0.5, 0.4, 0.0]))


def test_by_value_needs_real_gradients():
    weight = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    optim = OptimScheduler(torch.optim.SGD([weight]), ONE, grad_clip=clip_value(0.5))
    with pytest.raises(ValueError, match="clip_value needs real gradients; give complex parameters a clip_norm"):
        optim.step(weight.abs().square().sum(), step_num=1)


def test_adaptive_clipping_needs_dense_gradients():
    model = nn.Embedding(5, 3, sparse=True)
    optim = OptimScheduler(torch.optim.SparseAdam(model.parameters()), ONE, grad_clip=clip_adaptive())
    with pytest.raises(ValueError, match="needs dense gradients"):
        optim.step(model(torch.tensor([1, 2])).sum(), step_num=1)


def test_what_was_set_is_read_back_and_set_again():
    class mine(clip_norm):  # a clip of one's own that has a bound as well
        pass

    for given in (5, 0.5, constant(value=0.5), clip_value(0.5), mine(1.0), None):
        optim = OptimScheduler(torch.optim.SGD(small_model().parameters()), constant(value=0.1), grad_clip=given)
        assert optim.grad_clip == given
        assert type(optim.grad_clip) is type(given)
        assert (f"grad_clip={given!r}" in repr(optim)) is (given is not None)
    optim.grad_clip = clip_norm(2.0)
    assert optim.grad_clip == 2.0


@pytest.mark.parametrize("fused", [False, True])
def test_a_clip_of_an_infinite_gradient_is_applied_where_nothing_is_skipped(fused):
    weight = nn.Parameter(torch.ones(2))
    optim = OptimScheduler(
        torch.optim.SGD([weight], fused=fused), constant(value=0.1), grad_clip=1.0, skip_non_finite=False
    )
    assert optim.step((weight * math.inf).sum(), step_num=1).updated
    assert weight.isnan().all()  # inf * 0, as torch's clip_grad_norm_ has it
