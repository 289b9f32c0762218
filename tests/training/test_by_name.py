"""States through torch.distributed.checkpoint, in one process: by name, complete, and nothing made up."""

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from optimsche import LossScaler, Member, OptimScheduler, constant, cosine
from tests.training.helpers import same, small_model, some_batches, train, weights

PLAN = cosine(start=0.1, steps=8)
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

OPTIMIZERS = {
    "SGD": lambda model: torch.optim.SGD(model.parameters()),
    "SGD, dampening": lambda model: torch.optim.SGD(model.parameters(), momentum=0.9, dampening=0.5),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters()),
    "AdamW, rate as a tensor": lambda model: torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.1)),
    "NAdam": lambda model: torch.optim.NAdam(model.parameters()),
    "Adagrad": lambda model: torch.optim.Adagrad(model.parameters()),
    "Adafactor": lambda model: torch.optim.Adafactor(model.parameters()),
}


def saved_and_loaded(optim, other, folder):
    dcp.save({"optim": optim}, checkpoint_id=folder, no_dist=True)
    dcp.load({"optim": other}, checkpoint_id=folder, no_dist=True)


@pytest.mark.parametrize("updates", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_goes_on_with_the_same_bits(name, updates, tmp_path):
    model, again = small_model(), small_model()
    optim, resumed = (OptimScheduler(OPTIMIZERS[name](each), PLAN, model=each) for each in (model, again))
    train(optim, model, some_batches(updates))
    before = weights(again)
    saved_and_loaded(optim, resumed, tmp_path)
    assert same(before, weights(again))  # what an optimizer will keep was found out, and no parameter has moved
    assert all(parameter.grad is None for parameter in again.parameters())
    again.load_state_dict(model.state_dict())
    train(optim, model, some_batches(6), updates + 1)
    train(resumed, again, some_batches(6), updates + 1)
    assert same(weights(model), weights(again))
    assert same(optim.state_dict(), resumed.state_dict())


def test_the_state_itself_stays_as_torch_has_it():
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, model=model)
    assert optim.state_dict()["optimizer"]["state"] == {}
    train(optim, model, some_batches(1))
    assert list(optim.state_dict()["optimizer"]["state"]) == [0, 1, 2, 3]


def test_parameters_are_found_by_name_in_another_order(tmp_path):
    model, again = small_model(), small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, model=model)
    resumed = OptimScheduler(torch.optim.AdamW([*again.parameters()][::-1]), PLAN, model=again)
    train(optim, model, some_batches(2))
    saved_and_loaded(optim, resumed, tmp_path)
    for here, there in zip(model.parameters(), again.parameters(), strict=True):
        assert same(optim.optimizer.state[here], resumed.optimizer.state[there])


def test_a_loss_scale_and_several_optimizers(tmp_path):
    def build(model):
        parts = {"a": Member(torch.optim.SGD(model[0].parameters(), momentum=0.9), PLAN)}
        parts["b"] = Member(torch.optim.AdamW(model[2].parameters()), PLAN)
        optim = OptimScheduler(parts, model=model, use_amp="fp16")
        optim.scaler = LossScaler(init_scale=512.0)
        return optim

    model, again = small_model(), small_model()
    optim, resumed = build(model), build(again)
    train(optim, model, some_batches(2))
    optim.scaler.update([True])
    saved_and_loaded(optim, resumed, tmp_path)
    assert resumed.scaler.get_scale() == optim.scaler.get_scale() == 256.0
    assert same(optim.state_dict(), resumed.state_dict())


def test_a_run_without_a_loss_scale_takes_one_that_has_it(tmp_path, caplog):
    model, again = small_model(), small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, model=model, use_amp="fp16")
    resumed = OptimScheduler(torch.optim.AdamW(again.parameters()), PLAN, model=again)
    saved_and_loaded(optim, resumed, tmp_path)
    assert "the state has a loss scale, which this run does without" in caplog.text


def test_other_groups_are_refused(tmp_path):
    model, again = small_model(), small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, model=model)
    rules = {"*.bias": {"lr": constant(value=0.1)}, "*": {"lr": PLAN}}
    resumed = OptimScheduler(torch.optim.AdamW(again.parameters()), schedules=rules, model=again)
    with pytest.raises(Exception, match=r"the state has parameter groups of 0.weight, .* its grouping has changed"):
        saved_and_loaded(optim, resumed, tmp_path)


def test_what_cannot_be_found_out_before_a_step_is_said(tmp_path):
    class Stubborn(torch.optim.SGD):
        def step(self, closure=None):
            raise RuntimeError("not without data")

    model = nn.Linear(2, 1)
    optim = OptimScheduler(Stubborn(model.parameters()), PLAN, model=model)
    with pytest.raises(Exception, match=r"Stubborn keeps cannot be found out before its first step \(not without data"):
        dcp.save({"optim": optim}, checkpoint_id=tmp_path, no_dist=True)
    assert optim.get_lr() == PLAN(1)
