"""The processes of a run that torchrun has started: each has its part of every batch. One process is a team, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Team(NamedTuple):
    """The place of this process in its team."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and shows the progress."""
        return self.rank == 0

    def part(self, whole: int) -> slice:
        """Which of ``whole`` samples are its own.

        >>> [Team(rank, 3).part(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(self.rank * whole // self.size, (self.rank + 1) * whole // self.size)

    def wrap(self, model: nn.Module, example: torch.Tensor) -> nn.Module:
        """The model whose gradients are summed over the team; all begin with the weights of the first.

        After its first backward pass DDP sorts its buckets, and sums in another order. That pass is made here, so that
        a run that goes on from a checkpoint has the bits of one that was never stopped.
        """
        if self.size == 1:
            return model
        wrapped = DistributedDataParallel(model)
        wrapped(example.to(self.device)).sum().backward()
        model.zero_grad(set_to_none=True)
        return wrapped

    def sum(self, number: torch.Tensor) -> float:
        """A number of each, added up."""
        number = number.detach().clone()
        if self.size > 1:
            dist.all_reduce(number)
        return number.item()


def restarted() -> bool:
    """Whether torchrun has started this process again, because one of the team was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextmanager
def gathered() -> Iterator[Team]:
    """The team that torchrun has started; on GPUs, if each process has one, by NCCL, and else by gloo."""
    size = int(os.environ["WORLD_SIZE"]) if dist.is_available() and dist.is_torchelastic_launched() else 1
    if size == 1:
        yield Team()
        return
    local = int(os.environ["LOCAL_RANK"])
    with_gpus = torch.cuda.is_available() and torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device("cuda", local) if with_gpus else torch.device("cpu")
    if with_gpus:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which cuBLAS may add in another order
        torch.cuda.set_device(device)
    # torchrun hands the same store to the processes that it starts again, with the addresses of the lost ones in it.
    store, rank, size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    store = dist.PrefixStore(f"start {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)  # type: ignore[attr-defined]
    options: dict[str, Any] = {"store": store, "rank": rank, "world_size": size, "timeout": timedelta(minutes=2)}
    dist.init_process_group("nccl" if with_gpus else "gloo", **options)
    try:
        yield Team(rank, size, device)
        dist.barrier()  # one that left sooner would take back what is on its way to the others
    finally:
        dist.destroy_process_group()
