"""SpeeChain's bugs, listed in docs/speechain.md: each test names its rows, and fails with what SpeeChain does.

Rows 7, 11 and 13 are tested in tests/distributed/test_ddp.py, row 18 in test_hand_loop.py, row 25 in test_syncs.py.
"""

import logging
import math

import pytest
import torch
from torch import nn

from optimsche import (
    LossScaler,
    Member,
    NonFiniteError,
    OptimScheduler,
    build_optim_sches,
    constant,
    exponential,
    linear,
    lr_fn,
    noam,
)
from optimsche.speechain import from_conf
from tests.training.helpers import (
    EncoderDecoder,
    break_gradients,
    loss_of,
    same,
    small_model,
    some_batches,
    train,
    twin,
    weights,
)


def sgd(model, **arguments):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, **arguments})


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_other_modules_gradients_stay_out_of_norm_and_clip(use_amp):
    """Rows 1 and 2, other modules' gradients in the norm: the encoder's neither add up nor dominate the decoder's."""
    model = EncoderDecoder()
    optim = from_conf(
        "SGD",
        {"lr": 0.1},
        model,
        constant(value=0.1),
        updated_modules="decoder",
        optim_loss="decoder_loss",
        use_amp=use_amp,
        grad_clip=0.01,
    )
    batch = some_batches(1)[0]
    for step_num in range(1, 31):
        before = weights(model.decoder)
        with optim.micro_batch(step_num):
            losses = model(batch)
        result = optim.step(losses, step_num=step_num)
        if result.skipped:
            continue
        assert result.grad_norm is not None
        assert result.grad_norm > 0.01
        moved = torch.cat([(a - b).flatten() for a, b in zip(before, weights(model.decoder), strict=True)])
        assert float(moved.norm()) == pytest.approx(0.1 * 0.01, rel=1e-2)
    assert result.updated
    assert all(parameter.grad is None for parameter in model.encoder.parameters())


def test_gradients_that_someone_else_left_do_not_count():
    """Rows 1, 2 and 3, with gradients that are there for another reason, here nan: they are not even read."""
    model = EncoderDecoder()
    optim = from_conf(
        "SGD", {}, model, constant(value=0.1), updated_modules="decoder", optim_loss="decoder_loss", use_amp="fp16"
    )
    optim.scaler = LossScaler(init_scale=1.0)
    for parameter in model.encoder.parameters():
        parameter.grad = torch.full_like(parameter, math.nan)
    with optim.micro_batch(1):
        losses = model(some_batches(1)[0])
    result = optim.step(losses, step_num=1)
    assert result.updated
    assert all(weight.isfinite().all() for weight in weights(model.decoder))
    assert all(parameter.grad is not None and parameter.grad.isnan().all() for parameter in model.encoder.parameters())


@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_non_finite_gradients_change_nothing(use_amp, value, kind, caplog):
    """Row 3, an update that is logged as skipped and made all the same: here it is skipped."""
    model = small_model()
    optim = OptimScheduler(
        kind(model.parameters(), weight_decay=0.1), constant(value=0.1), use_amp=use_amp, grad_clip=1.0
    )
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=1024.0)
    train(optim, model, some_batches(2))
    before, state = weights(model), optim.optimizer.state_dict()["state"]
    moments = [{name: value.clone() for name, value in entry.items() if value is not None} for entry in state.values()]
    with caplog.at_level(logging.WARNING, logger="optimsche"):
        result = optim.step(break_gradients(model, value), step_num=3)
    assert result.closed
    assert result.skipped
    assert not result.updated
    assert same(weights(model), before)
    after = [
        {k: v for k, v in entry.items() if v is not None} for entry in optim.optimizer.state_dict()["state"].values()
    ]
    assert same(after, moments)
    assert "update 3 is skipped" in caplog.text
    assert ("the loss scale is now 512" in caplog.text) == (use_amp == "fp16")


@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize("grad_clip", [None, 1.0])
def test_an_overflowing_norm_skips_although_gradients_are_finite(use_amp, grad_clip):
    """Row 4, weight decay and momentum in a skipped update: they do not move the weights."""
    model = small_model()
    optim = OptimScheduler(
        sgd(model, momentum=0.9, weight_decay=0.1), constant(value=0.1), use_amp=use_amp, grad_clip=grad_clip
    )
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=4.0)
    before = weights(model)
    result = optim.step(break_gradients(model, 1e30), step_num=1)
    assert result.skipped
    assert result.grad_norm == math.inf
    assert same(weights(model), before)
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=2).updated


def test_exponential_decay_does_not_compound():
    """Row 5, a decay with every micro-batch: here it is one with every epoch, however many micro-batches that has."""
    optim = build_optim_sches(
        {
            "type": "exp.ExponentDecayLr",
            "conf": {"optim_type": "SGD", "optim_conf": {"lr": 0.1}, "decay_factor": 0.999},
        },
        model := nn.Linear(1, 1),
    )
    rates = []
    for epoch in (1, 2, 3):
        for i in range(1, 101):
            optim.step(model(torch.ones(1)).sum(), step_num=(epoch - 1) * 100 + i, epoch_num=epoch)
        rates.append(optim.get_lr())
    assert rates == [0.1 * 0.999**finished for finished in range(3)]


def test_ft_factor_does_not_compound():
    """Row 6, ft_factor applied again and again: half the rate stays half, and is no quarter, eighth, ..."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), ft_factor=0.5)
    results = train(optim, model, some_batches(4))
    assert [result.lr for result in results] == [0.05] * 4
    assert optim.get_lr() == 0.05


def encoder_decoder_config():
    """The example of SpeeChain's README, with its keys and names corrected."""
    conf = {"optim_type": "Adam", "optim_conf": {"lr": 0.01}, "warmup_steps": 5}
    return {
        "optim_sches": {
            "encoder_optim": {
                "type": "noam.NoamLr",
                "conf": {**conf, "optim_loss": "encoder_loss", "updated_modules": "encoder", "step_per_update": 2},
            },
            "decoder_optim": {
                "type": "noam.NoamLr",
                "conf": {**conf, "optim_loss": "decoder_loss", "updated_modules": "decoder"},
            },
        }
    }


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_the_readme_example_trains(use_amp):
    """Rows 8, 9, 15 and 20, its README's example: two optimizers on one graph, the encoder's every second window."""
    model = EncoderDecoder()
    optim = build_optim_sches(encoder_decoder_config(), model, use_amp=use_amp, accum_grad=2)
    batch = some_batches(1)[0]
    first = {name: loss.item() for name, loss in model(batch).items()}
    results = []
    for step_num in range(1, 161):
        with optim.micro_batch(step_num):
            losses = model(batch)
        results.append(optim.step(losses, step_num=step_num))
    last = {name: loss.item() for name, loss in model(batch).items()}
    assert last["encoder_loss"] < 0.5 * first["encoder_loss"]
    assert last["decoder_loss"] < first["decoder_loss"]
    encoder = [n for n, result in enumerate(results, 1) if result["encoder_optim"].closed]
    assert encoder == list(range(4, 161, 4))
    decoder = [n for n, result in enumerate(results, 1) if result["decoder_optim"].closed]
    assert decoder == list(range(2, 161, 2))


@pytest.mark.parametrize("with_model", [False, True])
def test_no_weight_changes_before_the_last_backward_pass(with_model):
    """Rows 9 and 10, a graph freed or changed too early: two losses through one, each optimizer with its own."""
    model, reference = EncoderDecoder(), EncoderDecoder()
    batch = some_batches(1)[0]

    def losses_of(model):
        loss = model(batch)["decoder_loss"]
        return {"encoder": 3 * loss, "decoder": loss**2}

    optim = OptimScheduler(
        {name: Member(sgd(part), constant(value=1.0), optim_loss=name) for name, part in model.named_children()},
        model=model if with_model else None,
    )
    before = {name: weights(part) for name, part in model.named_children()}
    losses = losses_of(model)
    optim.step(losses, step_num=1)
    for name, part in reference.named_children():
        gradients = torch.autograd.grad(losses_of(reference)[name], list(part.parameters()))
        for old, new, gradient in zip(before[name], weights(getattr(model, name)), gradients, strict=True):
            torch.testing.assert_close(old - new, gradient)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        losses["decoder"].backward()  # the last pass has freed it


def test_losses_of_the_caller_are_not_changed():
    """Row 12, a loss divided in place: neither its value nor a tensor that its graph saved is changed."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), accum_grad=4)
    loss = torch.exp(loss_of(model, some_batches(1)[0]))  # exp saves its own output
    value = loss.item()
    optim.step({"loss": loss}, step_num=1)
    assert loss.item() == value


def test_one_loss_scaler_between_optimizers():
    """Row 14, a scaler for each optimizer: with one between them, gradients of different loss scales never meet."""
    model = EncoderDecoder()
    optim = build_optim_sches(encoder_decoder_config(), model, use_amp="fp16")
    assert optim.scaler is not None
    optim.scaler.load_state_dict({**optim.scaler.state_dict(), "scale": 16.0})
    before = optim.scaler.state_dict()
    optim.members["encoder_optim"].step_per_update = 1
    with optim.micro_batch(1):
        losses = model(some_batches(1)[0])
    results = optim.step(losses, step_num=1)
    assert all(result.updated for result in results.members.values())
    assert optim.scaler.state_dict()["_growth_tracker"] == before["_growth_tracker"] + 1
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("saved_with", [False, "fp16"])
@pytest.mark.parametrize("loaded_with", [False, "fp16"])
def test_checkpoints_load_with_and_without_a_loss_scale(saved_with, loaded_with, caplog):
    """Row 16, checkpoints of another precision: all four load, with one warning where a scale is lost or begins."""
    model = small_model()
    saved = OptimScheduler(sgd(model), constant(value=0.1), use_amp=saved_with)
    loaded = OptimScheduler(sgd(model), constant(value=0.1), use_amp=loaded_with)
    with caplog.at_level(logging.WARNING, logger="optimsche"):
        loaded.load_state_dict(saved.state_dict())
    assert len(caplog.records) == (saved_with != loaded_with)


def test_an_empty_scaler_state_loads(caplog):
    """Row 16, what a disabled GradScaler leaves in a file: {}."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), use_amp="fp16")
    optim.load_state_dict({"optimizer": optim.optimizer.state_dict(), "scaler": {}})
    assert "it starts again at 65536" in caplog.text


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_all_frozen_is_a_no_op_with_one_warning(use_amp, caplog):
    """Row 17, frozen parameters with AMP, where torch's scaler fails with 'No inf checks were recorded'."""
    model = small_model().requires_grad_(False)
    optim = OptimScheduler(sgd(model, weight_decay=0.1), constant(value=0.1), use_amp=use_amp)
    before = weights(model)
    results = train(optim, model, some_batches(3))
    assert same(weights(model), before)
    assert [result.skipped for result in results] == [True] * 3
    assert caplog.text.count("all frozen?") == 1
    model.requires_grad_(True)
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=4).updated


def test_a_window_whose_end_never_came_is_not_merged_with_the_next():
    """Row 19, windows that merge: the closing micro-batch had an empty batch, and the loop went on."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), accum_grad=2)
    batches = some_batches(4)
    optim.step(loss_of(model, batches[0]), step_num=1)
    with pytest.raises(ValueError, match=r"number 1, was never made.*micro-batch 2.*\n.*optim.discard\(\)"):
        optim.step(loss_of(model, batches[2]), step_num=3)
    optim.discard()
    assert all(parameter.grad is None for parameter in model.parameters())
    reference = twin(model)
    optim.step(loss_of(model, batches[2]), step_num=3)
    optim.step(loss_of(model, batches[3]), step_num=4)
    other = OptimScheduler(sgd(reference), constant(value=0.1), accum_grad=2)
    train(other, reference, batches[2:])
    assert same(weights(model), weights(reference))


def test_a_failing_backward_pass_leaves_no_partial_gradients(caplog):
    """Row 19, gradients left by a failed backward pass: its window is skipped as a whole, the next one is clean."""

    class Failing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("out of memory")

    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), accum_grad=3)
    batches = some_batches(6)
    before = weights(model)
    optim.step(loss_of(model, batches[0]), step_num=1)
    hidden = Failing.apply(model[0](batches[1][0]))
    with pytest.raises(RuntimeError, match="out of memory"):
        optim.step(model[2](hidden).sum(), step_num=2)
    assert all(parameter.grad is None for parameter in model.parameters())
    result = optim.step(loss_of(model, batches[2]), step_num=3)
    assert result.closed
    assert result.skipped
    assert same(weights(model), before)
    assert "all frozen" not in caplog.text
    assert caplog.text.count("update 1 is skipped: a backward pass of its window failed (RuntimeError)") == 1
    assert [optim.step(loss_of(model, batches[n]), step_num=n + 1).updated for n in (3, 4, 5)] == [False, False, True]


def test_the_schedule_sees_this_optimizers_own_count():
    """Row 20, a schedule on the count of all windows: with step_per_update=3 it still plays updates 1, 2, 3."""
    model = small_model()
    plan = linear(start=1.0, steps=10)
    optim = OptimScheduler(sgd(model), plan, step_per_update=3)
    assert optim.get_lr() == plan(1)
    before = weights(model)
    rates = []
    for step_num, batch in enumerate(some_batches(9), 1):
        result = optim.step(loss_of(model, batch), step_num=step_num)
        assert result.closed == (step_num % 3 == 0)
        assert all(parameter.grad is None for parameter in model.parameters())
        rates.append(result.lr)
        if step_num == 2:
            assert same(weights(model), before)
    assert rates == [plan(1)] * 3 + [plan(2)] * 3 + [plan(3)] * 3


def test_a_loaded_rate_that_disagrees_is_reported_once(caplog):
    """Row 21, a schedule that moves in silence: accum_grad was changed between two runs."""
    model = small_model()
    plan = linear(start=1.0, steps=10)
    optim = OptimScheduler(sgd(model), plan, accum_grad=2)
    train(optim, model, some_batches(4))
    other = OptimScheduler(sgd(model), plan, accum_grad=1)
    other.load_state_dict(optim.state_dict())
    train(other, model, some_batches(6), start=5)
    assert caplog.text.count("the state that was loaded has the rate 0.8, and the schedule says 0.6 for update 4") == 1
    assert other.get_lr() == plan(6)


def test_noam_takes_every_step_from_zero_on():
    """Row 22, Noam at 0 or with a warm-up of 0 or less: no division by zero, and no complex number later."""
    assert noam(peak=0.1, warmup_steps=10)(0) == 0.0
    assert [noam(peak=0.1, warmup_steps=0)(n) for n in (0, 1, 4)] == [0.0, 0.1, 0.05]
    with pytest.raises(ValueError, match="warmup_steps"):
        noam(peak=0.1, warmup_steps=-1)
    with pytest.raises(ValueError, match="d_model"):
        noam(d_model=0, warmup_steps=10)


@pytest.mark.parametrize("grad_clip", [0, -1, math.nan, math.inf])
def test_grad_clip_is_checked(grad_clip):
    """Row 23, an unchecked grad_clip: 0 would zero every gradient, -1 climb, nan spread."""
    with pytest.raises(ValueError, match=r"grad_clip must be (> 0 .*\n    For no clipping: None|finite)"):
        OptimScheduler(sgd(small_model()), constant(value=0.1), grad_clip=grad_clip)


def test_the_search_for_a_loss_scale_is_no_divergence():
    """Row 24, endless skips: those before the first good update end the run only where the scale falls below 1."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), use_amp="fp16", max_skips=2)
    optim.scaler = LossScaler(init_scale=2.0**20)
    for step_num in range(1, 6):
        assert optim.step(break_gradients(model), step_num=step_num).skipped
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=6).updated
    optim.step(break_gradients(model), step_num=7)
    with pytest.raises(NonFiniteError, match=r"2 updates in a row.*max_skips=2"):
        optim.step(break_gradients(model), step_num=8)

    optim = OptimScheduler(sgd(model), constant(value=0.1), use_amp="fp16", max_skips=2)
    optim.scaler = LossScaler(init_scale=4.0)
    optim.step(break_gradients(model), step_num=1)
    optim.step(break_gradients(model), step_num=2)
    with pytest.raises(NonFiniteError, match=r"all 3 updates so far.*the loss scale has fallen below 1"):
        optim.step(break_gradients(model), step_num=3)


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_a_diverged_run_ends(use_amp):
    """Row 24, endless skips: max_skips in a row end the run, with the state after the last good update."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), use_amp=use_amp, max_skips=3)
    step_num = 0

    def step(loss):
        nonlocal step_num
        step_num += 1
        optim.step(loss, step_num=step_num)

    def bad():
        return break_gradients(model)

    for loss in (bad, bad, lambda: loss_of(model, some_batches(1)[0]), bad, bad):
        step(loss())
    before = weights(model)
    with pytest.raises(NonFiniteError, match=r"3 updates in a row.*max_skips=3.*number 6"):
        step(bad())
    assert same(weights(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_unknown_loss_lists_the_known_ones():
    """Row 26, a bare KeyError for an unknown loss."""
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), optim_loss="ctc_los")
    with pytest.raises(ValueError, match=r"no loss named 'ctc_los'; did you mean 'ctc_loss'.*'ctc_loss', 'att_loss'"):
        optim.step({"ctc_loss": torch.zeros(()), "att_loss": torch.zeros(())}, step_num=1)


@pytest.mark.parametrize("arguments", [{"accum_grad": True}, {"accum_grad": 1.5}, {"accum_grad": 0}])
def test_accum_grad_is_a_whole_number(arguments):
    """Row 26, accum_grad=True: it is not 1."""
    with pytest.raises((TypeError, ValueError), match="accum_grad must be a whole number"):
        OptimScheduler(sgd(small_model()), constant(value=0.1), **arguments)


def test_updated_modules_is_a_name_or_several():
    """Row 26, a tuple of modules, or an empty list: the one works as a list does, the other is refused."""
    model = EncoderDecoder()

    def build(updated_modules):
        return from_conf("SGD", {}, model, constant(value=0.1), updated_modules=updated_modules)

    def own(optim):
        return optim.optimizer.param_groups[0]["params"]

    everything = list(model.parameters())
    assert same(own(build(("encoder", "decoder"))), everything)
    assert same(own(build(["decoder", "encoder", "encoder.0"])), everything)
    assert same(own(build("*.weight")), [model.encoder[0].weight, model.decoder.weight])
    assert same(own(build("encoder.0")), everything[:2])
    with pytest.raises(ValueError, match="nothing to update"):
        build([])
    with pytest.raises(ValueError, match="no part of EncoderDecoder is named 'encodr'; did you mean 'encoder'"):
        build("encodr")
    with pytest.raises(TypeError, match="must be a name or a list of names"):
        build(3)


def test_a_tied_parameter_is_found_by_both_its_names():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 4)
            self.head = nn.Linear(4, 5, bias=False)
            self.head.weight = self.embedding.weight
            self.again = self.head

    model = Tied()
    for name in ("embedding", "embedding.weight", "head", "head.weight", "again", "again.weight", "*"):
        optim = from_conf("SGD", {}, model, constant(value=0.1), updated_modules=name)
        assert same(optim.optimizer.param_groups[0]["params"], [model.embedding.weight])


def test_groups_keep_their_factors_and_the_kind_of_their_rate():
    """Row 27, groups that all get the same number: lr_scale is honoured, a tensor is filled in place."""
    model = small_model()
    tensor = torch.tensor(0.1)
    optimizer = torch.optim.SGD(
        [
            {"params": model[0].parameters(), "lr_scale": 0.5, "lr": tensor},
            {"params": model[2].parameters(), "lr": 0.1},
        ],
        lr=0.1,
    )
    plan = linear(start=1.0, steps=4)
    optim = OptimScheduler(optimizer, plan)
    train(optim, model, some_batches(2))
    assert optimizer.param_groups[0]["lr"] is tensor
    assert float(tensor) == 0.5 * plan(2)
    assert type(optimizer.param_groups[1]["lr"]) is float
    assert optimizer.param_groups[1]["lr"] == plan(2)


def test_any_optimizer_and_bf16():
    """Row 28, few optimizers and precisions: an instance, a class, bf16; on a CPU use_amp=True is off, silently."""

    class Own(torch.optim.SGD):
        pass

    model = small_model()
    optim = from_conf(Own, {"lr": 1}, model, constant(value=0.1), use_amp=True)
    assert type(optim.optimizer) is Own
    assert optim.scaler is None
    with optim.micro_batch(1):
        assert not torch.is_autocast_enabled("cpu")
    optim = OptimScheduler(Own(model.parameters()), constant(value=0.1), use_amp="bf16")
    assert optim.scaler is None
    with optim.micro_batch(1):
        assert model(torch.ones(4)).dtype is torch.bfloat16


def test_a_resumed_rate_follows_the_new_plan_not_the_file():
    """Row 29, a file that decides the rate: factors and base are the program's, also with rates='relative'."""
    model = small_model()

    def build(lr, **arguments):
        return OptimScheduler(sgd(model, lr=lr), linear(start=1.0, steps=10), **arguments)

    old = build(0.1, rates="relative")
    train(old, model, some_batches(2))
    new = build(0.2, rates="relative")
    new.load_state_dict(old.state_dict())
    train(new, model, some_batches(3), start=3)
    assert new.get_lr() == pytest.approx(0.2 * 0.7)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_bad_rate_is_an_error_before_anything_is_written(value):
    """A schedule of one's own may return anything."""

    @lr_fn
    def bad_from_three_on(real_step, epoch, *, bad):
        return 0.1 if real_step < 3 else {-0.1: -0.1, 0.0: math.nan, 1.0: math.inf}[bad]

    model = small_model()
    optim = OptimScheduler(sgd(model), bad_from_three_on(bad={math.inf: 1.0}.get(value, -0.1 if value < 0 else 0.0)))
    train(optim, model, some_batches(2))
    before = weights(model)
    with pytest.raises(ValueError, match="the rate of parameter group 0 would be"):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=3)
    assert optim.get_lr() == 0.1
    assert same(weights(model), before)
    with pytest.raises(ValueError, match="the rate of parameter group 0 would be"):
        OptimScheduler(sgd(model), exponential(start=0.1, factor=0.5), ft_factor=1e308 * 1.5).schedule = constant(
            value=1e9
        )
