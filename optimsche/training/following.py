"""What each parameter group follows: its rate, other hyperparameters, its clip; evaluated once an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from optimsche.domains import did_you_mean
from optimsche.schedule import Schedule
from optimsche.training import attaching, parameters
from optimsche.training.clipping import Clip, admitted_clip
from optimsche.training.groups import Pattern, Rules, check_patterns, shown, split_groups
from optimsche.training.hyperparameters import Entry, admitted_number, check_entry, entry
from optimsche.training.rates import admit_groups, group_rates, refuse_silent_flattening, write

_FIXED = ("lr_scale", "grad_clip")  # settings that are no hyperparameter of the optimizer


class Values(NamedTuple):
    """What is to be written for one update: the rate of each group, and other entries by group."""

    rates: list[float]
    others: list[tuple[int, Entry, float]]


class _Rule(NamedTuple):
    """What the parameters under one pattern follow."""

    rate: Schedule | None
    schedules: tuple[tuple[Entry, Schedule], ...]
    numbers: tuple[tuple[Entry, float], ...]
    lr_scale: float | None
    clip: Clip | None
    clips_itself: bool


class Followed:
    """The schedules of all parameter groups, and which group follows which.

    Args:
        optimizer: whose groups they are; they are split where a group falls under several patterns.
        model: where the parameters' names come from.
        rules: schedules by pattern; None where every group follows ``OptimScheduler.schedule`` alone.
        relative: whether a rate multiplies each group's own.
        epochs_known: whether a schedule may count epochs.

    Raises:
        ValueError, TypeError: a pattern, a name or a value that cannot be.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        model: nn.Module | None,
        rules: Rules | None,
        *,
        relative: bool,
        epochs_known: bool,
    ) -> None:
        self.optimizer, self.model, self.relative = optimizer, model, relative
        self.patterns: list[Pattern] = []
        self.group_clips: list[Clip | None] = []
        self.clips_itself: list[bool] = []
        self._rules: list[_Rule] = []
        self._rule_of: list[int] = []  # by group
        self._known = 0
        self.rules: Rules | None = None
        if rules is not None:
            self.replace(rules, epochs_known=epochs_known)

    def replace(self, rules: Rules, *, epochs_known: bool, others_have_rates: bool = True) -> None:
        """Follow other schedules; the patterns stay once groups have been made from them.

        Args:
            rules: schedules by pattern.
            epochs_known: whether a schedule may count epochs.
            others_have_rates: whether a pattern may leave the rate to a schedule for all.

        Raises:
            ValueError, TypeError: a pattern, a name or a value that cannot be; nothing is changed then.
        """
        if not isinstance(rules, Mapping) or not rules:
            raise TypeError(
                "schedules must be a mapping from patterns to schedules, such as {'head.*': {'lr': plan}, '*': ...}, "
                f"got {rules!r:.80}"
            )
        patterns = list(rules)
        if self._rule_of and patterns != self.patterns:
            raise ValueError(
                f"schedules: groups were made from the patterns {', '.join(map(shown, self.patterns))}, which stay; "
                f"got {', '.join(map(shown, patterns))}. For other groups build another OptimScheduler."
            )
        read = [_read_rule(pattern, settings, epochs_known) for pattern, settings in rules.items()]
        without = [shown(pattern) for pattern, rule in zip(patterns, read, strict=True) if rule.rate is None]
        if without and not others_have_rates:
            raise ValueError(f"schedules: {', '.join(map(repr, without))} has no 'lr', and there is no other schedule")
        if not self._rule_of:
            check_patterns(patterns, _named(self.optimizer, self.model))
        self.patterns, self._rules, self.rules = patterns, read, dict(rules)
        self._write_numbers()

    @property
    def all_have_rates(self) -> bool:
        """Whether no group needs a schedule besides the rules."""
        return bool(self._rules) and all(rule.rate is not None for rule in self._rules)

    @property
    def first_rate(self) -> Schedule | None:
        """The schedule of the first group's rate, if a rule gives it."""
        return self._rules[self._rule_of[0]].rate if self._rule_of else None

    def admit(self) -> None:
        """Look at the groups that are new: split them by pattern, and see that no rate of their own is lost.

        Raises:
            ValueError: a parameter that falls under no pattern; a rate that would be lost.
        """
        groups = self.optimizer.param_groups
        if self._known == len(groups):
            return
        if self._known > len(groups):
            self._known = 0  # groups were taken away: look at all of them again
            del self._rule_of[:]
        if self._rules:
            numbers = split_groups(groups, self._known, self.patterns, self.model)
            if not self.relative and self._known == 0:
                for rule in set(numbers):
                    refuse_silent_flattening([g for g, n in zip(groups, numbers, strict=True) if n == rule])
            self._rule_of += numbers
            admit_groups(self.optimizer, len(groups), relative=self.relative)
            self._known = len(groups)
            self._write_numbers()
        else:
            self._known = admit_groups(self.optimizer, self._known, relative=self.relative)
        self.read_clips()

    def read_clips(self) -> None:
        """Find out which groups are clipped by themselves: by their rule, or by an entry ``grad_clip`` of the group."""
        self.group_clips, self.clips_itself = [], []
        for number, group in enumerate(self.optimizer.param_groups):
            rule = self._rules[self._rule_of[number]] if self._rules else None
            if rule is not None and rule.clips_itself:
                self.group_clips.append(rule.clip)
                self.clips_itself.append(True)
            else:
                self.group_clips.append(admitted_clip(group.get("grad_clip"), "parameter group"))
                self.clips_itself.append("grad_clip" in group)
        if not any(self.clips_itself):
            self.group_clips, self.clips_itself = [], []

    def values(self, schedule: Schedule | None, update: int, epoch: float, factor: float) -> Values:
        """All values for one update; each schedule is evaluated once, however many groups share it.

        Raises:
            ValueError: a value that may not be.
        """
        self.admit()
        groups = self.optimizer.param_groups
        if not self._rules:
            value = factor * schedule(update, epoch)  # type: ignore[misc]
            return Values(group_rates(groups, [value] * len(groups), relative=self.relative), [])
        known: dict[int, float] = {}

        def value_of(one: Schedule) -> float:
            if id(one) not in known:
                known[id(one)] = float(one(update, epoch))
            return known[id(one)]

        rates, others = [], []
        for number in range(len(groups)):
            rule = self._rules[self._rule_of[number]]
            rates.append(factor * value_of(rule.rate or schedule))  # type: ignore[arg-type]
            others += [(number, where, admitted_number(where, value_of(one))) for where, one in rule.schedules]
        return Values(group_rates(groups, rates, relative=self.relative), others)

    def write(self, values: Values) -> None:
        """Write the values of one update into the groups."""
        groups = self.optimizer.param_groups
        write(groups, values.rates)
        for number, where, value in values.others:
            where.write(groups[number], value)

    def keep_numbers(self) -> None:
        """Write what the rules have fixed again, after a state was loaded: it belongs to the program, not to a file."""
        self._write_numbers()
        self.read_clips()

    def _write_numbers(self) -> None:
        kind = type(self.optimizer).__name__
        pairs = list(zip(self.optimizer.param_groups, self._rule_of, strict=False))
        for group, number in pairs:
            rule = self._rules[number]
            for where, _ in (*rule.schedules, *rule.numbers):
                check_entry(where, group, kind)
        for group, number in pairs:
            rule = self._rules[number]
            for where, value in rule.numbers:
                where.write(group, value)
            if rule.lr_scale is not None:
                group["lr_scale"] = rule.lr_scale


def _read_rule(pattern: Pattern, settings: Any, epochs_known: bool) -> _Rule:
    given = {"lr": settings} if isinstance(settings, Schedule) else settings
    where = f"schedules[{shown(pattern)!r}]"
    if not isinstance(given, Mapping):
        raise TypeError(f"{where} must be a schedule or a mapping such as {{'lr': plan}}, got {type(given).__name__}.")
    rate = given.get("lr")
    if rate is not None and not isinstance(rate, Schedule):
        raise TypeError(
            f"{where}['lr'] must be a schedule, got {rate!r:.60}. For a number: constant(value={rate!r:.60})"
        )
    lr_scale = given.get("lr_scale")
    if lr_scale is not None and (isinstance(lr_scale, bool) or not isinstance(lr_scale, int | float) or lr_scale < 0):
        raise ValueError(f"{where}['lr_scale'] must be a number >= 0, got {lr_scale!r}.")
    schedules, numbers = [], []
    for name, value in given.items():
        if name in ("lr", *_FIXED):
            continue
        if isinstance(value, Schedule):
            schedules.append((entry(name), attaching.check_schedule(value, epochs_known=epochs_known)))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append((entry(name), admitted_number(entry(name), value)))
        else:
            hint = did_you_mean(name, _FIXED)
            raise TypeError(f"{where}[{name!r}] must be a schedule or a number, got {value!r:.60}{hint}")
    return _Rule(
        rate=None if rate is None else attaching.check_schedule(rate, epochs_known=epochs_known),
        schedules=tuple(schedules),
        numbers=tuple(numbers),
        lr_scale=lr_scale,
        clip=admitted_clip(given.get("grad_clip"), where),
        clips_itself="grad_clip" in given,
    )


def _named(optimizer: torch.optim.Optimizer, model: nn.Module | None) -> Sequence[tuple[str, torch.Tensor]]:
    """All parameters with their names: the model's, also those that no group has yet, or the optimizer's own."""
    if model is not None:
        return list(parameters.named(model))
    names = parameters.names_of(optimizer.param_groups, None)
    if not names:
        raise ValueError("schedules: names come from the model; OptimScheduler(..., model=model)")
    return [(names[id(p)], p) for p in parameters.owned(optimizer) if id(p) in names]
