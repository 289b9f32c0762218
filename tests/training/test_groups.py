"""Parameter groups: each keeps a rate of its own, or the call is refused."""

import pytest
import torch

from optimsche import OptimScheduler, constant, linear
from tests.training.helpers import small_model, some_batches, train


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


def test_a_rate_of_its_own_that_is_added_in_mid_run_is_refused():
    model = small_model()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, linear(start=1.0, steps=10))
    train(optim, model, some_batches(1))
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 1e-5})
    with pytest.raises(ValueError, match=r"rates of their own \(1e-05\)(.|\n)*'lr_scale'"):
        train(optim, model, some_batches(2), start=2)
    assert rates_of(optimizer) == [0.9, 1e-5]
    optimizer.param_groups[1]["lr_scale"] = 0.5
    train(optim, model, some_batches(2), start=2)
    assert rates_of(optimizer) == [0.8, 0.4]


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
