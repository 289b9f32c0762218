"""Ways to bound gradients: by their global norm, by value, per group, adaptively."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from ctypes import c_float
from typing import Any, NamedTuple, TypeAlias

import torch

from optimsche.training.arguments import admitted
from optimsche.training.norms import total_norm

Groups: TypeAlias = Sequence[Sequence[torch.Tensor]]  # the parameters of each group

_EPS = 1e-6  # torch's, in clip_grad_norm_


class ClipByNorm(NamedTuple):
    """Scale all gradients down together, so that their global norm becomes at most ``max_norm``.

    Args:
        max_norm: > 0.

    >>> round(ClipByNorm(1.0).coefficient(4.0), 6)
    0.25
    """

    max_norm: float

    def coefficient(self, norm: float) -> float:
        """The factor on the gradients; 1 where their norm is small enough.

        It is rounded to float32 at each step, and so the same as torch's to the last bit.
        """
        if norm < 0.999 * self.max_norm:
            return 1.0
        reciprocal = c_float(1 / c_float(norm + c_float(_EPS).value).value).value
        return min(c_float(reciprocal * c_float(self.max_norm).value).value, 1.0)

    def coefficient_on_device(self, norm: torch.Tensor) -> torch.Tensor:
        """The same, of a norm that stays on its device."""
        return (self.max_norm / (norm + _EPS)).clamp(max=1.0)

    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Scale the gradients of these parameters down in place."""
        gradients = _gradients(parameter for group in groups for parameter in group)
        if gradients:
            multiply(gradients, self.coefficient_on_device(total_norm(gradients, norm_type)))


class ClipByValue(NamedTuple):
    """Cut each gradient off at plus and minus ``max_value``. It changes their direction.

    Args:
        max_value: > 0.
    """

    max_value: float

    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Cut the gradients of these parameters off in place."""
        for gradient in _gradients(parameter for group in groups for parameter in group):
            (gradient._values() if gradient.is_sparse else gradient).clamp_(-self.max_value, self.max_value)


class ClipEachGroup(NamedTuple):
    """Scale the gradients of each parameter group down by themselves, to a norm of at most ``max_norm``.

    Args:
        max_norm: > 0.
    """

    max_norm: float

    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Scale the gradients of these groups of parameters down in place."""
        for group in groups:
            ClipByNorm(self.max_norm).apply([group], norm_type)


class ClipAdaptive(NamedTuple):
    """Adaptive gradient clipping (AGC): bound each unit's gradient by the size of its weights.

    A unit is one row of a matrix, one filter of a convolution, or a whole vector. Its gradient's norm becomes at most
    ``ratio`` times the norm of its weights, or times ``eps`` for weights near 0. Its authors leave the last layer out,
    with a rule of its own: ``{"head.*": {"grad_clip": None}, "*": {}}``.

    Args:
        ratio: > 0; 0.01 for large batches.
        eps: > 0.

    Source: Brock et al., High-Performance Large-Scale Image Recognition Without Normalization (2021), section 4.1,
    arXiv:2102.06171.
    """

    ratio: float = 0.01
    eps: float = 1e-3

    @torch.no_grad()
    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Scale the gradients of these parameters down in place, unit by unit."""
        for parameter in (parameter for group in groups for parameter in group):
            if parameter.grad is None:
                continue
            gradient = parameter.grad
            if gradient.is_sparse:
                raise ValueError("ClipAdaptive needs dense gradients; give sparse parameters another clip.")
            dims = tuple(range(1, parameter.dim())) if parameter.dim() > 1 else None
            largest = _unit_norm(parameter, dims).clamp(min=self.eps) * self.ratio
            found = _unit_norm(gradient, dims)
            gradient.mul_((largest / found.clamp(min=1e-6)).clamp(max=1.0).to(gradient.dtype))


Clip: TypeAlias = ClipByNorm | ClipByValue | ClipEachGroup | ClipAdaptive


def admitted_clip(value: Any, call: str = "OptimScheduler") -> Clip | None:
    """A way to clip from the argument ``grad_clip``: a number is the largest global norm.

    Raises:
        TypeError: neither a number nor a clip.
        ValueError: a number that is not finite and above 0.

    >>> admitted_clip(5)
    ClipByNorm(max_norm=5)
    >>> admitted_clip(ClipByValue(0.0))
    Traceback (most recent call last):
    ValueError: OptimScheduler(grad_clip=ClipByValue(max_value=0.0)): max_value must be > 0 and finite, got 0.0.
    """
    if isinstance(value, ClipByNorm | ClipByValue | ClipEachGroup | ClipAdaptive):
        for name, number in value._asdict().items():
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
                raise ValueError(f"{call}(grad_clip={value}): {name} must be > 0 and finite, got {number!r}.")
        return value
    if value is None:
        return None
    return ClipByNorm(admitted("grad_clip", value, call))


def _unit_norm(tensor: torch.Tensor, dims: tuple[int, ...] | None) -> torch.Tensor:
    wide = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
    norm: torch.Tensor = torch.linalg.vector_norm(tensor.detach(), dim=dims, keepdim=dims is not None, dtype=wide)
    return norm


def _gradients(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def multiply(gradients: list[torch.Tensor], factor: float | torch.Tensor) -> None:
    """Multiply gradients in place by a number or a tensor of one number.

    >>> gradient = torch.ones(2)
    >>> multiply([gradient], 0.5)
    >>> gradient
    tensor([0.5000, 0.5000])
    """
    if isinstance(factor, float) and all(type(g) is torch.Tensor and not g.is_sparse for g in gradients):
        torch._foreach_mul_(gradients, factor)  # pyright: ignore[reportPrivateImportUsage]
        return
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device) if isinstance(factor, torch.Tensor) else factor)
