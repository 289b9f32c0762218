"""From the gradients of a whole window to new weights."""

from __future__ import annotations

import logging

import torch
from torch import nn

from optimsche.training import clipping
from optimsche.training.parameters import owned
from optimsche.training.precision import unscale
from optimsche.training.turn import Turn


def apply(
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
    *,
    factor: float = 1.0,
    grad_clip: float | None,
    norm_type: float,
    synchronising: nn.Module | None,
) -> tuple[torch.Tensor, bool]:
    """Unscale, measure and clip the gradients, and step the optimizer if their norm is finite.

    Args:
        optimizer: with the gradients, and with the rates of this update.
        scaler: the loss scaler, if the loss was scaled; its ``update`` is the caller's.
        factor: multiplies the gradients; 1 leaves them alone to the last bit.
        grad_clip: the largest norm; None for any.
        norm_type: p of the norm.
        synchronising: the model, if processes synchronise in it.

    Returns:
        The norm before clipping, and whether the optimizer was stepped.
    """
    own = owned(optimizer)
    if scaler is not None:
        # Before clipping: grad_clip bounds the true gradient, not loss_scale times it.
        unscale(scaler, optimizer)
    if factor != 1:
        for parameter in own:
            if parameter.grad is not None:
                parameter.grad.mul_(factor)
    norm = clipping.total_norm(own, norm_type, synchronising)
    finite = bool(norm.isfinite())
    if finite:
        if grad_clip is not None:
            clipping.clip(own, grad_clip, norm)
        # Not scaler.step: it would look for inf and nan again, and a fused SGD whose first step it skips has a
        # random momentum afterwards.
        optimizer.step()
    return norm, finite


def gap_factor(turn: Turn, held: int | None, synchronising: nn.Module | None, log: logging.Logger) -> float:
    """What makes the gradients of a window with gaps the mean of those micro-batches that came; 1 without gaps.

    Args:
        turn: the closing micro-batch.
        held: micro-batches that came, each divided by the size of the whole window; None where a loop with a backward
            pass of its own did the dividing, which is then left as it is.
        synchronising: the model, if processes synchronise in it. Each knows only its own gaps, and a factor of its
            own would pull them apart: what did not come then counts as zero.
        log: for a warning where micro-batches are missing.

    >>> from optimsche.training.turn import turn_of
    >>> gap_factor(turn_of(4, 4, None, 1), 4, None, logging.getLogger())
    1.0
    """
    size = turn.window.size
    if held is None or held == size:
        return 1.0
    log.warning(
        "update %d: %d of the %d micro-batches of its window came; %s",
        turn.update,
        held,
        size,
        "its gradient is their mean" if synchronising is None else "the others count as zero",
    )
    return size / held if synchronising is None else 1.0
