"""What became of the updates: logged, counted, shown to an observer, as soon as it is known on the host."""

from __future__ import annotations

import copy
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch

from optimsche.training.async_copy import Arriving
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.updates import Update

# What an observer is called with, as loggers take it: wandb.log(numbers, step), or a loop over writer.add_scalar.
Observer: TypeAlias = Callable[[dict[str, float], int], object]


class NonFiniteError(ArithmeticError):
    """No update was made so many times in a row that the run has diverged, or was never going to train.

    Raised by :meth:`OptimScheduler.update <optimsche.OptimScheduler.update>` once ``max_skips`` updates in a row were
    skipped, for inf or nan in their gradients, by a stage, or because there were no gradients; or once a loss scale
    that never fitted has fallen below 1. Parameters and optimizer are as they were after the last good update.
    """


class _Pending(NamedTuple):
    updates: Sequence[Update]
    number: int
    arriving: Arriving
    scaled: bool
    log: logging.Logger


class Outcomes:
    """The updates whose outcome is still to be told, and how many in a row were skipped, of each optimizer.

    On a device, an outcome is known a little later than the update is made. It is then told with a later update, in
    order; nothing waits for it.

    A loss scale begins far too high and halves with every skip until the gradients fit: the skips before the first
    good update are that search, and are not counted. It has failed where the scale itself falls below 1.

    Args:
        limit: so many skipped updates in a row end the run.
        observer: called with plain numbers for every update; None for nobody.
    """

    def __init__(self, limit: int, observer: Observer | None = None) -> None:
        if observer is not None and not callable(observer):
            raise TypeError(f"on_update must be a function (numbers, update), got {type(observer).__name__}.")
        self.limit = limit
        self.observer = observer
        self._in_a_row: dict[str | None, int] = {}
        self._searching = True
        self._told = False  # whether it was said that all parameters are frozen
        self._pending: deque[_Pending] = deque()

    def begin(self, *, searching: bool) -> None:
        """Count anew: a run goes on from a checkpoint, with the loss scale found or still to be found."""
        self._pending.clear()
        self._in_a_row, self._searching = {}, searching

    def of_a_copy(self) -> Outcomes:
        """The same count, without what is still to be told."""
        copied = copy.copy(self)
        copied._pending, copied._in_a_row = deque(), dict(self._in_a_row)
        return copied

    def add(self, updates: Sequence[Update], number: int, scaler: LossScaler | None, log: logging.Logger) -> None:
        """Count the updates of a window in, and tell of those whose outcome is known by now.

        Args:
            updates: which were made or skipped, one of each optimizer.
            number: the number of the window.
            scaler: the loss scaler, if there is one.
            log: for skips.

        Raises:
            NonFiniteError: so many were skipped in a row that the run ends.
        """
        quiet = self.observer is None
        for one in updates:
            quiet = quiet and one.result.found_inf is False
        if quiet:
            self._searching = False  # as nearly always, on the CPU: nothing to tell
            for one in updates if self._in_a_row else ():
                self._in_a_row.pop(one.name, None)
        else:
            numbers: list[float | torch.Tensor] = [math.nan if scaler is None else scaler.factor_now]
            for one in updates:
                norm, found_inf = one.result.norm, one.result.found_inf
                numbers += [math.nan if norm is None else norm, found_inf is None or found_inf, one.result.weight]
            self._pending.append(_Pending(updates, number, Arriving(numbers), scaler is not None, log))
        if self._pending:
            self.settle()

    def settle(self, *, wait: bool = False) -> None:
        """Tell of the outcomes that are known, in order; with ``wait``, of all.

        Raises:
            NonFiniteError: so many were skipped in a row that the run ends.
        """
        while self._pending and (wait or self._pending[0].arriving.ready()):
            self._tell(self._pending.popleft())

    def _tell(self, pending: _Pending) -> None:
        scale, *numbers = pending.arriving.numbers()
        shown: dict[str, float] = {}
        for one, norm, found_inf, weight in zip(pending.updates, *(numbers[k::3] for k in range(3)), strict=True):
            result, skipped = one.result, bool(found_inf)
            if result.found_inf is not None:  # whoever reads it need not wait again
                result.norm, result.found_inf, result.weight = norm, skipped, weight
            if not skipped:
                self._in_a_row[one.name], self._searching = 0, False
            elif one.counts:
                self._in_a_row[one.name] = self._in_a_row.get(one.name, 0) + 1
                pending.log.warning("%s", self._said(one, norm, scale if pending.scaled else None))
            elif not self._told:
                self._told = True
                pending.log.warning(
                    "no parameter of %s takes part in training (all frozen?): nothing is updated",
                    "the optimizer" if one.name is None else repr(one.name),
                )
            shown |= {
                key if one.name is None else f"{one.name}/{key}": value
                for key, value in {
                    "lr": result.lr,
                    **(result.hyperparameters if len(result.values) > 1 else {}),
                    "grad_norm": norm,
                    "skipped": float(skipped),
                    "micro_batches": float(result.micro_batches),
                    "weight": weight,
                }.items()
            }
        if pending.scaled:
            shown["loss_scale"] = scale
        try:
            if self.observer is not None:
                self.observer(shown, pending.number)
        finally:  # an observer that fails hides nothing
            for one in pending.updates:
                self._end_a_run_that_has_diverged(one, scale if pending.scaled else None)

    def _said(self, update: Update, norm: float, scale: float | None) -> str:
        """The line of the log on a skipped update."""
        result = update.result
        if result.found_inf is None:
            why = "no parameter of the optimizer has a gradient. Does the loss come from the model that it updates?"
        elif math.isfinite(norm):
            why = f"a stage left it out; the norm of its gradients is {norm:g}"
        else:
            why = f"the norm of its gradients is {norm:g}" + (f", first in {update.where}" if update.where else "")
        whose = "" if update.name is None else f" of {update.name!r}"
        scaled = "" if scale is None else f"; the loss scale is now {scale:g}"
        in_a_row = self._in_a_row[update.name]
        return f"update {update.number}{whose} is skipped, number {in_a_row} in a row: {why}{scaled}"

    def _end_a_run_that_has_diverged(self, update: Update, scale: float | None) -> None:
        in_a_row, without = self._in_a_row.get(update.name, 0), update.result.found_inf is None
        if scale is not None and self._searching and in_a_row and not without:
            if scale < 1:
                raise NonFiniteError(
                    f"all {in_a_row} updates so far had inf or nan in their gradients, and the loss scale has "
                    "fallen below 1: it is not the scale. Look for inf or nan in the data or the loss, or use "
                    "use_amp='bf16'."
                )
            return
        if in_a_row >= self.limit:
            last = f"(max_skips={self.limit}), the last of them number {update.number}"
            whose = "" if update.name is None else f" of {update.name!r}"
            if without:
                raise NonFiniteError(
                    f"{in_a_row} updates{whose} in a row had no gradients {last}: nothing is trained. Is every "
                    "parameter of the optimizer in the model that makes the loss?"
                )
            raise NonFiniteError(
                f"{in_a_row} updates{whose} in a row had inf or nan in their gradients, or were left out by a stage "
                f"{last}: the run has diverged. Go back to a checkpoint with a lower rate or a longer warm-up, or clip "
                "with grad_clip=."
            )
