"""Schedules made of schedules: lr functions whose first parameters are schedules, given by position.

Each is also a method of :class:`~optimsche.Schedule`. They move ``real_step`` and leave ``epoch`` alone, except
:func:`by_epoch`; none hands on a clock below 0.
"""

from optimsche.combinators.clocks import by_epoch, over, shift, staircase, stretch, warp
from optimsche.combinators.cycles import repeat
from optimsche.combinators.joining import cooldown, then, warmup
from optimsche.combinators.joining import sequence as sequence
from optimsche.combinators.mixing import add, clamp, scale
from optimsche.combinators.noise import jitter
from optimsche.combinators.running import running_product

# `sequence` is missing here because it is no combinator of its own: what it returns is made of `then`.
__all__ = [
    "add",
    "by_epoch",
    "clamp",
    "cooldown",
    "jitter",
    "over",
    "repeat",
    "running_product",
    "scale",
    "shift",
    "staircase",
    "stretch",
    "then",
    "warmup",
    "warp",
]
