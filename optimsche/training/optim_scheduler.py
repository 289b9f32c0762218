"""An optimizer that follows a schedule: the training step.

Read from the top: what is kept, one micro-batch, its parts, checkpoints, the ways in. Everything that can be said
without the class stands in a small file of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from optimsche import counting
from optimsche.lr_fns.constant import constant
from optimsche.schedule import Schedule
from optimsche.training import attaching, checkpoints, clipping, parameters
from optimsche.training.arguments import admitted
from optimsche.training.clock import Clock
from optimsche.training.epochs import length_of, numbered
from optimsche.training.losses import Losses, pick, run_backward
from optimsche.training.optimizers import OptimType, build
from optimsche.training.precision import Precision, UseAmp, unscale
from optimsche.training.rates import group_rates, refuse_silent_flattening, write
from optimsche.training.result import StepResult
from optimsche.training.skips import Skips
from optimsche.training.synchronisation import synchronised, synchronising
from optimsche.training.timing import TimeFunc, timed

BatchT = TypeVar("BatchT")

LOG = logging.getLogger("optimsche")


class OptimScheduler:
    """An optimizer that follows a schedule, with accumulation, mixed precision and clipping.

    The schedule's value is the rate. Nothing is done that was not asked for: by default there is no mixed precision
    and no clipping. The clocks come from the caller, so a run that is resumed with the right ``step_num`` has the
    right rate.

    Args:
        optimizer: any torch optimizer.
        schedule: the rate of each update.
        model: the model as it is called, in its wrappers. With it, parameters that belong to other optimizers get no
            gradient from this one, and processes (DDP, FSDP) synchronise once per update.
        optim_loss: name of the loss to follow, where the model returns several; by default ``"loss"``.
        step_per_update: windows from one update to the next. In the windows between, this optimizer does nothing; the
            schedule sees its own count of updates.
        accum_grad: micro-batches in one window.
        steps_per_epoch: micro-batches in one epoch; the last window of an epoch is then cut short. None: windows run
            on across epochs.
        use_amp: False, ``"bf16"``, ``"fp16"``, or True for fp16 on an accelerator and nothing on the CPU.
        grad_clip: largest global norm of this optimizer's gradients; None for no clipping.
        grad_norm_type: p of that norm.
        ft_factor: a factor on every rate, for fine-tuning.
        rates: ``"absolute"``: the schedule's value is the rate of every group; ``"relative"``: it multiplies each
            group's own. A group's ``lr_scale`` multiplies in both.
        distributed: None finds out whether ``model`` synchronises gradients; False leaves it alone; True insists.
        max_skips: so many skipped updates in a row raise :class:`NonFiniteError`.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind; the schedule has a piece shorter
            than one update, or counts epochs without ``steps_per_epoch``; groups have rates that would be lost.

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
        schedule: Schedule,
        *,
        model: nn.Module | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        accum_grad: int = 1,
        steps_per_epoch: int | None = None,
        use_amp: UseAmp = False,
        grad_clip: float | None = None,
        grad_norm_type: float = 2.0,
        ft_factor: float = 1.0,
        rates: Literal["absolute", "relative"] = "absolute",
        distributed: bool | None = None,
        max_skips: int = 100,
    ) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(
                f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}. "
                "To build one from a name and its arguments: OptimScheduler.from_conf"
            )
        if model is not None and not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
        self.optimizer = optimizer
        self.model = model
        self.optim_loss = optim_loss
        self.updated_modules: str | Sequence[str] | None = None
        self.step_per_update: int = admitted("step_per_update", step_per_update)
        self.accum_grad: int = admitted("accum_grad", accum_grad)
        self.steps_per_epoch: int | None = admitted("steps_per_epoch", steps_per_epoch)
        self.grad_clip: float | None = admitted("grad_clip", grad_clip)
        self.grad_norm_type: float = admitted("grad_norm_type", grad_norm_type)
        self.ft_factor: float = admitted("ft_factor", ft_factor)
        self.relative: bool = admitted("rates", rates) == "relative"
        self.precision = Precision(use_amp, parameters.owned(optimizer)[0].device.type)
        self.scaler = self.precision.new_scaler()
        self._synchronising = synchronising(model, distributed)
        self._clock = Clock()
        self._skips = Skips(admitted("max_skips", max_skips))
        self._loaded_rate: float | None = None
        self._told_of_no_gradients = False
        self._epochs_from_caller = False
        self._scaler_is_shared = False
        if self._synchronising is not None:
            parameters.refuse_a_part(self._synchronising, parameters.owned(optimizer))
            if self.scaler is not None and clipping.sums_norms_itself(self._synchronising):
                raise ValueError(
                    "fp16 needs a loss scale that FSDP's first version cannot share: use_amp='bf16', or fully_shard"
                )
        if not self.relative:
            refuse_silent_flattening(optimizer.param_groups)
        self.schedule = schedule

    @property
    def schedule(self) -> Schedule:
        """The plan that is followed. It may be replaced at any moment: no state depends on it."""
        return self._schedule

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        epochs_known = self.steps_per_epoch is not None or self._epochs_from_caller
        schedule = attaching.check(schedule, epochs_known=epochs_known)
        if self._clock.seen == 0 and self._loaded_rate is None:
            write(self.optimizer.param_groups, self._rates(schedule, 1, 1))
        self._schedule = schedule
        self._loaded_rate = None

    # -- one micro-batch ----------------------------------------------------------------------------------------------

    @contextmanager
    def micro_batch(self, step_num: int) -> Iterator[None]:
        """The context of a forward pass: autocast, and synchronisation between processes only where it is due.

        Args:
            step_num: number of the micro-batch over the whole run, from 1.

        Raises:
            ValueError, TypeError: ``step_num`` is not a whole number from 1 on.
        """
        with self.precision.autocast(), synchronised(self._synchronising, self._due(step_num)):
            yield

    def step(
        self,
        losses: Losses,
        *,
        step_num: int,
        epoch_num: float | None = None,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> StepResult:
        """What follows the forward pass of a micro-batch: :meth:`backward`, then :meth:`update`.

        Args:
            losses: a loss, or losses by name; each the mean over its micro-batch. They are not changed.
            step_num: number of the micro-batch over the whole run, from 1; rises with every call.
            epoch_num: pass over the data, from 1; None counts it by ``steps_per_epoch``.
            time_func: called with ``["loss_backward_time", optim_name]`` and with ``["optim_time", optim_name]``;
                gives the context in which that part runs.
            optim_name: name of this optimizer, for ``time_func``.
            logger: for skipped updates and warnings; by default the logger ``"optimsche"``.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; ``step_num`` did not rise, or left a
                window open; a rate is negative or not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        epoch_num = self._epoch(step_num, epoch_num)  # first, so that a wrong call leaves no gradients behind
        self.backward(losses, step_num=step_num, time_func=time_func, optim_name=optim_name, logger=logger)
        return self.update(
            step_num=step_num, epoch_num=epoch_num, time_func=time_func, optim_name=optim_name, logger=logger
        )

    def backward(
        self,
        losses: Losses,
        *,
        step_num: int,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> None:
        """Add a micro-batch's share to the gradients: its loss divided by the size of its window.

        If it fails, the gradients of the whole window are dropped, so that no part of them can leak into an update.
        The arguments are those of :meth:`step`.

        Raises:
            ValueError, TypeError: no such loss, or not a tensor of one number; ``step_num`` did not rise, or left a
                window open.
        """
        self._refuse_a_shared_scaler()
        with timed(time_func, "loss_backward_time", optim_name):
            loss = self._share(losses, step_num, logger)
            if loss is not None:
                with self._dropped_on_failure(logger), synchronised(self._synchronising, self._due(step_num)):
                    run_backward(loss, self._window(step_num).size, self.scaler, self._inputs())

    def update(
        self,
        *,
        step_num: int,
        epoch_num: float | None = None,
        time_func: TimeFunc | None = None,
        optim_name: str = "main",
        logger: logging.Logger | None = None,
    ) -> StepResult:
        """Make the update, if this micro-batch closes its window: unscale, measure, clip, step, zero.

        A loop with a backward pass of its own calls this after it, for every micro-batch. It then divides the loss by
        :func:`counting.window_size <optimsche.counting.window_size>` itself, and where there is a loss scaler it
        scales the loss with ``optim.scaler.scale``. The arguments are those of :meth:`step`.

        Returns:
            What happened.

        Raises:
            ValueError, TypeError: ``step_num`` did not rise, or left a window open; a rate is negative or not finite.
            NonFiniteError: ``max_skips`` updates in a row were skipped.
        """
        self._refuse_a_shared_scaler()
        with timed(time_func, "optim_time", optim_name):
            result = self._update(step_num, epoch_num, logger)
            if self.scaler is not None and result.norm is not None:
                self.scaler.update()
            self._skips.count(result, self.scaler, logger or LOG)
        return result

    def discard(self) -> None:
        """Drop the open window: its gradients, and the micro-batches of it that are still to come.

        For a loop that cannot finish a window, because its last batch was empty or its forward pass failed. The next
        window begins with nothing left over. Without an open window, this only zeroes the gradients.
        """
        window = self._clock.drop()
        self.optimizer.zero_grad(set_to_none=True)
        if window is not None:
            LOG.warning("update %d is skipped: its window was discarded", self._number(window))

    # -- its parts ----------------------------------------------------------------------------------------------------

    def _window(self, step_num: int) -> counting.Window:
        return counting.window_of(step_num, self.accum_grad, self.steps_per_epoch)

    def _is_active(self, window: counting.Window) -> bool:
        return window.real_step % self.step_per_update == 0

    def _number(self, window: counting.Window) -> int:
        """This optimizer's own count: its update that is made in this window, or the next one after it."""
        return -(-window.real_step // self.step_per_update)

    def _due(self, step_num: int) -> bool:
        """Whether an update follows this micro-batch."""
        window = self._window(step_num)
        return step_num == window.last and self._is_active(window)

    def _rates(self, schedule: Schedule, number: int, epoch: float) -> list[float]:
        value = schedule(number, epoch) * self.ft_factor
        return group_rates(self.optimizer.param_groups, value, relative=self.relative)

    def _epoch(self, step_num: int, epoch_num: float | None) -> float:
        if epoch_num is not None:
            return epoch_num if type(epoch_num) is int and epoch_num > 0 else admitted("epoch_num", epoch_num, "step")
        if self.steps_per_epoch is not None:
            return counting.epoch_of(step_num, self.steps_per_epoch)
        if self.schedule.counts_epochs:
            raise ValueError(
                f"{self.schedule!r} counts epochs: pass epoch_num=, or build the OptimScheduler with steps_per_epoch="
            )
        return 1

    def _enter(self, step_num: int, logger: logging.Logger | None, *, updating: bool) -> None:
        window = self._window(step_num)
        gathers = self._is_active(window)
        self._clock.enter(step_num, window, gathers=gathers, updating=updating, log=logger or LOG)

    def _share(self, losses: Losses, step_num: int, logger: logging.Logger | None) -> torch.Tensor | None:
        """The loss that this optimizer's backward pass starts from; None where it takes no part."""
        window = self._window(step_num)
        wanted = (
            self._is_active(window)
            and not self._clock.is_dropped(window)
            and any(parameter.requires_grad for parameter in parameters.owned(self.optimizer))
        )
        loss = pick(losses, self.optim_loss) if wanted else None
        self._enter(step_num, logger, updating=False)
        return loss

    def _refuse_a_shared_scaler(self) -> None:
        if self._scaler_is_shared:
            raise ValueError(
                "this OptimScheduler shares its loss scaler with others, which must be stepped together: "
                "step_all(optims, losses, step_num=...)"
            )

    def _inputs(self) -> list[torch.Tensor] | None:
        """The only parameters that get a gradient, if the model has others to keep it from; None for all."""
        own = parameters.owned(self.optimizer)
        if self.model is None or self._synchronising is not None or not parameters.foreign(self.model, own):
            return None  # processes synchronise in hooks that a restricted backward pass does not run
        return [parameter for parameter in own if parameter.requires_grad]

    @contextmanager
    def _dropped_on_failure(self, logger: logging.Logger | None) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            window = self._clock.drop()
            self.optimizer.zero_grad(set_to_none=True)
            if window is not None:
                (logger or LOG).warning(
                    "update %d is skipped: a backward pass of its window failed (%s)",
                    self._number(window),
                    type(error).__name__,
                )
            raise

    def _update(self, step_num: int, epoch_num: float | None, logger: logging.Logger | None) -> StepResult:
        """All of an update but the scaler's own: several optimizers may share one."""
        window = self._window(step_num)
        number, epoch = self._number(window), self._epoch(step_num, epoch_num)
        rates = self._rates(self.schedule, number, epoch)
        self._enter(step_num, logger, updating=True)
        self._compare_with_loaded_rate(window, epoch, logger)
        if not self._due(step_num):
            if not self._is_active(window):
                self.optimizer.zero_grad(set_to_none=True)  # what the caller's own backward pass left there
            return StepResult(closed=False, real_step=number, epoch=epoch, lr=rates[0])

        write(self.optimizer.param_groups, rates)
        self._clock.close()
        own = parameters.owned(self.optimizer)
        norm, finite = None, False
        if not self._clock.is_dropped(window) and self._has_gradients(own, logger):
            if self.scaler is not None:
                # Before clipping: grad_clip bounds the true gradient, not loss_scale times it.
                unscale(self.scaler, self.optimizer)
            norm = clipping.total_norm(own, self.grad_norm_type, self._synchronising)
            finite = bool(norm.isfinite())
            if finite:
                if self.grad_clip is not None:
                    clipping.clip(own, self.grad_clip, norm)
                # Not scaler.step: it would look for inf and nan again, and a fused SGD whose first step it skips has a
                # random momentum afterwards.
                self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return StepResult(closed=True, real_step=number, epoch=epoch, lr=rates[0], applied=finite, norm=norm)

    def _has_gradients(self, own: Sequence[torch.Tensor], logger: logging.Logger | None) -> bool:
        found = any(parameter.grad is not None for parameter in own)
        if not found and not self._told_of_no_gradients:
            self._told_of_no_gradients = True
            (logger or LOG).warning("no parameter of this optimizer has a gradient (all frozen?): nothing is updated")
        return found

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state after the last update, at any moment: ``{"optimizer": ..., "scaler": ...}``.

        The gradients of an open window are not in it: a resumed run plays that window again, from
        :func:`counting.resume_step <optimsche.counting.resume_step>`. No clock and no schedule are in it, either.
        """
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state: a copy is loaded, or nothing at all.

        The rates follow from the schedule, whatever the state says; one that disagrees with the plan is reported
        once, with the first micro-batch. The optimizer's other arguments (weight decay, betas) come from the state, as
        in torch. A state saved with a loss scale loads into a run without one, and the other way round.

        Args:
            state_dict: what :meth:`state_dict` gave, also from ``torch.load`` with its default ``weights_only=True``.

        Raises:
            ValueError, TypeError: not such a state, or one of other parameters; nothing is changed then.
        """
        checkpoints.check(self.optimizer, state_dict)
        self._loaded_rate = checkpoints.load(self.optimizer, self.scaler, state_dict)
        self.optimizer.zero_grad(set_to_none=True)
        self._clock = Clock()
        self._skips.in_a_row = 0

    def _compare_with_loaded_rate(self, window: counting.Window, epoch: float, logger: logging.Logger | None) -> None:
        loaded, self._loaded_rate = self._loaded_rate, None
        if loaded is not None:
            before = max((window.real_step - 1) // self.step_per_update, 1)
            epochs = (epoch, max(epoch - 1, 0))  # the update before may have ended the epoch before
            planned = [self._rates(self.schedule, before, each)[0] for each in epochs]
            checkpoints.report_another_plan(loaded, planned, before, logger or LOG)

    # -- facts --------------------------------------------------------------------------------------------------------

    def get_lr(self) -> float:
        """The rate that the first parameter group has now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def __repr__(self) -> str:
        shown = [
            f"optimizer={type(self.optimizer).__name__}",
            f"optim_loss={self.optim_loss}",
            f"updated_modules={self.updated_modules}",
            f"schedule={self.schedule!r}",
            self.extra_repr_fn(),
        ]
        return f"{type(self).__name__}({', '.join(filter(None, shown))})"

    def extra_repr_fn(self) -> str:
        """What a subclass adds to ``repr``."""
        return ""

    # -- ways in ------------------------------------------------------------------------------------------------------

    def batches(self, loader: Iterable[BatchT], epochs: int, start: int = 1) -> Iterator[tuple[int, int, BatchT]]:
        """Number the micro-batches of a whole run.

        Without ``steps_per_epoch``, the loader's length becomes it. Samplers and data sets with a ``set_epoch`` are
        told which epoch begins.

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
        if self.steps_per_epoch is None and self._clock.seen > 0:
            raise ValueError(
                "batches: this OptimScheduler has been counting without epochs; its windows cannot be cut from here on."
                f"\n    Build it with steps_per_epoch={steps_per_epoch}."
            )
        self.steps_per_epoch = steps_per_epoch
        return numbered(loader, epochs, steps_per_epoch, start)

    @classmethod
    def from_conf(
        cls,
        optim_type: OptimType,
        optim_conf: Mapping[str, Any] | None,
        model: nn.Module,
        schedule: Schedule,
        *,
        updated_modules: str | Sequence[str] | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        use_amp: UseAmp = True,
        accum_grad: int = 1,
        steps_per_epoch: int | None = None,
        ft_factor: float = 1.0,
        grad_clip: float | None = 1.0,
        grad_norm_type: float = 2.0,
        rates: Literal["absolute", "relative"] = "absolute",
        distributed: bool | None = None,
        max_skips: int = 100,
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
            optim_loss, step_per_update, use_amp, accum_grad, steps_per_epoch, ft_factor, grad_clip, grad_norm_type,
                rates, distributed, max_skips: as for the class.

        Returns:
            The optimizer with its schedule.

        Raises:
            ValueError, TypeError: an unknown optimizer, argument or part of the model; whatever the class refuses.

        >>> from optimsche import noam
        >>> plan = noam(peak=2e-3, warmup_steps=4_000)
        >>> OptimScheduler.from_conf("Adam", {"betas": (0.9, 0.98)}, nn.Linear(1, 1), plan).get_lr()
        5e-07
        """
        optimizer = build(optim_type, optim_conf, parameters.select(model, updated_modules))
        by_caller = isinstance(schedule, Schedule) and schedule.counts_epochs and steps_per_epoch is None
        self = cls(
            optimizer,
            constant(value=0.0) if by_caller else schedule,
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
        )
        self.updated_modules = updated_modules
        self._epochs_from_caller = by_caller
        if by_caller:
            self.schedule = schedule  # only now: __init__ refuses to count epochs for someone else
        return self
