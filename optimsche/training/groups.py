"""Parameter groups by name: which rule a parameter falls under, and the groups that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import torch
from torch import nn

from optimsche.domains import did_you_mean
from optimsche.schedule import Schedule
from optimsche.training.parameters import names_of

Pattern: TypeAlias = str | Callable[[str, torch.Tensor], bool]
Setting: TypeAlias = Any  # a schedule, a number, or for "grad_clip" a way to clip
Rules: TypeAlias = Mapping[Pattern, Schedule | Mapping[str, Setting]]


def bias_or_norm(name: str, parameter: torch.Tensor) -> bool:
    """Whether a parameter is a bias or the gain of a normalisation: whatever has one dimension or none.

    A predicate for ``schedules=``; these are commonly left out of weight decay.

    >>> bias_or_norm("head.bias", torch.zeros(3)), bias_or_norm("head.weight", torch.zeros(3, 4))
    (True, False)
    """
    return parameter.dim() <= 1


class Both:
    """A pattern and a predicate: a parameter for which both hold. It need not match anything."""

    def __init__(self, pattern: Pattern, where: Callable[[str, torch.Tensor], bool]) -> None:
        self.pattern, self.where = pattern, where

    def __call__(self, name: str, parameter: torch.Tensor) -> bool:
        """Whether both hold."""
        return matches(self.pattern, name, parameter) and self.where(name, parameter)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Both) and (self.pattern, self.where) == (other.pattern, other.where)

    def __hash__(self) -> int:
        return hash((self.pattern, self.where))

    def __repr__(self) -> str:
        return f"{shown(self.pattern)} and {shown(self.where)}"


def without_decay(rules: Rules, where: Callable[[str, torch.Tensor], bool] = bias_or_norm) -> Rules:
    """The same rules, with no weight decay for some of the parameters.

    Args:
        rules: as for ``OptimScheduler(schedules=...)``.
        where: which parameters, by their name and themselves; by default biases and the gains of normalisations.

    Returns:
        Rules with two entries for each of the given ones.

    >>> from optimsche import constant
    >>> list(without_decay({"*": constant(value=0.1)}).items())[0]
    (* and bias_or_norm, {'lr': constant(value=0.1, steps=None), 'weight_decay': 0.0})
    """
    split: dict[Pattern, Any] = {}
    for pattern, settings in rules.items():
        given = {"lr": settings} if isinstance(settings, Schedule) else dict(settings)
        split[Both(pattern, where)] = {**given, "weight_decay": 0.0}
        split[pattern] = settings
    return split


def layer_decay(layers: Sequence[Pattern], factor: float, schedule: Schedule) -> Rules:
    """Rules with a lower rate for each layer further from the output.

    Args:
        layers: patterns from the input to the output: ``["embed.*", "blocks.0.*", "blocks.1.*", "head.*"]``.
        factor: the rate of a layer as a part of that of the next; above 0, at most 1.
        schedule: the rate of the last.

    Returns:
        Rules for ``OptimScheduler(schedules=...)``.

    Raises:
        ValueError: a factor outside its range, or no layers.

    >>> from optimsche import constant
    >>> rules = layer_decay(["embed.*", "blocks.0.*", "head.*"], 0.5, constant(value=0.1))
    >>> [settings["lr_scale"] for settings in rules.values()]
    [0.25, 0.5, 1.0]
    """
    if not 0 < factor <= 1:
        raise ValueError(f"layer_decay(factor={factor!r}): factor must be above 0 and at most 1, got {factor!r}.")
    if isinstance(layers, str) or not layers:
        raise ValueError(f"layer_decay(layers={layers!r}): layers must be a list of patterns, from input to output.")
    depth = len(layers) - 1
    return {pattern: {"lr": schedule, "lr_scale": factor ** (depth - number)} for number, pattern in enumerate(layers)}


def matches(pattern: Pattern, name: str, parameter: torch.Tensor) -> bool:
    """Whether a pattern holds for a parameter: a name, a glob, the name of a module, or a predicate.

    >>> weight = torch.zeros(1)
    >>> [matches(p, "blocks.0.weight", weight) for p in ("blocks.*", "blocks", "*.weight", "block", bias_or_norm)]
    [True, True, True, False, True]
    """
    if isinstance(pattern, str):
        return fnmatchcase(name, pattern) or name.startswith(pattern + ".")
    return bool(pattern(name, parameter))


def shown(pattern: Any) -> str:
    """A pattern for messages."""
    return pattern if isinstance(pattern, str) else getattr(pattern, "__name__", repr(pattern))


def check_patterns(patterns: Iterable[Pattern], named: Sequence[tuple[str, torch.Tensor]]) -> None:
    """Refuse patterns that no parameter falls under.

    Args:
        patterns: in their order; the first that holds wins.
        named: all the parameters there are, by name.

    Raises:
        ValueError: a pattern that matches nothing, or nothing that is left.
        TypeError: neither text nor a predicate.
    """
    left = list(named)
    divided: list[Pattern] = []  # what stands in a Both: all that is left of it may be nothing
    for pattern in patterns:
        if isinstance(pattern, Both):
            divided.append(pattern.pattern)
        if not isinstance(pattern, str) and not callable(pattern):
            raise TypeError(
                f"schedules: {pattern!r} must be a name, a glob or a predicate (name, parameter) -> bool, "
                f"got {type(pattern).__name__}."
            )
        taken = [name for name, parameter in left if matches(pattern, name, parameter)]
        if not taken and not isinstance(pattern, Both):
            if any(matches(pattern, name, parameter) for name, parameter in named):
                if pattern in divided:
                    continue
                raise ValueError(
                    f"schedules: all that {shown(pattern)!r} matches is matched by a pattern before it, and the first "
                    "wins. Put it further up."
                )
            names = [name for name, _ in named]
            hint = did_you_mean(pattern, names) if isinstance(pattern, str) else ""
            raise ValueError(
                f"schedules: {shown(pattern)!r} matches no parameter{hint}\n    There are {', '.join(names[:5])}"
                + (", ..." if len(names) > 5 else "")
            )
        left = [(name, parameter) for name, parameter in left if name not in set(taken)]


def split_groups(
    groups: list[dict[str, Any]], known: int, patterns: Sequence[Pattern], model: nn.Module | None
) -> list[int]:
    """Split the groups from number ``known`` on, in place, until each falls under one pattern.

    Args:
        groups: an optimizer's; what it keeps for each parameter stays with the parameter.
        known: how many of them were split before.
        patterns: the first that holds for a parameter is its.
        model: where the names come from; None where the groups themselves have them.

    Returns:
        For each new group, the number of its pattern.

    Raises:
        ValueError: a parameter without a name or without a pattern; nothing is changed then.
    """
    names = names_of(groups, model)
    split: list[dict[str, Any]] = []
    numbers: list[int] = []
    for group in groups[known:]:
        parts: dict[int, list[int]] = {}
        for place, parameter in enumerate(group["params"]):
            parts.setdefault(_number_of(patterns, names.get(id(parameter)), parameter), []).append(place)
        if len(parts) == 1:
            split.append(group)
            numbers += parts
            continue
        for number, places in sorted(parts.items()):
            part = dict(group, params=[group["params"][place] for place in places])
            if "param_names" in group:
                part["param_names"] = [group["param_names"][place] for place in places]
            split.append(part)
            numbers.append(number)
    groups[known:] = split
    return numbers


def _number_of(patterns: Sequence[Pattern], name: str | None, parameter: torch.Tensor) -> int:
    if name is None:
        raise ValueError(
            f"schedules: a parameter of shape {tuple(parameter.shape)} has no name. Names come from the model: "
            "OptimScheduler(..., model=model)"
        )
    for number, pattern in enumerate(patterns):
        if matches(pattern, name, parameter):
            return number
    raise ValueError(
        f"schedules: no pattern matches {name!r}. End with one for all that is left: "
        "schedules={..., '*': {'lr': plan}}"
    )
