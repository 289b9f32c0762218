"""Whether a state can be loaded into an optimizer: all of it is looked at before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch

from optimsche.param_groups.names import without_wrappers
from optimsche.param_groups.optimizers import SWITCHES, hyperparameters, is_torchs_own, stand_in, unwrapped
from optimsche.training.loss_scaler import KEYS
from optimsche.training.settings import rename_hint
from optimsche.training.sharded import refuse_another_spread

# Arguments that torch fills in where an older file lacks them.
_FLAGS = {*SWITCHES, "decoupled_weight_decay", "maximize"}


def states_of(state: Any, names: Sequence[str], *, plain: bool) -> dict[str, Mapping[str, Any]]:
    """The states of the optimizers by name, out of a whole state.

    Raises:
        TypeError: not a mapping.
        ValueError: not what :meth:`OptimScheduler.state_dict` gives, or of other optimizers.
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
    scaler, states = state.get("scaler"), state["optimizer"]
    if scaler and not (isinstance(scaler, Mapping) and set(scaler) >= set(KEYS)):
        raise ValueError(f"state['scaler'] must be what a torch GradScaler's state_dict() gives, with {sorted(KEYS)}")
    if plain:
        return {names[0]: states}
    if not isinstance(states, Mapping) or set(states) != set(names):
        found = sorted(map(str, states)) if isinstance(states, Mapping) else type(states).__name__
        raise ValueError(f"state['optimizer'] must have the states of {sorted(names)} by name, got {found}.")
    return dict(states)


def check(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Refuse a state that cannot be loaded as a whole.

    Of every optimizer the structure is looked at; of torch's own also whether the next step could use the state.

    Raises:
        ValueError: not what a torch optimizer's state_dict gives, or the state of other parameters or of another kind
            of optimizer, or one with inf or nan in it.
    """
    _refuse_another_form(state)
    optimizer = unwrapped(optimizer)
    groups, entries = state["param_groups"], state["state"]
    in_file = [len(group["params"]) for group in groups]
    here = [len(group["params"]) for group in optimizer.param_groups]
    if in_file != here:
        raise ValueError(
            f"the state has parameter groups of {in_file} parameters, and this optimizer has {here}: "
            "the model or its grouping has changed since it was saved."
        )
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        _refuse_other_names(group, own)
        for number, parameter in zip(group["params"], own["params"], strict=True):
            refuse_another_spread(number, entries.get(number, {}), parameter)
    if not is_torchs_own(type(optimizer)):
        return
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        _refuse_another_kind(optimizer, group)
        keeps = _Keeps(type(optimizer), group)
        names = own.get("param_names", group["params"])
        for name, number, parameter in zip(names, group["params"], own["params"], strict=True):
            keeps.refuse_another_entry(name, entries.get(number, {}), parameter)
    _refuse_non_finite(optimizer, groups, entries)


def _refuse_another_form(saved: Any) -> None:
    """Refuse what cannot be the state of any optimizer."""
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise ValueError("state['optimizer'] must be what a torch optimizer's state_dict() gives.")
    entries, groups = saved["state"], saved["param_groups"]
    if not isinstance(entries, Mapping) or not all(isinstance(entry, Mapping) for entry in entries.values()):
        raise ValueError("state['optimizer']['state'] must be a dictionary of dictionaries, one for each parameter.")
    if not isinstance(groups, list | tuple) or not all(
        isinstance(group, Mapping) and isinstance(group.get("params"), list | tuple) for group in groups
    ):
        raise ValueError("state['optimizer']['param_groups'] must be dictionaries with 'params', lists of numbers.")
    numbers = [number for group in groups for number in group["params"]]
    if not all(isinstance(number, int | str) for number in numbers) or len(set(numbers)) < len(numbers):
        raise ValueError("state['optimizer']['param_groups']: 'params' must name each parameter once.")
    for number, group in enumerate(groups):
        rate = group.get("lr")
        if not isinstance(rate, int | float | torch.Tensor) or (isinstance(rate, torch.Tensor) and rate.numel() != 1):
            raise ValueError(f"state['optimizer']['param_groups'][{number}]['lr'] must be a number, got {rate!r:.60}")
        for name in SWITCHES & set(group):
            if not isinstance(group[name], bool | None):
                raise ValueError(
                    f"state['optimizer']['param_groups'][{number}][{name!r}] must be True, False or None, "
                    f"got {group[name]!r:.60}"
                )


def _refuse_other_names(saved: Mapping[str, Any], group: Mapping[str, Any]) -> None:
    """Refuse parameters in another order, where both the file and the optimizer know what they are called."""
    if "param_names" not in saved or "param_names" not in group:
        return
    in_file, here = ([without_wrappers(name) for name in names["param_names"]] for names in (saved, group))
    if in_file != here:
        place = next((n for n, (a, b) in enumerate(zip(in_file, here, strict=False)) if a != b), len(here))
        raise ValueError(
            f"the state has {in_file[place : place + 1]} where this optimizer has {here[place : place + 1]}: the order "
            "of the parameters or their names have changed since it was saved."
        )


class _Keeps:
    """What one of torch's optimizers keeps for the parameters of a group, found by a step without data or memory.

    Args:
        kind: the optimizer's class.
        group: its arguments.

    Raises:
        ValueError: arguments that the optimizer does not take.
    """

    def __init__(self, kind: type[torch.optim.Optimizer], group: Mapping[str, Any]) -> None:
        self._kind, self._group = kind, group
        self._known: dict[tuple[torch.Size, torch.dtype], dict[str, Any]] = {}

    def refuse_another_entry(self, name: object, entry: Mapping[str, Any], parameter: torch.Tensor) -> None:
        """Refuse an entry with which the optimizer could not make its next step."""
        if not (parameter.is_floating_point() or parameter.is_complex()):
            return  # quantised and frozen
        fresh = self._fresh(parameter)
        for kind, value in fresh.items() if entry else ():  # without an entry it begins with the next step
            if entry.get(kind) is None:
                if not self._steps_without(parameter, {k: v for k, v in fresh.items() if entry.get(k) is not None}):
                    raise ValueError(
                        f"the state of parameter {name} has no {kind!r}, which {self._kind.__name__} needs with these "
                        "arguments: the file is not complete."
                    )
                continue
            shape, found = _shape(value), _shape(entry[kind])
            if found is None:
                raise ValueError(f"the state of parameter {name} has {kind}={entry[kind]!r:.60}, which is no number.")
            if found != shape:
                raise ValueError(
                    f"the state of parameter {name} has {kind!r} of shape {found}, and here it has {shape}: "
                    "the model or the order of its parameters has changed."
                )

    def _fresh(self, parameter: torch.Tensor) -> dict[str, Any]:
        key = parameter.shape, parameter.dtype
        if key not in self._known:
            optimizer, copy = self._stand_in(parameter)
            with suppress(RuntimeError):  # a number cannot be read there; what is kept was made before
                optimizer.step()
            self._known[key] = dict(optimizer.state[copy])
        return self._known[key]

    def _steps_without(self, parameter: torch.Tensor, kept: dict[str, Any]) -> bool:
        """Whether a step works with this alone: SGD begins a momentum that is missing at any time."""
        optimizer, copy = self._stand_in(parameter)
        optimizer.state[copy] = kept
        try:
            optimizer.step()
        except Exception:  # whatever it stumbles over
            return False
        return True

    def _stand_in(self, parameter: torch.Tensor) -> tuple[torch.optim.Optimizer, torch.Tensor]:
        try:
            return stand_in(self._kind, self._group, parameter)
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
            raise ValueError(
                f"state['optimizer']['param_groups'] has arguments that {self._kind.__name__} refuses: {error}"
            ) from error


def _shape(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    return () if isinstance(value, int | float) else None


def _refuse_non_finite(
    optimizer: torch.optim.Optimizer, groups: Sequence[Mapping[str, Any]], entries: Mapping[Any, Mapping[str, Any]]
) -> None:
    """Refuse moments with inf or nan in them: they would never become finite again."""
    names = [
        name for group in optimizer.param_groups for name in group.get("param_names", [None] * len(group["params"]))
    ]
    numbers = [number for group in groups for number in group["params"]]
    found: dict[torch.device, list[tuple[str, torch.Tensor]]] = {}
    for name, number in zip(names, numbers, strict=True):
        for kind, value in entries.get(number, {}).items():
            if isinstance(value, torch.Tensor | float):
                flag = _is_finite(torch.as_tensor(value))
                found.setdefault(flag.device, []).append((f"{kind!r} of parameter {name or number}", flag))
    for flags in found.values():
        whole = torch.stack([flag for _, flag in flags]).tolist()  # one number after the other would be one wait each
        broken = [where for (where, _), finite in zip(flags, whole, strict=True) if not finite]
        if broken:
            raise ValueError(
                f"the state has inf or nan in {', '.join(broken[:3])}{', ...' * (len(broken) > 3)}: the run had "
                "diverged when it was saved. Go back to an earlier checkpoint."
            )


def _is_finite(value: torch.Tensor) -> torch.Tensor:
    value = value.detach()
    own_shard: Any = getattr(value, "to_local", None)  # as fully_shard makes it
    if own_shard is not None:
        value = own_shard()
    if value.is_sparse:
        value = value.coalesce().values()
    if value.is_complex():
        value = torch.view_as_real(value)
    if value.is_floating_point() and value.element_size() == 1:
        value = value.float()
    if value.numel() == 0 or not value.is_floating_point():
        return torch.ones((), dtype=torch.bool)
    # Smallest and largest are finite if all are, and nan if one is nan. This takes no memory.
    smallest, largest = value.aminmax()
    return smallest.isfinite() & largest.isfinite()


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
