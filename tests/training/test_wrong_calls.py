"""What a mistake is answered with: the sentence that helps."""

import logging
from typing import Any

import pytest
import torch
from torch import nn

from optimsche import Member, OptimScheduler, constant, cosine, exponential, geometric, linear
from optimsche.speechain import from_conf
from tests.training.helpers import EncoderDecoder, loss_of, small_model, some_batches, train

PLAN = constant(value=0.1)


def sgd(model=None, lr=0.1):
    return torch.optim.SGD((model or small_model()).parameters(), lr=lr)


def two_rates():
    model = small_model()
    return torch.optim.SGD([{"params": model[0].parameters(), "lr": 1e-5}, {"params": model[2].parameters()}], lr=1e-3)


class Own(torch.optim.Optimizer):
    """An optimizer with these defaults and nothing else."""

    def __init__(self, defaults):
        super().__init__(small_model().parameters(), defaults)


CONSTRUCTION = [
    (
        lambda: OptimScheduler(torch.optim.LBFGS(small_model().parameters()), PLAN),
        TypeError,
        "LBFGS needs a closure, which calls the model several times",
    ),
    (
        lambda: OptimScheduler(
            torch.optim.SGD(small_model().bfloat16().parameters(), lr=0.1, momentum=0.9, fused=True), PLAN
        ),
        ValueError,
        r"fused SGD with momentum=0.9 is wrong for torch.bfloat16 parameters on the CPU.*Build it with fused=False",
    ),
    (
        lambda: OptimScheduler(torch.optim.ASGD(small_model().parameters()), PLAN),
        ValueError,
        "torch.optim.ASGD computes the rate of a step at the end of the step before(.|\n)*Take SGD",
    ),
    (lambda: OptimScheduler(Own({}), PLAN), ValueError, "Own has no 'lr' in parameter group 0"),
    (lambda: OptimScheduler(Own({"lr": None}), PLAN), ValueError, "Own has no 'lr' in parameter group 0"),
    (
        lambda: OptimScheduler(torch.optim.SGD([{"params": []}], lr=0.1), PLAN),
        ValueError,
        "SGD has no parameters: there is nothing to update",
    ),
    (lambda: OptimScheduler("Adam", PLAN), TypeError, "torch.optim.Optimizer, got str.*speechain.from_conf"),
    (lambda: OptimScheduler(small_model(), PLAN), TypeError, "must be a torch.optim.Optimizer, got Sequential"),
    (lambda: OptimScheduler(sgd(), PLAN, model="m"), TypeError, "model must be a torch.nn.Module, got str"),
    (
        lambda: OptimScheduler(sgd(), 0.1),
        TypeError,
        r"schedule must be a schedule, got 0.1(.|\n)*constant\(value=0.1\)",
    ),
    (lambda: OptimScheduler(sgd(), lambda n: 0.1), TypeError, r"schedule must be a schedule(.|\n)*under @lr_fn"),
    (lambda: OptimScheduler(sgd(), "cosine(steps=9)"), TypeError, r"schedule must be .*(.|\n)*read by parse"),
    (lambda: OptimScheduler(sgd(), cosine), TypeError, r"Call it with its parameters: cosine\(start="),
    (lambda: OptimScheduler(sgd(), PLAN, accum_grad=0), ValueError, r"OptimScheduler\(accum_grad=0\): .* >= 1"),
    (lambda: OptimScheduler(sgd(), PLAN, steps_per_epoch=0), ValueError, "steps_per_epoch must be"),
    (lambda: OptimScheduler(sgd(), PLAN, step_per_update=-1), ValueError, "step_per_update must be"),
    (lambda: OptimScheduler(sgd(), PLAN, ft_factor=0), ValueError, "ft_factor must be > 0"),
    (lambda: OptimScheduler(sgd(), PLAN, grad_norm_type=0), ValueError, "grad_norm_type must be > 0"),
    (lambda: OptimScheduler(sgd(), PLAN, max_skips=0), ValueError, "max_skips must be"),
    (lambda: OptimScheduler(sgd(), PLAN, rates="relativ"), ValueError, "rates must be one of 'absolute', 'relative'"),
    (lambda: OptimScheduler(sgd(), PLAN, use_amp="fp61"), ValueError, "use_amp must be False, True, 'bf16' or 'fp16'"),
    (lambda: OptimScheduler(sgd(), PLAN, use_amp=torch.float16), ValueError, "use_amp must be False, True, 'bf16'"),
    (
        lambda: OptimScheduler(sgd(), PLAN, distributed="ddp"),
        TypeError,
        "distributed must be None, True or False, or the process",
    ),
    (
        lambda: OptimScheduler(sgd(model := small_model()), PLAN, model=model, distributed=True),
        ValueError,
        "wrapped in DistributedDataParallel or FSDP, got Sequential",
    ),
    (
        lambda: OptimScheduler(two_rates(), PLAN),
        ValueError,
        r"rates of their own \(1e-05, 0.001\)(.|\n)*lr_scale(.|\n)*rates='relative'",
    ),
    (
        lambda: OptimScheduler(sgd(), cosine(start=3e-4, steps=9).warmup(0.03)),
        ValueError,
        r"the piece from 0 to 0.03 of .* is shorter than one update.\n.*plan.over\(total_steps\)",
    ),
    (lambda: OptimScheduler(sgd(), linear(steps=0.5)), ValueError, "the piece from 0 to 0.5 of .* is shorter"),
    (
        lambda: OptimScheduler(sgd(), exponential(factor=0.9).by_epoch()),
        ValueError,
        r"counts epochs(.|\n)*steps_per_epoch=len\(loader\)",
    ),
    (lambda: from_conf("adam", {}, small_model(), PLAN), ValueError, "did you mean 'Adam'"),
    (lambda: from_conf("Optimizer", {}, small_model(), PLAN), ValueError, "no optimizer of this name"),
    (lambda: from_conf("lr_scheduler", {}, small_model(), PLAN), ValueError, "no optimizer of this"),
    (lambda: from_conf(nn.Linear, {}, small_model(), PLAN), TypeError, "an Optimizer class"),
    (
        lambda: from_conf("SGD", {"params": []}, small_model(), PLAN),
        ValueError,
        "'params' comes from the model; choose parts of it with updated_modules=",
    ),
    (
        lambda: from_conf("SGD", {}, None, PLAN),
        TypeError,
        r"model must be a torch.nn.Module, got NoneType",
    ),
    *[
        (lambda name=name, conf=conf: from_conf(name, conf, small_model(), PLAN), error, message)
        for name, conf, error, message in [
            (
                "AdamW",
                {"betas": [0.9]},
                ValueError,
                r"optim_conf: AdamW refuses {'betas': \[0.9\]}(.|\n)*\(0.9, 0.999\)",
            ),
            ("AdamW", {"betas": 0.9}, TypeError, "optim_conf: AdamW refuses {'betas': 0.9}"),
            ("AdamW", {"betas": "x"}, ValueError, r"optim_conf.betas must be numbers, got 'x'"),
            ("AdamW", {"lr": [1]}, ValueError, r"optim_conf.lr must be a number .* got \[1\]"),
            ("AdamW", {"lr": None}, ValueError, r"optim_conf.lr must be a number .* got None"),
            ("AdamW", {"fused": "yes"}, ValueError, r"optim_conf.fused must be True or False, got 'yes'"),
            ("SGD", {"momentum": "x"}, ValueError, r"optim_conf.momentum must be a number, got 'x'"),
            ("SGD", {"lr": -1}, ValueError, "optim_conf: SGD refuses {'lr': -1}: Invalid learning rate"),
        ]
    ],
    (lambda: from_conf("SGD", [0.1], small_model(), PLAN), TypeError, "optim_conf must be a mapping"),
    (lambda: from_conf("SGD", {}, small_model(), 0.1), TypeError, "schedule must be a schedule"),
]


MORE_CONSTRUCTION: list[Any] = [
    (lambda: OptimScheduler(sgd(), PLAN, max_grad_norm=1.0), TypeError, "'max_grad_norm'; here that is 'grad_clip'"),
    (lambda: OptimScheduler(sgd(), PLAN, fp16=True), TypeError, "'fp16'; here that is 'use_amp'"),
    (lambda: OptimScheduler(sgd(), scheduler=PLAN), TypeError, "'scheduler'; here that is 'schedule'"),
    (lambda: OptimScheduler(sgd(), PLAN, accumulate_grad_batches=4), TypeError, "here that is 'accum_grad'"),
    (lambda: OptimScheduler(sgd(), PLAN).step(None, step_num=1, epoch=1), TypeError, "here that is 'epoch_num'"),
    (lambda: OptimScheduler(sgd(), PLAN, use_amp=torch.bfloat16), ValueError, "Write use_amp='bf16'"),
    (lambda: OptimScheduler(sgd(), PLAN, use_amp="float16"), ValueError, "Write use_amp='fp16'"),
    (lambda: OptimScheduler(sgd(), PLAN, use_amp="half"), ValueError, "Write use_amp='fp16'"),
    (
        lambda: OptimScheduler(sgd(), {"cosine": {"steps": 3}}),
        TypeError,
        "dictionaries are read by parse and from",
    ),
    (lambda: OptimScheduler(sgd(), {"*": PLAN}), TypeError, "names of parameters are given as schedules="),
    (
        lambda: OptimScheduler(sgd(), PLAN, model=small_model()),
        ValueError,
        "none of its parameters are",
    ),
    (lambda: OptimScheduler(sgd(), PLAN).micro_batch(0), ValueError, r"enumerate\(loader, 1\)"),
    (lambda: OptimScheduler(sgd(), PLAN).micro_batch("6"), TypeError, r"Write step_num=int\(...\)"),
]


def adam(lr=1e-3):
    return torch.optim.AdamW(small_model().parameters(), lr=lr)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OptimScheduler(adam(), cosine(steps=50)), "up to 0.999013, and the lr=0.001 of AdamW is not used"),
        (lambda: OptimScheduler(adam(), cosine(steps=50).warmup(10)), "up to 1, and the lr=0.001"),
        (
            lambda: OptimScheduler(adam(), linear(start=0.1, steps=9).warmup(3).by_epoch(), steps_per_epoch=5),
            "rate 0 in all of epoch 1",
        ),
        (lambda: batches_of_a_run(linear(start=0.1, steps=30), accum_grad=4), "update 30, and this run makes 9"),
        (lambda: batches_of_a_run(constant(value=0.1).warmup(1_000)), "first piece ends with update 1000"),
    ],
)
def test_slips_are_pointed_out(build, message, caplog):
    build()
    assert caplog.text.count(message) == 1
    assert len(caplog.records) == 1


def batches_of_a_run(plan, **options):
    return OptimScheduler(sgd(), plan, **options).batches([1] * 10, epochs=3)


def test_what_is_no_slip_is_not_pointed_out(caplog):
    OptimScheduler(adam(), cosine(start=3e-3, steps=50))
    OptimScheduler(adam(), cosine(steps=50), rates="relative")
    OptimScheduler(adam(lr=1.0), cosine(steps=50))
    OptimScheduler(sgd(lr=0.01), cosine(steps=50))
    OptimScheduler(adam(), geometric(start=1e-7, end=1.0, steps=99).shift(1))  # a search for a rate
    OptimScheduler(adam(), linear(start=0.1, steps=9).warmup(3).shift(-1).by_epoch(), steps_per_epoch=5)
    batches_of_a_run(linear(start=0.1, steps=30))
    batches_of_a_run(linear(start=0.1, steps=40))
    batches_of_a_run(linear(start=0.1, steps=7), accum_grad=2, step_per_update=2)  # 15 windows
    assert not caplog.records


@pytest.mark.parametrize(("call", "error", "message"), CONSTRUCTION + MORE_CONSTRUCTION)
def test_construction(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("losses", "error", "message"),
    [
        (torch.zeros(()), ValueError, "loss has no graph behind it.*torch.no_grad"),
        (torch.zeros(3, requires_grad=True), ValueError, r"one number, got shape \(3,\). Take its mean"),
        (0.5, TypeError, "loss must be a tensor of one number, got float"),
        ({"a": 1, "b": 2}, ValueError, r"no loss named 'loss'.*'a', 'b'(.|\n)*optim_loss="),
        ({}, ValueError, "no loss named 'loss'.*none"),
        ({"ctc": None}, TypeError, "ctc must be a tensor of one number, got NoneType"),
    ],
)
def test_losses(losses, error, message):
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    with pytest.raises(error, match=message):
        optim.step(losses, step_num=1)
    optim.step(loss_of(model, some_batches(1)[0]), step_num=1)  # a refused call has not moved the clock


def test_a_bare_loss_where_a_name_is_wanted():
    with pytest.raises(TypeError, match=r"optim_loss='ctc' needs losses by name, {'ctc': ...}, got Tensor"):
        OptimScheduler(sgd(), PLAN, optim_loss="ctc").step(torch.zeros(()), step_num=1)


@pytest.mark.parametrize(
    ("step_num", "error", "message"),
    [
        (0, ValueError, "step_num must be >= 1"),
        (True, TypeError, "step_num must be a whole number"),
        (1.0, TypeError, "step_num must be a whole number"),
        (None, TypeError, "step_num must be a whole number"),
        (torch.tensor(True), TypeError, "step_num must be a whole number"),
    ],
)
def test_step_num(step_num, error, message):
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    with pytest.raises(error, match=message), optim.micro_batch(step_num):
        pass
    with pytest.raises(error, match=message):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=step_num)
    with pytest.raises(error, match=message):
        optim.update(step_num=step_num)


@pytest.mark.parametrize("epoch_num", [-1, 0, 0.5, float("nan"), float("inf"), "2", True])
def test_epoch_num(epoch_num):
    with pytest.raises((TypeError, ValueError), match=r"step\(epoch_num=.*epoch_num must be"):
        OptimScheduler(sgd(), PLAN).update(step_num=1, epoch_num=epoch_num)


def test_counting_from_one_again_in_every_epoch():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    loader = some_batches(3)

    def an_epoch():
        for step_num, batch in enumerate(loader, 1):
            optim.step(loss_of(model, batch), step_num=step_num)

    an_epoch()
    with pytest.raises(ValueError, match=r"step_num=1: .* and 3 came last(.|\n)*\(epoch - 1\) \* len\(loader\) \+ i"):
        an_epoch()


def test_one_micro_batch_twice():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    batch = some_batches(1)[0]
    optim.backward(loss_of(model, batch), step_num=1)
    with pytest.raises(ValueError, match="1 came last"):
        optim.backward(loss_of(model, batch), step_num=1)
    optim.update(step_num=1)
    with pytest.raises(ValueError, match="1 came last"):
        optim.update(step_num=1)


def test_an_update_that_was_forgotten():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    batch = some_batches(1)[0]
    optim.backward(loss_of(model, batch), step_num=1)
    with pytest.raises(ValueError, match="number 1, was never made: no update came for micro-batch 1"):
        optim.backward(loss_of(model, batch), step_num=2)


def test_a_gap_inside_a_window_is_allowed():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, accum_grad=4)
    batch = some_batches(1)[0]
    results = [optim.step(loss_of(model, batch), step_num=n) for n in (1, 2, 4, 5, 8)]
    assert [result.updated for result in results] == [False, False, True, False, True]


def test_discarding(caplog):
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, accum_grad=3)
    batch = some_batches(1)[0]
    optim.discard()
    assert not caplog.records
    optim.step(loss_of(model, batch), step_num=1)
    optim.discard()
    assert caplog.text.count("update 1 is skipped: its window was discarded") == 1
    assert not optim.step(loss_of(model, batch), step_num=2).skipped
    assert all(parameter.grad is None for parameter in model.parameters())
    results = [optim.step(loss_of(model, batch), step_num=n) for n in range(3, 7)]
    assert [result.skipped for result in results] == [True, False, False, False]
    assert results[-1].updated


def test_own_backward_pass_without_the_loss_scale():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, use_amp="fp16")
    loss_of(model, some_batches(1)[0]).backward()
    with pytest.raises(ValueError, match=r"optim.scaler.scale\(loss\).backward\(\)"):
        optim.update(step_num=1)


def test_halves_of_an_epoch():
    model = small_model()
    optim = from_conf("SGD", {}, model, linear(start=1.0, steps=10).by_epoch())
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=1, epoch_num=1.5).lr == 0.95


def test_optimizers_on_one_loss_that_are_stepped_one_by_one():
    """SpeeChain's loop: the first backward pass frees the graph, or the first update changes what it needs."""
    for retained in (False, True):
        model = EncoderDecoder()
        optims = {
            name: OptimScheduler(sgd(part), PLAN, optim_loss="decoder_loss") for name, part in model.named_children()
        }
        losses = model(some_batches(1)[0])
        if retained:
            losses = {"decoder_loss": losses["decoder_loss"] * 1.0}
            torch.autograd.backward(losses["decoder_loss"], retain_graph=True)
            optims["decoder"].update(step_num=1)
        else:
            optims["encoder"].step(losses, step_num=1)
        with pytest.raises(RuntimeError, match=r"(second time|inplace)(.|\n)*members of one OptimScheduler"):
            optims["encoder" if retained else "decoder"].step(losses, step_num=1)


def test_epochs_that_only_the_caller_knows():
    model = small_model()
    plan = exponential(start=0.5, factor=0.5).by_epoch()
    optim = from_conf("SGD", {}, model, plan)
    assert optim.get_lr() == 0.5
    batch = some_batches(1)[0]
    with pytest.raises(ValueError, match="counts epochs: pass epoch_num="):
        optim.step(loss_of(model, batch), step_num=1)
    assert optim.step(loss_of(model, batch), step_num=1, epoch_num=2).lr == 0.25
    assert optim.step(loss_of(model, batch), step_num=2, epoch_num=3.0).lr == 0.125
    optim.schedule = plan.scale(0.5)
    optim.accum_grad = 3
    assert optim.step(loss_of(model, batch), step_num=4, epoch_num=2).lr == 0.125
    with pytest.raises(ValueError, match="counts epochs: pass epoch_num="):
        optim.step(loss_of(model, batch), step_num=5)  # a window is in no epoch by itself


def test_replacing_the_plan_checks_it_and_keeps_the_old_one():
    optim = OptimScheduler(sgd(), PLAN)
    for bad in (0.1, linear(steps=0.5), exponential(factor=0.5).by_epoch()):
        with pytest.raises((TypeError, ValueError)):
            optim.schedule = bad
    assert optim.schedule == PLAN
    assert optim.get_lr() == 0.1


class Loader(list[Any]):
    """A loader whose length may be a lie."""

    def __init__(self, batches, length=None):
        super().__init__(batches)
        self.length = length

    def __len__(self):
        return super().__len__() if self.length is None else self.length


@pytest.mark.parametrize(
    ("loader", "arguments", "options", "message"),
    [
        (Loader([1, 2, 3]), {}, {"steps_per_epoch": 4}, "loader has 3 micro-batches, and steps_per_epoch=4"),
        (iter([1, 2]), {}, {}, r"list_iterator has no length.*\n?.*steps_per_epoch="),
        (iter([1, 2]), {}, {"steps_per_epoch": 2}, "epoch 2 has 0 and not 2"),
        (Loader([1, 2, 3], 4), {}, {}, "epoch 1 has 3 and not 4"),
        (Loader([1, 2, 3], 2), {}, {}, "epoch 1 has more than 2"),
        (Loader([]), {}, {}, "the loader is empty"),
        (Loader([1]), {"epochs": 0}, {}, r"batches\(epochs=0\): epochs must be"),
        (Loader([1]), {"start": 0}, {}, r"batches\(start=0\): start must be"),
    ],
)
def test_batches(loader, arguments, options, message):
    optim = OptimScheduler(sgd(), PLAN, **options)
    with pytest.raises(ValueError, match=message):
        list(optim.batches(loader, **{"epochs": 2, **arguments}))


@pytest.mark.parametrize("loader", [5, None, torch.nn.Identity()])
@pytest.mark.parametrize("options", [{}, {"steps_per_epoch": 2}])
def test_what_is_no_loader(loader, options):
    """A length would not help, so nothing is said of one."""
    with pytest.raises(
        TypeError, match=r"batches: loader must be something to iterate over, such as a DataLoader, got"
    ):
        OptimScheduler(sgd(), PLAN, **options).batches(loader, epochs=1)


def test_batches_of_a_run_that_counts_without_epochs():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    train(optim, model, some_batches(1))
    with pytest.raises(ValueError, match="Build it with steps_per_epoch=3"):
        optim.batches([1, 2, 3], epochs=1)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: OptimScheduler({}), ValueError, "there is no optimizer in it"),
        (lambda: OptimScheduler([]), TypeError, "must be a torch.optim.Optimizer, got list"),
        (
            lambda: OptimScheduler({"a": sgd(), "b": sgd()}, PLAN),
            TypeError,
            r"schedule belongs to each Member: Member\(optimizer, schedule=...\)",
        ),
        (
            lambda: OptimScheduler({"a": sgd(), "b": sgd()}),
            TypeError,
            r"OptimScheduler\(\{'a': ...\}\): several optimizers are given as Member by name, .*got SGD",
        ),
        (
            lambda: OptimScheduler({"a": Member(sgd(), PLAN), "b": OptimScheduler(sgd(), PLAN)}),
            TypeError,
            r"OptimScheduler\(\{'b': ...\}\): .* got OptimScheduler",
        ),
        (lambda: OptimScheduler({1: Member(sgd(), PLAN)}), TypeError, r"OptimScheduler\(\{1: ...\}\): .* by name"),
        (
            lambda: OptimScheduler({"a": Member(sgd(), PLAN)}, optim_loss="ctc", step_per_update=2),
            TypeError,
            r"optim_loss, step_per_update belongs to each Member: Member\(optimizer, optim_loss=...\)",
        ),
        (lambda: OptimScheduler({"a": Member(sgd())}), TypeError, "schedule"),
        (lambda: Member("Adam", PLAN), TypeError, "torch.optim.Optimizer, got str"),
    ],
)
def test_members_that_are_none(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_the_callers_logger_is_used():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN)
    logger = logging.Logger("own")
    records = []
    logger.addFilter(lambda record: records.append(record) or False)
    optim.step(loss_of(model, some_batches(1)[0]) * float("nan"), step_num=1, logger=logger)
    assert "update 1 is skipped" in records[0].getMessage()
