"""States by parameter name, complete from the start: the form in which ``torch.distributed.checkpoint`` takes them.

It fills a state in place, each tensor from whatever processes have saved it. What an optimizer makes only in its first
step is therefore there before: made of nan, which says that it was never there, and dropped when it is loaded.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from optimsche.param_groups.names import names_of
from optimsche.param_groups.optimizers import unwrapped
from optimsche.training.restoring import keep

_ASKS = "torch.distributed.checkpoint"


def asked() -> bool:
    """Whether ``torch.distributed.checkpoint`` asks for a state: some function of it is being called."""
    if _ASKS not in sys.modules:
        return False
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(_ASKS):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def named(optimizer: torch.optim.Optimizer, state: Mapping[str, Any], model: nn.Module | None) -> dict[str, Any]:
    """A state with names for numbers, and with an entry for every parameter that is trained.

    Args:
        optimizer: whose state it is.
        state: as its ``state_dict`` gives it.
        model: where the names come from.

    Raises:
        ValueError: what the optimizer will keep cannot be found out before its first step.
    """
    names = _names(optimizer, model)
    missing = [p for p in _parameters(optimizer) if p.requires_grad and not optimizer.state.get(p)]
    entries = {names[id(p)]: entry for p, entry in _unset(optimizer, missing)}
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    for number, parameter in zip(numbers, _parameters(optimizer), strict=True):
        if number in state["state"]:
            entries[names[id(parameter)]] = dict(state["state"][number])
    groups = tuple(
        {**group, "params": [names[id(p)] for p in own["params"]]}
        for group, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    )
    return {"state": entries, "param_groups": groups}  # a tuple is one thing to a checkpoint, whatever is in it


def numbered(optimizer: torch.optim.Optimizer, state: Any, model: nn.Module | None) -> Any:
    """A state with numbers for names; one that has numbers stays as it is.

    Raises:
        ValueError: parameters of other names, or in other groups.
    """
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(groups, tuple) or not all(isinstance(group, Mapping) for group in groups):
        return state
    names = _names(optimizer, model)
    here = [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]
    in_file = [list(group["params"]) for group in groups]
    if [sorted(each) for each in here] != [sorted(each) for each in in_file]:
        other = next(((a, b) for a, b in zip(in_file, here, strict=False) if sorted(a) != sorted(b)), (in_file, here))
        raise ValueError(
            f"the state has parameter groups of {_shown(other[0])}, and this optimizer has {_shown(other[1])}: the "
            "model or its grouping has changed since it was saved."
        )
    order = [name for each in here for name in each]
    counted, first = [], 0
    for group, own in zip(groups, here, strict=True):
        rest = {name: value for name, value in group.items() if name != "param_names"}
        counted.append({**rest, "params": list(range(first, first + len(own)))})
        first += len(own)
    entries = state["state"]
    kept = {n: entries[name] for n, name in enumerate(order) if entries.get(name) and not _is_unset(entries[name])}
    return {"state": kept, "param_groups": counted}


def _shown(names: Sequence[Any]) -> str:
    text = ", ".join(map(str, names))
    return text if len(text) < 80 else text[:77] + "..."


def _parameters(optimizer: torch.optim.Optimizer) -> list[Any]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _names(optimizer: torch.optim.Optimizer, model: nn.Module | None) -> dict[int, str]:
    known = names_of(optimizer.param_groups, model)
    return {id(p): known[id(p)][0] if id(p) in known else str(n) for n, p in enumerate(_parameters(optimizer))}


def _unset(optimizer: torch.optim.Optimizer, missing: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What an optimizer will keep for some parameters, found by a step that changes nothing, with nan for numbers."""
    if not missing:
        return
    inner = unwrapped(optimizer)
    put_back = keep(inner)
    before = [(p, p.grad, p.detach().clone()) for p in _parameters(inner)]
    try:
        for parameter, _, _ in before:
            parameter.grad = None
        for parameter in missing:
            parameter.grad = torch.zeros_like(parameter)
        for group in inner.param_groups:
            group["lr"] = torch.zeros_like(group["lr"]) if isinstance(group["lr"], torch.Tensor) else 0.0
        inner.step()
        found = [(parameter, dict(inner.state.get(parameter, {}))) for parameter in missing]
    except Exception as error:
        raise ValueError(
            f"torch.distributed.checkpoint fills a state in place, and what {type(inner).__name__} keeps cannot be "
            f"found out before its first step ({error}). Make one update, and load then."
        ) from error
    finally:
        put_back()
        with torch.no_grad():
            for parameter, gradient, value in before:
                parameter.copy_(value)
                parameter.grad = gradient
    for parameter, entry in found:
        yield parameter, {kind: _nan(value) for kind, value in entry.items()}


def _nan(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.full_like(value, math.nan) if value.is_floating_point() or value.is_complex() else value
    return math.nan if isinstance(value, float) else value


def _is_unset(entry: Mapping[str, Any]) -> bool:
    """Whether all that could be nan is."""
    said = False
    for value in entry.values():
        own = value.to_local() if hasattr(value, "to_local") else value
        if isinstance(own, torch.Tensor) and (own.is_floating_point() or own.is_complex()) and own.numel():
            if not bool(own.isnan().all()):
                return False
            said = True
        elif isinstance(own, float):
            if not math.isnan(own):
                return False
            said = True
    return said
