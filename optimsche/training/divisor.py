"""What the sum of a window's gradients is divided by."""

from __future__ import annotations

import logging

import torch
from torch import nn

from optimsche.training.micro_batch import Turn
from optimsche.training.synchronisation import mean_over_processes
from optimsche.training.window_weights import Gathered, Weight


def divisor_of(
    turn: Turn,
    held: Gathered | None,
    synchronising: nn.Module | None,
    device: torch.device,
    *,
    dropped: bool = False,
    weighted: bool = False,
) -> Weight:
    """The divisor that makes the sum of the gradients their mean, by weight where there are weights.

    Args:
        turn: the closing micro-batch.
        held: what the window holds; None where the caller's own backward pass has divided already.
        synchronising: the model, if processes synchronise in it; then the divisor is the same in all of them.
        device: where the gradients are.
        dropped: whether this process has given the window up, and only takes part for the others.
        weighted: whether the closing micro-batch has a weight.
    """
    if synchronising is None:
        return 1.0 if held is None else held.total
    if weighted or (held is not None and held.weighted):
        total = 1.0 if held is None or dropped else held.total
        return mean_over_processes(torch.as_tensor(total, dtype=torch.float32, device=device), synchronising)
    # Each process knows only its own gaps, and a divisor of its own would pull them apart.
    return 1.0 if held is None else held.of(turn.window.size)


def report_gaps(turn: Turn, held: Gathered | None, synchronising: nn.Module | None, log: logging.Logger) -> None:
    """Warn if some micro-batches of a window never came."""
    size = turn.window.size
    if held is not None and held.count != size:
        log.warning(
            "update %d: %d of the %d micro-batches of its window came; %s",
            turn.update,
            held.count,
            size,
            "its gradient is their mean" if synchronising is None else "the others count as zero",
        )
