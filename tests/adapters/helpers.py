"""A plan, the rates that it gives, and what was in force at each step of an optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from optimsche import warmup_cosine

UPDATES = 8
PLAN = warmup_cosine(peak=1e-3, warmup_steps=2, total_steps=UPDATES)
RATES = [PLAN(n) for n in range(1, UPDATES + 1)]
HALVES = [0.5 * rate for rate in RATES]


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))


def batches(number: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(2, 4, generator=generator), torch.randn(2, 1, generator=generator)) for _ in range(number)]


def watched(optimizer: torch.optim.Optimizer, name: str = "lr", group: int = 0) -> list[Any]:
    """A list that gets what a group has with each step of the optimizer, read before any other hook but global ones."""
    seen: list[Any] = []

    def look(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        value = optimizer.param_groups[group][name]
        seen.append(value.item() if isinstance(value, torch.Tensor) else value)

    optimizer.register_step_pre_hook(look)
    return seen


def trained(model: nn.Module, optimizer: torch.optim.Optimizer, updates: int) -> Iterator[int]:
    """Make updates by hand, and say the number of each after its step."""
    for update, (inputs, targets) in enumerate(batches(updates), 1):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
        yield update
