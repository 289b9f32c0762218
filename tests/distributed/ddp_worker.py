"""One of two processes of a DDP run; writes what it saw to a file."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

from optimsche import LossScaler, Member, OptimScheduler, build_optim_sches, cosine
from tests.training.helpers import EncoderDecoder, loss_of, small_model, some_batches

PLAN = cosine(start=0.1, steps=6).warmup(2)
WORLD = 2
OPTIONS: dict[str, Any] = {"accum_grad": 4, "steps_per_epoch": 10, "grad_clip": 0.05}


def batches_of(rank: int) -> list[Any]:
    return some_batches(20 * WORLD)[rank::WORLD]


def counted(model: DistributedDataParallel) -> list[int]:
    """A list that grows by one with each all-reduce of a bucket."""
    calls: list[int] = []

    def hook(state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        calls.append(1)
        return dist.all_reduce(bucket.buffer() / WORLD, async_op=True).get_future().then(lambda f: f.value()[0])

    model.register_comm_hook(None, hook)
    return calls


def train(rank: int, use_amp: Any) -> dict[str, Any]:
    model = DistributedDataParallel(small_model())
    calls = counted(model)
    optim = OptimScheduler(torch.optim.AdamW(model.parameters(), lr=0.1), PLAN, model=model, use_amp=use_amp, **OPTIONS)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=1024.0)
    reduced, updated = [], []
    for step_num, batch in enumerate(batches_of(rank), 1):
        before = len(calls)
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        updated.append(optim.step(loss, step_num=step_num).updated)
        reduced.append(len(calls) - before)
    return {"reduced": reduced, "updated": updated, "weights": flat(model)}


def parts_of(rank: int) -> list[Any]:
    """Micro-batches of 1 to 4 examples, other sizes in each process."""
    return [tuple(part[: (n + rank) % 4 + 1] for part in batch) for n, batch in enumerate(batches_of(rank)[:6])]


def train_weighted(rank: int, kind: str, model: nn.Module | None = None) -> dict[str, Any]:
    """Windows of three micro-batches, each weighted by its number of examples; one drops its part of the second."""
    model = DistributedDataParallel(small_model()) if model is None else model
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), PLAN, model=model, accum_grad=3)
    norms, skipped = [], []
    for step_num, batch in enumerate(parts_of(rank), 1):
        weight = len(batch[0]) if kind == "number" else torch.tensor(float(len(batch[0])))
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        result = optim.step(loss, step_num=step_num, weight=weight)
        if kind == "dropped" and rank == 1 and step_num == 4:
            optim.discard()
        norms.append(result.grad_norm)
        skipped.append(result.skipped)
    whole = isinstance(model, DistributedDataParallel)
    found = {"norms": [norms[2], norms[5]], "skipped": [skipped[2], skipped[5]]}
    return {**found, "weights": flat(model) if whole else None}


def one_nan_skips_everywhere(rank: int) -> dict[str, Any]:
    model = DistributedDataParallel(small_model())
    optim = OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, model=model)
    batches = batches_of(rank)
    loss = loss_of(model, batches[0]) * (float("nan") if rank == 1 else 1.0)
    first = optim.step(loss, step_num=1)
    second = optim.step(loss_of(model, batches[1]), step_num=2)
    return {"skipped": [first.skipped, second.skipped], "weights": flat(model)}


def one_drops_a_window(rank: int, how: str, use_amp: Any = False, model: nn.Module | None = None) -> dict[str, Any]:
    """One process drops the first window of two micro-batches; the other knows nothing of it."""
    model = DistributedDataParallel(small_model()) if model is None else model
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), PLAN, model=model, accum_grad=2, use_amp=use_amp)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=1024.0)
    skipped = []
    for step_num, batch in enumerate(batches_of(rank)[:4], 1):
        here = rank == 1 and step_num == 1
        if here and how == "discard before":
            optim.discard(step_num=1)  # its forward pass failed
            continue
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        if here and how == "fail":
            loss.register_hook(fail)
        try:
            skipped.append(optim.step(loss, step_num=step_num).skipped)
        except RuntimeError:
            skipped.append(False)
        if here and how == "discard":
            optim.discard()
    whole = isinstance(model, DistributedDataParallel)  # otherwise each process has other weights, its shard
    return {"skipped": skipped[-3:], "weights": flat(model) if whole else None}


def fail(gradient: torch.Tensor) -> None:
    raise RuntimeError("boom")


def several(model: nn.Module, use_amp: Any = False, distributed: bool | None = None) -> OptimScheduler:
    """One optimizer for the weights, and one for the biases that takes part in every second window."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    members = {
        "weights": Member(torch.optim.SGD(weights), PLAN, grad_clip=0.05),
        "biases": Member(torch.optim.AdamW(biases, lr=0.1), PLAN, step_per_update=2),
    }
    optim = OptimScheduler(members, model=model, accum_grad=3, use_amp=use_amp, distributed=distributed)
    if use_amp:
        optim.scaler = LossScaler(init_scale=1024.0)
    return optim


def train_several(rank: int, use_amp: Any = False, *, drop: bool = False, shards: bool = False) -> dict[str, Any]:
    """Four windows of two optimizers on one model; in the second, one process may drop its part."""
    model = sharded() if shards else DistributedDataParallel(small_model())
    calls = [] if shards else counted(model)
    optim = several(model, use_amp)
    reduced, norms, skipped = [], [], []
    for step_num, batch in enumerate(batches_of(rank)[:12], 1):
        before = len(calls)
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        results = optim.step(loss, step_num=step_num).members
        if drop and rank == 1 and step_num == 4:
            optim.discard()
        reduced.append(len(calls) - before)
        norms += [result.grad_norm for result in results.values() if result.updated]
        skipped += [result.skipped for result in results.values() if result.updated or result.skipped]
    return {"reduced": reduced, "norms": norms, "skipped": skipped, "weights": [] if shards else flat(model)}


def refusals() -> dict[str, str]:
    model = DistributedDataParallel(EncoderDecoder())
    conf = {"optim_type": "SGD", "updated_modules": "decoder"}
    messages = {}

    def refused(name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except ValueError as error:
            messages[name] = str(error)

    def build(model: nn.Module, parts: Mapping[str, nn.Module], **options: Any) -> OptimScheduler:
        members = {
            name: Member(torch.optim.SGD(part.parameters()), PLAN, optim_loss=options.get(name))
            for name, part in parts.items()
        }
        return OptimScheduler(members, model=model)

    parts = dict(model.module.named_children())
    refused("part", lambda: build_optim_sches({"schedule": "constant(value=0.1)", "conf": conf}, model))
    refused("alone", lambda: build(model, {"decoder": parts["decoder"]}))
    refused("two losses", lambda: build(model, parts, encoder="ctc", decoder="att"))
    fsdp = FullyShardedDataParallel(EncoderDecoder(), device_id=torch.device("cpu"), use_orig_params=True)
    refused("fsdp", lambda: build(fsdp, dict(fsdp.module.named_children())))
    return messages


def sharded() -> nn.Module:
    """The model with its parameters in shards."""
    model = small_model()
    fully_shard(model, mesh=init_device_mesh("cpu", (WORLD,)))
    return model


def train_sharded(rank: int, use_amp: Any) -> dict[str, Any]:
    """The same training with the parameters in shards."""
    model = sharded()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters(), lr=0.1), PLAN, model=model, use_amp=use_amp, **OPTIONS)
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=1024.0)
    norms = []
    for step_num, batch in enumerate(batches_of(rank), 1):
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        norms.append(optim.step(loss, step_num=step_num).grad_norm)
    whole = [parameter.full_tensor() for parameter in model.parameters()]
    return {"norms": norms, "weights": [float(x) for tensor in whole for x in tensor.detach().flatten()]}


def flat(model: nn.Module) -> list[float]:
    return [float(x) for parameter in model.parameters() for x in parameter.detach().flatten()]


CASES: dict[str, Callable[[int], Any]] = {
    "plain": lambda rank: train(rank, False),
    "fp16": lambda rank: train(rank, "fp16"),
    "fully_shard": lambda rank: train_sharded(rank, False),
    "fully_shard fp16": lambda rank: train_sharded(rank, "fp16"),
    "nan": one_nan_skips_everywhere,
    "discard": lambda rank: one_drops_a_window(rank, "discard"),
    "discard fp16": lambda rank: one_drops_a_window(rank, "discard", "fp16"),
    "discard before": lambda rank: one_drops_a_window(rank, "discard before"),
    "fail": lambda rank: one_drops_a_window(rank, "fail"),
    "discard fully_shard": lambda rank: one_drops_a_window(rank, "discard", model=sharded()),
    "weighted number": lambda rank: train_weighted(rank, "number"),
    "weighted tensor": lambda rank: train_weighted(rank, "tensor"),
    "weighted dropped": lambda rank: train_weighted(rank, "dropped"),
    "weighted fully_shard": lambda rank: train_weighted(rank, "number", sharded()),
    "several": train_several,
    "several fp16": lambda rank: train_several(rank, "fp16"),
    "several dropped": lambda rank: train_several(rank, drop=True),
    "several fully_shard": lambda rank: train_several(rank, shards=True),
    "refusals": lambda rank: refusals(),
}
