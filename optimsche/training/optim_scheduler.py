"""An optimizer that follows a schedule: the training step.

Read from the top: what is kept, one micro-batch, its parts, checkpoints, the ways in. Everything that can be said
without the class stands in a small file of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from optimsche import counting
from optimsche.call_errors import explained_methods
from optimsche.counting import AccumGrad
from optimsche.lr_fns.constant import constant
from optimsche.schedule import Schedule
from optimsche.training import checkpoints, compatibility, parameters
from optimsche.training.arguments import admitted
from optimsche.training.clipping import Clip, admitted_clip
from optimsche.training.epochs import length_of, numbered
from optimsche.training.group_schedules import Followed, Values
from optimsche.training.groups import Rules
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.losses import Losses
from optimsche.training.micro_batch import Turn
from optimsche.training.optimizers import OptimType, build
from optimsche.training.outcomes import Observer, Outcomes
from optimsche.training.owned_parameters import Owned
from optimsche.training.precision import Precision, UseAmp
from optimsche.training.restoring import restored_on_failure
from optimsche.training.result import StepResult
from optimsche.training.stepping import LOG, Stepping
from optimsche.training.synchronisation import synchronising
from optimsche.training.timing import TimeFunc, timed
from optimsche.training.window_weights import Weight, admitted_weight

BatchT = TypeVar("BatchT")

# What is shown where it is another.
_DEFAULTS = {
    "schedules": None,
    "optim_loss": None,
    "updated_modules": None,
    "step_per_update": 1,
    "accum_grad": 1,
    "steps_per_epoch": None,
    "use_amp": False,
    "grad_clip": None,
    "grad_norm_type": 2.0,
    "ft_factor": 1.0,
}


@explained_methods
class OptimScheduler(Stepping):
    """An optimizer that follows a schedule, with accumulation, mixed precision and clipping.

    The schedule's value is the rate. Nothing is done that was not asked for: by default there is no mixed precision
    and no clipping. The clocks come from the caller, so a run that is resumed with the right ``step_num`` has the
    right rate.

    Args:
        optimizer: any torch optimizer.
        schedule: the rate of each update. It may be left out where ``schedules`` has a rate for every parameter.
        schedules: what parameters follow by name, in one mapping from patterns to schedules or to mappings
            ``{"lr": ..., "weight_decay": ..., "betas[0]": ..., "lr_scale": ..., "grad_clip": ...}`` of schedules and
            numbers. A pattern is a name, a glob, the name of a module, or a predicate on (name, parameter); the first
            that matches wins. The optimizer's groups are split to fit. Needs ``model``.
        model: the model as it is called, in its wrappers. With it, parameters that belong to other optimizers get no
            gradient from this one, and processes (DDP, FSDP) synchronise once per update.
        optim_loss: name of the loss to follow, where the model returns several; by default ``"loss"``.
        step_per_update: windows from one update to the next. In the windows between, this optimizer does nothing; the
            schedule sees its own count of updates.
        accum_grad: micro-batches in one window; or a mapping from the first update of each stage to it, such as
            ``{1: 1, 1_001: 4}``, for batches that grow.
        steps_per_epoch: micro-batches in one epoch; the last window of an epoch is then cut short. None: windows run
            on across epochs.
        use_amp: False, ``"bf16"``, ``"fp16"``, or True for fp16 on an accelerator and nothing on the CPU.
        grad_clip: largest global norm of this optimizer's gradients; or ``ClipByValue``, ``ClipEachGroup``,
            ``ClipAdaptive``; None for no clipping. A parameter group with a ``grad_clip`` of its own is clipped by
            itself.
        grad_norm_type: p of that norm, and of the one that is reported; ``ClipByValue`` and ``ClipAdaptive`` clip
            without it.
        ft_factor: a factor on every rate, for fine-tuning.
        rates: ``"absolute"``: the schedule's value is the rate of every group; ``"relative"``: it multiplies each
            group's own. A group's ``lr_scale`` multiplies in both.
        distributed: None finds out whether ``model`` synchronises gradients; False leaves it alone; True insists.
        max_skips: so many skipped updates in a row raise :class:`NonFiniteError`. Those in which ``"fp16"`` still
            searches its loss scale, before the first good update, do not count; a scale below 1 ends that search. On
            an accelerator whose optimizer skips by itself, skips are known, logged and counted an update or more later.
        on_update: called after each update that had gradients, made or skipped, with a dictionary of plain numbers (lr,
            grad_norm, skipped, micro_batches, weight, loss_scale) and the number of the update, as ``wandb.log`` is. On
            an accelerator it is called later, when the numbers have arrived; nothing waits for them but
            :meth:`settle`, at the end of a run.

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

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule | None = None,
        *,
        schedules: Rules | None = None,
        model: nn.Module | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        accum_grad: AccumGrad = 1,
        steps_per_epoch: int | None = None,
        use_amp: UseAmp = False,
        grad_clip: float | Clip | None = None,
        grad_norm_type: float = 2.0,
        ft_factor: float = 1.0,
        rates: Literal["absolute", "relative"] = "absolute",
        distributed: bool | None = None,
        max_skips: int = 100,
        on_update: Observer | None = None,
    ) -> None:
        compatibility.check_optimizer(optimizer)
        if model is not None and not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
        if on_update is not None and not callable(on_update):
            raise TypeError(f"on_update must be a function (numbers, update), got {type(on_update).__name__}.")
        self.optimizer = optimizer
        self.model = model
        if optim_loss is not None and not isinstance(optim_loss, str):
            raise TypeError(
                f"optim_loss must be the name of a loss, got {optim_loss!r:.60} ({type(optim_loss).__name__})."
            )
        self.optim_loss = optim_loss
        self.updated_modules: str | Sequence[str] | None = None
        self.step_per_update = step_per_update
        self.accum_grad = accum_grad
        self.steps_per_epoch = steps_per_epoch
        self.grad_clip = grad_clip
        self.grad_norm_type = grad_norm_type
        self.ft_factor = ft_factor
        relative = admitted("rates", rates) == "relative"
        self.precision = Precision(use_amp, parameters.owned(optimizer)[0].device.type)
        self._scaler = self.precision.new_scaler()
        self._owned = Owned(optimizer, model)
        self._synchronising = synchronising(model, distributed)
        self._windows = self._new_tracker()
        self._outcomes = Outcomes(admitted("max_skips", max_skips), on_update)
        self._loaded_rate: float | None = None
        self._resumed = False
        self._told_of_no_gradients = False
        self._looked_at_graph = False
        self._epochs_from_caller = False
        self._scaler_is_shared = False
        self._foreign: list[str] = []  # names of the parameters that others must update
        self._seen_together: object = None  # the optimizers that this one was last stepped with
        self._schedule: Schedule | None = None
        self._counts_epochs = False
        self._window_has = 0, 0.0
        self._last_turn: tuple[object, Turn | None] = (None, None)
        self._last_values: tuple[object, Values | None] = (None, None)
        if self._synchronising is not None:
            compatibility.check_synchronising(self._synchronising, self.scaler)
            self._foreign = parameters.foreign(self._synchronising, self._owned.all())
        compatibility.check_model(optimizer, model)
        epochs_known = self.steps_per_epoch is not None
        with restored_on_failure(optimizer):
            self._followed = Followed(optimizer, model, schedules, relative=relative, epochs_known=epochs_known)
            if schedule is not None or not self._followed.all_have_rates:
                if isinstance(schedule, Schedule):
                    compatibility.point_out(schedule, optimizer, relative=relative, log=LOG)
                self.schedule = schedule
            else:
                self._followed.write(self._values(None, 1, 1))

    @property
    def schedule(self) -> Schedule:
        """The plan that is followed. It may be replaced at any moment: no state depends on it.

        Where ``schedules`` has all the rates and there is no other plan, it is that of the first group.
        """
        return self._schedule or self._followed.first_rate  # type: ignore[return-value]  # one of them is there

    @schedule.setter
    def schedule(self, schedule: Schedule | None) -> None:
        epochs_known = self.steps_per_epoch is not None or self._epochs_from_caller
        checked = compatibility.check_schedule(schedule, epochs_known=epochs_known)
        self._write_first_rates(checked)
        self._schedule, self._counts_epochs = checked, checked.counts_epochs
        self._forget_plans()

    @property
    def schedules(self) -> Rules | None:
        """What parameters follow by name. It may be replaced at any moment by one with the same patterns."""
        return self._followed.rules

    @schedules.setter
    def schedules(self, schedules: Rules) -> None:
        epochs_known = self.steps_per_epoch is not None or self._epochs_from_caller
        with self._followed.restored_on_failure():
            self._followed.replace(schedules, epochs_known=epochs_known, others_have_rates=self._schedule is not None)
            self._write_first_rates(self._schedule)
        self._forget_plans()

    @property
    def grad_clip(self) -> float | Clip | None:
        """How gradients are clipped; it may be changed at any moment."""
        return self._grad_clip

    @grad_clip.setter
    def grad_clip(self, grad_clip: float | Clip | None) -> None:
        self._clip = admitted_clip(grad_clip)
        self._grad_clip = grad_clip

    @property
    def scaler(self) -> LossScaler | None:
        """The loss scaler of ``use_amp="fp16"``; another :class:`LossScaler` may be put in its place."""
        return self._scaler

    @scaler.setter
    def scaler(self, scaler: LossScaler | None) -> None:
        if scaler is not None and not isinstance(scaler, LossScaler):
            raise TypeError(
                f"optim.scaler must be a LossScaler, got {type(scaler).__name__}. To go on from a GradScaler's state: "
                "optim.scaler.load_state_dict(grad_scaler.state_dict())"
            )
        self._scaler, self._scaler_is_shared = scaler, False

    # -- one micro-batch ----------------------------------------------------------------------------------------------

    def micro_batch(self, step_num: int, *, last: bool = False) -> AbstractContextManager[Any]:
        """The context of a forward pass: autocast, and synchronisation between processes only where it is due.

        Args:
            step_num: number of the micro-batch over the whole run, from 1.
            last: whether its window is cut short here; needed where processes synchronise.

        Returns:
            The context.

        Raises:
            ValueError, TypeError: ``step_num`` is not a whole number from 1 on.
        """
        if self._synchronising is None:
            counting.whole("step_num", step_num, 1, "the number of a micro-batch; the first of a run is 1")
            return self.precision.autocast()
        turn = self._turn(step_num, last=last)
        return self._synchronised_forward(turn.due)

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
            logger: for skipped updates and warnings; by default the logger ``"optimsche"``.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; a weight that is negative, or missing
                in a window of weighted ones; ``step_num`` did not rise, or left a window open; a rate is negative or
                not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        simple = weight is None and not last and time_func is None and not self._scaler_is_shared
        if simple and self._windows.goes_on(step_num):
            # Most micro-batches are such; what they are spared is measured by the benchmark loop/hand.
            return self._go_on(losses, step_num, self._epoch(step_num, epoch_num), logger)
        self._refuse_alone()
        # All that can be refused comes first: the call may be corrected and made again.
        if time_func is not None and not callable(time_func):
            raise TypeError(f"step(time_func={time_func!r:.60}): time_func must be a function that gives a context.")
        if type(last) is not bool:
            raise TypeError(f"step(last={last!r:.60}): last must be True or False, got {type(last).__name__}.")
        if weight is not None:
            weight = admitted_weight(weight)
        planned = self._planned(step_num, epoch_num, last=last)
        loss = self._loss(planned.turn, losses, weight)
        if time_func is None:
            self._backward(planned.turn, loss, weight, logger)
        else:
            with timed(time_func, "loss_backward_time", optim_name):
                self._backward(planned.turn, loss, weight, logger)
        return self._timed_update(planned, weight, time_func, optim_name, logger)

    def backward(
        self,
        losses: Losses,
        *,
        step_num: int,
        weight: Weight | None = None,
        last: bool = False,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> None:
        """Add a micro-batch's gradients to those of its window, times its weight. :meth:`update` makes them a mean.

        A window begins without gradients: what another backward pass left in this optimizer's parameters is zeroed
        before the first. If a pass fails, the gradients of the whole window are dropped, so that no part of them can
        leak into an update. The arguments are those of :meth:`step`.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; ``step_num`` did not rise, or left a
                window open.
        """
        self._refuse_alone()
        weight = admitted_weight(weight)
        turn = self._turn(step_num, last=last)
        loss = self._loss(turn, losses, weight)
        with timed(time_func, "loss_backward_time", optim_name):
            self._backward(turn, loss, weight, logger)

    def update(
        self,
        *,
        step_num: int,
        epoch_num: float | None = None,
        last: bool = False,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> StepResult:
        """Make the update, if this micro-batch closes its window: measure, divide, clip, step, zero.

        A loop with a backward pass of its own calls this after it. It divides the loss by
        :func:`counting.window_size <optimsche.counting.window_size>` itself, and where there is a loss scaler it
        scales the loss with ``optim.scaler.scale``. The arguments are those of :meth:`step`.

        With ``last=True`` it closes the window of the micro-batch that came last, also if that is known only now,
        because the data have ended.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: ``step_num`` did not rise, or left a window open; a rate is negative or not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        self._refuse_alone()
        planned = self._planned(step_num, epoch_num, last=last)
        return self._timed_update(planned, None, time_func, optim_name, logger)

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
        turn = None if step_num is None else self._turn(step_num)
        window = turn.window if turn is not None and turn.gathers else None
        dropped = self._drop(LOG, "its window was discarded", window)
        if dropped is not None and not self._epochs_from_caller:
            # No micro-batch of it may come any more to write its rates, and a checkpoint is compared by them.
            turn = self._turn(dropped.first)
            self._followed.write(self._values(self._schedule, turn.update, self._epoch(dropped.first, None)))

    def settle(self) -> None:
        """Wait for the updates that were made, and tell of them: to ``on_update``, in the log, as an error.

        On an accelerator the outcome of an update is known a little later, and is told with a later one; the last of a
        run have none after them. :meth:`batches` calls this at its end.

        Raises:
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        self._outcomes.settle(wait=True)

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state after the last update, at any moment: ``{"optimizer": ..., "scaler": ...}``.

        The gradients of an open window are not in it: a resumed run plays that window again, from
        :func:`counting.resume_step <optimsche.counting.resume_step>`. No clock and no schedule are in it, either. Its
        tensors are the optimizer's own and go on changing, as in torch: save the state at once, or copy it.
        """
        return {
            "optimizer": checkpoints.saved(self.optimizer),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state: a copy is loaded, or nothing at all.

        The rates follow from the schedule, whatever the state says; one that disagrees with the plan is reported
        once, with the first micro-batch. The optimizer's other arguments (weight decay, betas) come from the state, as
        in torch, but for those that ``schedules`` gives. A state saved with a loss scale loads into a run without one,
        and the other way round; torch's ``GradScaler`` writes the same.

        Args:
            state_dict: what :meth:`state_dict` gave, also from ``torch.load`` with its default ``weights_only=True``.

        Raises:
            ValueError, TypeError: not such a state, or one of other parameters or of another kind of optimizer;
                nothing is changed then.
        """
        self._followed.admit()
        checkpoints.check(self.optimizer, state_dict)
        self._followed.check_kernel(state_dict["optimizer"]["param_groups"])
        self._loaded_rate = checkpoints.load(self.optimizer, self.scaler, state_dict)
        self._followed.keep_numbers()
        self._resumed = True
        self._owned.drop_gradients()
        self._windows, self._last_values = self._new_tracker(), (None, None)
        self._outcomes.begin(searching=not state_dict.get("scaler"))

    def __getstate__(self) -> dict[str, Any]:
        # What copy.deepcopy and pickle take. Gradients are not copied with parameters, so a copy plays an open window
        # again; outcomes on their way from a device stay here.
        return self.__dict__ | {
            "_windows": self._windows.before_the_open_window(),
            "_outcomes": self._outcomes.of_a_copy(),
        }

    # -- facts --------------------------------------------------------------------------------------------------------

    def get_lr(self) -> float:
        """The rate that the first parameter group has now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def __repr__(self) -> str:
        use_amp = {None: False, torch.bfloat16: "bf16", torch.float16: "fp16"}[self.precision.dtype]
        values = {**vars(self), "use_amp": use_amp, "grad_clip": self.grad_clip, "schedules": self.schedules}
        shown = [
            f"optimizer={type(self.optimizer).__name__}",
            f"schedule={self.schedule!r}",
            *(f"{name}={values[name]!r}" for name, default in _DEFAULTS.items() if values[name] != default),
            self.extra_repr_fn(),
        ]
        return f"{type(self).__name__}({', '.join(filter(None, shown))})"

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
                gives it. Batches of its epoch before it are drawn and dropped.

        Returns:
            An iterator over ``(step_num, epoch, batch)``; both numbers count from 1.

        Raises:
            ValueError: the loader's length is not ``steps_per_epoch``, or an epoch turns out to have another one.
        """
        epochs, start = admitted("epochs", epochs, "batches"), admitted("start", start, "batches")
        steps_per_epoch = length_of(loader, self.steps_per_epoch)
        if self.steps_per_epoch is None and self._windows.seen > 0:
            raise ValueError(
                "batches: this OptimScheduler has been counting without epochs; its windows cannot be cut from here on."
                f"\n    Build it with steps_per_epoch={steps_per_epoch}."
            )
        self.steps_per_epoch = steps_per_epoch
        updates = counting.total_updates(epochs, steps_per_epoch, self.accum_grad) // self.step_per_update
        compatibility.compare_lengths(self.schedule, updates, LOG)
        return self._until_settled(numbered(loader, epochs, steps_per_epoch, start))

    def _until_settled(self, batches: Iterator[tuple[int, int, BatchT]]) -> Iterator[tuple[int, int, BatchT]]:
        yield from batches
        self.settle()

    @classmethod
    def from_conf(
        cls,
        optim_type: OptimType,
        optim_conf: Mapping[str, Any] | None,
        model: nn.Module,
        schedule: Schedule | None = None,
        *,
        schedules: Rules | None = None,
        updated_modules: str | Sequence[str] | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        use_amp: UseAmp = True,
        accum_grad: AccumGrad = 1,
        steps_per_epoch: int | None = None,
        ft_factor: float = 1.0,
        grad_clip: float | Clip | None = 1.0,
        grad_norm_type: float = 2.0,
        rates: Literal["absolute", "relative"] = "absolute",
        distributed: bool | None = None,
        max_skips: int = 100,
        on_update: Observer | None = None,
    ) -> OptimScheduler:
        """Build the optimizer, too, with SpeeChain's names and defaults: mixed precision, and clipping at 1.

        A schedule that counts epochs is taken without ``steps_per_epoch``; ``step`` then needs ``epoch_num``.

        Args:
            optim_type: name of an optimizer in ``torch.optim``, or an ``Optimizer`` class.
            optim_conf: its arguments.
            model: the model, in its wrappers.
            schedule: the rate of each update.
            updated_modules: name, dotted name or glob of the parts of the model to update, or a list of these; None for
                the whole model.
            schedules, optim_loss, step_per_update, use_amp, accum_grad, steps_per_epoch, ft_factor, grad_clip,
                grad_norm_type, rates, distributed, max_skips, on_update: as for the class.

        Returns:
            The optimizer with its schedule.

        Raises:
            ValueError, TypeError: an unknown optimizer, argument or part of the model; whatever the class refuses.

        >>> from optimsche import noam
        >>> plan = noam(peak=2e-3, warmup_steps=4_000)
        >>> OptimScheduler.from_conf("Adam", {"betas": (0.9, 0.98)}, nn.Linear(1, 1), plan).get_lr()
        5e-07
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
        optimizer = build(optim_type, optim_conf, parameters.select(model, updated_modules))
        by_caller = isinstance(schedule, Schedule) and schedule.counts_epochs and steps_per_epoch is None
        self = cls(
            optimizer,
            constant(value=0.0) if by_caller else schedule,
            schedules=schedules,
            model=model,
            optim_loss=optim_loss,
            step_per_update=step_per_update,
            use_amp=use_amp,
            accum_grad=accum_grad,
            steps_per_epoch=steps_per_epoch,
            ft_factor=ft_factor,
            grad_clip=grad_clip,
            grad_norm_type=grad_norm_type,
            rates=rates,
            distributed=distributed,
            max_skips=max_skips,
            on_update=on_update,
        )
        self.updated_modules = updated_modules
        self._epochs_from_caller = by_caller
        if by_caller:
            self.schedule = schedule  # only now: __init__ refuses to count epochs for someone else
        return self
