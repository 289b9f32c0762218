"""What is found over parts of a model: norms, clips, states, and how many collectives that takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from benchmarks.collectives import Counting
from optimsche import (
    Member,
    OptimScheduler,
    clip_adaptive,
    clip_each_group,
    clip_norm,
    clip_value,
    constant,
    range_test,
)
from tests.distributed.two_processes import (
    PLAN,
    adamw,
    alone,
    batches_of,
    between,
    ddp,
    flat,
    fsdp,
    off,
    one_step,
    play,
    refusal,
    sgd,
    union,
    world,
)
from tests.training.helpers import loss_of, small_model

CLIPS: dict[str, Any] = {
    "norm": 0.05,
    "value": clip_value(0.01),
    "each group": clip_each_group(0.03),
    "adaptive": clip_adaptive(0.01),
}


def tensor_parallel() -> nn.Module:
    """Two layers cut along two directions, and their last bias whole in each process."""
    model = small_model()
    mesh = init_device_mesh("cpu", (world(),))
    return parallelize_module(model, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})


def half_parallel() -> nn.Module:
    """The first layer on a mesh, the last one plain."""
    model = small_model()
    mesh = init_device_mesh("cpu", (world(),))
    return parallelize_module(model, mesh, {"0": ColwiseParallel(output_layouts=Replicate())})


def some_ignored() -> nn.Module:
    model = small_model()
    fully_shard(model, mesh=init_device_mesh("cpu", (world(),)), ignored_params={model[2].weight, model[0].bias})
    return model


def two_meshes() -> nn.Module:
    """The layers on two meshes of the same processes."""
    model = small_model()
    fully_shard(model[0], mesh=init_device_mesh("cpu", (world(),)))
    fully_shard(model[2], mesh=init_device_mesh("cpu", (world(), 1), mesh_dim_names=("shard", "one"))["shard"])
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], bool]] = {  # and whether its data are split
    "ddp": (ddp, True),
    "fsdp": (fsdp, True),
    "tensor parallel": (tensor_parallel, False),
    "half parallel": (half_parallel, False),
    "some ignored": (some_ignored, True),
    "two meshes": (two_meshes, True),
}


def by_kind(model: nn.Module, kind: type[torch.optim.Optimizer], **options: Any) -> torch.optim.Optimizer:
    """Two groups: weights and biases."""
    groups = [{"params": [p for p in model.parameters() if (p.dim() > 1) is big]} for big in (True, False)]
    return kind(groups, lr=0.1, **options)


def clipped(rank: int, name: str, clip: str) -> Any:
    make, split = MODELS[name]
    model = make()
    optim = OptimScheduler(
        by_kind(model, torch.optim.SGD, momentum=0.9), PLAN, model=model, accum_grad=2, grad_clip=CLIPS[clip]
    )
    norms = [r.grad_norm for r in play(optim, model, batches_of(rank, 6) if split else union(6))]
    reference = small_model()
    single = OptimScheduler(
        by_kind(reference, torch.optim.SGD, momentum=0.9), PLAN, accum_grad=2, grad_clip=CLIPS[clip], distributed=False
    )
    expected = [r.grad_norm for r in play(single, reference, union(6))]
    gaps = [abs(a - b) / b for a, b in zip(norms, expected, strict=True) if b is not None]
    return {"off": off(model, reference), "norms": max(gaps), "between": between(model)}


def inf_norm(rank: int) -> Any:
    model = fsdp()
    optim = OptimScheduler(sgd(model), PLAN, model=model, grad_norm_type=float("inf"), grad_clip=0.01)
    norms = [r.grad_norm for r in play(optim, model, batches_of(rank, 3))]
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, distributed=False, grad_norm_type=float("inf"), grad_clip=0.01)
    expected = [r.grad_norm for r in play(single, reference, union(3))]
    return {"off": off(model, reference), "norms": max(abs(a - b) for a, b in zip(norms, expected, strict=True))}


def fused(rank: int, name: str) -> Any:
    model = MODELS[name][0]()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    optim = OptimScheduler(optimizer, PLAN, model=model, accum_grad=2, grad_clip=0.05)
    play(optim, model, batches_of(rank, 6))

    def plain(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(model.parameters(), fused=True)

    return {"off": off(model, alone(union(6), optimizer=plain, accum_grad=2, grad_clip=0.05))}


def one_nan(rank: int, name: str) -> Any:
    """A gradient of one process is nan: all skip, and go on together."""
    model = MODELS[name][0]()
    optim = OptimScheduler(adamw(model), PLAN, model=model)
    batches = batches_of(rank, 3)
    before = flat(model)
    with optim.micro_batch(1):
        loss = loss_of(model, batches[0])
    skipped = [optim.step(loss * float("nan") if rank == 1 else loss, step_num=1).skipped]
    same = bool((flat(model) == before).all())
    skipped += [one_step(optim, model, batches[n - 1], n).skipped for n in (2, 3)]
    return {"skipped": skipped, "same": same, "between": between(model)}


def two_members(rank: int) -> Any:
    """Two optimizers on one sharded model, each with a clip, and a clip of all."""

    def build(whole: nn.Module, **options: Any) -> OptimScheduler:
        weights, biases = ([p for p in whole.parameters() if (p.dim() > 1) is big] for big in (True, False))
        members = {
            "weights": Member(torch.optim.SGD(weights), PLAN, grad_clip=0.05),
            "biases": Member(torch.optim.AdamW(biases), PLAN),
        }
        return OptimScheduler(members, accum_grad=2, grad_clip=clip_norm(0.06), **options)

    model, reference = fsdp(), small_model()
    play(build(model, model=model), model, batches_of(rank, 6))
    play(build(reference, distributed=False), reference, union(6))
    return {"off": off(model, reference)}


# -- how many collectives ---------------------------------------------------------------------------------------------


def counted(work: Callable[[], Any]) -> dict[str, int]:
    """The collectives in some work, by kind."""
    with Counting() as mode:
        work()
    return dict(mode.counts)


def collectives(rank: int, name: str, **options: Any) -> Any:
    """Of the third update of windows of four micro-batches."""
    model = MODELS[name][0]()
    weight = options.pop("weight", None)
    optim = OptimScheduler(by_kind(model, torch.optim.SGD), PLAN, model=model, accum_grad=4, **options)
    batches = batches_of(rank)

    def update(numbers: range) -> None:
        for n in numbers:
            one_step(optim, model, batches[n - 1], n, **({} if weight is None else {"weight": weight}))

    update(range(1, 9))
    return counted(lambda: update(range(9, 13)))


# -- the rest ---------------------------------------------------------------------------------------------------------


def stages(rank: int, how: str) -> Any:
    """The two layers of a model in two processes, which hand over what is between them."""
    whole = small_model()
    part = whole[:2] if rank == 0 else whole[2:]
    optim = OptimScheduler(sgd(part), PLAN, model=part, accum_grad=2, grad_clip=0.05, distributed=dist.group.WORLD)
    norms, skipped = [], []
    for n, (x, y) in enumerate(union(6), 1):
        if how == "dropped" and rank == 0 and n == 3:
            optim.discard(3)
        bad = how == "nan" and n == 2
        if rank == 0:
            hidden = part(x)
            dist.send(hidden.detach(), 1)
            gradient = torch.zeros_like(hidden)
            dist.recv(gradient, 1)
            hidden.backward(gradient)
        else:
            hidden = torch.zeros(len(x), 8)
            dist.recv(hidden, 0)
            hidden.requires_grad_()
            loss = nn.functional.mse_loss(part(hidden), y) / 2
            loss.backward()
            dist.send(hidden.grad, 0)
            if bad:
                part[0].bias.grad.fill_(float("nan"))
        result = optim.update(step_num=n)
        norms.append(result.grad_norm)
        skipped.append(result.skipped)
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, accum_grad=2, grad_clip=0.05, distributed=False)
    expected = []
    for n, batch in enumerate(union(6), 1):
        loss = loss_of(reference, batch)
        bad = (how == "nan" and n == 2) or (how == "dropped" and n in (3, 4))
        expected.append(single.step(loss * (float("nan") if bad else 1.0), step_num=n).grad_norm)
    same = reference[:2] if rank == 0 else reference[2:]
    gaps = [abs(a - b) for a, b in zip(norms, expected, strict=True) if b is not None and b == b]
    return {"off": off(part, same), "norms": max(gaps), "skipped": skipped}


def tested_range(rank: int, name: str) -> Any:
    model = MODELS[name][0]()
    before = flat(model)
    batches = batches_of(rank, 12)
    test = range_test(sgd(model), model, loss_of, batches, start=1e-3, end=1e3, updates=12)
    return {
        "rates": test.rates,
        "losses": test.losses,
        "steepest": test.steepest,
        "back": bool((flat(model) == before).all()),
    }


def plain_into_shards(rank: int) -> Any:
    reference = small_model()
    single = OptimScheduler(adamw(reference), PLAN, distributed=False)
    play(single, reference, union(2))
    model = fsdp()
    optim = OptimScheduler(adamw(model), PLAN, model=model)
    said = refusal(lambda: optim.load_state_dict(single.state_dict()))
    fits = refusal(lambda: play(optim, model, batches_of(rank, 2)))
    back = refusal(lambda: single.load_state_dict(optim.state_dict()))
    return {"said": said, "fits": fits, "back": back}


def zero_redundancy(rank: int) -> Any:
    from torch.distributed.optim import ZeroRedundancyOptimizer  # which warns of its own imports

    def build(model: nn.Module) -> OptimScheduler:
        zero = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1)
        return OptimScheduler(zero, PLAN, model=model, accum_grad=2)

    model, again = ddp(), ddp()
    optim, resumed = build(model), build(again)
    play(optim, model, batches_of(rank, 4))
    seen = {"off": off(model, alone(union(4), optimizer=adamw, accum_grad=2))}
    seen["unconsolidated"] = refusal(optim.state_dict) if rank == 0 else ""
    optim.optimizer.consolidate_state_dict(to=0)
    states = [optim.state_dict() if rank == 0 else None]
    dist.broadcast_object_list(states, src=0)
    again.load_state_dict(model.state_dict())
    resumed.load_state_dict(states[0])
    for each, wrapped in ((optim, model), (resumed, again)):
        for n in (5, 6, 7, 8):
            one_step(each, wrapped, batches_of(rank)[n - 1], n)
    seen["resumed"] = (flat(model) - flat(again)).abs().max().item()
    other = ddp()
    zero = ZeroRedundancyOptimizer(other.parameters(), torch.optim.AdamW, lr=0.1)
    seen["schedules"] = refusal(
        lambda: OptimScheduler(zero, schedules={"*.bias": {"lr": constant(value=0.1)}, "*": {"lr": PLAN}}, model=other)
    )
    return seen


CASES: dict[str, Callable[[int], Any]] = {
    **{
        f"clip {clip}, {name}": lambda rank, name=name, clip=clip: clipped(rank, name, clip)
        for name in MODELS
        for clip in CLIPS
    },
    "inf-norm": inf_norm,
    "fused, fsdp": lambda rank: fused(rank, "fsdp"),
    "fused, ddp": lambda rank: fused(rank, "ddp"),
    **{f"one nan, {name}": lambda rank, name=name: one_nan(rank, name) for name in ("ddp", "fsdp", "some ignored")},
    "two members": two_members,
    "collectives, ddp": lambda rank: collectives(rank, "ddp"),
    "collectives, ddp, weights": lambda rank: collectives(rank, "ddp", weight=3.0),
    "collectives, fsdp": lambda rank: collectives(rank, "fsdp"),
    "collectives, fsdp, no norm": lambda rank: collectives(rank, "fsdp", skip_non_finite=False),
    "collectives, fsdp, weights": lambda rank: collectives(rank, "fsdp", weight=3.0),
    "collectives, fsdp, each group": lambda rank: collectives(rank, "fsdp", grad_clip=clip_each_group(0.1)),
    "collectives, fsdp, adaptive": lambda rank: collectives(rank, "fsdp", grad_clip=clip_adaptive()),
    "collectives, tensor parallel": lambda rank: collectives(rank, "tensor parallel"),
    **{f"stages, {how}": lambda rank, how=how: stages(rank, how) for how in ("clean", "nan", "dropped")},
    "range test, ddp": lambda rank: tested_range(rank, "ddp"),
    "range test, fsdp": lambda rank: tested_range(rank, "fsdp"),
    "plain into shards": plain_into_shards,
    "zero redundancy": zero_redundancy,
}
