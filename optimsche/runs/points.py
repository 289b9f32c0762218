"""The points of a log: what `audit` and `fit` take as rates and steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from optimsche.call_errors import shown
from optimsche.runs.precision import Values

# Whole numbers are exact up to here.
_LARGEST_STEP = 2.0**53


def read_points(call: str, rates: Any, steps: Any) -> tuple[Values, Values]:
    """Steps and rates as arrays, in the order of the steps. Of a step that comes twice the last counts.

    >>> read_points("audit", [0.1, 0.2, 0.3], [10, 30, 20])
    (array([10., 20., 30.]), array([0.1, 0.3, 0.2]))
    """
    values = _row(call, "rates", rates, "the learning rates that were logged")
    if values.min() < 0:
        raise ValueError(f"{call}: rates must be >= 0, got {shown(float(values.min()))}")
    if steps is None:
        return np.arange(1.0, len(values) + 1.0), values
    numbers = _row(call, "steps", steps, "the numbers of the updates that were logged")
    if len(numbers) != len(values):
        raise ValueError(f"{call}: there must be as many steps as rates, got {len(numbers)} and {len(values)}")
    wrong = (numbers < 0) | (numbers != np.floor(numbers)) | (numbers > _LARGEST_STEP)
    if wrong.any():
        raise ValueError(f"{call}: steps must be whole numbers >= 0, got {shown(float(numbers[wrong][0]))}")
    last = {step: place for place, step in enumerate(numbers.tolist())}
    order = [last[step] for step in sorted(last)]
    return numbers[order], values[order]


def _row(call: str, name: str, given: Any, meaning: str) -> Values:
    if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        raise TypeError(f"{call}: {name} must be a list of numbers ({meaning}), got {shown(given)}")
    try:
        row = np.asarray(given if hasattr(given, "__array__") else list(given), dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{call}: {name} must be a list of numbers ({meaning}), got {shown(given)}") from None
    if row.ndim != 1 or not len(row):
        raise ValueError(f"{call}: {name} must be a list of at least one number ({meaning}), got shape {row.shape}")
    if not np.isfinite(row).all():
        place = int(np.flatnonzero(~np.isfinite(row))[0])
        raise ValueError(
            f"{call}: {name} must be finite, got {row[place]} as number {place + 1}; leave such points out"
        )
    return row
