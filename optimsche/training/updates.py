"""An update: what is scheduled is written, the gradients are measured, the stages run, the optimizers step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch

from optimsche import counting
from optimsche.training import follow, stages
from optimsche.training.follow import Value
from optimsche.training.gradients import Gradients, Number
from optimsche.training.members import Member
from optimsche.training.outcomes import Outcome, outcome_of
from optimsche.training.result import StepResult, together
from optimsche.training.settings import admitted
from optimsche.training.stages import Stage
from optimsche.training.turn import Turn
from optimsche.training.window import Window

if TYPE_CHECKING:
    from optimsche.training.optim_scheduler import OptimScheduler


class Plan(NamedTuple):
    """What is scheduled for an update.

    Args:
        epoch: pass over the data.
        values: what is to be written, by the name of each optimizer.
        clips: the groups that are clipped by themselves, likewise.
    """

    epoch: float
    values: Mapping[str, list[Value]]
    clips: Mapping[str, Mapping[int, Stage | None]]


def epoch_of(turn: Turn, epoch_num: float | None, steps_per_epoch: int | None, members: Iterable[Member]) -> float:
    """The epoch that the caller names, or the one that follows from the number of the micro-batch.

    Raises:
        ValueError, TypeError: not an epoch, another than is counted, or none where a schedule needs one.
    """
    counted = None if steps_per_epoch is None else counting.epoch_of(turn.step_num, steps_per_epoch)
    if epoch_num is not None:
        whole = type(epoch_num) is int and epoch_num > 0
        named: float = epoch_num if whole else admitted("epoch_num", epoch_num, "step")
        if counted is not None and abs(named - counted) >= (1 if whole else 2):
            raise ValueError(
                f"step(epoch_num={epoch_num!r}): with steps_per_epoch={steps_per_epoch} micro-batch {turn.step_num} is "
                f"in epoch {counted}. Leave epoch_num out, or correct the one that is wrong."
            )
        return named
    for member in members if counted is None else ():
        if member.counts_epochs:
            raise ValueError(
                f"{member.schedule!r} counts epochs: pass epoch_num=, or build the OptimScheduler with steps_per_epoch="
            )
    return 1 if counted is None else counted


def results_of(
    members: Mapping[str, Member],
    turn: Turn,
    epoch: float,
    values: Mapping[str, list[Value]],
    done: Mapping[str, Outcome],
    *,
    plain: bool,
    norm_type: float,
) -> StepResult:
    """What is known of a micro-batch; of the updates that are done, their results.

    Args:
        members: the optimizers.
        turn: the micro-batch.
        epoch: pass over the data.
        values: what is scheduled.
        done: the updates that are done.
        plain: whether there is one optimizer, without a name.
        norm_type: the p of norms.
    """
    number, results = turn.window.real_step, {}
    for name, member in members.items():
        if name in done:
            results[name] = done[name].result
        else:
            results[name] = member.result(number, epoch, values[name])
            results[name].closed = turn.closes and member.takes_part(number)
    return results["main"] if plain else together(number, epoch, results, norm_type)


def make(optim: OptimScheduler, turn: Turn, plan: Plan, window: Window, done: dict[str, Outcome]) -> None:
    """Make the update at the end of a window.

    Args:
        optim: whose settings they are.
        turn: the closing micro-batch.
        plan: the epoch and the values of this update.
        window: what it holds.
        done: the outcome of each optimizer, put there when it is done.
    """
    members, number = window.part, turn.window.real_step
    gradients: dict[str, Gradients] = {}
    for name in members:
        follow.write(plan.values[name])
    if window.dropped and optim.synchronising is None:
        return
    across = None
    if optim.synchronising is not None:
        across = optim.synchronising.across(window)
        if window.dropped:
            optim.synchronising.poison(members.values())
    scale: Number | None = None
    for name, member in members.items():
        if member.has_gradients():
            scale = _scale(optim, turn, window) if scale is None else scale
            gradients[name] = Gradients(
                member.optimizer,
                scale=scale,
                update=member.update_of(number),
                epoch=plan.epoch,
                norm_type=optim.grad_norm_type,
                across=across,
            )
    if window.weighted and (not gradients or _weighs_nothing(optim, window)):
        optim.log.warning("the micro-batches of this window weigh 0: nothing is updated")
        return
    if gradients:
        stages.run(gradients, members, plan.clips, optim.stages, optim.clip, skip=optim.skip_non_finite)
    for name, member in members.items():
        own = gradients.get(name)
        if own is not None:
            own.step()
        update = member.update_of(number)
        done[name] = outcome_of(member, update, plan.epoch, plan.values[name], own, window)


def _weighs_nothing(optim: OptimScheduler, window: Window) -> bool:
    """Whether all micro-batches of a window have weight 0, as far as this is known without waiting."""
    total = window.total
    return optim.synchronising is None and not isinstance(total, torch.Tensor) and total == 0


def _scale(optim: OptimScheduler, turn: Turn, window: Window) -> Number:
    """What the sum of a window's gradients is divided by, to become the mean that is wanted."""
    scaler = optim.scaler
    if scaler is not None and not scaler.used:
        raise ValueError(
            "this OptimScheduler has a loss scaler, and no loss was scaled. A loop with a backward pass of its own "
            "writes optim.scaler.scale(loss).backward()"
        )
    place = turn.window
    if not window.by_caller and not window.dropped and window.count != place.last - place.first + 1:
        optim.log.warning(
            "update %d: %d of the %d micro-batches of its window came; %s",
            place.real_step,
            window.count,
            place.size,
            "its gradient is their mean" if optim.synchronising is None else "the others count as zero",
        )
    divisor: Number
    if window.by_caller:
        divisor = 1.0
    elif optim.synchronising is None:
        divisor = window.total
    elif window.weighted:
        divisor = optim.synchronising.mean_of_weights(window)
    else:  # each process knows only its own gaps, and a divisor of its own would pull them apart
        divisor = window.full()
    return divisor if scaler is None else scaler.factor(_device(optim)) * divisor


def _device(optim: OptimScheduler) -> torch.device:
    device: torch.device = next(iter(optim.members.values())).parameters()[0].device
    return device
