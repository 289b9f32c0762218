"""Entries of a parameter group by name: ``lr``, ``weight_decay``, ``betas[0]``, read, checked and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

import torch

from optimsche import habits
from optimsche.call_errors import did_you_mean

_ENTRY = re.compile(r"(\w+)(?:\[(\d+)\])?")
_NOT_SCHEDULED = {"params", "param_names", "initial_lr", "lr_scale", "follows", "name"}


class Entry(NamedTuple):
    """The name of an entry, and the place in it where it is a tuple.

    >>> entry("betas[0]", "schedules")
    Entry(name='betas', place=0)
    """

    name: str
    place: int | None = None

    def read(self, group: MutableMapping[str, Any]) -> Any:
        """The value that a group has."""
        value = group[self.name]
        return value if self.place is None else value[self.place]

    def write(self, group: MutableMapping[str, Any], value: float) -> None:
        """Give a group a value; a tensor is filled in place, so that a compiled step goes on reading the same one.

        >>> group = {"betas": (0.9, 0.99)}
        >>> Entry("betas", 0).write(group, 0.5)
        >>> group
        {'betas': (0.5, 0.99)}
        """
        old = self.read(group)
        if isinstance(old, torch.Tensor):
            old.fill_(value)
        else:
            group[self.name] = self.changed(group[self.name], value)

    def changed(self, whole: Any, value: float) -> Any:
        """What the entry as a whole is with this value in its place.

        >>> Entry("betas", 1).changed((0.9, 0.99), 0.5)
        (0.9, 0.5)
        """
        if self.place is None:
            return value
        return tuple(value if place == self.place else each for place, each in enumerate(whole))

    def __str__(self) -> str:
        return self.name if self.place is None else f"{self.name}[{self.place}]"


LR, LR_SCALE, MOMENTUM = Entry("lr"), Entry("lr_scale"), Entry("momentum")


def entry(text: str, call: str) -> Entry:
    """An entry from its name, such as ``weight_decay`` or ``betas[0]``.

    Args:
        text: the name.
        call: who asks, for errors.

    Raises:
        ValueError: not such a name.
    """
    match = _ENTRY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{call}: {text!r} is no hyperparameter; write its name, or 'betas[0]' for a part of it")
    return Entry(match[1], None if match[2] is None else int(match[2]))


def check_entry(where: Entry, group: Mapping[str, Any], kind: str, call: str) -> None:
    """Refuse an entry that a group does not have as a number.

    Args:
        where: the entry.
        group: of an optimizer.
        kind: what that is called, for errors.
        call: who asks, likewise.

    Raises:
        ValueError: there is none of this name or place, or it is no number.

    >>> check_entry(Entry("momentun"), {"params": [], "momentum": 0.9}, "SGD", "schedules")
    Traceback (most recent call last):
    ValueError: schedules: SGD has no hyperparameter 'momentun'; did you mean 'momentum'?
    """
    known = {
        name: value
        for name, value in group.items()
        if name not in _NOT_SCHEDULED and not isinstance(value, bool) and value is not None
    }
    if where.name not in known:
        here = habits.HYPERPARAMETERS.get(where.name, "")
        hint = f"; here that is {here!r}" if here.partition("[")[0] in {*known, "grad_clip"} else ""
        hint = hint or did_you_mean(where.name, known) or f"; it has {', '.join(sorted(known))}"
        raise ValueError(f"{call}: {kind} has no hyperparameter {where.name!r}{hint}")
    value = known[where.name]
    if where.place is not None:
        if not isinstance(value, list | tuple) or where.place >= len(value):
            raise ValueError(f"{call}: {kind} has {where.name}={value!r}, and no {where}")
        value = value[where.place]
    if isinstance(value, list | tuple):
        names = " or ".join(f"'{where}[{place}]'" for place in range(len(value)))
        raise ValueError(f"{call}: {where}={value!r} of {kind} has several numbers; schedule {names}")
    if not isinstance(value, int | float | torch.Tensor):
        raise ValueError(f"{call}: {kind} has {where}={value!r}, which is no number")


def tensors_of(groups: Iterable[Mapping[str, Any]]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every hyperparameter that is a tensor, with a copy of its value."""
    tensors = []
    for group in groups:
        for name, value in group.items():
            for part in value if isinstance(value, list | tuple) and name != "params" else [value]:
                if isinstance(part, torch.Tensor):
                    tensors.append((part, part.clone()))
    return tensors


def own_tensors(optimizer: torch.optim.Optimizer, names: Iterable[str]) -> None:
    """Give each group tensors of its own: torch puts one and the same into every group that names none.

    The first to have a tensor keeps it. What is written to a group is not the default of new ones, either.

    Args:
        optimizer: with all its groups.
        names: of the hyperparameters that are to be written.

    >>> optimizer = torch.optim.SGD([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)]}], torch.tensor(0.5))
    >>> first, second = optimizer.param_groups
    >>> own_tensors(optimizer, ["lr"])
    >>> first["lr"] is second["lr"], second["lr"]
    (False, tensor(0.5000))
    """
    seen: set[int] = set()

    def own(value: Any) -> Any:
        if isinstance(value, list | tuple):
            parts = [own(part) for part in value]
            return value if all(new is old for new, old in zip(parts, value, strict=True)) else tuple(parts)
        if isinstance(value, torch.Tensor):
            value = value.clone() if id(value) in seen else value
            seen.add(id(value))
        return value

    for name in names:
        for group in (*optimizer.param_groups, optimizer.defaults):
            if name in group:
                group[name] = own(group[name])


def keep_tensors(group: MutableMapping[str, Any], before: Mapping[str, Any]) -> None:
    """Give a group that was loaded the tensors that the one before had as hyperparameters, with the loaded values.

    >>> group, beta = {"betas": (0.5, 0.9)}, torch.tensor(0.0)
    >>> keep_tensors(group, {"betas": (beta, 0.0)})
    >>> group, group["betas"][0] is beta
    ({'betas': (tensor(0.5000), 0.9)}, True)
    """

    def filled(old: Any, new: Any) -> Any:
        if isinstance(old, torch.Tensor):
            return old.fill_(float(new))
        if isinstance(old, list | tuple) and len(old) == len(new):
            return tuple(map(filled, old, new))
        return new

    for name, old in before.items():
        parts = old if isinstance(old, list | tuple) else [old]
        if name != "params" and name in group and any(isinstance(part, torch.Tensor) for part in parts):
            group[name] = filled(old, group[name])
