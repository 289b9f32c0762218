"""Stages of an update: bounds that leave it out, clips of every kind, and what a stage of one means for others."""

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn

from optimsche import (
    LossScaler,
    Member,
    NonFiniteError,
    OptimScheduler,
    clip_adaptive,
    clip_each_group,
    clip_norm,
    clip_value,
    constant,
    linear,
    skip_above,
)
from optimsche.training.gradients import Gradients
from optimsche.training.stages import coefficient
from tests.training.helpers import EncoderDecoder, loss_of, same, small_model, some_batches, train, twin, weights

PLAN = linear(start=1.0, steps=10)


def sgd(model, **arguments):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, **arguments})


def built(**options):
    model = small_model()
    return model, OptimScheduler(sgd(model), PLAN, **options)


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_above_a_bound_is_skipped_and_counted(fused, caplog):
    told = []
    model = small_model()
    optim = OptimScheduler(
        sgd(model, fused=fused, weight_decay=0.1),
        PLAN,
        stages=[skip_above(100.0)],
        grad_clip=1.0,
        max_skips=2,
        on_update=lambda numbers, update: told.append(numbers["skipped"]),
    )
    batches = some_batches(4)
    before = weights(model)
    result = optim.step(loss_of(model, batches[0]) * 1e4, step_num=1)
    assert result.skipped
    assert result.grad_norm > 100
    assert same(weights(model), before)
    assert caplog.text.count("a stage left it out") == 1
    assert optim.step(loss_of(model, batches[1]), step_num=2).updated
    optim.step(loss_of(model, batches[2]) * 1e4, step_num=3)
    with pytest.raises(NonFiniteError, match="were left out by a stage"):
        optim.step(loss_of(model, batches[3]) * 1e4, step_num=4)
    assert told == [1.0, 0.0, 1.0, 1.0]


def test_the_bound_above_which_updates_are_skipped_may_be_a_schedule():
    model, optim = built(stages=[skip_above(linear(start=1e6, end=1e-6, steps=2))])
    results = train(optim, model, some_batches(2))
    assert [result.skipped for result in results] == [False, True]


def test_one_bound_for_the_norm_of_several_optimizers():
    model = EncoderDecoder()
    (batch,) = some_batches(1)
    loss = model(batch)["decoder_loss"]
    each = [
        float(torch.nn.utils.get_total_norm(torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)))
        for part in model.children()
    ]
    between = (max(each) + math.hypot(*each)) / 2
    members = {name: Member(sgd(part), PLAN) for name, part in model.named_children()}
    results = OptimScheduler(members, stages=[skip_above(between)]).step(loss, step_num=1)
    assert [one.skipped for one in results.members.values()] == [True, True]
    assert results.grad_norm == pytest.approx(math.hypot(*each))


def test_what_one_optimizer_leaves_out_does_not_unclip_the_others():
    model = EncoderDecoder()
    members = {
        "encoder": Member(sgd(model.encoder), PLAN, stages=[skip_above(1e-9)]),
        "decoder": Member(sgd(model.decoder), constant(value=1.0)),
    }
    optim = OptimScheduler(members, grad_clip=1e-3)
    before = weights(model.decoder)
    results = optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=1)
    assert (results["encoder"].skipped, results["decoder"].updated) == (True, True)
    moved = torch.nn.utils.get_total_norm([a - b for a, b in zip(before, weights(model.decoder), strict=True)])
    assert float(moved) < 1.01e-3


def test_a_clip_may_be_a_schedule():
    bound = linear(start=1e-2, end=1e-3, steps=4)
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=1.0), grad_clip=bound)
    for step_num, batch in enumerate(some_batches(4), 1):
        before = weights(model)
        optim.step(loss_of(model, batch), step_num=step_num)
        moved = torch.nn.utils.get_total_norm([a - b for a, b in zip(before, weights(model), strict=True)])
        assert float(moved) == pytest.approx(bound(step_num), rel=1e-2)


@pytest.mark.parametrize(
    "where",
    ["all", "member", "group", "rule"],
)
def test_a_clip_may_be_a_users_own_function(where):
    def sign(gradients):
        for gradient in gradients.tensors():
            gradient.sign_()

    model = small_model()
    optimizer = sgd(model)
    if where == "rule":
        optim = OptimScheduler(optimizer, constant(value=1.0), schedules={"*": {"grad_clip": sign}}, model=model)
    elif where == "member":
        optim = OptimScheduler({"a": Member(optimizer, constant(value=1.0), grad_clip=sign)})
    else:
        optim = OptimScheduler(optimizer, constant(value=1.0), grad_clip=sign if where == "all" else None)
        optimizer.param_groups[0].update({"grad_clip": sign} if where == "group" else {})
    reference, before = twin(model), weights(model)
    (batch,) = some_batches(1)
    loss_of(reference, batch).backward()
    optim.step(loss_of(model, batch), step_num=1)
    for old, new, parameter in zip(before, weights(model), reference.parameters(), strict=True):
        torch.testing.assert_close(old - new, parameter.grad.sign())


def two_parts(**of_the_head):
    model = small_model()
    groups = [{"params": list(model[0].parameters())}, {"params": list(model[2].parameters()), **of_the_head}]
    return model, torch.optim.SGD(groups, lr=0.1)


def test_stages_see_the_gradients_of_groups_with_a_clip_of_their_own_too():
    seen = []
    for clip in ({}, {"grad_clip": 1e-3}):
        model, optimizer = two_parts(**clip)
        optim = OptimScheduler(optimizer, PLAN, stages=[lambda gradients: seen.append(float(gradients.norm))])
        train(optim, model, some_batches(1))
    assert seen[0] == pytest.approx(seen[1])


def test_a_bound_on_the_norm_is_on_that_of_all_groups():
    model, optimizer = two_parts(grad_clip=1e-3)
    optim = OptimScheduler(optimizer, PLAN, stages=[skip_above(100.0)])
    assert optim.step(loss_of(model, some_batches(1)[0]) + 1e4 * model[2].bias.sum(), step_num=1).skipped


def test_the_groups_without_a_clip_of_their_own_may_all_be_frozen():
    model, optimizer = two_parts(grad_clip=1e-3)
    model[0].requires_grad_(False)
    assert train(OptimScheduler(optimizer, PLAN, grad_clip=1.0), model, some_batches(1))[0].updated


def test_a_stage_of_a_users_own_that_makes_nan_is_a_skip():
    def breaks(gradients):
        gradients.tensors()[0].fill_(math.nan)

    model, optim = built(stages=[breaks])
    before = weights(model)
    assert train(optim, model, some_batches(1))[0].skipped
    assert same(weights(model), before)


@pytest.mark.parametrize("norm", [0.6995, 0.69999, 0.7 - 1e-9])
def test_a_norm_in_float64_just_below_the_bound_is_left_as_it_is(norm):
    weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
    OptimScheduler(torch.optim.SGD([weight]), constant(value=1.0), grad_clip=0.7).step(weight.sum() * norm, step_num=1)
    expected = min(0.7 / (norm + 1e-6), 1.0) * norm
    assert 1.0 - float(weight.detach()) == pytest.approx(expected, rel=1e-12)
    assert coefficient(norm, 0.7, float64=True) <= 1.0


def test_adaptive_clipping_of_a_gradient_that_is_tiny():
    weight = nn.Parameter(torch.zeros(4))
    optim = OptimScheduler(
        torch.optim.SGD([weight]), constant(value=1.0), grad_clip=clip_adaptive(ratio=0.01, eps=1e-3)
    )
    optim.step((weight * 5e-5).sum(), step_num=1)  # of norm 1e-4, and 1e-5 is the largest
    assert float(weight.detach().norm()) == pytest.approx(1e-5, rel=1e-4)


@pytest.mark.parametrize(("size", "scaled"), [(0.8, 0.8), (2.0, 1.0)])
def test_adaptive_clipping_makes_no_gradient_larger(size, scaled):
    weight = nn.Parameter(torch.tensor([0.6, 0.8]))
    weight.grad = torch.tensor([size, 0.0])
    clip_adaptive(ratio=1.0)(Gradients(torch.optim.SGD([weight])))
    torch.testing.assert_close(weight.grad, torch.tensor([scaled, 0.0]))


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_a_stage_leaves_out_is_no_overflow(fused):
    model = small_model()
    optim = OptimScheduler(sgd(model, fused=fused), PLAN, stages=[skip_above(100.0)], use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    assert optim.step(loss_of(model, some_batches(1)[0]) * 1e3, step_num=1).skipped
    assert optim.scaler.get_scale() == 16.0


def test_an_overflow_of_the_last_optimizer_lowers_the_shared_scale():
    model = EncoderDecoder()
    members = {name: Member(sgd(part), PLAN, optim_loss=f"{name}_loss") for name, part in model.named_children()}
    optim = OptimScheduler(members, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    losses = model(some_batches(1)[0])
    losses["decoder_loss"] = losses["decoder_loss"] * math.inf
    results = optim.step(losses, step_num=1)
    assert (results["encoder"].updated, results["decoder"].skipped) == (True, True)
    assert optim.scaler.get_scale() == 8.0


def test_the_norm_is_that_of_gradients_which_a_stage_has_put_in_place_of_others():
    def ten_times(gradients):
        for parameter in gradients.parameters():
            parameter.grad = 10 * parameter.grad

    norms, batch = [], some_batches(1)[0]
    for stages in ([], [ten_times]):
        model = small_model()
        optim = OptimScheduler(sgd(model), constant(0.1), stages=[*stages, lambda g: norms.append(g.norm)])
        optim.step(loss_of(model, batch), step_num=1)
    assert norms[1] == pytest.approx(10 * norms[0], rel=1e-5)


def test_a_group_may_leave_the_whole_update_out():
    def by_group(gradients):
        next(gradients.by_group()).skip()

    model = small_model()
    before = weights(model)
    optim = OptimScheduler(sgd(model), constant(0.1), stages=[by_group])
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=1).skipped
    assert same(before, weights(model))


@pytest.mark.parametrize(
    "stage", [clip_norm(1.0), clip_value(1.0), clip_each_group(1.0), clip_adaptive(), skip_above(1.0)]
)
def test_a_stage_stays_as_it_was_made(stage):
    for field in dataclasses.fields(stage):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(stage, field.name, 2.0)
    assert hash(stage) == hash(copy.deepcopy(stage))


@pytest.mark.parametrize("several", [False, True])
def test_a_factor_of_a_users_own_keeps_its_digits(several):
    weights = [nn.Parameter(torch.ones(3, dtype=torch.float64)) for _ in range(2)]
    third = torch.tensor(1 / 3, dtype=torch.float64)
    optimizers = [torch.optim.SGD([weight]) for weight in (weights if several else weights[:1])]
    members = {str(number): Member(optimizer, constant(value=1.0)) for number, optimizer in enumerate(optimizers)}
    optim = OptimScheduler(members, stages=[lambda gradients: gradients.multiply(third)], grad_clip=100.0)
    optim.step(sum(weight.sum() for weight in weights), step_num=1)
    assert weights[0][0].item() == 1 - 1 / 3


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0])
def test_a_factor_of_a_users_own_is_applied_whatever_it_is(factor, fused):
    weight = nn.Parameter(torch.ones(2))
    optim = OptimScheduler(
        torch.optim.SGD([weight], fused=fused), constant(value=0.5), stages=[lambda given: given.multiply(factor)]
    )
    optim.step(weight.sum(), step_num=1)
    assert weight.tolist() == [1 - 0.5 * factor] * 2
