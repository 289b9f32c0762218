"""Counting skipped updates, and ending a run that has diverged."""

from __future__ import annotations

import logging

import torch

from optimsche.training.errors import NonFiniteError
from optimsche.training.result import StepResult


class Skips:
    """How many updates in a row were skipped because of inf or nan.

    Args:
        limit: so many end the run.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_a_row = 0

    def count(self, result: StepResult, scaler: torch.amp.GradScaler | None, log: logging.Logger) -> None:
        """Count one result in, and log a skip.

        Raises:
            NonFiniteError: it was the last that is allowed.
        """
        if result.norm is None:
            return
        self.in_a_row = 0 if result.updated else self.in_a_row + 1
        if self.in_a_row == 0:
            return
        log.warning(
            "update %d is skipped, number %d in a row: the norm of its gradients is %s%s",
            result.real_step,
            self.in_a_row,
            result.grad_norm,
            "" if scaler is None else f"; the loss scale is now {scaler.get_scale():g}",
        )
        if self.in_a_row >= self.limit:
            raise NonFiniteError(
                f"{self.in_a_row} updates in a row had inf or nan in their gradients (max_skips={self.limit}), the "
                f"last of them number {result.real_step}: the run has diverged. Go back to a checkpoint with a lower "
                "rate or a longer warm-up, or clip with grad_clip=."
            )
