"""Rules by name: what the parameters under a pattern follow, and the groups that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import torch
from annotated_types import Gt, Le

from optimsche.call_errors import did_you_mean, explained
from optimsche.checking import admit
from optimsche.param_groups.names import Both, Pattern, first_few, matches, shown
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

Setting: TypeAlias = Any  # a schedule, a number, or for "grad_clip" a way to clip
Rules: TypeAlias = Mapping[Pattern, Schedule | Mapping[str, Setting]]

_DECAY: Any = Annotated[float, Gt(0), Le(1), Meaning("the rate of a layer, as a part of that of the next")]


def bias_or_norm(name: str, parameter: torch.Tensor) -> bool:
    """Whether a parameter is a bias or the gain of a normalisation: whatever has one dimension or none.

    A predicate for ``schedules=``; these are commonly left out of weight decay.

    >>> bias_or_norm("head.bias", torch.zeros(3)), bias_or_norm("head.weight", torch.zeros(3, 4))
    (True, False)
    """
    return parameter.dim() <= 1


@explained
def without_decay(rules: Rules, where: Callable[[str, torch.Tensor], bool] = bias_or_norm) -> Rules:
    """The same rules, with no weight decay for some of the parameters.

    Args:
        rules: as for ``OptimScheduler(schedules=...)``.
        where: which parameters, by their name and themselves; by default biases and the gains of normalisations.

    Returns:
        Rules with two entries for each of the given ones.

    Raises:
        TypeError: not rules, or not a predicate.

    >>> from optimsche import constant
    >>> list(without_decay({"*": constant(value=0.1)}).items())[0]
    (* and bias_or_norm, {'lr': constant(value=0.1, steps=None), 'weight_decay': 0.0})
    """
    check_rules("without_decay: rules", rules)
    if not callable(where):
        raise TypeError(f"without_decay: where must be a predicate (name, parameter) -> bool, got {where!r:.80}.")
    split: dict[Pattern, Any] = {}
    for pattern, settings in rules.items():
        split[Both(pattern, where)] = {**settings_of(pattern, settings), "weight_decay": 0.0}
        split[pattern] = settings
    return split


@explained
def layer_decay(layers: Sequence[Pattern], factor: float, schedule: Schedule) -> Rules:
    """Rules with a lower rate for each layer further from the output.

    Args:
        layers: patterns from the input to the output: ``["embed.*", "blocks.0.*", "blocks.1.*", "head.*"]``.
        factor: the rate of a layer as a part of that of the next; above 0, at most 1.
        schedule: the rate of the last.

    Returns:
        Rules for ``OptimScheduler(schedules=...)``.

    Raises:
        ValueError: a factor outside its range, no layers, or one twice.
        TypeError: not a list of patterns, a number, and a schedule.

    >>> from optimsche import constant
    >>> rules = layer_decay(["embed.*", "blocks.0.*", "head.*"], 0.5, constant(value=0.1))
    >>> [settings["lr_scale"] for settings in rules.values()]
    [0.25, 0.5, 1.0]
    """
    factor = admit("layer_decay", "factor", _DECAY, factor)
    schedule = admit("layer_decay", "schedule", Schedule, schedule)
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(
            f"layer_decay: layers must be a list of patterns, from input to output, got {type(layers).__name__}."
        )
    if not layers:
        raise ValueError(f"layer_decay(layers={layers!r}): there must be a layer, or several, from input to output.")
    twice = [pattern for number, pattern in enumerate(layers) if pattern in layers[:number]]
    if twice:
        raise ValueError(
            f"layer_decay(layers=...): {shown(twice[0])!r} is there twice, and a layer has one rate. Leave one out."
        )
    depth = len(layers) - 1
    return {pattern: {"lr": schedule, "lr_scale": factor ** (depth - number)} for number, pattern in enumerate(layers)}


def check_rules(what: str, rules: Any) -> None:
    """Refuse what is no mapping from patterns to what they follow.

    Raises:
        TypeError: it is not, or there is nothing in it.
    """
    if not isinstance(rules, Mapping) or not rules:
        raise TypeError(
            f"{what} must be a mapping from patterns to schedules, such as {{'head.*': {{'lr': plan}}, '*': ...}}, "
            f"got {rules!r:.80}"
        )


def settings_of(pattern: Pattern, settings: Any) -> Mapping[str, Setting]:
    """What stands under a pattern, as a mapping.

    Raises:
        TypeError: neither a schedule nor a mapping.
    """
    if isinstance(settings, Schedule):
        return {"lr": settings}
    if not isinstance(settings, Mapping):
        raise TypeError(
            f"schedules[{shown(pattern)!r}] must be a schedule or a mapping such as {{'lr': plan}}, "
            f"got {type(settings).__name__}."
        )
    return settings


def check_patterns(patterns: Iterable[Pattern], named: Sequence[tuple[Sequence[str], torch.Tensor]]) -> None:
    """Refuse patterns that no parameter falls under.

    Args:
        patterns: in their order; the first that holds wins.
        named: all the parameters there are, each with all its names.

    Raises:
        ValueError: a pattern that matches nothing, or nothing that is left.
        TypeError: neither text nor a predicate on (name, parameter).
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
        rest = [(names, parameter) for names, parameter in left if not matches(pattern, names, parameter)]
        if len(rest) == len(left) and not isinstance(pattern, Both):
            if any(matches(pattern, names, parameter) for names, parameter in named):
                if pattern in divided:
                    continue
                raise ValueError(
                    f"schedules: all that {shown(pattern)!r} matches is matched by a pattern before it, and the first "
                    "wins. Put it further up."
                )
            known = [name for names, _ in named for name in names]
            hint = did_you_mean(pattern, known) if isinstance(pattern, str) else ""
            raise ValueError(
                f"schedules: {shown(pattern)!r} matches no parameter{hint}\n    There are {first_few(known)}"
            )
        left = rest


def split_group(
    group: dict[str, Any], patterns: Sequence[Pattern], names: Mapping[int, Sequence[str]]
) -> list[tuple[int, dict[str, Any]]]:
    """Split a group until each part falls under one pattern.

    Args:
        group: of an optimizer; what that keeps for each parameter stays with the parameter.
        patterns: the first that holds for a parameter is its.
        names: of the parameters, by ``id``.

    Returns:
        The number of its pattern with each part; with the group itself where nothing has to be split.

    Raises:
        ValueError: a parameter without a name or without a pattern.
    """
    places_of: dict[int, list[int]] = {}
    for place, parameter in enumerate(group["params"]):
        number = _number_of(patterns, names.get(id(parameter)), parameter)
        places_of.setdefault(number, []).append(place)
    if len(places_of) <= 1:
        return [(next(iter(places_of), len(patterns) - 1), group)]  # one that is empty follows what is for the rest
    parts = []
    for number, places in sorted(places_of.items()):
        part = dict(group, params=[group["params"][place] for place in places])
        if "param_names" in group:
            part["param_names"] = [group["param_names"][place] for place in places]
        parts.append((number, part))
    return parts


def _number_of(patterns: Sequence[Pattern], names: Sequence[str] | None, parameter: torch.Tensor) -> int:
    if names is None:
        raise ValueError(
            f"schedules: a parameter of shape {tuple(parameter.shape)} has no name. Names come from the model: "
            "OptimScheduler(..., model=model)"
        )
    for number, pattern in enumerate(patterns):
        if matches(pattern, names, parameter):
            return number
    raise ValueError(
        f"schedules: no pattern matches {names[0]!r}. End with one for all that is left: "
        "schedules={..., '*': {'lr': plan}}"
    )
