"""A loop of accelerate's; gives the rates in force at each step of the optimizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn
from torch.utils.data import DataLoader

from optimsche import ScheduleLR
from tests.adapters.helpers import PLAN, UPDATES, batches, small_model, watched


def run(
    folder: Path,
    *,
    plan: Any = PLAN,
    updates: int = UPDATES,
    prepared: bool = True,
    accumulate: int = 1,
    save: bool = False,
    load: bool = False,
) -> list[float]:
    AcceleratorState._reset_state()
    GradientState._reset_state()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model: Any = small_model()
    optimizer: Any = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seen = watched(optimizer)
    scheduler: Any = ScheduleLR(optimizer, plan)
    samples = batches(updates * accumulate * accelerator.num_processes)
    loader: Any = DataLoader([(x[0], y[0]) for x, y in samples])
    if prepared:
        model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    else:
        model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
        accelerator.register_for_checkpointing(scheduler)
    if load:
        accelerator.load_state(str(folder / "state"))
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            accelerator.backward(nn.functional.mse_loss(model(inputs), targets))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    if save:
        accelerator.save_state(str(folder / "state"))
    return seen
