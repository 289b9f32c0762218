"""What has to be true of a schedule and an optimizer before one may follow the other."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from optimsche.param_groups.optimizers import check_rates, innermost, refuse_a_second_writer
from optimsche.param_groups.rates import unused_rate
from optimsche.schedule import Schedule


def check_optimizer(optimizer: Any) -> None:
    """Refuse an optimizer whose rate or whose step is not a schedule's to decide.

    Raises:
        TypeError: not an optimizer, or one whose step needs a closure.
        ValueError: no parameters, or groups without a rate; another that writes rates already; fused SGD that torch
            computes wrongly.
    """
    if isinstance(optimizer, Schedule):
        raise TypeError("the optimizer comes first, and then the schedule: OptimScheduler(optimizer, plan)")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}. "
            "To build one from a name and its arguments: optimsche.speechain.from_conf"
        )
    kind = type(optimizer)
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise TypeError(
            f"{kind.__name__} needs a closure, which calls the model several times in one step. OptimScheduler steps "
            "an optimizer once, with gradients that are there: use a first-order one."
        )
    check_rates(optimizer, "OptimScheduler")
    refuse_a_second_writer(innermost(optimizer), "OptimScheduler")
    if not any(group["params"] for group in optimizer.param_groups):
        raise ValueError(f"{kind.__name__} has no parameters: there is nothing to update.")
    for group in optimizer.param_groups:
        refuse_a_broken_kernel(optimizer, group)


def refuse_a_broken_kernel(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> None:
    """Refuse what torch computes wrongly: weights of 1e21 after a few steps, other ones in every run.

    Args:
        optimizer: of which kind it is decides.
        group: parameters with their hyperparameters: the optimizer's, or as they are about to be.

    Raises:
        ValueError: fused SGD with momentum, for half precision on the CPU.
    """
    if not isinstance(optimizer, torch.optim.SGD) or not group.get("fused") or group["momentum"] == 0:
        return
    for parameter in group["params"]:
        if parameter.device.type == "cpu" and parameter.dtype in (torch.float16, torch.bfloat16):
            raise ValueError(
                f"fused SGD with momentum={group['momentum']} is wrong for {parameter.dtype} parameters on the "
                "CPU: torch's kernel reads memory that was never set. Build it with fused=False."
            )


def check_model(optimizers: Iterable[torch.optim.Optimizer], model: Any) -> None:
    """Refuse a model that an optimizer updates nothing of.

    Raises:
        TypeError: it is no model.
        ValueError: none of its parameters are an optimizer's.
    """
    if model is None:
        return
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    known = {id(parameter) for parameter in model.parameters()}
    for optimizer in optimizers:
        if not any(id(parameter) in known for group in optimizer.param_groups for parameter in group["params"]):
            raise ValueError(
                f"model={type(model).__name__}: none of its parameters are in the optimizer "
                f"{type(optimizer).__name__}, so it would never change. Build the optimizer from the "
                "parameters() of this model."
            )


def point_out(schedule: Schedule, optimizer: torch.optim.Optimizer, *, relative: bool, log: logging.Logger) -> None:
    """Warn of what is allowed and yet nearly always a slip: a shape's default rate of 1, and an epoch without a rate.

    Args:
        schedule: the plan that is followed.
        optimizer: with the rates that it was built with.
        relative: whether the plan multiplies those.
        log: for the warning.
    """
    if schedule.counts_epochs and not any(schedule(n, 1.0) for n in (1, 2, 100)) and schedule(1, 2.0) > 0:
        log.warning(
            "the schedule has rate 0 in all of epoch 1, since by_epoch counts finished epochs, and a warm-up is at its "
            "start after 0 of them. Give it one, .warmup(..., start=...), or begin with the first: "
            ".shift(-1).by_epoch()"
        )
    unused = None if relative else unused_rate(schedule, optimizer)
    if unused is not None:
        log.warning(
            "the schedule's rate is up to %g, and the lr=%g of %s is not used. Write the rate into the schedule, such "
            "as cosine(start=%g, ...), or let it multiply the optimizer's own: OptimScheduler(..., rates='relative')",
            unused[0],
            unused[1],
            type(optimizer).__name__,
            unused[1],
        )


def point_out_a_warm_up_of_its_own(optimizer: torch.optim.Optimizer, log: logging.Logger) -> None:
    """Warn of an optimizer with a warm-up of its own, as schedule-free ones have: it multiplies the schedule's rate."""
    for group in optimizer.param_groups:
        steps = group.get("warmup_steps")
        if isinstance(steps, int | float) and not isinstance(steps, bool) and steps > 0:
            log.warning(
                "%s has a warm-up of its own, of %g updates, which multiplies the schedule's rate. Build it with "
                "warmup_steps=0 and let the schedule warm up, or the other way round.",
                type(optimizer).__name__,
                steps,
            )
            return


def point_out_the_end(schedule: Schedule, update: int, log: logging.Logger) -> None:
    """Warn in the first update after the end of a schedule that has ended at 0: from there on nothing is learned."""
    if update - 1 <= schedule.length < update:
        log.warning(
            "the schedule ended with update %g at the rate 0, and this is update %d: nothing is learned from here on. "
            "Lengths are counted in updates: total_updates(epochs, steps_per_epoch, accum_grad) is that of a run.",
            schedule.length,
            update,
        )


def refuse_a_step_held_back(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimizer of accelerate's that will not step now, because accelerate counts windows of its own.

    Raises:
        ValueError: it holds its step back.
    """
    if getattr(getattr(optimizer, "gradient_state", None), "sync_gradients", True) is False:
        raise ValueError(
            "accelerate holds this step back, since it gathers gradients over windows of its own. Let one of the two "
            "count: OptimScheduler(accum_grad=...) without Accelerator(gradient_accumulation_steps=...)"
        )
