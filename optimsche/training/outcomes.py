"""What became of the updates: logged, counted, shown to an observer, as soon as it is known on the host."""

from __future__ import annotations

import copy
import logging
import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from optimsche.training.async_copy import Arriving
from optimsche.training.errors import NonFiniteError
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.result import StepResult

# What an observer is called with, as loggers take it: wandb.log(numbers, step), or a loop over writer.add_scalar.
Observer: TypeAlias = Callable[[dict[str, float], int], object]


class _Pending(NamedTuple):
    result: StepResult
    arriving: Arriving
    scaled: bool
    log: logging.Logger


class Outcomes:
    """The updates of one optimizer whose outcome is still to be told, and how many in a row were skipped.

    On a device, an outcome is known a little later than the update is made. It is then told with a later update, in
    order; nothing waits for it.

    A loss scale begins far too high and halves with every skip until the gradients fit: the skips before the first
    good update are that search, and are not counted. It has failed where the scale itself falls below 1.

    Args:
        limit: so many skipped updates in a row end the run.
        observer: called with plain numbers for every update; None for nobody.
    """

    def __init__(self, limit: int, observer: Observer | None = None) -> None:
        self.limit = limit
        self.observer = observer
        self.in_a_row = 0
        self._searching = True
        self._pending: deque[_Pending] = deque()

    def begin(self, *, searching: bool) -> None:
        """Count anew: a run goes on from a checkpoint, with the loss scale found or still to be found."""
        self._pending.clear()
        self.in_a_row, self._searching = 0, searching

    def of_a_copy(self) -> Outcomes:
        """The same count, without what is still to be told."""
        copied = copy.copy(self)
        copied._pending = deque()
        return copied

    def add(self, result: StepResult, scaler: LossScaler | None, log: logging.Logger) -> None:
        """Count one result in, and tell of those that are known by now.

        Raises:
            NonFiniteError: so many were skipped in a row that the run ends.
        """
        if result.norm is not None and result.found_inf is not None:
            scale = math.nan if scaler is None else scaler.factor_now
            if result.found_inf is False and self.observer is None:
                self.in_a_row, self._searching = 0, False  # as nearly always, on the CPU: nothing to tell
            else:
                numbers = [result.norm, result.found_inf, scale, result.weight]
                self._pending.append(_Pending(result, Arriving(numbers), scaler is not None, log))
        self.settle()

    def settle(self, *, wait: bool = False) -> None:
        """Tell of the outcomes that are known, in order; with ``wait``, of all.

        Raises:
            NonFiniteError: so many were skipped in a row that the run ends.
        """
        while self._pending and (wait or self._pending[0].arriving.ready()):
            self._tell(self._pending.popleft())

    def _tell(self, pending: _Pending) -> None:
        result = pending.result
        norm, found_inf, scale, weight = pending.arriving.numbers()
        skipped = bool(found_inf)
        result.norm, result.found_inf, result.weight = norm, skipped, weight  # whoever reads it need not wait again
        if not skipped:
            self.in_a_row, self._searching = 0, False
        else:
            self.in_a_row += 1
            pending.log.warning(
                "update %d is skipped, number %d in a row: the norm of its gradients is %s%s",
                result.real_step,
                self.in_a_row,
                norm,
                f"; the loss scale is now {scale:g}" if pending.scaled else "",
            )
        try:
            if self.observer is not None:
                numbers = {
                    "lr": result.lr,
                    "grad_norm": norm,
                    "skipped": float(skipped),
                    "micro_batches": float(result.micro_batches),
                    "weight": weight,
                    **({"loss_scale": scale} if pending.scaled else {}),
                }
                self.observer(numbers, result.real_step)
        finally:  # an observer that fails hides nothing
            if skipped:
                self._end_a_run_that_has_diverged(result, scale, pending.scaled)

    def _end_a_run_that_has_diverged(self, result: StepResult, scale: float, scaled: bool) -> None:
        if scaled and self._searching:
            if scale < 1:
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
