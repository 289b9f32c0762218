"""Several optimizers on one model: each with its own clip, interval and loss, one scaler, no shared parameter."""

import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, constant, linear, micro_batch_all, step_all
from optimsche.training import LossScaler, together
from tests.training.helpers import EncoderDecoder, same, some_batches, weights

PLAN = linear(start=0.5, steps=20)


def pair(model, options=None, **shared):
    return {
        name: OptimScheduler(
            torch.optim.SGD(part.parameters(), lr=0.1), PLAN, model=model, **{**shared, **(options or {}).get(name, {})}
        )
        for name, part in model.named_children()
    }


def test_one_backward_pass_and_a_clip_for_each(monkeypatch):
    """One loss feeds both; each is clipped by the norm of its own gradients."""
    passes = []
    honest = together.run_backward
    monkeypatch.setattr(together, "run_backward", lambda *a, **k: (passes.append(1), honest(*a, **k)))
    model, reference = EncoderDecoder(), EncoderDecoder()
    optims = pair(model, {"encoder": {"grad_clip": 1e-2}, "decoder": {"grad_clip": 1e-3}})
    batch = some_batches(1)[0]
    before = {name: weights(part) for name, part in model.named_children()}
    results = step_all(optims, model(batch)["decoder_loss"], step_num=1)
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
    optims = pair(model, options, use_amp=use_amp, accum_grad=2)
    if use_amp:
        for optim in optims.values():
            optim.scaler = LossScaler(init_scale=256.0)
    batches = some_batches(12)
    for step_num, batch in enumerate(batches, 1):
        losses = model(batch)
        step_all(optims, losses, step_num=step_num)
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
        scaler = optims["encoder"].scaler
        assert optims["decoder"].scaler is scaler
        assert scaler is not None
        assert scaler.state_dict()["_growth_tracker"] == 6  # one update of the scale in a window


@pytest.mark.parametrize(
    "call",
    [
        lambda optims, loss: micro_batch_all(optims, 1).__enter__(),
        lambda optims, loss: step_all(optims, loss, step_num=1),
    ],
)
def test_a_parameter_of_two_optimizers_is_refused_by_name(call):
    model = EncoderDecoder()
    optims = pair(model)
    optims["all"] = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, model=model)
    loss = model(some_batches(1)[0])["decoder_loss"]
    before = weights(model)
    with pytest.raises(ValueError, match=r"'encoder' and 'all' would both update 'encoder.0.weight', 'encoder.0.bias'"):
        call(optims, loss)
    assert same(weights(model), before)


def test_a_parameter_that_is_added_to_a_second_optimizer_later_is_refused():
    model = EncoderDecoder()
    optims = pair(model)
    step_all(optims, model(some_batches(1)[0])["decoder_loss"], step_num=1)
    optims["decoder"].optimizer.add_param_group({"params": list(model.encoder.parameters())})
    with pytest.raises(ValueError, match="would both update"):
        step_all(optims, model(some_batches(1)[0])["decoder_loss"], step_num=2)


def test_a_generators_loss_leaves_nothing_in_the_discriminator():
    """The leftover gradient that every hand-written GAN loop has to zero."""
    model = EncoderDecoder()
    optims = pair(model, {"encoder": {"optim_loss": "decoder_loss"}, "decoder": {"optim_loss": "none"}}, accum_grad=2)
    losses = model(some_batches(1)[0])
    zero = sum(parameter.sum() for parameter in model.decoder.parameters()) * 0.0
    step_all(optims, {"decoder_loss": losses["decoder_loss"], "none": zero}, step_num=1)
    assert all(parameter.grad.any() for parameter in model.encoder.parameters())
    assert not any(parameter.grad.any() for parameter in model.decoder.parameters())


def test_every_optimizer_has_its_schedule():
    model = EncoderDecoder()
    optims = pair(model)
    optims["decoder"].schedule = constant(value=0.25)
    results = step_all(optims, model(some_batches(1)[0])["decoder_loss"], step_num=1)
    assert {name: result.lr for name, result in results.items()} == {"encoder": PLAN(1), "decoder": 0.25}


def _two_parts(first_dtype, second_dtype):
    torch.manual_seed(0)
    parts = nn.ModuleDict({"a": nn.Linear(4, 4).to(first_dtype), "b": nn.Linear(4, 3).to(second_dtype)})

    def loss(x):
        hidden = parts["a"](x.to(first_dtype))
        return parts["b"](hidden.to(second_dtype)).float().square().mean()

    return parts, loss


@pytest.mark.parametrize("half_first", [True, False])
def test_optimizers_of_different_precision_on_one_loss_get_their_own_mean(half_first):
    dtypes = (torch.float16, torch.float32) if half_first else (torch.float32, torch.float16)
    parts, loss = _two_parts(*dtypes)
    before = {name: part.weight.detach().clone() for name, part in parts.items()}
    optims = {
        name: OptimScheduler(torch.optim.SGD(part.parameters(), lr=1.0), constant(value=1.0), accum_grad=4)
        for name, part in parts.items()
    }
    batches = [torch.randn(5, 4, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    mean = sum(loss(x) for x in batches) / 4
    expected = dict(zip(parts, torch.autograd.grad(mean, [part.weight for part in parts.values()]), strict=True))
    for step_num, x in enumerate(batches, 1):
        step_all(optims, loss(x), step_num=step_num)
    for name, part in parts.items():
        moved = before[name] - part.weight.detach()
        torch.testing.assert_close(moved, expected[name], rtol=2e-2, atol=2e-4)


def test_an_optimizer_that_joins_inside_a_window_of_weights_leaves_the_others_right():
    parts, loss = _two_parts(torch.float64, torch.float64)
    before = parts["a"].weight.detach().clone()
    optims = {
        name: OptimScheduler(torch.optim.SGD(part.parameters(), lr=1.0), constant(value=1.0), accum_grad=2)
        for name, part in parts.items()
    }
    first, second = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    (expected,) = torch.autograd.grad((2 * loss(first) + 6 * loss(second)) / 8, [parts["a"].weight])
    step_all({"a": optims["a"]}, loss(first), step_num=1, weight=2)
    step_all(optims, loss(second), step_num=2, weight=torch.tensor(6.0))
    torch.testing.assert_close(before - parts["a"].weight.detach(), expected, rtol=1e-6, atol=1e-9)


def test_growing_batches_of_several_optimizers():
    parts, loss = _two_parts(torch.float32, torch.float32)
    optims = {
        name: OptimScheduler(torch.optim.SGD(part.parameters(), lr=0.1), constant(value=0.1), accum_grad={1: 1, 2: 2})
        for name, part in parts.items()
    }
    closed = []
    for step_num in range(1, 6):
        with micro_batch_all(optims, step_num):
            value = loss(torch.ones(2, 4))
        closed.append(step_all(optims, value, step_num=step_num)["a"].closed)
    assert closed == [True, False, True, False, True]
    optims["b"].accum_grad = {1: 1}
    with pytest.raises(ValueError, match="need the same accum_grad"):
        step_all(optims, loss(torch.ones(2, 4)), step_num=6)


def test_one_optimizer_may_go_on_alone_after_steps_with_others():
    parts, loss = _two_parts(torch.float32, torch.float32)
    optims = {
        name: OptimScheduler(torch.optim.SGD(part.parameters(), lr=0.1), constant(value=0.1), use_amp="fp16")
        for name, part in parts.items()
    }
    step_all(optims, loss(torch.ones(2, 4)), step_num=1)
    scale = optims["a"].scaler.get_scale()
    result = step_all({"a": optims["a"]}, loss(torch.ones(2, 4)), step_num=2)["a"]
    assert result.closed
    assert optims["a"].scaler is not optims["b"].scaler
    assert optims["a"].scaler.get_scale() in (scale, scale / 2)
    optims["b"].scaler = LossScaler(init_scale=4.0)
    assert optims["b"].step(loss(torch.ones(2, 4)), step_num=2).closed


def test_an_observer_that_fails_leaves_the_others_told():
    parts, loss = _two_parts(torch.float32, torch.float32)
    told = []

    def fails(numbers, update):
        raise OSError("disk full")

    observers = {"a": fails, "b": lambda numbers, update: told.append(update)}
    optims = {
        name: OptimScheduler(torch.optim.SGD(part.parameters(), lr=0.1), constant(value=0.1), on_update=observers[name])
        for name, part in parts.items()
    }
    with pytest.raises(OSError, match="disk full"):
        step_all(optims, loss(torch.ones(2, 4)), step_num=1)
    assert told == [1]


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
