"""A training process that kills itself at a given moment, and resumes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch

from optimsche import OptimScheduler, cosine
from optimsche.counting import resume_step
from tests.training.helpers import loss_of, small_model, some_batches

PLAN = cosine(start=0.05, steps=9).warmup(2)
ACCUM_GRAD, MICRO_BATCHES = 3, 9
MOMENTS = ["before forward", "in backward", "after backward", "in the step", "after the update", "in saving"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path, moment: str | None = None, at: int = 0) -> None:
    """Train, save after every micro-batch, and die at a moment of micro-batch ``at``; go on if there is a file."""
    torch.set_num_threads(1)
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, accum_grad=ACCUM_GRAD, grad_clip=0.5)
    path, start = folder / "checkpoint.pt", 1
    if path.exists():
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optim.load_state_dict(state["optim"])
        start = resume_step(state["step_num"], ACCUM_GRAD)
    batches = some_batches(MICRO_BATCHES)
    if moment == "in the step":
        optim.optimizer.register_step_post_hook(lambda *_: die() if at <= step_num else None)
    for step_num in range(start, MICRO_BATCHES + 1):
        now = moment if step_num == at else None
        if now == "before forward":
            die()
        with optim.micro_batch(step_num):
            loss = loss_of(model, batches[step_num - 1])
        if now == "in backward":
            model[0].bias.register_hook(lambda _: die())
        optim.backward(loss, step_num=step_num)
        if now == "after backward":
            die()
        optim.update(step_num=step_num)
        if now == "after the update":
            die()
        save({"model": model.state_dict(), "optim": optim.state_dict(), "step_num": step_num}, path, now == "in saving")
    torch.save([parameter.detach() for parameter in model.parameters()], folder / "weights.pt")


def save(state: dict[str, Any], path: Path, dying: bool) -> None:
    """Write beside and put in place: a file is the old one or the new one, whole."""
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    if dying:
        beside.write_bytes(beside.read_bytes()[:1000])
        die()
    beside.replace(path)
