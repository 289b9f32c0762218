"""The schedules of Hugging Face diffusers: update ``n`` gets what they have at ``last_epoch = n - 1``.

Most are those of transformers; :func:`get_piecewise_constant_schedule` is its own. :func:`get_scheduler` takes all by
the short names of the ``--lr_scheduler`` option.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from optimsche.lr_fns import constant
from optimsche.peers import transformers
from optimsche.peers._peer import Cycles, Exponent, Lr, PositiveLr, RealSteps, peer
from optimsche.peers._pieces import stairs
from optimsche.schedule import Schedule

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_piecewise_constant_schedule",
    "get_linear_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
]


@peer("diffusers")
def get_constant_schedule(*, base_lr: Lr) -> Schedule:
    """The rate."""
    return constant(value=base_lr)


@peer("diffusers")
def get_constant_schedule_with_warmup(num_warmup_steps: RealSteps, *, base_lr: Lr) -> Schedule:
    """A line from 0, then the rate."""
    return transformers.get_constant_schedule_with_warmup(num_warmup_steps, base_lr=base_lr)


@peer("diffusers")
def get_piecewise_constant_schedule(step_rules: str, *, base_lr: Lr) -> Schedule:
    """The rate times what the rules say: ``"1:10,0.1:20,0.005"`` is 1 up to update 10, 0.1 up to 20, then 0.005.

    The numbers of updates count from the beginning, and the rules are taken in their order.

    >>> [get_piecewise_constant_schedule("1:10,0.1:20,0.005", base_lr=2.0)(n) for n in (10, 11, 20, 21)]
    [2.0, 0.2, 0.2, 0.01]
    """
    *rules, last = step_rules.split(",")
    factors: dict[int, float] = {}
    try:
        for rule in rules:
            value, steps = rule.split(":")
            factors[int(steps)] = float(value)
        values = [*(factors[steps] for steps in sorted(factors)), float(last)]
    except ValueError:
        raise ValueError(
            "diffusers.get_piecewise_constant_schedule: step_rules are 'factor:steps' joined by commas, and a factor "
            f"at the end, such as '1:10,0.1:20,0.005', got {step_rules!r:.60}"
        ) from None
    if not all(0 <= value < math.inf for value in values):
        raise ValueError(
            f"diffusers.get_piecewise_constant_schedule: factors must be finite and >= 0, got {step_rules!r:.60}"
        )
    return stairs([base_lr * value for value in values], sorted(factors))


@peer("diffusers")
def get_linear_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate and a line back to 0."""
    return transformers.get_linear_schedule_with_warmup(num_warmup_steps, num_training_steps, base_lr=base_lr)


@peer("diffusers")
def get_cosine_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, num_cycles: Cycles = 0.5, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate, then ``num_cycles`` waves; it goes on waving after ``num_training_steps``."""
    return transformers.get_cosine_schedule_with_warmup(
        num_warmup_steps, num_training_steps, num_cycles, base_lr=base_lr
    )


@peer("diffusers")
def get_cosine_with_hard_restarts_schedule_with_warmup(
    num_warmup_steps: RealSteps, num_training_steps: RealSteps, num_cycles: Cycles = 1, *, base_lr: Lr
) -> Schedule:
    """A line from 0 to the rate, then ``num_cycles`` falls of equal length, then 0."""
    return transformers.get_cosine_with_hard_restarts_schedule_with_warmup(
        num_warmup_steps, num_training_steps, num_cycles, base_lr=base_lr
    )


@peer("diffusers")
def get_polynomial_decay_schedule_with_warmup(
    num_warmup_steps: RealSteps,
    num_training_steps: RealSteps,
    lr_end: Lr = 1e-7,
    power: Exponent = 1.0,
    *,
    base_lr: PositiveLr,
) -> Schedule:
    """A line from 0 to the rate, then a power of what is left, down to ``lr_end``."""
    return transformers.get_polynomial_decay_schedule_with_warmup(
        num_warmup_steps, num_training_steps, lr_end, power, base_lr=base_lr
    )


Name = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "piecewise_constant"
]
_BY_NAME: dict[str, tuple[Callable[..., Schedule], tuple[str, ...]]] = {
    "linear": (get_linear_schedule_with_warmup, ("num_warmup_steps", "num_training_steps")),
    "cosine": (get_cosine_schedule_with_warmup, ("num_warmup_steps", "num_training_steps")),
    "cosine_with_restarts": (
        get_cosine_with_hard_restarts_schedule_with_warmup,
        ("num_warmup_steps", "num_training_steps", "num_cycles"),
    ),
    "polynomial": (get_polynomial_decay_schedule_with_warmup, ("num_warmup_steps", "num_training_steps", "power")),
    "constant": (get_constant_schedule, ()),
    "constant_with_warmup": (get_constant_schedule_with_warmup, ("num_warmup_steps",)),
    "piecewise_constant": (get_piecewise_constant_schedule, ("step_rules",)),
}


@peer("diffusers")
def get_scheduler(
    name: Name,
    step_rules: str | None = None,
    num_warmup_steps: RealSteps | None = None,
    num_training_steps: RealSteps | None = None,
    num_cycles: Cycles = 1,
    power: Exponent = 1.0,
    *,
    base_lr: Lr,
) -> Schedule:
    """The schedule of this short name; ``num_cycles`` is that of the restarts alone, ``power`` that of the polynomial.

    >>> get_scheduler("linear", num_warmup_steps=10, num_training_steps=110, base_lr=0.1)(61)
    0.05
    """
    given: dict[str, Any] = {
        "step_rules": step_rules,
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
        "num_cycles": num_cycles,
        "power": power,
    }
    function, wanted = _BY_NAME[name]
    for argument in wanted:
        if given[argument] is None:
            raise ValueError(f"diffusers.get_scheduler: {name} needs {argument}")
    return function(**{argument: given[argument] for argument in wanted}, base_lr=base_lr)
