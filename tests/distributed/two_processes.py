"""What two processes do wherever gradients are summed, dropped, counted or refused; each case says what it saw."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

from optimsche import (
    OptimScheduler,
    clip_each_group,
    cosine,
)
from tests.distributed.ddp_worker import counted
from tests.training.helpers import loss_of, small_model, some_batches

PLAN = cosine(start=0.1, steps=8)


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def batches_of(rank: int, number: int = 12) -> list[Any]:
    return some_batches(number * world())[rank :: world()]


def union(number: int = 12) -> list[Any]:
    """Each micro-batch of all processes as one."""
    pairs = zip(*(batches_of(rank, number) for rank in range(world())), strict=True)
    return [tuple(torch.cat(parts) for parts in zip(*pair, strict=True)) for pair in pairs]


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.1)


def ddp(**options: Any) -> nn.Module:
    return DistributedDataParallel(small_model(), **options)


def fsdp(mesh: Any = None) -> nn.Module:
    model = small_model()
    mesh = init_device_mesh("cpu", (world(),)) if mesh is None else mesh
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model


def one_step(optim: OptimScheduler, model: nn.Module, batch: Any, n: int, **options: Any) -> Any:
    said = {"last": options["last"]} if "last" in options else {}
    with optim.micro_batch(n, **said):
        loss = loss_of(model, batch)
    return optim.step(loss, step_num=n, **options)


def play(optim: OptimScheduler, model: nn.Module, batches: Sequence[Any], numbers: Sequence[int] = ()) -> list[Any]:
    return [one_step(optim, model, batches[n - 1], n) for n in numbers or range(1, len(batches) + 1)]


def flat(model: nn.Module) -> torch.Tensor:
    whole = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in model.parameters()]
    return torch.cat([p.detach().flatten().double() for p in whole])


def off(model: nn.Module, reference: nn.Module) -> float:
    """How far the parameters are from those of a single process; nan counts as far."""
    gap = (flat(model) - flat(reference)).abs().max().item()
    return gap if math.isfinite(gap) else math.inf


def between(model: nn.Module) -> float:
    """How far the processes have drifted apart."""
    mine = flat(model)
    theirs = mine.clone()
    dist.all_reduce(theirs)
    gap = (theirs / world() - mine).abs().max().item()
    return gap if math.isfinite(gap) else math.inf


def alone(
    batches: Sequence[Any], numbers: Sequence[int] = (), optimizer: Callable[..., Any] = sgd, **options: Any
) -> nn.Module:
    """The model that one process has on all the data."""
    model = small_model()
    optim = OptimScheduler(optimizer(model), PLAN, distributed=False, **{"accum_grad": 4, **options})
    play(optim, model, batches, numbers)
    return model


def refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was refused"


def wrapped_in_parts(rank: int) -> Any:
    """Each layer has a DDP of its own, and each sums once in a window."""
    model = small_model()
    for layer in (0, 2):
        model[layer] = DistributedDataParallel(model[layer])
    summed = [counted(model[0]), counted(model[2])]
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    play(optim, model, batches_of(rank))
    return {
        "summed": [len(calls) for calls in summed],
        "off": off(model, alone(union())),
        "between": between(model),
    }


# -- the end of a window ----------------------------------------------------------------------------------------------


def an_end_said_to_step_alone(rank: int) -> Any:
    model, batches = ddp(), batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    one_step(optim, model, batches[0], 1)
    with optim.micro_batch(2):
        loss = loss_of(model, batches[1])
    said = refusal(lambda: optim.step(loss, step_num=2, last=True))
    return {"said": said}


def a_late_end(rank: int, model: nn.Module) -> Any:
    """The data have ended after two micro-batches of four, which is known only then."""
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    one_step(optim, model, batches[0], 1)
    one_step(optim, model, batches[1], 2)
    try:
        result = optim.update(step_num=2, last=True)
    except ValueError as error:
        optim.discard()
        play(optim, model, batches, range(5, 9))
        return {"said": str(error), "off": off(model, alone(union(), range(5, 9)))}
    play(optim, model, batches, range(5, 9))
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, accum_grad=4, distributed=False)
    one_step(single, reference, union()[0], 1)
    one_step(single, reference, union()[1], 2, last=True)
    play(single, reference, union(), range(5, 9))
    return {"updated": result.updated, "off": off(model, reference), "between": between(model)}


def a_late_end_of_own_passes(rank: int) -> Any:
    model, batches = ddp(), batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    for n in (1, 2):
        with optim.micro_batch(n):
            loss = loss_of(model, batches[n - 1])
        (loss / 2).backward()
        optim.update(step_num=n)
    optim.update(step_num=2, last=True)
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, accum_grad=2, distributed=False)
    play(single, reference, union()[:2])
    return {"off": off(model, reference), "between": between(model)}


def an_end_on_one_rank(rank: int, model: nn.Module) -> Any:
    """One process has two micro-batches for a window, the other four: each counts with its mean."""
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    for n in (1, 2) if rank else (1, 2, 3, 4):
        one_step(optim, model, batches[n - 1], n, **({"last": n == 2} if rank else {}))
    play(optim, model, batches, range(5, 9))
    reference = small_model()
    optimizer = sgd(reference)
    for update, numbers in ((1, ((1, 2, 3, 4), (1, 2))), (2, ((5, 6, 7, 8), (5, 6, 7, 8)))):
        optimizer.zero_grad()
        for each, own in enumerate(numbers):
            for n in own:
                (loss_of(reference, batches_of(each)[n - 1]) / len(own) / 2).backward()
        optimizer.param_groups[0]["lr"] = PLAN(update)
        optimizer.step()
    return {"off": off(model, reference), "between": between(model)}


# -- weights ----------------------------------------------------------------------------------------------------------


def weighted(rank: int, model: nn.Module, given: nn.Module | None, **options: Any) -> Any:
    """Windows of two, each micro-batch weighted by its number of examples: other sizes in each process."""
    optim = OptimScheduler(sgd(model), PLAN, model=given, accum_grad=2, **options)
    parts = [tuple(x[: (n + rank) % 4 + 1] for x in batch) for n, batch in enumerate(batches_of(rank)[:4])]
    for n, part in enumerate(parts, 1):
        one_step(optim, model, part, n, weight=len(part[0]))
    reference = small_model()
    single = OptimScheduler(sgd(reference), PLAN, accum_grad=1, distributed=False)
    for window in range(2):
        every = [
            tuple(x[: (n + each) % 4 + 1] for x in batches_of(each)[n])
            for each in range(world())
            for n in range(2 * window, 2 * window + 2)
        ]
        one_step(single, reference, tuple(torch.cat(x) for x in zip(*every, strict=True)), window + 1)
    return {"off": off(model, reference), "between": between(model)}


def inside_a_wrapper(model: nn.Module) -> nn.Module:
    return nn.Sequential(model)


def weighted_inside(rank: int) -> Any:
    model = nn.Sequential(ddp())
    return weighted(rank, model, model)


def nobody_sums(rank: int) -> Any:
    plain, wrapped = small_model(), ddp()
    seen = {
        "no model": refusal(lambda: OptimScheduler(sgd(wrapped), PLAN)),
        "not wrapped": refusal(lambda: OptimScheduler(sgd(plain), PLAN, model=plain)),
        "apart": refusal(lambda: OptimScheduler(sgd(plain), PLAN, distributed=False)),
        "shards": refusal(lambda: OptimScheduler(sgd(fsdp()), PLAN)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = FullyShardedDataParallel(small_model(), device_id=torch.device("cpu"), use_orig_params=True)
    seen["first fsdp"] = refusal(lambda: OptimScheduler(sgd(old), PLAN, model=old, grad_clip=clip_each_group(0.1)))
    return seen


def weights_on_one_rank(rank: int) -> Any:
    model, batches = ddp(), batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2)
    said = ""
    for n in (1, 2):
        with optim.micro_batch(n):
            loss = loss_of(model, batches[n - 1])
        weight = 3 if rank else None
        said = refusal(lambda loss=loss, n=n, weight=weight: optim.step(loss, step_num=n, weight=weight))
    return {"said": said}


def all_weigh_nothing(rank: int, model: nn.Module) -> Any:
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, skip_non_finite=False)
    before = flat(model).clone()
    optim.log = mock.Mock()
    nothing = one_step(optim, model, batches[0], 1, weight=0)
    changed = float((flat(model) - before).abs().max())
    return {
        "nothing": nothing.updated,
        "said": optim.log.warning.call_args.args[0],
        "changed": changed,
        "next": one_step(optim, model, batches[1], 2, weight=3).updated,
    }


def built_differently(rank: int) -> Any:
    model = ddp()
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2 + rank)
    return {"said": refusal(lambda: optim.micro_batch(1))}


def begun_elsewhere(rank: int) -> Any:
    model = ddp()
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2)
    return {"said": refusal(lambda: optim.micro_batch(1 + 2 * rank))}


# -- windows that are dropped -----------------------------------------------------------------------------------------


def shards_inside(rank: int) -> Any:
    """``fully_shard`` on a part of the model, in one process and in two."""
    seen = {}
    for name, mesh in (("one", DeviceMesh("cpu", [rank])), ("two", init_device_mesh("cpu", (2,)))):
        if name == "one":
            dist.barrier()
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3))
        reference = nn.Sequential(nn.Linear(4, 3))
        reference.load_state_dict(model.state_dict())
        fully_shard(model[0], mesh=mesh)
        optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2)
        data = batches_of(rank) if name == "two" else union()
        play(optim, model, data[:4])
        single = OptimScheduler(sgd(reference), PLAN, accum_grad=2, distributed=False)
        play(single, reference, union()[:4])
        seen[name] = off(model, reference)
    return seen


def loaded_in_mid_window(rank: int, model: nn.Module) -> Any:
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    play(optim, model, batches, range(1, 7))
    optim.load_state_dict(optim.state_dict())
    play(optim, model, batches, range(5, 9))
    return {"off": off(model, alone(union()[:8])), "between": between(model)}


def dropped_by_all(rank: int, model: nn.Module) -> Any:
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    play(optim, model, batches, (1, 2))
    optim.discard(3)
    play(optim, model, batches, range(5, 9))
    return {"off": off(model, alone(union(), range(5, 9))), "between": between(model)}


def closing_dropped_by_one(rank: int, model: nn.Module, moment: str, accum_grad: int = 4, **options: Any) -> Any:
    """One process drops the micro-batch that closes a window, before or after its forward pass."""
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=accum_grad, **options)
    numbers = range(1, 2 * accum_grad + 1) if accum_grad > 1 else range(1, 5)
    closing, said, skipped = 4, "", []
    for n in numbers:
        if rank == 1 and n == closing:
            loss = None
            if moment != "before":
                with optim.micro_batch(n):
                    loss = loss_of(model, batches[n - 1])
            try:
                if moment == "unnamed":
                    optim.discard()
                else:
                    optim.discard(n)
            except ValueError as error:
                said = str(error)
                assert loss is not None
                optim.step(loss * math.nan, step_num=n)
            continue
        skipped.append(one_step(optim, model, batches[n - 1], n).skipped)
    if accum_grad == 1:
        return {"between": between(model), "skipped": skipped}
    gap = off(model, alone(union(), range(5, 9)))
    return {"off": gap, "between": between(model), "skipped": skipped, "said": said}


def left_out_by_one(rank: int) -> Any:
    """One process drops a window and goes on at the next one, although the others make its passes."""
    model, batches = ddp(), batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    play(optim, model, batches, (1, 2))
    if rank == 1:
        optim.discard(3)
    else:
        play(optim, model, batches, (3, 4))
    play(optim, model, batches, range(5, 9))
    return {"off": off(model, alone(union(), range(5, 9))), "between": between(model)}


def own_passes_dropped_by_one(rank: int, model: nn.Module, moment: str) -> Any:
    """The backward passes are the loop's own; one process drops its window."""
    batches = batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    skipped = []
    for n in range(1, 9):
        with optim.micro_batch(n):
            loss = loss_of(model, batches[n - 1])
        if rank == 1 and n == 4 and moment == "closing, before":
            optim.discard(n)
            continue
        (loss / 4).backward()
        if rank == 1 and n == 4 and moment == "closing, after":
            optim.discard(n)
            continue
        if rank == 1 and n == 2 and moment == "inside":
            optim.discard(n)
        skipped.append(optim.update(step_num=n).skipped)
    gap = off(model, alone(union(), range(5, 9)))
    return {"off": gap, "between": between(model), "skipped": skipped}


def a_failure_at_the_end(rank: int, where: str) -> Any:
    """What all wait for fails on one process: it does not go on, and its weights are not used."""
    model, batches = ddp(), batches_of(rank)
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=2)
    one_step(optim, model, batches[0], 1)
    with optim.micro_batch(2):
        loss = loss_of(model, batches[1])
    if rank == 1:

        def boom(*_: Any) -> None:
            raise KeyError("boom")

        hook: Any = None
        if where == "step":
            hook = optim.optimizer.register_step_pre_hook(boom)
        else:
            hook = loss.register_hook(boom)
        failed = refusal(lambda: optim.step(loss, step_num=2))
        hook.remove()
        if where == "backward":
            optim.processes.take_part(0.0)  # or the other process would wait until this one ends
        again = refusal(lambda: optim.micro_batch(3).__enter__())
        return {"failed": failed, "again": again, "update": refusal(lambda: optim.update(step_num=3))}
    if where == "backward":
        loss.backward()
    else:
        optim.step(loss, step_num=2)
    return {}


CASES: dict[str, Callable[[int], Any]] = {
    "wrapped in parts": wrapped_in_parts,
    "an end said to step alone": an_end_said_to_step_alone,
    "a late end, ddp": lambda rank: a_late_end(rank, ddp()),
    "a late end, fsdp": lambda rank: a_late_end(rank, fsdp()),
    "a late end of own passes": a_late_end_of_own_passes,
    "an end on one rank, ddp": lambda rank: an_end_on_one_rank(rank, ddp()),
    "weighted, ddp": lambda rank: (lambda m: weighted(rank, m, m))(ddp()),
    "weighted, inside": weighted_inside,
    "weighted, fsdp": lambda rank: (lambda m: weighted(rank, m, m))(fsdp()),
    "nobody sums": nobody_sums,
    "weights on one rank": weights_on_one_rank,
    "all weigh nothing, ddp": lambda rank: all_weigh_nothing(rank, ddp()),
    "all weigh nothing, fsdp": lambda rank: all_weigh_nothing(rank, fsdp()),
    "built differently": built_differently,
    "begun elsewhere": begun_elsewhere,
    "shards inside": shards_inside,
    "loaded in mid-window, ddp": lambda rank: loaded_in_mid_window(rank, ddp()),
    "loaded in mid-window, fsdp": lambda rank: loaded_in_mid_window(rank, fsdp()),
    "dropped by all, ddp": lambda rank: dropped_by_all(rank, ddp()),
    "dropped by all, fsdp": lambda rank: dropped_by_all(rank, fsdp()),
    "closing dropped before, ddp": lambda rank: closing_dropped_by_one(rank, ddp(), "before"),
    "closing dropped after, ddp": lambda rank: closing_dropped_by_one(rank, ddp(), "after"),
    "closing dropped unnamed, ddp": lambda rank: closing_dropped_by_one(rank, ddp(), "unnamed"),
    "closing dropped, unused": lambda rank: closing_dropped_by_one(rank, ddp(find_unused_parameters=True), "after"),
    "closing dropped, alone in its window": lambda rank: closing_dropped_by_one(rank, ddp(), "before", 1),
    "closing dropped, fp16": lambda rank: closing_dropped_by_one(rank, ddp(), "after", use_amp="fp16"),
    "closing dropped after, fsdp": lambda rank: closing_dropped_by_one(rank, fsdp(), "after"),
    "left out by one": left_out_by_one,
    **{
        f"own passes dropped, {moment}, {name}": lambda rank, moment=moment, make=make: own_passes_dropped_by_one(
            rank, make(), moment
        )
        for moment in ("inside", "closing, after")
        for name, make in (("ddp", ddp), ("fsdp", fsdp))
    },
    "own passes dropped, closing, before, ddp": lambda rank: own_passes_dropped_by_one(rank, ddp(), "closing, before"),
    "a backward pass that fails at the end": lambda rank: a_failure_at_the_end(rank, "backward"),
    "a step that fails": lambda rank: a_failure_at_the_end(rank, "step"),
}
