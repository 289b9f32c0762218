"""What does one evaluation cost? ``schedule(step)`` in a training loop, against code written by hand and libraries."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from unittest import mock

import numpy as np

from benchmarks.harness import Question, Row, compare
from optimsche import Schedule, cosine
from optimsche.evaluation import node
from optimsche.evaluation.trace import Untraceable

PEAK, WARMUP_STEPS, DECAY_STEPS = 3e-4, 1_000, 100_000
PLAN = cosine(start=PEAK, steps=DECAY_STEPS).warmup(WARMUP_STEPS)
STEPS = random.Random(0).choices(range(WARMUP_STEPS + DECAY_STEPS), k=2_000)

Rate = Callable[[int], float]


def by_hand() -> Rate:
    """The best that a person writes for a warm-up and a cosine: a closure with its constants folded."""
    rise, frequency, half, cos = PEAK / WARMUP_STEPS, math.pi / DECAY_STEPS, PEAK / 2, math.cos

    def rate(step: int) -> float:
        if step < WARMUP_STEPS:
            return step * rise
        if step >= WARMUP_STEPS + DECAY_STEPS:
            return 0.0
        return half + half * cos((step - WARMUP_STEPS) * frequency)

    return rate


def by_lrsched() -> Rate:
    """Lrsched's functions of a step."""
    import lrsched  # pyright: ignore[reportMissingImports]

    fall = lrsched.cosine(base_lr=PEAK, min_lr=0.0, total_steps=DECAY_STEPS)
    rate: Rate = lrsched.with_warmup(fall, warmup_steps=WARMUP_STEPS, start_lr=0.0)
    return rate


def by_fvcore() -> Rate:
    """Fvcore's schedulers of a fraction of the run."""
    from fvcore.common import param_scheduler as fvcore  # pyright: ignore[reportMissingImports]

    total = WARMUP_STEPS + DECAY_STEPS
    rate = fvcore.CompositeParamScheduler(
        [fvcore.LinearParamScheduler(0.0, PEAK), fvcore.CosineParamScheduler(PEAK, 0.0)],
        lengths=[WARMUP_STEPS / total, DECAY_STEPS / total],
        interval_scaling=["rescaled", "rescaled"],
    )
    return lambda step: float(rate(step / total))


def by_optax() -> Rate:
    """Optax's schedule, compiled; its result stays an array."""
    import jax
    import optax

    total = WARMUP_STEPS + DECAY_STEPS
    rate: Rate = jax.jit(optax.warmup_cosine_decay_schedule(0.0, PEAK, WARMUP_STEPS, total, 0.0))
    return rate


def without_flat_code(plan: Schedule) -> Schedule:
    """An equal schedule that stays a tree of formulas, as one does whose formula cannot be followed."""
    with mock.patch.object(node, "trace", side_effect=Untraceable):
        tree = plan.lr_fn(**plan.arguments)
        for step in range(100):  # flat code is tried once, for what is called often
            tree(step, 1)
        tree(np.arange(1_000), 1)
    return tree


def against(build: Callable[[], Rate], *, count: int = len(STEPS), tolerance: float = 1e-9) -> Row:
    """Random steps of a warm-up and a cosine."""
    theirs, steps = build(), STEPS[:count]
    # fvcore and lrsched count a boundary otherwise by an update, so neighbouring steps decide nothing.
    if not all(math.isclose(PLAN(t), theirs(t), rel_tol=tolerance, abs_tol=tolerance * PEAK) for t in steps):
        raise AssertionError(f"{build} computes something else")
    return compare(lambda: [PLAN(t) for t in steps], lambda: [theirs(t) for t in steps], pieces=len(steps))


QUESTIONS = [
    Question(
        name=f"scalar/{name}",
        work="one value of a warm-up of 1,000 and a cosine of 100,000, at a random step",
        rival=rival,
        promised=promised,
        measure=measure,
    )
    for name, rival, promised, measure in (
        ("hand", "closure with folded constants", 2.3, partial(against, by_hand)),
        ("lrsched", "lrsched", 1.0, partial(against, by_lrsched)),
        ("fvcore", "fvcore", 1.0, partial(against, by_fvcore, tolerance=1e-3)),
        ("optax", "optax, jitted", 1.0, partial(against, by_optax, count=200, tolerance=1e-4)),
        ("tree", "the same plan without flat code", 0.5, partial(against, partial(without_flat_code, PLAN))),
    )
]
