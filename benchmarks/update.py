"""What does one update cost? Divide, clip, skip and step of 30M parameters, against the lines that people write."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.harness import Question, Row, compare

TENSORS, NUMBERS, ROUNDS = 78, 30_000_000, 41
MAX_NORM, RATE, LOSS_SCALE = 1.0, 1e-4, 1024.0
LARGE_NORM = 1e6  # a bound that nothing reaches
TOKENS = (3_000, 1_096)  # of the two micro-batches of a weighted window


def against_hand(kind: str, *, scaled: bool = False, weighted: bool = False, max_norm: float = MAX_NORM) -> Row:
    """One update of float32 parameters in place, by default with gradients that are too large; fused on both sides."""
    import torch

    from optimsche import LossScaler, OptimScheduler, constant

    torch.manual_seed(0)
    size = NUMBERS // TENSORS
    gradients = [torch.randn(size) for _ in range(TENSORS)]
    ours = [torch.nn.Parameter(torch.ones(size)) for _ in range(TENSORS)]
    theirs = [torch.nn.Parameter(torch.ones(size)) for _ in range(TENSORS)]

    class Loss(torch.autograd.Function):
        """A loss with these gradients: what makes them is not timed."""

        @staticmethod
        def forward(ctx: Any, *parameters: Any) -> Any:
            return torch.ones(())

        @staticmethod
        def backward(ctx: Any, *outer: Any) -> Any:
            return tuple(gradient * outer[0] for gradient in gradients)

    optimizer = getattr(torch.optim, kind)
    optim = OptimScheduler(
        optimizer(ours, lr=RATE, fused=True),
        constant(value=RATE),
        grad_clip=max_norm,
        accum_grad=len(TOKENS) if weighted else 1,
    )
    by_hand = optimizer(theirs, lr=RATE, fused=True)
    scaler: Any = torch.amp.GradScaler("cpu", init_scale=LOSS_SCALE) if scaled else None
    if scaled:
        optim.scaler = LossScaler(init_scale=LOSS_SCALE)
    step_num = 0

    def our_backward() -> None:
        nonlocal step_num
        for tokens in TOKENS if weighted else (None,):
            step_num += 1
            optim.backward(Loss.apply(*ours), step_num=step_num, weight=tokens)  # type: ignore[no-untyped-call]

    def our_update() -> None:
        optim.update(step_num=step_num)

    def their_backward() -> None:
        for tokens in TOKENS if weighted else (1,):
            loss = Loss.apply(*theirs) * tokens  # type: ignore[no-untyped-call]
            (scaler.scale(loss) if scaled else loss).backward()

    def their_update() -> None:
        if scaled:
            scaler.unscale_(by_hand)
        if weighted:
            for parameter in theirs:
                parameter.grad.mul_(1 / sum(TOKENS))  # type: ignore[union-attr]
        norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
        if scaled:
            scaler.step(by_hand)
            scaler.update()
        elif torch.isfinite(norm):
            by_hand.step()
        by_hand.zero_grad()

    row = compare(our_update, their_update, before_ours=our_backward, before_theirs=their_backward, rounds=ROUNDS)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)  # the rival computes the same
    return row


def joint_clip() -> Row:
    """One norm over two fused optimizers, against ``clip_grad_norm_`` over all and two steps."""
    import torch

    from optimsche import Member, OptimScheduler, constant

    size, half = NUMBERS // TENSORS, TENSORS // 2
    torch.manual_seed(0)
    gradients = [torch.randn(size) for _ in range(TENSORS)]
    ours, theirs = ([torch.nn.Parameter(torch.ones(size)) for _ in range(TENSORS)] for _ in range(2))

    def built(parameters: list[Any]) -> list[Any]:
        return [torch.optim.AdamW(part, lr=RATE, fused=True) for part in (parameters[:half], parameters[half:])]

    plan, by_hand = constant(value=RATE), built(theirs)
    members = {str(number): Member(optimizer, plan) for number, optimizer in enumerate(built(ours))}
    optim = OptimScheduler(members, grad_clip=MAX_NORM)
    step_num = 0

    def give(parameters: list[Any]) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()

    def our_update() -> None:
        nonlocal step_num
        step_num += 1
        optim.update(step_num=step_num)

    def their_update() -> None:
        norm = torch.nn.utils.clip_grad_norm_(theirs, MAX_NORM)
        for optimizer in by_hand:
            if torch.isfinite(norm):
                optimizer.step()
            optimizer.zero_grad()

    row = compare(
        our_update,
        their_update,
        before_ours=lambda: give(ours),
        before_theirs=lambda: give(theirs),
        rounds=ROUNDS,
    )
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)
    return row


def _question(
    name: str, promised: float, kind: str, *, scaled: bool = False, weighted: bool = False, max_norm: float = MAX_NORM
) -> Question:
    size = "too large" if max_norm == MAX_NORM else "small enough"
    lines = ["unscale_"] * scaled + ["multiply"] * weighted + ["clip_grad_norm_"]
    return Question(
        name=name,
        work=f"divide, clip, skip and step of {kind}, 30M float32 parameters, gradients {size} for the clip",
        rival=", ".join([*lines, *(("step", "update") if scaled else ("isfinite", "step"))]),
        promised=promised,
        measure=partial(against_hand, kind, scaled=scaled, weighted=weighted, max_norm=max_norm),
    )


QUESTIONS = [
    _question("update/adamw-30M", 0.85, "AdamW"),
    _question("update/adamw-30M-small", 0.85, "AdamW", max_norm=LARGE_NORM),
    _question("update/adamw-30M-scaler", 0.75, "AdamW", scaled=True),
    _question("update/sgd-30M-scaler", 0.66, "SGD", scaled=True),
    _question("update/weighted-30M", 0.75, "AdamW", weighted=True),
    Question(
        name="update/joint-clip",
        work="one norm over two fused AdamW, 30M float32 parameters together, clip and both steps",
        rival="clip_grad_norm_ over all, isfinite, two steps",
        promised=0.85,
        measure=joint_clip,
    ),
]
