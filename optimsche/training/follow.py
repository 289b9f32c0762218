"""What each parameter group follows: rules become groups once, and what a group follows stands in the group itself.

Under rules a group has the entry ``"follows"``, plain data: the number of its rule, its parameters, and what it had
where the rule writes. An optimizer without rules has no such entries: all groups follow the one schedule.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from optimsche import libraries
from optimsche.attaching import attachable
from optimsche.call_errors import did_you_mean
from optimsche.checking import admit
from optimsche.param_groups.entries import LR, LR_SCALE, MOMENTUM, Entry, check_entry, entry, own_tensors
from optimsche.param_groups.names import Pattern, names_of, shown
from optimsche.param_groups.rates import ask, extremes, rate_of, refuse_lost_rates
from optimsche.param_groups.rules import Rules, check_patterns, check_rules, settings_of, split_group
from optimsche.ranges import Factor
from optimsche.schedule import Schedule
from optimsche.training import compatibility
from optimsche.training.restoring import restored_on_failure
from optimsche.training.stages import Stage, admitted_clip

if TYPE_CHECKING:
    from optimsche.training.members import Member

LOG = logging.getLogger("optimsche")

_FIXED = ("lr_scale", "grad_clip")  # settings that are no hyperparameter of the optimizer


class Value(NamedTuple):
    """What one entry of one group is to have in an update."""

    group: dict[str, Any]
    where: Entry
    name: str  # for people: "lr", or with several groups "lr/head.*"
    number: float


class Rule(NamedTuple):
    """What the parameters under one pattern follow."""

    pattern: Pattern
    given: Schedule | Mapping[str, Any]  # as the user wrote it
    rate: Schedule | None
    schedules: tuple[tuple[Entry, Schedule], ...]
    numbers: tuple[tuple[Entry, float], ...]  # lr_scale is one of them
    clip: Stage | None
    clips_itself: bool

    @property
    def entries(self) -> list[Entry]:
        """All that it writes besides the rate."""
        return [where for where, _ in (*self.schedules, *self.numbers)]

    @property
    def plans(self) -> list[Schedule]:
        """All schedules in it."""
        rates = [] if self.rate is None else [self.rate]
        return [*rates, *(plan for _, plan in self.schedules)]


def read_rules(rules: Rules) -> list[Rule]:
    """Rules from a mapping as users write it.

    Raises:
        ValueError, TypeError: a pattern, a name or a value that cannot be.
    """
    check_rules("schedules", rules)
    return [_read_rule(pattern, settings) for pattern, settings in rules.items()]


def _read_rule(pattern: Pattern, settings: Any) -> Rule:
    given = settings_of(pattern, settings)
    where = f"schedules[{shown(pattern)!r}]"
    rate = given.get("lr")
    schedules, numbers = [], []
    if given.get("lr_scale") is not None:
        numbers.append((LR_SCALE, float(admit(where, "lr_scale", Factor, given["lr_scale"]))))
    for name, value in given.items():
        if name in ("lr", *_FIXED):
            continue
        if isinstance(value, Schedule):
            schedules.append((entry(name, "schedules"), attachable(where, value, name=name)))
        elif libraries.is_numpy_scalar(value) or (isinstance(value, int | float) and not isinstance(value, bool)):
            numbers.append((entry(name, "schedules"), admit(where, name, float, value)))
        else:
            hint = did_you_mean(name, _FIXED)
            raise TypeError(f"{where}[{name!r}] must be a schedule or a number, got {value!r:.60}{hint}")
    return Rule(
        pattern=pattern,
        given=settings,
        rate=None if rate is None else attachable(where, rate, name="lr"),
        schedules=tuple(schedules),
        numbers=tuple(numbers),
        clip=admitted_clip(given.get("grad_clip"), where),
        clips_itself="grad_clip" in given,
    )


def check_names(rules: Sequence[Rule], optimizer: torch.optim.Optimizer, model: nn.Module | None) -> None:
    """Refuse patterns that mean no parameter: of the model, also of those that no group has yet, or of the optimizer.

    Raises:
        ValueError: such a pattern, or no names at all.
    """
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    names = names_of(optimizer.param_groups, model)
    if not names:
        raise ValueError("schedules: names come from the model; OptimScheduler(..., model=model)")
    known = own if model is None else [*model.parameters(), *own]
    each = {id(parameter): parameter for parameter in known if id(parameter) in names}
    check_patterns([rule.pattern for rule in rules], [(names[key], parameter) for key, parameter in each.items()])


def rule_of(group: Mapping[str, Any], rules: Sequence[Rule]) -> Rule | None:
    """The rule that a group follows; None where it follows the schedule for all."""
    return rules[group["follows"]["rule"]] if rules else None


def settled(group: Mapping[str, Any]) -> bool:
    """Whether a group follows a rule, and has the parameters that it had when that was found out."""
    return "follows" in group and group["follows"]["parameters"] == list(map(id, group["params"]))


def follow(member: Member) -> list[dict[str, Any]]:
    """Let each group follow its rule: split those that fall under several, and write the numbers of the rules.

    Returns:
        The groups that are new.

    Raises:
        ValueError: a parameter under no rule, rates that would be lost, what the optimizer refuses; nothing is
            changed then.
    """
    optimizer, rules, known = member.optimizer, member.rules, member.known
    with restored_on_failure(optimizer):
        groups = optimizer.param_groups
        for group in groups if not known else ():  # what another OptimScheduler has left there
            mark = group.pop("follows", None)
            if mark:
                _put_back(group, mark["before"], mark["before"])
                LR.write(group, mark["lr"])
        names = names_of(groups, member.model) if rules else {}
        patterns = [rule.pattern for rule in rules]
        parts: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for number, group in enumerate(list(groups)):
            mark, split = group.get("follows"), [group]
            if rules and not settled(group):
                if mark:
                    _put_back(group, mark["before"], mark["before"])  # the parts may fall under other rules
                split = []
                for rule, part in split_group(group, patterns, names):
                    own = mark["lr"] if mark else float(part["lr"])
                    parameters = list(map(id, part["params"]))
                    part["follows"] = {"rule": rule, "parameters": parameters, "before": {}, "lr": own}
                    split.append(part)
            parts += split
            new += split if number >= known else []
        if not known and not member.relative:
            for rule_number in {group["follows"]["rule"] if rules else 0 for group in parts}:
                together = [g for g in parts if not rules or g["follows"]["rule"] == rule_number]
                refuse_lost_rates(
                    [float(group["lr"]) for group in together if "lr_scale" not in group],
                    "OptimScheduler",
                    or_else="or let the schedule multiply each group's own rate: rates='relative'",
                )
        groups[:] = parts
        own_tensors(optimizer, ["lr", *{where.name for rule in rules for where in rule.entries}])
        for group in groups if rules else ():
            _write_numbers(optimizer, group, rules[group["follows"]["rule"]])
        check_kernel(member, groups)
    return new


def check_kernel(member: Member, groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse hyperparameters that torch computes something wrong with: the groups' own, or those of a state."""
    for group, own in zip(groups, member.optimizer.param_groups, strict=True):
        rule = rule_of(own, member.rules)
        about = [] if rule is None else [pair for pair in (*rule.schedules, *rule.numbers) if pair[0] == MOMENTUM]
        momentum = {where.name: value for where, value in about}
        compatibility.refuse_a_broken_kernel(member.optimizer, {**group, **momentum, "params": own["params"]})


def _write_numbers(optimizer: torch.optim.Optimizer, group: dict[str, Any], rule: Rule) -> None:
    """Write what a rule fixes, and put back what a rule before has written and this one does not."""
    mark = group["follows"]
    for where in rule.entries:
        if where != LR_SCALE:
            check_entry(where, group, type(optimizer).__name__, "schedules")
    before: dict[str, Any] = mark["before"]
    _put_back(group, before, set(before) - set(map(str, rule.entries)))
    mark["before"] = {
        str(where): before[str(where)] if str(where) in before else _number(where, group) for where in rule.entries
    }
    for where, plan in rule.schedules:
        ask(optimizer, group, where, extremes(plan), "schedules")
    for where, value in rule.numbers:
        if where != LR_SCALE:
            ask(optimizer, group, where, (value,), "schedules")
            where.write(group, value)
        else:
            group["lr_scale"] = value


def write_peaks(member: Member) -> None:
    """Tell optimizers that divide by the largest rate of a run what it is: timm's, with a corrected weight decay.

    They take the rate that they were built with for it (``max_lr_snapshot``), which here is not the plan's.
    """
    for number, group in enumerate(member.optimizer.param_groups):
        if group.get("corrected_weight_decay") and "max_lr_snapshot" in group:
            plan = member.rate_of(group)
            highest = rate_of(group, number, member.ft_factor * extremes(plan)[1], member.relative)
            if highest > 0 and group["max_lr_snapshot"] != highest:
                LOG.info("the weight decay is corrected by the largest rate of the plan, %g", highest)
                group["max_lr_snapshot"] = highest


def _number(where: Entry, group: dict[str, Any]) -> float | None:
    """What a group has now; None for nothing."""
    if where == LR_SCALE:
        return group.get("lr_scale")
    value = where.read(group)
    return float(value) if isinstance(value, torch.Tensor) else value


def _put_back(group: dict[str, Any], before: Mapping[str, Any], which: Iterable[str]) -> None:
    for name in which:
        value = before[name]
        if name != "lr_scale":
            entry(name, "schedules").write(group, value)
        elif value is None:
            group.pop("lr_scale", None)
        else:
            group["lr_scale"] = value


def keep_proportion(member: Member, new: Sequence[dict[str, Any]], update: int, epoch: float) -> None:
    """Let groups that are added in mid-run go on in proportion to the schedule: their rate is one of now.

    A group that names no rate of its own has the optimizer's default, which says nothing.

    Args:
        member: the optimizer, and what it follows.
        new: the groups.
        update: the update whose rates are in force.
        epoch: its pass over the data.

    Raises:
        ValueError: the schedule was 0, and no rate is in proportion to it.
    """
    relative = member.relative
    for group in new:
        value = member.ft_factor * float(member.rate_of(group)(update, epoch))
        own = float(group["lr"])
        default = member.optimizer.defaults.get("lr")
        said = "initial_lr" in group if relative else "lr_scale" in group
        if said or (default is not None and own == float(default)) or own == value:
            continue
        cure = "'initial_lr': ..., the rate that the schedule multiplies" if relative else "'lr_scale': ..., a factor"
        if not value > 0:
            raise ValueError(
                f"a parameter group was added with the rate {own:g} while the schedule is at {value:g}, and nothing "
                f"is in proportion to that. Say what it follows: {{'params': ..., {cure}}}"
            )
        if relative:
            group["initial_lr"] = own / value
        else:
            group["lr_scale"] = own / value
            LOG.warning(
                "a parameter group was added with the rate %g while the schedule is at %g: it goes on with %g of the "
                "schedule. To say so yourself: {'params': ..., 'lr_scale': %g}",
                own,
                value,
                own / value,
                own / value,
            )


def values_of(member: Member, update: int, epoch: float) -> list[Value]:
    """All that is to be written for one update, the rate of each group first.

    Absolute: the schedule's value. Relative: times the group's own rate, which is kept in ``initial_lr`` as torch's
    schedulers keep it. Both times ``ft_factor`` and the group's ``lr_scale``, if it has one. A schedule that several
    groups share is evaluated once.

    Raises:
        ValueError, TypeError: a value that may not be.
    """
    groups, rules = member.optimizer.param_groups, member.rules
    known: dict[int, float] = {}

    def value_of(one: Schedule) -> float:
        if id(one) not in known:
            known[id(one)] = float(one(update, epoch))
        return known[id(one)]

    rates, others = [], []
    for number, (group, label) in enumerate(zip(groups, _labels(groups, rules), strict=True)):
        tail = f"/{label}" if len(groups) > 1 else ""
        value = member.ft_factor * value_of(member.rate_of(group))
        rates.append(Value(group, LR, f"lr{tail}", rate_of(group, number, value, member.relative)))
        rule = rule_of(group, rules)
        for where, one in rule.schedules if rule is not None else ():
            value = value_of(one)
            if not math.isfinite(value):
                raise ValueError(f"{where} would be {value}; it is finite")
            others.append(Value(group, where, f"{where}{tail}", value))
    return rates + others


def _labels(groups: Sequence[Mapping[str, Any]], rules: Sequence[Rule]) -> list[str]:
    """What groups are called: by their entry ``name``, by their rule, or by their number."""
    labels: list[str] = []
    for number, group in enumerate(groups):
        rule = rule_of(group, rules)
        label = str(group.get("name") or (number if rule is None else shown(rule.pattern)))
        labels.append(label if label not in labels else f"{label}.{number}")
    return labels


def write(values: Iterable[Value]) -> None:
    """Write values into their groups; a tensor is filled in place, so that a compiled step goes on reading it."""
    for group, where, _, number in values:
        if where is LR and type(group["lr"]) is float:  # to ask a float whether it is a tensor takes long
            group["lr"] = number
        else:
            where.write(group, number)
