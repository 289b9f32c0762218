"""Writing the schedule's value into an optimizer's parameter groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from optimsche.checking import admit
from optimsche.ranges import Factor

Group = dict[str, Any]


def refuse_silent_flattening(groups: Sequence[Group], expected: set[float] | None = None) -> None:
    """Refuse groups with rates of their own, where every group is about to get the schedule's value.

    A group with ``lr_scale`` has said what it wants.

    Args:
        groups: those to look at.
        expected: rates that mean nothing, as the optimizer's default. Without them, all the groups must have the same.

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


def group_rates(groups: Sequence[Group], values: Sequence[float], *, relative: bool) -> list[float]:
    """The rate of each group when its schedule says so.

    Absolute: the value. Relative: the value times the group's own rate, which is kept in ``initial_lr`` as torch's
    schedulers keep it. Both times the group's ``lr_scale``, if it has one.

    Raises:
        ValueError: a rate that is negative or not finite; a factor that is.
        TypeError: a factor that is no number.

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
        scale = group.get("lr_scale", 1.0)
        if type(scale) is not float or not 0 <= scale < math.inf:
            scale = admitted_scale(scale, number)
        rate = value * own * scale
        if not 0 <= rate < math.inf:
            raise ValueError(f"the rate of parameter group {number} would be {rate}; a rate is finite and >= 0")
        rates.append(rate)
    return rates


def admitted_scale(scale: Any, number: int) -> float:
    """The factor ``lr_scale`` of the group of this number, if it may be one; a tensor of one number is read.

    Raises:
        ValueError, TypeError: it is no number, negative or not finite.
    """
    if isinstance(scale, torch.Tensor) and scale.numel() == 1:
        scale = scale.item()
    return float(admit(f"parameter group {number}", "lr_scale", Factor, scale))


def write(groups: Sequence[Group], rates: Sequence[float]) -> None:
    """Write each group's rate, and keep the kind of object that it has there.

    A rate that is a tensor is filled in place: a compiled step goes on reading the same tensor.

    >>> groups = [{"lr": 0.0}, {"lr": torch.tensor(0.0)}]
    >>> write(groups, [0.5, 0.25])
    >>> groups
    [{'lr': 0.5}, {'lr': tensor(0.2500)}]
    """
    for group, rate in zip(groups, rates, strict=True):
        # To ask a float whether it is a tensor takes torch longer than all else here.
        if type(group["lr"]) is not float and isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
