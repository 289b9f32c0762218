"""Processes that train one model (DDP, FSDP): when gradients are summed over them, and what all have to agree on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from optimsche.param_groups.names import first_few, unwrap
from optimsche.training import losses
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.members import Member
from optimsche.training.norms import sums_norms_itself
from optimsche.training.turn import Turn
from optimsche.training.window import Window


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


def mean_of_weights(window: Window, device: torch.device, model: Any) -> torch.Tensor:
    """The mean of a window's weight over the processes; the host does not wait for it."""
    group = getattr(model, "process_group", None)  # DDP's; the others shard over all processes
    total = torch.as_tensor(1.0 if window.dropped else window.total, dtype=torch.float32, device=device).clone()
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


def run_backward(
    model: nn.Module,
    due: bool,
    dropped: bool,
    loss: torch.Tensor,
    share: float | torch.Tensor,
    scaler: LossScaler | None,
) -> None:
    """A backward pass whose gradients are summed over processes only if ``due``.

    It reaches all parameters, since processes synchronise in hooks that a restricted pass does not run. Where this
    process has dropped the window, the others wait for its gradients: with nan all find the same norm, and all skip.
    """
    with synchronised(model, due):
        losses.run_backward(loss * math.nan if dropped else loss, share, scaler)


@contextmanager
def forward(model: nn.Module, autocast: AbstractContextManager[Any], due: bool) -> Iterator[None]:
    """The context of a forward pass of a model that synchronises."""
    with autocast, synchronised(model, due):
        yield


def refuse_a_contradiction(window: Window | None, turn: Turn) -> None:
    """Refuse a step that closes its window where the forward pass was told otherwise, and the other way round.

    Raises:
        ValueError: gradients were, or were not, summed over processes in the wrong micro-batch.
    """
    if window is not None and window.said == (turn.step_num, not turn.closes):
        raise ValueError(
            f"step_num={turn.step_num}: micro_batch({turn.step_num}) was called with last={not turn.closes}, and "
            f"step with last={turn.closes}. Where processes synchronise, say it to micro_batch: the "
            "forward pass decides."
        )


@contextmanager
def _without_gradient_sync(model: Any) -> Iterator[None]:
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)


def refuse(model: nn.Module, members: Sequence[Member], scaler: LossScaler | None) -> None:
    """Refuse what cannot be kept equal in all processes, where a model sums its gradients over them.

    Args:
        model: the model in its wrapper.
        members: the optimizers.
        scaler: the loss scaler.

    Raises:
        ValueError: a part of the model is left out, several losses, or FSDP's first version with what it cannot do.
    """
    if sums_norms_itself(model) and scaler is not None:
        raise ValueError(
            "fp16 needs a loss scale that FSDP's first version cannot share: use_amp='bf16', or fully_shard"
        )
    names = [member.optim_loss for member in members]
    if sums_norms_itself(model) and len(members) > 1:
        raise ValueError(
            "FSDP's first version knows the norm of the whole model only, not of each optimizer's part: use fully_shard"
        )
    if len(set(names)) > 1:
        raise ValueError(
            "optimizers on a model that is synchronised over processes must follow the same loss, got optim_loss="
            f"{', '.join(map(repr, names))}. Wrappers allow one backward pass after each forward pass: follow the sum "
            "of the losses."
        )
    ids = {id(parameter) for member in members for parameter in member.parameters()}
    others = [name for name, p in unwrap(model).named_parameters() if p.requires_grad and id(p) not in ids]
    if others:
        raise ValueError(
            f"only a part of a {type(model).__name__} model would be updated, and not {first_few(others)}. Processes "
            "are kept in step only for whole models. Freeze the rest with requires_grad_(False), wrap each part by "
            "itself, or give the rest to another member: OptimScheduler({'a': Member(...), 'b': Member(...)})"
        )
