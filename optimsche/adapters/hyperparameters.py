"""Entries of an optimizer's parameter groups by name: `lr`, `weight_decay`, `betas[0]`."""

from __future__ import annotations

import math
import re
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import torch

from optimsche.call_errors import did_you_mean

Group = MutableMapping[str, Any]

_NAME = re.compile(r"(\w+)\[(\d+)\]")
_KEYWORD = re.compile(r"(\w+)_(\d+)")
_NOT_NEGATIVE = {"lr", "weight_decay", "momentum", "betas"}
_NOT_SCHEDULED = {"params", "param_names", "initial_lr", "lr_scale"}


class Entry(NamedTuple):
    """The name of an entry, and the place in it where it is a tuple."""

    name: str
    place: int | None = None

    def __str__(self) -> str:
        return self.name if self.place is None else f"{self.name}[{self.place}]"

    def read(self, group: Group) -> Any:
        """The value that a group has."""
        return group[self.name] if self.place is None else group[self.name][self.place]

    def write(self, group: Group, value: float, taken: set[int]) -> None:
        """Give a group a value. A tensor is filled in place, so that a compiled step goes on reading the same one.

        Args:
            group: of the optimizer.
            value: to write.
            taken: identities of the tensors that groups before this one have, which grows by this one's. torch puts one
                tensor into every group that names none; the first keeps it, each other gets one of its own.

        >>> group = {"lr": 0.0, "betas": (torch.tensor(0.0), 0.99)}
        >>> LR.write(group, 0.5, set())
        >>> Entry("betas", 0).write(group, 0.25, set())
        >>> group
        {'lr': 0.5, 'betas': (tensor(0.2500), 0.99)}
        """
        old = self.read(group)
        if isinstance(old, torch.Tensor):
            if id(old) not in taken:
                taken.add(id(old.fill_(value)))
                return
            new: Any = torch.full_like(old, value)
            taken.add(id(new))
        else:
            new = value
        if self.place is None:
            group[self.name] = new
        else:
            values = list(group[self.name])
            values[self.place] = new
            group[self.name] = tuple(values)

    def admit(self, value: float) -> float:
        """`value`, if this entry may have it: finite; not negative where it is a rate, a decay or a momentum.

        What others may be is the optimizer's to say.

        Raises:
            ValueError: it may not.
        """
        if not math.isfinite(value):
            raise ValueError(f"{self} would be {value}; it is finite")
        if self.name in _NOT_NEGATIVE and value < 0:
            raise ValueError(f"{self} would be {value}; it is finite and >= 0")
        if self.name == "betas" and value >= 1:
            raise ValueError(f"{self} would be {value}; it is >= 0 and below 1")
        return value


LR = Entry("lr")


def entry_of(name: str, groups: list[dict[str, Any]], kind: str) -> Entry:
    """The entry of this name, which every group has as a number. As a keyword, `betas_0` is `betas[0]`.

    Raises:
        ValueError: a group has no such number.

    >>> entry_of("betas_0", [{"betas": (0.9, 0.99)}], "Adam")
    Entry(name='betas', place=0)
    >>> entry_of("momentun", [{"params": [], "momentum": 0.9}], "SGD")
    Traceback (most recent call last):
    ValueError: ScheduleLR: SGD has no hyperparameter 'momentun'; did you mean 'momentum'?
    """
    found = _NAME.fullmatch(name) or (None if all(name in group for group in groups) else _KEYWORD.fullmatch(name))
    where = Entry(found[1], int(found[2])) if found else Entry(name)
    for group in groups:
        known = {
            key: value
            for key, value in group.items()
            if key not in _NOT_SCHEDULED and value is not None and not isinstance(value, bool | str)
        }
        if where.name not in known:
            hint = did_you_mean(where.name, known) or f"; it has {', '.join(sorted(known))}"
            raise ValueError(f"ScheduleLR: {kind} has no hyperparameter {where.name!r}{hint}")
        value = known[where.name]
        if isinstance(value, list | tuple):
            if where.place is None:
                names = " or ".join(f"'{where}[{place}]'" for place in range(len(value)))
                raise ValueError(f"ScheduleLR: {where}={value!r} of {kind} has several numbers; schedule {names}")
            if where.place >= len(value):
                raise ValueError(f"ScheduleLR: {kind} has {where.name}={value!r}, and no {where}")
        elif where.place is not None:
            raise ValueError(f"ScheduleLR: {kind} has {where.name}={value!r}, and no {where}")
    return where
