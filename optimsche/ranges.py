"""The ranges that parameters may have: `Rate`, `Steps` and the others, for annotations.

A range stands in the annotation of a parameter, in the terms of annotated-types:

    Steps = Annotated[float, Gt(0), Lt(math.inf), Meaning("a length, in updates")]

It serves four readers: the person who reads the signature, the check when a schedule is built, the configuration, and
hypothesis, which draws valid parameters from it. Users' own lr functions may use these names or their own `Annotated`
types.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import annotated_types as at
from annotated_types import Ge, Gt, Le, Lt

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
    "ReadAs",
    "Seed",
    "Share",
    "Steps",
]


class Meaning(NamedTuple):
    """What a parameter is, in a few words with its unit, and what to do instead of a value outside its range."""

    text: str
    cure: str = ""


class ReadAs(NamedTuple):
    """How a parameter is read: a function from what people write to what a schedule stores."""

    read: Callable[[Any], Any]


_NO_LENGTH = "Leave a piece of no length out; for no change use constant(value=...)."

Rate: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a learning rate")]
Factor: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a factor on the rate")]
PositiveFactor: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on the rate")]
Fraction: TypeAlias = Annotated[
    float, Gt(0), Le(1), Meaning("what is left of the rate each time", "To grow, use growth(start=, factor=, every=).")
]
Power: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("an exponent")]
Steps: TypeAlias = Annotated[
    float,
    Gt(0),
    Lt(math.inf),
    Meaning("a length, in updates", _NO_LENGTH),
]
Length: TypeAlias = Annotated[float, Ge(0), Lt(math.inf), Meaning("a length, in updates; 0 for none")]
Offset: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a number of updates")]
Ratio: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on the length")]
Growth: TypeAlias = Annotated[float, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Count: TypeAlias = Annotated[int, Ge(1), Meaning("how many")]
Cycles: TypeAlias = Annotated[
    int, Ge(1), Le(10_000), Meaning("how many cycles", "For cycles without an end leave it out.")
]
Closed: TypeAlias = Literal["right", "left"]
Seed: TypeAlias = Annotated[int, Ge(0), Lt(2**32), Meaning("a seed")]
Share: TypeAlias = Annotated[float, Ge(0), Le(1), Meaning("a share of the rate")]
Milestones: TypeAlias = Annotated[tuple[Steps, ...], at.MinLen(1), Meaning("increasing numbers of updates")]
Points: TypeAlias = Annotated[tuple[Length, ...], at.MinLen(1), Meaning("increasing numbers of updates")]
Rates: TypeAlias = Annotated[tuple[Rate, ...], at.MinLen(1), Meaning("learning rates")]
