"""The data and the network: 1,797 handwritten digits that come with scikit-learn, and a small convolutional net."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

TEST_IMAGES = 360


def split() -> tuple[torch.utils.data.TensorDataset, torch.Tensor, torch.Tensor]:
    """The training set, and the images and labels of the test set: a fixed fifth, drawn once for all seeds."""
    data: Any = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return torch.utils.data.TensorDataset(images[train], labels[train]), images[test], labels[test]


class ShuffledByEpoch(torch.utils.data.Sampler[int]):
    """An order of the samples that depends on the seed and the epoch alone, so that a resumed run sees it again."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 1

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew; `OptimScheduler.batches` calls this as each epoch begins."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(self.length, generator=torch.Generator().manual_seed(self.seed * 10_007 + self.epoch))
        return iter(order.tolist())

    def __len__(self) -> int:
        return self.length


class Dropout(nn.Module):
    """Dropout that leaves out the same numbers of a sample, whichever process has it.

    Args:
        p: share of the numbers that are left out.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.batch: tuple[int, slice] | None = None  # samples in the whole batch, and those that are here; None: all

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Leave some out, and scale the others up."""
        if self.batch is None or not self.training:
            return nn.functional.dropout(x, self.p, self.training)
        whole, own = self.batch
        factors = nn.functional.dropout(
            torch.ones(whole, *x.shape[1:]), self.p
        )  # drawn on the host, as one process does
        return x * factors[own].to(x.device)


def network(seed: int) -> nn.Sequential:
    """About 60,000 parameters; the same weights for the same seed."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        Dropout(0.25),
        nn.Linear(512, 96),
        nn.ReLU(),
        nn.Linear(96, 10),
    )


def dropout_of(model: nn.Sequential) -> Dropout:
    """The one dropout in it."""
    return next(layer for layer in model if isinstance(layer, Dropout))
