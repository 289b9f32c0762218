"""Plans for `fit`: named ones, and compositions of two to four pieces, recorded as logs record them."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

import optimsche as o
from tests.runs import injected

SHAPES = ("constant", "linear", "cosine", "polynomial", "one_minus_power", "geometric")


class Recorded(NamedTuple):
    """A plan, what was recorded of it, and in how many digits (None for all, "f32" for float32)."""

    plan: o.Schedule
    steps: list[int]
    rates: list[float]
    digits: int | str | None


def composition(rng: random.Random) -> o.Schedule:
    """Two to four pieces, each another shape than the one before, that meet; half of them after a warm-up."""
    level = rng.choice([1e-3, 3e-4, 5e-5, 0.1, rng.uniform(1e-5, 1e-2)])
    pieces, before, count = [], "", rng.randint(2, 4)
    for number in range(count):
        steps = rng.choice([50, 100, 200, 500, 1_000, rng.randint(40, 1_500)])
        before = shape = rng.choice([shape for shape in SHAPES if shape != before])
        end = float(f"{level * rng.choice([0.5, 0.1, 0.3, 0.7]):.3g}")
        if number == count - 1 and rng.random() < 0.5 and shape != "geometric":
            end = 0.0
        if shape == "constant":
            pieces.append(o.constant(value=level, steps=steps))
            continue
        more = {"power": 2.0} if shape == "polynomial" else {}
        pieces.append(getattr(o, shape)(start=level, end=end, steps=steps, **more))
        level = end
        if level == 0:
            break
    plan = o.sequence(pieces) if len(pieces) > 1 else pieces[0]
    return plan.warmup(rng.choice([20, 50, 100])) if rng.random() < 0.5 else plan


def recorded(number: int, seed: int = 0) -> Recorded:
    """Every third is a composition. Some logs end early, some have gaps of different lengths."""
    rng = random.Random(f"{number} {seed}")
    if number % 3 == 2:
        plan = composition(rng)
        total = int(plan.length)
    else:
        drawn = injected.drawn_plan(rng.randrange(10), rng)
        plan, total = drawn.plan, drawn.total
    last = total if rng.random() < 0.7 else rng.randint(total // 2, total)
    every = min(rng.choice([1, 1, 5, 10]), max(total // 60, 1))
    steps = np.arange(every, last + 1, every)
    if rng.random() < 0.3:
        steps = np.array(sorted(rng.sample(range(1, last + 1), min(len(steps), last))))
    digits = rng.choice([4, 5, 6, None, None, "f32"])
    return Recorded(plan, steps.tolist(), injected.logged(plan(steps), digits).tolist(), digits)


def is_found(record: Recorded, found: o.Schedule | None) -> bool:
    """Whether a plan is the recorded one at every update, logged or not, to the precision of the log."""
    if found is None:
        return False
    updates = np.arange(record.steps[0], record.steps[-1] + 1)
    right = record.plan(updates)
    part = {None: 1e-8, "f32": 3e-7}.get(record.digits) or 10.0 ** (1 - record.digits)
    return bool((np.abs(found(updates) - right) <= part * np.maximum(right, 1e-3 * right.max())).all())
