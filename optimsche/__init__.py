"""Learning-rate schedules as immutable values, and the training step that applies them.

A schedule is a pure function of the number of an update. It is built from a few shapes and a few combinators, and
nothing here imports PyTorch or JAX until it is needed:

- shapes: constant, linear, cosine, polynomial, one_minus_power, geometric, exponential, tanh, rex, hyperbolic,
  inverse_sqrt, power_law, step_decay, milestones, piecewise_constant, piecewise_linear, expression
- combinators, also as methods: then (>>), warmup, cooldown, scale (* and /), add (+), clamp, shift, stretch, over,
  warp, staircase, repeat, by_epoch, jitter, running_product; many pieces at once: sequence
- plans in totals: warmup_cosine, warmup_linear, warmup_constant, wsd, one_cycle, noam, cosine_restarts, triangular
- factors that follow a metric: plateau, greedy
- one's own: lr_fn, with ranges such as Rate and Steps; text: parse, to_dict, from_dict; curves: plot, table
- training, which needs PyTorch: OptimScheduler, StepResult, LossScaler, build_optim_sches, micro_batch_all, step_all,
  ClipByNorm, ClipByValue, ClipEachGroup, ClipAdaptive, bias_or_norm, layer_decay, without_decay, range_test,
  advance_rates; counting: next_window, resume_step, total_updates

>>> from optimsche import cosine
>>> plan = cosine(start=3e-4, steps=9_000).warmup(1_000)
>>> plan(500)
0.00015
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from optimsche import ops
from optimsche.combinators import (
    add,
    by_epoch,
    clamp,
    cooldown,
    jitter,
    over,
    repeat,
    running_product,
    scale,
    sequence,
    shift,
    staircase,
    stretch,
    then,
    warmup,
    warp,
)
from optimsche.counting import next_window, resume_step, total_updates
from optimsche.domains import (
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
from optimsche.lr_fns import (
    constant,
    cosine,
    exponential,
    expression,
    geometric,
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
from optimsche.metrics import greedy, plateau
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
from optimsche.schedule import Schedule, lr_fn

if TYPE_CHECKING:
    from optimsche.curve import plot, table
    from optimsche.text import from_dict, parse, to_dict
    from optimsche.training import (
        ClipAdaptive as ClipAdaptive,
    )
    from optimsche.training import (
        ClipByNorm as ClipByNorm,
    )
    from optimsche.training import (
        ClipByValue as ClipByValue,
    )
    from optimsche.training import (
        ClipEachGroup as ClipEachGroup,
    )
    from optimsche.training import (
        LossScaler as LossScaler,
    )
    from optimsche.training import (
        NonFiniteError as NonFiniteError,
    )
    from optimsche.training import (
        OptimScheduler as OptimScheduler,
    )
    from optimsche.training import (
        RangeTest as RangeTest,
    )
    from optimsche.training import (
        StepResult as StepResult,
    )
    from optimsche.training import (
        advance_rates as advance_rates,
    )
    from optimsche.training import (
        bias_or_norm as bias_or_norm,
    )
    from optimsche.training import (
        build_optim_sches as build_optim_sches,
    )
    from optimsche.training import (
        layer_decay as layer_decay,
    )
    from optimsche.training import (
        micro_batch_all as micro_batch_all,
    )
    from optimsche.training import (
        range_test as range_test,
    )
    from optimsche.training import (
        step_all as step_all,
    )
    from optimsche.training import (
        without_decay as without_decay,
    )

__version__ = "0.1.0"

# What a schedule alone does not need is loaded when it is first used.
_LAZY = {"from_dict": "text", "parse": "text", "plot": "curve", "table": "curve", "to_dict": "text"}
# The training step needs PyTorch, too, and `import *` leaves it out.
_TRAINING = (
    "ClipAdaptive",
    "ClipByNorm",
    "ClipByValue",
    "ClipEachGroup",
    "LossScaler",
    "NonFiniteError",
    "OptimScheduler",
    "RangeTest",
    "StepResult",
    "advance_rates",
    "bias_or_norm",
    "build_optim_sches",
    "layer_decay",
    "micro_batch_all",
    "range_test",
    "step_all",
    "without_decay",
)

__all__ = [
    "Closed",
    "Count",
    "Cycles",
    "Factor",
    "Fraction",
    "Growth",
    "Length",
    "Meaning",
    "Milestones",
    "Offset",
    "Points",
    "PositiveFactor",
    "Power",
    "Rate",
    "Rates",
    "Ratio",
    "Schedule",
    "Seed",
    "Share",
    "Steps",
    "add",
    "by_epoch",
    "clamp",
    "constant",
    "cooldown",
    "cosine",
    "cosine_restarts",
    "exponential",
    "expression",
    "from_dict",
    "geometric",
    "greedy",
    "hyperbolic",
    "inverse_sqrt",
    "jitter",
    "linear",
    "lr_fn",
    "milestones",
    "next_window",
    "noam",
    "one_cycle",
    "one_minus_power",
    "ops",
    "over",
    "parse",
    "plateau",
    "piecewise_constant",
    "piecewise_linear",
    "plot",
    "polynomial",
    "power_law",
    "repeat",
    "resume_step",
    "rex",
    "running_product",
    "scale",
    "sequence",
    "shift",
    "staircase",
    "step_decay",
    "stretch",
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
    "wsd",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"optimsche.{_LAZY[name]}"), name)
    if name not in _TRAINING:
        raise AttributeError(f"module 'optimsche' has no attribute {name!r}")
    try:
        from optimsche import training
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"optimsche.{name} needs PyTorch: pip install 'optimsche[torch]'", name="torch"
        ) from None
    return getattr(training, name)


def __dir__() -> list[str]:
    # Without PyTorch its names would make help() and inspect fail: they look at everything that is listed.
    return sorted([*__all__, *(_TRAINING if find_spec("torch") else ())])
