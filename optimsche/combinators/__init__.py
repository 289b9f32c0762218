"""Schedules made of schedules: lr functions whose first parameters are schedules, given by position.

Each is also a method of :class:`~optimsche.Schedule`. They move ``real_step`` and leave ``epoch`` alone, except
:func:`by_epoch`; none hands on a clock below 0.
"""

from optimsche.combinators.clocks import by_epoch, over, shift, staircase, stretch
from optimsche.combinators.cycles import repeat
from optimsche.combinators.joining import cooldown, then, warmup
from optimsche.combinators.mixing import add, clamp, scale

__all__ = [
    "add",
    "by_epoch",
    "clamp",
    "cooldown",
    "over",
    "repeat",
    "scale",
    "shift",
    "staircase",
    "stretch",
    "then",
    "warmup",
]
