"""Counting skipped updates, and ending a run that has diverged."""

from __future__ import annotations

import logging

import torch

from optimsche.training.errors import NonFiniteError
from optimsche.training.result import StepResult


class Skips:
    """How many updates in a row were skipped because of inf or nan.

    A loss scale begins far too high and halves with every skip until the gradients fit: the skips before the first
    good update are that search, and are not counted. It has failed where the scale itself falls below 1.

    Args:
        limit: so many end the run.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_a_row = 0
        self._searching = True

    def begin(self, *, searching: bool) -> None:
        """Count anew: a run goes on from a checkpoint, with the loss scale found or still to be found."""
        self.in_a_row, self._searching = 0, searching

    def count(self, result: StepResult, scaler: torch.amp.GradScaler | None, log: logging.Logger) -> None:
        """Count one result in, and log a skip.

        Raises:
            NonFiniteError: it was the last that is allowed.
        """
        if result.norm is None:
            return
        if result.updated:
            self.in_a_row, self._searching = 0, False
            return
        self.in_a_row += 1
        log.warning(
            "update %d is skipped, number %d in a row: the norm of its gradients is %s%s",
            result.real_step,
            self.in_a_row,
            result.grad_norm,
            "" if scaler is None else f"; the loss scale is now {scaler.get_scale():g}",
        )
        if scaler is not None and self._searching:
            if scaler.get_scale() < 1:
                raise NonFiniteError(
                    f"all {self.in_a_row} updates so far had inf or nan in their gradients, and the loss scale has "
                    "fallen below 1: it is not the scale. Look for inf or nan in the data or the loss, or use "
                    "use_amp='bf16'."
                )
            return
        if self.in_a_row >= self.limit:
            raise NonFiniteError(
                f"{self.in_a_row} updates in a row had inf or nan in their gradients (max_skips={self.limit}), the "
                f"last of them number {result.real_step}: the run has diverged. Go back to a checkpoint with a lower "
                "rate or a longer warm-up, or clip with grad_clip=."
            )
