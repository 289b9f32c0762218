"""What four processes do: replicas apart, shards that are replicated, meshes of two dimensions, and checkpoints."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from optimsche import LossScaler, OptimScheduler, clip_adaptive
from tests.distributed.meshes import by_kind, counted
from tests.distributed.two_processes import (
    PLAN,
    adamw,
    between,
    closing_dropped_by_one,
    ddp,
    flat,
    fsdp,
    off,
    one_step,
    play,
    sgd,
    weighted,
    world,
)
from tests.training.helpers import small_model, some_batches

SIZE = 8  # examples in a micro-batch of all processes together


def shared() -> Path:
    return Path(os.environ["OPTIMSCHE_SHARED"])


def global_batches(number: int = 12) -> list[Any]:
    generator = torch.Generator().manual_seed(3)
    return [
        (torch.randn(SIZE, 4, generator=generator), torch.randn(SIZE, 3, generator=generator)) for _ in range(number)
    ]


def own_part(batch: Any, rank: int, size: int) -> Any:
    return tuple(x[rank * SIZE // size : (rank + 1) * SIZE // size] for x in batch)


def global_run(model: nn.Module, rank: int, size: int, **options: Any) -> OptimScheduler:
    optim = OptimScheduler(adamw(model), PLAN, model=model, accum_grad=2, grad_clip=0.5, **options)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=1024.0)
    return optim


def on(optim: OptimScheduler, model: nn.Module, rank: int, size: int, numbers: range) -> None:
    for n in numbers:
        one_step(optim, model, own_part(global_batches()[n - 1], rank, size), n)


def saved(rank: int, kind: str) -> Any:
    """A run that is saved after four micro-batches, and one resumed from that on the same number of processes."""
    make: Callable[[], nn.Module] = {"fsdp": fsdp, "ddp": ddp, "fp16": fsdp}[kind]
    options = {"use_amp": "fp16"} if kind == "fp16" else {}
    model = make()
    optim = global_run(model, rank, world(), **options)
    on(optim, model, rank, world(), range(1, 5))
    folder = shared() / kind
    if kind == "ddp":
        dcp.async_save({"model": model.module.state_dict(), "optim": optim}, checkpoint_id=folder).result()
    else:
        dcp.save({"model": model.state_dict(), "optim": optim}, checkpoint_id=folder)
    again = make()
    resumed = global_run(again, rank, world(), **options)
    state = again.module.state_dict() if kind == "ddp" else again.state_dict()
    dcp.load({"model": state, "optim": resumed}, checkpoint_id=folder)
    scale = None if resumed.scaler is None else resumed.scaler.get_scale()
    again.load_state_dict({f"module.{name}": x for name, x in state.items()} if kind == "ddp" else state)
    on(optim, model, rank, world(), range(5, 13))
    on(resumed, again, rank, world(), range(5, 13))
    same, apart = bool((flat(model) == flat(again)).all()), (flat(model) - flat(again)).abs().max().item()
    whole = {name: x.full_tensor() if hasattr(x, "full_tensor") else x for name, x in model.state_dict().items()}
    if rank == 0:
        torch.save({name.removeprefix("module."): x for name, x in whole.items()}, shared() / f"{kind}.pt")
    return {"same": same, "apart": apart, "scale": scale}


def saved_before_the_first_update(rank: int) -> Any:
    """There are no moments yet, and none are made up."""
    model = fsdp()
    optim = global_run(model, rank, world())
    dcp.save({"optim": optim}, checkpoint_id=shared() / "fresh")
    empty = len(optim.optimizer.state)
    again = fsdp()
    resumed = global_run(again, rank, world())
    dcp.load({"optim": resumed}, checkpoint_id=shared() / "fresh")
    on(optim, model, rank, world(), range(1, 5))
    on(resumed, again, rank, world(), range(1, 5))
    return {"empty": empty, "same": bool((flat(model) == flat(again)).all())}


def replicas_apart(rank: int, kind: str) -> Any:
    """Two independent models of two processes each, with weights."""
    if kind == "fsdp":
        model = fsdp(init_device_mesh("cpu", (2, 2), mesh_dim_names=("apart", "shard"))["shard"])
    else:
        groups = [dist.new_group([0, 1]), dist.new_group([2, 3])]
        model = ddp(process_group=groups[rank // 2])
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2)
    mine = range(0, 2) if rank < 2 else range(2, 4)
    data = some_batches(16)
    parts = {each: [tuple(x[: (n + each) % 4 + 1] for x in data[4 * n + each]) for n in range(4)] for each in range(4)}
    for n, part in enumerate(parts[rank], 1):
        one_step(optim, model, part, n, weight=len(part[0]))
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, distributed=False)
    for window in range(2):
        every = [parts[each][n] for each in mine for n in range(2 * window, 2 * window + 2)]
        one_step(single, reference, tuple(torch.cat(x) for x in zip(*every, strict=True)), window + 1)
    return {"off": off(model, reference)}


def replicated_shards() -> nn.Module:
    model = small_model()
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("replicate", "shard"))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model


def sharded_and_parallel() -> nn.Module:
    """Tensor parallel in pairs, and sharded over the two pairs."""
    model = small_model()
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    parallelize_module(model, mesh["tp"], {"0": ColwiseParallel(), "2": RowwiseParallel()})
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh["dp"])
    return model


def of_two_dimensions(rank: int, name: str, clip: Any) -> Any:
    model = {"replicated shards": replicated_shards, "sharded and parallel": sharded_and_parallel}[name]()
    parts, place = (4, rank) if name == "replicated shards" else (2, rank // 2)
    optim = OptimScheduler(
        by_kind(model, torch.optim.SGD, momentum=0.9), PLAN, model=model, accum_grad=2, grad_clip=clip
    )
    for n in range(1, 7):
        one_step(optim, model, own_part(global_batches()[n - 1], place, parts), n, weight=SIZE // parts)
    reference = small_model()
    single = OptimScheduler(
        by_kind(reference, torch.optim.SGD, momentum=0.9), PLAN, accum_grad=2, grad_clip=clip, distributed=False
    )
    play(single, reference, global_batches(6))
    kinds = counted(
        lambda: [
            one_step(optim, model, own_part(global_batches()[n - 1], place, parts), n, weight=SIZE // parts)
            for n in (7, 8)
        ]
    )
    return {"off": off_after(model, reference, single), "collectives": kinds}


def off_after(model: nn.Module, reference: nn.Module, single: OptimScheduler) -> float:
    for n in (7, 8):
        one_step(single, reference, global_batches()[n - 1], n)
    return off(model, reference)


def as_one(rank: int, name: str) -> Any:
    model = {"ddp": ddp, "fsdp": fsdp}[name]()
    optim = global_run(model, rank, world())
    on(optim, model, rank, world(), range(1, 13))
    reference = small_model()
    single = global_run(reference, 0, 1, distributed=False)
    on(single, reference, 0, 1, range(1, 13))
    return {"off": off(model, reference), "between": between(model)}


def one_is_slow(rank: int) -> Any:
    """Nothing depends on who comes first."""
    import time

    model = ddp()
    optim = global_run(model, rank, world())
    for n in range(1, 5):
        if rank == n % world():
            time.sleep(0.2)
        on(optim, model, rank, world(), range(n, n + 1))
    return {"between": between(model)}


def clean_folder(rank: int) -> Any:
    if rank == 0:
        shutil.rmtree(shared(), ignore_errors=True)
        shared().mkdir(parents=True)
    dist.barrier()
    return math.nan


CASES: dict[str, Callable[[int], Any]] = {
    "four: clean folder": clean_folder,
    "four: saved, fsdp": lambda rank: saved(rank, "fsdp"),
    "four: saved, ddp": lambda rank: saved(rank, "ddp"),
    "four: saved, fp16": lambda rank: saved(rank, "fp16"),
    "four: saved before the first update": saved_before_the_first_update,
    "four: replicas apart, fsdp": lambda rank: replicas_apart(rank, "fsdp"),
    "four: replicas apart, ddp": lambda rank: replicas_apart(rank, "ddp"),
    **{
        f"four: {name}, {said}": lambda rank, name=name, clip=clip: of_two_dimensions(rank, name, clip)
        for name in ("replicated shards", "sharded and parallel")
        for said, clip in (("norm", 0.05), ("adaptive", clip_adaptive(0.01)))
    },
    "four: as one, ddp": lambda rank: as_one(rank, "ddp"),
    "four: as one, fsdp": lambda rank: as_one(rank, "fsdp"),
    "four: weighted, ddp": lambda rank: (lambda m: weighted(rank, m, m))(ddp()),
    "four: closing dropped": lambda rank: closing_dropped_by_one(rank, ddp(), "after"),
    "four: one is slow": one_is_slow,
}
