"""What an update asks of the network: collectives and bytes, by kind, and how long the norm of a sharded model takes.

`python -m benchmarks.collectives` counts with 2, 4 and 8 gloo processes on this machine; `--processes 2` with two.
What is counted does not depend on the machine; the times do.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import TCPStore
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from optimsche import OptimScheduler, clip_adaptive, clip_each_group, constant
from optimsche.training.norms import Across

WIDTH, ACCUM_GRAD = 64, 4
KINDS = {"allreduce": "all-reduce", "reduce_scatter_base": "reduce-scatter", "allgather_base": "all-gather"}


class Counting(TorchDispatchMode):
    """Counts the collectives of torch.distributed by kind, also those that DDP begins in a backward pass."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one, and do what was asked."""
        if any(kind is DTensor for kind in types):
            return NotImplemented  # what it does to its shards comes here in turn
        if func.namespace in ("c10d", "_c10d_functional") and "wait" not in str(func):
            kind = str(func).split(".")[1].strip("_")
            self.counts[kind] += 1
            self.bytes[kind] += max((_bytes(each) for each in args), default=0)
        return func(*args, **(kwargs or {}))


def _bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_bytes, value)) if isinstance(value, list | tuple) else 0


def layers(number: int) -> nn.Sequential:
    """A model of so many equal layers, of two parameters each."""
    torch.manual_seed(0)
    return nn.Sequential(*[nn.Linear(WIDTH, WIDTH) for _ in range(number)])


def ddp(number: int) -> nn.Module:
    """In buckets of about two layers."""
    return DistributedDataParallel(layers(number), bucket_cap_mb=2 * 4 * WIDTH * (WIDTH + 1) / 2**20)


def fsdp(number: int) -> nn.Module:
    """Each layer a unit of its own."""
    model = layers(number)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for layer in model:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


ROWS: list[tuple[str, Callable[[int], nn.Module], dict[str, Any], float | None]] = [
    ("DDP", ddp, {}, None),
    ("DDP, weights", ddp, {}, 2.0),
    ("DDP, clipped", ddp, {"grad_clip": 1.0}, None),
    ("fully_shard, no norm", fsdp, {"skip_non_finite": False}, None),
    ("fully_shard", fsdp, {}, None),
    ("fully_shard, clipped", fsdp, {"grad_clip": 1.0}, None),
    ("fully_shard, weights", fsdp, {}, 2.0),
    ("fully_shard, clip_each_group", fsdp, {"grad_clip": clip_each_group(1.0)}, None),
    ("fully_shard, clip_adaptive", fsdp, {"grad_clip": clip_adaptive()}, None),
]


def counted(make: Callable[[int], nn.Module], number: int, options: dict[str, Any], weight: float | None) -> Counting:
    """The collectives of the third update; in the first ones DDP sorts its buckets, and processes agree."""
    model = make(number)
    groups = [{"params": [p for p in model.parameters() if (p.dim() > 1) is big]} for big in (True, False)]
    optim = OptimScheduler(torch.optim.SGD(groups), constant(value=1e-3), model=model, accum_grad=ACCUM_GRAD, **options)
    mode = Counting()
    for step_num in range(1, 3 * ACCUM_GRAD + 1):
        with mode if step_num > 2 * ACCUM_GRAD else nullcontext():
            with optim.micro_batch(step_num):
                loss = model(torch.ones(2, WIDTH)).square().mean()
            optim.step(loss, step_num=step_num, weight=weight)
    return mode


def norms(number: int, rounds: int = 40) -> tuple[float, float, float]:
    """Median seconds of our norm of a sharded model and of torch's, interleaved; and how much they differ."""
    model = fsdp(number)
    model(torch.ones(2, WIDTH)).square().mean().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    across = Across([dist.group.WORLD])
    ours: list[float] = []
    theirs: list[float] = []
    mine = torchs = math.nan
    for _ in range(rounds):
        begin = time.perf_counter()
        mine = across.norms([gradients], 2.0)[0].item()
        between = time.perf_counter()
        torchs = nn.utils.get_total_norm(gradients).full_tensor().item()  # type: ignore[attr-defined]
        ours.append(between - begin)
        theirs.append(time.perf_counter() - between)
    return statistics.median(ours), statistics.median(theirs), abs(mine - torchs) / torchs


def work(rank: int, size: int, port: int) -> None:
    """Count as one of the processes."""
    torch.set_num_threads(1)
    store = TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=120))
    for number in (6, 12):
        for name, make, options, weight in ROWS:
            mode = counted(make, number, options, weight)
            if rank == 0:
                cells = [f"{mode.counts[kind]} ({mode.bytes[kind]:,})" for kind in KINDS]
                print(f"| {size} | {number} | {name} | {' | '.join(cells)} |", flush=True)
    ours, theirs, gap = norms(48)
    if rank == 0:
        print(
            f"norm of 96 sharded tensors, {size} processes: {1e6 * ours:.0f} us; "
            f"get_total_norm().full_tensor(): {1e6 * theirs:.0f} us; ratio {ours / theirs:.2f}, apart {gap:.0e}",
            file=sys.stderr,
        )
    dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collectives", description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4, 8])
    options = parser.parse_args()
    print(f"| processes | layers | of an update of {ACCUM_GRAD} micro-batches | {' | '.join(KINDS.values())} |")
    print("|---:|---:|---|---:|---:|---:|")
    for size in options.processes:
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        torch.multiprocessing.spawn(work, (size, store.port), nprocs=size)  # type: ignore[attr-defined,no-untyped-call]


if __name__ == "__main__":
    main()
