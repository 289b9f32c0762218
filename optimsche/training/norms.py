"""The norm of all gradients as one vector, right to a few units in the last place of float32."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist

from optimsche.training.sharded import copies, here, units_are_cut_along

_SMALL = 1 << 15  # up to here torch's norm of many tensors at once is accurate, and there is less to call
_BLOCK = 1 << 19  # a dot product of so many float32 numbers is right to 5e-7; of eight times as many, to 1e-5
_HALVES = (torch.float16, torch.bfloat16)


@torch.no_grad()
def total_norm(gradients: Sequence[torch.Tensor], norm_type: float = 2.0) -> torch.Tensor:
    """The norm of all gradients as one vector; inf or nan if a gradient is, or if the norm overflows.

    Torch's own is off by 1 % for a tensor of 1e8 float32 numbers on a CPU, and is rounded to half precision where the
    gradients are. Here the relative error stays below 2e-6 in every dtype.

    Args:
        gradients: at least one; sparse ones, too. Of shards, those of this process.
        norm_type: the p of the norm.

    Returns:
        A tensor without dimensions on the first gradient's device; float64 if the gradients are, otherwise float32.

    >>> total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    large: list[torch.Tensor] = []
    small: list[torch.Tensor] = []
    on_cpu = norm_type == 2.0 and gradients[0].device.type == "cpu"
    for gradient in gradients:
        if gradient.is_sparse:
            gradient = gradient.coalesce().values()  # a row that is named twice is the sum of both
        (large if on_cpu and gradient.numel() > _SMALL else small).append(gradient)
    norms = _norms(small, norm_type) if small else []
    if large:
        norms.append(_norm_of_large(large))
    return torch.linalg.vector_norm(torch.stack(norms), norm_type) if len(norms) > 1 else norms[0]


def combined(norms: Sequence[float | torch.Tensor], norm_type: float = 2.0) -> Any:
    """The norm of several vectors as one, from their norms.

    >>> combined([3.0, 4.0])
    5.0
    """
    if len(norms) == 1:
        return norms[0]
    if norm_type == 2.0 and not any(isinstance(norm, torch.Tensor) for norm in norms):
        return math.hypot(*norms)
    device = next((norm.device for norm in norms if isinstance(norm, torch.Tensor)), None)
    each = torch.stack([torch.as_tensor(norm, dtype=torch.float64).to(device) for norm in norms])
    norm = torch.linalg.vector_norm(each, norm_type)
    return norm.item() if device is None else norm.float()


def is_here(tensor: torch.Tensor) -> bool:
    """Whether a tensor's numbers are in the host's memory."""
    return tensor.device.type == "cpu"


class Across:
    """How numbers of which each process holds a part, or a copy, become those of the whole model.

    Args:
        parts: the groups over which the numbers are spread; those of a mesh with several dimensions, one after the
            other. A plain tensor has a copy on each of their processes.
        stages: the group over which whole parameters are spread, or None.
    """

    def __init__(self, parts: Sequence[Any], stages: Any = None) -> None:
        self.parts, self.stages = parts, stages

    @torch.no_grad()
    def norms(self, sets: Sequence[Sequence[torch.Tensor]], norm_type: float) -> torch.Tensor:
        """The norm of each of several sets of gradients, by one sum over the processes; float64.

        What several processes hold is divided by their number, so that a nan in any copy is everybody's nan.
        """
        device = next(here(gradient).device for gradients in sets for gradient in gradients)
        size = math.prod(dist.get_world_size(group) for group in self.parts)
        largest = norm_type == math.inf
        powers = torch.zeros(len(sets), dtype=torch.float64, device=device)
        for number, gradients in enumerate(sets):
            alike: dict[int, list[torch.Tensor]] = {}
            for gradient in gradients:
                own = here(gradient)
                if own.numel():
                    alike.setdefault(1 if largest else copies(gradient, size), []).append(own)
            for times, own_parts in alike.items():
                norm = total_norm(own_parts, norm_type).to(device, torch.float64)
                power = norm if largest else norm**norm_type / times
                powers[number] = torch.maximum(powers[number], power) if largest else powers[number] + power
        for group in [*self.parts, *([] if self.stages is None else [self.stages])]:
            dist.all_reduce(powers, dist.ReduceOp.MAX if largest else dist.ReduceOp.SUM, group)
        return powers if largest else powers ** (1.0 / norm_type)


def unit_norms(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The 2-norms of each unit of some tensors: of each row of a matrix, or of a whole vector.

    Of shards, this process gets the units that it holds a part of, each as a whole: by one sum over the processes for
    each dimension of a mesh along which units are cut, whatever the number of tensors.
    """
    norms = []
    cut: dict[Any, list[torch.Tensor]] = {}
    for tensor in tensors:
        own = here(tensor.detach())
        wide = torch.float32 if own.dtype in _HALVES else own.dtype
        dims = tuple(range(1, own.dim())) if own.dim() > 1 else None
        norms.append(torch.linalg.vector_norm(own, dim=dims, keepdim=dims is not None, dtype=wide))
        for group in units_are_cut_along(tensor):
            cut.setdefault(group, []).append(norms[-1])
    for group, each in cut.items():
        squares = torch.cat([norm.flatten().double().square() for norm in each])
        dist.all_reduce(squares, group=group)
        for norm, whole in zip(each, torch.split(squares.sqrt(), [norm.numel() for norm in each]), strict=True):
            norm.copy_(whole.reshape(norm.shape))
    return norms


def _norms(tensors: Sequence[torch.Tensor], norm_type: float) -> list[torch.Tensor]:
    """The norm of each, in single precision at least, on the first one's device."""
    alike: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
    for tensor in tensors:
        alike.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    norms: list[torch.Tensor] = []
    for (_, dtype), group in alike.items():
        wide = torch.float32 if dtype in _HALVES else None
        norms += torch._foreach_norm(group, norm_type, dtype=wide)  # pyright: ignore[reportPrivateImportUsage]
    return norms if len(alike) == 1 else [norm.to(tensors[0].device) for norm in norms]


def _norm_of_large(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """The 2-norm of tensors on the CPU: squares are added up in blocks, and the blocks in float64."""
    total, wide = 0.0, torch.float32
    for tensor in tensors:
        flat = (torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor).reshape(-1)
        # Squares of halves have few digits, and a dot product rounds their sum the same way again and again.
        half = flat.dtype in _HALVES
        for block in torch.split(flat, _BLOCK) if flat.numel() > _BLOCK else (flat,):
            total += float(block.float().square_().sum() if half else torch.dot(block, block))
        wide = torch.promote_types(wide, flat.dtype)
    return torch.tensor(math.sqrt(total), dtype=wide)
