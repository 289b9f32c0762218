"""Runs with a fault put in: plans of ten families, applied wrongly in fourteen ways, and logged as logs are."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import optimsche as o
from optimsche import peers


class Run(NamedTuple):
    """A run as its log has it, what was done to it, and what is true."""

    plan: o.Schedule
    steps: list[int]
    rates: list[float]
    settings: dict
    kinds: tuple[str, ...]
    first: int | None  # the first logged update whose rate is not the plan's


class Draw(NamedTuple):
    """A plan and how it is built with another length, warm-up, floor."""

    plan: o.Schedule
    total: int
    warmup: int
    build: Callable[..., o.Schedule]


def drawn_plan(family: int, rng: random.Random) -> Draw:
    total = rng.choice([200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, rng.randint(300, 8_000)])
    warmup = max(int(total * rng.choice([0.01, 0.03, 0.05, 0.1, 0.2])), 2)
    peak = rng.choice([1e-5, 5e-5, 1e-4, 3e-4, 1e-3, 2e-3, 0.1, rng.uniform(1e-5, 1e-2)])
    floor = rng.choice([0.0, 0.1 * peak])
    decay = max(total // 5, 2)

    def build(total=total, warmup=warmup, floor=floor):
        t, w = total, warmup
        match family:
            case 0:
                return o.warmup_cosine(peak=peak, warmup_steps=w, total_steps=t, floor=floor)
            case 1:
                return o.warmup_linear(peak=peak, warmup_steps=w, total_steps=t, floor=floor)
            case 2:
                return o.wsd(peak=peak, warmup_steps=w, decay_steps=decay, total_steps=t, floor=floor)
            case 3:
                return o.one_cycle(peak=peak, total_steps=t, warmup_steps=w, floor=floor)
            case 4:
                return o.polynomial(start=peak, end=floor, steps=t - w, power=2.0).warmup(w)
            case 5:
                return peers.transformers.get_scheduler(
                    "cosine", num_warmup_steps=w, num_training_steps=t, base_lr=peak
                )
            case 6:
                return peers.transformers.get_scheduler(
                    "linear", num_warmup_steps=w, num_training_steps=t, base_lr=peak
                )
            case 7:
                return o.cosine_restarts(peak=peak, floor=floor, cycle_steps=t // 3, cycles=3, warmup_steps=w)
            case 8:
                return o.geometric(start=peak, end=max(floor, peak / 100), steps=t - w).warmup(w)
            case _:
                return o.noam(peak=peak, warmup_steps=w)

    return Draw(build(), total, warmup, build)


KINDS = (
    "shift", "clock_factor", "per_epoch", "restart", "stale", "frozen", "jump", "skips", "warmup", "total", "floor",
    "factor", "twice", "logged_next",
)  # fmt: skip
NO_TOTAL = (9,)
NO_FLOOR = (5, 6, 8, 9)


def cause(kind: str, drawn: Draw, rng: random.Random, settings: dict):
    """What a fault does to the plan and what it does to the counter: `(changes of the plan, factor, counter)`."""
    plan, total = drawn.plan, drawn.total
    same = lambda n: n  # noqa: E731
    half = rng.randint(max(total // 8, 3), total * 3 // 4)
    match kind:
        case "shift":
            k = rng.choice([1, 2, 3, 5, 10, -2, -3, -5, rng.randint(4, max(total // 10, 5))])
            return {}, 1.0, lambda n: np.maximum(n - k, 0)
        case "clock_factor":
            k = rng.choice([2, 3, 4, 8])
            settings[rng.choice(["accum_grad", "world_size"])] = k
            if rng.random() < 0.5:
                return {}, 1.0, lambda n: (n - 1) * k + 1
            return {}, 1.0, lambda n: (n - 1) // k + 1
        case "per_epoch":
            every = rng.randint(max(total // 50, 3), max(total // 8, 4))
            if rng.random() < 0.7:
                settings["steps_per_epoch"] = every
            return {}, 1.0, lambda n: (n - 1) // every + 1
        case "restart":
            return {}, 1.0, lambda n: np.where(n > half, n - half, n)
        case "stale":
            k = rng.randint(10, max(half // 2, 11))
            return {}, 1.0, lambda n: np.where(n > half, np.maximum(n - k, 0), n)
        case "frozen":
            return {}, 1.0, lambda n: np.minimum(n, half)
        case "jump":
            k = rng.randint(3, max(total // 4, 4))
            return {}, 1.0, lambda n: np.where(n > half, n + k, n)
        case "skips":
            early = rng.random() < 0.5
            at = sorted(rng.sample(range(2, 40 if early else total), rng.randint(1, 11)))
            return {}, 1.0, lambda n: n - np.searchsorted(np.array(at), n)
        case "warmup":
            w = rng.choice([0, 2, 4, 8, 0.5, 0.25]) * drawn.warmup
            w = int(min(max(w, 0), total * 3 // 4)) if rng.random() < 0.7 else rng.randint(1, total // 2)
            w = w + (w == drawn.warmup)
            return {"warmup": w}, 1.0, same
        case "total":
            factor = rng.choice([0.5, 2, 3, 0.75, 1.2, rng.uniform(0.6, 4)])
            return {"total": max(int(total * factor), drawn.warmup + total // 5 + 2)}, 1.0, same
        case "floor":
            return {"floor": rng.choice([0.05, 0.02, 0.2, 0.01]) * float(plan(drawn.warmup))}, 1.0, same
        case "factor":
            return {}, rng.choice([2.0, 4.0, 8.0, 0.5, 0.1, 10.0, rng.uniform(0.3, 3)]), same
        case "twice":
            return {}, float(max(plan(np.arange(total + 1)))), same
        case "logged_next":
            return {}, 1.0, lambda n: n + 1
    raise AssertionError(kind)


COUNTER = ("shift", "restart", "stale", "frozen", "jump", "skips", "logged_next")


def drawn_run(kinds: tuple[str, ...], family: int, seed: int) -> Run:
    """A run with these faults; drawn anew until the log shows each of them."""
    for attempt in range(200):
        rng = random.Random(f"{kinds} {family} {seed} {attempt}")
        run = _drawn(kinds, family, rng)
        if run is not None:
            return run
    raise AssertionError((kinds, family, seed))


def _drawn(kinds, family, rng):
    drawn, settings = drawn_plan(family, rng), {}
    n = drawn.total if rng.random() < 0.6 else rng.randint(drawn.total // 3, drawn.total)
    every = rng.choice([1, 1, 5, 10, 20, 25, 50])
    every = min(every, max(n // 15, 1))
    steps = np.arange(every, n + 1, every)
    done = [(kind, *cause(kind, drawn, rng, settings)) for kind in kinds]
    digits = rng.choice([3, 4, 5, 6, None, "f32"])

    def applied(parts):
        changes, factor, clock = {}, 1.0, steps.astype(float)
        for kind, other, by, counter in parts:
            changes, factor = changes | other, factor * by
            if kind in COUNTER:
                clock = counter(clock)
        for kind, _, _, counter in parts:
            if kind not in COUNTER:
                clock = counter(clock)
        return logged(factor * drawn.build(**changes)(np.maximum(clock, 0.0)), digits)

    rates, right = applied(done), applied([])
    if not kinds:
        return Run(drawn.plan, steps.tolist(), rates.tolist(), settings, (), None)
    if any((applied([d for d in done if d is not one]) == rates).mean() > 0.98 for one in done):
        return None
    wrong = np.flatnonzero(rates != right)
    if len(wrong) < 3:
        return None
    truth = tuple("factor" if kind == "twice" else kind for kind in kinds)
    return Run(drawn.plan, steps.tolist(), rates.tolist(), settings, truth, int(steps[wrong[0]]))


def logged(rates, digits):
    if digits is None:
        return rates
    if digits == "f32":
        return rates.astype(np.float32).astype(float)
    return np.array([float(f"{rate:.{digits}g}") for rate in rates])


def singles(count: int, seed: int = 0) -> list[Run]:
    runs = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        families = [
            f for f in range(10) if not ((kind == "total" and f in NO_TOTAL) or (kind == "floor" and f in NO_FLOOR))
        ]
        runs.append(drawn_run((kind,), families[number // len(KINDS) % len(families)], seed + number))
    return runs


def clean(count: int, seed: int = 0) -> list[Run]:
    return [drawn_run((), number % 10, seed + number) for number in range(count)]


PAIRS = (
    ("restart", "skips"), ("factor", "total"), ("factor", "shift"), ("factor", "restart"), ("clock_factor", "restart"),
    ("warmup", "factor"), ("floor", "shift"), ("total", "restart"), ("skips", "factor"), ("floor", "total"),
    ("logged_next", "factor"), ("warmup", "total"), ("frozen", "shift"), ("jump", "factor"), ("per_epoch", "factor"),
    ("stale", "warmup"),
)  # fmt: skip


def pairs(count: int, seed: int = 0) -> list[Run]:
    runs = []
    for number in range(count):
        kinds = PAIRS[number % len(PAIRS)]
        families = [f for f in range(9) if not ("floor" in kinds and f in NO_FLOOR)]
        runs.append(drawn_run(kinds, families[number // len(PAIRS) % len(families)], seed + number))
    return runs
