"""What a step answers where a quiet one would train wrongly: it refuses, says so, or does what was meant."""

import math

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from optimsche import LossScaler, Member, NonFiniteError, OptimScheduler, constant, layer_decay, linear
from optimsche.counting import resume_step
from optimsche.lr_finder import range_test
from optimsche.speechain import from_conf
from tests.training.helpers import (
    EncoderDecoder,
    break_gradients,
    loss_of,
    same,
    small_model,
    some_batches,
    train,
    weights,
)
from tests.training.test_windows import mean_gradient

PLAN = linear(start=1.0, steps=10)


def sgd(model, **arguments):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, **arguments})


def built(**options):
    model = small_model()
    return model, OptimScheduler(sgd(model), PLAN, **options)


def boom(*_):
    raise RuntimeError("boom")


# -- what is given and would not be used ------------------------------------------------------------------------------


def test_a_schedule_that_is_never_played_is_refused():
    model = small_model()
    with pytest.raises(ValueError, match=r"schedule=constant\(value=9.0.* would never be played"):
        OptimScheduler(sgd(model), constant(value=9.0), schedules={"*": PLAN}, model=model)
    optim = OptimScheduler(sgd(model), schedules=layer_decay(["0", "2"], 0.5, PLAN), model=model)
    with pytest.raises(ValueError, match=r"would never be played(.|\n)*leave 'lr' out of a rule"):
        optim.schedule = PLAN.scale(0.5)
    assert optim.schedule == PLAN
    assert [group["lr"] for group in optim.optimizer.param_groups] == [0.45, 0.9]


def test_rules_that_leave_nothing_for_the_schedule_are_refused_later_too():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, schedules={"*": {"weight_decay": 0.1}}, model=model)
    with pytest.raises(ValueError, match="would never be played"):
        optim.schedules = {"*": {"lr": constant(value=9.0), "weight_decay": 0.1}}
    assert train(optim, model, some_batches(1))[0].lr == PLAN(1)


def test_a_rate_for_some_parameters_only_says_how_to_go_on():
    model = small_model()
    with pytest.raises(ValueError, match=r"would never be played(.|\n)*schedules=\{\.\.\., '\*': \{\}\}"):
        OptimScheduler(sgd(model), PLAN, schedules={"0.*": 0.1 * PLAN}, model=model)
    optim = OptimScheduler(sgd(model), PLAN, schedules={"0.*": 0.1 * PLAN, "*": {}}, model=model)
    assert [group["lr"] for group in optim.optimizer.param_groups] == pytest.approx([0.09, 0.9])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("scheduler", "the plan is optim.schedule"),
        ("shedule", "did you mean 'schedule'"),
        ("acum_grad", "did you mean 'accum_grad'"),
    ],
)
def test_an_attribute_that_nobody_reads_is_refused(name, answer):
    _, optim = built()
    with pytest.raises(AttributeError, match=answer):
        setattr(optim, name, 2)
    optim.note = "one's own"
    assert optim.note == "one's own"


def test_the_optimizer_comes_first():
    with pytest.raises(TypeError, match=r"OptimScheduler\(optimizer, plan\)"):
        OptimScheduler(PLAN, sgd(small_model()))


def test_a_plan_set_later_is_pointed_out_like_one_at_the_beginning(caplog):
    model = small_model()
    optim = OptimScheduler(torch.optim.Adam(model.parameters(), lr=3e-4), linear(start=3e-4, steps=10))
    assert not caplog.records
    optim.schedule = PLAN
    assert "up to 0.9, and the lr=0.00027 of Adam is not used" in caplog.text


def test_autocast_without_a_forward_pass_in_it_is_said_once(caplog):
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, use_amp="bf16")
    for step_num, batch in enumerate(some_batches(3), 1):
        optim.step(loss_of(model, batch), step_num=step_num)
    assert caplog.text.count("with optim.micro_batch(step_num): loss = ...") == 1
    caplog.clear()
    train(OptimScheduler(sgd(model), PLAN, use_amp="bf16"), model, some_batches(3))
    assert not caplog.records


def test_epochs_in_which_no_micro_batch_came_are_said_once(caplog):
    model, optim = built()
    for _, _, batch in optim.batches(some_batches(2), epochs=3):
        loss_of(model, batch).backward()
    assert caplog.text.count("none of its micro-batches came to optim.step()") == 1
    assert "epoch 1 is over" in caplog.text


def test_one_epoch_in_which_no_micro_batch_came_is_said(caplog):
    _, optim = built()
    assert len(list(optim.batches(some_batches(2), epochs=1))) == 2
    assert "epoch 1 is over" in caplog.text


@pytest.mark.parametrize(("end", "said"), [(0.0, 1), (0.1, 0)])
def test_a_loop_that_goes_on_at_rate_0_is_told_once(end, said, caplog):
    model = small_model()
    optim = OptimScheduler(sgd(model), linear(start=1.0, end=end, steps=3))
    train(optim, model, some_batches(6))
    assert caplog.text.count("ended with update 3 at the rate 0, and this is update 4") == said


def test_the_end_at_rate_0_is_said_whatever_else_is_scheduled(caplog):
    model = small_model()
    rules = {"*": {"weight_decay": constant(value=0.1)}}
    train(OptimScheduler(sgd(model), linear(steps=1), schedules=rules, model=model), model, some_batches(2))
    assert "ended with update 1 at the rate 0" in caplog.text


def test_a_group_that_is_held_at_0_is_no_end_of_the_plan(caplog):
    model = small_model()
    groups = [{"params": model[0].parameters(), "lr_scale": 0.0}, {"params": model[2].parameters()}]
    train(OptimScheduler(torch.optim.SGD(groups, lr=0.1), linear(start=1.0, end=0.1, steps=3)), model, some_batches(6))
    assert "nothing is learned" not in caplog.text


def test_another_optimizer_is_refused():
    model, optim = built()
    with pytest.raises(AttributeError, match="optimizer cannot be exchanged; for another one build another OptimSch"):
        optim.optimizer = sgd(model)
    with pytest.raises(AttributeError, match="optimizer cannot be exchanged"):
        optim.members["main"].optimizer = sgd(model)
    assert train(optim, model, some_batches(1))[0].lr == optim.optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("wrong", [0, 1, None])
def test_last_is_true_or_false_inside_a_window_too(wrong):
    model, optim = built(accum_grad=4)
    batches = some_batches(4)
    train(optim, model, batches[:1])
    for call in (
        lambda: optim.step(loss_of(model, batches[1]), step_num=2, last=wrong),
        lambda: optim.backward(loss_of(model, batches[1]), step_num=2, last=wrong),
        lambda: optim.update(step_num=2, last=wrong),
        lambda: optim.micro_batch(2, last=wrong),
    ):
        with pytest.raises(TypeError, match="last must be True or False"):
            call()
    assert train(optim, model, batches, start=2)[-1].micro_batches == 4


@pytest.mark.parametrize(("accum_grad", "step_num"), [(1, 1), (4, 1), (4, 2), (4, 4)])
def test_an_epoch_that_contradicts_the_count_is_refused(accum_grad, step_num):
    model, optim = built(accum_grad=accum_grad, steps_per_epoch=4)
    batches = some_batches(4)
    train(optim, model, batches[: step_num - 1])
    with pytest.raises(ValueError, match=rf"epoch_num=99.*micro-batch {step_num} is in epoch 1"):
        optim.step(loss_of(model, batches[0]), step_num=step_num, epoch_num=99)
    assert optim.step(loss_of(model, batches[0]), step_num=step_num, epoch_num=1).epoch == 1


def test_halves_of_an_epoch_do_not_contradict_the_count():
    model, optim = built(steps_per_epoch=4)
    results = [
        optim.step(loss_of(model, batch), step_num=n, epoch_num=1 + (n - 1) / 4)
        for n, batch in enumerate(some_batches(6), 1)
    ]
    assert [result.epoch for result in results] == [1, 1.25, 1.5, 1.75, 2, 2.25]


# -- optimizers with a will of their own ------------------------------------------------------------------------------


class Lookahead(torch.optim.Optimizer):
    """Fast weights by another optimizer, whose groups are these; slow ones follow in every second step."""

    def __init__(self, base_optimizer, alpha=0.5):
        self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks = {}, {}
        self._base_optimizer = base_optimizer
        self.param_groups, self.defaults, self.state = base_optimizer.param_groups, base_optimizer.defaults, {}
        self.defaults.update(lookahead_alpha=alpha, lookahead_step=0)
        for group in self.param_groups:
            group.update(lookahead_alpha=alpha, lookahead_step=0)

    @torch.no_grad()
    def step(self, closure=None):
        self._base_optimizer.step(closure)
        for group in self._base_optimizer.param_groups:
            group["lookahead_step"] += 1
            for parameter in group["params"]:
                slow = self._base_optimizer.state[parameter].setdefault("slow", parameter.clone())
                if group["lookahead_step"] % 2 == 0:
                    slow.lerp_(parameter, group["lookahead_alpha"])
                    parameter.copy_(slow)

    def state_dict(self):
        return self._base_optimizer.state_dict()

    def load_state_dict(self, state_dict):
        self._base_optimizer.load_state_dict(state_dict)
        self.param_groups = self._base_optimizer.param_groups


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_what_is_wrapped_in_a_wrapper_steps_with_the_reported_rate_after_a_load(kind):
    def begun():
        model = small_model()
        inner = kind(model.parameters(), lr=0.1)
        return model, inner, OptimScheduler(Lookahead(inner), PLAN)

    batches = some_batches(6)
    straight, _, optim = begun()
    train(optim, straight, batches)
    model, _, optim = begun()
    train(optim, model, batches[:3])
    resumed, inner, again = begun()
    resumed.load_state_dict(model.state_dict())
    again.load_state_dict(optim.state_dict())
    for step_num in (4, 5, 6):
        result = again.step(loss_of(resumed, batches[step_num - 1]), step_num=step_num)
        assert inner.param_groups[0]["lr"] == again.get_lr() == result.lr == PLAN(step_num)
    assert same(weights(resumed), weights(straight))


def test_a_load_that_fails_leaves_a_wrapper_as_it_was():
    model = small_model()
    inner = sgd(model, momentum=0.9)
    optim = OptimScheduler(Lookahead(inner), PLAN, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    train(optim, model, some_batches(2))
    state = optim.state_dict()
    with pytest.raises(ValueError, match="search for one anew"):
        optim.load_state_dict({**state, "scaler": {**state["scaler"], "scale": 0.0}})
    assert optim.optimizer.param_groups is inner.param_groups
    assert train(optim, model, some_batches(3), start=3)[0].lr == inner.param_groups[0]["lr"]


def test_a_warm_up_of_the_optimizers_own_is_pointed_out_once(caplog):
    model = small_model()
    groups = [{"params": part.parameters(), "warmup_steps": 10} for part in (model[0], model[2])]
    OptimScheduler(torch.optim.SGD(groups, lr=0.1), PLAN)
    assert caplog.text.count("SGD has a warm-up of its own, of 10 updates, which multiplies the schedule's rate") == 1
    for group in groups:
        group["warmup_steps"] = 0
    caplog.clear()
    OptimScheduler(torch.optim.SGD(groups, lr=0.1), PLAN)
    assert not caplog.records


class CorrectedDecay(torch.optim.SGD):
    """Weights decay by the rate times its part of the largest, which is the one that the optimizer is built with."""

    def __init__(self, params, lr=1e-3, weight_decay=0.1):
        super().__init__(params, lr)
        self.defaults.update(decay=weight_decay, corrected_weight_decay=True, max_lr_snapshot=lr)
        for group in self.param_groups:
            for name in ("decay", "corrected_weight_decay", "max_lr_snapshot"):
                group.setdefault(name, self.defaults[name])

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["decay"] * group["lr"] ** 2 / group["max_lr_snapshot"])
        super().step(closure)


def after_updates_without_gradients(optim, weight, updates, start=1):
    for step_num in range(start, start + updates):
        optim.step((weight * 0.0).sum(), step_num=step_num)
    return float(weight.detach())


def test_the_largest_rate_that_an_optimizer_keeps_is_the_plans():
    weight = nn.Parameter(torch.ones(1))
    optim = OptimScheduler(CorrectedDecay([weight]), constant(value=5e-3))
    assert after_updates_without_gradients(optim, weight, 100) == pytest.approx((1 - 5e-4) ** 100, rel=1e-4)
    optim.schedule = constant(value=2e-2)
    weight.data.fill_(1.0)
    assert after_updates_without_gradients(optim, weight, 100, 101) == pytest.approx((1 - 2e-3) ** 100, rel=1e-4)


def test_the_largest_rate_is_the_plans_after_a_load_too():
    old, new = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    saved = OptimScheduler(CorrectedDecay([old]), constant(value=1e-3))
    after_updates_without_gradients(saved, old, 1)
    optim = OptimScheduler(CorrectedDecay([new]), constant(value=5e-3))
    optim.load_state_dict(saved.state_dict())
    assert after_updates_without_gradients(optim, new, 100, 2) == pytest.approx((1 - 5e-4) ** 100, rel=1e-4)


# -- gradients that are not there, or are not ours --------------------------------------------------------------------


def test_an_optimizer_of_another_model_ends_the_run(caplog):
    model, other = small_model(), small_model()
    told = []
    optim = OptimScheduler(
        sgd(other), PLAN, max_skips=3, on_update=lambda numbers, update: told.append((update, numbers["skipped"]))
    )
    (batch,) = some_batches(1)
    results = [optim.step(loss_of(model, batch), step_num=n) for n in (1, 2)]
    assert [(result.skipped, result.updated) for result in results] == [(True, False)] * 2
    assert "no parameter of the optimizer has a gradient. Does the loss come from the model that it updates?" in (
        caplog.text
    )
    with pytest.raises(NonFiniteError, match=r"3 updates in a row had no gradients \(max_skips=3\)"):
        optim.step(loss_of(model, batch), step_num=3)
    assert told == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_parameters_that_the_model_no_longer_has_end_the_run():
    model = small_model()
    optim = OptimScheduler(sgd(model), PLAN, model=model, max_skips=2)
    (batch,) = some_batches(1)
    assert optim.step(loss_of(model, batch), step_num=1).updated
    model.load_state_dict(small_model(seed=1).state_dict(), assign=True)
    assert optim.step(loss_of(model, batch), step_num=2).skipped
    with pytest.raises(NonFiniteError, match="2 updates in a row had no gradients"):
        optim.step(loss_of(model, batch), step_num=3)


@pytest.mark.parametrize("weight", [None, 3.0])
def test_a_loop_that_drops_the_gradients_of_its_window(weight):
    model, optim = built(accum_grad=3)
    batches = some_batches(6)
    for step_num in (1, 2, 3):
        if step_num == 1:
            optim.optimizer.zero_grad()  # where a window begins there are none
        optim.step(loss_of(model, batches[step_num - 1]), step_num=step_num, weight=weight)
    optim.step(loss_of(model, batches[3]), step_num=4, weight=weight)
    before = weights(model)
    for _ in range(2):
        optim.optimizer.zero_grad()
        with pytest.raises(ValueError, match=r"window 2 has gathered so far are gone(.|\n)*zero_grad"):
            optim.step(loss_of(model, batches[4]), step_num=5, weight=weight)
    optim.discard()
    train(optim, model, some_batches(9), start=7)
    assert not same(before, weights(model))


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (lambda loss: loss / 4, True),
        (lambda loss: loss.div_(4), True),
        (lambda loss: (loss + 0.1 * loss) / 4, True),
        (lambda loss: {"loss": loss / 4}, True),
        (lambda loss: loss, False),
        (lambda loss: loss / 3, False),
        (lambda loss: loss / 4.5, False),
        (lambda loss: loss * 4, False),
        (lambda loss: loss.expand(4).sum() / 4, False),  # a mean, written out
        (lambda loss: sum([loss, 2 * loss, loss, loss]) / 4, False),
        (lambda loss: loss / torch.tensor([4.0]).requires_grad_(), False),
        (lambda loss: torch.stack([loss, loss]) @ torch.tensor([0.25, 0.25]), False),
    ],
)
def test_a_loss_that_the_loop_has_divided_already_is_said_once(shared, told, caplog):
    model, optim = built(accum_grad=4)
    for step_num, batch in enumerate(some_batches(8), 1):
        optim.step(shared(loss_of(model, batch)), step_num=step_num)
    assert caplog.text.count("its gradient is 4 times too small") == told


def test_a_loss_that_is_divided_by_one_or_in_a_pass_of_the_loop_is_not(caplog):
    model, optim = built()
    optim.step(loss_of(model, some_batches(1)[0]) / 1, step_num=1)
    model, optim = built(accum_grad=4)
    (loss_of(model, some_batches(1)[0]) / 4).backward()
    optim.update(step_num=1)
    model, optim = built(accum_grad=2)
    loss = loss_of(model, some_batches(1)[0])
    optim.step((loss + 2 * loss) / 2, step_num=1)  # as of a real and a fake image
    assert not caplog.text


def test_a_divided_loss_whose_graph_is_used_up_is_answered_by_the_backward_pass():
    model, optim = built(accum_grad=4)
    batches = some_batches(4)
    with optim.micro_batch(1):
        loss = loss_of(model, batches[0]) / 4
    loss.backward()
    with pytest.raises(RuntimeError, match=r"Was loss.backward\(\) called before"):
        optim.step(loss, step_num=1)
    train(optim, model, batches[:3])
    assert optim.step(loss_of(model, batches[3]), step_num=4).micro_batches == 4


def test_what_a_divided_loss_has_saved_is_left_to_its_backward_pass():
    model, optim = built(accum_grad=2)
    kept = {}

    def pack(tensor):
        kept[len(kept)] = tensor
        return len(kept) - 1

    with torch.autograd.graph.saved_tensors_hooks(pack, kept.pop):
        loss = loss_of(model, some_batches(1)[0]) / torch.tensor(2)
    optim.step(loss, step_num=1)


def test_a_window_that_was_cut_short_is_over_for_its_forward_passes_too():
    model, optim = built(accum_grad=4)
    batches = some_batches(8)
    train(optim, model, batches[:1])
    with optim.micro_batch(2, last=True):
        loss = loss_of(model, batches[1])
    assert optim.step(loss, step_num=2).updated
    for step_num in (3, 4):
        with pytest.raises(ValueError, match="was cut short with last=True and is over"):
            train(optim, model, batches[:step_num], start=step_num)
    assert train(optim, model, batches, start=5)[-1].micro_batches == 4


def test_a_forward_pass_of_the_next_window_loses_nothing_of_this_one():
    model, optim = built(accum_grad=4)
    other, alone = built(accum_grad=4)
    batches = some_batches(4)
    train(optim, model, batches[:2])
    with optim.micro_batch(5):
        loss = loss_of(model, batches[2])
    with pytest.raises(ValueError, match="the update before, number 1, was never made"):
        optim.step(loss, step_num=5)
    assert train(optim, model, batches, start=3)[-1].updated
    train(alone, other, batches)
    assert same(weights(model), weights(other))


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_who_takes_part_in_a_window_is_decided_where_it_begins(before, after, caplog):
    model, optim = built(accum_grad=2, step_per_update=before)
    batches = some_batches(4)
    train(optim, model, batches[:1])
    optim.step_per_update = after
    results = train(optim, model, batches, start=2)
    assert [result.closed for result in results] == [before == 1, False, True]
    assert [result.updated for result in results] == [before == 1, False, True]
    assert not caplog.text


def test_parameters_may_be_frozen_and_emptied_inside_of_a_window():
    model, optim = built(accum_grad=2)
    batches = some_batches(2)
    model[2].requires_grad_(False)
    train(optim, model, batches[:1])
    model[0].requires_grad_(False)
    model[2].requires_grad_(True)
    for parameter in model[0].parameters():
        parameter.grad = None
    assert optim.step(loss_of(model, batches[1]), step_num=2).updated


def test_a_loop_that_drops_the_gradients_of_one_optimizer_of_two():
    model = small_model()
    members = {"in": Member(sgd(model[0]), PLAN), "out": Member(sgd(model[2]), PLAN)}
    optim = OptimScheduler(members, model=model, accum_grad=2)
    batches = some_batches(2)
    train(optim, model, batches[:1])
    members["out"].optimizer.zero_grad()
    with pytest.raises(ValueError, match="window 1 has gathered so far are gone"):
        train(optim, model, batches, start=2)


def test_micro_batches_that_leave_no_gradients_are_no_sign_of_a_loop_that_drops_them():
    model, optim = built(accum_grad=3)
    batches = some_batches(3)
    optim.step(loss_of(model, batches[0]), step_num=1, weight=0.0)
    optim.step(torch.ones((), requires_grad=True) * 1.0, step_num=2, weight=1.0)
    assert optim.step(loss_of(model, batches[2]), step_num=3, weight=1.0).updated


def test_one_optimizer_of_several_without_gradients_ends_the_run():
    model, other = EncoderDecoder(), EncoderDecoder()
    members = {"a": Member(sgd(model), PLAN), "b": Member(sgd(other), PLAN)}
    optim = OptimScheduler(members, max_skips=2)
    (batch,) = some_batches(1)
    results = optim.step(model(batch)["decoder_loss"], step_num=1)
    assert (results["a"].updated, results["b"].skipped) == (True, True)
    with pytest.raises(NonFiniteError, match="2 updates of 'b' in a row had no gradients"):
        optim.step(model(batch)["decoder_loss"], step_num=2)


@pytest.mark.parametrize("observer", [None, lambda numbers, update: None])
def test_skips_in_a_row_are_counted_across_the_windows_in_which_an_optimizer_rests(observer):
    model = EncoderDecoder()
    members = {
        "encoder": Member(sgd(model.encoder), PLAN, optim_loss="encoder_loss", step_per_update=2),
        "decoder": Member(sgd(model.decoder), PLAN, optim_loss="decoder_loss"),
    }
    optim = OptimScheduler(members, max_skips=3, on_update=observer)

    def play(step_num):
        losses = model(some_batches(1)[0])
        optim.step({**losses, "encoder_loss": losses["encoder_loss"] * math.nan}, step_num=step_num)

    for step_num in range(1, 6):
        play(step_num)
    with pytest.raises(NonFiniteError, match="3 updates of 'encoder' in a row"):
        play(6)


class Checkpointed(nn.Module):
    """A body whose activations are computed again from some batch on, and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, batch, reentrant):
        x = batch[0].clone().requires_grad_()
        hidden = checkpoint(self.body, x, use_reentrant=True) if reentrant else self.body(x)
        return nn.functional.mse_loss(self.head(hidden), batch[1])


@pytest.mark.parametrize(
    ("accum_grad", "first"),
    [(1, 1), (1, 3), (2, 3), (2, 2), (2, 4)],
)
def test_reentrant_checkpoints_are_refused_whenever_they_begin(accum_grad, first):
    model = Checkpointed()
    optim = OptimScheduler(sgd(model.body), PLAN, accum_grad=accum_grad)
    batches = some_batches(first)
    for step_num in range(1, first):
        optim.step(model(batches[step_num - 1], False), step_num=step_num)
    with pytest.raises(ValueError, match="use_reentrant=False"):
        optim.step(model(batches[-1], True), step_num=first)


def test_two_networks_in_turn_have_the_norms_of_their_own_losses():
    torch.manual_seed(0)
    makes, judges = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optim_m, optim_j = (OptimScheduler(sgd(model), PLAN, accum_grad=2) for model in (makes, judges))

    def judge_loss(x):
        return nn.functional.softplus(-judges(x)).mean() + nn.functional.softplus(judges(makes(x).detach())).mean()

    def maker_loss(x):
        return 50 * nn.functional.softplus(-judges(makes(x))).mean()

    gradients = {}
    for step_num, (x, _) in enumerate(some_batches(6), 1):
        for optim, model, loss_on in ((optim_j, judges, judge_loss), (optim_m, makes, maker_loss)):
            gradients.setdefault(optim, []).append(torch.autograd.grad(loss_on(x), list(model.parameters())))
            result = optim.step(loss_on(x), step_num=step_num)
            if result.closed:
                mean = [(a + b) / 2 for a, b in zip(*gradients.pop(optim), strict=True)]
                assert result.grad_norm == pytest.approx(float(torch.nn.utils.get_total_norm(mean)), rel=1e-5)


def test_a_passing_gradient_is_not_in_the_first_update_of_an_own_backward_pass():
    """The generator's pass goes through the discriminator, before the discriminator's first window begins."""
    torch.manual_seed(0)
    makes, judges = nn.Linear(4, 4), nn.Linear(4, 1)
    x = some_batches(1)[0][0]
    optim_m, optim_j = OptimScheduler(sgd(makes), PLAN), OptimScheduler(sgd(judges), PLAN)
    with optim_m.micro_batch(1):
        loss = 50 * judges(makes(x)).square().mean()
    loss.backward()
    optim_m.update(step_num=1)
    with optim_j.micro_batch(1):
        loss = judges(x).square().mean()
    own = torch.autograd.grad(loss, list(judges.parameters()), retain_graph=True)
    loss.backward()
    assert optim_j.update(step_num=1).grad_norm == pytest.approx(float(torch.nn.utils.get_total_norm(own)))


# -- what is told -----------------------------------------------------------------------------------------------------


def test_a_range_test_reports_the_rates_that_a_plan_has_to_have():
    model = small_model()
    groups = [{"params": model[0].parameters(), "lr_scale": 0.1}, {"params": model[2].parameters()}]
    options = {"start": 1e-3, "end": 1.0, "updates": 10, "stop_at": math.inf}
    test = range_test(torch.optim.SGD(groups, lr=0.1), model, loss_of, some_batches(3), **options)
    assert test.rates[0] == pytest.approx(1e-3)
    assert test.rates[-1] == pytest.approx(1.0)
    assert test.steepest in test.rates


def test_every_groups_rate_is_told_by_name():
    model = small_model()
    groups = [
        {"params": model[0].parameters(), "lr_scale": 0.1, "name": "body"},
        {"params": [model[2].weight], "name": "head"},
        {"params": [model[2].bias]},
    ]
    told = []
    optim = OptimScheduler(
        torch.optim.SGD(groups, lr=0.1), PLAN, on_update=lambda numbers, update: told.append(numbers)
    )
    (result,) = train(optim, model, some_batches(1))
    rates = {"lr/body": pytest.approx(0.09), "lr/head": 0.9, "lr/2": 0.9}
    assert result.hyperparameters == rates
    assert result.lr == optim.get_lr() == pytest.approx(0.09)
    assert {name: value for name, value in told[0].items() if name.startswith("lr/")} == rates
    assert told[0]["lr"] == result.lr


def test_all_that_is_scheduled_is_told_by_the_pattern():
    model = small_model()
    rules = {
        "2": {
            "lr": PLAN,
            "weight_decay": linear(start=0.1, steps=10),
            "betas[0]": linear(start=0.8, end=0.9, steps=10),
        },
        "*": {"lr": PLAN.scale(0.1), "eps": 1e-6},
    }
    told = []
    optim = OptimScheduler(
        torch.optim.AdamW(model.parameters()),
        schedules=rules,
        model=model,
        on_update=lambda numbers, update: told.append(numbers),
    )
    (result,) = train(optim, model, some_batches(1))
    expected = {"lr/2": 0.9, "lr/*": 0.09, "weight_decay/2": 0.09, "betas[0]/2": 0.81}
    assert result.hyperparameters == pytest.approx(expected)
    assert {name: told[0][name] for name in expected} == pytest.approx(expected)
    assert all(type(value) is float for value in told[0].values())


def test_what_several_optimizers_follow_is_told_by_their_names():
    model = EncoderDecoder()
    members = {
        "encoder": Member(sgd(model.encoder), PLAN),
        "decoder": Member(sgd(model.decoder), schedules={"*.weight": PLAN, "*": {"lr": PLAN, "lr_scale": 2.0}}),
    }
    told = []
    optim = OptimScheduler(members, model=model, on_update=lambda numbers, update: told.append(numbers))
    result = optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=1)
    expected = {"encoder/lr": 0.9, "decoder/lr/*.weight": 0.9, "decoder/lr/*": 1.8}
    assert result.hyperparameters == pytest.approx(expected)
    assert {name: told[0][name] for name in expected} == pytest.approx(expected)


def test_rates_inside_a_window_are_those_of_the_new_schedule():
    model, optim = built(accum_grad=3)
    batches = some_batches(3)
    assert optim.step(loss_of(model, batches[0]), step_num=1).lr == PLAN(1)
    optim.schedule = constant(value=5.0)
    assert [result.lr for result in train(optim, model, batches, start=2)] == [5.0, 5.0]
    assert optim.get_lr() == 5.0


def test_a_result_that_was_kept_says_what_was_in_force():
    model, optim = built(accum_grad=4)
    results = train(optim, model, some_batches(3))
    optim.schedule = constant(value=5.0)
    assert [result.lr for result in results] == [PLAN(1)] * 3


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_the_first_parameter_that_is_not_finite_is_named(use_amp, caplog):
    model = small_model()
    for named in (model, None):
        optim = OptimScheduler(sgd(model), PLAN, model=named)
        loss = loss_of(model, some_batches(1)[0]) + (model[2].weight * math.nan).sum()
        optim.step(loss, step_num=1)
        assert f"first in {repr('2.weight') if named else 'parameter 2 of group 0'}" in caplog.text


# -- windows and what comes again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize(("before", "after"), [(8, 4), (4, 6), (8, 3)])
def test_a_window_may_become_another_length_while_it_is_open(before, after, use_amp, caplog):
    model, optim = built(accum_grad=before, use_amp=use_amp)
    if use_amp:
        optim.scaler = LossScaler(init_scale=16.0)
    batches = some_batches(2 * after)
    expected = mean_gradient(model, batches[:after])
    train(optim, model, batches[:2])
    optim.accum_grad = after
    results = train(optim, model, batches, start=3)
    assert [result.closed for result in results] == [n in (after, 2 * after) for n in range(3, 2 * after + 1)]
    assert [(results[n].real_step, results[n].micro_batches) for n in (after - 3, -1)] == [(1, after), (2, after)]
    assert results[after - 3].grad_norm == pytest.approx(expected, rel=1e-3 if use_amp else 1e-5)
    assert not caplog.records


def test_a_window_that_would_have_ended_already_stays_as_it_is():
    model, optim = built(accum_grad=8)
    train(optim, model, some_batches(3))
    for ended in (2, 3):
        with pytest.raises(ValueError, match=r"window 1 is open, from micro-batch 1 to 3"):
            optim.accum_grad = ended
    assert optim.accum_grad == 8
    assert train(optim, model, some_batches(8), start=4)[-1].updated


def test_a_backward_pass_before_the_step_is_answered_with_update():
    model, optim = built()
    loss = loss_of(model, some_batches(1)[0])
    loss.backward()
    with pytest.raises(RuntimeError, match=r"Was loss.backward\(\) called before.*optim.update\(step_num=...\)"):
        optim.step(loss, step_num=1)


@pytest.mark.parametrize("accum_grad", [1, 2])
def test_a_backward_pass_that_failed_may_come_again(accum_grad):
    """Out of memory: the same micro-batch once more, with fewer examples."""
    model, optim = built(accum_grad=accum_grad)
    batches = some_batches(accum_grad)
    smaller = tuple(part[:2] for part in batches[0])
    expected = mean_gradient(model, [smaller, *batches[1:]])
    loss = loss_of(model, batches[0])
    loss.register_hook(boom)
    with pytest.raises(RuntimeError, match="boom"):
        optim.step(loss, step_num=1)
    result = optim.step(loss_of(model, smaller), step_num=1)
    if accum_grad == 2:
        result = optim.step(loss_of(model, batches[1]), step_num=2)
    assert result.grad_norm == pytest.approx(expected, rel=1e-5)


def test_inside_a_window_it_may_come_again_and_the_window_is_lost():
    model, optim = built(accum_grad=3)
    batches = some_batches(6)
    train(optim, model, batches[:1])
    before, loss = weights(model), loss_of(model, batches[1])
    loss.register_hook(boom)
    with pytest.raises(RuntimeError, match="boom"):
        optim.step(loss, step_num=2)
    with pytest.raises(ValueError, match="step_num must rise"):  # the one before has had its update
        optim.update(step_num=1)
    results = train(optim, model, batches, start=2)
    assert [result.skipped for result in results] == [False, True, False, False, False]
    assert results[-1].grad_norm == pytest.approx(mean_gradient_at(before, batches[3:]), rel=1e-5)


def mean_gradient_at(values, batches):
    model = small_model()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.copy_(value)
    return mean_gradient(model, batches)


@pytest.mark.parametrize("way", ["step", "halves", "own pass"])
def test_an_optimizer_step_that_failed_may_come_again(way, monkeypatch):
    model, optim = built()
    (batch,) = some_batches(1)
    expected = mean_gradient(model, [batch])

    def play():
        if way == "step":
            return optim.step(loss_of(model, batch), step_num=1)
        if way == "halves":
            optim.backward(loss_of(model, batch), step_num=1)
        else:
            with optim.micro_batch(1):
                loss_of(model, batch).backward()
        return optim.update(step_num=1)

    with monkeypatch.context() as patch:
        patch.setattr(optim.optimizer, "step", boom)
        with pytest.raises(RuntimeError, match="boom"):
            play()
    result = play()
    assert result.updated
    assert result.grad_norm == pytest.approx(expected)


def test_closing_a_window_that_is_full_does_nothing():
    """A loader of unknown length tells that it is over after the window was closed."""
    told = []
    model, optim = built(accum_grad=4, on_update=lambda numbers, update: told.append(update))
    train(optim, model, some_batches(4))
    before = weights(model)
    result = optim.update(step_num=4, last=True)
    assert (result.closed, result.updated, result.skipped) == (False, False, False)
    assert same(weights(model), before)
    assert told == [1]
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=5).real_step == 2


# -- data -------------------------------------------------------------------------------------------------------------


class StatefulLoader:
    """A loader with a state of its own, as torchdata's: the next pass goes on where the state was saved."""

    def __init__(self, batches):
        self.batches, self.next_iter_state, self.at, self.drawn, self.epochs = batches, None, 0, [], []

    def __len__(self):
        return len(self.batches)

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.next_iter_state = state

    def __iter__(self):
        begin, self.next_iter_state = (self.next_iter_state or {"at": 0})["at"], None
        for at in range(begin, len(self.batches)):
            self.at = at + 1
            self.drawn.append(self.at)
            yield self.batches[at]


def test_a_loader_that_is_at_its_place_is_not_advanced_again():
    loader = StatefulLoader("abcdefghij")
    came = []
    for step_num, _, batch in built()[1].batches(loader, epochs=1):
        came.append(batch)
        if step_num == 4:
            break
    again = StatefulLoader("abcdefghij")
    again.load_state_dict(loader.state_dict())
    rest = list(built()[1].batches(again, epochs=2, start=5))
    assert "".join(came + [batch for _, _, batch in rest]) == 2 * "abcdefghij"
    assert [(step_num, epoch) for step_num, epoch, _ in rest] == [(n, 1 + (n > 10)) for n in range(5, 21)]
    assert again.drawn == [*range(5, 11), *range(1, 11)]
    assert again.epochs == [0, 1]


def test_a_loader_whose_state_is_from_the_end_of_an_epoch_begins_the_next():
    loader = StatefulLoader("abc")
    for step_num, _, _ in built()[1].batches(loader, epochs=2):
        if step_num == 3:
            break
    again = StatefulLoader("abc")
    again.load_state_dict(loader.state_dict())
    assert [batch for _, _, batch in built()[1].batches(again, epochs=2, start=4)] == list("abc")


def test_a_loader_whose_state_is_behind_catches_up():
    """The window that was open is played again, and the loader's state is from inside it or from its beginning."""
    start = resume_step(6, accum_grad=4)
    assert start == 5
    loader = StatefulLoader("abcdefghij")
    assert [batch for _, _, batch in built()[1].batches(loader, epochs=1, start=start)] == list("efghij")


# -- states -----------------------------------------------------------------------------------------------------------


class Foreign(torch.optim.Optimizer):
    """An optimizer of somebody else's: moments of a shape of its own, and a bound that begins at infinity."""

    def __init__(self, params, lr=0.1, rank=1, **more):
        super().__init__(params, {"lr": lr, "rank": rank, **more})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    flat = parameter.grad.reshape(-1)[: group["rank"]]
                    state["exp_avg"] = state.get("exp_avg", torch.zeros_like(flat)).lerp(flat, 0.1)
                    state["best"] = state.get("best", torch.tensor(math.inf))
                    parameter.sub_(parameter.grad, alpha=group["lr"])


class CountsInItsGroups(torch.optim.SGD):
    """An optimizer that keeps its step and a sum of its rates in its groups, as schedule-free ones do."""

    def __init__(self, like):
        super().__init__([parameter for group in like.param_groups for parameter in group["params"]], lr=0.1)
        self.defaults.update(k=0, weight_sum=0.0)
        self.param_groups[0].update(k=0, weight_sum=0.0)

    def step(self, closure=None):
        for group in self.param_groups:
            group["k"] += 1
            group["weight_sum"] += group["lr"]
        return super().step(closure)


def test_valid_states_of_somebody_elses_optimizer_load():
    model = small_model()
    optim = OptimScheduler(Foreign(model.parameters(), rank=3), PLAN)
    train(optim, model, some_batches(2))
    other = small_model()
    newer = OptimScheduler(Foreign(other.parameters(), rank=3, cautious=True), PLAN)
    newer.load_state_dict(optim.state_dict())
    assert newer.optimizer.param_groups[0]["cautious"] is True
    entry = newer.optimizer.state[other[0].weight]
    assert entry["exp_avg"].shape == (3,)
    assert entry["best"] == math.inf
    assert train(newer, other, some_batches(3), start=3)[0].updated


def test_a_parameter_that_never_had_a_gradient_has_no_moments_and_loads():
    def begun():
        model = small_model()
        model[2].requires_grad_(False)
        return model, OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN)

    model, optim = begun()
    train(optim, model, some_batches(2))
    other, again = begun()
    again.load_state_dict(optim.state_dict())
    other[2].requires_grad_(True)
    assert train(again, other, some_batches(3), start=3)[0].updated
    assert again.optimizer.state[other[2].weight]["step"] == 1


def test_one_infinite_number_in_a_moment_is_found():
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN)
    train(optim, model, some_batches(1))
    for value in (math.inf, -math.inf, math.nan):
        state = {"optimizer": {**optim.state_dict()["optimizer"]}, "scaler": None}
        state["optimizer"]["state"] = {
            key: {name: moment.clone() for name, moment in entry.items()}
            for key, entry in state["optimizer"]["state"].items()
        }
        state["optimizer"]["state"][1]["exp_avg"][3] = value
        with pytest.raises(ValueError, match="inf or nan in 'exp_avg' of parameter 1"):
            optim.load_state_dict(state)


def test_hyperparameters_that_a_load_replaces_are_reported(caplog):
    def begun(**arguments):
        model = small_model()
        return model, OptimScheduler(torch.optim.AdamW(model.parameters(), lr=1.0, **arguments), PLAN)

    _, saved = begun(weight_decay=0.01, betas=(0.9, 0.99))
    _, optim = begun(weight_decay=0.5, betas=(0.9, 0.99))
    optim.load_state_dict(saved.state_dict())
    assert caplog.text.count("weight_decay=0.01 (it was built with 0.5)") == 1
    assert "betas" not in caplog.text
    caplog.clear()
    begun(weight_decay=0.01, betas=(0.9, 0.99))[1].load_state_dict(saved.state_dict())
    assert not caplog.records


@pytest.mark.parametrize("wrap", [Lookahead, CountsInItsGroups])
def test_what_an_optimizer_counts_in_its_groups_is_no_hyperparameter(wrap, caplog):
    def begun():
        model = small_model()
        return model, OptimScheduler(wrap(sgd(model)), PLAN)

    model, optim = begun()
    train(optim, model, some_batches(2))
    begun()[1].load_state_dict(optim.state_dict())
    assert not caplog.records


def test_a_rule_decides_against_the_file_and_nothing_is_reported(caplog):
    saved = OptimScheduler(torch.optim.AdamW(small_model().parameters(), weight_decay=0.01), PLAN)
    model = small_model()
    optim = OptimScheduler(
        torch.optim.AdamW(model.parameters()), PLAN, schedules={"*": {"weight_decay": 0.5}}, model=model
    )
    optim.load_state_dict(saved.state_dict())
    assert optim.optimizer.param_groups[0]["weight_decay"] == 0.5
    assert "weight_decay" not in caplog.text


@pytest.mark.parametrize("scaled", [True, False])
def test_a_loss_scale_that_was_loaded_is_not_searched_for(scaled):
    """So that skips count from the first; without a scale in the file the search begins again."""
    model, optim = built(use_amp="fp16", max_skips=2)
    optim.scaler = LossScaler(init_scale=2.0**8)
    train(optim, model, some_batches(1))
    state = optim.state_dict()
    other, again = built(use_amp="fp16", max_skips=2)
    again.load_state_dict(state if scaled else {**state, "scaler": None})
    assert again.step(break_gradients(other), step_num=2).skipped
    if scaled:
        with pytest.raises(NonFiniteError, match="2 updates in a row"):
            again.step(break_gradients(other), step_num=3)
    else:
        assert again.step(break_gradients(other), step_num=3).skipped


# -- names ------------------------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """An embedding whose weight is the head's, too."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding, self.h = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
        self.h.weight = self.embedding.weight

    def forward(self, x):
        return self.h(self.embedding(x))


@pytest.mark.parametrize("pattern", ["h.*", "h", "h.weight", "embedding", "embedding.*", "*.weight"])
def test_a_tied_weight_has_all_its_names_everywhere(pattern):
    model = Tied()
    optim = OptimScheduler(sgd(model), schedules={pattern: PLAN}, model=model)
    assert optim.step(model(torch.arange(3)).square().mean(), step_num=1).updated
    optim = from_conf("SGD", {}, model, PLAN, updated_modules=pattern)
    assert optim.optimizer.param_groups[0]["params"] == [model.h.weight]
