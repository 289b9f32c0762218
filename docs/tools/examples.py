"""An example of each schedule of another system: the first case that was recorded of it, in tests/parity/curves."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimsche import peers
from optimsche.schedule import Schedule
from tests.parity import replay

CURVES = Path(__file__).parents[2] / "tests" / "parity" / "curves"
# Of these no case was recorded under their own name, or one with a function in it.
WARMED = "num_warmup_steps=10, num_training_steps=100"
METRICS = "metrics=(1.0, 0.8, 0.8, 0.8, 0.8, 0.6, 0.6, 0.6, 0.6), patience=1"
WRITTEN = {
    "lightning.LinearLR": "LinearLR(end_lr=1.0, num_iter=100, base_lr=1e-3)",
    "lightning.ExponentialLR": "ExponentialLR(end_lr=1.0, num_iter=100, base_lr=1e-3)",
    "olmo_core.SequentialScheduler": "SequentialScheduler([partial(ConstantWithWarmup, warmup=10), "
    "partial(LinearWithWarmup, warmup=0, alpha_f=0.0)], [40], base_lr=0.1, max_steps=100)",
    "transformers.get_constant_schedule": "get_constant_schedule(base_lr=5e-5)",
    "transformers.get_inverse_sqrt_schedule": "get_inverse_sqrt_schedule(num_warmup_steps=10, base_lr=5e-5)",
    "transformers.get_wsd_schedule": f"get_wsd_schedule({WARMED}, num_decay_steps=20, base_lr=5e-5)",
    "transformers.get_reduce_on_plateau_schedule": f"get_reduce_on_plateau_schedule({METRICS}, base_lr=5e-5)",
    "transformers.get_greedy_schedule": f"get_greedy_schedule({METRICS}, min_lr=1e-6, base_lr=5e-5)",
    "transformers.get_cosine_with_hard_restarts_schedule_with_warmup": "get_cosine_with_hard_restarts_schedule_with_"
    f"warmup({WARMED}, num_cycles=3, base_lr=5e-5)",
    "transformers.get_cosine_with_min_lr_schedule_with_warmup": "get_cosine_with_min_lr_schedule_with_warmup("
    f"{WARMED}, min_lr=5e-6, base_lr=5e-5)",
    "transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate": "get_cosine_with_min_lr_schedule_with_warmup_"
    f"lr_rate({WARMED}, min_lr=5e-6, warmup_lr_rate=0.1, base_lr=5e-5)",
    **{
        f"transformers.get_{name}_schedule_with_warmup": f"get_{name}_schedule_with_warmup({arguments}, base_lr=5e-5)"
        for name, arguments in {
            "constant": "num_warmup_steps=10",
            "linear": WARMED,
            "cosine": WARMED,
            "polynomial_decay": f"{WARMED}, power=2.0",
        }.items()
    },
}


@functools.cache
def of_system(system: str) -> dict[str, tuple[str, Schedule]]:
    """For each name the call, as code, and the schedule that it gives."""
    module = getattr(peers, system)
    functions = {name: getattr(module, name) for name in module.__all__}
    found: dict[str, tuple[str, Schedule]] = {}
    try:
        for name, function in functions.items():
            setattr(module, name, _noting(name, function, found))
        for case in recorded(system)["cases"]:
            replay.build(system, case)
    finally:
        for name, function in functions.items():
            setattr(module, name, function)
    for name in functions:
        if name not in found:
            code = WRITTEN[f"{system}.{name}"]
            found[name] = (code, eval(code, {**functions, "partial": functools.partial}))
    return {name: found[name] for name in functions}


@functools.cache
def recorded(system: str) -> dict[str, Any]:
    """The recording of a system: its version and its cases."""
    read: dict[str, Any] = json.loads((CURVES / f"{system}.json").read_text())
    return read


def _noting(name: str, function: Callable[..., Schedule], found: dict[str, tuple[str, Schedule]]) -> Any:
    """A function that keeps the first call that can be written down, and what came of it."""

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Schedule:
        made = function(*args, **kwargs)
        code = f"{name}({', '.join([*map(repr, args), *(f'{key}={value!r}' for key, value in kwargs.items())])})"
        if name not in found and "<" not in code:
            found[name] = (code, made)
        return made

    return calling
