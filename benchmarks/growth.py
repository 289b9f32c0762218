"""How does the cost grow? With the pieces of a plan, the steps of a curve, the parameter groups: a figure and a table.

``python -m benchmarks.growth FILE.png`` draws it. Each point is the fastest of some runs, since a figure shows how a
cost grows and not who wins; the rows of ``python -m benchmarks`` are for that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch.optim import lr_scheduler

from benchmarks.curve import WSD, by_where
from optimsche import Schedule, linear, sequence
from optimsche.curve import canvas, style

PIECES = (1, 2, 4, 8, 16, 32, 64)
STEPS = tuple(10**k for k in range(9))
GROUPS = (1, 10, 100, 1_000, 10_000)
Curves = dict[str, list[float]]


def seconds(work: Callable[[], object], calls: int = 1, runs: int = 5) -> float:
    """The fastest of some runs, for one call."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - begin) / calls)
    return min(times)


def _plan(pieces: int) -> Schedule:
    return sequence([linear(start=1.0, end=0.5, steps=100)] * pieces)


def _torch_scheduler(pieces: int, groups: int = 1) -> Any:
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.9**k} for k in range(groups)]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    schedulers: list[Any] = [lr_scheduler.LinearLR(optimizer, 1.0, 0.5, 100) for _ in range(pieces)]
    optimizer.step()
    return lr_scheduler.SequentialLR(optimizer, schedulers, [100 * k for k in range(1, pieces)])


def by_pieces() -> Curves:
    """One value of a plan of joined lines, in its last piece and in its first."""
    found: Curves = {"optimsche, first piece": [], "optimsche, last piece": [], "torch, SequentialLR.step()": []}
    for pieces in PIECES:
        plan, scheduler = _plan(pieces), _torch_scheduler(pieces)
        early, late = 50, 100 * pieces - 50
        for _ in range(50):
            plan(late)
        found["optimsche, first piece"].append(seconds(lambda plan=plan, t=early: plan(t), 2_000))  # type: ignore[misc]
        found["optimsche, last piece"].append(seconds(lambda plan=plan, t=late: plan(t), 2_000))  # type: ignore[misc]
        found["torch, SequentialLR.step()"].append(seconds(scheduler.step, 50, 2))
    return found


def by_steps() -> Curves:
    """A whole curve, as an array."""
    found: Curves = {"optimsche": [], "np.where by hand": []}
    hand = by_where()
    for steps in STEPS:
        array, calls = np.arange(steps), max(10**5 // steps, 1)
        for name, curve in (("optimsche", WSD), ("np.where by hand", hand)):
            found[name].append(seconds(lambda curve=curve, array=array: curve(array), calls, 3))  # type: ignore[misc]
    return found


def by_groups() -> Curves:
    """The rate computed and written into groups that each have a factor."""
    found: Curves = {"optimsche": [], "torch, SequentialLR.step()": []}
    plan = _plan(2)
    for groups in GROUPS:
        scheduler = _torch_scheduler(2, groups)
        pairs = [({"lr": 0.0}, 0.9**k) for k in range(groups)]

        def write(pairs: Any = pairs) -> None:
            rate = plan(50)
            for group, factor in pairs:
                group["lr"] = rate * factor

        calls = max(2_000 // groups, 1)
        found["optimsche"].append(seconds(write, calls))
        found["torch, SequentialLR.step()"].append(seconds(scheduler.step, min(calls, 50), 2))
    return found


def draw(panels: Sequence[tuple[str, Sequence[int], Curves]], file: Path) -> None:
    """Side by side, both axes logarithmic."""
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 4), layout="constrained")
    for ax, (title, sizes, curves) in zip(axes, panels, strict=True):
        for colour, (name, values) in zip(style.COLOURS, curves.items(), strict=False):
            ax.loglog(sizes, [value * 1e6 for value in values], marker="o", markersize=3, label=name, color=colour)
        ax.set(xlabel=title, ylabel="microseconds")
        ax.set_title(f"time against {title}", color=style.GREY)
        ax.legend(fontsize=8)
        canvas.set_ground(ax)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def main() -> None:
    """Measure, print a table, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=by_pieces.__doc__)
    parser.add_argument("file", type=Path, help="where to draw the figure")
    options = parser.parse_args()
    panels = [
        ("pieces of the plan", PIECES, by_pieces()),
        ("steps of the curve", STEPS, by_steps()),
        ("parameter groups", GROUPS, by_groups()),
    ]
    for title, sizes, curves in panels:
        print(title + "".join(f"{size:>12,}" for size in sizes))
        for name, values in curves.items():
            print(f"  {name:<28}" + "".join(f"{value * 1e6:>11.3g}us" for value in values))
    draw(panels, options.file)


if __name__ == "__main__":
    main()
