"""An optimizer that follows a schedule: the training step.

Read from the top: what is set, one micro-batch, its two halves, checkpoints, the ways in.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import torch
from torch import nn

from optimsche import counting, data, habits
from optimsche.call_errors import answers_attributes, explained_methods, refuses_slips
from optimsche.counting import AccumGrad
from optimsche.param_groups import names
from optimsche.param_groups.rules import Rules
from optimsche.schedule import Schedule
from optimsche.training import by_name, checkpoints, compatibility, follow, outcomes, updates
from optimsche.training.finding import Distributed, found
from optimsche.training.loss_scaler import LossScaler, admitted_scaler
from optimsche.training.losses import Losses, add_gradients, followed, point_out_a_division, refuse_what_was_left_out
from optimsche.training.members import Member, members_of
from optimsche.training.precision import Precision, UseAmp
from optimsche.training.processes import Processes
from optimsche.training.restoring import restored_on_failure
from optimsche.training.result import StepResult, together
from optimsche.training.settings import Checked, ValueT, admitted, defaults_of
from optimsche.training.stages import GradClip, Stage
from optimsche.training.stages import admitted as admitted_stages
from optimsche.training.turn import Turn, turn_of
from optimsche.training.updates import Planned, Update, epoch_of
from optimsche.training.window import Order, Weight, Window, admitted_weight

BatchT = TypeVar("BatchT")
TimeFunc: TypeAlias = Callable[[list[str]], AbstractContextManager[Any]]

LOG = logging.getLogger("optimsche")


class _OfMember(Generic[ValueT]):
    """A setting of the only optimizer; with several, each has its own."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: OptimScheduler, owner: type) -> ValueT:
        if instance is None:
            return self  # the class was asked, as help() does
        return getattr(instance._only(self._name), self._name)  # type: ignore[no-any-return]

    def __set__(self, instance: OptimScheduler, value: ValueT) -> None:
        setattr(instance._only(self._name), self._name, value)


class _Counted(Checked[ValueT]):
    """A setting by which windows are counted: the one that is open ends by the new value, or the value is refused."""

    def __set__(self, instance: Any, value: Any) -> None:
        before = instance.__dict__.get(self._name)
        super().__set__(instance, value)
        window = instance._order.window if "_order" in instance.__dict__ else None
        if window is not None and window.by_caller is not None:
            try:
                window.count_by(instance._order.seen, instance.accum_grad, instance.steps_per_epoch)
            except ValueError:
                instance.__dict__[self._name] = before
                raise


@refuses_slips("an OptimScheduler", habits.OF_AN_OPTIM_SCHEDULER)
@answers_attributes("an OptimScheduler", habits.OF_AN_OPTIM_SCHEDULER)
@explained_methods
class OptimScheduler:
    """An optimizer that follows a schedule, with accumulation, mixed precision and clipping; or several optimizers.

    The schedule's value is the rate. Nothing is done that was not asked for: by default there is no mixed precision
    and no clipping. The clocks come from the caller, so a run that is resumed with the right ``step_num`` has the
    right rate.

    Args:
        optimizer: any torch optimizer. For several, a mapping from names to :class:`Member`, each with its schedule:
            they have one window, one loss scaler, and one backward pass for a loss that several follow.
        schedule: the rate of each update. It may be left out where ``schedules`` has a rate for every parameter.
        schedules: what parameters follow by name, in one mapping from patterns to schedules or to mappings
            ``{"lr": ..., "weight_decay": ..., "betas[0]": ..., "lr_scale": ..., "grad_clip": ...}`` of schedules and
            numbers. A pattern is a name or a glob, of a parameter or of a module, or a predicate on (name, parameter);
            the first that matches wins. The optimizer's groups are split to fit. Needs ``model``.
        model: the model as it is called, in its wrappers. Names of parameters come from it, and processes (DDP, FSDP)
            synchronise once per update.
        optim_loss: name of the loss to follow, where the model returns several; by default ``"loss"``.
        step_per_update: windows from one update to the next. In the windows between, this optimizer does nothing; the
            schedule sees its own count of updates.
        accum_grad: micro-batches in one window; or a mapping from the first update of each stage to it, such as
            ``{1: 1, 1_001: 4}``, for batches that grow.
        steps_per_epoch: micro-batches in one epoch; the last window of an epoch is then cut short. None: windows run
            on across epochs.
        use_amp: False, ``"bf16"``, ``"fp16"``, or True for fp16 on an accelerator and nothing on the CPU.
        grad_clip: largest global norm of the gradients, as a number or a schedule; or a stage such as
            :class:`clip_adaptive`; None for no clipping. Of several optimizers, the norm is that of all. A parameter
            group with a ``grad_clip`` of its own is clipped by itself.
        stages: what is done with the gradients before they are clipped: :class:`skip_above`, or functions of
            :class:`Gradients`.
        skip_non_finite: whether an update with inf or nan in its gradients is skipped.
        grad_norm_type: p of the norm.
        ft_factor: a factor on every rate, for fine-tuning.
        rates: ``"absolute"``: the schedule's value is the rate of every group; ``"relative"``: it multiplies each
            group's own. A group's ``lr_scale`` multiplies in both.
        distributed: None finds out who sums gradients over processes, or refuses; False leaves it alone; True insists
            on a wrapper. A process group: the stages of one model, which have one norm and one decision.
        max_skips: so many skipped updates in a row raise :class:`NonFiniteError`. Those in which ``"fp16"`` still
            searches its loss scale, before the first good update, do not count; a scale below 1 ends that search. On
            an accelerator whose optimizer skips by itself, skips are known, logged and counted an update or more later.
        on_update: called after each update, made or skipped, with a dictionary of plain numbers (lr, grad_norm,
            skipped, micro_batches, weight, loss_scale, and all that is scheduled) and the number of the update, as
            ``wandb.log`` is. On an accelerator it is called later, when the numbers have arrived; nothing waits for
            them but :meth:`settle`, at the end of a run.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind; the optimizer has no parameters
            or no rate, or needs a closure; the schedule has a piece shorter than one update, or counts epochs without
            ``steps_per_epoch``; groups have rates that would be lost; a pattern matches nothing.

    >>> from optimsche import linear
    >>> model = nn.Linear(2, 1)
    >>> optim = OptimScheduler(torch.optim.SGD(model.parameters()), linear(start=1.0, steps=4), accum_grad=2)
    >>> for step_num in range(1, 5):
    ...     with optim.micro_batch(step_num):
    ...         loss = model(torch.ones(2)).sum()
    ...     result = optim.step(loss, step_num=step_num)
    ...     print(result.real_step, result.updated, result.lr)
    1 False 0.75
    1 True 0.75
    2 False 0.5
    2 True 0.5
    """

    accum_grad = _Counted[AccumGrad]()
    steps_per_epoch = _Counted["int | None"]()
    scaler = Checked[LossScaler | None](admitted_scaler)
    grad_norm_type = Checked[float]()
    stages = Checked[Sequence[Stage]](admitted_stages)
    grad_clip = GradClip()
    clip: Stage | None  # the stage that grad_clip asks for
    members: dict[str, Member]
    model: nn.Module | None
    skip_non_finite: bool
    precision: Precision
    processes: Processes | None  # those that train one model together; None: this one is alone
    log: logging.Logger
    optimizer = _OfMember[torch.optim.Optimizer]()
    schedule = _OfMember[Schedule]()
    schedules = _OfMember["Rules | None"]()
    optim_loss = _OfMember["str | None"]()
    step_per_update = _OfMember[int]()
    ft_factor = _OfMember[float]()

    def __init__(
        self,
        optimizer: torch.optim.Optimizer | Member | Mapping[str, Member],
        schedule: Schedule | None = None,
        *,
        schedules: Rules | None = None,
        model: nn.Module | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        accum_grad: AccumGrad = 1,
        steps_per_epoch: int | None = None,
        use_amp: UseAmp = False,
        grad_clip: float | Schedule | Stage | None = None,
        stages: Sequence[Stage] = (),
        skip_non_finite: bool = True,
        grad_norm_type: float = 2.0,
        ft_factor: float = 1.0,
        rates: Literal["absolute", "relative"] = "absolute",
        distributed: Distributed = None,
        max_skips: int = 100,
        on_update: outcomes.Observer | None = None,
    ) -> None:
        own: dict[str, Any] = {
            "schedule": schedule,
            "schedules": schedules,
            "optim_loss": optim_loss,
            "step_per_update": step_per_update,
            "ft_factor": ft_factor,
            "rates": rates,
        }
        self.members = members_of(optimizer, own)
        self._plain = not isinstance(optimizer, Mapping)
        compatibility.check_model([member.optimizer for member in self.members.values()], model)
        self.model = model
        self.accum_grad = accum_grad
        self.steps_per_epoch = steps_per_epoch
        self.grad_norm_type = grad_norm_type
        self.stages = stages
        self.skip_non_finite = skip_non_finite
        self.grad_clip = grad_clip
        self.precision = Precision(use_amp, next(iter(self.members.values())).parameters()[0].device.type)
        self.scaler = self.precision.new_scaler()
        if self.scaler is not None and not skip_non_finite:
            raise ValueError(
                "use_amp='fp16' searches its loss scale by skipping updates that overflow, and skip_non_finite=False "
                "skips none. Leave it True, or take use_amp='bf16'."
            )
        self.processes = found(model, list(self.members.values()), distributed)
        self._order = Order()
        self._outcomes = outcomes.Outcomes(admitted("max_skips", max_skips), on_update)
        self.log = LOG
        names.refuse_shared({name: member.parameters() for name, member in self.members.items()}, model)
        with ExitStack() as on_failure:
            for member in self.members.values():
                on_failure.enter_context(restored_on_failure(member.optimizer))
                member.attach(model, epochs_known=steps_per_epoch is not None)

    # -- one micro-batch ----------------------------------------------------------------------------------------------

    def micro_batch(self, step_num: int, *, last: bool = False) -> AbstractContextManager[Any]:
        """The context of a forward pass: autocast, and synchronisation between processes only where it is due.

        A window begins here, and without gradients: what another backward pass has left in the parameters is dropped.

        Args:
            step_num: number of the micro-batch over the whole run, from 1.
            last: whether its window is cut short here; said to this, it need not be said again to :meth:`step`.

        Returns:
            The context.

        Raises:
            ValueError, TypeError: ``step_num`` is not a whole number from 1 on; where processes synchronise, also one
                that came before.
        """
        order, processes = self._order, self.processes
        window = order.window
        if (
            window is not None
            and processes is None
            and type(step_num) is int
            and last is False
            and window.said is None
            and window.place.first <= step_num <= window.place.last
        ):
            return self.precision.autocast()  # as nearly always
        turn = turn_of(step_num, self.accum_grad, self.steps_per_epoch, last=last)
        if processes is None:
            window = order.window_of(turn)
        else:  # a forward pass by itself would have the next backward pass sum gradients
            window = order.admit(turn, updating=window is not None and window.by_caller is True)
        if window is None and turn.step_num > order.seen and not order.holds:
            window = self._begin(turn)
        if window is not None:
            window.summed = turn.closes
            if last or processes is not None or window.said is not None:
                window.said = turn.step_num, turn.closes
        autocast = self.precision.autocast()
        return autocast if processes is None else processes.forward(autocast, turn.closes)

    def step(
        self,
        losses: Losses,
        *,
        step_num: int,
        epoch_num: float | None = None,
        weight: Weight | None = None,
        last: bool = False,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> StepResult:
        """What follows the forward pass of a micro-batch: :meth:`backward`, then :meth:`update`.

        Args:
            losses: a loss, or losses by name; each the mean over its micro-batch. They are not changed.
            step_num: number of the micro-batch over the whole run, from 1; rises with every call.
            epoch_num: pass over the data, from 1; None counts it by ``steps_per_epoch``.
            weight: what the loss is a mean over, such as its number of tokens, as a number or a tensor of one; >= 0.
                The update then has the gradient of the mean over all tokens of its window. None: micro-batches count
                the same. A loss of weight 0 may be nan, a mean over nothing; but not where the weight is on an
                accelerator or processes synchronise, since it is then multiplied by 0 and not left out.
            last: whether to close the window here, although it is not full, and make the update. Counting then goes on
                at :func:`counting.next_window <optimsche.counting.next_window>`.
            time_func: called with ``["loss_backward_time", optim_name]`` and with ``["optim_time", optim_name]``;
                gives the context in which that part runs.
            optim_name: name of this optimizer, for ``time_func``.
            logger: for skipped updates and warnings from here on; by default the logger ``"optimsche"``.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; a weight that is negative, or missing
                in a window of weighted ones; ``step_num`` did not rise, or left a window open; the loop has dropped the
                gradients of the window; a rate is negative or not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        if time_func is not None and not callable(time_func):
            raise TypeError(f"step(time_func={time_func!r:.60}): time_func must be a function that gives a context.")
        if logger is not None:
            self.log = logger
        turn = self._turn(step_num, last)
        planned = self._planned(turn, epoch_num)  # what can be refused is refused first: the call may be made again
        if time_func is None:
            return self._update(turn, planned, self._backward(turn, losses, weight))
        with time_func(["loss_backward_time", optim_name]):
            window = self._backward(turn, losses, weight)
        with time_func(["optim_time", optim_name]):
            return self._update(turn, planned, window)

    def backward(self, losses: Losses, *, step_num: int, weight: Weight | None = None, last: bool = False) -> None:
        """Add a micro-batch's gradients to those of its window, times its weight. :meth:`update` makes them a mean.

        Only the parameters of the optimizers that follow a loss get its gradient. A window begins without gradients. If
        a pass fails, the gradients of the whole window are dropped, so that no part of them can leak into an update.
        The arguments are those of :meth:`step`.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; ``step_num`` did not rise, or left a
                window open.
        """
        self._backward(self._turn(step_num, last), losses, weight)

    def update(self, *, step_num: int, epoch_num: float | None = None, last: bool = False) -> StepResult:
        """Make the update, if this micro-batch closes its window: measure, divide, clip, step, zero.

        A loop with a backward pass of its own calls this after it. It divides the loss by
        :func:`counting.window_size <optimsche.counting.window_size>` itself, and where there is a loss scaler it
        scales the loss with ``optim.scaler.scale``. The arguments are those of :meth:`step`.

        With ``last=True`` it closes the window of the micro-batch that came last, also if that is known only now,
        because the data have ended; where that window is closed already, nothing is done.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: ``step_num`` did not rise, or left a window open; a rate is negative or not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        turn = self._turn(step_num, last)
        if last and self._order.is_over(turn):
            return self._result(turn, self._planned(turn._replace(closes=False), epoch_num).results)
        return self._update(turn, self._planned(turn, epoch_num))

    def discard(self, step_num: int | None = None) -> None:
        """Drop a window: its gradients, and the micro-batches of it that are still to come.

        For a loop that cannot finish a window, because a batch was empty or a forward pass failed. The next window
        begins with nothing left over. Where processes synchronise, all of them skip the update of a window that one
        of them has dropped, if they go through :meth:`step` or :meth:`backward`. They cannot agree on a failure in the
        closing micro-batch itself, where some wait for the gradients of others: end the run there, and resume it.

        Args:
            step_num: the micro-batch whose window is dropped, also if its forward pass failed and it never came. None
                drops the open window; without one, this only zeroes the gradients.
        """
        turn = None if step_num is None else turn_of(step_num, self.accum_grad, self.steps_per_epoch)
        processes = self.processes
        if processes is not None and self._order.window is not None:
            turn = turn or self._order.window.closing(self._order.seen)
        if processes is not None and turn is not None:
            processes.refuse_to_drop(turn, self._order, skip_non_finite=self.skip_non_finite)
            if self._order.window is None and turn.step_num > self._order.seen:
                self._begin(turn)
        dropped = self._order.drop(turn)
        if self._order.window is None or self._order.window.dropped:
            self._drop_gradients()
        if dropped is None:
            return
        self.log.warning("update %d is skipped: its window was discarded", dropped.real_step)
        if self.steps_per_epoch is not None or not any(member.counts_epochs for member in self.members.values()):
            # No micro-batch of it may come any more to write its rates, and a checkpoint is compared by them.
            epoch = epoch_of(dropped.first, None, self.steps_per_epoch, self.members.values())
            for member in self.members.values():
                update = member.update_of(dropped.real_step)
                checkpoints.compare(member, update, epoch, self.log)
                follow.write(member.values(update, epoch))
        window = self._order.window
        if processes is not None and window is not None and turn is not None and turn.closes:
            self._take_part(window, processes)

    def settle(self) -> None:
        """Wait for the updates that were made, and tell of them: to ``on_update``, in the log, as an error.

        On an accelerator the outcome of an update is known a little later, and is told with a later one; the last of a
        run have none after them. :meth:`batches` calls this at its end.

        Raises:
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        self._outcomes.settle(wait=True)

    # -- its two halves -----------------------------------------------------------------------------------------------

    def _turn(self, step_num: int, last: bool) -> Turn:
        """The place of a micro-batch in the run: nearly always in the window that is open."""
        window = self._order.window
        if window is not None and type(step_num) is int and last is False and window.said != (step_num, True):
            place = window.place
            if place.first <= step_num <= place.last:
                return Turn(step_num, place, step_num == place.last)
        turn = turn_of(step_num, self.accum_grad, self.steps_per_epoch, last=last)
        if window is not None and last is False and window.said == (turn.step_num, True):
            return turn_of(turn.step_num, self.accum_grad, self.steps_per_epoch, last=True)
        return turn

    def _planned(self, turn: Turn, epoch_num: float | None) -> Planned:
        """What is planned for each optimizer; whatever can be refused of it is refused here, and nothing is changed."""
        window, members = self._order.window, self.members
        known = epoch_num is None and window is not None and window.place is turn.window
        epoch = window.epoch if known else None  # type: ignore[union-attr]
        if epoch is None:
            epoch = epoch_of(turn.step_num, epoch_num, self.steps_per_epoch, members.values())
        number, planned = turn.window.real_step, Planned({}, {})
        held = self._order.window_of(turn) if turn.closes else None
        for name, member in members.items():
            if turn.closes and (member.takes_part(number) if held is None else name in held.part):
                planned.due[name] = one = Update(None if self._plain else name, member, number, epoch)
                planned.results[name] = one.result
            else:
                planned.results[name] = member.result_inside(number, epoch)
        return planned

    def _begin_without_forward(self, turn: Turn, *, keep_gradients: bool = False) -> Window:
        """Open the window of a micro-batch whose forward pass was not in :meth:`micro_batch`."""
        if not self.precision.is_used:
            self.precision.is_used = True  # it is said once
            self.log.warning(
                "use_amp=%r works inside of optim.micro_batch(step_num), and no forward pass was made there. Write: "
                "with optim.micro_batch(step_num): loss = ...",
                self.precision.use_amp,
            )
        return self._begin(turn, keep_gradients=keep_gradients)

    def _begin(self, turn: Turn, *, keep_gradients: bool = False) -> Window:
        """Open the window of a micro-batch, without gradients."""
        number, halves, held = turn.window.real_step, self.precision.dtype is torch.float16, self._order.window
        if self.processes is not None:
            self.processes.begin(self, number)
            if held is not None and held.dropped and self.processes.can_take_part:
                self._take_part(held, self.processes)
        if len(self.members) > 1:  # their groups may have changed
            own = [id(parameter) for member in self.members.values() for parameter in member.parameters()]
            if len(set(own)) < len(own):
                names.refuse_shared({name: member.parameters() for name, member in self.members.items()}, self.model)
        if not keep_gradients:
            self._drop_gradients()
        part, counts_epochs = {}, False
        for name, member in self.members.items():
            member.begun = True
            halves, counts_epochs = halves or member.in_float16, counts_epochs or member.counts_epochs
            if member.takes_part(number):
                part[name] = member
        epoch = None if counts_epochs else 1  # None: the caller has to say it
        if self.steps_per_epoch is not None:
            epoch = counting.epoch_of(turn.step_num, self.steps_per_epoch)
        # Processes have to agree on what weights are relative to. Sums in float16 would overflow where means do not.
        place = counting.window_of(turn.step_num, self.accum_grad, self.steps_per_epoch) if turn.cut else turn.window
        window = Window(place, part, epoch, relative=self.processes is None, in_parts=halves)
        return self._order.open(turn, window)

    def _take_part(self, window: Window, processes: Processes) -> None:
        """Make the update of a window that this process has dropped and the others have not: all skip it."""
        order = self._order
        if processes.can_take_part and not processes.passed:
            processes.take_part(math.nan)
        if self.scaler is not None:
            self.scaler.used = True
        turn = turn_of(window.place.last, self.accum_grad, self.steps_per_epoch, last=True)
        order.seen = max(order.seen, turn.step_num)
        self._update(turn, self._planned(turn, window.epoch or 1), window)

    def _backward(self, turn: Turn, losses: Losses, weight: Weight | None) -> Window:
        """Add the gradients of a micro-batch to those of its window; if a pass fails, the window is lost as a whole."""
        order, processes = self._order, self.processes
        weight = None if weight is None else admitted_weight(weight)
        if processes is not None:
            processes.refuse_a_pass()
        window = order.admit(turn, updating=False) or self._begin_without_forward(turn)
        if window.dropped and processes is None:
            order.enter(turn, updating=False, log=self.log)
            return window
        chosen = followed(window.part.values(), losses)
        share = window.add(weight) if processes is None else processes.share(window, turn, weight)
        order.enter(turn, updating=False, log=self.log)
        if processes is None and type(weight) is float and weight == 0:
            return window  # a mean over nothing may be nan
        left = len(chosen)
        try:
            if turn.step_num == 1:
                point_out_a_division(chosen, window.size, self.log)
            for loss, inputs in chosen:
                left -= 1
                if processes is None:
                    add_gradients(loss, inputs, share, self.scaler, left > 0)
                else:
                    processes.backward(window, turn.closes, loss, share, self.scaler, left > 0)
            if len(window.held) < len(window.part):
                window.look_for_gradients()
            if processes is None and (turn.closes or window.count == 1):
                refuse_what_was_left_out(chosen, window.count)
        except BaseException as error:
            self._lose(window, turn, error)
            raise
        return window

    def _lose(self, window: Window, turn: Turn, error: BaseException) -> None:
        """Give up a window in which a backward pass has failed."""
        self._order.fail(turn.step_num, again=self.processes is None)
        self._drop_gradients()
        number, why = window.place.real_step, type(error).__name__
        if self.processes is not None and (turn.closes or not self.skip_non_finite):
            self.processes.fail(f"a backward pass of update {number} has failed here ({why})")
        self.log.warning("update %d is skipped: a backward pass of its window failed (%s)", number, why)

    def _update(self, turn: Turn, planned: Planned, window: Window | None = None) -> StepResult:
        """What follows the backward pass: nothing inside a window, an update at its end."""
        order, processes = self._order, self.processes
        if window is None:
            window = order.admit(turn, updating=True) or self._begin_without_forward(turn, keep_gradients=True)
            if turn.closes and processes is not None:
                processes.end_late(window, turn)
            order.enter(turn, updating=True, log=self.log)
        order.halfway = False
        for name, member in self.members.items():
            if member.loaded is not None:
                result = planned.results[name]
                checkpoints.compare(member, result.real_step, result.epoch, self.log)
        if turn.closes and processes is not None:
            processes.end(window)
        due = planned.due
        if due:
            self._make_updates(due, turn, window)
        elif turn.closes or window.dropped or not window.part:
            self._drop_gradients()  # what the caller's own backward pass left there
            if turn.closes:
                order.leave(turn)
        if processes is not None:
            processes.micro_batch_ended()
        result = self._result(turn, planned.results)
        if due and (done := [one for one in due.values() if one.done]):
            if self.scaler is not None:
                self.scaler.update([one.overflowed for one in done if one.result.found_inf is not None])
            self._outcomes.add(done, result.real_step, self.scaler, self.log)
        return result

    def _make_updates(self, due: dict[str, Update], turn: Turn, window: Window) -> None:
        """Make the updates that are due; nothing of the window outlives this."""
        order, processes = self._order, self.processes
        try:
            updates.make(self, due, window)
            order.leave(turn)
        except BaseException as error:
            left = [name for name, one in due.items() if not one.done]
            kept = not window.by_caller or window.place.size == 1  # of the caller's own passes the others are lost
            nothing_done = len(left) == len(due)
            order.fail_update(turn, again=nothing_done and kept and processes is None)
            if processes is not None:
                processes.fail(f"update {turn.window.real_step} has failed here ({type(error).__name__})")
            for name in left[1:]:
                number, why = due[name].number, type(error).__name__
                self.log.warning("update %d of %r is skipped: an update beside it failed (%s)", number, name, why)
            raise
        finally:
            self._drop_gradients()

    def _result(self, turn: Turn, results: Mapping[str, StepResult]) -> StepResult:
        return results["main"] if self._plain else together(turn.window.real_step, results, self.grad_norm_type)

    def _drop_gradients(self) -> None:
        for member in self.members.values():
            member.drop_gradients()
        if self.processes is not None:
            self.processes.drop_gradients()

    def _only(self, name: str) -> Member:
        if len(self.members) > 1:
            raise AttributeError(
                f"each of several optimizers has its own {name}: optim.members[{next(iter(self.members))!r}].{name}"
            )
        return next(iter(self.members.values()))

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state after the last update, at any moment: ``{"optimizer": ..., "scaler": ...}``.

        The gradients of an open window are not in it: a resumed run plays that window again, from
        :func:`counting.resume_step <optimsche.counting.resume_step>`. No clock and no schedule are in it, either. Its
        tensors are the optimizer's own and go on changing, as in torch: save the state at once, or copy it. With
        several optimizers ``"optimizer"`` has their states by name.

        ``torch.distributed.checkpoint`` gets it by the names of the parameters, and complete before the first update:
        ``dcp.save({"optim": optim}, ...)`` and ``dcp.load``, also on another number of processes.
        """
        states = {name: checkpoints.saved(member.optimizer, self.model) for name, member in self.members.items()}
        scaler = None if self.scaler is None else self.scaler.state_dict()
        return {
            "optimizer": states["main"] if self._plain else states,
            "scaler": tuple((scaler or {}).items()) if by_name.asked() else scaler,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state: a copy is loaded, or nothing at all.

        The rates follow from the schedule, whatever the state says; one that disagrees with the plan is reported
        once, with the first micro-batch. The optimizer's other arguments (weight decay, betas) come from the state, as
        in torch, but for those that ``schedules`` gives; those that change are reported. A state saved with a loss
        scale loads into a run without one, and the other way round; torch's ``GradScaler`` writes the same.

        Args:
            state_dict: what :meth:`state_dict` gave, also from ``torch.load`` with its default ``weights_only=True``.

        Raises:
            ValueError, TypeError: not such a state, or one of other parameters or of another kind of optimizer;
                nothing is changed then.
        """
        checkpoints.load(self.members, self.scaler, state_dict, plain=self._plain)
        self._drop_gradients()
        if self.processes is not None:
            self.processes.start_again()
        self._order = Order()
        self._outcomes.begin(searching=not state_dict.get("scaler"))

    def __getstate__(self) -> dict[str, Any]:
        # What copy.deepcopy and pickle take. Gradients are not copied with parameters, so a copy plays an open window
        # again; outcomes on their way from a device stay here.
        return self.__dict__ | {
            "_order": self._order.before_the_open_window(),
            "_outcomes": self._outcomes.of_a_copy(),
        }

    # -- facts --------------------------------------------------------------------------------------------------------

    def get_lr(self) -> float:
        """The rate that the first parameter group has now."""
        return float(next(iter(self.members.values())).optimizer.param_groups[0]["lr"])

    def __repr__(self) -> str:
        shown = [*self._only("").described()] if self._plain else [repr(self.members)]
        defaults = defaults_of(OptimScheduler)
        for name in _SHOWN:
            value = self.precision.use_amp if name == "use_amp" else getattr(self, name)
            shown += [f"{name}={value!r}"] if value != defaults[name] else []
        return f"{type(self).__name__}({', '.join(filter(None, [*shown, self.extra_repr_fn()]))})"

    def extra_repr_fn(self) -> str:
        """What a subclass adds to ``repr``."""
        return ""

    # -- ways in ------------------------------------------------------------------------------------------------------

    def batches(self, loader: Iterable[BatchT], epochs: int, start: int = 1) -> Iterator[tuple[int, int, BatchT]]:
        """Number the micro-batches of a whole run.

        Without ``steps_per_epoch``, the loader's length becomes it. A schedule that ends before the run does is
        reported. Samplers and data sets with a ``set_epoch`` are told which epoch begins.

        Args:
            loader: gives one epoch's batches each time it is iterated.
            epochs: passes over the data.
            start: the micro-batch to begin with, as :func:`counting.resume_step <optimsche.counting.resume_step>`
                gives it. Batches of its epoch before it are drawn and dropped; a loader that is at its place already,
                because its own state was loaded, goes on from there.

        Returns:
            An iterator over ``(step_num, epoch, batch)``; both numbers count from 1.

        Raises:
            ValueError: the loader's length is not ``steps_per_epoch``, or an epoch turns out to have another one.
        """
        return data.batches(self, lambda: self._order.seen, loader, epochs, start)


# What is shown where it is not the default.
_SHOWN = ("accum_grad", "steps_per_epoch", "use_amp", "stages", "grad_clip", "skip_non_finite", "grad_norm_type")
