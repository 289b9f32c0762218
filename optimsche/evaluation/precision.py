"""How exact the clocks are that are evaluated: a clock that came as float32 is a rounded number.

It decides how near to a boundary a clock is on it. A Python number is off by what sums of fractions make of it; 0.3 as
float32 is 0.30000001192, and means 0.3.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

#: How far a Python number may be from what was meant, as a part of it.
EXACT = 2.0**-32


class _Precision(threading.local):
    def __init__(self) -> None:
        self.rounding = EXACT


_precision = _Precision()


def with_rounding(rounding: Any, function: Callable[..., Any], *args: Any) -> Any:
    """`function(*args)`, where clocks may be off by `rounding`, as a part of them: a number, or a symbol for one."""
    before, _precision.rounding = _precision.rounding, rounding
    try:
        return function(*args)
    finally:
        _precision.rounding = before


def rounding() -> float:
    """How far a clock may be from what was meant, as a part of it, in the evaluation that runs in this thread."""
    return _precision.rounding


def is_exact() -> bool:
    """Whether clocks are as exact as a Python number. Flat code, which has its tolerances written in, needs that."""
    return _precision.rounding == EXACT
