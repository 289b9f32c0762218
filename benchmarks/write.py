"""What does it cost to set the rate? Computed and written into parameter groups, against torch's own schedulers."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.harness import Question, Row, compare
from benchmarks.scalar import DECAY_STEPS, PEAK, PLAN, WARMUP_STEPS


def _optimizer(groups: int) -> Any:
    import torch

    factors = [0.9**k for k in range(groups)]
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": PEAK * f, "lr_scale": f} for f in factors], lr=PEAK
    )


def against_torch(groups: int) -> Row:
    """A warm-up and a cosine for groups that each have a factor of their own."""
    from torch.optim import lr_scheduler

    ours, theirs = _optimizer(groups), _optimizer(groups)
    rise = lr_scheduler.LinearLR(theirs, 1e-3, 1.0, WARMUP_STEPS)
    fall = lr_scheduler.CosineAnnealingLR(theirs, DECAY_STEPS)
    scheduler = lr_scheduler.SequentialLR(theirs, [rise, fall], [WARMUP_STEPS])
    theirs.step()  # torch warns of a scheduler's step before the first of its optimizer
    pairs = [(group, group["lr_scale"]) for group in ours.param_groups]
    calls, real_step = 100, 0

    def write() -> None:
        nonlocal real_step
        for number in range(real_step + 1, real_step + calls + 1):
            rate = PLAN(number)
            for group, scale in pairs:
                group["lr"] = rate * scale
        real_step += calls

    def write_one() -> None:
        nonlocal real_step
        group, _ = pairs[0]
        for number in range(real_step + 1, real_step + calls + 1):
            group["lr"] = PLAN(number)
        real_step += calls

    def step() -> None:
        for _ in range(calls):
            scheduler.step()

    return compare(write if groups > 1 else write_one, step, pieces=calls)


QUESTIONS = [
    Question(
        name=f"write{groups}/torch",
        work=f"the rate computed and written into {into}",
        rival="SequentialLR.step()",
        promised=promised,
        measure=partial(against_torch, groups),
    )
    for groups, into, promised in ((1, "the one parameter group", 0.15), (100, "100 parameter groups", 0.10))
]
