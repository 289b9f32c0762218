"""One optimizer and what it follows: a part of an :class:`OptimScheduler <optimsche.OptimScheduler>`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from optimsche import habits
from optimsche.attaching import attachable
from optimsche.call_errors import explained
from optimsche.param_groups.entries import LR
from optimsche.param_groups.names import shown
from optimsche.param_groups.rates import rate_of
from optimsche.param_groups.rules import Rules, settings_of
from optimsche.schedule import Schedule
from optimsche.training import compatibility, follow, settings
from optimsche.training.restoring import restored_on_failure
from optimsche.training.result import StepResult
from optimsche.training.settings import Checked, Fixed, defaults_of
from optimsche.training.stages import GradClip, Stage, admitted, admitted_clip

LOG = logging.getLogger("optimsche")


class Member:
    """One optimizer and what it follows.

    Args:
        optimizer: any torch optimizer.
        schedule: the rate of each update. It may be left out where ``schedules`` has a rate for every parameter.
        schedules: what parameters follow by name: see :class:`OptimScheduler <optimsche.OptimScheduler>`.
        optim_loss: name of the loss to follow, where the model returns several; by default ``"loss"``.
        step_per_update: windows from one update to the next. In the windows between, this optimizer does nothing; the
            schedule sees its own count of updates.
        grad_clip: how the gradients of this optimizer are clipped by themselves; a number is their largest norm.
        stages: what else is done with them, before ``grad_clip``.
        ft_factor: a factor on every rate, for fine-tuning.
        rates: ``"absolute"``: the schedule's value is the rate of every group; ``"relative"``: it multiplies each
            group's own. A group's ``lr_scale`` multiplies in both.
        epochs_from_caller: whether the loop says the epoch in every step, for a schedule that counts epochs.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind; the optimizer has no parameters
            or no rate, or cannot follow a schedule.

    >>> from optimsche import constant
    >>> model = nn.Linear(2, 1)
    >>> Member(torch.optim.SGD(model.parameters()), constant(value=0.1))
    Member(optimizer=SGD, schedule=constant(value=0.1, steps=None))
    """

    optimizer = Fixed[torch.optim.Optimizer]("for another one build another OptimScheduler")
    step_per_update = Checked[int]()
    stages = Checked[Sequence[Stage]](admitted)
    grad_clip = GradClip()
    clip: Stage | None  # the stage that grad_clip asks for
    ft_factor = Checked[float]()

    @explained
    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule | None = None,
        *,
        schedules: Rules | None = None,
        optim_loss: str | None = None,
        step_per_update: int = 1,
        grad_clip: float | Schedule | Stage | None = None,
        stages: Sequence[Stage] = (),
        ft_factor: float = 1.0,
        rates: Literal["absolute", "relative"] = "absolute",
        epochs_from_caller: bool = False,
    ) -> None:
        compatibility.check_optimizer(optimizer)
        if optim_loss is not None and not isinstance(optim_loss, str):
            raise TypeError(
                f"optim_loss must be the name of a loss, got {optim_loss!r:.60} ({type(optim_loss).__name__})."
            )
        self.optimizer = optimizer
        self.optim_loss = optim_loss
        self.step_per_update = step_per_update
        self.ft_factor = ft_factor
        self.relative = settings.admitted("rates", rates) == "relative"
        self.stages = stages
        self.grad_clip = grad_clip
        self.epochs_known = epochs_from_caller
        self.model: nn.Module | None = None
        self.begun = False  # whether an update has been made, so that the groups keep its rates
        self.loaded: float | None = None  # the rate that a loaded state has, until it was compared
        self.in_float16 = False  # whether any parameter is, so that sums of gradients may overflow
        self.known = 0  # groups that follow already
        self.rules = [] if schedules is None else follow.read_rules(schedules)
        _check_rates(schedule, self.rules)
        self._schedule = None if schedule is None and self.rules else attachable("OptimScheduler", schedule)

    def attach(self, model: nn.Module | None, *, epochs_known: bool) -> None:
        """Let the groups follow what they are to follow, and write the rates of the first update.

        Args:
            model: where the names of parameters come from.
            epochs_known: whether the length of an epoch is known.

        Raises:
            ValueError, TypeError: what cannot be followed.
        """
        self.model, self.known = model, 0
        self.epochs_known = self.epochs_known or epochs_known
        self._refuse_epochs()
        if self.rules:
            follow.check_names(self.rules, self.optimizer, model)
        compatibility.point_out_a_warm_up_of_its_own(self.optimizer, LOG)
        self._write_first()

    @property
    def schedule(self) -> Schedule:
        """The plan of the rate; where rules have all the rates, that of the first group.

        It may be replaced at any moment: no state depends on it.
        """
        return self.rate_of(self.optimizer.param_groups[0]) if self._schedule is None else self._schedule

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        self._follow_instead(attachable("OptimScheduler", schedule), self.rules)

    def rate_of(self, group: Mapping[str, Any]) -> Schedule:
        """The plan of a group's rate."""
        rule = follow.rule_of(group, self.rules)
        plan: Any = self._schedule if rule is None or rule.rate is None else rule.rate
        return plan  # type: ignore[no-any-return]

    @property
    def schedules(self) -> Rules | None:
        """What parameters follow by name. It may be replaced at any moment by one with the same patterns."""
        return {rule.pattern: rule.given for rule in self.rules} or None

    @schedules.setter
    def schedules(self, schedules: Rules) -> None:
        rules = follow.read_rules(schedules)
        patterns = [rule.pattern for rule in rules]
        if self.rules and patterns != [rule.pattern for rule in self.rules]:
            stay = ", ".join(shown(rule.pattern) for rule in self.rules)
            raise ValueError(
                f"schedules: groups were made from the patterns {stay}, which stay; got "
                f"{', '.join(map(shown, patterns))}. For other groups build another OptimScheduler."
            )
        if not self.rules:
            follow.check_names(rules, self.optimizer, self.model)
        self._follow_instead(self._schedule, rules)

    def _follow_instead(self, schedule: Schedule | None, rules: list[follow.Rule]) -> None:
        """Follow something else from now on; if it cannot be followed, nothing is changed."""
        before = self._schedule, self.rules, self.known
        with restored_on_failure(self.optimizer):
            _check_rates(schedule, rules)
            self._schedule, self.rules = schedule, rules
            try:
                self._refuse_epochs()
                self._follow(1, 1)
                self._write_first()
            except BaseException:
                self._schedule, self.rules, self.known = before
                raise
        self.loaded = None

    def _refuse_epochs(self) -> None:
        for plan in self._plans():
            if plan.counts_epochs and not self.epochs_known:
                raise ValueError(
                    f"{plan!r} counts epochs, and nothing says how long one is.\n    Say it: "
                    "OptimScheduler(..., steps_per_epoch=len(loader))"
                )

    def _plans(self) -> list[Schedule]:
        """All schedules that it follows."""
        rates = [] if self._schedule is None else [self._schedule]
        return [*rates, *(plan for rule in self.rules for plan in rule.plans)]

    def _write_first(self) -> None:
        """Write the rates of the first update, before it; once updates were made, groups keep what theirs had."""
        if self._schedule is not None:
            compatibility.point_out(self._schedule, self.optimizer, relative=self.relative, log=LOG)
        first = self.values(1, 1)
        if not self.begun:
            follow.write(first)
        follow.write_peaks(self)

    def _follow(self, update: int, epoch: float) -> None:
        new = follow.follow(self)
        if self.known and new:
            follow.keep_proportion(self, new, max(update - 1, 1), epoch)
        self.known = len(self.optimizer.param_groups)
        self.in_float16 = any(parameter.dtype is torch.float16 for parameter in self.parameters())

    def update_of(self, window: int) -> int:
        """The number of the update, in its own count, that a window leads to."""
        return -(-window // self.step_per_update)

    def takes_part(self, window: int) -> bool:
        """Whether its gradients are gathered in a window."""
        return window % self.step_per_update == 0

    def values(self, update: int, epoch: float) -> list[follow.Value]:
        """All that is to be written for one update, the rate of each group first.

        Raises:
            ValueError, TypeError: a value that may not be, or a group that cannot follow; nothing is changed then.
        """
        groups, rules = self.optimizer.param_groups, self.rules
        if len(groups) != self.known or (rules and not all(map(follow.settled, groups))):
            self._follow(update, epoch)
        if len(groups) == 1 and not rules:  # as nearly always
            value = self.ft_factor * self._schedule(update, epoch)  # type: ignore[misc]  # without rules there is one
            return [follow.Value(groups[0], LR, "lr", rate_of(groups[0], 0, value, self.relative))]
        return follow.values_of(self, update, epoch)

    def parameters(self) -> list[torch.Tensor]:
        """All its parameters, also those of groups that were added later."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def trainable(self) -> list[torch.Tensor]:
        """Those of them that take part in training."""
        found: list[torch.Tensor] = []
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad:
                    found.append(parameter)  # once for every micro-batch
        return found

    def with_gradient(self) -> torch.Tensor | None:
        """The first of its parameters that has a gradient; None if none has."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    return parameter  # type: ignore[no-any-return]
        return None

    def drop_gradients(self) -> None:
        """Leave no gradient behind, as ``zero_grad`` does."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def result_inside(self, window: int, epoch: float) -> StepResult:
        """What is known inside a window: its values, computed when somebody asks where one schedule has them all."""
        groups, plan, factor = self.optimizer.param_groups, self._schedule, self.ft_factor
        group, update = groups[0], self.update_of(window)
        simple = self.known == len(groups) == 1 and not self.rules and not self.relative and "lr_scale" not in group
        if not simple or plan is None:
            return StepResult(False, update, epoch, self.values(update, epoch))
        return StepResult(False, update, epoch, partial(_rate_alone, group, factor, plan, update, epoch))

    def own_clips(self) -> Mapping[int, Stage | None]:
        """The groups that are clipped by themselves, by number; and whether the optimizer may be stepped now.

        Raises:
            ValueError, TypeError: a group's ``grad_clip`` that is none; a step that accelerate holds back.
        """
        if hasattr(self.optimizer, "gradient_state"):
            compatibility.refuse_a_step_held_back(self.optimizer)
        clips: dict[int, Stage | None] = {}
        for number, group in enumerate(self.optimizer.param_groups):
            rule = follow.rule_of(group, self.rules) if self.rules else None
            if rule is not None and rule.clips_itself:
                clips[number] = rule.clip
            elif "grad_clip" in group:
                clips[number] = admitted_clip(group["grad_clip"], f"parameter group {number}")
        return clips

    def load(self) -> None:
        """What the rules have fixed holds again after a state was loaded: it belongs to the program, not to a file."""
        follow.follow(self)
        follow.write_peaks(self)

    @property
    def counts_epochs(self) -> bool:
        """Whether anything that it follows counts epochs."""
        return self.epochs_known and any(plan.counts_epochs for plan in self._plans())

    def described(self) -> list[str]:
        """Its arguments as they were given, for ``repr``."""
        shown = [f"optimizer={type(self.optimizer).__name__}", f"schedule={self.schedule!r}"]
        for name, default in defaults_of(Member).items():
            value = getattr(self, name, default)
            shown += [f"{name}={value!r}"] if name != "schedule" and value != default else []
        return shown

    def __repr__(self) -> str:
        return f"Member({', '.join(self.described())})"


def _rate_alone(group: dict[str, Any], factor: float, plan: Schedule, update: int, epoch: float) -> list[follow.Value]:
    """The values of an optimizer with one group, whose rate alone is scheduled."""
    return [follow.Value(group, LR, "lr", factor * plan(update, epoch))]


def _check_rates(schedule: Schedule | None, rules: Sequence[follow.Rule]) -> None:
    """Refuse a schedule beside rules that leave it nothing, and rules without a rate where there is no schedule."""
    without = [rule for rule in rules if rule.rate is None]
    if rules and schedule is not None and not without:
        raise ValueError(
            f"schedule={schedule!r} would never be played: every rule of schedules= has a rate of its own. Leave it "
            "out, or leave 'lr' out of a rule. For all parameters under no pattern: schedules={..., '*': {}}"
        )
    for rule in without if schedule is None else ():
        given = settings_of(rule.pattern, rule.given)
        other = next((repr(name) for name in given if habits.HYPERPARAMETERS.get(name) == "lr"), "")
        hint = f"; {other} is 'lr' here" if other else ". Give it one, or a schedule= for all"
        raise ValueError(f"schedules: {shown(rule.pattern)!r} has no 'lr', and there is no other schedule{hint}")


# What OptimScheduler hands on to its only member, besides the schedule.
OF_MEMBER = [
    name for name in defaults_of(Member) if name not in ("schedule", "grad_clip", "stages", "epochs_from_caller")
]


def members_of(optimizer: Any, own: Mapping[str, Any]) -> dict[str, Member]:
    """The members: several by name, or one that is called ``"main"``."""
    if not isinstance(optimizer, Member | Mapping):
        return {"main": Member(optimizer, **own)}
    defaults = defaults_of(Member)
    unused = [name for name, value in own.items() if value != defaults[name]]
    if unused:
        raise TypeError(
            f"OptimScheduler: {', '.join(unused)} belongs to each Member: Member(optimizer, {unused[0]}=...)"
        )
    if isinstance(optimizer, Member):
        return {"main": optimizer}
    if not optimizer:
        raise ValueError("OptimScheduler({}): there is no optimizer in it.")
    for name, member in optimizer.items():
        if not isinstance(name, str) or not isinstance(member, Member):
            raise TypeError(
                f"OptimScheduler({{{name!r}: ...}}): several optimizers are given as Member by name, "
                f"{{'encoder': Member(optimizer, plan), ...}}, got {type(member).__name__}."
            )
    return dict(optimizer)
