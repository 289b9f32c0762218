"""Learning-rate schedules as immutable values, and the training step that applies them.

A schedule is a pure function of the number of an update. It is built from a few shapes and a few combinators, and
nothing here imports PyTorch or JAX until it is needed:

- shapes: constant, linear, cosine, polynomial, one_minus_power, geometric, exponential, growth, tanh, rex, hyperbolic,
  inverse_sqrt, power_law, step_decay, milestones, piecewise_constant, piecewise_linear, expression
- combinators, also as methods: then (>>), warmup, cooldown, scale (* and /), add (+), subtract (-), minimum, maximum,
  clamp, shift, stretch, over, warp, staircase, repeat, by_epoch, by_tokens, jitter, running_product; many pieces at
  once: sequence
- plans in totals: warmup_cosine, warmup_linear, warmup_constant, wsd, one_cycle, noam, cosine_restarts, triangular
- factors that follow a metric: plateau, greedy
- one's own: lr_fn, with ranges such as Rate and Steps; text: parse, to_dict, from_dict; curves: plot, table
- plans against runs: audit, fit, read_log, and the method diff; theory has the last-iterate bound
- other people's trainers: ScheduleLR, from_torch, as_keras, as_optax
- training, which needs PyTorch: OptimScheduler, Member, StepResult, LossScaler, clip_norm, clip_value,
  clip_each_group, clip_adaptive, skip_above, skip_non_finite, bias_or_norm, layer_decay, without_decay, range_test,
  advance_rates, build_optim_sches; counting: next_window, resume_step, total_updates

>>> from optimsche import cosine
>>> plan = cosine(start=3e-4, steps=9_000).warmup(1_000)
>>> plan(500)
0.00015
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from optimsche import ops
from optimsche.combinators import (
    add,
    by_epoch,
    by_tokens,
    clamp,
    cooldown,
    jitter,
    maximum,
    minimum,
    over,
    repeat,
    running_product,
    scale,
    sequence,
    shift,
    staircase,
    stretch,
    subtract,
    then,
    warmup,
    warp,
)
from optimsche.counting import next_window, resume_step, total_updates
from optimsche.lr_fn import lr_fn
from optimsche.lr_fns import (
    constant,
    cosine,
    exponential,
    expression,
    geometric,
    growth,
    hyperbolic,
    inverse_sqrt,
    linear,
    milestones,
    one_minus_power,
    piecewise_constant,
    piecewise_linear,
    polynomial,
    power_law,
    rex,
    step_decay,
    tanh,
)
from optimsche.missing import needs
from optimsche.pickling import tell_whoever_stores
from optimsche.plans import (
    cosine_restarts,
    noam,
    one_cycle,
    triangular,
    warmup_constant,
    warmup_cosine,
    warmup_linear,
    wsd,
)
from optimsche.ranges import (
    Closed,
    Count,
    Cycles,
    Factor,
    Fraction,
    Growth,
    Length,
    Meaning,
    Milestones,
    Offset,
    Points,
    PositiveFactor,
    Power,
    Rate,
    Rates,
    Ratio,
    Seed,
    Share,
    Steps,
)
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from optimsche.adapters.as_keras import as_keras
    from optimsche.adapters.as_optax import as_optax
    from optimsche.adapters.from_torch import from_torch
    from optimsche.adapters.schedule_lr import ScheduleLR
    from optimsche.curve import plot, table
    from optimsche.device_rates import advance_rates
    from optimsche.lr_finder import RangeTest, range_test
    from optimsche.metrics import greedy, plateau
    from optimsche.param_groups.rules import bias_or_norm, layer_decay, without_decay
    from optimsche.runs import audit, fit, read_log
    from optimsche.speechain import build_optim_sches
    from optimsche.text import from_dict, parse, to_dict
    from optimsche.training.gradients import Gradients
    from optimsche.training.loss_scaler import LossScaler
    from optimsche.training.members import Member
    from optimsche.training.optim_scheduler import OptimScheduler
    from optimsche.training.outcomes import NonFiniteError
    from optimsche.training.result import StepResult
    from optimsche.training.stages import (
        clip_adaptive,
        clip_each_group,
        clip_norm,
        clip_value,
        skip_above,
        skip_non_finite,
    )

__version__ = "0.1.0"

# What a schedule alone does not need is loaded when it is first used, from these files.
_LAZY = {
    "curve": ("load_ipython_extension", "plot", "table", "unload_ipython_extension"),
    "metrics": ("greedy", "plateau"),
    "runs": ("audit", "fit", "read_log"),
    "text": ("from_dict", "parse", "to_dict"),
    "adapters.as_keras": ("as_keras",),
    "adapters.as_optax": ("as_optax",),
    "adapters.from_torch": ("from_torch",),
}
_NEEDING_TORCH = {
    "adapters.schedule_lr": ("ScheduleLR",),
    "device_rates": ("advance_rates",),
    "lr_finder": ("RangeTest", "range_test"),
    "param_groups.rules": ("bias_or_norm", "layer_decay", "without_decay"),
    "speechain": ("build_optim_sches",),
    "training.gradients": ("Gradients",),
    "training.loss_scaler": ("LossScaler",),
    "training.members": ("Member",),
    "training.optim_scheduler": ("OptimScheduler",),
    "training.outcomes": ("NonFiniteError",),
    "training.result": ("StepResult",),
    "training.stages": (
        "clip_adaptive",
        "clip_each_group",
        "clip_norm",
        "clip_value",
        "skip_above",
        "skip_non_finite",
    ),
}
_FILE_OF = {name: file for files in (_LAZY, _NEEDING_TORCH) for file, names in files.items() for name in names}

# Parts that are loaded when they are first used, and what they need.
_PARTS = {"curve": "", "json_schema": "", "peers": "", "runs": "", "testing": "hypothesis", "text": "", "theory": ""}

__all__ = [
    "Closed",
    "Count",
    "Cycles",
    "Factor",
    "Fraction",
    "Gradients",
    "Growth",
    "Length",
    "LossScaler",
    "Meaning",
    "Member",
    "Milestones",
    "NonFiniteError",
    "Offset",
    "OptimScheduler",
    "Points",
    "PositiveFactor",
    "Power",
    "RangeTest",
    "Rate",
    "Rates",
    "Ratio",
    "Schedule",
    "ScheduleLR",
    "Seed",
    "Share",
    "StepResult",
    "Steps",
    "add",
    "advance_rates",
    "as_keras",
    "as_optax",
    "audit",
    "bias_or_norm",
    "build_optim_sches",
    "by_epoch",
    "by_tokens",
    "clamp",
    "clip_adaptive",
    "clip_each_group",
    "clip_norm",
    "clip_value",
    "constant",
    "cooldown",
    "cosine",
    "cosine_restarts",
    "exponential",
    "expression",
    "fit",
    "from_dict",
    "from_torch",
    "geometric",
    "greedy",
    "growth",
    "hyperbolic",
    "inverse_sqrt",
    "jitter",
    "layer_decay",
    "linear",
    "lr_fn",
    "maximum",
    "milestones",
    "minimum",
    "next_window",
    "noam",
    "one_cycle",
    "one_minus_power",
    "ops",
    "over",
    "parse",
    "piecewise_constant",
    "piecewise_linear",
    "plateau",
    "plot",
    "polynomial",
    "power_law",
    "range_test",
    "read_log",
    "repeat",
    "resume_step",
    "rex",
    "running_product",
    "scale",
    "sequence",
    "shift",
    "skip_above",
    "skip_non_finite",
    "staircase",
    "step_decay",
    "stretch",
    "subtract",
    "table",
    "tanh",
    "then",
    "to_dict",
    "total_updates",
    "triangular",
    "warmup",
    "warmup_constant",
    "warmup_cosine",
    "warmup_linear",
    "warp",
    "without_decay",
    "wsd",
]


tell_whoever_stores(Schedule)

if find_spec("torch") is None:  # `import *` takes what can be had
    __all__[:] = [name for name in __all__ if _FILE_OF.get(name) not in _NEEDING_TORCH]


def __getattr__(name: str) -> Any:
    if name in _FILE_OF:
        return getattr(_imported(name, _FILE_OF[name]), name)
    where = ""
    if name.isidentifier() and not name.startswith("_"):
        if find_spec(f"optimsche.{name}") is not None:
            return _imported(name, name)
        where = _where(name)
        # An import statement asks through `hasattr`, which an AttributeError only tells that there is none.
        if where and sys._getframe(1).f_globals.get("__name__") == "importlib._bootstrap":
            raise ImportError(f"optimsche has no {name!r}{where}")
    raise AttributeError(f"module 'optimsche' has no attribute {name!r}{where}")


def _imported(name: str, file: str) -> Any:
    try:
        return import_module(f"optimsche.{file}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise needs(f"optimsche.{name}", "torch") from None


def _where(name: str) -> str:
    """Where a name is that is not here: in a part, at another system, or nearly right here."""
    from optimsche.call_errors import did_you_mean

    for part in _parts():
        if name in getattr(import_module(f"optimsche.{part}"), "__all__", ()):
            return f"; write from optimsche.{part} import {name}"
    system = import_module("optimsche.peers").system_of(name)
    return f"; write optimsche.peers.{system}.{name}" if system else did_you_mean(name, __dir__())


def _parts() -> list[str]:
    # What is not installed would make help() and inspect fail: they look at everything that is listed.
    return [part for part, needed in _PARTS.items() if not needed or find_spec(needed) is not None]


def __dir__() -> list[str]:
    return sorted([*__all__, *_parts()])
