"""The norm of gradients, and clipping by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


def total_norm(parameters: Sequence[torch.Tensor], norm_type: float, model: Any = None) -> torch.Tensor:
    """The norm of all gradients as one vector; inf or nan if a gradient is, or if the norm overflows.

    Args:
        parameters: those with the gradients.
        norm_type: the p of the norm.
        model: the model, if processes synchronise in it: each may hold only a shard of the gradients.

    >>> weight = torch.zeros(2, requires_grad=True)
    >>> (weight * torch.tensor([3.0, 4.0])).sum().backward()
    >>> total_norm([weight], 2.0)
    tensor(5.)
    """
    if sums_norms_itself(model):
        norm: torch.Tensor = model.clip_grad_norm_(math.inf, norm_type)  # a bound of inf clips nothing
        return norm
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    # A sparse gradient may name a row twice; coalescing adds those up.
    dense = [gradient.coalesce().values() if gradient.is_sparse else gradient for gradient in gradients]
    norm = get_total_norm(dense, norm_type)
    whole = getattr(norm, "full_tensor", None)  # of the shards that fully_shard makes
    return norm if whole is None else whole()


def sums_norms_itself(model: Any) -> bool:
    """Whether a model is wrapped in FSDP's first version, whose shards do not know that they are shards."""
    return hasattr(model, "no_sync") and hasattr(model, "clip_grad_norm_")


def clip(parameters: Sequence[torch.Tensor], max_norm: float, norm: torch.Tensor) -> None:
    """Scale the gradients down in place, so that ``norm``, their norm, becomes at most ``max_norm``."""
    clip_grads_with_norm_(parameters, max_norm, norm)
