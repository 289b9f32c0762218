"""Rates computed on the device, from a counter that is there: for a step in a CUDA graph, which no host can feed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from optimsche.checking import admit
from optimsche.param_groups.rates import admitted_scale
from optimsche.schedule import Schedule


def advance_rates(optimizer: torch.optim.Optimizer, schedule: Schedule, counter: torch.Tensor) -> None:
    """Count one update, and fill in its rates, all on the device.

    Put it before ``optimizer.step()`` in what is captured; each replay then has the next rate. The optimizer is built
    with ``capturable=True`` and a rate that is a tensor. To resume, fill the counter with the updates that were made.

    Args:
        optimizer: each group's ``lr`` must be a tensor; its ``lr_scale`` multiplies. Groups with factors that differ
            need tensors of their own.
        schedule: the rate of each update; it counts no epochs.
        counter: updates made so far, a tensor of one whole number on the device.

    Raises:
        TypeError: a rate that is no tensor; a counter that is not of whole numbers; not a schedule.
        ValueError: a schedule that counts epochs; one tensor for the rates of groups with different factors.

    >>> from optimsche import linear
    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = torch.optim.SGD([weight], lr=torch.tensor(0.0))
    >>> counter = torch.tensor(0)
    >>> for _ in range(3):
    ...     advance_rates(optimizer, linear(start=1.0, steps=4), counter)
    ...     print(optimizer.param_groups[0]["lr"])
    tensor(0.7500)
    tensor(0.5000)
    tensor(0.2500)
    """
    if not isinstance(schedule, Schedule):
        admit("advance_rates", "schedule", Schedule, schedule)
    if not isinstance(counter, torch.Tensor):
        raise TypeError(
            f"counter must be a tensor of one whole number, got {counter!r:.60}. It is counted up in place: "
            "torch.tensor(0, device=...)"
        )
    if counter.is_floating_point() or counter.is_complex() or counter.numel() != 1:
        raise TypeError(f"counter must be a tensor of one whole number, got {counter.dtype} of {tuple(counter.shape)}.")
    if schedule.counts_epochs:
        raise ValueError(f"{schedule!r} counts epochs, and a counter of updates is all there is on the device.")
    for number, group in enumerate(optimizer.param_groups):
        if not isinstance(group["lr"], torch.Tensor):
            raise TypeError(
                f"the rate of parameter group {number} is a number, which a captured step never reads again. Build the "
                "optimizer with lr=torch.tensor(...) on its device, and capturable=True."
            )
    scales = [_scale_of(group, number) for number, group in enumerate(optimizer.param_groups)]
    _refuse_shared_rates(optimizer, scales)
    counter.add_(1)
    rate = schedule(counter)
    for group, scale in zip(optimizer.param_groups, scales, strict=True):
        group["lr"].copy_(rate if scale == 1.0 else rate * scale)


def _scale_of(group: Mapping[str, Any], number: int) -> float | torch.Tensor:
    scale = group.get("lr_scale", 1.0)
    if isinstance(scale, torch.Tensor) or (type(scale) is float and 0 <= scale < math.inf):
        return scale  # a tensor on the device is not read
    return admitted_scale(scale, number)


def _refuse_shared_rates(optimizer: torch.optim.Optimizer, scales: Sequence[float | torch.Tensor]) -> None:
    """Refuse one tensor for two rates: torch puts the same into every group that names none of its own.

    It is not replaced here, since a graph that was captured would go on reading the old one.
    """
    first_with: dict[int, int] = {}
    for number, group in enumerate(optimizer.param_groups):
        first = first_with.setdefault(id(group["lr"]), number)
        if scales[first] is not scales[number] and scales[first] != scales[number]:
            raise ValueError(
                f"parameter groups {first} and {number} have one tensor as their rate, and lr_scale={scales[first]} "
                f"and {scales[number]}. Give each its own: {{'params': ..., 'lr_scale': ..., 'lr': torch.tensor(0.0)}}"
            )
