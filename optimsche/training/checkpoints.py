"""The state of an optimizer and a loss scaler: saved, checked as a whole, and loaded as a copy."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from optimsche.training.hyperparameters import keep_tensors
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.optimizers import unwrapped
from optimsche.training.parameters import owned
from optimsche.training.rates import write
from optimsche.training.restoring import fill, keep
from optimsche.training.state_checks import check as check

LOG = logging.getLogger("optimsche")

# What belongs to the program that runs, and not to a file. A clip is no plain data, which alone is read from files;
# torch's schedulers go on from an initial_lr.
_OF_THE_PLAN = ("initial_lr", "lr_scale", "grad_clip", "param_names")
_NOT_SAVED = ("lr_scale", "grad_clip")


def saved(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimizer as torch gives it, without what belongs to the program.

    >>> group = {"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": 0.1}
    >>> "lr_scale" in saved(torch.optim.SGD([group]))["param_groups"][0]
    False
    """
    state = unwrapped(optimizer).state_dict()
    groups = [{name: group[name] for name in group if name not in _NOT_SAVED} for group in state["param_groups"]]
    return {**state, "param_groups": groups}


def load(optimizer: torch.optim.Optimizer, scaler: LossScaler | None, state: Mapping[str, Any]) -> float:
    """Load a state that was checked, and share nothing with it.

    Kept as they are: what decides the rate (``lr_scale``, ``initial_lr``), the names of the parameters, and the kind of
    each group's ``lr``; hyperparameters that are tensors stay the same tensors. Other arguments of the optimizer come
    from the state, as in torch. The optimizer's groups and its state stay the same objects: others may hold them.

    Returns:
        The rate that the state has in its first group.
    """
    optimizer = unwrapped(optimizer)
    put_back = keep(optimizer)
    before = [dict(group) for group in optimizer.param_groups]
    kept_scale = None if scaler is None else scaler.state_dict()
    entries, groups = optimizer.state, optimizer.param_groups
    try:
        optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        _keep_the_precision_of_factors(optimizer, state["optimizer"])
        _keep_the_plan(optimizer.param_groups, before)
        if scaler is not None and state.get("scaler"):
            scaler.load_state_dict(dict(state["scaler"]))
    except BaseException:
        put_back()
        if scaler is not None and kept_scale is not None:
            scaler.load_state_dict(kept_scale)
        raise
    fill(optimizer, entries, groups, dict(optimizer.state), [dict(group) for group in optimizer.param_groups])
    if scaler is not None and not state.get("scaler"):
        LOG.warning("the state was saved without a loss scale; it starts again at %g", scaler.get_scale())
    elif scaler is None and state.get("scaler"):
        LOG.warning("the state has a loss scale, which this run does without")
    return float(optimizer.param_groups[0]["lr"])


def _keep_the_precision_of_factors(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Undo what torch does to numbers that are no moments, as NAdam's ``mu_product``: round them to half precision."""
    names = [name for group in saved["param_groups"] for name in group["params"]]
    for name, parameter in zip(names, owned(optimizer), strict=True):
        for kind, value in saved["state"].get(name, {}).items():
            loaded = optimizer.state[parameter].get(kind)
            if isinstance(value, torch.Tensor) and value.dim() == 0 and isinstance(loaded, torch.Tensor):
                optimizer.state[parameter][kind] = value.detach().clone().to(loaded.device)


def _keep_the_plan(groups: Sequence[dict[str, Any]], before: Sequence[Mapping[str, Any]]) -> None:
    """Give the groups that were loaded the factors of those before, and their rates the same kind of object."""
    for group, kept in zip(groups, before, strict=True):
        rate = float(group["lr"])
        group["lr"] = kept["lr"]
        write([group], [rate])
        keep_tensors(group, kept)
        for name in _OF_THE_PLAN:
            group.pop(name, None)
            if name in kept:
                group[name] = kept[name]
