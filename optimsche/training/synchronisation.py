"""When gradients are summed over processes: once per update, and not once per micro-batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def synchronising(model: nn.Module | None, distributed: bool | None) -> nn.Module | None:
    """The model, if it sums its gradients over processes (DDP, FSDP) and may be told when; otherwise None.

    Args:
        model: the model as it is called, wrappers included.
        distributed: None finds out; False leaves every synchronisation as it is; True insists.

    Raises:
        ValueError: ``distributed=True`` with a model that has no way to hold synchronisation back.
        TypeError: ``distributed`` is something else.
    """
    if distributed not in (None, True, False):
        raise TypeError(f"OptimScheduler(distributed={distributed!r}): distributed must be None, True or False.")
    if distributed is False:
        return None
    if hasattr(model, "no_sync") or hasattr(model, "set_requires_gradient_sync"):
        return model
    if distributed:
        raise ValueError(
            f"OptimScheduler(distributed=True): model must be wrapped in DistributedDataParallel or FSDP, got "
            f"{type(model).__name__}. Pass the wrapped model, or leave distributed=None to find out."
        )
    return None


def mean_over_processes(number: torch.Tensor, model: Any) -> torch.Tensor:
    """The mean of a number over the processes that a model synchronises with; the host does not wait for it."""
    group = getattr(model, "process_group", None)  # DDP's; the others shard over all processes
    total = number.clone()
    dist.all_reduce(total, group=group)
    return total / dist.get_world_size(group)


def synchronised(model: nn.Module | None, due: bool) -> AbstractContextManager[Any]:
    """The context of a forward or a backward pass whose gradients are summed over processes only if ``due``.

    DDP decides in the forward pass, FSDP in the backward pass: both passes stand in such a context.
    """
    if model is None or due:
        return nullcontext()
    if hasattr(model, "set_requires_gradient_sync"):
        return _without_gradient_sync(model)
    context: AbstractContextManager[Any] = model.no_sync()  # type: ignore[operator]  # DDP's and FSDP's method
    return context


@contextmanager
def _without_gradient_sync(model: Any) -> Iterator[None]:
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)
