"""Rates of parameter groups: what a schedule's value becomes in one, and which values an optimizer takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from optimsche.checking import admit
from optimsche.param_groups.entries import Entry
from optimsche.param_groups.optimizers import refusal_of
from optimsche.ranges import Factor
from optimsche.schedule import Schedule

_SAMPLES = 256


def rate_of(group: dict[str, Any], number: int, value: float, relative: bool = False) -> float:
    """The rate of a group when its schedule has this value."""
    if relative:
        if "initial_lr" not in group:
            group["initial_lr"] = float(group["lr"])  # once: it may be a tensor on the device
        value *= float(group["initial_lr"])
    scale = group.get("lr_scale", 1.0)
    if type(scale) is not float or not 0 <= scale < math.inf:
        scale = admitted_scale(scale, number)
    rate = value * scale
    if not 0 <= rate < math.inf:
        raise ValueError(f"the rate of parameter group {number} would be {rate}; a rate is finite and >= 0")
    return rate


def admitted_scale(scale: Any, number: int) -> float:
    """The factor ``lr_scale`` of the group of this number, if it may be one; a tensor of one number is read.

    Raises:
        ValueError, TypeError: it is no number, negative or not finite.
    """
    if isinstance(scale, torch.Tensor) and scale.numel() == 1:
        scale = scale.item()
    return float(admit(f"parameter group {number}", "lr_scale", Factor, scale))


def refuse_lost_rates(own: Sequence[float], call: str, or_else: str = "") -> None:
    """Refuse groups with different rates of their own, where every group is about to get the schedule's value.

    Args:
        own: their rates; not those of groups with an ``lr_scale``, which have said what they want.
        call: who asks, for errors.
        or_else: another way out than ``lr_scale``.

    Raises:
        ValueError: the rates differ.
    """
    if len(set(own)) <= 1:
        return
    listed = ", ".join(f"{rate:g}" for rate in own[:4]) + (", ..." if len(own) > 4 else "")
    raise ValueError(
        f"{call}: the parameter groups have rates of their own ({listed}), and the schedule would write one rate to "
        "all.\n    Give groups a factor on the schedule: {'params': ..., 'lr_scale': 0.1}"
        + (f",\n    {or_else}" if or_else else "")
    )


# The rates of Adam and its relatives are far below this.
_HIGH = 0.5


def unused_rate(schedule: Schedule, optimizer: torch.optim.Optimizer) -> tuple[float, float] | None:
    """The highest rate of a plan and the one that Adam was built with, where the plan's is a shape's default of 1.

    It is allowed, and nearly always a slip: the plan was meant as a factor on the optimizer's own rate.

    >>> from optimsche import cosine
    >>> adam = torch.optim.Adam([torch.zeros(1)], lr=3e-4)
    >>> unused_rate(cosine(start=0.1, steps=100), adam), unused_rate(cosine(steps=100).warmup(10), adam)
    (None, (1.0, 0.0003))
    """
    own = [float(group["lr"]) for group in optimizer.param_groups]
    if "adam" not in type(optimizer).__name__.lower() or any("lr_scale" in group for group in optimizer.param_groups):
        return None
    # The end does not count: to search for a rate, a plan rises to one that is far too high.
    highest = max(schedule(n, 1.0) for n in (1, *schedule.boundaries(most=2)) if n < schedule.length or n == 1)
    return (highest, own[0]) if highest >= _HIGH and max(own) <= 0.1 * highest else None


def ask(
    optimizer: torch.optim.Optimizer, group: Mapping[str, Any], where: Entry, values: Iterable[float], call: str
) -> None:
    """Refuse values of a hyperparameter that the optimizer itself refuses, or that are not finite.

    Args:
        optimizer: which is asked.
        group: of the optimizer.
        where: the hyperparameter.
        values: what it is going to be.
        call: who asks, for errors.

    Raises:
        ValueError: it may not be one of them.
    """
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"{call}: {where} would be {value}; it is finite")
        reason = refusal_of(optimizer, group, where.name, where.changed(group[where.name], value))
        if reason:
            raise ValueError(f"{call}: {where} would be {value:g}, which {type(optimizer).__name__} refuses: {reason}")


def extremes(plan: Schedule) -> tuple[float, float]:
    """The lowest and the highest value that a plan has at many updates of its run."""
    end = plan.length if plan.length < math.inf else 100.0 * _SAMPLES
    updates = np.unique(np.concatenate([np.arange(1.0, _SAMPLES), np.linspace(1.0, max(end, 1.0), _SAMPLES)]))
    values = np.asarray(plan(updates, updates))
    return float(values.min()), float(values.max())
