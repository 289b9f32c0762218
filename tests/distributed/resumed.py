"""Runs that four processes have saved, resumed by any number of them: with the same batches, to the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

from tests.distributed.four_processes import global_run, on, shared
from tests.distributed.two_processes import ddp, fsdp, off, world
from tests.training.helpers import small_model


def resumed(rank: int, kind: str, here: str) -> float:
    """How far a run resumed on this number of processes ends from the one of four that was left alone."""
    model = {"fsdp": fsdp, "ddp": ddp, "plain": small_model}[here]()
    options: dict[str, Any] = {"use_amp": "fp16"} if kind == "fp16" else {}
    optim = global_run(model, rank, world(), **options)
    inner = model.module if here == "ddp" else model
    state = inner.state_dict()
    dcp.load({"model": state, "optim": optim}, checkpoint_id=shared() / kind, no_dist=not dist.is_initialized())
    inner.load_state_dict(state)
    on(optim, model, rank, world(), range(5, 13))
    reference = small_model()
    reference.load_state_dict(torch.load(shared() / f"{kind}.pt"))
    return off(model, reference)


CASES: dict[str, Callable[[int], Any]] = {
    f"resumed, {kind} in {here}": lambda rank, kind=kind, here=here: resumed(rank, kind, here)
    for kind in ("fsdp", "ddp")
    for here in ("fsdp", "ddp")
}
