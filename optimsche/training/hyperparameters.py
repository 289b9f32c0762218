"""Entries of a parameter group by name: ``lr``, ``weight_decay``, ``betas[0]``, read, checked and written."""

from __future__ import annotations

import math
import re
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import torch

from optimsche.domains import did_you_mean

_ENTRY = re.compile(r"(\w+)(?:\[(\d+)\])?")
_NOT_SCHEDULED = {"params", "param_names", "initial_lr", "lr_scale"}


class Entry(NamedTuple):
    """The name of an entry, and the place in it where it is a tuple.

    >>> entry("betas[0]")
    Entry(name='betas', place=0)
    """

    name: str
    place: int | None

    def read(self, group: MutableMapping[str, Any]) -> Any:
        """The value that a group has."""
        value = group[self.name]
        return value if self.place is None else value[self.place]

    def write(self, group: MutableMapping[str, Any], value: float) -> None:
        """Give a group a value; a tensor is filled in place, so that a compiled step goes on reading the same one.

        >>> group = {"betas": (0.9, 0.99)}
        >>> entry("betas[0]").write(group, 0.5)
        >>> group
        {'betas': (0.5, 0.99)}
        """
        old = self.read(group)
        if isinstance(old, torch.Tensor):
            old.fill_(value)
        elif self.place is None:
            group[self.name] = value
        else:
            values = list(group[self.name])
            values[self.place] = value
            group[self.name] = tuple(values)

    def __str__(self) -> str:
        return self.name if self.place is None else f"{self.name}[{self.place}]"


def entry(text: str) -> Entry:
    """An entry from its name, such as ``weight_decay`` or ``betas[0]``.

    Raises:
        ValueError: not such a name.
    """
    match = _ENTRY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"schedules: {text!r} is no hyperparameter; write its name, or 'betas[0]' for a part of it")
    return Entry(match[1], None if match[2] is None else int(match[2]))


def check_entry(where: Entry, group: MutableMapping[str, Any], kind: str) -> None:
    """Refuse an entry that a group does not have as a number.

    Raises:
        ValueError: there is none of this name or place, or it is no number.

    >>> check_entry(entry("momentun"), {"params": [], "momentum": 0.9}, "SGD")
    Traceback (most recent call last):
    ValueError: schedules: SGD has no hyperparameter 'momentun'; did you mean 'momentum'?
    """
    known = {
        name: value
        for name, value in group.items()
        if name not in _NOT_SCHEDULED and not isinstance(value, bool) and value is not None
    }
    if where.name not in known:
        hint = did_you_mean(where.name, known) or f"; it has {', '.join(sorted(known))}"
        raise ValueError(f"schedules: {kind} has no hyperparameter {where.name!r}{hint}")
    value = known[where.name]
    if where.place is not None:
        if not isinstance(value, list | tuple) or where.place >= len(value):
            raise ValueError(f"schedules: {kind} has {where.name}={value!r}, and no {where}")
        value = value[where.place]
    if isinstance(value, list | tuple):
        raise ValueError(f"schedules: {where}={value!r} has several numbers; schedule one of them: '{where}[0]'")
    if not isinstance(value, int | float | torch.Tensor):
        raise ValueError(f"schedules: {kind} has {where}={value!r}, which is no number")


def admitted_number(where: Entry, value: float) -> float:
    """``value``, if this entry may have it: finite and not negative; below 1 where it is a factor of decay.

    Raises:
        ValueError: it may not.

    >>> admitted_number(entry("betas[0]"), 1.0)
    Traceback (most recent call last):
    ValueError: betas[0] would be 1.0; it is >= 0 and below 1
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{where} would be {value}; it is finite and >= 0")
    if where.name in ("betas", "alpha", "rho") and value >= 1:
        raise ValueError(f"{where} would be {value}; it is >= 0 and below 1")
    return value
