"""The parts of the training step, behind the public face of :class:`OptimScheduler <optimsche.OptimScheduler>`.

Read from the top: the place of a micro-batch in the run, its backward pass, the update, what is written and compared.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from optimsche import counting
from optimsche.counting import AccumGrad
from optimsche.schedule import Schedule
from optimsche.training import compatibility, parameters, resume_guard
from optimsche.training.apply_gradients import Applied, Clips, apply
from optimsche.training.arguments import admitted
from optimsche.training.async_copy import is_here
from optimsche.training.checked_attributes import Checked
from optimsche.training.clipping import Clip
from optimsche.training.divisor import divisor_of, report_gaps
from optimsche.training.group_schedules import Followed, Values
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.losses import Losses, pick, refuse_reentrant_checkpoints, run_backward
from optimsche.training.micro_batch import Planned, Turn, turn_of
from optimsche.training.outcomes import Outcomes
from optimsche.training.owned_parameters import Owned
from optimsche.training.precision import Precision
from optimsche.training.result import StepResult
from optimsche.training.synchronisation import synchronised
from optimsche.training.timing import TimeFunc, timed
from optimsche.training.window_tracker import WindowTracker
from optimsche.training.window_weights import Gathered, Weight

LOG = logging.getLogger("optimsche")


class Stepping:
    """What an :class:`OptimScheduler <optimsche.OptimScheduler>` keeps, and the work that it does."""

    optimizer: torch.optim.Optimizer
    model: nn.Module | None
    optim_loss: str | None
    step_per_update = Checked[int]()
    accum_grad = Checked[AccumGrad]()
    steps_per_epoch = Checked["int | None"]()
    grad_norm_type = Checked[float]()
    ft_factor = Checked[float]()
    precision: Precision
    _clip: Clip | None
    _scaler: LossScaler | None
    _scaler_is_shared: bool
    _foreign: list[str]
    _owned: Owned
    _synchronising: nn.Module | None
    _windows: WindowTracker
    _outcomes: Outcomes
    _followed: Followed
    _schedule: Schedule | None
    _counts_epochs: bool
    _loaded_rate: float | None
    _resumed: bool
    _told_of_no_gradients: bool
    _looked_at_graph: bool
    _window_has: tuple[int, float]  # number and rate of the update that the open window leads to
    _last_turn: tuple[object, Turn | None]
    _last_values: tuple[object, Values | None]

    def _turn(self, step_num: int, *, last: bool = False) -> Turn:
        counted_by = (self.accum_grad, self.steps_per_epoch, self.step_per_update)
        known, turn = self._last_turn
        if turn is not None and not last and type(step_num) is int and known == counted_by:
            if turn.step_num == step_num:
                return turn
            if turn.window.first <= step_num <= turn.window.last:  # as nearly always: another of the same window
                turn = Turn(step_num, turn.window, turn.update, turn.gathers)
                self._last_turn = known, turn
                return turn
        turn = turn_of(step_num, *counted_by, last=last)
        if not turn.cut:
            self._last_turn = counted_by, turn
        return turn

    def _planned(self, step_num: int, epoch_num: float | None, *, last: bool = False) -> Planned:
        """Epoch and rates of a micro-batch; whatever can be refused of them is refused here, and nothing is changed."""
        turn, epoch = self._turn(step_num, last=last), self._epoch(step_num, epoch_num)
        if turn.due:
            compatibility.refuse_a_step_held_back(self.optimizer)
        # Within a window the values are those of its first micro-batch, unless someone has changed a group or a factor.
        basis = (turn.update, epoch, self.ft_factor, self._followed.basis())
        known, values = self._last_values
        if values is None or known != basis:
            values = self._values(self._schedule, turn.update, epoch)
            self._last_values = basis, values
        return Planned(turn, epoch, values)

    def _loss(self, turn: Turn, losses: Losses, weight: Weight | None) -> torch.Tensor | None:
        """The loss that this optimizer's backward pass starts from; None where it takes no part."""
        dropped = self._windows.is_dropped(turn.window)
        if not turn.gathers or (dropped and self._synchronising is None):
            return None
        if not self._owned.trainable():
            return None
        loss = pick(losses, self.optim_loss)
        if not self._looked_at_graph:
            if self._inputs() is not None:
                refuse_reentrant_checkpoints(loss)
            self._looked_at_graph = True
        if self._windows.open is not None and self._windows.held is not None:
            self._windows.held.refuse_a_mixture(weight)
        if dropped:
            # The other processes wait for this one's gradients. With nan they all find the same norm, and all skip.
            return loss * math.nan
        if self._synchronising is None and type(weight) is float and weight == 0:
            return None  # a mean over nothing may be nan
        return loss

    def _begin_backward(self, turn: Turn, weight: Weight | None, logger: logging.Logger | None) -> Weight:
        """Enter the backward pass of a micro-batch, and say what its loss is multiplied by.

        A window begins without gradients, as in a loop by hand.
        """
        if self._windows.enter(turn, updating=False, log=logger or LOG):
            self._owned.drop_gradients()
        if self._windows.open is None or self._windows.held is None:
            return 1.0
        return self._windows.held.add(weight)

    def _backward(
        self, turn: Turn, loss: torch.Tensor | None, weight: Weight | None, logger: logging.Logger | None
    ) -> None:
        share = self._begin_backward(turn, weight, logger)
        if loss is not None:
            try:
                if self._synchronising is None:
                    run_backward(loss, share, self._scaler, self._inputs())
                else:
                    with synchronised(self._synchronising, turn.due):
                        run_backward(loss, share, self._scaler, self._inputs())
            except BaseException as error:
                self._drop_after(error, logger, "a backward pass of its window")
                raise

    def _go_on(self, losses: Losses, step_num: int, epoch: float, logger: logging.Logger | None) -> StepResult:
        """The short way of :meth:`step` for one more micro-batch inside an open window: a backward pass."""
        if self._owned.trainable():
            loss = pick(losses, self.optim_loss)
            share = self._windows.go_on(step_num)
            try:
                run_backward(loss, share, self._scaler, self._owned.inputs())
            except BaseException as error:
                self._drop_after(error, logger, "a backward pass of its window")
                raise
        else:
            self._windows.go_on(step_num)
        update, rate = self._window_has
        return StepResult(False, update, epoch, rate)

    def _refuse_alone(self) -> None:
        """Refuse a step of this optimizer by itself, where others must be stepped with it."""
        if self._synchronising is not None and self._foreign:
            parameters.refuse_a_part(self._synchronising, self._foreign)
        if self._scaler_is_shared:
            raise ValueError(
                "this OptimScheduler shares its loss scaler with others, which must be stepped together: "
                "step_all(optims, losses, step_num=...)"
            )

    def _take_its_own_scaler(self) -> None:
        """Go on alone after steps together with others: with a loss scaler of its own, in the state of theirs."""
        if self._scaler_is_shared and self._scaler is not None:
            own = LossScaler()
            own.load_state_dict(self._scaler.state_dict())
            self._scaler = own
        self._scaler_is_shared = False

    def _inputs(self) -> list[torch.Tensor] | None:
        """The only parameters that get a gradient, if the model has others to keep it from; None for all."""
        if self._synchronising is not None:
            return None  # processes synchronise in hooks that a restricted backward pass does not run
        return self._owned.inputs()

    def _drop(self, log: logging.Logger, reason: str, window: counting.Window | None = None) -> counting.Window | None:
        dropped = self._windows.drop(window)
        if self._windows.open is None:
            self._owned.drop_gradients()
        if dropped is not None:
            log.warning("update %d is skipped: %s", self._turn(dropped.first).update, reason)
        return dropped

    def _drop_after(self, error: BaseException, logger: logging.Logger | None, what: str) -> None:
        self._drop(logger or LOG, f"{what} failed ({type(error).__name__})")

    @contextmanager
    def _dropped_on_failure(self, logger: logging.Logger | None, what: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._drop_after(error, logger, what)
            raise

    def _timed_update(
        self,
        planned: Planned,
        weight: Weight | None,
        time_func: TimeFunc | None,
        optim_name: str,
        logger: logging.Logger | None,
    ) -> StepResult:
        """An update with all that belongs to it, where the loss scaler is this optimizer's own."""
        if time_func is not None:
            with timed(time_func, "optim_time", optim_name):
                return self._timed_update(planned, weight, None, optim_name, logger)
        result = self._update(planned, weight, logger)
        if result.found_inf is not None:
            if self._scaler is not None:
                self._scaler.update([result.found_inf])
            self._outcomes.add(result, self._scaler, logger or LOG)
        return result

    def _update(self, planned: Planned, weight: Weight | None, logger: logging.Logger | None) -> StepResult:
        """All of an update but the scaler's own: several optimizers may share one."""
        turn, epoch, values = planned
        dropped = self._windows.is_dropped(turn.window)
        self._windows.enter(turn, updating=True, log=logger or LOG)
        if self._loaded_rate is not None:
            self._compare_with_loaded_rate(turn, epoch, logger)
        applied: Applied | None = None
        held: Gathered | None = None
        if turn.due:
            held = self._windows.close()
            try:
                self._followed.write(values)
                takes_part = not dropped or self._synchronising is not None
                if takes_part and self._has_gradients(held, logger):
                    applied = self._apply(turn, held, dropped, weight is not None, logger or LOG)
            finally:
                self._windows.over(turn)
                self._owned.drop_gradients()
        else:
            self._windows.over(turn)
            if dropped or not turn.gathers:
                self._owned.drop_gradients()  # what the caller's own backward pass left there
        rate = values.rates[0]
        self._window_has = turn.update, rate
        if applied is None:
            return StepResult(turn.due, turn.update, epoch, rate)
        return StepResult(
            True,
            turn.update,
            epoch,
            rate,
            norm=applied.norm,
            found_inf=applied.found_inf,
            micro_batches=turn.window.size if held is None else held.count,
            weight=float(turn.window.size) if held is None else held.weight,
        )

    def _apply(
        self, turn: Turn, held: Gathered | None, dropped: bool, weighted: bool, log: logging.Logger
    ) -> Applied | None:
        """Measure, divide, clip, step; None where all of the window weighs nothing."""
        if self._scaler is not None and not self._scaler.used:
            raise ValueError(
                "this OptimScheduler has a loss scaler, and no loss was scaled. A loop with a backward pass of its own "
                "writes optim.scaler.scale(loss).backward()"
            )
        device = self._owned.all()[0].device
        followed = self._followed
        report_gaps(turn, None if dropped else held, self._synchronising, log)
        divisor = divisor_of(turn, held, self._synchronising, device, dropped=dropped, weighted=weighted)
        if type(divisor) is not float and isinstance(divisor, torch.Tensor) and is_here(divisor):
            divisor = float(divisor)
        if type(divisor) is float and divisor == 0:
            log.warning("the micro-batches of this window weigh 0: nothing is updated")
            return None
        return apply(
            self.optimizer,
            divisor=divisor,
            loss_scale=None if self._scaler is None else self._scaler.factor(device),
            clips=Clips(self._clip, followed.group_clips, followed.clips_itself, self.grad_norm_type),
            synchronising=self._synchronising,
        )

    def _has_gradients(self, held: Gathered | None, logger: logging.Logger | None) -> bool:
        found = self._owned.have_gradients()
        if not found and held is not None and held.weighted:
            (logger or LOG).warning("the micro-batches of this window weigh 0: nothing is updated")
        elif not found and not self._told_of_no_gradients:
            self._told_of_no_gradients = True
            (logger or LOG).warning("no parameter of this optimizer has a gradient (all frozen?): nothing is updated")
        return found

    @contextmanager
    def _synchronised_forward(self, due: bool) -> Iterator[None]:
        with self.precision.autocast(), synchronised(self._synchronising, due):
            yield

    def _epoch(self, step_num: int, epoch_num: float | None) -> float:
        """The epoch that the caller names, or the one that follows from ``step_num``."""
        if epoch_num is not None:
            return epoch_num if type(epoch_num) is int and epoch_num > 0 else admitted("epoch_num", epoch_num, "step")
        if self.steps_per_epoch is not None:
            return counting.epoch_of(step_num, self.steps_per_epoch)
        if self._counts_epochs:
            raise ValueError(
                f"{self._schedule!r} counts epochs: pass epoch_num=, or build the OptimScheduler with steps_per_epoch="
            )
        return 1

    def _values(self, schedule: Schedule | None, update: int, epoch: float) -> Values:
        return self._followed.values(schedule, update, epoch, self.ft_factor)

    def _write_first_rates(self, schedule: Schedule | None) -> None:
        """Write the rates of the first update, before it; once updates were made, groups keep what theirs had."""
        if self._windows.seen == 0 and not self._resumed:
            self._followed.write(self._values(schedule, 1, 1))

    def _forget_plans(self) -> None:
        self._loaded_rate, self._last_values = None, (None, None)

    def _new_tracker(self) -> WindowTracker:
        parameters_ = self._owned.all() if self.model is None else self.model.parameters()  # the same for all of its
        halves = any(parameter.dtype is torch.float16 for parameter in parameters_)
        # Processes have to agree on what weights are relative to. Sums in float16 would overflow where means do not.
        return WindowTracker(
            weights_relative=self._synchronising is None, in_parts=halves or self.precision.dtype is torch.float16
        )

    def _compare_with_loaded_rate(self, turn: Turn, epoch: float, logger: logging.Logger | None) -> None:
        loaded, self._loaded_rate = self._loaded_rate, None
        # Where epochs are counted in fractions, the one that the update before was given is not known here.
        plan = self._schedule or self._followed.first_rate
        if loaded is None or plan is None or (plan.counts_epochs and isinstance(epoch, float)):
            return
        before = max((turn.window.real_step - 1) // self.step_per_update, 1)
        epochs = (epoch, max(epoch - 1, 1))  # the update before may have ended the epoch before
        planned = [self._values(self._schedule, before, each).rates[0] for each in epochs]
        value = float(plan(before, epoch))
        factor = planned[0] / value if value else self.ft_factor
        resume_guard.report_another_rate(loaded, planned, before, logger or LOG, plan, factor)
