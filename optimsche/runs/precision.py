"""How precisely a log was written, found from its numbers: decimal digits, decimal places, or float32."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Numbers may happen to be short: of a few different ones each is taken at its own digits, but not at less than two.
_MANY, _FEWEST_DIGITS = 8, 2
_MOST_DIGITS = 10
_FLOAT32 = 2.0**-23
# What the same formula gives in another order of operations, or step by step.
_ROUNDING = 1e-9


class Precision(NamedTuple):
    """What each rate of a log may have been before it was written, and how it was written."""

    low: Values
    high: Values
    text: str


def precision_of(rates: Values) -> Precision:
    """The interval that each rate stands for.

    >>> found = precision_of(np.array([0.123, 0.0577, 0.0101]))
    >>> found.text
    '3 digits'
    >>> (found.low[1].round(6), found.high[1].round(6))
    (np.float64(0.05765), np.float64(0.05775))
    """
    size = np.abs(rates)
    largest = float(size.max(initial=0.0))
    slack = _ROUNDING * size + 1e-12 * largest
    digits, exponents = _digits_and_exponents(rates)
    some, most = digits > 0, int(digits.max(initial=0))
    if most <= _MOST_DIGITS:
        text, kept = f"{most} digit{'' if most == 1 else 's'}", np.full_like(digits, most)
        places = int((digits - exponents - 1)[some].max(initial=0))
        # Of two ways to round, that one in which fewer of the last digits happen to be 0; the peak is round by intent.
        to_places, different = places + exponents + 1, np.unique(size, return_index=True)[1]
        different = different[some[different] & (size[different] < largest)]
        are_few = len(different) < _MANY
        if are_few:
            kept = np.maximum(digits, _FEWEST_DIGITS)
        elif to_places[different].mean() < most:
            text, kept = f"{places} decimal places", to_places
        unit = 10.0 ** (exponents - kept + 1.0)
        unit = np.where(some, unit, unit[some].min(initial=largest))
        slack = slack + (_FLOAT32 * size if most >= 7 else 0.0)
        # Below a power of ten, digits are ten times as fine; one among few numbers is round by intent.
        is_power = (digits == 1) & np.isclose(size, 10.0**exponents, atol=0.0) & ("digit" in text)
        below = np.where(is_power, 0.05001, 0.5001) * unit
        above = below if are_few else 0.5001 * unit
        return Precision(rates - slack - below, rates + slack + above, text)
    if bool((rates.astype(np.float32).astype(float) == rates).all()):
        slack, text = slack + _FLOAT32 * size, "float32"
    else:
        text = "all digits"
    return Precision(rates - slack, rates + slack, text)


def _digits_and_exponents(rates: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many digits each number has as Python writes it, and the power of ten of its first; 0 digits for 0."""
    written = [Decimal(repr(rate)).normalize() for rate in rates.tolist()]
    digits = [len(number.as_tuple().digits) if number else 0 for number in written]
    return np.array(digits, dtype=np.int64), np.array([number.adjusted() for number in written], dtype=np.int64)


def roundest(low: float, high: float) -> float:
    """The number with the fewest digits in an interval, of several the one nearest to its middle.

    >>> roundest(0.4996, 0.5003), roundest(2817.2, 2849.0), roundest(-1e-9, 1e-9)
    (0.5, 2830.0, 0.0)
    """
    if low <= 0.0 <= high:
        return 0.0
    if high < 0.0:
        return -roundest(-high, -low)
    for digits in range(17):
        exponent = math.floor(math.log10(high)) - digits
        step = 10.0 ** abs(exponent)
        count = math.ceil(low * step if exponent < 0 else low / step)
        value = count / step if exponent < 0 else count * step
        if value <= high:
            middle = (
                round((low + high) / 2.0 * step) / step if exponent < 0 else round((low + high) / 2.0 / step) * step
            )
            return middle if low <= middle <= high else value
    return (low + high) / 2.0
