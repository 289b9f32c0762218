"""Ways to bound gradients: by their global norm, by value, per group, adaptively."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from ctypes import c_float
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeAlias

import torch
from annotated_types import Gt, Lt

from optimsche.checking import admit
from optimsche.ranges import Meaning
from optimsche.training.arguments import admitted
from optimsche.training.norms import total_norm

Groups: TypeAlias = Sequence[Sequence[torch.Tensor]]  # the parameters of each group

_EPS = 1e-6  # torch's, in clip_grad_norm_


_BOUND: Any = Annotated[float, Gt(0), Lt(math.inf), Meaning("a bound of gradients", "For no clipping: grad_clip=None.")]


class _Clip:
    """What is checked when a way to clip is made: its numbers are above 0 and finite."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # each of them is a dataclass
            value = admit(type(self).__name__, field.name, _BOUND, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True)
class ClipByNorm(_Clip):
    """Scale all gradients down together, so that their global norm becomes at most ``max_norm``.

    Args:
        max_norm: > 0.

    >>> round(ClipByNorm(1.0).coefficient(4.0), 6)
    0.25
    """

    max_norm: float

    def coefficient(self, norm: float, *, float64: bool = False) -> float:
        """The factor on the gradients; 1 where their norm is small enough.

        It is rounded to float32 at each step, unless the norm is a ``float64``: the same as torch's to the last bit.

        >>> ClipByNorm(1.0).coefficient(1e39, float64=True) > 0  # a norm that float32 does not have
        True
        """
        if norm < 0.999 * self.max_norm:
            return 1.0
        if float64:
            return min(1 / (norm + _EPS) * self.max_norm, 1.0)
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


@dataclass(frozen=True)
class ClipByValue(_Clip):
    """Cut each gradient off at plus and minus ``max_value``. It changes their direction, and has no norm.

    Args:
        max_value: > 0.

    >>> ClipByValue(0.0)
    Traceback (most recent call last):
    ValueError: ClipByValue(max_value=0.0): max_value must be > 0 and finite (a bound of gradients), got 0.0.
        For no clipping: grad_clip=None.
    """

    max_value: float

    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Cut the gradients of these parameters off in place."""
        for parameter in (parameter for group in groups for parameter in group):
            gradient = parameter.grad
            if gradient is None:
                continue
            if gradient.is_complex():
                raise ValueError("ClipByValue needs real gradients; give complex parameters a ClipByNorm.")
            if gradient.is_sparse:
                parameter.grad = gradient = gradient.coalesce()  # a row that is named twice is the sum of both
                gradient = gradient.values()
            gradient.clamp_(-self.max_value, self.max_value)


@dataclass(frozen=True)
class ClipEachGroup(_Clip):
    """Scale the gradients of each parameter group down by themselves, to a norm of at most ``max_norm``.

    Args:
        max_norm: > 0.
    """

    max_norm: float

    def apply(self, groups: Groups, norm_type: float = 2.0) -> None:
        """Scale the gradients of these groups of parameters down in place."""
        each = ClipByNorm(self.max_norm)
        for group in groups:
            each.apply([group], norm_type)


@dataclass(frozen=True)
class ClipAdaptive(_Clip):
    """Adaptive gradient clipping (AGC): bound each unit's gradient by the size of its weights.

    A unit is one row of a matrix, one filter of a convolution, or a whole vector. Its gradient's norm becomes at most
    ``ratio`` times the norm of its weights, or times ``eps`` for weights near 0; both are 2-norms, whatever
    ``grad_norm_type`` is. Its authors leave the last layer out, with a rule of its own:
    ``{"head.*": {"grad_clip": None}, "*": {}}``.

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
    """
    if value is None or isinstance(value, _Clip):
        return value  # type: ignore[return-value]  # one of the four
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
