"""A run that is stopped anywhere and resumed is the run that was not."""

import io
import logging
import math

import pytest
import torch
from torch import nn

from optimsche import LossScaler, OptimScheduler, constant, cosine, exponential, linear
from optimsche.counting import resume_step
from optimsche.speechain import from_conf
from tests.training.helpers import break_gradients, loss_of, same, small_model, some_batches, train, weights

PLAN = cosine(start=0.05, steps=5).warmup(2)


def build(use_amp=False):
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, PLAN, accum_grad=4, steps_per_epoch=10, grad_clip=0.05, use_amp=use_amp)
    if optim.scaler is not None:
        # A scale that falls and grows within a few updates is part of what has to come back.
        optim.scaler = LossScaler(init_scale=2.0**18, growth_interval=2)
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


KINDS = ["AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "SGD"]
MOMENTUM = {"SGD": {"momentum": 0.9}}


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_other_shapes_are_refused(kind):
    model = small_model()
    optimizer = getattr(torch.optim, kind)
    optim = OptimScheduler(optimizer(model.parameters(), **MOMENTUM.get(kind, {})), PLAN)
    train(optim, model, some_batches(4))
    groups = [{"params": list(reversed(list(model.parameters())))}]
    other = OptimScheduler(optimizer(groups, **MOMENTUM.get(kind, {})), PLAN)
    with pytest.raises(
        ValueError, match=r"parameter 0 has \'\w+\' of shape \(8, 4\), and here it has \(3,\): the model or"
    ):
        other.load_state_dict(optim.state_dict())


@pytest.mark.parametrize("kind", [*KINDS, "Adafactor"])
def test_every_optimizer_loads_its_own_state(kind):
    model = small_model()
    optim = from_conf(kind, MOMENTUM.get(kind, {}), model, PLAN)
    train(optim, model, some_batches(2))
    optim.load_state_dict(through_a_file(optim.state_dict()))
    train(optim, model, some_batches(3), start=3)


@pytest.mark.parametrize(
    ("saved", "loaded", "message"),
    [
        (
            "SGD",
            "AdamW",
            "another kind of optimizer than AdamW: it has no 'amsgrad', 'betas', 'eps' and has 'dampening",
        ),
        ("AdamW", "SGD", "another kind of optimizer than SGD: it has no 'dampening', 'momentum', 'nesterov' and has"),
        ("Adam", "RAdam", "another kind of optimizer than RAdam: it has 'amsgrad'"),
        ("Adam", "AdamW", r"decoupled_weight_decay=False \(Adam and AdamW differ in this\), and AdamW has True here"),
    ],
)
def test_the_state_of_another_kind_of_optimizer_is_refused(saved, loaded, message):
    model = small_model()
    optim = from_conf(saved, {}, model, PLAN)
    train(optim, model, some_batches(1))
    other = from_conf(loaded, {}, model, PLAN)
    before = through_a_file(other.state_dict())
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(optim.state_dict())
    assert same(through_a_file(other.state_dict()), before)


def test_a_state_of_an_older_torch_loads():
    """One that lacks the flags which torch has added since."""
    model, optim = build()
    state = through_a_file(optim.state_dict())
    for name in ("maximize", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"):
        del state["optimizer"]["param_groups"][0][name]
    optim.load_state_dict(state)
    train(optim, model, some_batches(4))


@pytest.mark.parametrize("where", ["optimizer", "scaler"])
def test_a_load_that_fails_half_way_changes_nothing(where):
    rate = torch.tensor(0.1)
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters(), lr=rate), PLAN, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    train(optim, model, some_batches(3))
    before = through_a_file(optim.state_dict())
    state = through_a_file(optim.state_dict())
    state["optimizer"]["param_groups"][0].update(lr=7.0, eps=1.0)
    if where == "scaler":
        state["scaler"]["scale"] = 4.0
        optim.scaler.load_state_dict = failing_once(optim.scaler.load_state_dict)  # type: ignore[method-assign]
    else:
        state["optimizer"]["param_groups"][0]["lr"] = "much"
    with pytest.raises((RuntimeError, ValueError)):
        optim.load_state_dict(state)
    assert same(through_a_file(optim.state_dict()), before)
    assert optim.optimizer.param_groups[0]["lr"] is rate
    train(optim, model, some_batches(4), start=4)


def failing_once(load):
    calls = []

    def load_state_dict(state):
        load(state)
        calls.append(state)
        if len(calls) == 1:
            raise RuntimeError("boom")

    return load_state_dict


def test_skips_before_a_load_do_not_count_after_it():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), PLAN, max_skips=3)
    state = optim.state_dict()
    for _ in range(2):
        for step_num in (1, 2):
            assert optim.step(break_gradients(model), step_num=step_num).skipped
        optim.load_state_dict(state)


def test_epochs_in_fractions_are_no_disagreement(caplog):
    """The fraction that the update before was given is not known after a resume."""

    def built():
        model = small_model()
        return model, OptimScheduler(
            torch.optim.SGD(model.parameters()), linear(steps=10).by_epoch(), steps_per_epoch=5
        )

    for resumed_at in (1.6, 2.0):
        model, optim = built()
        batches = some_batches(2)
        optim.step(loss_of(model, batches[0]), step_num=5, epoch_num=resumed_at - 0.2)
        other, other_optim = built()
        other_optim.load_state_dict(optim.state_dict())
        caplog.clear()
        other_optim.step(loss_of(other, batches[1]), step_num=6, epoch_num=resumed_at)
        assert not caplog.records


def test_replacing_the_plan_twice_after_a_load_writes_nothing():
    model = small_model()

    def built():
        return OptimScheduler(torch.optim.SGD(model.parameters()), linear(steps=10))

    optim = built()
    train(optim, model, some_batches(3))
    other = built()
    other.load_state_dict(optim.state_dict())
    for _ in range(2):
        other.schedule = linear(start=2.0, steps=10)
        assert other.get_lr() == optim.get_lr() == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s["optimizer"], ValueError, r"plain optimizer.*load_state_dict\({'optimizer': state"),
        (lambda s: {"optimiser": s["optimizer"]}, ValueError, "has no 'optimizer'; there is 'optimiser': rename it"),
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


def in_the_state(**changes):
    """Change the entry of the first parameter; ``...`` for an entry that is missing."""

    def change(state):
        entry = state["optimizer"]["state"][0]
        entry.update(changes)
        for name in [name for name, value in changes.items() if value is ...]:
            del entry[name]

    return change


def in_the_group(**changes):
    return lambda state: state["optimizer"]["param_groups"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_the_state(exp_avg_sq=...), "parameter 0 has no 'exp_avg_sq', which AdamW needs"),
        (in_the_state(step=...), "parameter 0 has no 'step'"),
        (in_the_state(exp_avg=None), "parameter 0 has no 'exp_avg'"),
        (in_the_state(exp_avg="much"), "parameter 0 has exp_avg='much', which is no number"),
        (in_the_state(step=torch.zeros(3)), r"'step' of shape \(3,\), and here it has \(\)"),
        (in_the_state(exp_avg=torch.full((8, 4), math.nan)), "inf or nan in 'exp_avg' of parameter 0: the run had div"),
        (in_the_state(exp_avg_sq=torch.full((8, 4), math.inf)), "inf or nan in 'exp_avg_sq' of parameter 0"),
        (in_the_group(betas=None), "arguments that AdamW refuses"),
        (in_the_group(betas=(0.9,)), "arguments that AdamW refuses"),
        (in_the_group(eps=-1.0), "arguments that AdamW refuses: Invalid epsilon"),
        (in_the_group(amsgrad=True), "parameter 0 has no 'max_exp_avg_sq'"),
        (in_the_group(fused="yes"), r"\[0\]\['fused'\] must be True, False or None, got 'yes'"),
        (in_the_group(lr=None), r"\[0\]\['lr'\] must be a number, got None"),
        (in_the_group(params=3), "dictionaries with 'params', lists of numbers"),
        (in_the_group(params=[0, 0, 1, 2]), "'params' must name each parameter once"),
        (lambda s: s["optimizer"].update(param_groups=None), "dictionaries with 'params'"),
        (lambda s: s["optimizer"].update(state=None), "must be a dictionary of dictionaries"),
        (lambda s: s["optimizer"].update(state=[]), "must be a dictionary of dictionaries"),
        (lambda s: s["optimizer"]["state"].update({0: None}), "must be a dictionary of dictionaries"),
    ],
)
def test_a_state_that_the_next_step_could_not_use_is_refused(change, message):
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN)
    train(optim, model, some_batches(2))
    before = through_a_file(optim.state_dict())
    state = through_a_file(optim.state_dict())
    change(state)
    with pytest.raises(ValueError, match=message):
        optim.load_state_dict(state)
    assert same(through_a_file(optim.state_dict()), before)
    train(optim, model, some_batches(3), start=3)


def test_arguments_are_checked_before_there_are_moments():
    optim = OptimScheduler(torch.optim.AdamW(small_model().parameters()), PLAN)
    state = optim.state_dict()
    in_the_group(betas=None)(state)
    with pytest.raises(ValueError, match="arguments that AdamW refuses"):
        optim.load_state_dict(state)


def test_a_frozen_parameter_of_whole_numbers_is_no_obstacle():
    model = nn.Linear(4, 3)
    frozen = nn.Parameter(torch.zeros(2, dtype=torch.uint8), requires_grad=False)
    optim = OptimScheduler(torch.optim.AdamW([frozen, *model.parameters()]), PLAN)
    optim.step(model(torch.ones(1, 4)).sum(), step_num=1)
    optim.load_state_dict(through_a_file(optim.state_dict()))


def test_factors_of_another_model_are_refused():
    """Adafactor keeps rows and columns, which are in no shape of a parameter."""

    def built(width):
        model = nn.Linear(width, 8)
        return model, OptimScheduler(torch.optim.Adafactor(model.parameters()), PLAN)

    model, optim = built(4)
    optim.step(model(torch.ones(2, 4)).square().mean(), step_num=1)
    with pytest.raises(ValueError, match=r"parameter 0 has 'col_var' of shape \(1, 4\), and here it has \(1, 6\)"):
        built(6)[1].load_state_dict(optim.state_dict())


def test_a_momentum_that_is_not_there_yet_begins_with_the_next_step():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), momentum=0.9), PLAN)
    train(optim, model, some_batches(1))
    state = through_a_file(optim.state_dict())
    del state["optimizer"]["state"][0]["momentum_buffer"]
    state["optimizer"]["state"][1]["momentum_buffer"] = None
    optim.load_state_dict(state)
    train(optim, model, some_batches(2), start=2)


def test_names_tell_another_order_from_the_same_shapes():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    named = list(model.named_parameters())
    optim = OptimScheduler(torch.optim.AdamW(named), PLAN)
    optim.step(model(torch.ones(2, 4)).square().mean(), step_num=1)
    swapped = OptimScheduler(torch.optim.AdamW([*named[2:], *named[:2]]), PLAN)
    with pytest.raises(ValueError, match=r"has \['0.weight'\] where this optimizer has \['1.weight'\]"):
        swapped.load_state_dict(optim.state_dict())
    wrapped = [(f"module.{name}", parameter) for name, parameter in named]  # as DDP has them
    again = OptimScheduler(torch.optim.AdamW(wrapped), PLAN)
    again.load_state_dict(optim.state_dict())
    assert again.optimizer.param_groups[0]["param_names"][0] == "module.0.weight"
    state = optim.state_dict()
    state["optimizer"]["state"][3]["exp_avg"].fill_(math.nan)
    with pytest.raises(ValueError, match=r"inf or nan in 'exp_avg' of parameter module\.1\.bias"):
        again.load_state_dict(state)


@pytest.mark.parametrize("broken", [3, 4])
def test_the_first_three_broken_moments_are_named(broken):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN)
    optim.step(model(torch.ones(2, 2)).square().mean(), step_num=1)
    state = optim.state_dict()
    for number in range(broken):
        state["optimizer"]["state"][number]["exp_avg"].fill_(math.nan)
    more = ", ..." if broken > 3 else ""
    with pytest.raises(ValueError, match=rf"parameter 0, .* parameter 1, .* parameter 2{more}: the run had diverged"):
        optim.load_state_dict(state)


def test_a_moment_of_one_number_is_looked_at_too():
    scale = nn.Parameter(torch.ones(()))
    optim = OptimScheduler(torch.optim.AdamW([scale]), PLAN)
    optim.step(scale.square(), step_num=1)
    state = optim.state_dict()
    state["optimizer"]["state"][0]["exp_avg"].fill_(math.nan)
    with pytest.raises(ValueError, match="inf or nan in 'exp_avg' of parameter 0"):
        OptimScheduler(torch.optim.AdamW([scale]), PLAN).load_state_dict(state)


class Wrapping(torch.optim.SGD):
    """As Lightning, Fabric and accelerate wrap an optimizer: its attributes, and its step."""

    def __init__(self, optimizer):
        self.__dict__.update({name: value for name, value in vars(optimizer).items() if name != "step"})
        self.optimizer = optimizer

    def step(self, closure=None):
        return self.optimizer.step(closure)


def test_loading_through_a_wrapper_reaches_the_optimizer_in_it():
    model = small_model()
    inner = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optim = OptimScheduler(Wrapping(inner), linear(start=1.0, steps=10))
    train(optim, model, some_batches(2))
    state = through_a_file(optim.state_dict())
    groups, entries, group = inner.param_groups, inner.state, inner.param_groups[0]
    broken = through_a_file(optim.state_dict())
    broken["optimizer"]["param_groups"][0].update(weight_decay=7.0)
    broken["scaler"] = {"scale": 1.0}
    with pytest.raises(ValueError, match="GradScaler"):
        optim.load_state_dict(broken)
    assert same(through_a_file(optim.state_dict()), state)
    state["optimizer"]["param_groups"][0]["weight_decay"] = 0.5
    optim.load_state_dict(state)
    assert (inner.param_groups is groups, inner.state is entries, groups[0] is group) == (True, True, True)
    assert inner.param_groups[0]["weight_decay"] == optim.optimizer.param_groups[0]["weight_decay"] == 0.5
    for step_num in (3, 4):
        result = optim.step(loss_of(model, some_batches(1)[0]), step_num=step_num)
        assert inner.param_groups[0]["lr"] == result.lr == pytest.approx(1 - step_num / 10)
    moments = [inner.state[parameter]["momentum_buffer"] for parameter in model.parameters()]
    assert same([entry["momentum_buffer"] for entry in optim.state_dict()["optimizer"]["state"].values()], moments)


def test_a_load_that_fails_late_is_taken_back_inside_a_wrapper():
    model = small_model()
    inner = torch.optim.SGD(model.parameters(), lr=torch.tensor(0.1), momentum=0.9)
    optim = OptimScheduler(Wrapping(inner), PLAN, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    train(optim, model, some_batches(2))
    before = through_a_file(optim.state_dict())
    state = through_a_file(optim.state_dict())
    state["optimizer"]["param_groups"][0].update(weight_decay=7.0, lr=3.0)
    state["scaler"]["scale"] = 0.0
    with pytest.raises(ValueError, match="search for one anew"):
        optim.load_state_dict(state)
    assert same(through_a_file(inner.state_dict()), before["optimizer"])
    assert same(through_a_file(optim.state_dict()), before)
