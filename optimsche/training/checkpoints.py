"""Loading the state of an optimizer and a loss scaler: checked as a whole, then copied."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from optimsche.domains import did_you_mean
from optimsche.training.parameters import owned
from optimsche.training.rates import write

LOG = logging.getLogger("optimsche")

_SCALER_KEYS = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}
_OF_THE_PLAN = ("initial_lr", "lr_scale")  # what decides the rate belongs to the program that runs, not to a file


def check(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Refuse a state that cannot be loaded as a whole.

    Raises:
        TypeError: not a mapping.
        ValueError: not what :meth:`OptimScheduler.state_dict` gives, or the state of other parameters.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict takes what state_dict gave, a dictionary, got {type(state).__name__}.")
    if "param_groups" in state:
        raise ValueError(
            "this is the state of a plain optimizer, without a loss scaler's beside it. "
            "Load it with optim.load_state_dict({'optimizer': state, 'scaler': None})"
        )
    if "optimizer" not in state:
        hint = did_you_mean("optimizer", state) or f"; its keys are {', '.join(map(str, state)) or 'none'}"
        raise ValueError(f"the state must have the keys 'optimizer' and 'scaler', and has no 'optimizer'{hint}")
    saved = state["optimizer"]
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise ValueError("state['optimizer'] must be what a torch optimizer's state_dict() gives.")
    in_file = [len(group["params"]) for group in saved["param_groups"]]
    here = [len(group["params"]) for group in optimizer.param_groups]
    if in_file != here:
        raise ValueError(
            f"the state has parameter groups of {in_file} parameters, and this optimizer has {here}: "
            "the model or its grouping has changed since it was saved."
        )
    names = [name for group in saved["param_groups"] for name in group["params"]]
    for name, parameter in zip(names, owned(optimizer), strict=True):
        for kind in ("exp_avg", "momentum_buffer"):  # of Adam and of SGD: as large as their parameter
            moment = saved["state"].get(name, {}).get(kind)
            if moment is not None and moment.shape != parameter.shape:
                raise ValueError(
                    f"the state of parameter {name} has shape {tuple(moment.shape)}, and the parameter has "
                    f"{tuple(parameter.shape)}: the model or the order of its parameters has changed."
                )
    scaler = state.get("scaler")
    if scaler and not (isinstance(scaler, Mapping) and set(scaler) >= _SCALER_KEYS):
        raise ValueError(
            f"state['scaler'] must be what a torch GradScaler's state_dict() gives, with {sorted(_SCALER_KEYS)}"
        )


def load(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler | None, state: Mapping[str, Any]) -> float:
    """Load a state that was checked, and share nothing with it.

    Kept as they are: what decides the rate (``lr_scale``, ``initial_lr``) and the kind of each group's ``lr``, so that
    a rate that is a tensor stays the same tensor. Other arguments of the optimizer come from the state, as in torch.

    Returns:
        The rate that the state has in its first group.
    """
    before = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
    for group, kept in zip(optimizer.param_groups, before, strict=True):
        rate = float(group["lr"])
        group["lr"] = kept["lr"]
        write([group], [rate])
        for name in _OF_THE_PLAN:
            group.pop(name, None)
            if name in kept:
                group[name] = kept[name]
    saved_scaler = state.get("scaler")
    if scaler is not None and saved_scaler:
        scaler.load_state_dict(dict(saved_scaler))
    elif scaler is not None:
        LOG.warning("the state was saved without a loss scale; it starts again at %g", scaler.get_scale())
    elif saved_scaler:
        LOG.warning("the state has a loss scale, which this run does without")
    return float(optimizer.param_groups[0]["lr"])


def report_another_plan(loaded: float, planned: Sequence[float], update: int, log: logging.Logger) -> None:
    """Warn if the rate that was loaded is none of those that the plan may have had for the update before."""
    if not any(math.isclose(loaded, rate, rel_tol=1e-6) for rate in planned):
        log.warning(
            "the state that was loaded has the rate %g, and the schedule says %g for update %d, the one before. Was it "
            "saved at another step_num, with another schedule, accum_grad, steps_per_epoch or ft_factor? The schedule "
            "decides.",
            loaded,
            planned[0],
            update,
        )
