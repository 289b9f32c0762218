"""Loading the state of an optimizer and a loss scaler: checked as a whole, then copied."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from optimsche.training.arguments import rename_hint
from optimsche.training.hyperparameters import keep_tensors, tensors_of
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.optimizers import hyperparameters
from optimsche.training.parameters import owned
from optimsche.training.rates import write

LOG = logging.getLogger("optimsche")

_SCALER_KEYS = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}
# Arguments that say how an optimizer computes, and not what; torch fills in those that an older file lacks.
_FLAGS = {"capturable", "decoupled_weight_decay", "differentiable", "foreach", "fused", "maximize"}
# What optimizers keep for each parameter in the parameter's own shape. Others keep factors, as Adafactor does.
_AS_THEIR_PARAMETER = {
    *("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf"),  # Adam and its kind
    *("momentum_buffer", "square_avg", "grad_avg", "acc_delta", "sum"),  # SGD, RMSprop, Adadelta, Adagrad
    *("prev", "step_size", "ax"),  # Rprop, ASGD
}
_OF_THE_PLAN = (
    "initial_lr",
    "lr_scale",
    "grad_clip",
)  # what decides the rate belongs to the program that runs, not to a file


def check(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Refuse a state that cannot be loaded as a whole.

    Raises:
        TypeError: not a mapping.
        ValueError: not what :meth:`OptimScheduler.state_dict` gives, or the state of other parameters or of another
            kind of optimizer.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict takes what state_dict gave, a dictionary, got {type(state).__name__}.")
    if "param_groups" in state:
        raise ValueError(
            "this is the state of a plain optimizer, without a loss scaler's beside it. "
            "Load it with optim.load_state_dict({'optimizer': state, 'scaler': None})"
        )
    if "optimizer" not in state:
        hint = rename_hint("optimizer", state) or f"; its keys are {', '.join(map(str, state)) or 'none'}"
        raise ValueError(f"the state must have the keys 'optimizer' and 'scaler', and has no 'optimizer'{hint}")
    saved = state["optimizer"]
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise ValueError("state['optimizer'] must be what a torch optimizer's state_dict() gives.")
    if not all(isinstance(group, Mapping) and "params" in group for group in saved["param_groups"]):
        raise ValueError("state['optimizer']['param_groups'] must be dictionaries with 'params'.")
    in_file = [len(group["params"]) for group in saved["param_groups"]]
    here = [len(group["params"]) for group in optimizer.param_groups]
    if in_file != here:
        raise ValueError(
            f"the state has parameter groups of {in_file} parameters, and this optimizer has {here}: "
            "the model or its grouping has changed since it was saved."
        )
    for group in saved["param_groups"]:
        _refuse_another_kind(optimizer, group)
    names = [name for group in saved["param_groups"] for name in group["params"]]
    for name, parameter in zip(names, owned(optimizer), strict=True):
        for kind, moment in saved["state"].get(name, {}).items():
            if kind not in _AS_THEIR_PARAMETER or not isinstance(moment, torch.Tensor):
                continue
            if moment.shape != parameter.shape:
                raise ValueError(
                    f"the state of parameter {name} has shape {tuple(moment.shape)}, and the parameter has "
                    f"{tuple(parameter.shape)}: the model or the order of its parameters has changed."
                )
    scaler = state.get("scaler")
    if scaler and not (isinstance(scaler, Mapping) and set(scaler) >= _SCALER_KEYS):
        raise ValueError(
            f"state['scaler'] must be what a torch GradScaler's state_dict() gives, with {sorted(_SCALER_KEYS)}"
        )


def _refuse_another_kind(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Refuse a parameter group with the arguments of an optimizer of another kind."""
    kind = type(optimizer).__name__
    lacks = sorted(set(optimizer.defaults) - set(saved) - _FLAGS)
    alien = sorted((set(saved) & hyperparameters()) - set(optimizer.defaults) - _FLAGS)
    if lacks or alien:
        parts = [f"has no {', '.join(map(repr, lacks))}"] * bool(lacks)
        parts += [f"has {', '.join(map(repr, alien))}"] * bool(alien)
        raise ValueError(
            f"the state is of another kind of optimizer than {kind}: it {' and '.join(parts)}. "
            "Build the optimizer that it was saved from, or begin anew without its state."
        )
    decoupled = optimizer.defaults.get("decoupled_weight_decay")
    if decoupled is not None and saved.get("decoupled_weight_decay", decoupled) != decoupled:
        raise ValueError(
            f"the state was saved with decoupled_weight_decay={not decoupled} (Adam and AdamW differ in this), and "
            f"{kind} has {decoupled} here. Build the optimizer that it was saved from, or begin anew without its state."
        )


def load(optimizer: torch.optim.Optimizer, scaler: LossScaler | None, state: Mapping[str, Any]) -> float:
    """Load a state that was checked, and share nothing with it.

    Kept as they are: what decides the rate (``lr_scale``, ``initial_lr``) and the kind of each group's ``lr``, and
    hyperparameters that are tensors stay the same tensors. Other arguments of the optimizer come from the state, as in
    torch.

    Returns:
        The rate that the state has in its first group.
    """
    kept, kept_groups = optimizer.state, optimizer.param_groups
    kept_tensors = tensors_of(kept_groups)
    kept_scale = None if scaler is None else scaler.state_dict()
    try:
        optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        _keep_the_precision_of_factors(optimizer, state["optimizer"])
        _keep_the_plan(optimizer.param_groups, kept_groups)
        if scaler is not None and state.get("scaler"):
            scaler.load_state_dict(dict(state["scaler"]))
    except BaseException:
        optimizer.state, optimizer.param_groups = kept, kept_groups
        for tensor, value in kept_tensors:
            tensor.copy_(value)
        if scaler is not None and kept_scale is not None:
            scaler.load_state_dict(kept_scale)
        raise
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
