"""The schedules of Hugging Face transformers: update ``n`` gets what they have at ``last_epoch = n - 1``.

Each ``get_..._schedule`` has its own name here; :func:`get_scheduler` takes them by the short names of
``TrainingArguments.lr_scheduler_type``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from annotated_types import Gt, Lt

from optimsche.call_errors import did_you_mean
from optimsche.lr_fns import constant, cosine, inverse_sqrt, linear, one_minus_power, polynomial
from optimsche.metrics import greedy
from optimsche.peers import torch
from optimsche.peers._peer import (
    Cycles,
    Exponent,
    Gamma,
    Lr,
    Metrics,
    PositiveLr,
    RealSteps,
    Share,
    SomeSteps,
    Steps,
    peer,
)
from optimsche.peers._pieces import from_zero, line, segment, stairs, up_to, wave
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_linear_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_inverse_sqrt_schedule",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_wsd_schedule",
    "get_adafactor_relative_step",
    "get_reduce_on_plateau_schedule",
    "get_greedy_schedule",
    "get_scheduler",
]

Drop = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
Ramp = Literal["linear", "cosine", "1-sqrt"]


def _cosines(start: float, end: float, steps: float, num_cycles: float) -> Schedule:
    """``num_cycles`` whole waves over ``steps``, and on after them; half a wave is the usual fall."""
    return wave(start, end, steps / (2 * num_cycles)) if num_cycles > 0 else constant(value=start)


@peer("transformers")
def get_constant_schedule(*, base_lr: Lr) -> Schedule:
    """The rate."""
    return constant(value=base_lr)


@peer("transformers")
def get_constant_schedule_with_warmup(num_warmup_steps: RealSteps, *, base_lr: Lr) -> Schedule:
    """A line from 0, then the rate."""
    return from_zero(up_to(base_lr, num_warmup_steps), constant(value=base_lr))


@peer("transformers")
def get_linear_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate and a line back to 0."""
    fall = segment(linear, base_lr, 0.0, num_training_steps - num_warmup_steps)
    return from_zero(up_to(base_lr, num_warmup_steps), fall)


@peer("transformers")
def get_cosine_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, num_cycles: Cycles = 0.5, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate, then ``num_cycles`` waves; it goes on waving after ``num_training_steps``."""
    waves = _cosines(base_lr, 0.0, max(1, num_training_steps - num_warmup_steps), num_cycles)
    return from_zero(up_to(base_lr, num_warmup_steps), waves)


@peer("transformers")
def get_cosine_with_hard_restarts_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, num_cycles: Cycles = 1, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate, then ``num_cycles`` falls of equal length, then 0."""
    steps = max(1, num_training_steps - num_warmup_steps)
    falls = constant(value=base_lr)
    if num_cycles > 0:
        falls = cosine(start=base_lr, steps=steps / num_cycles).repeat(closed="left")
    return from_zero(up_to(base_lr, num_warmup_steps), (steps, falls), constant(value=0.0))


@peer("transformers")
def get_polynomial_decay_schedule_with_warmup(
    num_warmup_steps: RealSteps,
    num_training_steps: RealSteps,
    lr_end: Lr = 1e-7,
    power: Exponent = 1.0,
    *,
    base_lr: PositiveLr,
) -> Schedule:
    """A line from 0 to the rate, then a power of what is left, down to ``lr_end``."""
    if not lr_end < base_lr:
        raise ValueError(
            "transformers.get_polynomial_decay_schedule_with_warmup: "
            f"lr_end must be below base_lr={base_lr}, got {lr_end}"
        )
    if num_training_steps == num_warmup_steps:
        raise ValueError(
            "transformers.get_polynomial_decay_schedule_with_warmup: num_training_steps must differ from "
            f"num_warmup_steps, got {num_training_steps} for both"
        )
    steps = num_training_steps - num_warmup_steps
    if power == 0:
        return from_zero(up_to(base_lr, num_warmup_steps), (steps + 1, constant(value=base_lr)), constant(value=lr_end))
    fall = segment(polynomial, base_lr, lr_end, steps, power=power)
    return from_zero(up_to(base_lr, num_warmup_steps), fall)


@peer("transformers")
def get_inverse_sqrt_schedule(
    num_warmup_steps: RealSteps, timescale: SomeSteps | None = None, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate, then an inverse square root over ``timescale``, by default the warm-up or 10,000."""
    fall = inverse_sqrt(start=base_lr, timescale=timescale or num_warmup_steps or 10_000)
    return from_zero(up_to(base_lr, num_warmup_steps), fall)


def _floor(name: str, min_lr: float | None, min_lr_rate: float | None, base_lr: float) -> float:
    if (min_lr is None) == (min_lr_rate is None):
        raise ValueError(f"transformers.{name}: give one of min_lr and min_lr_rate, got {min_lr} and {min_lr_rate}")
    return min_lr if min_lr is not None else base_lr * min_lr_rate  # type: ignore[operator]  # one of them is given


@peer("transformers")
def get_cosine_with_min_lr_schedule_with_warmup(
    num_warmup_steps: RealSteps,
    num_training_steps: RealSteps,
    num_cycles: Cycles = 0.5,
    min_lr: Lr | None = None,
    min_lr_rate: Gamma | None = None,
    *,
    base_lr: Lr,
) -> Schedule:
    """A line from 0 to the rate, then waves down to a floor; it goes on waving after ``num_training_steps``."""
    floor = _floor("get_cosine_with_min_lr_schedule_with_warmup", min_lr, min_lr_rate, base_lr)
    waves = _cosines(base_lr, floor, max(1, num_training_steps - num_warmup_steps), num_cycles)
    return from_zero(up_to(base_lr, num_warmup_steps), waves)


@peer("transformers")
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    num_warmup_steps: RealSteps,
    num_training_steps: RealSteps,
    num_cycles: Cycles = 0.5,
    min_lr: Lr | None = None,
    min_lr_rate: Gamma | None = None,
    warmup_lr_rate: Gamma | None = None,
    *,
    base_lr: Lr,
) -> Schedule:
    """The same one step early: the peak with the last update of the warm-up, the floor with the last of the run."""
    floor = _floor("get_cosine_with_min_lr_schedule_with_warmup_lr_rate", min_lr, min_lr_rate, base_lr)
    rise = line if num_warmup_steps % 1 else linear  # which then goes past the rate
    if warmup_lr_rate is None:
        warmup = rise(start=0.0, end=base_lr, steps=max(1, num_warmup_steps)).shift(-1)
    elif num_warmup_steps > 1:
        warmup = rise(start=base_lr * warmup_lr_rate, end=base_lr, steps=max(1, num_warmup_steps - 1))
    else:
        warmup = constant(value=base_lr * warmup_lr_rate)
    waves = _cosines(base_lr, floor, max(1, num_training_steps - num_warmup_steps), num_cycles)
    return from_zero((num_warmup_steps, warmup), waves.shift(-1))


@peer("transformers")
def get_wsd_schedule(
    num_warmup_steps: RealSteps,
    num_decay_steps: RealSteps,
    num_training_steps: RealSteps | None = None,
    num_stable_steps: RealSteps | None = None,
    warmup_type: Ramp = "linear",
    decay_type: Ramp = "cosine",
    min_lr_ratio: Share = 0.0,
    num_cycles: Cycles = 0.5,
    *,
    base_lr: Lr,
) -> Schedule:
    """Up from the floor, the rate, and down to the floor. Where both are given, ``num_stable_steps`` counts."""
    if num_stable_steps is None and num_training_steps is None:
        raise ValueError("transformers.get_wsd_schedule: give num_training_steps or num_stable_steps, got neither")
    stable = num_stable_steps
    if stable is None:
        stable = num_training_steps - num_warmup_steps - num_decay_steps  # type: ignore[operator]
    floor = base_lr * min_lr_ratio
    rises: dict[str, Callable[[], Schedule]] = {
        "linear": lambda: segment(linear, floor, base_lr, num_warmup_steps),
        "cosine": lambda: segment(cosine, floor, base_lr, num_warmup_steps),
        "1-sqrt": lambda: segment(polynomial, floor, base_lr, num_warmup_steps, power=0.5),
    }
    falls: dict[str, Callable[[], Schedule]] = {
        "linear": lambda: segment(linear, base_lr, floor, num_decay_steps),
        "cosine": lambda: _cosines(base_lr, floor, max(num_decay_steps, 1), num_cycles),
        "1-sqrt": lambda: segment(one_minus_power, base_lr, floor, num_decay_steps, power=0.5),
    }
    # With less than nothing to hold, the fall is entered midway.
    missing = min(stable, 0)
    return from_zero(
        (num_warmup_steps, rises[warmup_type]()),
        (stable, constant(value=base_lr)),
        (num_decay_steps + missing, falls[decay_type]().shift(missing)),
        constant(value=floor),
    )


@peer("transformers")
def get_adafactor_relative_step(warmup_init: bool = False) -> Schedule:
    """Adafactor's own step size before ``scale_parameter``. Its optimizer counts from 1: update ``n`` is step ``n``."""
    rise = linear(start=0.0, end=0.01, steps=10_000) if warmup_init else constant(value=0.01, steps=10_000)
    return rise >> inverse_sqrt(start=0.01, timescale=10_000)


@peer("transformers")
def get_reduce_on_plateau_schedule(
    mode: Literal["min", "max"] = "min",
    factor: Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_lr: Lr = 0.0,
    eps: Gamma = 1e-8,
    *,
    metrics: Metrics,
    base_lr: Lr,
) -> Schedule:
    """PyTorch's ``ReduceLROnPlateau``."""
    return torch.ReduceLROnPlateau(
        mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps, metrics=metrics, base_lr=base_lr
    )


@peer("transformers")
def get_greedy_schedule(
    mode: Literal["min", "max"] = "min",
    factor: Drop = 0.95,
    patience: Steps = 10,
    threshold: Gamma = 1e-6,
    threshold_mode: Literal["rel", "abs"] = "abs",
    cooldown: Steps = 0,
    warmup: Steps = 0,
    min_lr: Lr = 1e-3,
    max_lr: Lr = 1.0,
    eps: Gamma = 1e-8,
    verbose: bool = False,
    smooth: bool = False,
    window_size: SomeSteps = 50,
    reset_start: Steps = 500,
    *,
    metrics: Metrics,
    base_lr: Lr,
) -> Schedule:
    """The rate after each of the metrics reported so far: it rises while they improve and falls while they do not."""
    rates = greedy.trace(
        metrics,
        factor=factor,
        patience=patience,
        mode=mode,
        rtol=threshold if threshold_mode == "rel" else 0.0,
        atol=threshold if threshold_mode == "abs" else 0.0,
        cooldown=cooldown,
        warmup=warmup,
        start=base_lr,
        floor=min_lr,
        ceiling=max_lr,
        smallest_change=eps,
        window=window_size if smooth else 1,
        restart_after=max(reset_start, 1),
    )
    return stairs(rates, range(1, len(rates)))


_BY_NAME: dict[str, Callable[..., Schedule]] = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "reduce_lr_on_plateau": get_reduce_on_plateau_schedule,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": get_wsd_schedule,
    "greedy": get_greedy_schedule,
}
_WITHOUT_A_LENGTH = ("constant", "constant_with_warmup", "inverse_sqrt", "reduce_lr_on_plateau", "greedy")
_WITHOUT_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")


@peer("transformers")
def get_scheduler(
    name: str,
    num_warmup_steps: RealSteps | None = None,
    num_training_steps: RealSteps | None = None,
    scheduler_specific_kwargs: object = None,
    *,
    base_lr: Lr,
) -> Schedule:
    """The schedule of this short name, as ``TrainingArguments`` takes it.

    >>> get_scheduler("linear", num_warmup_steps=10, num_training_steps=110, base_lr=0.1)(61)
    0.05
    """
    if name not in _BY_NAME:
        hint = did_you_mean(name, _BY_NAME) or f"; known are {', '.join(_BY_NAME)}"
        raise ValueError(f"transformers.get_scheduler: unknown name {name!r}{hint}")
    given = {} if scheduler_specific_kwargs is None else scheduler_specific_kwargs
    if not isinstance(given, Mapping):
        raise TypeError(
            f"transformers.get_scheduler: scheduler_specific_kwargs must be a dictionary, got {given!r:.60}"
        )
    arguments: dict[str, Any] = dict(given)
    if name not in _WITHOUT_WARMUP:
        arguments["num_warmup_steps"] = num_warmup_steps
    if name not in _WITHOUT_A_LENGTH:
        arguments["num_training_steps"] = num_training_steps
    needed = [] if name == "warmup_stable_decay" else ["num_training_steps"]
    for argument in ("num_warmup_steps", *needed):
        if arguments.get(argument, 0) is None:
            raise ValueError(f"transformers.get_scheduler: {name} needs {argument}")
    return _BY_NAME[name](**arguments, base_lr=base_lr)
