"""What does a whole curve cost? A million steps at once, against NumPy by hand, compiled optax, and stepping."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Question, Row, compare
from optimsche import Schedule, constant, cosine, linear

PEAK, FLOOR, TOTAL = 3e-4, 1e-5, 1_000_000
WARMUP, HOLD, DECAY = 10_000, 600_000, 390_000
WSD = (constant(value=PEAK, steps=HOLD) >> linear(start=PEAK, steps=DECAY)).warmup(WARMUP)
CYCLE = 50_000
RESTARTS = cosine(start=PEAK, end=FLOOR, steps=CYCLE).repeat(20, closed="left")
STEPS = np.arange(TOTAL)

Curve = Callable[[Any], Any]


def by_where() -> Curve:
    """A warm-up, a hold and a decay as NumPy's users write them."""

    def curve(steps: Any) -> Any:
        t = steps.astype(float)
        fall = np.maximum(PEAK * (1 - (t - WARMUP - HOLD) / DECAY), 0.0)
        return np.where(t < WARMUP, t * (PEAK / WARMUP), np.where(t < WARMUP + HOLD, PEAK, fall))

    return curve


def by_closed_form() -> Curve:
    """Restarts as NumPy's users write them."""

    def curve(steps: Any) -> Any:
        t = steps.astype(float)
        return FLOOR + (PEAK - FLOOR) / 2 * (1 + np.cos(math.pi / CYCLE * (t % CYCLE)))

    return curve


def _jitted(schedule: Callable[[Any], Any]) -> Curve:
    """From NumPy's steps to NumPy's rates, which on the CPU are read without a copy."""
    import jax

    curve = jax.jit(schedule)

    def run(steps: Any) -> Any:
        with jax.enable_x64(True):
            return np.asarray(curve(steps))

    return run


def by_optax() -> Curve:
    """Optax's pieces, joined and compiled, in double precision."""
    import optax

    return _jitted(
        optax.join_schedules(
            [
                optax.linear_schedule(0.0, PEAK, WARMUP),
                optax.constant_schedule(PEAK),
                optax.linear_schedule(PEAK, 0.0, DECAY),
            ],
            [WARMUP, WARMUP + HOLD],
        )
    )


def restarts_by_optax() -> Curve:
    """Optax's restarts, compiled, in double precision."""
    import optax

    cycle = {
        "init_value": PEAK,
        "peak_value": PEAK,
        "warmup_steps": 0,
        "decay_steps": CYCLE,
        "end_value": FLOOR,
    }
    return _jitted(optax.sgdr_schedule([cycle] * 20))


def by_lrsched() -> Curve:
    """Lrsched's own way to a curve: a call for each step."""
    import lrsched  # pyright: ignore[reportMissingImports]

    schedule = lrsched.warmup_stable_decay(
        base_lr=PEAK,
        warmup_steps=WARMUP,
        decay_steps=DECAY,
        total_steps=TOTAL,
        final_lr=0.0,
        warmup_start=0.0,
        decay_shape="linear",
    )
    return lambda steps: lrsched.sample(schedule, num_steps=len(steps))


def by_torch() -> Curve:
    """Stepping torch's schedulers and reading the rate."""
    import torch
    from torch.optim import lr_scheduler

    def curve(steps: Any) -> Any:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
        pieces = [
            lr_scheduler.LinearLR(optimizer, 1e-9, 1.0, WARMUP),
            lr_scheduler.ConstantLR(optimizer, 1.0, HOLD),
            lr_scheduler.LinearLR(optimizer, 1.0, 0.0, DECAY),
        ]
        scheduler = lr_scheduler.SequentialLR(optimizer, pieces, [WARMUP, WARMUP + HOLD])
        optimizer.step()  # torch warns of a scheduler's step before the first of its optimizer
        rates = []
        for _ in steps:
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
        return rates

    return curve


def against(
    plan: Schedule,
    build: Callable[[], Curve],
    *,
    rounds: int = 31,
    theirs_up_to: int = TOTAL,
    road: Callable[[Schedule], Curve] = lambda plan: plan,
) -> Row:
    """The whole curve; a rival that takes seconds is timed on its beginning, in seconds a step.

    Args:
        plan: our schedule.
        build: makes the rival.
        rounds: how often each is timed.
        theirs_up_to: how many steps the rival takes.
        road: how our schedule is called.
    """
    ours, theirs, beginning = road(plan), build(), STEPS[:theirs_up_to]
    if not np.allclose(np.asarray(theirs(beginning)), ours(beginning), rtol=1e-5, atol=1e-9 * PEAK):
        raise AssertionError(f"{build} computes something else")
    return compare(
        lambda: ours(STEPS), lambda: theirs(beginning), rounds=rounds, pieces=TOTAL, their_pieces=theirs_up_to
    )


_WSD, _RESTARTS = "1,000,000 steps of a warm-up, a hold and a decay", "1,000,000 steps of 20 restarts"

QUESTIONS = [
    Question("curve/where", _WSD, "np.where by hand", 0.6, partial(against, WSD, by_where)),
    Question(
        "curve/optax",
        f"{_WSD}, both under jax.jit, x64",
        "optax, jitted, x64",
        1.0,
        partial(against, WSD, by_optax, rounds=101, road=_jitted),
    ),
    Question("curve/lrsched", _WSD, "lrsched.sample", 0.03, partial(against, WSD, by_lrsched, rounds=3)),
    Question(
        "curve/torch",
        _WSD,
        "SequentialLR.step()",
        0.005,
        partial(against, WSD, by_torch, rounds=5, theirs_up_to=50_000),
    ),
    Question("restarts/hand", _RESTARTS, "closed form by hand", 1.2, partial(against, RESTARTS, by_closed_form)),
    Question(
        "restarts/optax",
        _RESTARTS,
        "optax sgdr, jitted, x64",
        0.3,
        partial(against, RESTARTS, restarts_by_optax, rounds=11),
    ),
]
