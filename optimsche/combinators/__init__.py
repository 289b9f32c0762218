"""Schedules made of schedules: lr functions whose first parameters are schedules, given by position.

Each is also a method of a schedule. They move `real_step` and leave `epoch` alone, except `by_epoch`; none hands on a
clock below 0.
"""

from optimsche.combinators.add import add
from optimsche.combinators.by_epoch import by_epoch
from optimsche.combinators.by_tokens import by_tokens
from optimsche.combinators.clamp import clamp
from optimsche.combinators.cooldown import cooldown
from optimsche.combinators.jitter import jitter
from optimsche.combinators.maximum import maximum
from optimsche.combinators.minimum import minimum
from optimsche.combinators.over import over
from optimsche.combinators.repeat import repeat
from optimsche.combinators.running_product import running_product
from optimsche.combinators.scale import scale
from optimsche.combinators.sequence import sequence as sequence
from optimsche.combinators.shift import shift
from optimsche.combinators.staircase import staircase
from optimsche.combinators.stretch import stretch
from optimsche.combinators.subtract import subtract
from optimsche.combinators.then import then
from optimsche.combinators.warmup import warmup
from optimsche.combinators.warp import warp

# `sequence` is missing here because it is no combinator of its own: what it returns is made of `then`.
__all__ = [
    "add",
    "by_epoch",
    "by_tokens",
    "clamp",
    "cooldown",
    "jitter",
    "maximum",
    "minimum",
    "over",
    "repeat",
    "running_product",
    "scale",
    "shift",
    "staircase",
    "stretch",
    "subtract",
    "then",
    "warmup",
    "warp",
]
