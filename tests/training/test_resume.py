"""A run that is stopped anywhere and resumed is the run that was not."""

import io
import logging

import pytest
import torch

from optimsche import OptimScheduler, constant, cosine, exponential, linear
from optimsche.counting import resume_step
from tests.training.helpers import loss_of, same, small_model, some_batches, train, weights

PLAN = cosine(start=0.05, steps=5).warmup(2)


def build(use_amp=False):
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, PLAN, accum_grad=4, steps_per_epoch=10, grad_clip=0.05, use_amp=use_amp)
    if optim.scaler is not None:
        # A scale that falls and grows within a few updates is part of what has to come back.
        optim.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**18, growth_interval=2)
    return model, optim


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file)  # weights_only=True is torch's default


@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize("stopped_after", range(21))
def test_bit_identical_wherever_it_stopped(stopped_after, use_amp, caplog):
    batches = some_batches(20)
    model, optim = build(use_amp)
    train(optim, model, batches[:stopped_after])
    checkpoint = through_a_file({"model": model.state_dict(), "optim": optim.state_dict()})

    resumed, resumed_optim = build(use_amp)
    resumed.load_state_dict(checkpoint["model"])
    resumed_optim.load_state_dict(checkpoint["optim"])
    caplog.clear()
    train(resumed_optim, resumed, batches, start=resume_step(stopped_after, accum_grad=4, steps_per_epoch=10))
    assert "loaded" not in caplog.text
    assert "inside its window" not in caplog.text

    straight, straight_optim = build(use_amp)
    results = train(straight_optim, straight, batches)
    assert any(result.updated for result in results[:8])
    assert any(result.skipped for result in results) == (use_amp == "fp16")
    assert same(weights(resumed), weights(straight))
    assert same(resumed_optim.state_dict(), straight_optim.state_dict())


def test_the_state_is_optimizer_and_scaler_and_nothing_else():
    model, optim = build()
    train(optim, model, some_batches(6))
    assert list(optim.state_dict()) == ["optimizer", "scaler"]
    assert optim.state_dict()["scaler"] is None


def test_loading_shares_nothing_with_the_state_and_does_not_change_it():
    model, optim = build("fp16")
    train(optim, model, some_batches(12))
    state = optim.state_dict()
    kept = through_a_file(state)
    other, other_optim = build("fp16")
    other_optim.load_state_dict(state)
    train(other_optim, other, some_batches(20), start=13)
    assert same(state["optimizer"], kept["optimizer"])
    assert state["scaler"] == kept["scaler"]


def test_loading_in_mid_window_drops_its_gradients_and_sets_the_clock_back():
    model, optim = build()
    state = through_a_file(optim.state_dict())
    train(optim, model, some_batches(2))
    optim.load_state_dict(state)
    assert all(parameter.grad is None for parameter in model.parameters())
    train(optim, model, some_batches(2))  # from 1 again


def test_beginning_inside_a_window_warns_once(caplog):
    model, optim = build()
    with caplog.at_level(logging.WARNING, logger="optimsche"):
        train(optim, model, some_batches(8), start=7)
    assert caplog.text.count("the first micro-batch, 7, is inside its window, which begins at 5") == 1
    assert "resume_step" in caplog.text


def test_a_tensor_rate_stays_the_same_tensor():
    model = small_model()
    rate = torch.tensor(0.1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=rate), linear(start=1.0, steps=10))
    train(optim, model, some_batches(3))
    state = through_a_file(optim.state_dict())
    fresh = torch.tensor(0.1)
    other = OptimScheduler(torch.optim.SGD(model.parameters(), lr=fresh), linear(start=1.0, steps=10))
    other.load_state_dict(state)
    assert other.optimizer.param_groups[0]["lr"] is fresh
    assert float(fresh) == pytest.approx(0.7)
    train(other, model, some_batches(4), start=4)
    assert float(fresh) == pytest.approx(0.6)


def test_a_float_rate_stays_a_float_when_the_file_has_a_tensor():
    model = small_model()
    saved = OptimScheduler(torch.optim.SGD(model.parameters(), lr=torch.tensor(0.1)), constant(value=0.5))
    other = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.5))
    other.load_state_dict(through_a_file(saved.state_dict()))
    assert type(other.optimizer.param_groups[0]["lr"]) is float


def test_a_rate_of_the_epoch_before_is_no_disagreement(caplog):
    def built():
        model = small_model()
        plan = exponential(start=0.5, factor=0.5).by_epoch()
        return model, OptimScheduler(torch.optim.SGD(model.parameters()), plan, steps_per_epoch=3)

    model, optim = built()
    train(optim, model, some_batches(3))
    other, other_optim = built()
    other_optim.load_state_dict(optim.state_dict())
    train(other_optim, other, some_batches(4), start=4)
    assert other_optim.get_lr() == 0.25
    assert not caplog.records


def test_lr_scale_is_the_programs_not_the_files(caplog):
    def built(lr_scale):
        model = small_model()
        groups = [{"params": model.parameters(), "lr_scale": lr_scale}]
        return model, OptimScheduler(torch.optim.SGD(groups, lr=0.1), constant(value=1.0))

    _, old = built(0.5)
    model, new = built(0.25)
    new.load_state_dict(through_a_file(old.state_dict()))
    train(new, model, some_batches(1))
    assert new.get_lr() == 0.25
    assert "loaded has the rate 0.5, and the schedule says 0.25" in caplog.text


def test_replacing_the_plan_needs_no_migration(caplog):
    batches = some_batches(6)
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), linear(start=1.0, steps=10))
    train(optim, model, batches[:3])
    optim.schedule = constant(value=0.5, steps=3) >> constant(value=0.25)
    assert optim.get_lr() == pytest.approx(0.7)  # of the update that was made
    assert [optim.step(loss_of(model, batches[n]), step_num=n + 1).lr for n in (3, 4)] == [0.25, 0.25]
    other = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), linear(start=1.0, steps=10))
    other.load_state_dict(optim.state_dict())
    other.schedule = linear(start=2.0, steps=10)
    other.step(loss_of(model, batches[5]), step_num=6)
    assert other.get_lr() == pytest.approx(0.8)
    assert not caplog.records


def test_moments_of_other_shapes_are_refused():
    model, optim = build()
    train(optim, model, some_batches(4))
    groups = [{"params": list(reversed(list(model.parameters())))}]
    other = OptimScheduler(torch.optim.AdamW(groups), PLAN)
    with pytest.raises(ValueError, match=r"parameter 0 has shape \(8, 4\), and the parameter has \(3,\): the model or"):
        other.load_state_dict(optim.state_dict())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s["optimizer"], ValueError, r"plain optimizer.*load_state_dict\({'optimizer': state"),
        (lambda s: {"optimiser": s["optimizer"]}, ValueError, "has no 'optimizer'; did you mean 'optimiser'"),
        (lambda s: {}, ValueError, "its keys are none"),
        (lambda s: [s], TypeError, "got list"),
        (lambda s: {**s, "optimizer": {"state": {}}}, ValueError, "torch optimizer's state_dict"),
        (lambda s: {**s, "scaler": {"scale": 1.0}}, ValueError, "torch GradScaler's state_dict"),
        (lambda s: {**s, "scaler": 65536.0}, ValueError, "torch GradScaler's state_dict"),
        (
            lambda s: {"optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]}, "scaler": None},
            ValueError,
            r"parameter groups of \[1\] parameters, and this optimizer has \[4\]",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    model, optim = build("fp16")
    train(optim, model, some_batches(6))
    before, open_gradients = through_a_file(optim.state_dict()), [p.grad.clone() for p in model.parameters()]
    with pytest.raises(error, match=message):
        optim.load_state_dict(change(through_a_file(optim.state_dict())))
    assert same(through_a_file(optim.state_dict()), before)
    assert same([p.grad for p in model.parameters()], open_gradients)
