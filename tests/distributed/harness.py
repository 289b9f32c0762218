"""Many cases in one launch of a few processes, since starting them takes longer than most cases.

A module of cases has ``CASES``, functions by name; each takes the rank and gives what JSON can hold. Every process runs
all of them in order, each with a process group of its own, so that what one case leaves behind cannot reach the next.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests import forks

ROOT = Path(__file__).parents[2]
WAIT = timedelta(seconds=20)  # for the others, in one collective; a case that hangs ends with an error


def run(world: int, folder: Path, modules: Sequence[str], *, only: str = "", timeout: float = 300) -> dict[str, Any]:
    """Run the cases of some modules in ``world`` processes; what each rank saw, by the name of the case.

    A case that raises has seen ``{"error": ...}``. What one launch leaves to another is in ``OPTIMSCHE_SHARED``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    arguments = (dict(os.environ), store.port, world, folder, only)
    workers = [forks.context().Process(target=main, args=(*arguments, rank, *modules)) for rank in range(world)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + timeout
    while any(worker.exitcode is None for worker in workers) and time.monotonic() < deadline:
        if any(worker.exitcode for worker in workers):
            break  # the others would wait for it
        time.sleep(0.1)
    for worker in workers:
        worker.kill()
        worker.join()
    errors = [Path(folder, f"{rank}.err").read_text() for rank in range(world)]
    seen = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]
    after = f"after {[list(each)[-1] for each in seen]}"
    assert [worker.exitcode for worker in workers] == [0] * world, "\n".join([after, *errors])
    return {name: [each[name] for each in seen] for name in seen[0]}


def main(environment: dict[str, str], port: int, world: int, folder: Path, only: str, rank: int, *modules: str) -> None:
    """What one process does."""
    os.environ.update(environment)
    os.chdir(ROOT)
    with Path(folder, f"{rank}.err").open("w") as errors:
        os.dup2(errors.fileno(), sys.stderr.fileno())
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    seen: dict[str, Any] = {}
    cases = {name: case for module in modules for name, case in importlib.import_module(module).CASES.items()}
    for name, case in cases.items():
        if only not in name:
            continue
        prefix = dist.PrefixStore(name, store)
        dist.init_process_group("gloo", store=prefix, rank=rank, world_size=world, timeout=WAIT)
        try:
            seen[name] = case(rank)
        except Exception as error:
            seen[name] = {"error": f"{type(error).__name__}: {error}", "at": traceback.format_exc()}
        Path(folder, f"{rank}.json").write_text(json.dumps(seen))
        dist.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the frameworks that outlive the interpreter abort it once in many runs.
    os._exit(0)
