"""A longer run on real data with a fault every 50 updates: ``python -m tests.training.faults_on_digits``."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import math
import statistics
from typing import Any

import torch
from torch import nn

from optimsche import OptimScheduler, warmup_cosine

UPDATES, ACCUM_GRAD, EVERY = 1_000, 2, 50
FAULTS = ["nan", "inf", "forward", "backward", "step"]


class Boom(RuntimeError):
    """What breaks."""


def _boom(*_: Any) -> None:
    raise Boom


def accuracy(seed: int, *, faults: bool, updates: int = UPDATES) -> tuple[float, int, int]:
    """Train a small network on the handwritten digits of scikit-learn.

    Returns:
        The accuracy on digits that it has not seen, the faults injected, and the updates that were made.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images, digits = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    seen, unseen = order[:1_300], order[1_300:]
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optim = OptimScheduler(
        torch.optim.AdamW(model.parameters()),
        warmup_cosine(peak=3e-3, warmup_steps=updates // 20, total_steps=updates),
        model=model,
        accum_grad=ACCUM_GRAD,
        grad_clip=1.0,
    )
    kinds, injected, made = itertools.cycle(FAULTS), 0, 0
    for step_num in range(1, updates * ACCUM_GRAD + 1):
        batch = seen[torch.randint(len(seen), (32,), generator=generator)]
        struck = faults and step_num % (EVERY * ACCUM_GRAD) == 0
        kind = next(kinds) if struck else None
        injected += struck
        handles = []
        try:
            with optim.micro_batch(step_num):
                if kind == "forward":
                    raise Boom
                loss = nn.functional.cross_entropy(model(images[batch]), digits[batch])
            if kind in ("nan", "inf"):
                loss = loss * float(kind)
            if kind == "backward":
                handles.append(model[0].weight.register_hook(_boom))
            if kind == "step":
                handles.append(optim.optimizer.register_step_pre_hook(_boom))
            made += optim.step(loss, step_num=step_num).updated
        except Boom:
            optim.discard(step_num)
        finally:
            for handle in handles:
                handle.remove()
    with torch.no_grad():
        right = (model(images[unseen]).argmax(1) == digits[unseen]).float().mean()
    return float(right), injected, made


def main() -> None:
    """Compare runs with and without faults, over some seeds."""
    parser = argparse.ArgumentParser(prog="python -m tests.training.faults_on_digits", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    logging.getLogger("optimsche").setLevel(logging.CRITICAL)
    torch.set_num_threads(1)
    print("| run | faults | updates made | accuracy on unseen digits | standard deviation |")
    print("|---|---:|---:|---:|---:|")
    found = {}
    for name, faults in (("clean", False), ("a fault every 50 updates", True)):
        runs = [accuracy(seed, faults=faults) for seed in range(options.seeds)]
        rates = found[name] = [run[0] for run in runs]
        spread = statistics.stdev(rates) if len(rates) > 1 else math.nan
        print(f"| {name} | {runs[0][1]} | {runs[0][2]:,} | {statistics.mean(rates):.4f} | {spread:.4f} |")
    clean, struck = found.values()
    differences = [one - other for one, other in zip(struck, clean, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
    print(f"\nWith faults minus clean, over {options.seeds} seeds: {statistics.mean(differences):+.4f} +- {error:.4f}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
