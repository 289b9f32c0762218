"""One of two processes: the same jobs in accelerate, Hugging Face's, Lightning and Fabric; writes what it saw."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from tests.adapters.helpers import PLAN, UPDATES

# Each imports its own framework alone, which takes longer than the jobs.


def in_accelerate(folder: Path) -> dict[str, Any]:
    from accelerate.state import PartialState

    from tests.adapters import accelerate_loop

    return {
        "train": accelerate_loop.run(folder),
        "accumulate": accelerate_loop.run(folder, accumulate=2),
        "first part": accelerate_loop.run(folder, updates=3, save=True),
        "resume": accelerate_loop.run(folder, updates=UPDATES - 3, load=True),
        "other plan": accelerate_loop.run(folder, updates=UPDATES - 3, plan=0.5 * PLAN, load=True),
        "processes": PartialState().num_processes,
    }


def in_transformers(folder: Path) -> dict[str, Any]:
    from tests.adapters import test_transformers

    options: Any = {"save_strategy": "steps", "save_steps": 3, "ddp_backend": "gloo"}
    trainer, _, trained = test_transformers.trainer_of(folder, **options)
    trainer.train()
    trainer, _, accumulated = test_transformers.trainer_of(folder, gradient_accumulation_steps=2, ddp_backend="gloo")
    trainer.train()
    found = {"train": trained, "accumulate": accumulated, "processes": trainer.args.world_size}
    for name, plan in (("resume", PLAN), ("other plan", 0.5 * PLAN)):
        trainer, _, found[name] = test_transformers.trainer_of(folder, plan, ddp_backend="gloo")
        trainer.train(resume_from_checkpoint=str(folder / "checkpoint-3"))
    return found


def in_lightning(folder: Path) -> dict[str, Any]:
    from tests.adapters import test_lightning

    found: dict[str, Any] = {}
    for name, accumulate in (("train", 1), ("accumulate", 2)):
        model = test_lightning.Model()
        test_lightning.fitted(model, folder, strategy="ddp", devices=2, accumulate_grad_batches=accumulate)
        found[name] = model.seen
    trainer = test_lightning.fitted(test_lightning.Model(), folder, steps=3, strategy="ddp", devices=2)
    found["processes"] = trainer.world_size
    trainer.save_checkpoint(folder / "three.ckpt")
    for name, plan in (("resume", PLAN), ("other plan", 0.5 * PLAN)):
        model = test_lightning.Model(plan)
        test_lightning.fitted(model, folder, resume=folder / "three.ckpt", strategy="ddp", devices=2)
        found[name] = model.seen
    return found


def in_fabric(folder: Path) -> dict[str, Any]:
    from lightning.fabric import Fabric

    from tests.adapters.test_lightning import run_in_fabric

    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    return {
        "train": run_in_fabric(fabric, folder),
        "accumulate": run_in_fabric(fabric, folder, accumulate=2),
        "first part": run_in_fabric(fabric, folder, updates=3, save=True),
        "resume": run_in_fabric(fabric, folder, updates=UPDATES - 3, load=True),
        "other plan": run_in_fabric(fabric, folder, updates=UPDATES - 3, plan=0.5 * PLAN, load=True),
        "processes": fabric.world_size,
    }


JOBS = {"accelerate": in_accelerate, "transformers": in_transformers, "lightning": in_lightning, "fabric": in_fabric}


def main(job: str, folder: Path) -> None:
    torch.set_num_threads(1)
    found = JOBS[job](folder)
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
    # All is written. Threads of gloo and of the frameworks that outlive the interpreter abort it, once in many runs.
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
