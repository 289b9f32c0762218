"""Muon for the matrices inside a network, AdamW for the rest: two optimizers, one backward pass.

    python examples/muon_adamw.py

Each optimizer has a schedule and a clip of its own. The loss is the same, so its gradients are computed once, and no
weight changes before all of them are there.
"""

from __future__ import annotations

import torch
from torch import nn

from optimsche import Member, OptimScheduler, wsd

UPDATES = 150


def task(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on two interleaved spirals, and which spiral each is on."""
    generator = torch.Generator().manual_seed(seed)
    along = torch.rand(512, generator=generator).sqrt() * 3 * torch.pi
    which = torch.arange(512) % 2
    angle = along + torch.pi * which
    points = torch.stack([angle.cos(), angle.sin()], 1) * along[:, None] / 9
    return points + 0.02 * torch.randn(512, 2, generator=generator), which


def train(updates: int = UPDATES, seed: int = 0) -> list[float]:
    """Train on the spirals; the loss of each update."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)
    )
    inside = [model[2].weight, model[4].weight]
    rest = [parameter for parameter in model.parameters() if all(parameter is not each for each in inside)]

    def plan(peak: float):
        return wsd(peak=peak, warmup_steps=updates // 10, decay_steps=updates // 3, total_steps=updates)

    members = {
        "muon": Member(torch.optim.Muon(inside, momentum=0.9), plan(0.02), grad_clip=1.0),
        "adamw": Member(torch.optim.AdamW(rest, weight_decay=0.0), plan(0.01), grad_clip=5.0),
    }
    optim = OptimScheduler(members, model=model)
    points, which = task(seed)
    losses = []
    for step_num in range(1, updates + 1):
        with optim.micro_batch(step_num):
            loss = nn.functional.cross_entropy(model(points), which)
        results = optim.step(loss, step_num=step_num)
        assert all(result.updated for result in results.members.values())
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)  # so small a model gains nothing from more
    history = train()
    for update in range(0, UPDATES, 25):
        print(f"update {update + 1:4d}: loss {history[update]:.4f}")
    print(f"update {UPDATES:4d}: loss {history[-1]:.4f}")
