"""What does a whole loop cost around a tiny model? Forward, backward and step, against the loop written by hand."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.harness import Question, Row, compare

UPDATES = 60  # of one timing
MAX_NORM, PEAK, WARMUP, DECAY = 1.0, 1e-3, 100, 10_000_000


def _model() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(8, 8)


def _adamw(model: Any) -> Any:
    import torch

    return torch.optim.AdamW(model.parameters(), lr=PEAK, fused=True)


def _plan() -> Any:
    from optimsche import cosine

    return cosine(start=PEAK, steps=DECAY).warmup(WARMUP)


def _steps(model: Any, optim: Any, batch: Any, accum_grad: int) -> Callable[[], None]:
    """The loop that our users write, for one optimizer or several."""
    step_num = 0

    def loop() -> None:
        nonlocal step_num
        for _ in range(UPDATES * accum_grad):
            step_num += 1
            with optim.micro_batch(step_num):
                loss = model(batch).square().mean()
            optim.step(loss, step_num=step_num)

    return loop


def ours(batch: Any, accum_grad: int) -> Callable[[], None]:
    """With :class:`OptimScheduler`."""
    from optimsche import OptimScheduler

    model = _model()
    optim = OptimScheduler(_adamw(model), _plan(), model=model, accum_grad=accum_grad, grad_clip=MAX_NORM)
    return _steps(model, optim, batch, accum_grad)


def by_hand(batch: Any, accum_grad: int, *, own_alone: bool = False) -> Callable[[], None]:
    """As people write it, with a schedule that is a closure with its constants folded.

    Args:
        batch: what the model gets.
        accum_grad: micro-batches in a window.
        own_alone: whether a backward pass reaches the optimizer's own parameters alone, as ours do.
    """
    import torch

    from benchmarks.scalar import by_hand as closure

    model = _model()
    optimizer, rate = _adamw(model), closure()
    parameters = list(model.parameters())
    inputs = parameters if own_alone else None
    step_num = 0

    def loop() -> None:
        nonlocal step_num
        for _ in range(UPDATES * accum_grad):
            step_num += 1
            loss = model(batch).square().mean()
            (loss / accum_grad).backward(inputs=inputs)
            if step_num % accum_grad:
                continue
            for group in optimizer.param_groups:
                group["lr"] = rate(step_num // accum_grad)
            norm = torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
            if torch.isfinite(norm):
                optimizer.step()
            optimizer.zero_grad()

    return loop


def two_parts() -> Any:
    """A model of two parts, each with an optimizer of its own."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8))


def our_members(batch: Any, accum_grad: int) -> Callable[[], None]:
    """Two optimizers as members, one norm over both."""
    from optimsche import Member, OptimScheduler

    model = two_parts()
    members = {name: Member(_adamw(part), _plan()) for name, part in model.named_children()}
    optim = OptimScheduler(members, model=model, accum_grad=accum_grad, grad_clip=MAX_NORM)
    return _steps(model, optim, batch, accum_grad)


def two_by_hand(batch: Any, accum_grad: int) -> Callable[[], None]:
    """The same, as people write it."""
    import torch

    from benchmarks.scalar import by_hand as closure

    model = two_parts()
    optimizers, rate = [_adamw(part) for part in model], closure()
    parameters = list(model.parameters())
    step_num = 0

    def loop() -> None:
        nonlocal step_num
        for _ in range(UPDATES * accum_grad):
            step_num += 1
            loss = model(batch).square().mean()
            (loss / accum_grad).backward()
            if step_num % accum_grad:
                continue
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate(step_num // accum_grad)
            norm = torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
            if torch.isfinite(norm):
                for optimizer in optimizers:
                    optimizer.step()
            for optimizer in optimizers:
                optimizer.zero_grad()

    return loop


def with_accelerate(batch: Any, accum_grad: int) -> Callable[[], None]:
    """As accelerate's documentation has it."""
    import torch

    accelerator = import_module("accelerate").Accelerator(cpu=True, gradient_accumulation_steps=accum_grad)
    model = _model()
    optimizer = _adamw(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _factor())
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)

    def loop() -> None:
        for _ in range(UPDATES * accum_grad):
            with accelerator.accumulate(model):
                loss = model(batch).square().mean()
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), MAX_NORM)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()

    return loop


def with_fabric(batch: Any, accum_grad: int) -> Callable[[], None]:
    """As Lightning Fabric's documentation has it."""
    import torch

    logging.getLogger("lightning").setLevel(logging.ERROR)
    fabric = import_module("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    raw = _model()
    model, optimizer = fabric.setup(raw, _adamw(raw))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer.optimizer, _factor())
    step_num = 0

    def loop() -> None:
        nonlocal step_num
        for _ in range(UPDATES * accum_grad):
            step_num += 1
            due = step_num % accum_grad == 0
            with fabric.no_backward_sync(model, enabled=not due):
                loss = model(batch).square().mean()
                fabric.backward(loss / accum_grad)
            if due:
                fabric.clip_gradients(model, optimizer, max_norm=MAX_NORM)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()

    return loop


def _factor() -> Callable[[int], float]:
    plan = _plan()
    return lambda finished: plan(finished + 1) / PEAK


def against(
    theirs: Callable[[Any, int], Callable[[], None]],
    accum_grad: int,
    mine: Callable[[Any, int], Callable[[], None]] = ours,
) -> Row:
    """Whole micro-steps of a Linear(8, 8) in one thread, fused AdamW, clipping, a warm-up and a cosine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        batch = torch.randn(4, 8)
        with warnings.catch_warnings(), contextlib.redirect_stderr(None):
            warnings.simplefilter("ignore")
            loop = theirs(batch, accum_grad)
        return compare(mine(batch, accum_grad), loop, rounds=41, pieces=UPDATES * accum_grad)
    finally:
        torch.set_num_threads(threads)


QUESTIONS = [
    Question(
        name=f"{name}-{accum_grad}",
        work=f"a micro-step of a Linear(8, 8), forward and backward included, {accum_grad} in a window",
        rival=rival,
        promised=promised,
        measure=partial(against, theirs, accum_grad),
    )
    for name, rival, theirs, promised in (
        ("loop/hand", "hand-written loop", by_hand, 1.0),
        ("loop/own", "hand-written loop, passes for its own parameters", partial(by_hand, own_alone=True), 1.0),
        ("loop/accelerate", "accelerate", with_accelerate, 0.6),
        ("loop/fabric", "Lightning Fabric", with_fabric, 0.85),
    )
    for accum_grad in (1, 4)
]
QUESTIONS.append(
    Question(
        name="loop/members-2",
        work="an update of two optimizers on one model of two Linear(8, 8), forward and backward included, one norm",
        rival="hand-written loop of both",
        promised=1.0,
        measure=partial(against, two_by_hand, 1, our_members),
    )
)
