"""What became of the updates: logged, counted, shown to an observer, as soon as it is known on the host."""

from __future__ import annotations

import copy
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch

from optimsche.param_groups import names
from optimsche.training.async_copy import Arriving
from optimsche.training.follow import Value
from optimsche.training.gradients import Gradients
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.result import StepResult
from optimsche.training.window import Window

if TYPE_CHECKING:
    from optimsche.training.members import Member

# What an observer is called with, as loggers take it: wandb.log(numbers, step), or a loop over writer.add_scalar.
Observer: TypeAlias = Callable[[dict[str, float], int], object]


class NonFiniteError(ArithmeticError):
    """No update was made so many times in a row that the run has diverged, or was never going to train.

    Raised by :meth:`OptimScheduler.update <optimsche.OptimScheduler.update>` once ``max_skips`` updates in a row were
    skipped, for inf or nan in their gradients, by a stage, or because there were no gradients; or once a loss scale
    that never fitted has fallen below 1. Parameters and optimizer are as they were after the last good update.
    """


class Outcome(NamedTuple):
    """An update that was made or skipped, of one optimizer.

    Args:
        result: what happened.
        where: the first parameter whose gradient was not finite, where that is known.
        counts: whether a skip counts: not where all parameters are frozen, which somebody has wanted.
    """

    result: StepResult
    where: str = ""
    counts: bool = True

    @property
    def norm(self) -> float | torch.Tensor:
        """The norm that was measured; nan for none."""
        return math.nan if self.result.norm is None else self.result.norm

    @property
    def overflowed(self) -> bool | torch.Tensor:
        """Whether its gradients had inf or nan, which a smaller loss scale may cure."""
        norm = self.result.norm
        if isinstance(norm, torch.Tensor):
            return 1.0 - norm.isfinite().float()
        return norm is not None and not math.isfinite(norm)

    @property
    def found_inf(self) -> bool | torch.Tensor:
        """Whether the update was skipped."""
        return True if self.result.found_inf is None else self.result.found_inf


def outcome_of(
    member: Member, update: int, epoch: float, values: Sequence[Value], gradients: Gradients | None, window: Window
) -> Outcome:
    """The outcome of an update of one optimizer, made or skipped; without gradients there was none to make."""
    if gradients is None:
        return Outcome(StepResult(True, update, epoch, values), counts=bool(member.trainable()))
    norm, by_caller = gradients.first_norm, window.by_caller
    where = ""
    if (
        gradients.found_inf is True
        and not isinstance(norm, torch.Tensor)
        and norm is not None
        and not math.isfinite(norm)
    ):
        where = names.first_non_finite(member.optimizer.param_groups, member.model)
    result = StepResult(
        True,
        update,
        epoch,
        values,
        norm=norm,
        found_inf=gradients.found_inf,
        micro_batches=window.place.size if by_caller else window.count,
        weight=float(window.place.size) if by_caller else window.weight,
    )
    return Outcome(result, where)


class _Pending(NamedTuple):
    outcomes: Mapping[str, Outcome]
    update: int
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
        by_name: whether the numbers have the name of their optimizer before them.
    """

    def __init__(self, limit: int, observer: Observer | None = None, *, by_name: bool = False) -> None:
        if observer is not None and not callable(observer):
            raise TypeError(f"on_update must be a function (numbers, update), got {type(observer).__name__}.")
        self.limit = limit
        self.observer = observer
        self._by_name = by_name
        self._in_a_row: dict[str, int] = {}
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

    def add(self, outcomes: Mapping[str, Outcome], update: int, scaler: LossScaler | None, log: logging.Logger) -> None:
        """Count the outcomes of a window in, by optimizer, and tell of those that are known by now.

        Raises:
            NonFiniteError: so many were skipped in a row that the run ends.
        """
        quiet = self.observer is None
        for one in outcomes.values():
            quiet = quiet and one.result.found_inf is False
        if quiet:
            self._searching = False  # as nearly always, on the CPU: nothing to tell
            if self._in_a_row:
                self._in_a_row = {name: n for name, n in self._in_a_row.items() if name not in outcomes}
        else:
            scale = math.nan if scaler is None else scaler.factor_now
            numbers = [x for one in outcomes.values() for x in (one.norm, one.found_inf, one.result.weight)]
            self._pending.append(_Pending(outcomes, update, Arriving([scale, *numbers]), scaler is not None, log))
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
        found = dict(zip(pending.outcomes, zip(*[iter(numbers)] * 3, strict=True), strict=True))
        shown: dict[str, float] = {}
        for name, outcome in pending.outcomes.items():
            result = outcome.result
            norm, found_inf, weight = found[name]
            skipped = bool(found_inf)
            if result.found_inf is not None:  # whoever reads it need not wait again
                result.norm, result.found_inf, result.weight = norm, skipped, weight
            if not skipped:
                self._in_a_row[name], self._searching = 0, False
            elif outcome.counts:
                self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
                pending.log.warning("%s", self._said(name, outcome, norm, scale if pending.scaled else None))
            elif not self._told:
                self._told = True
                pending.log.warning("no parameter of %s takes part in training (all frozen?): nothing is updated", name)
            shown |= {
                f"{name}/{key}" if self._by_name else key: value
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
                self.observer(shown, pending.update)
        finally:  # an observer that fails hides nothing
            for name in pending.outcomes:
                self._end_a_run_that_has_diverged(name, pending, scale)

    def _said(self, name: str, outcome: Outcome, norm: float, scale: float | None) -> str:
        """The line of the log on a skipped update."""
        result = outcome.result
        if result.found_inf is None:
            why = "no parameter of the optimizer has a gradient. Does the loss come from the model that it updates?"
        elif math.isfinite(norm):
            why = f"a stage left it out; the norm of its gradients is {norm:g}"
        else:
            why = f"the norm of its gradients is {norm:g}" + (f", first in {outcome.where}" if outcome.where else "")
        whose = f" of {name!r}" if self._by_name else ""
        scaled = "" if scale is None else f"; the loss scale is now {scale:g}"
        return f"update {result.real_step}{whose} is skipped, number {self._in_a_row[name]} in a row: {why}{scaled}"

    def _end_a_run_that_has_diverged(self, name: str, pending: _Pending, scale: float) -> None:
        in_a_row, outcome = self._in_a_row.get(name, 0), pending.outcomes[name]
        without = outcome.result.found_inf is None
        if pending.scaled and self._searching and in_a_row and not without:
            if scale < 1:
                raise NonFiniteError(
                    f"all {in_a_row} updates so far had inf or nan in their gradients, and the loss scale has "
                    "fallen below 1: it is not the scale. Look for inf or nan in the data or the loss, or use "
                    "use_amp='bf16'."
                )
            return
        if in_a_row >= self.limit:
            last = f"(max_skips={self.limit}), the last of them number {outcome.result.real_step}"
            whose = f" of {name!r}" if self._by_name else ""
            if without:
                raise NonFiniteError(
                    f"{in_a_row} updates{whose} in a row had no gradients {last}: nothing is trained. Is every "
                    "parameter of the optimizer in the model that makes the loss?"
                )
            raise NonFiniteError(
                f"{in_a_row} updates{whose} in a row had inf or nan in their gradients, or were left out by "
                f"a stage {last}: the run has diverged. Go back to a checkpoint with a lower rate or "
                "a longer warm-up, or "
                "clip with grad_clip=."
            )
