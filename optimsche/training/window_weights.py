"""What an open window holds: how many micro-batches, and how much each of them weighs."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import torch

from optimsche.training.async_copy import is_here

Weight: TypeAlias = float | torch.Tensor


class Gathered:
    """The micro-batches of one window, whose gradients are added up and divided by their total weight in the end.

    Weights count relative to the first of the window, so that gradients in half precision keep the size of a single
    micro-batch's: 4,000 tokens do not make them 4,000 times as large. Processes have to agree on what weights are
    relative to; there it is 1.

    Args:
        relative: whether weights count relative to the first.
        part: what a micro-batch counts for in the sum; less than 1 keeps sums of float16 from overflowing.

    >>> window = Gathered()
    >>> window.add(100), window.add(300)
    (1.0, 3.0)
    >>> window.total, window.weight
    (4.0, 400.0)
    """

    def __init__(self, *, relative: bool = True, part: float = 1.0) -> None:
        self.count = 0
        self._part = part
        self.total: Weight = 0.0
        self.weighted: bool | None = None
        self._unit: Weight | None = None if relative else 1.0

    def refuse_a_mixture(self, weight: Weight | None) -> None:
        """Refuse a window in which some micro-batches have a weight and others have none.

        Raises:
            ValueError: this one is not like those before it.
        """
        if self.weighted is not None and self.weighted != (weight is not None):
            raise ValueError(
                f"weight={weight!r:.60}: the {self.count} micro-batches of this window that came before "
                f"{'had a weight' if self.weighted else 'had none'}. Give every micro-batch its weight, or none."
            )

    def add(self, weight: Weight | None) -> Weight:
        """Count a micro-batch in; the factor on its loss."""
        self.count += 1
        self.weighted = weight is not None
        if weight is None:
            self.total = self.total + self._part
            return self._part
        if self._unit is None and not (isinstance(weight, float | int) and weight == 0):
            self._unit = torch.where(weight > 0, weight, 1.0) if isinstance(weight, torch.Tensor) else weight
        share = weight * self._part / (1.0 if self._unit is None else self._unit)
        self.total = self.total + share
        return share

    @property
    def terms(self) -> tuple[int, float]:
        """What the factor on the next loss depends on, besides its weight: equal terms, equal factors."""
        return self.count, self._part

    def of(self, micro_batches: int) -> float:
        """The total of so many micro-batches without weights."""
        return micro_batches * self._part

    @property
    def weight(self) -> Weight:
        """The sum of the weights as they were given, or the number of micro-batches."""
        unit = 1.0 if self._unit is None or not self.weighted else self._unit
        return self.total / self._part * unit


def admitted_weight(value: Any) -> Weight | None:
    """A micro-batch's weight: a number, or a tensor of one, which is read only where nobody waits for it.

    Raises:
        TypeError: neither.
        ValueError: a number that is negative or not finite; a tensor of several numbers.

    >>> admitted_weight(-1)
    Traceback (most recent call last):
    ValueError: weight=-1: weight must be >= 0 and finite (what the loss is a mean over, such as tokens), got -1.
    """
    if value is None:
        return None
    if isinstance(value, torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            kind = f"shape {tuple(value.shape)} of {value.dtype}"
            raise ValueError(f"weight must be a tensor of one real number, got {kind}.")
        if not is_here(value):
            return value.detach().reshape(()).float()
        value = value.item()
    meaning = "what the loss is a mean over, such as tokens"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"weight={value!r:.60}: weight must be a number ({meaning}), got {type(value).__name__}."
        ) from None
    if not 0 <= number < math.inf:
        raise ValueError(f"weight={value!r}: weight must be >= 0 and finite ({meaning}), got {value!r}.")
    return number
