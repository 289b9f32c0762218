"""Writing the schedule's value into an optimizer's parameter groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

Group = dict[str, Any]


def admit_groups(optimizer: torch.optim.Optimizer, known: int, *, relative: bool) -> int:
    """Look at the parameter groups that are new, and give each a rate that is its own.

    Args:
        optimizer: with all its groups.
        known: how many of them were looked at before: 0 when the optimizer is new.
        relative: whether the schedule multiplies each group's own rate.

    Returns:
        How many there are now.

    Raises:
        ValueError: a new group has a rate of its own that would be lost.
    """
    groups = optimizer.param_groups
    if not relative:
        old, new = groups[:known], groups[known:]
        expected = {float(group["lr"]) for group in old}
        if old and "lr" in optimizer.defaults:
            expected.add(float(optimizer.defaults["lr"]))  # a new group that names no rate of its own has this
        refuse_silent_flattening(new, expected)
    _own_tensors(optimizer)
    return len(groups)


def refuse_silent_flattening(groups: Sequence[Group], expected: set[float] | None = None) -> None:
    """Refuse groups with rates of their own, where every group is about to get the schedule's value.

    A group with ``lr_scale`` has said what it wants.

    Args:
        groups: those to look at.
        expected: rates that mean nothing. Without them, all the groups must have the same.

    Raises:
        ValueError: the rates differ.
    """
    own = [float(group["lr"]) for group in groups if "lr_scale" not in group]
    if set(own) <= (expected or set(own[:1])):
        return
    shown = ", ".join(f"{rate:g}" for rate in own[:4]) + (", ..." if len(own) > 4 else "")
    raise ValueError(
        f"the parameter groups have rates of their own ({shown}), and the schedule would write one rate to all. Either"
        "\n    give groups a factor on the schedule: {'params': ..., 'lr_scale': 0.1}, or"
        "\n    let the schedule multiply each group's own rate: OptimScheduler(..., rates='relative')"
    )


def _own_tensors(optimizer: torch.optim.Optimizer) -> None:
    """Give each group a tensor of its own: torch puts one and the same into every group that names no rate."""
    seen = set()
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            if id(group["lr"]) in seen:
                group["lr"] = group["lr"].clone()
            seen.add(id(group["lr"]))
    default = optimizer.defaults.get("lr")
    if isinstance(default, torch.Tensor) and id(default) in seen:
        optimizer.defaults["lr"] = default.clone()  # what is written to a group is not the default of new ones


def group_rates(groups: Sequence[Group], values: Sequence[float], *, relative: bool) -> list[float]:
    """The rate of each group when its schedule says so.

    Absolute: the value. Relative: the value times the group's own rate, which is kept in ``initial_lr`` as torch's
    schedulers keep it. Both times the group's ``lr_scale``, if it has one.

    Raises:
        ValueError: a rate that is negative or not finite.

    >>> group_rates([{"lr": 0.5}, {"lr": 0.5, "lr_scale": 0.1}], [2.0, 2.0], relative=False)
    [2.0, 0.2]
    >>> group_rates([{"lr": 0.5}], [2.0], relative=True)
    [1.0]
    """
    rates = []
    for number, (group, value) in enumerate(zip(groups, values, strict=True)):
        if relative and "initial_lr" not in group:
            group["initial_lr"] = float(group["lr"])  # once: it may be a tensor on the device
        own = float(group["initial_lr"]) if relative else 1.0
        rate = value * own * float(group.get("lr_scale", 1.0))
        if not 0 <= rate < math.inf:
            raise ValueError(f"the rate of parameter group {number} would be {rate}; a rate is finite and >= 0")
        rates.append(rate)
    return rates


def write(groups: Sequence[Group], rates: Sequence[float]) -> None:
    """Write each group's rate, and keep the kind of object that it has there.

    A rate that is a tensor is filled in place: a compiled step goes on reading the same tensor.

    >>> groups = [{"lr": 0.0}, {"lr": torch.tensor(0.0)}]
    >>> write(groups, [0.5, 0.25])
    >>> groups
    [{'lr': 0.5}, {'lr': tensor(0.2500)}]
    """
    for group, rate in zip(groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
