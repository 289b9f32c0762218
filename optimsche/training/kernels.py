"""Fused optimizers: kernels that divide gradients and skip a step by themselves."""

from __future__ import annotations

from typing import Any

import torch


def divides_and_skips(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step takes ``grad_scale`` and ``found_inf``, as :class:`torch.amp.GradScaler` hands them over.

    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> divides_and_skips(torch.optim.AdamW([weight], fused=True)), divides_and_skips(torch.optim.AdamW([weight]))
    (True, False)
    """
    if not getattr(optimizer, "_step_supports_amp_scaling", False):
        return False
    return not [group for group in optimizer.param_groups if not group.get("fused", True)]


def first_step_must_be_known(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a kernel that skips this step would leave numbers behind that were never set.

    Fused SGD makes its momentum from uninitialised memory, and a step that is skipped does not fill it. Momentum that
    begins at 0 is the same as torch's where there is no dampening: it is begun here. With dampening it is not, and
    whether the first step is made has to be known on the host.
    """
    unknown = False
    if not isinstance(optimizer, torch.optim.SGD):
        return unknown
    for group in optimizer.param_groups:
        if group["momentum"] == 0:
            continue
        for parameter in group["params"]:
            if parameter.grad is None or optimizer.state[parameter].get("momentum_buffer") is not None:
                continue
            if group["dampening"] != 0:
                unknown = True
            else:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter.grad)
    return unknown


def fused_step(
    optimizer: torch.optim.Optimizer, kernel: Any, grad_scale: torch.Tensor | None, found_inf: torch.Tensor | None
) -> None:
    """Step an optimizer that divides and skips, and leave nothing of it behind.

    Args:
        optimizer: whose step is called.
        kernel: the optimizer in its wrappers, one of :func:`divides_and_skips`.
        grad_scale: what gradients are divided by, a tensor of one number; None for 1.
        found_inf: 1 to change nothing, 0 or None to step. Torch's kernels take any other number for neither.
    """
    # Torch's kernels read these two attributes. One that stayed there would divide the next step, too.
    kernel.grad_scale = None if grad_scale is None else grad_scale.float()
    kernel.found_inf = found_inf
    try:
        optimizer.step()
    finally:
        del kernel.grad_scale, kernel.found_inf
