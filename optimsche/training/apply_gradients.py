"""From the gradients of a whole window to new weights, with as few passes over memory as there can be.

The size of the window, its weights, the loss scale and the clipping coefficient are one number. Where the optimizer's
fused kernel divides by it and skips by itself, the gradients are read once for their norm and once by the kernel, and
nothing is read back from the device. Elsewhere the number is one multiplication, or none where it is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import nn

from optimsche.training import fused_step
from optimsche.training.async_copy import is_here
from optimsche.training.clipping import Clip, ClipByNorm, multiply
from optimsche.training.norms import total_norm
from optimsche.training.optimizers import unwrapped

Number: TypeAlias = float | torch.Tensor


class Applied(NamedTuple):
    """What became of the gradients.

    Args:
        norm: that of the true gradients, before clipping.
        found_inf: whether it was inf or nan, so that nothing was changed; a tensor, 1 or 0, on a device.
    """

    norm: Number
    found_inf: bool | torch.Tensor


class Clips(NamedTuple):
    """How to clip: all parameter groups together, but those that have a way of their own."""

    all_others: Clip | None
    of_group: Sequence[Clip | None] = ()
    own: Sequence[bool] = ()
    norm_type: float = 2.0

    @property
    def coefficient_only(self) -> bool:
        """Whether to clip is to multiply everything by one number that follows from the global norm."""
        return not any(self.own) and (self.all_others is None or isinstance(self.all_others, ClipByNorm))

    def in_place(self, groups: Sequence[Sequence[torch.Tensor]]) -> None:
        """Clip the gradients of these groups of parameters, whatever the way."""
        others = [group for number, group in enumerate(groups) if not (self.own and self.own[number])]
        if self.all_others is not None:
            self.all_others.apply(others, self.norm_type)
        for number, group in enumerate(groups):
            clip = self.of_group[number] if self.own and self.own[number] else None
            if clip is not None:
                clip.apply([group], self.norm_type)


def apply(
    optimizer: torch.optim.Optimizer,
    *,
    divisor: Number,
    loss_scale: torch.Tensor | None,
    clips: Clips,
    synchronising: nn.Module | None,
) -> Applied:
    """Measure the gradients, divide and clip them, and step the optimizer if their norm is finite.

    Args:
        optimizer: with gradients, and with the rates of this update.
        divisor: what the sum of the window's gradients is divided by to become their mean.
        loss_scale: what they are divided by besides; None for nothing.
        clips: how to clip.
        synchronising: the model, if processes synchronise in it.

    Returns:
        The norm, and whether the update was skipped.
    """
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = total_norm(gradients, clips.norm_type, synchronising)
    kernel = unwrapped(optimizer)
    fused = fused_step.divides_and_skips(kernel)
    unknown = fused and fused_step.first_step_must_be_known(kernel)
    if fused and not unknown and not is_here(norm):
        scale = divisor if loss_scale is None else loss_scale * divisor
        return _on_the_device(optimizer, gradients, norm, scale, clips)
    norm_now, scale_now = _read(norm, divisor, loss_scale)
    float64 = norm.dtype is torch.float64
    return _on_the_host(optimizer, gradients, norm_now / scale_now, scale_now, clips, fused, float64)


def _on_the_device(
    optimizer: torch.optim.Optimizer, gradients: list[torch.Tensor], norm: torch.Tensor, scale: Number, clips: Clips
) -> Applied:
    """Nothing is read back: the kernel gets the flag and skips."""
    divided = isinstance(scale, torch.Tensor) or scale != 1.0
    if divided:
        norm = norm / scale
    found_inf = 1.0 - norm.isfinite().float()
    if not clips.coefficient_only:
        if divided:
            multiply(gradients, 1.0 / scale)
        clips.in_place([group["params"] for group in optimizer.param_groups])
        fused_step.step(optimizer, None, found_inf)
    elif isinstance(clips.all_others, ClipByNorm):
        fused_step.step(optimizer, scale / clips.all_others.coefficient_on_device(norm), found_inf)
    else:
        grad_scale = scale if isinstance(scale, torch.Tensor) else norm.new_full((), scale)
        fused_step.step(optimizer, grad_scale if divided else None, found_inf)
    return Applied(norm, found_inf)


def _on_the_host(
    optimizer: torch.optim.Optimizer,
    gradients: list[torch.Tensor],
    norm: float,
    scale: float,
    clips: Clips,
    fused: bool,
    float64: bool,
) -> Applied:
    """The norm is known here: a step that is skipped is never begun, and one without a factor is a plain step."""
    if not math.isfinite(norm):
        return Applied(norm, True)
    if not clips.coefficient_only:
        if scale != 1.0:
            multiply(gradients, 1.0 / scale)
        clips.in_place([group["params"] for group in optimizer.param_groups])
        optimizer.step()
        return Applied(norm, False)
    factor = 1.0 / scale
    if isinstance(clips.all_others, ClipByNorm):
        factor *= clips.all_others.coefficient(norm, float64=float64)
    if factor == 1.0:
        optimizer.step()
    elif fused and not float64:  # the kernel divides by a float32
        fused_step.step(optimizer, torch.scalar_tensor(1.0 / factor, device=gradients[0].device), None)
    else:
        multiply(gradients, factor)
        optimizer.step()
    return Applied(norm, False)


def _read(norm: torch.Tensor, divisor: Number, loss_scale: torch.Tensor | None) -> tuple[float, float]:
    """The norm, and the product of the other two, in one transfer from the device."""
    if is_here(norm):
        return float(norm), float(divisor) if loss_scale is None else float(divisor) * float(loss_scale)
    tensors = [x for x in (norm, divisor, loss_scale) if isinstance(x, torch.Tensor)]
    found = torch.stack([x.to(norm.device, torch.float32) for x in tensors]).cpu().tolist()
    known = [x for x in (divisor,) if not isinstance(x, torch.Tensor)]
    return found[0], math.prod([*found[1:], *known])
