"""What does one evaluation cost? ``schedule(step)`` in a training loop, against code written by hand and libraries."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from benchmarks.harness import Question, Row, compare, missing
from optimsche import cosine

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


def against(name: str, rival: str, build: Callable[[], Rate], steps: Iterable[int], tolerance: float) -> Row:
    """Random steps of a warm-up and a cosine."""
    try:
        theirs = build()
    except ModuleNotFoundError:
        return missing(name, rival)
    steps = list(steps)
    # fvcore and lrsched count a joint otherwise by an update, so neighbouring steps decide nothing.
    if not all(math.isclose(PLAN(t), theirs(t), rel_tol=tolerance, abs_tol=tolerance * PEAK) for t in steps):
        raise AssertionError(f"{rival} computes something else")
    return compare(
        name, lambda: [PLAN(t) for t in steps], rival, lambda: [theirs(t) for t in steps], work_per_call=len(steps)
    )


def _question(
    name: str, rival: str, promised: float, build: Callable[[], Rate], count: int, tolerance: float
) -> Question:
    return Question(
        name=name,
        work="schedule(step): warm-up of 1,000 and cosine of 100,000, random steps",
        rival=rival,
        promised=promised,
        measure=lambda: against(name, rival, build, STEPS[:count], tolerance),
    )


QUESTIONS = [
    _question("scalar/hand", "closure with folded constants", 2.5, by_hand, 2_000, 1e-9),
    _question("scalar/lrsched", "lrsched", 1.0, by_lrsched, 2_000, 1e-9),
    _question("scalar/fvcore", "fvcore", 1.0, by_fvcore, 2_000, 1e-3),
    _question("scalar/optax", "optax, jitted", 1.0, by_optax, 200, 1e-4),
]
