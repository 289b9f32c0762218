"""What each parameter group follows: its rate, other hyperparameters, its clip; evaluated once an update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from optimsche import libraries
from optimsche.call_errors import did_you_mean
from optimsche.checking import admit
from optimsche.ranges import Factor
from optimsche.schedule import Schedule
from optimsche.training import compatibility, parameters
from optimsche.training.clipping import Clip, admitted_clip
from optimsche.training.groups import (
    Pattern,
    Rules,
    check_patterns,
    check_rules,
    settings_of,
    shown,
    split_group,
)
from optimsche.training.hyperparameters import Entry, admitted_number, check_entry, entry, own_tensors
from optimsche.training.rates import group_rates, refuse_silent_flattening, write
from optimsche.training.restoring import restored_on_failure

_FIXED = ("lr_scale", "grad_clip")  # settings that are no hyperparameter of the optimizer
_LR_SCALE, _MOMENTUM = Entry("lr_scale", None), Entry("momentum", None)
_NO_RULE = -1


class Values(NamedTuple):
    """What is to be written for one update: the rate of each group, and other entries by group."""

    rates: list[float]
    others: list[tuple[int, Entry, float]]


class _Rule(NamedTuple):
    """What the parameters under one pattern follow."""

    rate: Schedule | None
    schedules: tuple[tuple[Entry, Schedule], ...]
    numbers: tuple[tuple[Entry, float], ...]  # lr_scale is one of them
    clip: Clip | None
    clips_itself: bool

    @property
    def entries(self) -> list[Entry]:
        """All that it writes besides the rate."""
        return [where for where, _ in (*self.schedules, *self.numbers)]


class _Known(NamedTuple):
    """A group as it was last looked at."""

    group: dict[str, Any]
    parameters: list[torch.Tensor]
    rule: int
    before: dict[Entry, float | None]  # what it had where a rule writes; None for nothing


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
        self._known: list[_Known] = []
        self._groups: list[
            dict[str, Any]
        ] = []  # of all that are known; in one piece this is compared with every update
        self._sizes: list[int] = []
        self._parameters: list[torch.Tensor] = []
        self.rules: Rules | None = None
        if rules is not None:
            self.replace(rules, epochs_known=epochs_known)

    @contextmanager
    def restored_on_failure(self) -> Iterator[None]:
        """Follow what was followed before, and put the groups back, should what is done here fail."""
        kept = dict(self.__dict__)  # each of them is replaced, and never changed in place
        try:
            with restored_on_failure(self.optimizer):
                yield
        except BaseException:
            self.__dict__.update(kept)
            raise

    def replace(self, rules: Rules, *, epochs_known: bool, others_have_rates: bool = True) -> None:
        """Follow other schedules; the patterns stay once groups have been made from them.

        What the rules before have written and these do not goes back to what the group had before.

        Args:
            rules: schedules by pattern.
            epochs_known: whether a schedule may count epochs.
            others_have_rates: whether a pattern may leave the rate to a schedule for all.

        Raises:
            ValueError, TypeError: a pattern, a name or a value that cannot be; nothing is changed then.
        """
        check_rules("schedules", rules)
        patterns = list(rules)
        divided = bool(self._rules and self._known)
        if divided and patterns != self.patterns:
            raise ValueError(
                f"schedules: groups were made from the patterns {', '.join(map(shown, self.patterns))}, which stay; "
                f"got {', '.join(map(shown, patterns))}. For other groups build another OptimScheduler."
            )
        read = [_read_rule(pattern, settings, epochs_known) for pattern, settings in rules.items()]
        without = [shown(pattern) for pattern, rule in zip(patterns, read, strict=True) if rule.rate is None]
        if without and not others_have_rates:
            raise ValueError(f"schedules: {', '.join(map(repr, without))} has no 'lr', and there is no other schedule")
        if not divided:
            check_patterns(patterns, _named(self.optimizer, self.model))
        with self.restored_on_failure():
            self.patterns, self._rules, self.rules = patterns, read, dict(rules)
            if self._known:
                self._look()

    @property
    def all_have_rates(self) -> bool:
        """Whether no group needs a schedule besides the rules."""
        return bool(self._rules) and all(rule.rate is not None for rule in self._rules)

    @property
    def first_rate(self) -> Schedule | None:
        """The schedule of the first group's rate, if a rule gives it."""
        return self._rules[self._known[0].rule].rate if self._rules and self._known else None

    def admit(self) -> None:
        """Look at the groups if they have changed: split new ones by pattern, and see that no rate of theirs is lost.

        Raises:
            ValueError: a parameter that falls under no pattern; a rate that would be lost; nothing is changed then.
        """
        groups = self.optimizer.param_groups
        if parameters.same(self._groups, groups) and (
            not self._rules
            or (self._sizes == _sizes(groups) and parameters.same(self._parameters, parameters.owned(self.optimizer)))
        ):
            return
        with self.restored_on_failure():
            self._look()

    def _look(self) -> None:
        """Find out what each group follows, and write what is written once."""
        groups = self.optimizer.param_groups
        known = [self._known_as(group) for group in groups]
        if not self.relative:
            self._refuse_lost_rates([g for g, before in zip(groups, known, strict=True) if before is None])
        names = parameters.names_of(groups, self.model) if self._rules else {}
        looked: list[_Known] = []
        for group, before in zip(groups, known, strict=True):
            if before is not None and self._follows_on(before, group):
                looked.append(before._replace(group=group))
                continue
            if before is not None:
                _put_back(group, before.before, before.before)  # the parts may fall under other rules
            parts = split_group(group, self.patterns, names) if self._rules else [(_NO_RULE, group)]
            looked += [_Known(part, list(part["params"]), rule, {}) for rule, part in parts]
        if not self._known and not self.relative:
            for rule in {one.rule for one in looked}:
                refuse_silent_flattening([one.group for one in looked if one.rule == rule])
        groups[:] = [one.group for one in looked]
        own_tensors(self.optimizer, ["lr", *{where.name for rule in self._rules for where in rule.entries}])
        self._known = [self._with_numbers(one) for one in looked]
        self._groups, self._sizes, self._parameters = list(groups), _sizes(groups), parameters.owned(self.optimizer)
        self.check_kernel(groups)
        self.read_clips()

    def _known_as(self, group: dict[str, Any]) -> _Known | None:
        """What is known of a group, also if a loaded state has put a new dictionary in the place of the old."""
        for known in self._known:
            if known.group is group:
                return known
        own = group["params"]
        return next((known for known in self._known if own and parameters.same(known.parameters, own)), None)

    def _follows_on(self, before: _Known, group: Mapping[str, Any]) -> bool:
        if not self._rules:
            return True
        return before.rule != _NO_RULE and parameters.same(before.parameters, group["params"])

    def _refuse_lost_rates(self, new: Sequence[dict[str, Any]]) -> None:
        """Refuse groups that were added later with a rate of their own."""
        if new and self._known:
            expected = {float(known.group["lr"]) for known in self._known}
            if "lr" in self.optimizer.defaults:
                expected.add(float(self.optimizer.defaults["lr"]))  # what a new group has that names no rate of its own
            refuse_silent_flattening(new, expected)

    def _with_numbers(self, known: _Known) -> _Known:
        """A group with the numbers of its rule, and with what it had before where no rule writes any more."""
        if known.rule == _NO_RULE:
            return known
        rule, group = self._rules[known.rule], known.group
        for where in rule.entries:
            if where != _LR_SCALE:
                check_entry(where, group, type(self.optimizer).__name__)
        _put_back(group, known.before, set(known.before) - set(rule.entries))
        before = {
            where: known.before[where] if where in known.before else _number(where, group) for where in rule.entries
        }
        for where, value in rule.numbers:
            if where == _LR_SCALE:
                group["lr_scale"] = value
            else:
                where.write(group, value)
        return known._replace(before=before)

    def check_kernel(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Refuse hyperparameters that torch computes something wrong with: the groups' own, or those of a state.

        Raises:
            ValueError: see :func:`attaching.refuse_a_broken_kernel`.
        """
        for group, known in zip(groups, self._known, strict=True):
            rule = _momentum(self._rules[known.rule]) if self._rules else {}
            compatibility.refuse_a_broken_kernel(self.optimizer, {**group, **rule, "params": known.group["params"]})

    def read_clips(self) -> None:
        """Find out which groups are clipped by themselves: by their rule, or by an entry ``grad_clip`` of the group."""
        groups = self.optimizer.param_groups
        self.group_clips, self.clips_itself = [], []
        if not [g for g in groups if "grad_clip" in g] and not [rule for rule in self._rules if rule.clips_itself]:
            return
        for number, group in enumerate(groups):
            rule = self._rules[self._known[number].rule] if self._rules else None
            if rule is not None and rule.clips_itself:
                self.group_clips.append(rule.clip)
                self.clips_itself.append(True)
            else:
                self.group_clips.append(admitted_clip(group.get("grad_clip"), f"parameter group {number}"))
                self.clips_itself.append("grad_clip" in group)

    def basis(self) -> list[object]:
        """What the values of one update depend on besides the clocks and the plans: anyone may change a group."""
        return [
            (id(group), group.get("lr_scale"), group.get("grad_clip", _FIXED)) for group in self.optimizer.param_groups
        ]

    def values(self, schedule: Schedule | None, update: int, epoch: float, factor: float) -> Values:
        """All values for one update; each schedule is evaluated once, however many groups share it.

        Raises:
            ValueError: a value that may not be.
        """
        self.admit()
        self.read_clips()
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
            rule = self._rules[self._known[number].rule]
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
        self._look()


def _sizes(groups: Iterable[Mapping[str, Any]]) -> list[int]:
    return [len(group["params"]) for group in groups]


def _number(where: Entry, group: dict[str, Any]) -> float | None:
    """What a group has now; None for nothing."""
    if where == _LR_SCALE:
        return group.get("lr_scale")
    value = where.read(group)
    return float(value) if isinstance(value, torch.Tensor) else value


def _put_back(group: dict[str, Any], before: Mapping[Entry, float | None], which: Iterable[Entry]) -> None:
    for where in which:
        value = before[where]
        if where != _LR_SCALE:
            where.write(group, value)  # type: ignore[arg-type]  # of others there is a number
        elif value is None:
            group.pop("lr_scale", None)
        else:
            group["lr_scale"] = value


def _momentum(rule: _Rule) -> dict[str, Any]:
    """The momentum that a rule is going to write, if it does."""
    return {where.name: value for where, value in (*rule.schedules, *rule.numbers) if where == _MOMENTUM}


def _read_rule(pattern: Pattern, settings: Any, epochs_known: bool) -> _Rule:
    given = settings_of(pattern, settings)
    where = f"schedules[{shown(pattern)!r}]"
    rate = given.get("lr")
    if rate is not None and not isinstance(rate, Schedule):
        raise TypeError(
            f"{where}['lr'] must be a schedule, got {rate!r:.60}. For a number: constant(value={rate!r:.60})"
        )
    schedules, numbers = [], []
    if given.get("lr_scale") is not None:
        numbers.append((_LR_SCALE, float(admit(where, "lr_scale", Factor, given["lr_scale"]))))
    for name, value in given.items():
        if name in ("lr", *_FIXED):
            continue
        if isinstance(value, Schedule):
            schedules.append((entry(name), compatibility.check_schedule(value, epochs_known=epochs_known)))
        elif libraries.is_numpy_scalar(value) or (isinstance(value, int | float) and not isinstance(value, bool)):
            number = admit(where, name, float, value)
            numbers.append((entry(name), admitted_number(entry(name), number)))
        else:
            hint = did_you_mean(name, _FIXED)
            raise TypeError(f"{where}[{name!r}] must be a schedule or a number, got {value!r:.60}{hint}")
    return _Rule(
        rate=None if rate is None else compatibility.check_schedule(rate, epochs_known=epochs_known),
        schedules=tuple(schedules),
        numbers=tuple(numbers),
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
