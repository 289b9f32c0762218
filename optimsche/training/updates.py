"""An update: what is scheduled is written, the gradients are measured, the stages run, the optimizers step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch

from optimsche import counting
from optimsche.param_groups import names
from optimsche.param_groups.entries import LR
from optimsche.training import compatibility, follow, stages
from optimsche.training.gradients import Gradients, Number
from optimsche.training.members import Member
from optimsche.training.norms import is_here
from optimsche.training.result import StepResult
from optimsche.training.settings import admitted
from optimsche.training.window import Window

if TYPE_CHECKING:
    from optimsche.training.optim_scheduler import OptimScheduler


class Update:
    """An update of one optimizer that is due: what is planned, and what became of it.

    Building it refuses whatever can be refused of the plan, and changes nothing.

    Args:
        name: what the optimizer is called among several; None for a single one.
        member: the optimizer, and what it follows.
        window: number of the window that is closed.
        epoch: pass over the data.

    Raises:
        ValueError, TypeError: a value that may not be, or a step that cannot be made now.
    """

    def __init__(self, name: str | None, member: Member, window: int, epoch: float) -> None:
        self.name, self.member, self.number, self.epoch = name, member, member.update_of(window), epoch
        self.values = member.values(self.number, epoch)  # what is to be written
        self.clips = member.own_clips()  # the groups that are clipped by themselves
        self.done = False  # whether it was made, or skipped
        self.result = StepResult(True, self.number, epoch, self.values)
        self.where = ""  # the first parameter whose gradient was not finite, where that is known
        self.counts = True  # whether a skip counts: not where all parameters are frozen, which somebody has wanted

    def finish(self, gradients: Gradients | None, window: Window) -> None:
        """Say what became of it: made or skipped; without gradients there was none to make."""
        self.done = True
        if gradients is None:
            self.counts = bool(self.member.trainable())
            return
        result, norm = self.result, gradients.first_norm
        if gradients.left_out and isinstance(norm, float) and not math.isfinite(norm):
            self.where = names.first_non_finite(self.member.optimizer.param_groups, self.member.model)
        result.norm, result.found_inf = norm, gradients.found_inf
        result.micro_batches = window.place.size if window.by_caller else window.count
        result.weight = float(window.place.size) if window.by_caller else window.weight

    @property
    def overflowed(self) -> bool | torch.Tensor:
        """Whether its gradients had inf or nan, which a smaller loss scale may cure."""
        norm = self.result.norm
        if isinstance(norm, torch.Tensor):
            return 1.0 - norm.isfinite().float()
        return norm is not None and not math.isfinite(norm)


class Planned(NamedTuple):
    """What is planned in a micro-batch: the updates that are due, and what is known of every optimizer."""

    due: dict[str, Update]
    results: dict[str, StepResult]


def make(optim: OptimScheduler, updates: Mapping[str, Update], window: Window) -> None:
    """Make the updates at the end of a window, each of which knows its result when it is done.

    Args:
        optim: whose settings they are.
        updates: what is planned for each optimizer.
        window: what it holds.
    """
    processes = optim.processes
    for one in updates.values():
        follow.write(one.values)
        if one.values[0].number == 0.0 and not any(value.number for value in one.values if value.where is LR):
            compatibility.point_out_the_end(one.member.schedule, one.number, optim.log)
    if window.dropped:
        if processes is None:
            return
        processes.poison(window.part.values())
    across = None if processes is None else processes.across(window)
    gradients: dict[str, Gradients] = {}
    with_gradient = [name for name, one in updates.items() if one.member.with_gradient() is not None]
    scale = _scale(optim, window) if with_gradient else 0.0
    if window.weighted and _is_zero(scale):
        optim.log.warning("the micro-batches of this window weigh 0: nothing is updated")
        return
    for name in with_gradient:
        one = updates[name]
        gradients[name] = own = Gradients(
            one.member.optimizer,
            scale=scale,
            update=one.number,
            epoch=one.epoch,
            norm_type=optim.grad_norm_type,
            across=across,
        )
        # Away on a device it may weigh 0, too. Where the host looks at norms, they say so.
        if window.weighted and isinstance(scale, torch.Tensor) and (own.stays_on_device or not optim.skip_non_finite):
            own.skip((scale == 0.0).float())
    if gradients:
        stages.run(gradients, updates, optim.stages, optim.clip, skip=optim.skip_non_finite)
    for name, one in updates.items():
        found = gradients.get(name)
        if found is not None:
            found.step()
        one.finish(found, window)


def _is_zero(number: Number) -> bool:
    """Whether a number is 0, as far as this is known without waiting for a device."""
    return not (isinstance(number, torch.Tensor) and not is_here(number)) and bool(number == 0)


def _scale(optim: OptimScheduler, window: Window) -> Number:
    """What the sum of a window's gradients is divided by, to become the mean that is wanted."""
    processes, scaler, place = optim.processes, optim.scaler, window.place
    divisor: Number = 1.0 if window.by_caller else window.total if processes is None else processes.divisor(window)
    if scaler is not None and not scaler.used and not _is_zero(divisor):
        raise ValueError(
            "this OptimScheduler has a loss scaler, and no loss was scaled. A loop with a backward pass of its own "
            "writes optim.scaler.scale(loss).backward()"
        )
    if not window.by_caller and not window.dropped and window.count != place.size:
        optim.log.warning(
            "update %d: %d of the %d micro-batches of its window came; %s",
            place.real_step,
            window.count,
            place.size,
            "its gradient is their mean" if processes is None else "the others count as zero",
        )
    if scaler is None:
        return divisor
    return scaler.factor(next(iter(optim.members.values())).parameters()[0].device) * divisor


def epoch_of(step_num: int, epoch_num: float | None, steps_per_epoch: int | None, members: Iterable[Member]) -> float:
    """The epoch that the caller names, or the one that follows from the number of the micro-batch.

    Raises:
        ValueError, TypeError: not an epoch, another than is counted, or none where a schedule needs one.
    """
    counted = None if steps_per_epoch is None else counting.epoch_of(step_num, steps_per_epoch)
    if epoch_num is not None:
        whole = type(epoch_num) is int and epoch_num > 0
        named: float = epoch_num if whole else admitted("epoch_num", epoch_num, "step")
        if counted is not None and abs(named - counted) >= (1 if whole else 2):
            raise ValueError(
                f"step(epoch_num={epoch_num!r}): with steps_per_epoch={steps_per_epoch} micro-batch {step_num} is "
                f"in epoch {counted}. Leave epoch_num out, or correct the one that is wrong."
            )
        return named
    for member in members if counted is None else ():
        if member.counts_epochs:
            raise ValueError(
                f"{member.schedule!r} counts epochs: pass epoch_num=, or build the OptimScheduler with steps_per_epoch="
            )
    return 1 if counted is None else counted
