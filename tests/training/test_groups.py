"""Parameter groups: each keeps a rate of its own, or the call is refused."""

import pytest
import torch

from optimsche import OptimScheduler, clip_norm, constant, linear
from tests.training.helpers import loss_of, same, small_model, some_batches, train, weights


def rates_of(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def two_groups(first, second, **defaults):
    model = small_model()
    groups = [{"params": model[0].parameters(), **first}, {"params": model[2].parameters(), **second}]
    return model, torch.optim.SGD(groups, **defaults)


def test_a_default_tensor_rate_becomes_each_groups_own():
    rate = torch.tensor(0.1)
    model, optimizer = two_groups({"lr_scale": 0.1}, {}, lr=rate)
    optim = OptimScheduler(optimizer, linear(start=1.0, steps=10))
    tensors = [group["lr"] for group in optimizer.param_groups]
    train(optim, model, some_batches(2))
    assert rates_of(optimizer) == pytest.approx([0.08, 0.8])
    assert [group["lr"] for group in optimizer.param_groups] == tensors
    assert tensors[0] is rate  # the one that a compiled step may read already
    assert tensors[1] is not rate


@pytest.mark.parametrize("rates", ["absolute", "relative"])
def test_a_group_that_is_added_later_has_the_default_that_was_given(rates):
    model = small_model()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=torch.tensor(0.5))
    optim = OptimScheduler(optimizer, linear(steps=10), rates=rates)
    train(optim, model, some_batches(3))
    optimizer.add_param_group({"params": model[2].parameters()})
    train(optim, model, some_batches(4), start=4)
    own = 0.5 if rates == "relative" else 1.0
    assert rates_of(optimizer) == pytest.approx([0.6 * own] * 2)
    assert optimizer.param_groups[0]["lr"] is not optimizer.param_groups[1]["lr"]


def test_rates_of_their_own_are_seen_beside_a_group_with_a_factor():
    model = small_model()
    first, second, *others = model.parameters()
    groups = [{"params": [first], "lr": 1e-5}, {"params": [second], "lr": 1e-3}, {"params": others, "lr_scale": 0.1}]
    with pytest.raises(ValueError, match=r"rates of their own \(1e-05, 0.001\)"):
        OptimScheduler(torch.optim.SGD(groups, lr=0.1), constant(value=0.1))


def test_a_factor_beside_one_rate_is_no_conflict():
    _, optimizer = two_groups({"lr_scale": 0.5, "lr": 7.0}, {}, lr=0.1)
    OptimScheduler(optimizer, constant(value=1.0))
    assert rates_of(optimizer) == [0.5, 1.0]


@pytest.mark.parametrize("rates", ["absolute", "relative"])
def test_a_rate_of_its_own_that_is_added_in_mid_run_goes_on_in_proportion(rates, caplog):
    """It is one of now: a tenth of the others' goes on as a tenth of theirs."""
    model = small_model()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.5)
    optim = OptimScheduler(optimizer, linear(start=1.0, steps=10), rates=rates)
    train(optim, model, some_batches(2))
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 0.1 * optim.get_lr()})
    for step_num in (3, 4):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=step_num)
        first, second = rates_of(optimizer)
        assert second == pytest.approx(0.1 * first)
    assert caplog.text.count("it goes on with 0.1 of the schedule") == (rates == "absolute")


@pytest.mark.parametrize("rates", ["absolute", "relative"])
def test_nothing_is_in_proportion_to_a_rate_of_0(rates):
    model = small_model()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.5)
    optim = OptimScheduler(optimizer, constant(value=0.0, steps=2) >> constant(value=1.0), rates=rates)
    train(optim, model, some_batches(1))
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 1e-5})
    with pytest.raises(ValueError, match=r"while the schedule is at 0(.|\n)*'(lr_scale|initial_lr)'"):
        train(optim, model, some_batches(2), start=2)
    optimizer.param_groups[1].update({"lr_scale": 0.5, "initial_lr": 0.25})
    train(optim, model, some_batches(3), start=2)
    assert rates_of(optimizer) == ([1.0, 0.5] if rates == "absolute" else [0.5, 0.125])


def test_relative_reads_a_groups_own_rate_once():
    """It may be a tensor on the device, where reading waits."""
    model = small_model()
    reads = []

    class Rate(torch.Tensor):
        def __float__(self):
            reads.append(None)
            return 0.1

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1).as_subclass(Rate)
    optim = OptimScheduler(optimizer, linear(steps=10), rates="relative", accum_grad=4)
    reads.clear()
    train(optim, model, some_batches(3))
    assert not reads


def test_absolute_does_not_look_at_what_another_scheduler_left():
    model = small_model()
    optimizer = torch.optim.SGD([{"params": model.parameters(), "initial_lr": 0.5}], lr=0.5)
    assert OptimScheduler(optimizer, constant(value=0.1)).get_lr() == 0.1


@pytest.mark.parametrize("clip", [1e-3, clip_norm(1e-3)])
def test_a_clip_of_a_group_is_read_before_every_update(clip):
    model, optimizer = two_groups({}, {}, lr=1.0)
    optim = OptimScheduler(optimizer, constant(value=1.0), accum_grad=2)

    def moved(step_num):
        before = weights(model[0])
        optim.step(loss_of(model, some_batches(1)[0]), step_num=step_num)
        return float(torch.cat([(a - b).flatten() for a, b in zip(before, weights(model[0]), strict=True)]).norm())

    moved(1)
    optimizer.param_groups[0]["grad_clip"] = clip  # within a window
    assert moved(2) == pytest.approx(1e-3, rel=1e-2)
    optimizer.param_groups[0]["grad_clip"] = None
    moved(3)
    assert moved(4) > 2e-3
    optimizer.param_groups[0]["grad_clip"] = "x"
    moved(5)
    before = weights(model)
    with pytest.raises(TypeError, match=r"parameter group 0\(grad_clip='x'\): grad_clip must be a number"):
        moved(6)
    assert same(before, weights(model))
    optimizer.param_groups[0]["grad_clip"] = clip
    assert moved(6) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("scale", "error", "message"),
    [
        ("x", TypeError, r"parameter group 1\(lr_scale='x'\): lr_scale must be a number"),
        (None, TypeError, "lr_scale must be a number"),
        (True, TypeError, "lr_scale must be a number"),
        (-1.0, ValueError, "lr_scale must be >= 0 and finite"),
        (float("nan"), ValueError, "lr_scale must be finite"),
    ],
)
def test_factors_that_are_none(scale, error, message):
    _, optimizer = two_groups({}, {"lr_scale": scale}, lr=0.1)
    with pytest.raises(error, match=message):
        OptimScheduler(optimizer, constant(value=1.0))
    assert rates_of(optimizer) == [0.1, 0.1]


@pytest.mark.parametrize("factor", [2, torch.tensor(2.0)])
def test_factors_that_are_numbers(factor):
    _, optimizer = two_groups({}, {"lr_scale": factor}, lr=0.1)
    OptimScheduler(optimizer, constant(value=1.0))
    assert rates_of(optimizer) == [1.0, 2.0]


@pytest.mark.parametrize("in_place", [False, True])
def test_parameters_in_the_place_of_others_leave_no_gradient_behind(in_place):
    """As many as before, so that only looking at each tells: of a head that is replaced, say."""
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, constant(value=0.1), model=model, accum_grad=2)
    train(optim, model, some_batches(2))
    model[2] = torch.nn.Linear(8, 3)
    params = optimizer.param_groups[0]["params"]
    if in_place:
        params[:] = model.parameters()
    else:
        optimizer.param_groups[0]["params"] = list(model.parameters())
    for update in (2, 3, 4):
        before = weights(model)
        gradients = [torch.zeros_like(weight) for weight in before]
        for step_num in (2 * update - 1, 2 * update):
            loss = loss_of(model, some_batches(8)[step_num - 1])
            for gradient, new in zip(gradients, torch.autograd.grad(loss, list(model.parameters())), strict=True):
                gradient += new / 2
            optim.step(loss_of(model, some_batches(8)[step_num - 1]), step_num=step_num)
        for old, new, gradient in zip(before, weights(model), gradients, strict=True):
            torch.testing.assert_close(old - new, 0.1 * gradient)
        assert all(parameter.grad is None for parameter in model.parameters())


def half_and_fused(**arguments):
    model = small_model()
    optimizer = torch.optim.SGD(model.bfloat16().parameters(), lr=0.1, **arguments)
    return model, optimizer


@pytest.mark.parametrize("momentum", [0.9, linear(start=0.0, end=0.9, steps=10)])
def test_momentum_by_a_rule_for_a_kernel_that_computes_it_wrongly(momentum):
    model, optimizer = half_and_fused(fused=True)
    plan = constant(value=0.1)
    with pytest.raises(ValueError, match=r"fused SGD with momentum=.* is wrong for torch.bfloat16"):
        OptimScheduler(optimizer, schedules={"*": {"lr": plan, "momentum": momentum}}, model=model)
    assert optimizer.param_groups[0]["momentum"] == 0
    optim = OptimScheduler(optimizer, schedules={"*": plan}, model=model)
    with pytest.raises(ValueError, match=r"is wrong for torch.bfloat16"):
        optim.schedules = {"*": {"lr": plan, "momentum": momentum}}
    assert optimizer.param_groups[0]["momentum"] == 0


def test_a_state_for_a_kernel_that_computes_it_wrongly():
    wide = small_model()
    saved = OptimScheduler(torch.optim.SGD(wide.parameters(), lr=0.5, momentum=0.9, fused=True), constant(value=0.5))
    _, optimizer = half_and_fused(momentum=0.5)
    optim = OptimScheduler(optimizer, constant(value=0.1))
    with pytest.raises(ValueError, match=r"fused SGD with momentum=0.9 is wrong for torch.bfloat16"):
        optim.load_state_dict(saved.state_dict())
    (group,) = optimizer.param_groups
    assert (group["momentum"], group["fused"], group["lr"]) == (0.5, None, 0.1)


def test_a_group_for_a_kernel_that_computes_it_wrongly():
    wide, half = small_model(), small_model().bfloat16()
    optimizer = torch.optim.SGD(wide.parameters(), lr=0.1, momentum=0.9, fused=True)
    optim = OptimScheduler(optimizer, constant(value=0.1))
    optimizer.add_param_group({"params": list(half.parameters())})
    with pytest.raises(ValueError, match=r"fused SGD with momentum=0.9 is wrong for torch.bfloat16"):
        train(optim, wide, some_batches(1))
    optimizer.param_groups[1]["fused"] = False
    assert train(optim, wide, some_batches(1))[0].updated
