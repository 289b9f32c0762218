"""A window holds the gradients of its own micro-batches: not another's, not a failed update's, and of all that came."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from optimsche import LossScaler, Member, OptimScheduler, constant, linear
from tests.training.helpers import EncoderDecoder, loss_of, same, small_model, some_batches, train, twin, weights

PLAN = constant(value=0.1)


def built(**options):
    model = small_model()
    return model, OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, **options)


def mean_gradient(model, batches):
    """The norm of the mean of these micro-batches' gradients."""
    reference = twin(model)
    reference.zero_grad()
    (sum(loss_of(reference, batch) for batch in batches) / len(batches)).backward()
    return float(torch.nn.utils.get_total_norm([parameter.grad for parameter in reference.parameters()]))


def own_step(optim, model, batch, step_num, size=1):
    (loss_of(model, batch) / size).backward()
    return optim.update(step_num=step_num)


class Boom(RuntimeError):
    """What a broken step raises."""


def boom(*_):
    raise Boom


@pytest.mark.parametrize("step_num", [1, 2, 3])
def test_a_micro_batch_of_an_open_window_does_not_come_again(step_num):
    model, optim = built(accum_grad=5)
    batches = some_batches(3)
    train(optim, model, batches)
    before = [parameter.grad.clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=f"step_num={step_num}: step_num must rise (.|\\n)*3 came last"):
        optim.step(loss_of(model, batches[0]), step_num=step_num)
    assert all(torch.equal(parameter.grad, grad) for parameter, grad in zip(model.parameters(), before, strict=True))


# -- gaps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_a_window_with_gaps_is_the_mean_of_what_came(use_amp, caplog):
    model, optim = built(accum_grad=4, use_amp=use_amp)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=16.0)
    batches = some_batches(4)
    expected = mean_gradient(model, [batches[0], batches[3]])
    for step_num in (1, 4):
        result = optim.step(loss_of(model, batches[step_num - 1]), step_num=step_num)
    assert result.grad_norm == pytest.approx(expected, rel=1e-5)
    assert caplog.text.count("update 1: 2 of the 4 micro-batches of its window came; its gradient is their mean") == 1


@pytest.mark.parametrize("calls", [(4,), (1, 2, 3, 4), (2, 4)])
def test_the_callers_own_backward_pass_is_left_as_it_is(calls, caplog):
    """It may call update for every micro-batch or only where an update is due: nothing is known of its gaps."""
    model, optim = built(accum_grad=4)
    batches = some_batches(4)
    expected = mean_gradient(model, batches)
    caplog.clear()
    for step_num, batch in enumerate(batches, 1):
        (loss_of(model, batch) / 4).backward()
        if step_num in calls:
            result = optim.update(step_num=step_num)
    assert result.grad_norm == pytest.approx(expected, rel=1e-5)
    assert "micro-batches of its window came" not in caplog.text


def test_backward_and_update_count_one_micro_batch(caplog):
    model, optim = built(accum_grad=2)
    for step_num, batch in enumerate(some_batches(4), 1):
        optim.backward(loss_of(model, batch), step_num=step_num)
        optim.update(step_num=step_num)
    assert not caplog.records


def test_a_window_that_is_dropped_before_it_opens(caplog):
    """The forward pass of its first micro-batch failed."""
    model, optim = built(accum_grad=3)
    batches = some_batches(9)
    train(optim, model, batches[:3])
    before = weights(model)
    optim.discard(step_num=4)
    optim.discard(step_num=4)  # once is enough
    assert caplog.text.count("update 2 is skipped: its window was discarded") == 1
    results = [optim.step(loss_of(model, batches[n - 1]), step_num=n) for n in (5, 6)]
    assert [result.skipped for result in results] == [False, True]
    assert same(weights(model), before)
    assert train(optim, model, batches, start=7)[-1].updated


def test_discarding_a_window_that_is_over_drops_nothing(caplog):
    model, optim = built(accum_grad=2)
    train(optim, model, some_batches(2))
    optim.discard(step_num=2)
    assert not caplog.records
    assert train(optim, model, some_batches(4), start=3)[-1].updated


def test_a_dropped_window_does_not_open_again():
    """Its closing micro-batch may stay away; the next window is not told that an update is missing."""
    model, optim = built(accum_grad=3)
    batches = some_batches(6)
    optim.step(loss_of(model, batches[0]), step_num=1)
    optim.discard()
    optim.step(loss_of(model, batches[1]), step_num=2)
    assert train(optim, model, batches, start=4)[-1].updated


# -- gradients that do not belong -------------------------------------------------------------------------------------


def test_gradients_from_before_the_run_are_not_in_its_first_update():
    model, optim = built(accum_grad=2)
    batches = some_batches(2)
    expected = mean_gradient(model, batches)
    (100 * loss_of(model, batches[0])).backward()  # a look whether it works at all
    assert train(optim, model, batches)[-1].grad_norm == pytest.approx(expected)


@pytest.mark.parametrize("together", [False, True])
def test_gradients_from_another_optimizers_backward_pass(together):
    """A backward pass elsewhere reaches its parameters, too."""
    model = EncoderDecoder()
    batches = some_batches(3)
    parts = dict(model.named_children()) if together else {"decoder": model.decoder}
    optim = OptimScheduler(
        {name: Member(torch.optim.SGD(part.parameters(), lr=0.0), constant(value=0.0)) for name, part in parts.items()}
    )
    decoder = []
    for step_num in (1, 2):
        (100 * model(batches[0])["decoder_loss"]).backward()
        result = optim.step(model(batches[1])["decoder_loss"], step_num=step_num)["decoder"]
        decoder.append(result.grad_norm)
    gradients = torch.autograd.grad(model(batches[1])["decoder_loss"], list(model.decoder.parameters()))
    assert decoder == pytest.approx([float(torch.nn.utils.get_total_norm(gradients))] * 2)


def test_own_backward_pass_after_a_discard_whose_window_never_closes():
    model, optim = built(accum_grad=3)
    batches = some_batches(6)
    own_step(optim, model, batches[0], 1, size=3)
    optim.discard()
    own_step(optim, model, batches[1], 2, size=3)  # and batch 3 is empty
    expected = mean_gradient(model, batches[3:])
    for step_num in (4, 5, 6):
        result = own_step(optim, model, batches[step_num - 1], step_num, size=3)
    assert result.grad_norm == pytest.approx(expected)


# -- an update that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_a_failing_step_leaves_nothing_behind(use_amp, monkeypatch):
    model, optim = built(use_amp=use_amp)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=16.0)
    batches = some_batches(2)
    expected = mean_gradient(model, batches[1:])
    with monkeypatch.context() as patch:
        patch.setattr(optim.optimizer, "step", boom)
        with pytest.raises(Boom):
            optim.step(loss_of(model, batches[0]), step_num=1)
    assert all(parameter.grad is None for parameter in model.parameters())
    result = optim.step(loss_of(model, batches[1]), step_num=2)
    assert result.updated
    assert result.grad_norm == pytest.approx(expected)
    if optim.scaler is not None:
        assert optim.scaler.get_scale() == 16.0


def test_an_unscaled_loss_leaves_nothing_behind():
    model, optim = built(use_amp="fp16")
    batch = some_batches(1)[0]
    with pytest.raises(ValueError, match="no loss was scaled"):
        own_step(optim, model, batch, 1)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("failing", ["encoder", "decoder"])
@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_one_failing_step_of_several_leaves_nothing_behind(use_amp, failing, monkeypatch, caplog):
    model, optim = a_pair(use_amp=use_amp)
    batches = some_batches(2)
    if use_amp:
        optim.scaler = LossScaler(init_scale=16.0)
    with monkeypatch.context() as patch:
        patch.setattr(optim.members[failing].optimizer, "step", boom)
        with pytest.raises(Boom):
            optim.step(model(batches[0]), step_num=1)
    assert all(parameter.grad is None for parameter in model.parameters())
    said = "update 1 of 'decoder' is skipped: an update beside it failed (Boom)"
    assert caplog.text.count("an update beside it failed") == caplog.text.count(said) == (failing == "encoder")
    results = optim.step(model(batches[1]), step_num=2)
    assert all(result.updated for result in results.members.values())
    if use_amp:
        assert optim.scaler.get_scale() == 16.0


# -- a call that is refused -------------------------------------------------------------------------------------------


def a_pair(**options):
    model = EncoderDecoder()
    members = {
        name: Member(torch.optim.SGD(part.parameters(), lr=0.1), PLAN, optim_loss=f"{name}_loss")
        for name, part in model.named_children()
    }
    return model, OptimScheduler(members, model=model, **options)


def test_a_loss_that_the_second_optimizer_misses():
    model, optim = a_pair()
    batch = some_batches(1)[0]
    losses = model(batch)
    with pytest.raises(ValueError, match="no loss named 'decoder_loss'"):
        optim.step({"encoder_loss": losses["encoder_loss"]}, step_num=1)
    assert all(result.updated for result in optim.step(losses, step_num=1).members.values())


def test_a_rate_that_the_second_optimizer_refuses():
    model, optim = a_pair()
    batch = some_batches(1)[0]
    before = weights(model)
    group = optim.members["decoder"].optimizer.param_groups[0]
    group["lr_scale"] = -1.0
    losses = model(batch)
    with pytest.raises(ValueError, match=r"parameter group 0\(lr_scale=-1.0\): lr_scale must be >= 0"):
        optim.step(losses, step_num=1)
    assert same(weights(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())
    group["lr_scale"] = 1.0
    assert all(result.updated for result in optim.step(losses, step_num=1).members.values())


def test_a_window_of_several_that_was_left_open():
    model, optim = a_pair()
    batch = some_batches(1)[0]
    optim.backward(model(batch), step_num=1)
    losses = model(batch)
    with pytest.raises(ValueError, match="number 1, was never made"):
        optim.step(losses, step_num=2)
    optim.discard()
    assert all(result.updated for result in optim.step(losses, step_num=2).members.values())


def test_a_rate_that_a_single_optimizer_refuses():
    model, optim = built()
    loss = loss_of(model, some_batches(1)[0])
    optim.optimizer.param_groups[0]["lr_scale"] = -1.0
    with pytest.raises(ValueError, match=r"parameter group 0\(lr_scale=-1.0\): lr_scale must be >= 0"):
        optim.step(loss, step_num=1)
    optim.optimizer.param_groups[0]["lr_scale"] = 1.0
    assert optim.step(loss, step_num=1).updated


# -- the backward pass of a model that synchronises -------------------------------------------------------------------


def test_no_gradient_is_kept_from_a_model_that_synchronises():
    """Its hooks run only in a backward pass that is not restricted to some parameters."""

    class Synchronising(EncoderDecoder):
        def no_sync(self):
            return torch.enable_grad()

    model: nn.Module = Synchronising()
    model.encoder.requires_grad_(False)
    optim = OptimScheduler(
        torch.optim.SGD(model.decoder.parameters(), lr=0.1), PLAN, model=model, optim_loss="decoder_loss"
    )
    model.encoder.requires_grad_(True)
    optim.backward(model(some_batches(1)[0]), step_num=1)
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_the_backward_pass_holds_synchronisation_back_too():
    """FSDP decides there, DDP in the forward pass."""
    model, _ = built()
    held_back = []

    def no_sync():
        held_back.append(None)
        return torch.enable_grad()

    model.no_sync = no_sync
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, model=model, accum_grad=2)
    counts = []
    for step_num, batch in enumerate(some_batches(4), 1):
        optim.step(loss_of(model, batch), step_num=step_num)
        counts.append(len(held_back))
    assert counts == [1, 1, 2, 2]


def test_what_the_forward_pass_was_told_holds_where_processes_synchronise():
    """Whether gradients are summed is decided there."""
    model, _ = built()
    model.no_sync = torch.enable_grad
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, model=model, accum_grad=2)
    (batch,) = some_batches(1)
    with optim.micro_batch(1):
        loss = loss_of(model, batch)
    with pytest.raises(ValueError, match=r"micro_batch\(1\) was called with last=False, and step with last=True"):
        optim.step(loss, step_num=1, last=True)
    assert not optim.step(loss, step_num=1).closed


@pytest.mark.parametrize("synchronising", [False, True])
@pytest.mark.parametrize("came", [1, 2])
def test_an_end_that_the_forward_pass_was_told_need_not_be_said_again(came, synchronising):
    model, _ = built()
    if synchronising:
        model.no_sync = torch.enable_grad
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, model=model, accum_grad=4)
    for step_num, batch in enumerate(some_batches(came), 1):
        with optim.micro_batch(step_num, last=step_num == came):
            loss = loss_of(model, batch)
        result = optim.step(loss, step_num=step_num)
    assert (result.updated, result.micro_batches) == (True, came)
    with pytest.raises(ValueError, match="was cut short with last=True"):
        optim.step(loss_of(model, batch), step_num=came + 1)


def test_a_refused_end_leaves_the_window_open():
    model, optim = built(accum_grad=2)
    batches = some_batches(2)
    with pytest.raises(TypeError, match="loss must be a tensor"):
        optim.step(0.5, step_num=1, last=True)
    assert not optim.step(loss_of(model, batches[0]), step_num=1).closed
    assert optim.step(loss_of(model, batches[1]), step_num=2).micro_batches == 2


def test_a_result_says_how_many_micro_batches_an_update_is_the_mean_of():
    model, optim = built(accum_grad=4)
    batches = some_batches(4)
    for step_num in (1, 4):
        result = optim.step(loss_of(model, batches[step_num - 1]), step_num=step_num)
    assert (result.micro_batches, result.weight) == (2, 2.0)
    for step_num, batch in enumerate(batches, 5):
        result = own_step(optim, model, batch, step_num, size=4)
    assert (result.micro_batches, result.weight) == (4, 4.0)


def test_a_window_that_is_dropped_before_it_comes_leaves_the_open_one():
    model, expected = small_model(), small_model()
    batches = some_batches(6)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.1), accum_grad=2)
    by_hand = OptimScheduler(torch.optim.SGD(expected.parameters(), lr=0.1), constant(value=0.1), accum_grad=2)
    updated = []
    for step_num, batch in enumerate(batches, 1):
        updated.append(optim.step(loss_of(model, batch), step_num=step_num).updated)
        if step_num == 1:
            optim.discard(4)
    for step_num in (1, 2, 5, 6):
        by_hand.step(loss_of(expected, batches[step_num - 1]), step_num=step_num)
    assert updated == [False, True, False, False, False, True]
    for mine, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_window_far_ahead_may_be_dropped_without_those_before_it():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.1))
    optim.discard(10)
    (batch,) = some_batches(1)
    assert all(optim.step(loss_of(model, batch), step_num=n).updated for n in range(1, 10))
    assert not optim.step(loss_of(model, batch), step_num=10).updated
    assert optim.step(loss_of(model, batch), step_num=11).updated


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_plays_the_open_window_again(copied):
    model = small_model()
    batches = some_batches(4)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.1), accum_grad=2, model=model)
    for step_num in (1, 2, 3):
        optim.step(loss_of(model, batches[step_num - 1]), step_num=step_num)
    other = copied(optim)
    for step_num in (3, 4):
        other.step(loss_of(other.model, batches[step_num - 1]), step_num=step_num)
    optim.step(loss_of(model, batches[3]), step_num=4)
    for mine, theirs in zip(model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_attributes_are_checked_when_they_are_set_later():
    optim = OptimScheduler(torch.optim.SGD(small_model().parameters(), lr=0.1), constant(value=0.1))
    for name, wrong in [
        ("step_per_update", 0),
        ("step_per_update", 1.5),
        ("accum_grad", 0),
        ("steps_per_epoch", 0),
        ("ft_factor", "x"),
        ("grad_norm_type", 0),
    ]:
        before = getattr(optim, name)
        with pytest.raises((ValueError, TypeError), match=f"{name} must be"):
            setattr(optim, name, wrong)
        assert getattr(optim, name) == before


def test_a_factor_on_every_rate_acts_at_once():
    model = small_model()
    batches = some_batches(2)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.1), accum_grad=2)
    optim.step(loss_of(model, batches[0]), step_num=1)
    optim.ft_factor = 0.5
    assert optim.step(loss_of(model, batches[1]), step_num=2).lr == 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"last": "no"}, "last must be True or False, got str"),
        ({"time_func": 3}, "time_func must be a function that gives a context"),
    ],
)
def test_wrong_arguments_of_a_step_change_nothing(arguments, message):
    model = small_model()
    (batch,) = some_batches(1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), constant(value=0.1))
    with pytest.raises(TypeError, match=message):
        optim.step(loss_of(model, batch), step_num=1, **arguments)
    assert optim.step(loss_of(model, batch), step_num=1).updated


def test_complex_losses_and_names_that_are_none_are_refused():
    weight = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    optim = OptimScheduler(torch.optim.SGD([weight], lr=0.1), constant(value=0.1))
    with pytest.raises(ValueError, match="loss must be a real number, got"):
        optim.step(weight.sum(), step_num=1)
    with pytest.raises(TypeError, match="optim_loss must be the name of a loss, got 3"):
        OptimScheduler(torch.optim.SGD([weight], lr=0.1), constant(value=0.1), optim_loss=3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_results_are_copied_and_pickled_wherever_they_come_from(copied):
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.9), accum_grad=3)
    for step_num, batch in enumerate(some_batches(3), 1):
        result = copied(optim.step(loss_of(model, batch), step_num=step_num))
        assert (result.closed, result.real_step, result.epoch, result.lr) == (step_num == 3, 1, 1, 0.9)
        assert result.hyperparameters == {"lr": 0.9}


def test_an_end_said_to_the_forward_pass_holds_for_any_whole_number():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.9), accum_grad=3)
    with optim.micro_batch(np.int64(1), last=True):
        loss = loss_of(model, some_batches(1)[0])
    assert optim.step(loss, step_num=np.int64(1)).updated


def test_the_epoch_of_a_window_whose_length_is_found_inside_of_it():
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.9), accum_grad=4)
    batches = some_batches(12)
    train(optim, model, batches[:9])
    optim.steps_per_epoch = 8
    assert {result.epoch for result in train(optim, model, batches, start=10)} == {2}


def test_a_fraction_of_an_epoch_may_be_its_end():
    _, optim = built(steps_per_epoch=2)
    for step_num, epoch_num in ((1, 1.5), (2, 2.0), (3, 2.5)):
        weight = optim.optimizer.param_groups[0]["params"][0]
        assert optim.step(weight.sum(), step_num=step_num, epoch_num=epoch_num).epoch == epoch_num
    with pytest.raises(ValueError, match="micro-batch 4 is in epoch 2"):
        optim.step(weight.sum(), step_num=4, epoch_num=4.0)


def test_a_discarded_window_has_the_rates_of_a_plan_in_epochs():
    plan = linear(start=1.0, steps=4).by_epoch()
    _, optim = built(accum_grad=2, steps_per_epoch=2)
    optim.schedule = plan
    optim.discard(step_num=5)  # of the third epoch
    assert optim.get_lr() == plan(3, epoch=3) == 0.5
    weight = nn.Parameter(torch.ones(1))
    member = Member(torch.optim.SGD([weight]), plan, epochs_from_caller=True)
    optim = OptimScheduler(member, accum_grad=2)
    optim.step(weight.sum(), step_num=1, epoch_num=1)
    optim.discard()  # nobody has said which epoch the next window is in
    assert (optim.get_lr(), weight.grad) == (1.0, None)
