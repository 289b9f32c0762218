"""Weighted windows: an update has the gradient of the mean over all tokens, however they are spread."""

import itertools

import pytest
import torch
from torch import nn

from optimsche import Member, OptimScheduler, constant
from tests.training.helpers import EncoderDecoder, loss_of, same, small_model, some_batches, twin, weights

PLAN = constant(value=0.1)
TOKENS = torch.randn(24, 4, generator=torch.Generator().manual_seed(3))
TARGETS = torch.randn(24, 3, generator=torch.Generator().manual_seed(4))


def mean_loss(model, part):
    return nn.functional.mse_loss(model(TOKENS[part]), TARGETS[part])


def spread(sizes):
    """Slices of these sizes, one after the other."""
    ends = list(itertools.accumulate(sizes, initial=0))
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def one_update(sizes, *, as_weight=float, use_amp=False, kind=torch.optim.SGD, **options):
    model = small_model()
    arguments = {"lr": 0.1, **options}
    optim = OptimScheduler(kind(model.parameters(), **arguments), PLAN, accum_grad=len(sizes), use_amp=use_amp)
    for step_num, part in enumerate(spread(sizes), 1):
        with optim.micro_batch(step_num):
            loss = mean_loss(model, part)
        result = optim.step(loss, step_num=step_num, weight=as_weight(part.stop - part.start))
    return model, result


@pytest.mark.parametrize("sizes", [(24,), (12, 12), (1, 23), (23, 1), (6, 7, 11), (1, 2, 3, 18)])
@pytest.mark.parametrize("as_weight", [int, float, torch.tensor, lambda n: torch.tensor([float(n)])])
def test_the_mean_over_all_tokens(sizes, as_weight):
    model, result = one_update(sizes, as_weight=as_weight)
    whole = small_model()
    mean_loss(whole, slice(0, 24)).backward()
    gradients = [parameter.grad for parameter in whole.parameters()]
    assert result.grad_norm == pytest.approx(float(torch.nn.utils.get_total_norm(gradients)), rel=1e-5)
    for parameter, mine, gradient in zip(whole.parameters(), weights(model), gradients, strict=True):
        torch.testing.assert_close(mine, parameter.detach() - 0.1 * gradient, rtol=1e-5, atol=1e-7)
    assert float(result.weight) == pytest.approx(24)
    assert result.micro_batches == len(sizes)


def test_a_micro_batch_without_a_token_is_left_out():
    """Its loss is nan, and counts for nothing."""
    model, result = one_update((5, 0, 19))
    expected, _ = one_update((24,))
    assert result.updated
    for mine, other in zip(weights(model), weights(expected), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_without_weights_it_is_the_mean_of_the_means():
    """The mistake that weights put right: one token of the small micro-batch counts as much as 23 of the other."""
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=2)
    for step_num, part in enumerate(spread((1, 23)), 1):
        result = optim.step(mean_loss(model, part), step_num=step_num)
    _, weighted = one_update((1, 23))
    assert result.grad_norm != pytest.approx(weighted.grad_norm, rel=1e-2)
    assert result.weight == 2


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("options", [{}, {"fused": True}])
@pytest.mark.parametrize("use_amp", [False, "bf16", "fp16"])
def test_every_way_to_step_and_to_scale(kind, options, use_amp):
    model, result = one_update((6, 18), kind=kind, use_amp=use_amp, **options)
    reference, expected = one_update((24,), kind=kind)
    assert result.grad_norm == pytest.approx(expected.grad_norm, rel=3e-2 if use_amp else 1e-5)
    if kind is torch.optim.SGD:
        for mine, other in zip(weights(model), weights(reference), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-2, atol=1e-3 if use_amp else 1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_only_ratios_of_weights_matter(scale):
    """They count relative to the first, whatever their unit."""
    one, _ = one_update((6, 18))
    other, _ = one_update((6, 18), as_weight=lambda n: n * scale)
    for first, second in zip(weights(one), weights(other), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-8)


def test_gradients_in_half_precision_stay_in_range():
    """With plain token counts, 4 micro-batches of 30,000 tokens would overflow float16."""
    model = small_model().half()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=4)
    for step_num in range(1, 5):
        x = torch.ones(5, 4).half()
        result = optim.step((model(x) * 8).square().mean(), step_num=step_num, weight=30_000)
    assert result.updated


def test_a_window_whose_weights_are_all_zero_updates_nothing(caplog):
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=2)
    before = weights(model)
    for step_num in (1, 2):
        result = optim.step(mean_loss(model, slice(0, 0)), step_num=step_num, weight=0)
    assert result.skipped
    assert same(weights(model), before)
    assert "weigh 0" in caplog.text


def test_the_first_micro_batch_may_weigh_nothing():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=2)
    optim.step(mean_loss(model, slice(0, 0)), step_num=1, weight=0)
    result = optim.step(mean_loss(model, slice(0, 24)), step_num=2, weight=24)
    _, expected = one_update((24,))
    assert result.grad_norm == pytest.approx(expected.grad_norm, rel=1e-6)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (-1, ValueError, r"weight=-1: weight must be >= 0 and finite \(what the loss is a mean over, such as tokens\)"),
        (float("nan"), ValueError, "weight must be >= 0 and finite"),
        (float("inf"), ValueError, "weight must be >= 0 and finite"),
        (True, TypeError, "weight must be a number .*got bool"),
        ("7", TypeError, "weight must be a number .*got str"),
        (torch.ones(2), ValueError, r"weight must be a tensor of one real number, got shape \(2,\)"),
    ],
)
def test_a_bad_weight_changes_nothing(weight, error, message):
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN)
    with pytest.raises(error, match=message):
        optim.step(mean_loss(model, slice(0, 5)), step_num=1, weight=weight)
    assert optim.step(mean_loss(model, slice(0, 5)), step_num=1, weight=5).updated


@pytest.mark.parametrize("first", [None, 3])
def test_weights_for_all_or_for_none(first):
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=2)
    optim.step(mean_loss(model, slice(0, 5)), step_num=1, weight=first)
    with pytest.raises(ValueError, match="Give every micro-batch its weight, or none"):
        optim.step(mean_loss(model, slice(0, 5)), step_num=2, weight=3 if first is None else None)
    assert optim.step(mean_loss(model, slice(0, 5)), step_num=2, weight=first).updated


def test_several_optimizers_share_the_weights():
    together, alone = EncoderDecoder(), EncoderDecoder()
    members = {
        name: Member(torch.optim.SGD(part.parameters(), lr=0.1), PLAN) for name, part in together.named_children()
    }
    several = OptimScheduler(members, model=together, accum_grad=2)
    optim = OptimScheduler(torch.optim.SGD(alone.parameters(), lr=0.1), PLAN, model=alone, accum_grad=2)
    reference = twin(together)
    for step_num, (batch, weight) in enumerate(zip(some_batches(2), (1, 3), strict=True), 1):
        several.step(together(batch)["decoder_loss"], step_num=step_num, weight=weight)
        optim.step(alone(batch)["decoder_loss"], step_num=step_num, weight=weight)
    assert same(weights(together), weights(alone))
    assert not same(weights(together), weights(reference))


@pytest.mark.parametrize("zero", [0, 0.0, torch.tensor(0.0), torch.tensor(0)])
def test_a_mean_over_nothing_is_left_out_however_its_weight_is_given(zero):
    model, expected = small_model(), small_model()
    batches = some_batches(2)
    for each, pair in ((model, (3, zero)), (expected, (3, 0.0))):
        optim = OptimScheduler(torch.optim.SGD(each.parameters(), lr=0.1), PLAN, accum_grad=2)
        optim.step(loss_of(each, batches[0]), step_num=1, weight=pair[0])
        result = optim.step(loss_of(each, batches[1]) * torch.nan, step_num=2, weight=pair[1])
        assert result.updated
    for mine, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("zero", [0, torch.tensor(0.0)])
def test_a_window_that_weighs_nothing_is_no_overflow(zero, caplog):
    model = small_model()
    (batch,) = some_batches(1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, use_amp="fp16")
    scale = optim.scaler.get_scale()
    result = optim.step(loss_of(model, batch), step_num=1, weight=zero)
    assert result.closed
    assert not result.updated
    assert optim.scaler.get_scale() == scale
    assert "weigh 0: nothing is updated" in caplog.text


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_a_wrong_weight_in_a_tensor_is_refused_where_reading_it_is_free(wrong):
    model = small_model()
    (batch,) = some_batches(1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN)
    with pytest.raises(ValueError, match="weight must be >= 0 and finite"):
        optim.step(loss_of(model, batch), step_num=1, weight=torch.tensor(wrong))
