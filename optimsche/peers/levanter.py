"""Levanter's ``OptimizerConfig.lr_scheduler``: update ``n`` gets what it has at ``count = n - 1``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from annotated_types import Ge, Gt, Lt

from optimsche.call_errors import did_you_mean
from optimsche.checking import checked
from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, inverse_sqrt, linear, polynomial, power_law, rex
from optimsche.peers._peer import Gamma, Lr, PositiveGamma, SomeSteps, Steps, peer
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "lr_scheduler",
]

Part: TypeAlias = Annotated[
    float, Ge(0), Lt(math.inf), Meaning("a part of the steps up to 1, or a whole number of steps above it")
]
Endpoints: TypeAlias = tuple[Steps, ...]
Timescale: TypeAlias = Annotated[float, Ge(1), Lt(math.inf), Meaning("a number of steps")]
Falling: TypeAlias = Annotated[float, Gt(-math.inf), Lt(0), Meaning("an exponent")]


@peer("levanter")
def lr_scheduler(
    num_train_steps: SomeSteps,
    override_lr: Lr | None = None,
    *,
    learning_rate: Lr = 6e-4,
    min_lr_ratio: Gamma = 0.1,
    warmup: Part = 0.01,
    decay: Part | None = None,
    rewarmup: Part = 0.0,
    cooldown: Part | None = None,
    cycle_length: Part | tuple[SomeSteps, ...] | None = None,
    cycles: Steps | Endpoints | None = None,
    lr_schedule: object = "cosine",
    haps: Endpoints | None = None,
) -> Schedule:
    """Cycles of warm-up, stable part and decay, the arguments of the configuration as keywords.

    ``lr_schedule`` is ``"constant"``, ``"cosine"``, ``"linear"``, ``"inv_sqrt"``, ``"inv"``, or a dictionary such as
    ``{"type": "power", "batch_size": 64, "seq_length": 4096}``. Numbers up to 1 are parts, so ``warmup=1`` is all of a
    cycle. The first warm-up begins at 0, every other one where the decay before it ended. A last cycle that does not
    fit is added to the one before it. After the end the last decay goes on.
    """
    call = "levanter.lr_scheduler"
    lr = learning_rate if override_lr is None else override_lr
    cooling = _steps("cooldown", cooldown, num_train_steps) if cooldown is not None else 0
    ends = _cycle_ends(call, num_train_steps - cooling, cycle_length, cycles, haps)
    played: list[tuple[int, Schedule]] = []  # when each piece begins, and it on its own counter
    last = 0.0
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        rise = _steps("rewarmup" if number else "warmup", rewarmup if number else warmup, end - start)
        fall = end - start - rise if decay is None else _steps("decay", decay, end - start)
        if rise:
            played.append((start, linear(start=last, end=lr, steps=rise)))
        if end - start - rise - fall:
            played.append((start + rise, constant(value=lr)))
        way_down = _decay(lr_schedule, lr, lr * min_lr_ratio, rise, fall)
        played.append((end - fall, way_down))
        last = way_down(fall)
    if cooling:
        played.append((ends[-1], linear(start=last, end=lr * min_lr_ratio, steps=cooling)))
    return _joined(played)


def _joined(played: list[tuple[int, Schedule]]) -> Schedule:
    """Pieces from where they begin; one that begins before an earlier one hides that from there on."""
    kept: list[tuple[int, Schedule]] = []
    for begin, curve in played:
        while kept and max(kept[-1][0], 0) >= max(begin, 0):
            kept.pop()
        kept.append((begin, curve))
    edges = [begin for begin, _ in kept[1:]]
    return sequence([kept[0][1].shift(1 + kept[0][0]), *(curve.shift(1) for _, curve in kept[1:])], at=edges)


def _steps(name: str, part: float, whole: int) -> int:
    """A part of the steps, or steps."""
    if part > 1 and part % 1 != 0:
        raise ValueError(
            f"levanter.lr_scheduler: {name} must be a part from 0 to 1 or a whole number of steps, got {part}"
        )
    return int(part * whole) if part <= 1 else int(part)


def _cycle_ends(call: str, whole: int, cycle_length: Any, cycles: Any, haps: Any) -> list[int]:
    """0 and the end of each cycle."""
    if cycle_length is not None and (cycles is not None or haps is not None):
        raise ValueError(f"{call}: can't use both cycle_length and {'haps' if cycles is None else 'cycles'}")
    if isinstance(cycle_length, tuple):
        ends = list(itertools.accumulate(cycle_length))
        if ends and ends[-1] > whole:
            raise ValueError(f"{call}: cycle lengths exceed total number of steps: {ends[-1]} > {whole}")
    elif cycle_length is not None:
        length = _steps("cycle_length", cycle_length, whole)
        if length == 0:
            raise ValueError(f"{call}: cycle_length={cycle_length} is no step of {whole}; give more")
        ends = [number * length for number in range(1, whole // length)]
    elif haps is not None:
        ends = list(haps)
    elif isinstance(cycles, int):
        ends = [int(whole / cycles * number) for number in range(1, cycles)]
    else:
        ends = list(cycles or ())
    ends = [0, *ends] if ends and ends[-1] == whole else [0, *ends, whole]
    for left, right in itertools.pairwise(ends):
        if right <= left:
            raise ValueError(f"{call}: the ends of cycles must rise from above 0 to {whole} steps, got {ends[1:-1]}")
    return ends


# ---------------------------------------------------------------------------------------------------------------------
# Decays: functions of the rate and its floor, the warm-up before and the length, and what a configuration adds
# ---------------------------------------------------------------------------------------------------------------------


def _decay(lr_schedule: Any, lr: float, low: float, warmup: int, steps: int) -> Schedule:
    """The decay that a name or a configuration says."""
    config = {"type": lr_schedule} if isinstance(lr_schedule, str) else lr_schedule
    if not isinstance(config, Mapping) or config.get("type") not in _DECAYS:
        name = config.get("type") if isinstance(config, Mapping) else config
        hint = did_you_mean(name, _DECAYS) or f"; known are {', '.join(_DECAYS)}"
        raise ValueError(f"levanter.lr_scheduler: unknown lr_schedule {name!r}{hint}")
    kind = config["type"]
    options = {name: value for name, value in config.items() if name != "type"}
    return checked(f"levanter.lr_schedule {kind}", _DECAYS[kind])(lr, low, warmup, steps, **options)


def _constant(lr: float, low: float, warmup: int, steps: int) -> Schedule:
    return constant(value=lr)


def _cosine(lr: float, low: float, warmup: int, steps: int, exponent: Gamma = 1.0) -> Schedule:
    if steps <= 0:
        raise ValueError(f"levanter.lr_scheduler: a cosine needs a decay of some steps, got {steps}; see warmup, decay")
    if exponent == 0:
        return constant(value=lr)
    if exponent == 1:
        return cosine(start=lr, end=low, steps=steps)
    return polynomial(start=lr, end=low, steps=1, power=exponent).warp(cosine(start=0.0, end=1.0, steps=steps))


def _linear(lr: float, low: float, warmup: int, steps: int) -> Schedule:
    return linear(start=lr, end=low, steps=steps) if steps > 0 else constant(value=lr)


def _inv_sqrt(lr: float, low: float, warmup: int, steps: int, timescale: Timescale = 10000) -> Schedule:
    return inverse_sqrt(start=lr, timescale=timescale).shift(timescale - warmup).clamp(floor=low)


def _inv(lr: float, low: float, warmup: int, steps: int) -> Schedule:
    if low == 0:
        raise ValueError("levanter.lr_scheduler: 'inv' needs min_lr_ratio and learning_rate above 0")
    if low >= lr or steps <= 0:
        return constant(value=low)
    fall = rex(start=lr, end=low, steps=steps, beta=1.0 - lr / low)
    return fall.shift(-1).shift(1)  # the first two steps have the value of the second


def _power(
    lr: float,
    low: float,
    warmup: int,
    steps: int,
    batch_size: SomeSteps,
    seq_length: SomeSteps,
    a: PositiveGamma = 4.6,
    b: Falling = -0.51,
) -> Schedule:
    if lr == 0:
        return constant(value=0.0)
    crossing = (batch_size * a / lr) ** (-1 / b) / (batch_size * seq_length)  # below it the rate is the lower
    return power_law(start=lr, timescale=crossing, power=-b).shift(crossing)


_DECAYS: dict[str, Callable[..., Schedule]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "inv_sqrt": _inv_sqrt,
    "inv": _inv,
    "power": _power,
}
