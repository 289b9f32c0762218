"""A small model, its batches, and the loop that people write by hand."""

import contextlib
import copy

import torch
from torch import nn

from optimsche.counting import window_of

Batch = tuple[torch.Tensor, torch.Tensor]


def seed_weights(seed):
    """Of the CPU alone: where there is no GPU, torch.manual_seed notes its traceback for one that may come."""
    torch.default_generator.manual_seed(seed)


def small_model(seed=0):
    seed_weights(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


class EncoderDecoder(nn.Module):
    """Two parts and a loss for each; the decoder's loss goes through the encoder."""

    def __init__(self, seed=0):
        super().__init__()
        seed_weights(seed)
        self.encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        self.decoder = nn.Linear(8, 3)

    def forward(self, batch):
        x, y = batch
        hidden = self.encoder(x)
        return {"encoder_loss": (hidden**2).mean(), "decoder_loss": nn.functional.mse_loss(self.decoder(hidden), y)}


def some_batches(number, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(5, 4, generator=generator), torch.randn(5, 3, generator=generator)) for _ in range(number)]


def loss_of(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def train(optim, model, batches, start=1):
    results = []
    for step_num, batch in enumerate(batches[start - 1 :], start):
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        results.append(optim.step(loss, step_num=step_num))
    return results


def train_by_hand(
    optimizer,
    rate,
    model,
    batches,
    *,
    accum_grad=1,
    steps_per_epoch=None,
    grad_clip=None,
    scaler=None,
    dtype=None,
):
    """The usual loop, line by line; returns the norms."""
    norms = []
    for step_num, batch in enumerate(batches, 1):
        window = window_of(step_num, accum_grad, steps_per_epoch)
        with contextlib.nullcontext() if dtype is None else torch.autocast("cpu", dtype=dtype):
            loss = loss_of(model, batch)
        loss = loss / window.size
        (loss if scaler is None else scaler.scale(loss)).backward()
        if step_num != window.last:
            continue
        for group in optimizer.param_groups:
            group["lr"] = rate(window.real_step)
        if scaler is not None:
            scaler.unscale_(optimizer)
        norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        if grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        if scaler is not None:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
        optimizer.zero_grad()
        norms.append(float(norm))
    return norms


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(first, second):
    """Whether two nests of tensors and numbers are equal bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def twin(model):
    return copy.deepcopy(model)


def break_gradients(model, value=float("nan")):
    """A loss whose gradients are ``value`` in every parameter."""
    return sum((parameter * value).sum() for parameter in model.parameters())
