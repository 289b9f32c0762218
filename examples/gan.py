"""A generative adversarial network: two optimizers, two losses, one forward pass.

    python examples/gan.py

The discriminator learns in every window, the generator in every second one (``step_per_update=2``). Each loss reaches
only the parameters of its own optimizer: the generator's loss leaves no gradient in the discriminator, although it goes
through it. Both backward passes come before both updates.
"""

from __future__ import annotations

import torch
from torch import nn

from optimsche import Member, OptimScheduler, warmup_constant

UPDATES = 600
MEAN, DEVIATION = 3.0, 0.5  # of the numbers to be imitated


class Gan(nn.Module):
    """A generator of numbers, and a discriminator that sees many of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 1))
        self.discriminator = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, real: torch.Tensor, noise: torch.Tensor) -> dict[str, torch.Tensor]:
        """The losses of both, by name."""
        fake = self.generator(noise)
        softplus = nn.functional.softplus
        return {
            "discriminator": softplus(-self.discriminator(real)).mean()
            + softplus(self.discriminator(fake.detach())).mean(),
            "generator": softplus(-self.discriminator(fake)).mean(),
        }


def train(updates: int = UPDATES, seed: int = 0) -> torch.Tensor:
    """Train, and draw numbers from the generator."""
    torch.manual_seed(seed)
    model = Gan()
    members = {
        "discriminator": Member(
            torch.optim.Adam(model.discriminator.parameters(), betas=(0.5, 0.99)),
            warmup_constant(peak=4e-3, warmup_steps=20),
            optim_loss="discriminator",
        ),
        "generator": Member(
            torch.optim.Adam(model.generator.parameters(), betas=(0.5, 0.99)),
            warmup_constant(peak=2e-3, warmup_steps=20),
            optim_loss="generator",
            step_per_update=2,
            grad_clip=1.0,
        ),
    }
    optim = OptimScheduler(members, model=model)
    for step_num in range(1, updates + 1):
        real = MEAN + DEVIATION * torch.randn(128, 1)
        with optim.micro_batch(step_num):
            losses = model(real, torch.randn(128, 4))
        optim.step(losses, step_num=step_num)
    with torch.no_grad():
        drawn: torch.Tensor = model.generator(torch.randn(4096, 4))
    return drawn


if __name__ == "__main__":
    torch.set_num_threads(1)  # so small a model gains nothing from more
    numbers = train()
    print(f"wanted: mean {MEAN:.2f}, deviation {DEVIATION:.2f}")
    print(f"drawn:  mean {numbers.mean():.2f}, deviation {numbers.std():.2f}")
