"""Uses that come up in real training, each against the loop that one would write by hand."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from optimsche import LossScaler, Member, OptimScheduler, constant, layer_decay, linear, skip_above, without_decay
from optimsche.counting import next_window, window_of
from tests.training.helpers import EncoderDecoder, loss_of, small_model, some_batches, train, train_by_hand
from tests.training.test_mistakes_of_a_step import Lookahead, Tied

PLAN = linear(start=0.5, steps=20)
BATCHES = some_batches(8)

USES = []


def use(*marks):
    """Enter a use into the table: a function that gives parameters as they are with us, and as they are by hand."""

    def enter(function):
        USES.append(pytest.param(function, id=function.__name__, marks=marks))
        return function

    return enter


@pytest.mark.parametrize("compare", USES)
def test_as_by_hand(compare, one_thread):
    ours, by_hand = compare()
    ours, by_hand = ([each.detach() for each in parameters] for parameters in (ours, by_hand))
    torch.testing.assert_close(ours, by_hand, rtol=1e-5, atol=1e-6)


def sgd(parameters, **arguments):
    parameters = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    return torch.optim.SGD(parameters, **{"lr": 0.1, "momentum": 0.9, **arguments})


def adamw(parameters, **arguments):
    parameters = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    return torch.optim.AdamW(parameters, **{"lr": 1.0, **arguments})


def two(build=small_model):
    """A model for us and the same one for the loop by hand."""
    return build(), build()


def by_hand(optimizer, loss, rate, clip=None):
    """One update."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    optimizer.zero_grad()
    loss.backward()
    if clip is not None:
        torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    optimizer.step()


def compared(kind, model, hand, loss=loss_of, clip=None):
    """A run on both sides, an update for each batch."""
    optim, optimizer = OptimScheduler(kind(model), PLAN, grad_clip=clip, model=model), kind(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        with optim.micro_batch(step_num):
            value = loss(model, batch)
        assert optim.step(value, step_num=step_num).updated
        by_hand(optimizer, loss(hand, batch), PLAN(step_num), clip)
    return model.parameters(), hand.parameters()


# -- two networks -----------------------------------------------------------------------------------------------------


class Gan(nn.Module):
    """A generator and a discriminator."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.makes, self.judges = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def judge_loss(self, x):
        softplus = nn.functional.softplus
        return softplus(-self.judges(x)).mean() + softplus(self.judges(self.makes(x).detach())).mean()

    def maker_loss(self, x):
        return nn.functional.softplus(-self.judges(self.makes(x))).mean()

    def forward(self, x):
        return {"judges": self.judge_loss(x), "makes": self.maker_loss(x)}


@use()
def gan_in_turn():
    model, hand = two(Gan)
    optims = {name: OptimScheduler(adamw(getattr(model, name)), PLAN, grad_clip=0.1) for name in ("judges", "makes")}
    optimizers = {name: adamw(getattr(hand, name)) for name in optims}
    for step_num, (x, _) in enumerate(BATCHES, 1):
        for name, loss in (("judges", Gan.judge_loss), ("makes", Gan.maker_loss)):
            optims[name].step(loss(model, x), step_num=step_num)
            by_hand(optimizers[name], loss(hand, x), PLAN(step_num), clip=0.1)
    return model.parameters(), hand.parameters()


@use()
def gan_in_turn_with_own_backward_passes():
    model, hand = two(Gan)
    optims = {name: OptimScheduler(adamw(getattr(model, name)), PLAN, grad_clip=0.1) for name in ("judges", "makes")}
    optimizers = {name: adamw(getattr(hand, name)) for name in optims}
    for step_num, (x, _) in enumerate(BATCHES, 1):
        for name, loss in (("judges", Gan.judge_loss), ("makes", Gan.maker_loss)):
            with optims[name].micro_batch(step_num):
                value = loss(model, x)
            value.backward()
            optims[name].update(step_num=step_num)
            by_hand(optimizers[name], loss(hand, x), PLAN(step_num), clip=0.1)
    return model.parameters(), hand.parameters()


@use()
def gan_at_once():
    model, hand = two(Gan)
    members = {name: Member(adamw(part), PLAN, optim_loss=name) for name, part in model.named_children()}
    optim = OptimScheduler(members, model=model)
    optimizers = {name: adamw(part) for name, part in hand.named_children()}
    for step_num, (x, _) in enumerate(BATCHES, 1):
        optim.step(model(x), step_num=step_num)
        losses = hand(x)
        found = {
            name: torch.autograd.grad(losses[name], list(part.parameters()), retain_graph=True)
            for name, part in hand.named_children()
        }
        for name, optimizer in optimizers.items():
            optimizer.param_groups[0]["lr"] = PLAN(step_num)
            for parameter, gradient in zip(getattr(hand, name).parameters(), found[name], strict=True):
                parameter.grad = gradient
            optimizer.step()
    return model.parameters(), hand.parameters()


@use()
def encoder_in_every_second_update():
    model, hand = two(EncoderDecoder)
    members = {
        "encoder": Member(sgd(model.encoder), PLAN, optim_loss="encoder_loss", step_per_update=2),
        "decoder": Member(sgd(model.decoder), PLAN, optim_loss="decoder_loss"),
    }
    optim = OptimScheduler(members, model=model)
    optimizers = {name: sgd(part) for name, part in hand.named_children()}
    for step_num, batch in enumerate(BATCHES, 1):
        optim.step(model(batch), step_num=step_num)
        losses = hand(batch)
        for name, part in reversed(list(hand.named_children())):
            if name == "decoder" or step_num % 2 == 0:
                own = list(part.parameters())
                for parameter, gradient in zip(
                    own, torch.autograd.grad(losses[f"{name}_loss"], own, retain_graph=True), strict=True
                ):
                    parameter.grad = gradient
        for name, every in (("encoder", 2), ("decoder", 1)):
            if step_num % every == 0:
                optimizers[name].param_groups[0]["lr"] = PLAN(step_num // every)
                optimizers[name].step()
    return model.parameters(), hand.parameters()


@use()
def muon_and_adamw_with_one_norm():
    model, hand = two()

    def split(model):
        matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
        rest = [parameter for parameter in model.parameters() if parameter.dim() < 2]
        return torch.optim.Muon(matrices, lr=1.0), adamw(rest)

    muon, other = split(model)
    optim = OptimScheduler({"muon": Member(muon, PLAN), "adamw": Member(other, PLAN.scale(0.1))}, grad_clip=0.1)
    muon, other = split(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        result = optim.step(loss_of(model, batch), step_num=step_num)
        loss_of(hand, batch).backward()
        norm = torch.nn.utils.clip_grad_norm_(hand.parameters(), 0.1)
        assert result.grad_norm == pytest.approx(float(norm), rel=1e-4)
        for optimizer, rate in ((muon, PLAN(step_num)), (other, 0.1 * PLAN(step_num))):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
        hand.zero_grad()
    return model.parameters(), hand.parameters()


@use()
def sparse_embeddings_beside_a_dense_head():
    def build():
        torch.manual_seed(0)
        return nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Linear(4, 3))

    model, hand = two(build)
    members = {"rows": Member(torch.optim.SparseAdam(model[0].parameters()), PLAN), "head": Member(sgd(model[1]), PLAN)}
    optim = OptimScheduler(members, grad_clip=0.05, accum_grad=2)
    optimizers = torch.optim.SparseAdam(hand[0].parameters()), sgd(hand[1])
    rows = [torch.tensor([n % 7, n % 3, n % 3]) for n in range(8)]
    for step_num, row in enumerate(rows, 1):
        optim.step(model(row).square().mean(), step_num=step_num)
        (hand(row).square().mean() / 2).backward()
        if step_num % 2 == 0:
            hand[0].weight.grad = hand[0].weight.grad.coalesce()
            gradients = [hand[0].weight.grad.values(), *(parameter.grad for parameter in hand[1].parameters())]
            factor = min(0.05 / (float(torch.nn.utils.get_total_norm(gradients)) + 1e-6), 1.0)
            for parameter in hand.parameters():
                parameter.grad.mul_(factor)
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = PLAN(step_num // 2)
                optimizer.step()
            hand.zero_grad()
    return model.parameters(), hand.parameters()


# -- one model, in all its forms --------------------------------------------------------------------------------------


@use()
def plain():
    return compared(sgd, *two(), clip=0.1)


@use()
def foreach():
    return compared(lambda model: adamw(model, foreach=True), *two(), clip=0.1)


@use()
def fused():
    return compared(lambda model: adamw(model, fused=True), *two(), clip=0.1)


@use()
def rate_in_a_tensor():
    model, hand = two()
    rate = torch.tensor(1.0)
    optim, optimizer = OptimScheduler(sgd(model, lr=rate), PLAN), sgd(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        optim.step(loss_of(model, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
        assert optim.optimizer.param_groups[0]["lr"] is rate
    return model.parameters(), hand.parameters()


@use()
def moving_average_of_the_weights():
    model, hand = two()
    averaged, average = (AveragedModel(each, multi_avg_fn=get_ema_multi_avg_fn(0.9)) for each in (model, hand))
    optim, optimizer = OptimScheduler(sgd(model), PLAN, accum_grad=2), sgd(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        if optim.step(loss_of(model, batch), step_num=step_num).updated:
            averaged.update_parameters(model)
    for update in range(4):
        pair = BATCHES[2 * update : 2 * update + 2]
        by_hand(optimizer, sum(loss_of(hand, batch) for batch in pair) / 2, PLAN(update + 1))
        average.update_parameters(hand)
    assert int(averaged.n_averaged) == 4
    return averaged.module.parameters(), average.module.parameters()


@use()
def freezing_and_unfreezing():
    model, hand = two()
    optim, optimizer = OptimScheduler(adamw(model, weight_decay=0.1), PLAN, model=model), adamw(hand, weight_decay=0.1)
    for step_num, batch in enumerate(BATCHES, 1):
        for each in (model, hand):
            each[0].requires_grad_(not 3 <= step_num <= 5)
        optim.step(loss_of(model, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


@use()
def a_backbone_that_joins_later_at_a_tenth_of_the_rate():
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model[2]), PLAN, model=model), sgd(hand[2])
    for step_num, batch in enumerate(BATCHES, 1):
        if step_num == 4:
            optim.optimizer.add_param_group({"params": list(model[0].parameters()), "lr_scale": 0.1})
            optimizer.add_param_group({"params": list(hand[0].parameters()), "scale": 0.1})
        optim.step(loss_of(model, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


@use()
def compiled():
    model, hand = two()
    fast = torch.compile(model, backend="eager")
    rules = {"0.*": {"lr": PLAN, "lr_scale": 0.5}, "2": PLAN}
    optim = OptimScheduler(sgd(fast), schedules=rules, model=fast)
    optimizer = sgd([{"params": hand[0].parameters(), "scale": 0.5}, {"params": hand[2].parameters()}])
    for step_num, batch in enumerate(BATCHES, 1):
        optim.step(loss_of(fast, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


@use()
def tied_weights():
    model, hand = two(Tied)

    def loss(model, batch):
        return nn.functional.cross_entropy(model(torch.arange(5)), torch.tensor([1, 2, 3, 4, 0]))

    return compared(adamw, model, hand, loss, clip=0.1)


@use()
def complex_parameters():
    def build():
        torch.manual_seed(0)
        return nn.Linear(4, 3, dtype=torch.complex64)

    def loss(model, batch):
        return (model(batch[0].to(torch.complex64)) - batch[1]).abs().square().mean()

    return compared(adamw, *two(build), loss, clip=0.1)


@use()
def half_precision_parameters():
    def build():
        return small_model().bfloat16()

    def loss(model, batch):
        return nn.functional.mse_loss(model(batch[0].bfloat16()).float(), batch[1])

    return compared(lambda model: sgd(model, fused=False), *two(build), loss)


@use()
def activation_checkpoints():
    def loss(model, batch):
        return nn.functional.mse_loss(model[2](checkpoint(model[:2], batch[0], use_reentrant=False)), batch[1])

    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model[0]), PLAN, model=model), sgd(hand[0])
    for step_num, batch in enumerate(BATCHES, 1):
        with optim.micro_batch(step_num):
            value = loss(model, batch)
        optim.step(value, step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


@use()
def gradient_penalty():
    def loss(model, batch):
        x = batch[0].clone().requires_grad_()
        output = model(x)
        (slope,) = torch.autograd.grad(output.sum(), x, create_graph=True)
        return nn.functional.mse_loss(output, batch[1]) + (slope.norm(dim=1) - 1).square().mean()

    return compared(adamw, *two(), loss, clip=0.1)


@use()
def two_forward_passes_in_one_micro_batch():
    def loss(model, batch):
        first, second = model(batch[0]), model(batch[0] + 0.1)
        return nn.functional.cross_entropy(first @ second.T, torch.arange(len(first)))

    return compared(adamw, *two(), loss)


@use()
def a_wrapper_like_lookahead():
    return compared(lambda model: Lookahead(sgd(model)), *two(), clip=0.1)


@use()
def rules_for_layers():
    model, hand = two()
    optim = OptimScheduler(sgd(model), schedules=layer_decay(["0", "2"], 0.5, PLAN), model=model, grad_clip=0.1)
    optimizer = sgd([{"params": hand[0].parameters(), "scale": 0.5}, {"params": hand[2].parameters()}])
    for step_num, batch in enumerate(BATCHES, 1):
        optim.step(loss_of(model, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num), clip=0.1)
    return model.parameters(), hand.parameters()


@use()
def no_decay_for_biases():
    model, hand = two()
    optim = OptimScheduler(adamw(model, weight_decay=0.3), schedules=without_decay({"*": PLAN}), model=model)
    matrices = [parameter for parameter in hand.parameters() if parameter.dim() == 2]
    biases = [parameter for parameter in hand.parameters() if parameter.dim() == 1]
    optimizer = adamw([{"params": matrices}, {"params": biases, "weight_decay": 0.0}], weight_decay=0.3)
    for step_num, batch in enumerate(BATCHES, 1):
        optim.step(loss_of(model, batch), step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


@use()
def losses_by_name():
    model, hand = two(EncoderDecoder)
    optim, optimizer = OptimScheduler(sgd(model), PLAN), sgd(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        losses = model(batch)
        total = losses["decoder_loss"] + 0.1 * losses["encoder_loss"]
        optim.step({"loss": total, **{name: loss.detach() for name, loss in losses.items()}}, step_num=step_num)
        losses = hand(batch)
        by_hand(optimizer, losses["decoder_loss"] + 0.1 * losses["encoder_loss"], PLAN(step_num))
    return model.parameters(), hand.parameters()


# -- windows ----------------------------------------------------------------------------------------------------------


@use()
def accumulation():
    model, hand = two()
    train(OptimScheduler(sgd(model), PLAN, accum_grad=4, grad_clip=0.1), model, BATCHES)
    train_by_hand(sgd(hand), PLAN, hand, BATCHES, accum_grad=4, grad_clip=0.1)
    return model.parameters(), hand.parameters()


@use()
def accumulation_over_tokens():
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model), PLAN, accum_grad=4), sgd(hand)
    batches = [(x[: 1 + n % 5], y[: 1 + n % 5]) for n, (x, y) in enumerate(BATCHES)]
    for step_num, batch in enumerate(batches, 1):
        optim.step(loss_of(model, batch), step_num=step_num, weight=len(batch[0]))
    for update in (1, 2):
        whole = [torch.cat(parts) for parts in zip(*batches[4 * update - 4 : 4 * update], strict=True)]
        by_hand(optimizer, loss_of(hand, whole), PLAN(update))
    return model.parameters(), hand.parameters()


@use()
def unknown_length():
    """The loader says that it is over when it is asked for one more."""
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model), PLAN, accum_grad=3), sgd(hand)
    step_num = 0
    for batch in iter(BATCHES):
        step_num += 1
        optim.step(loss_of(model, batch), step_num=step_num)
    assert optim.update(step_num=step_num, last=True).micro_batches == 2
    assert next_window(step_num, accum_grad=3) == 10
    for update, window in enumerate((BATCHES[:3], BATCHES[3:6], BATCHES[6:]), 1):
        by_hand(optimizer, sum(loss_of(hand, batch) for batch in window) / len(window), PLAN(update))
    return model.parameters(), hand.parameters()


@use()
def growing_batches():
    ramp = {1: 1, 3: 3}
    model, hand = two()
    train(OptimScheduler(sgd(model), PLAN, accum_grad=ramp), model, BATCHES)
    assert window_of(8, ramp).last == 8
    train_by_hand(sgd(hand), PLAN, hand, BATCHES, accum_grad=ramp)
    return model.parameters(), hand.parameters()


@use()
def evaluation_between_micro_batches():
    model, hand = two()
    optim, held = OptimScheduler(sgd(model), PLAN, accum_grad=2), some_batches(1, seed=9)[0]
    for step_num, batch in enumerate(BATCHES, 1):
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        optim.step(loss, step_num=step_num)
        with torch.no_grad():
            loss_of(model.eval(), held)
        torch.autograd.grad(loss_of(model, held), list(model.parameters()))  # a look at its gradients, too
        model.train()
    train_by_hand(sgd(hand), PLAN, hand, BATCHES, accum_grad=2)
    return model.parameters(), hand.parameters()


@use()
def sharpness_aware():
    """Gradients at the weights moved uphill, and an update at the weights where they were."""
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model), PLAN), sgd(hand)

    def moved(model, batch):
        gradients = torch.autograd.grad(loss_of(model, batch), list(model.parameters()))
        factor = 0.05 / torch.nn.utils.get_total_norm(gradients)
        kept = [parameter.detach().clone() for parameter in model.parameters()]
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter += factor * gradient
        return kept

    @torch.no_grad()
    def put_back(model, kept):
        for parameter, value in zip(model.parameters(), kept, strict=True):
            parameter.copy_(value)

    for step_num, batch in enumerate(BATCHES, 1):
        kept = moved(model, batch)
        optim.backward(loss_of(model, batch), step_num=step_num)
        put_back(model, kept)
        assert optim.update(step_num=step_num).updated
        kept = moved(hand, batch)
        optimizer.zero_grad()
        loss_of(hand, batch).backward()
        put_back(hand, kept)
        optimizer.param_groups[0]["lr"] = PLAN(step_num)
        optimizer.step()
    return model.parameters(), hand.parameters()


@use()
def a_first_pass_for_other_purposes():
    """SAM with two backward passes of its own: the gradients of the first are replaced by those of the second."""
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model), PLAN), sgd(hand)
    for step_num, batch in enumerate(BATCHES, 1):
        with optim.micro_batch(step_num):
            loss_of(model, batch).backward()
        optim.optimizer.zero_grad()
        loss_of(model, batch).backward()
        optim.update(step_num=step_num)
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    return model.parameters(), hand.parameters()


# -- what goes wrong, and what is changed on the way ------------------------------------------------------------------


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_overflow_in_the_first_step(fused, momentum, one_thread):
    model, hand = two()
    optim = OptimScheduler(sgd(model, fused=fused, momentum=momentum), PLAN, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=2.0**40)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    results = train(optim, model, BATCHES * 4)
    train_by_hand(sgd(hand, momentum=momentum), PLAN, hand, BATCHES * 4, scaler=scaler, dtype=torch.float16)
    assert results[0].skipped
    assert results[-1].updated
    assert optim.scaler.get_scale() == scaler.get_scale()
    torch.testing.assert_close(list(model.parameters()), list(hand.parameters()))


def skipping(model):
    return OptimScheduler(sgd(model), PLAN, stages=[skip_above(10.0)], grad_clip=0.1)


@use()
def updates_above_a_bound_are_skipped():
    model, hand = two()
    optim, optimizer = skipping(model), sgd(hand)
    for step_num, (x, y) in enumerate(BATCHES, 1):
        factor = 1e4 if step_num in (1, 4) else 1.0
        assert optim.step(factor * loss_of(model, (x, y)), step_num=step_num).skipped == (factor > 1)
        if factor == 1:
            by_hand(optimizer, loss_of(hand, (x, y)), PLAN(step_num), clip=0.1)
    return model.parameters(), hand.parameters()


@use()
def gradients_are_centralised():
    def centralise(gradients):
        for gradient in gradients.tensors():
            if gradient.dim() > 1:
                gradient -= gradient.mean(dim=1, keepdim=True)

    model, hand = two()
    optim = OptimScheduler(sgd(model), PLAN, stages=[centralise], grad_clip=0.1, accum_grad=2)
    train(optim, model, BATCHES)
    optimizer = sgd(hand)
    for update in range(1, 5):
        optimizer.zero_grad()
        (sum(loss_of(hand, batch) for batch in BATCHES[2 * update - 2 : 2 * update]) / 2).backward()
        for parameter in hand.parameters():
            if parameter.dim() > 1:
                parameter.grad -= parameter.grad.mean(dim=1, keepdim=True)
        torch.nn.utils.clip_grad_norm_(hand.parameters(), 0.1)
        optimizer.param_groups[0]["lr"] = PLAN(update)
        optimizer.step()
    return model.parameters(), hand.parameters()


@use()
def another_schedule_in_mid_run():
    model, hand = two()
    optim, optimizer = OptimScheduler(sgd(model), PLAN), sgd(hand)
    other = constant(value=0.05)
    for step_num, batch in enumerate(BATCHES, 1):
        if step_num == 5:
            optim.schedule = other
        assert optim.step(loss_of(model, batch), step_num=step_num).lr == (PLAN if step_num < 5 else other)(step_num)
        by_hand(optimizer, loss_of(hand, batch), (PLAN if step_num < 5 else other)(step_num))
    return model.parameters(), hand.parameters()


@use()
def a_state_loaded_in_mid_run():
    """Back to an earlier state of the same objects, as after a divergence."""
    model, hand = two()
    optim = OptimScheduler(adamw(model), PLAN)
    train(optim, model, BATCHES[:4])
    kept = copy.deepcopy((model.state_dict(), optim.state_dict()))
    train(optim, model, BATCHES[:6], start=5)
    model.load_state_dict(kept[0])
    optim.load_state_dict(kept[1])
    train(optim, model, BATCHES, start=5)
    train_by_hand(adamw(hand), PLAN, hand, BATCHES)
    return model.parameters(), hand.parameters()


def as_bytes_and_back(optim):
    return pickle.loads(pickle.dumps(optim))


def copied(copy_of, clip=0.1):
    model, hand = two()
    optim = OptimScheduler(adamw(model), PLAN, model=model, grad_clip=clip, stages=[skip_above(100.0)], accum_grad=2)
    train(optim, model, BATCHES[:4])
    optim = copy_of(optim)
    train(optim, optim.model, BATCHES, start=5)
    train_by_hand(adamw(hand), PLAN, hand, BATCHES, accum_grad=2, grad_clip=0.1)
    return optim.model.parameters(), hand.parameters()


@use()
def a_deep_copy():
    return copied(copy.deepcopy)


@use()
def a_pickle():
    return copied(as_bytes_and_back)


def rules_copied(copy_of):
    model, hand = two()
    rules = {"0": {"lr": PLAN, "lr_scale": 0.5}, "*": PLAN}
    optim = copy_of(OptimScheduler(sgd(model), schedules=rules, model=model))
    model = optim.model
    optimizer = sgd([{"params": hand[0].parameters(), "scale": 0.5}, {"params": hand[2].parameters()}])
    for step_num, batch in enumerate(BATCHES, 1):
        assert optim.step(loss_of(model, batch), step_num=step_num).updated
        by_hand(optimizer, loss_of(hand, batch), PLAN(step_num))
    assert len(optim.optimizer.param_groups) == 2
    return model.parameters(), hand.parameters()


@use()
def a_deep_copy_under_rules():
    return rules_copied(copy.deepcopy)


@use()
def a_pickle_under_rules():
    return rules_copied(as_bytes_and_back)


@use()
def a_mean_over_the_largest_losses():
    """Hard examples only: those of the micro-batch whose loss is above its median."""

    def loss(model, batch):
        each = (model(batch[0]) - batch[1]).square().mean(dim=1)
        return each[each >= each.median()].mean()

    return compared(sgd, *two(), loss)


def test_an_optimizer_that_needs_a_closure_is_refused():
    with pytest.raises(TypeError, match="LBFGS needs a closure"):
        OptimScheduler(torch.optim.LBFGS(small_model().parameters()), PLAN)
