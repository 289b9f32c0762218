"""How often does the program wait for the device, or compile again? Counted, without a GPU."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from benchmarks.harness import Question, Row

UPDATES = 20


def device_reads(*, fused: bool) -> Row:
    """Reads from the device in one update, on fake CUDA tensors: clipping, a loss scaler, AdamW, skips."""
    import torch

    from benchmarks.fake_cuda import counting_reads, give_gradients, on_cuda
    from optimsche import LossScaler, OptimScheduler, cosine

    with counting_reads() as names:
        parameters = on_cuda((64, 64), (64,))
        optimizer = torch.optim.AdamW(parameters, fused=fused)
        optim = OptimScheduler(optimizer, cosine(start=0.1, steps=100).warmup(10), grad_clip=1.0)
        optim.scaler = scaler = LossScaler()
        for step_num in range(1, UPDATES + 1):
            give_gradients(parameters)
            scaler.scale(torch.empty((), device="cuda"))
            optim.update(step_num=step_num)
        ours = len(names) / UPDATES

        names.clear()
        for _ in range(UPDATES):
            give_gradients(parameters)
            norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            if torch.isfinite(norm):
                optimizer.step()
        theirs = len(names) / UPDATES
    return Row(ours, theirs, unit="")


def recompiles() -> Row:
    """Graphs that a compiled step makes after the second update, while the rate changes with every update."""
    import torch

    ours = graphs_after_the_second(torch.tensor(0.1))
    return Row(ours, graphs_after_the_second(0.1), unit="")


def graphs_after_the_second(rate: Any) -> float:
    """How many graphs a compiled SGD step makes in 20 updates, without those of the first two."""
    import torch
    from torch._dynamo.utils import counters

    from optimsche import OptimScheduler, cosine

    logging.getLogger("torch._logging").setLevel(logging.ERROR)
    torch._dynamo.reset()
    counters.clear()
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, foreach=True)
    optimizer.step = torch.compile(optimizer.step, backend="aot_eager")  # type: ignore[method-assign]
    optim = OptimScheduler(optimizer, cosine(start=0.1, steps=100).warmup(10), model=model, grad_clip=1.0)
    before = 0
    for step_num in range(1, UPDATES + 1):
        optim.step(model(torch.ones(8)).square().sum(), step_num=step_num)
        if step_num == 2:
            before = counters["stats"]["unique_graphs"]
    return float(counters["stats"]["unique_graphs"] - before)


QUESTIONS = [
    Question(
        name="syncs/fused",
        work="reads from the device in one update, fused AdamW with a loss scaler",
        rival="clip_grad_norm_, isfinite, step",
        promised=0,
        measure=partial(device_reads, fused=True),
    ),
    Question(
        name="syncs/nonfused",
        work="reads from the device in one update, AdamW with a loss scaler",
        rival="clip_grad_norm_, isfinite, step",
        promised=1,
        measure=partial(device_reads, fused=False),
    ),
    Question(
        name="recompiles",
        work="graphs of a compiled SGD step after the second update",
        rival="the same with a rate that is a number",
        promised=0,
        measure=recompiles,
    ),
]
