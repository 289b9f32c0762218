"""How much machinery is there? Lines, what one value passes through, and which files import each other in circles.

`python -m benchmarks.structure` prints it. These are signs, no limits: a reader should be able to hold it in the head.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import optimsche
from optimsche import warmup_cosine

ROOT = Path(optimsche.__file__).parent


def passage(work: Callable[[], object]) -> tuple[int, int, int]:
    """Python calls of the library's own code in some work, the files they are in, and the moves between files."""
    files: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and (str(ROOT) in frame.f_code.co_filename or frame.f_code.co_filename == "<schedule>"):
            files.append(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(files), len(set(files)), sum(a != b for a, b in pairwise(files))


def lines(pattern: str) -> tuple[int, int]:
    """Files under the package that match, and their lines."""
    found = [path for path in ROOT.glob(pattern) if "peers" not in path.parts]
    return len(found), sum(len(path.read_text().splitlines()) for path in found)


def largest_cycle() -> list[str]:
    """The largest set of files each of which imports, by way of others, all of the set; those in functions count."""
    imports = {name: set(_imports(path, name)) for name, path in _modules().items()}
    reach = {name: _reached(name, imports) for name in imports}
    return max(([other for other in reach[name] if name in reach[other]] for name in reach), key=len)


def _modules() -> dict[str, Path]:
    paths = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in paths.items()}


def _imports(path: Path, name: str) -> Iterator[str]:
    known, tree = _modules(), ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (found for found in [whole if whole in known else node.module] if found in known)
        elif isinstance(node, ast.Import) and id(node) not in for_types:
            yield from (alias.name for alias in node.names if alias.name in known)


def _reached(name: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in imports[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def attributes(thing: Any, counted: set[int] | None = None) -> int:
    """The attributes of an object and of its helpers in ``training/``."""
    counted = set() if counted is None else counted
    if id(thing) in counted or not type(thing).__module__.startswith("optimsche.training"):
        return 0
    counted.add(id(thing))
    own = vars(thing)
    helpers = [*own.values(), *(inner for value in own.values() if isinstance(value, dict) for inner in value.values())]
    return len(own) + sum(attributes(helper, counted) for helper in helpers)


def a_step() -> tuple[Any, Callable[[int], None]]:
    """An ``OptimScheduler``, and its step of a tiny model with four micro-batches in a window, by their number."""
    import torch

    from optimsche import OptimScheduler

    model, batch = torch.nn.Linear(8, 8), torch.ones(4, 8)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    plan = warmup_cosine(peak=1e-3, warmup_steps=100, total_steps=100_000)
    optim = OptimScheduler(optimizer, plan, model=model, accum_grad=4, grad_clip=1.0)

    def step(step_num: int) -> None:
        with optim.micro_batch(step_num):
            loss = model(batch).square().mean()
        optim.step(loss, step_num=step_num)

    for step_num in range(1, 402):
        step(step_num)
    return optim, step


def main() -> None:
    """Print the table."""
    plan, curve = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000), np.arange(100)
    for _ in range(40):
        plan(curve)
    calls, files, moves = passage(lambda: plan(curve))
    print(f"plan(np.arange(100)):          {calls} calls, {files} files, {moves} moves between files")
    calls, files, moves = passage(lambda: plan(500))
    print(f"plan(500), often called:       {calls} calls, {files} files")
    long = np.arange(100_000)
    calls, files, moves = passage(lambda: plan(long))
    print(f"plan(np.arange(100_000)):      {calls} calls, {files} files, {moves} moves between files")
    optim, step = a_step()
    calls, files, moves = passage(lambda: step(402))
    print(f"a micro-batch in a window:     {calls} calls, {files} files, {moves} moves between files")
    step(403)
    calls, files, moves = passage(lambda: step(404))
    print(f"a micro-batch that closes it:  {calls} calls, {files} files, {moves} moves between files")
    print(f"OptimScheduler:                {attributes(optim)} attributes with those of its helpers")
    print(f"schedule.py:                   {lines('schedule.py')[1]} lines")
    print(f"evaluation/:                   {lines('evaluation/*.py')[1]} lines in {lines('evaluation/*.py')[0]} files")
    print(f"training/:                     {lines('training/*.py')[1]} lines in {lines('training/*.py')[0]} files")
    print(f"all but peers/:                {lines('**/*.py')[1]} lines in {lines('**/*.py')[0]} files")
    cycle = largest_cycle()
    print(f"largest circle of imports:     {len(cycle)} files: {', '.join(sorted(cycle))}")


if __name__ == "__main__":
    main()
