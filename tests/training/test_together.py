"""Several optimizers on one model: each with its own clip, interval and loss, one scaler, no shared parameter."""

import pytest
import torch
from torch import nn

from optimsche import LossScaler, Member, OptimScheduler, constant, linear
from tests.training.helpers import EncoderDecoder, same, some_batches, weights

PLAN = linear(start=0.5, steps=20)


def pair(model, options=None, **shared):
    members = {
        name: Member(torch.optim.SGD(part.parameters(), lr=0.1), PLAN, **(options or {}).get(name, {}))
        for name, part in model.named_children()
    }
    return OptimScheduler(members, model=model, **shared)


def test_one_backward_pass_and_a_clip_for_each(monkeypatch):
    """One loss feeds both; each is clipped by the norm of its own gradients."""
    passes = []
    honest = torch.autograd.backward
    monkeypatch.setattr(torch.autograd, "backward", lambda *a, **k: (passes.append(1), honest(*a, **k)))
    model, reference = EncoderDecoder(), EncoderDecoder()
    optim = pair(model, {"encoder": {"grad_clip": 1e-2}, "decoder": {"grad_clip": 1e-3}})
    batch = some_batches(1)[0]
    before = {name: weights(part) for name, part in model.named_children()}
    results = optim.step(model(batch)["decoder_loss"], step_num=1)
    assert len(passes) == 1
    reference(batch)["decoder_loss"].backward()
    for name, clip in (("encoder", 1e-2), ("decoder", 1e-3)):
        gradients = [parameter.grad for parameter in getattr(reference, name).parameters()]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        assert results[name].grad_norm == pytest.approx(norm)
        for old, new, gradient in zip(before[name], weights(getattr(model, name)), gradients, strict=True):
            torch.testing.assert_close(old - new, PLAN(1) * gradient * clip / norm, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_losses_and_intervals_of_their_own(use_amp):
    """The encoder follows its loss in every third window, the decoder its own in every one: as written by hand."""
    model, reference = EncoderDecoder(), EncoderDecoder()
    options = {
        "encoder": {"optim_loss": "encoder_loss", "step_per_update": 3},
        "decoder": {"optim_loss": "decoder_loss"},
    }
    optim = pair(model, options, use_amp=use_amp, accum_grad=2)
    if use_amp:
        optim.scaler = LossScaler(init_scale=256.0)
    batches = some_batches(12)
    for step_num, batch in enumerate(batches, 1):
        optim.step(model(batch), step_num=step_num)
    for window in range(6):
        gradients = {}
        for name, part in reference.named_children():
            own = list(part.parameters())
            total = sum(reference(batch)[f"{name}_loss"] for batch in batches[2 * window : 2 * window + 2]) / 2
            gradients[name] = torch.autograd.grad(total, own)
        for name, interval in (("encoder", 3), ("decoder", 1)):
            if (window + 1) % interval == 0:
                for parameter, gradient in zip(getattr(reference, name).parameters(), gradients[name], strict=True):
                    parameter.data -= PLAN((window + 1) // interval) * gradient
    for mine, other in zip(weights(model), weights(reference), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)
    if use_amp:
        assert optim.scaler is not None
        assert optim.scaler.state_dict()["_growth_tracker"] == 6  # one update of the scale in a window


def test_a_parameter_of_two_optimizers_is_refused_by_name():
    model = EncoderDecoder()
    parts = {**dict(model.named_children()), "all": model}
    members = {name: Member(torch.optim.SGD(part.parameters(), lr=0.1), PLAN) for name, part in parts.items()}
    with pytest.raises(ValueError, match=r"'encoder' and 'all' would both update 'encoder.0.weight', 'encoder.0.bias'"):
        OptimScheduler(members, model=model)
    for member in members.values():  # nothing was written
        assert member.optimizer.param_groups[0]["lr"] == 0.1


def test_a_parameter_that_is_added_to_a_second_optimizer_later_is_refused():
    model = EncoderDecoder()
    optim = pair(model)
    optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=1)
    optim.members["decoder"].optimizer.add_param_group({"params": list(model.encoder.parameters())})
    with pytest.raises(ValueError, match="would both update"):
        optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=2)


def test_a_generators_loss_leaves_nothing_in_the_discriminator():
    """The leftover gradient that every hand-written GAN loop has to zero."""
    model = EncoderDecoder()
    optim = pair(model, {"encoder": {"optim_loss": "decoder_loss"}, "decoder": {"optim_loss": "none"}}, accum_grad=2)
    losses = model(some_batches(1)[0])
    zero = sum(parameter.sum() for parameter in model.decoder.parameters()) * 0.0
    optim.step({"decoder_loss": losses["decoder_loss"], "none": zero}, step_num=1)
    assert all(parameter.grad.any() for parameter in model.encoder.parameters())
    assert not any(parameter.grad.any() for parameter in model.decoder.parameters())


def test_every_optimizer_has_its_schedule():
    model = EncoderDecoder()
    optim = pair(model)
    optim.members["decoder"].schedule = constant(value=0.25)
    results = optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=1)
    assert {name: result.lr for name, result in results.members.items()} == {"encoder": PLAN(1), "decoder": 0.25}


@pytest.mark.parametrize("name", ["optimizer", "schedule", "schedules", "optim_loss", "step_per_update", "ft_factor"])
def test_what_each_has_for_itself_is_asked_of_the_member(name):
    optim = pair(EncoderDecoder())
    said = rf"each of several optimizers has its own {name}: optim.members\['encoder'\].{name}"
    with pytest.raises(AttributeError, match=said):
        getattr(optim, name)
    with pytest.raises(AttributeError, match=said):
        setattr(optim, name, getattr(optim.members["encoder"], name))


def test_a_joint_clip_is_by_the_norm_of_all():
    model, reference = EncoderDecoder(), EncoderDecoder()
    optim = pair(model, grad_clip=1e-2)
    batch = some_batches(1)[0]
    before = weights(model)
    results = optim.step(model(batch)["decoder_loss"], step_num=1)
    reference(batch)["decoder_loss"].backward()
    gradients = [parameter.grad for parameter in reference.parameters()]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    assert norm > 1e-2
    assert results.grad_norm == pytest.approx(norm)
    for old, new, gradient in zip(before, weights(model), gradients, strict=True):
        torch.testing.assert_close(old - new, PLAN(1) * gradient * 1e-2 / norm, rtol=1e-3, atol=1e-7)


def test_the_state_of_several_goes_on_to_the_same_bits():
    def begun():
        model = EncoderDecoder()
        members = {
            name: Member(torch.optim.AdamW(part.parameters()), PLAN, optim_loss=f"{name}_loss")
            for name, part in model.named_children()
        }
        return model, OptimScheduler(members, model=model, use_amp="fp16")

    batches = some_batches(6)
    model, optim = begun()
    for step_num in range(1, 4):
        optim.step(model(batches[step_num - 1]), step_num=step_num)
    state, parameters = optim.state_dict(), model.state_dict()
    assert set(state) == {"optimizer", "scaler"}
    assert set(state["optimizer"]) == {"encoder", "decoder"}
    other, resumed = begun()
    other.load_state_dict(parameters)
    resumed.load_state_dict(state)
    for step_num in range(4, 7):
        for each, one in ((model, optim), (other, resumed)):
            one.step(each(batches[step_num - 1]), step_num=step_num)
    assert same(weights(model), weights(other))
    assert same(optim.state_dict(), resumed.state_dict())


def _two_parts(first_dtype, second_dtype):
    torch.manual_seed(0)
    parts = nn.ModuleDict({"a": nn.Linear(4, 4).to(first_dtype), "b": nn.Linear(4, 3).to(second_dtype)})

    def loss(x):
        hidden = parts["a"](x.to(first_dtype))
        return parts["b"](hidden.to(second_dtype)).float().square().mean()

    return parts, loss


def one_for_all(parts, rate, **options):
    members = {
        name: Member(torch.optim.SGD(part.parameters(), lr=0.1), constant(value=rate)) for name, part in parts.items()
    }
    return OptimScheduler(members, **options)


@pytest.mark.parametrize("half_first", [True, False])
def test_optimizers_of_different_precision_on_one_loss_get_their_own_mean(half_first):
    dtypes = (torch.float16, torch.float32) if half_first else (torch.float32, torch.float16)
    parts, loss = _two_parts(*dtypes)
    before = {name: part.weight.detach().clone() for name, part in parts.items()}
    optim = one_for_all(parts, 1.0, accum_grad=4)
    batches = [torch.randn(5, 4, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    mean = sum(loss(x) for x in batches) / 4
    expected = dict(zip(parts, torch.autograd.grad(mean, [part.weight for part in parts.values()]), strict=True))
    for step_num, x in enumerate(batches, 1):
        optim.step(loss(x), step_num=step_num)
    for name, part in parts.items():
        moved = before[name] - part.weight.detach()
        torch.testing.assert_close(moved, expected[name], rtol=2e-2, atol=2e-4)


def test_growing_batches_of_several_optimizers():
    parts, loss = _two_parts(torch.float32, torch.float32)
    optim = one_for_all(parts, 0.1, accum_grad={1: 1, 2: 2})
    closed = []
    for step_num in range(1, 6):
        with optim.micro_batch(step_num):
            value = loss(torch.ones(2, 4))
        closed.append(optim.step(value, step_num=step_num)["a"].closed)
    assert closed == [True, False, True, False, True]


def test_an_observer_is_called_once_per_window_with_the_numbers_of_all():
    parts, loss = _two_parts(torch.float32, torch.float32)
    told = []
    optim = one_for_all(parts, 0.1, accum_grad=2, on_update=lambda numbers, update: told.append((update, numbers)))
    for step_num in range(1, 5):
        optim.step(loss(torch.ones(2, 4)), step_num=step_num)
    assert [update for update, _ in told] == [1, 2]
    for _, numbers in told:
        assert set(numbers) == {
            f"{name}/{key}" for name in "ab" for key in ("lr", "grad_norm", "skipped", "micro_batches", "weight")
        }
        assert numbers["a/lr"] == numbers["b/lr"] == 0.1


def test_numbers_have_the_same_names_in_every_window():
    """Also where only one of several takes part: a logger would have its curves in pieces."""
    model = EncoderDecoder()
    told = []
    optim = pair(model, {"encoder": {"step_per_update": 2}}, on_update=lambda numbers, update: told.append(numbers))
    for step_num, batch in enumerate(some_batches(2), 1):
        optim.step(model(batch)["decoder_loss"], step_num=step_num)
    assert all(name.startswith("decoder/") for name in told[0])
    assert {name for name in told[1] if name.startswith("decoder/")} == set(told[0])


def test_an_observer_that_fails_leaves_every_update_made():
    parts, loss = _two_parts(torch.float32, torch.float32)
    before = {name: part.weight.detach().clone() for name, part in parts.items()}

    def fails(numbers, update):
        raise OSError("disk full")

    optim = one_for_all(parts, 0.1, on_update=fails)
    with pytest.raises(OSError, match="disk full"):
        optim.step(loss(torch.ones(2, 4)), step_num=1)
    assert not any(torch.equal(before[name], part.weight) for name, part in parts.items())
    optim._outcomes.observer = None
    assert optim.step(loss(torch.ones(2, 4)), step_num=2).updated


def test_reentrant_activation_checkpoints_are_refused_where_they_would_be_left_out():
    parts, _ = _two_parts(torch.float32, torch.float32)

    def losses(reentrant):
        x = torch.ones(2, 4, requires_grad=True)
        hidden = torch.utils.checkpoint.checkpoint(parts["a"], x, use_reentrant=reentrant)
        return {"a": hidden.square().mean(), "b": parts["b"](x).square().mean()}

    optim = OptimScheduler(
        torch.optim.SGD(parts["a"].parameters(), lr=0.1), constant(value=0.1), model=parts, optim_loss="a"
    )
    with pytest.raises(ValueError, match="Write checkpoint"):
        optim.step(losses(True), step_num=1)
    assert optim.step(losses(False), step_num=1).updated
