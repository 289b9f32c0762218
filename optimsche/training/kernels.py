"""Fused optimizers: kernels that divide gradients and skip a step by themselves."""

from __future__ import annotations

from typing import Any

import torch

from optimsche.param_groups.optimizers import unwrapped


def fused_kernel(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer | None:
    """The optimizer, in its wrappers, whose step divides and skips as :class:`torch.amp.GradScaler` tells it; or None.

    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> adamw = torch.optim.AdamW([weight], fused=True)
    >>> fused_kernel(adamw) is adamw, fused_kernel(torch.optim.AdamW([weight]))
    (True, None)
    """
    kernel = unwrapped(optimizer)
    if not getattr(kernel, "_step_supports_amp_scaling", False):
        return None
    for group in kernel.param_groups:
        if not group.get("fused", True):
            return None
    return kernel


def skips_by_itself(kernel: torch.optim.Optimizer | None) -> bool:
    """Whether the next step may be skipped on the device, and nobody on the host needs to know.

    Fused SGD makes its momentum from uninitialised memory, and a step that is skipped does not fill it; nor does it
    take momentum for some parameters and none for others. Momentum that begins at 0 is the same as torch's where there
    is no dampening: it is begun here. With dampening it is not, and whether the first step is made has to be known on
    the host.
    """
    if not isinstance(kernel, torch.optim.SGD):
        return kernel is not None
    known = False
    for group in kernel.param_groups:
        if group["momentum"] == 0:
            continue
        for parameter in group["params"]:
            if parameter.grad is None or kernel.state[parameter].get("momentum_buffer") is not None:
                continue
            if group["dampening"] != 0:
                known = True
            else:
                kernel.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter.grad)
    return not known


def fused_step(
    optimizer: torch.optim.Optimizer, kernel: Any, grad_scale: torch.Tensor | None, found_inf: torch.Tensor | None
) -> None:
    """Step an optimizer that divides and skips, and leave nothing of it behind.

    Args:
        optimizer: whose step is called.
        kernel: its :func:`fused_kernel`.
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
