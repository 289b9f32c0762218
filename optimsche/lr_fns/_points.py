"""What lr functions with a list of updates have in common: the checks at construction, and the boundaries."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any


def increasing(at: Sequence[float], **_: Any) -> dict[str, Any]:
    """Refuse a list of updates that does not increase."""
    for left, right in itertools.pairwise(at):
        if right <= left:
            raise ValueError(f"at must increase, got {right} after {left}")
    return {}


def one_value_each(values: Sequence[float], at: Sequence[float]) -> dict[str, Any]:
    """Refuse values that are not one for each update."""
    if len(values) != len(at):
        raise ValueError(f"values needs one rate for each update in at, got {len(values)} for {len(at)}")
    return increasing(at)


def one_value_more(values: Sequence[float], at: Sequence[float]) -> dict[str, Any]:
    """Refuse values that are not one for each stretch between updates."""
    if len(values) != len(at) + 1:
        raise ValueError(f"values needs one rate more than at has updates, got {len(values)} for {len(at)}")
    return increasing(at)


def all_but_zero(at: Sequence[float], **_: Any) -> Sequence[float]:
    """The boundaries: every listed update, but not the instant before training."""
    return [point for point in at if point > 0]
