"""Processes that Lightning starts, or its Fabric: they see what they can do, and what they have to write instead."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from optimsche import OptimScheduler
from tests.distributed.two_processes import (
    PLAN,
    alone,
    batches_of,
    between,
    off,
    one_step,
    play,
    refusal,
    sgd,
    union,
)
from tests.training.helpers import loss_of, small_model

INSTALLED = find_spec("lightning") is not None


def launched(rank: int, precision: str = "32-true") -> Any:
    """Fabric with DDP in the processes that are there."""
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment
    from lightning.fabric.strategies import DDPStrategy

    os.environ.update(LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="29555")
    environment = LightningEnvironment()
    strategy = DDPStrategy(cluster_environment=environment, process_group_backend="gloo")
    return Fabric(accelerator="cpu", devices=2, strategy=strategy, precision=precision)


def fabric_model(rank: int, precision: str = "32-true") -> tuple[Any, nn.Module, Any]:
    fabric = launched(rank, precision)
    fabric._strategy._launcher = None
    fabric.launch()
    model = small_model()
    model, optimizer = fabric.setup(model, sgd(model))
    return fabric, model, optimizer


def fabric_dropped_by_one(rank: int) -> Any:
    _, model, optimizer = fabric_model(rank)
    optim = OptimScheduler(optimizer, PLAN, model=model, accum_grad=4)
    batches, skipped = batches_of(rank), []
    for n in range(1, 9):
        if rank == 1 and n == 2:
            optim.discard(2)
        skipped.append(one_step(optim, model, batches[n - 1], n).skipped)
    return {"skipped": skipped, "off": off(model, alone(union(), range(5, 9))), "between": between(model)}


def fabric_bf16(rank: int) -> Any:
    fabric, model, optimizer = fabric_model(rank, "bf16-mixed")
    optim = OptimScheduler(optimizer, PLAN, model=model, accum_grad=2)
    batches = batches_of(rank)
    with optim.micro_batch(1):
        loss = loss_of(model, batches[0])
    said = refusal(lambda: optim.step(loss, step_num=1))
    optim = OptimScheduler(optimizer, PLAN, model=model, accum_grad=2)
    updated = []
    for n in (1, 2):
        with optim.micro_batch(n):
            loss = loss_of(model, batches[n - 1])
        fabric.backward(loss / 2)
        updated.append(optim.update(step_num=n).updated)
    return {"said": said, "updated": updated, "between": between(model)}


def names_in_fabric(rank: int) -> Any:
    _, model, optimizer = fabric_model(rank)
    optim = OptimScheduler(optimizer, schedules={"0.*": {"lr": 0.5 * PLAN}, "2": {"lr": PLAN}}, model=model)
    play(optim, model, batches_of(rank, 2))
    return {"rates": [group["lr"] for group in optimizer.param_groups], "between": between(model)}


def lightning(rank: int) -> Any:
    """Manual optimization in DDP: what step says, and what works."""
    import lightning.pytorch as pl
    from lightning.pytorch.plugins.environments import LightningEnvironment
    from lightning.pytorch.strategies import DDPStrategy

    os.environ.update(LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="29555")
    seen: dict[str, Any] = {"updated": []}

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.net = small_model()

        def configure_optimizers(self) -> Any:
            optimizer = sgd(self.net)
            seen["hidden"] = refusal(lambda: OptimScheduler(sgd(self.net), PLAN))
            self.optim = OptimScheduler(optimizer, PLAN, model=self, accum_grad=2)
            return optimizer

        def training_step(self, batch: Any, index: int) -> None:
            n = index + 1
            loss = loss_of(self.net, [x[0] for x in batch])
            if n == 1:
                seen["said"] = refusal(lambda: self.optim.step(loss, step_num=n))
            self.manual_backward(loss / 2)
            seen["updated"].append(self.optim.update(step_num=n).updated)

    batches = batches_of(rank, 4)

    class Data(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, n: int) -> Any:
            return batches[n]

    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy = DDPStrategy(cluster_environment=LightningEnvironment(), process_group_backend="gloo")
        strategy._configure_launcher = lambda: None
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=2,
            strategy=strategy,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(module, torch.utils.data.DataLoader(Data()))
    gap = off(module.net, alone(union(4), accum_grad=2))
    return {**seen, "off": gap, "between": between(module.net)}


def accelerate(rank: int) -> Any:
    """A prepared model, and an optimizer that is not."""
    from accelerate import Accelerator

    os.environ.update(LOCAL_RANK=str(rank), RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
    os.environ.update(MASTER_PORT="29555", ACCELERATE_USE_CPU="true")
    model = Accelerator(cpu=True).prepare(small_model())
    optim = OptimScheduler(sgd(model), PLAN, model=model, accum_grad=4)
    batches = batches_of(rank)
    for n in range(1, 9):
        if rank == 1 and n == 2:
            optim.discard(2)
        one_step(optim, model, batches[n - 1], n)
    return {"off": off(model, alone(union(), range(5, 9))), "between": between(model)}


CASES: dict[str, Callable[[int], Any]] = (
    {
        "fabric, dropped by one": fabric_dropped_by_one,
        "fabric, bf16": fabric_bf16,
        "fabric, names": names_in_fabric,
        "lightning": lightning,
    }
    if INSTALLED
    else {}
)
WITH_ACCELERATE = find_spec("accelerate") is not None
if WITH_ACCELERATE:
    CASES["accelerate"] = accelerate
