"""The state of optimizers and a loss scaler: saved, checked as a whole, and loaded as a copy or not at all."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from optimsche.param_groups.entries import keep_tensors
from optimsche.param_groups.optimizers import unwrapped
from optimsche.training import by_name, follow, resume_guard, state_checks
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.members import Member
from optimsche.training.restoring import fill, nested, restored_on_failure

LOG = logging.getLogger("optimsche")

# What belongs to the program that runs, and not to a file. A clip is no plain data, which alone is read from files;
# torch's schedulers go on from an initial_lr.
_OF_THE_PLAN = ("initial_lr", "lr_scale", "grad_clip", "param_names", "follows", "name")
_NOT_SAVED = ("lr_scale", "grad_clip", "follows")


def saved(optimizer: torch.optim.Optimizer, model: nn.Module | None = None) -> dict[str, Any]:
    """The state of an optimizer as torch gives it, without what belongs to the program.

    ``torch.distributed.checkpoint`` gets it by the names of the parameters in a model.

    >>> group = {"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": 0.1}
    >>> "lr_scale" in saved(torch.optim.SGD([group]))["param_groups"][0]
    False
    """
    state = unwrapped(optimizer).state_dict()
    groups = [{name: group[name] for name in group if name not in _NOT_SAVED} for group in state["param_groups"]]
    state = {**state, "param_groups": groups}
    return by_name.named(unwrapped(optimizer), state, model) if by_name.asked() else state


def load(members: Mapping[str, Member], scaler: LossScaler | None, state: Any, *, plain: bool) -> None:
    """Load a state into all members and the loss scaler, or change nothing.

    Args:
        members: the optimizers.
        scaler: the loss scaler, if there is one.
        state: what :func:`saved` gave, of one optimizer or, by name, of several.
        plain: whether there is one.

    Raises:
        ValueError, TypeError: a state that does not fit.
    """
    if isinstance(state, Mapping) and isinstance(state.get("scaler"), tuple):
        state = {**state, "scaler": dict(state["scaler"])}
    states = state_checks.states_of(state, list(members), plain=plain)
    for name, member in members.items():
        member.values(1, 1)  # so that groups which were added are split before they are compared
        try:
            states[name] = by_name.numbered(unwrapped(member.optimizer), states[name], member.model)
            state_checks.check(member.optimizer, states[name])
            follow.check_kernel(member, states[name]["param_groups"])
        except ValueError as error:
            raise error if plain else ValueError(f"{name!r}: {error}") from None
    kept_scale = None if scaler is None else scaler.state_dict()
    with ExitStack() as on_failure:
        for member in members.values():
            on_failure.enter_context(restored_on_failure(member.optimizer))
        try:
            before = {name: [dict(group) for group in m.optimizer.param_groups] for name, m in members.items()}
            for name, member in members.items():
                _load_one(member.optimizer, states[name])
                member.load()
            if scaler is not None and state.get("scaler"):
                scaler.load_state_dict(dict(state["scaler"]))
        except BaseException:
            if scaler is not None and kept_scale is not None:
                scaler.load_state_dict(kept_scale)
            raise
    for name, member in members.items():
        member.begun, member.loaded = True, float(states[name]["param_groups"][0]["lr"])
        _report_what_changed(member, before[name])
    if scaler is not None and not state.get("scaler"):
        LOG.warning("the state was saved without a loss scale; it starts again at %g", scaler.get_scale())
    elif scaler is None and state.get("scaler"):
        LOG.warning("the state has a loss scale, which this run does without")


def compare(member: Member, update: int, epoch: float, log: logging.Logger) -> None:
    """Report a loaded rate that is not the plan's for the update before this one."""
    loaded, member.loaded = member.loaded, None
    if loaded is None:
        return
    plan = member.schedule
    if plan.counts_epochs and isinstance(epoch, float):
        return  # where epochs are counted in fractions, the one that the update before was given is not known
    before = max(update - 1, 1)
    epochs = (epoch, max(epoch - 1, 1))  # the update before may have ended the epoch before
    rates = [member.values(before, each)[0].number for each in epochs]
    value = float(plan(before, epoch))
    factor = rates[0] / value if value else member.ft_factor
    resume_guard.report_another_rate(loaded, rates, before, log, plan, factor)


def _load_one(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load the state of one optimizer, and share nothing with it.

    Kept as they are: what decides the rate (``lr_scale``, ``initial_lr``), the names of the parameters, and the kind of
    each group's ``lr``; hyperparameters that are tensors stay the same tensors. An optimizer with a ``load_state_dict``
    of its own has the last word on everything else. Torch's makes new groups and a new state, which others may not
    know of: there they stay the same objects.
    """
    own = type(optimizer).load_state_dict is not torch.optim.Optimizer.load_state_dict
    target = optimizer if own else unwrapped(optimizer)
    before = [dict(group) for group in target.param_groups]
    entries, groups = target.state, target.param_groups
    target.load_state_dict(copy.deepcopy(dict(state)))
    _keep_the_precision_of_factors(target, state)
    _keep_the_plan(target.param_groups, before)
    if not own:
        fill(target, entries, groups, dict(target.state), [dict(group) for group in target.param_groups])


def _keep_the_precision_of_factors(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Undo what torch does to numbers that are no moments, as NAdam's ``mu_product``: round them to half precision."""
    names = [name for group in saved["param_groups"] for name in group["params"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, parameter in zip(names, parameters, strict=True):
        for kind, value in saved["state"].get(name, {}).items():
            loaded = (optimizer.state.get(parameter) or {}).get(kind)  # None for what another process keeps
            if isinstance(value, torch.Tensor) and value.dim() == 0 and isinstance(loaded, torch.Tensor):
                optimizer.state[parameter][kind] = value.detach().clone().to(loaded.device)


def _keep_the_plan(groups: Sequence[dict[str, Any]], before: Sequence[Mapping[str, Any]]) -> None:
    """Give the groups that were loaded what belongs to the program, and what an older file did not know yet."""
    for group, kept in zip(groups, before, strict=True):
        if not isinstance(kept["lr"], torch.Tensor):
            group["lr"] = float(group["lr"])
        keep_tensors(group, kept)
        for name in _OF_THE_PLAN:
            group.pop(name, None)
            if name in kept:
                group[name] = kept[name]
        for name, value in kept.items():
            group.setdefault(name, value)


def _report_what_changed(member: Member, before: Iterable[Mapping[str, Any]]) -> None:
    """Say which hyperparameters of the program the file has replaced."""
    changed: dict[str, str] = {}
    known = {name for each in nested(member.optimizer) for name in inspect.signature(type(each)).parameters}
    for group, kept in zip(member.optimizer.param_groups, before, strict=True):
        for name, old in kept.items():
            new = group.get(name)
            numbers = isinstance(old, int | float | tuple) and not isinstance(old, bool)
            if name in known - {"lr", *_OF_THE_PLAN} and numbers and new != old and name not in changed:
                changed[name] = f"{name}={new!r} (it was built with {old!r})"
    if changed:
        LOG.warning(
            "the state that was loaded has %s, and the state decides. To decide otherwise, say it by name: "
            "schedules={'*': {%r: ...}}",
            ", ".join(changed.values()),
            next(iter(changed)),
        )
