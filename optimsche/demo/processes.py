"""The demo in several processes, as torchrun starts them: each does its share of every window."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn


class Share(NamedTuple):
    """Which micro-batches are this process's: of every ``size``, the one at place ``rank``.

    A window has the same micro-batches in any number of processes, so an update has the same gradient, but for the
    order of sums. Inside an epoch of ``batches`` micro-batches, the last ones may leave some processes without one.

    >>> one, other = Share(0, 2, batches=3), Share(1, 2, batches=3)
    >>> one.steps, [one.place(1), one.place(2)], [other.place(1), other.place(2)]
    (2, [1, 3], [2, 4])
    >>> [one.weight(2), other.weight(2)]  # the epoch has three, and there is no fourth
    [1.0, 0.0]
    """

    rank: int
    size: int
    batches: int

    @property
    def steps(self) -> int:
        """This process's micro-batches in an epoch."""
        return -(-self.batches // self.size)

    def place(self, step: int) -> int:
        """The place in the epoch, from 1, of this process's ``step``-th micro-batch of the epoch."""
        return (step - 1) * self.size + self.rank + 1

    def weight(self, step: int) -> float | None:
        """Its weight in its window: 0 where there is none; None where all processes always have one."""
        if self.batches % self.size == 0:
            return None
        return float(self.place(step) <= self.batches)

    def done(self, step_num: int) -> int:
        """How many micro-batches of the run all processes have done together after ``step_num`` steps."""
        epochs, step = divmod(step_num - 1, self.steps)
        return epochs * self.batches + min((step + 1) * self.size, self.batches)

    def step_of(self, place: int) -> int:
        """The step in which the micro-batch at this place of the run is done; the reverse of :meth:`done`.

        >>> [Share(0, 2, batches=3).step_of(place) for place in (1, 2, 3, 4)]
        [1, 1, 2, 3]
        """
        epochs, rest = divmod(place - 1, self.batches)
        return epochs * self.steps + rest // self.size + 1

    def of_the_last(self, loss: torch.Tensor, step: int) -> float:
        """The loss of the last micro-batch in a step, whichever process had it."""
        if self.size == 1:
            return loss.item()
        own = self.place(step) == min(step * self.size, self.batches)
        found = loss.detach().float() if own else torch.zeros((), device=loss.device)
        dist.all_reduce(found)
        return found.item()


@contextmanager
def joined() -> Iterator[tuple[int, int, torch.device]]:
    """Join the processes that torchrun has started; alone, there is nothing to join.

    Yields:
        The rank of this process, how many there are, and its device: a GPU of its own where there are several processes
        and as many GPUs, else the CPU.
    """
    count = int(os.environ["WORLD_SIZE"]) if dist.is_available() and dist.is_torchelastic_launched() else 1
    if count == 1:
        yield 0, 1, torch.device("cpu")
        return
    with_gpus = torch.cuda.is_available() and torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if with_gpus else torch.device("cpu")
    if with_gpus:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # sums in the same order in every run
        torch.cuda.set_device(device)
    # torchrun hands the same store to the processes that it starts again, with the addresses of the lost ones in it.
    store, rank, count = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    store = dist.PrefixStore(f"start {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)  # type: ignore[attr-defined]
    options: dict[str, Any] = {"store": store, "rank": rank, "world_size": count, "timeout": timedelta(minutes=2)}
    dist.init_process_group("nccl" if with_gpus else "gloo", **options)
    if not leads():
        logging.getLogger("optimsche").setLevel(logging.ERROR)  # what is said once is enough
    try:
        yield rank, count, device
        dist.barrier()  # one that left sooner would take back what is on its way to the others
    finally:
        dist.destroy_process_group()


def leads() -> bool:
    """Whether this process is the one that prints and writes."""
    return os.environ.get("RANK", "0") == "0"


def was_restarted() -> bool:
    """Whether torchrun has started this process again (``--max-restarts``), after one of them had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def wrapped(network: nn.Module, count: int, example: torch.Tensor) -> nn.Module:
    """The network as it is called: in several processes inside DistributedDataParallel.

    After its first backward pass DDP sorts its buckets, and sums in another order. That pass is made here, so that a
    run that goes on from a checkpoint has the bits of one that was never stopped.
    """
    if count == 1:
        return network
    model = nn.parallel.DistributedDataParallel(network)
    model(example).sum().backward()
    model.zero_grad(set_to_none=True)
    return model


def wait_for_all(count: int) -> None:
    """Go on when every process is here."""
    if count > 1:
        dist.barrier()
