"""A plan as a torch scheduler, for trainers that want one: its clock is the optimizer's own steps."""

from __future__ import annotations

import math
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar, cast

import torch
from annotated_types import Ge
from torch.optim.lr_scheduler import LRScheduler

from optimsche.attaching import attachable
from optimsche.call_errors import called_here, explained_methods, shown, warn
from optimsche.checking import admit
from optimsche.param_groups.entries import LR, Entry, check_entry, entry, keep_tensors, own_tensors
from optimsche.param_groups.optimizers import check_rates, innermost, refuse_a_second_writer
from optimsche.param_groups.rates import ask, extremes, rate_of, refuse_lost_rates, unused_rate
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

_PerEpoch = Annotated[int, Ge(1), Meaning("updates in an epoch")]
_Updates = Annotated[int, Ge(0), Meaning("updates made")]
_NO_EPOCHS = (
    "nothing says how long one is.\n    Say it in updates: ScheduleLR(..., steps_per_epoch=len(loader)); with "
    "accumulation math.ceil(len(loader) / accumulate)"
)

#: Arguments of `OptimScheduler` that there are none of here, and what to do.
_NO_PARAMETERS = {
    "rates": "the plan's rates are absolute; for groups with rates of their own write {'params': ..., 'lr_scale': 0.1}",
}

_KEYWORD = re.compile(r"(\w+)_(\d+)")
_ZERO_3 = "deepspeed.runtime.zero.stage3"

MethodT = TypeVar("MethodT", bound=Callable[..., None])


def _untraced(method: MethodT) -> MethodT:
    """Plain Python also inside of a compiled step: traced, it would be compiled again with each number of an update."""
    return cast("MethodT", torch.compiler.disable(method))  # type: ignore[no-untyped-call]


@explained_methods
class ScheduleLR(LRScheduler):
    """A plan as a torch scheduler. Update `n` of the optimizer is made at the rate `schedule(n)`, whoever steps what.

    Trainers differ in how often they call a scheduler's `step`: once an update, once an epoch, once for each process.
    So the calls are not counted. Hooks of the optimizer write the values of an update before its step, and count it
    after it. `step` only writes those of the next update ahead, so that whoever looks between two updates sees them.

    Rates are absolute: build the optimizer with any rate, such as the plan's peak. A group's `lr_scale` multiplies its
    rate. Groups that are added later follow as well. A rate that is a tensor is filled in place. When the optimizer
    loads a state, its groups keep the program's rate, `lr_scale` and tensors.

    An update that `GradScaler` skips is no step of the optimizer, and is not counted; nor is one that a fused optimizer
    leaves out on the device, which is read back from there; nor the step at the rate 0 by which
    `torch.distributed.checkpoint` makes an optimizer allocate its state.

    Args:
        optimizer: a torch optimizer. What wraps one, such as accelerate's or SAM, is looked through.
        schedule: the plan of the learning rate; or schedules by the names of hyperparameters, `lr` among them.
        steps_per_epoch: updates in an epoch, >= 1: for plans that count epochs. Update `n` is in epoch
            `(n - 1) // steps_per_epoch + 1`.
        others: schedules of other hyperparameters by name, such as `weight_decay=`. A part of a tuple is `betas_0=`,
            or `betas[0]` in a mapping. Their values are the same for all groups. A group that was built with 0 where
            others were not keeps it, such as biases without weight decay.

    Raises:
        TypeError: no optimizer, or no schedule.
        ValueError: a plan that counts epochs without `steps_per_epoch`; an unknown hyperparameter; groups with rates of
            their own and no `lr_scale`, or with other values of a scheduled hyperparameter; an optimizer that follows a
            `ScheduleLR` already, or whose rate is none to write. In a step: DeepSpeed's ZeRO at stage 3.

    >>> from optimsche import warmup_cosine
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([weight], lr=1e-3)
    >>> scheduler = ScheduleLR(optimizer, warmup_cosine(peak=1e-3, warmup_steps=2, total_steps=8))
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     print(scheduler.get_last_lr())
    ...     scheduler.step()
    [0.0005]
    [0.001]
    [0.0009330127018922195]
    >>> scheduler.get_last_lr(), scheduler.state_dict()
    ([0.00075], {'updates': 3})
    """

    _step_count = 1  # accelerate adds to it while it accumulates

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule | Mapping[str, Schedule],
        *,
        steps_per_epoch: int | None = None,
        **others: Schedule,
    ) -> None:
        # Not torch's own: it wraps `optimizer.step` and counts calls.
        self.optimizer = _stepped(optimizer)
        check_rates(self.optimizer, "ScheduleLR")
        kind, groups = type(self.optimizer).__name__, self.optimizer.param_groups
        # skorch and LightningCLI, which build torch's schedulers by their class, pass -1: no step was made.
        if (last_epoch := others.pop("last_epoch", -1)) != -1:
            raise TypeError(
                f"ScheduleLR(last_epoch={shown(last_epoch)}): it counts the updates itself.\n    To go on "
                "after n of them: scheduler.load_state_dict({'updates': n})"
            )
        if steps_per_epoch is not None:
            steps_per_epoch = admit("ScheduleLR", "steps_per_epoch", _PerEpoch, steps_per_epoch)
        epochs = "" if steps_per_epoch else _NO_EPOCHS
        self._plans: dict[Entry, Schedule] = {}
        for name, plan in others.items():
            if not isinstance(plan, Schedule):
                _refuse_parameter(name, plan)
        by_name = schedule if isinstance(schedule, Mapping) else {"lr": schedule}
        for name, plan in (*by_name.items(), *others.items()):
            plan = attachable("ScheduleLR", plan, epochs=epochs, name="schedule" if plan is schedule else name)
            where = entry(_in_brackets(name, groups), "ScheduleLR")
            for group in groups:
                check_entry(where, group, kind, "ScheduleLR")
            if where in self._plans:
                raise ValueError(f"ScheduleLR: {where} has a schedule already, and {name!r} gives it another")
            self._plans[where] = plan
            for group in groups if where != LR else ():
                ask(self.optimizer, group, where, extremes(plan), "ScheduleLR")
        if LR not in self._plans:
            raise ValueError(f"ScheduleLR: 'lr' must be among the schedules, got {', '.join(map(str, self._plans))}")
        if unused := unused_rate(self.schedule, self.optimizer):
            highest, own = unused
            warn(
                f"ScheduleLR: the schedule's rate is up to {highest:g}, and the lr={own:g} of {kind} is not used: "
                f"rates are absolute. Write it into the schedule: {own:g} * plan"
            )
        self._steps_per_epoch = steps_per_epoch
        self._updates = 0
        self._last_lr: list[Any] = []  # numbers
        self._off: list[set[Entry]] = []  # for each group, what stays 0
        self._built_with: dict[Entry, float] = {}
        self._warned = False
        self._attach()
        try:
            self._write()
        except BaseException:
            self.remove()
            raise

    # -- the clock ----------------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        refuse_a_second_writer(self.optimizer, "ScheduleLR")
        self._in_step = False
        self._hooks = (
            self.optimizer.register_step_pre_hook(self._before_step),
            self.optimizer.register_step_post_hook(self._after_step),
            self.optimizer.register_load_state_dict_pre_hook(self._before_loading),
            self.optimizer.register_load_state_dict_post_hook(self._after_loading),
        )
        # First of all, so that any other hook sees the rate of its step.
        hooks = cast("OrderedDict[int, Any]", self.optimizer._optimizer_step_pre_hooks)
        hooks.move_to_end(self._hooks[0].id, last=False)

    @_untraced
    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if _ZERO_3 in sys.modules:
            _refuse_a_part()
        self._in_step = not self._is_a_rehearsal(optimizer)
        if self._in_step:
            self._write(looking=True)

    def _is_a_rehearsal(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether `torch.distributed.checkpoint` makes this step, to have a state: with rates and gradients of 0."""
        if optimizer.state or not any(self._last_lr):
            return False
        rates = [group["lr"] for group in optimizer.param_groups]
        # Its tensors are on the CPU. To look at others is to wait for the device.
        if any((isinstance(rate, torch.Tensor) and rate.device.type != "cpu") or rate != 0 for rate in rates):
            return False
        return all(_is_zero(each.grad) for group in optimizer.param_groups for each in group["params"])

    @_untraced
    def _after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # A `step` that calls that of its base class runs the hooks of both; it is one.
        if self._in_step:
            self._in_step = False
            # A fused optimizer is stepped in any case and told to do nothing. Without a scaler there is no such thing.
            left_out = getattr(optimizer, "found_inf", None)
            self._updates += left_out is None or not bool(left_out)

    def _before_loading(self, optimizer: torch.optim.Optimizer, _: Any) -> None:
        self._kept = [dict(group) for group in optimizer.param_groups]

    def _after_loading(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the groups what belongs to the program and not to a file, and write the rates again."""
        for group, kept in zip(optimizer.param_groups, self._kept, strict=True):
            keep_tensors(group, kept)
            for name in ("lr", "lr_scale"):
                group.pop(name, None)
                if name in kept:
                    group[name] = kept[name]
        del self._kept
        self._write()

    def remove(self) -> None:
        """Take it off its optimizer, which then keeps the rates that it has."""
        for hook in self._hooks:
            hook.remove()

    # -- what is written ----------------------------------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """The plan of the learning rate."""
        return self._plans[LR]

    @property
    def updates(self) -> int:
        """How many updates the optimizer has made: those of the runs before included, once their state is loaded."""
        return self._updates

    def _rates(self) -> list[float]:
        groups = self.optimizer.param_groups
        self._refuse_lost_rates(groups)
        value = self._value(self.schedule)
        return [rate_of(group, number, value) for number, group in enumerate(groups)]

    def _value(self, schedule: Schedule) -> float:
        update = self._updates + 1
        if self._steps_per_epoch is None:
            return float(schedule(update))
        return float(schedule(update, (update - 1) // self._steps_per_epoch + 1))

    def _write(self, *, looking: bool = False) -> None:
        groups, rates = self.optimizer.param_groups, self._rates()
        others = {where: self._value(schedule) for where, schedule in self._plans.items() if where != LR}
        for where, value in others.items():
            if not math.isfinite(value):
                raise ValueError(f"ScheduleLR: {where} would be {value}; it is finite")
        self._look_at_new_groups(groups[len(self._off) :])
        if looking and not self._warned:
            self._warn_of_another_writer(groups, rates)
        own_tensors(self.optimizer, {where.name for where in self._plans})
        for group, rate, off in zip(groups, rates, self._off, strict=False):
            LR.write(group, rate)
            for where, value in others.items():
                where.write(group, 0.0 if where in off else value)
        self._last_lr = rates

    def _look_at_new_groups(self, groups: list[dict[str, Any]]) -> None:
        """Find what is off in them, and refuse values of their own, which would be lost. A default is none of them."""
        off: list[set[Entry]] = [set() for _ in groups]
        for where in [where for where in self._plans if where != LR] if groups else ():
            own = [float(where.read(group)) for group in groups]
            known = {self._built_with.setdefault(where, next(filter(None, own), 0.0))}
            if self._off and where.name in self.optimizer.defaults:
                known.add(float(where.read(self.optimizer.defaults)))
            if any(value and value not in known for value in own):
                listed = ", ".join(f"{value:g}" for value in sorted({*known, *own}))
                raise ValueError(
                    f"ScheduleLR: the parameter groups have values of their own for {where} ({listed}), and the "
                    "schedule would write one to all.\n    Build them with one value; those with 0 keep it"
                )
            for here, value in zip(off, own, strict=True):
                if value == 0 and any(known):
                    here.add(where)
        self._off += off

    def _refuse_lost_rates(self, groups: list[dict[str, Any]]) -> None:
        """Refuse new groups' rates of their own, which would be lost; their optimizer's default is none."""
        known = self._last_lr
        own = [float(group["lr"]) for group in groups[len(known) :] if "lr_scale" not in group]
        if known and own:
            default = self.optimizer.defaults.get("lr")
            own = [known[0], *(rate for rate in own if rate != default and rate not in known)]
        refuse_lost_rates(own, "ScheduleLR")

    def _warn_of_another_writer(self, groups: list[dict[str, Any]], rates: list[float]) -> None:
        for number, (group, before, now) in enumerate(zip(groups, self._last_lr, rates, strict=False)):
            # To look at a tensor is to wait for the device.
            if type(rate := group["lr"]) is float and not any(math.isclose(rate, ours) for ours in (before, now)):
                self._warned = True
                warn(
                    f"ScheduleLR: parameter group {number} has the rate {rate:g}, which something else has written; "
                    f"the plan's {now:g} is written over it. If another scheduler or a search for a rate works on this "
                    "optimizer, leave it out, or take this one off: scheduler.remove()"
                )
                return

    # -- what a torch scheduler has -----------------------------------------------------------------------------------

    def step(self, epoch: int | None = None) -> None:
        """Write the values of the next update. It counts nothing, and may be called at any time or never.

        Raises:
            TypeError: an epoch or a metric is given, which a plan does not follow.
        """
        if epoch is not None:
            raise TypeError(
                f"ScheduleLR.step({shown(epoch)}): a plan follows the optimizer's own steps, and no epoch or metric: "
                "call scheduler.step()"
            )
        self._write(looking=True)

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rates that were written last, as numbers, one for each group: until `step`, those of the last update."""
        return list(self._last_lr)

    def get_lr(self) -> list[Any]:
        """The rates of the next update, one for each group, each of the kind that the group has: number or tensor."""
        return [
            torch.full_like(group["lr"], rate) if isinstance(group["lr"], torch.Tensor) else rate
            for group, rate in zip(self.optimizer.param_groups, self._rates(), strict=True)
        ]

    @property
    def last_epoch(self) -> int:
        """What torch calls the number of finished updates."""
        return self._updates

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        # ignite counts its own iterations here. They are none of the optimizer's steps, which are counted already.
        if value != self._updates + 1:
            raise AttributeError(
                f"ScheduleLR.last_epoch = {shown(value)}: updates are counted by the optimizer.\n    To go on from "
                "one: scheduler.load_state_dict({'updates': n}). To join plans: first.then(second), not SequentialLR"
            )

    def state_dict(self) -> dict[str, Any]:
        """How many updates were made, `{"updates": n}`: nothing of the plan, which belongs to the program."""
        return {"updates": self._updates}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on after the updates of another run, and write the rates that this plan has for the next.

        Args:
            state_dict: of a `ScheduleLR`, with any plan; or of a torch scheduler that was stepped once an update, such
                as a `LambdaLR`, whose `last_epoch` is then the number of updates.

        Raises:
            ValueError: neither of them; or a torch scheduler's where the plan counts epochs, since those that were
                stepped once an epoch have a number of epochs there; or that of one that counts metrics.
            TypeError: the number of updates is none.
        """
        if not isinstance(state_dict, Mapping) or not {"updates", "last_epoch"} & {*state_dict}:
            raise ValueError(
                "ScheduleLR: the state is {'updates': n}, or that of a torch scheduler with 'last_epoch', got "
                f"{shown(state_dict)}"
            )
        if "updates" in state_dict:
            updates = state_dict["updates"]
        elif "num_bad_epochs" in state_dict or any(schedule.counts_epochs for schedule in self._plans.values()):
            raise ValueError(
                f"ScheduleLR: last_epoch={shown(state_dict['last_epoch'])} of a torch scheduler may count epochs, "
                "metrics or updates.\n    Say how many updates were made: load_state_dict({'updates': n})"
            )
        else:
            updates = state_dict["last_epoch"]
        self._updates = admit("ScheduleLR.load_state_dict", "updates", _Updates, updates)
        self._write()

    # -- among objects ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        others = "".join(f", {where}={schedule!r}" for where, schedule in self._plans.items() if where != LR)
        return f"ScheduleLR({type(self.optimizer).__name__}, {self.schedule!r}{others}, updates={self._updates})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_hooks"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._attach()  # torch copies an optimizer without its hooks


def _refuse_a_part() -> None:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == _ZERO_3:
            raise ValueError(
                "ScheduleLR: DeepSpeed's ZeRO at stage 3 steps the optimizer once for each part of the parameters, so "
                "its steps are not updates.\n    There write LambdaLR(optimizer, plan.shift(-1)), on an optimizer that "
                "is built with lr=1.0: DeepSpeed calls its step once an update"
            )


def _is_zero(gradient: Any) -> bool:
    part = gradient.to_local() if hasattr(gradient, "to_local") else gradient  # of a DTensor
    return part is None or not (part.is_sparse or bool(part.any()))


def _stepped(optimizer: Any) -> torch.optim.Optimizer:
    """The optimizer inside accelerate's, Lightning's or Fabric's wrapper, or SAM: the one whose step runs the hooks."""
    inner = innermost(optimizer)
    if not isinstance(inner, torch.optim.Optimizer) or not hasattr(inner, "_optimizer_step_pre_hooks"):
        _refuse_optimizer(optimizer)
    return inner


def _refuse_optimizer(given: Any) -> NoReturn:
    if isinstance(given, list | tuple):
        raise TypeError(f"ScheduleLR: optimizer must be one optimizer, got {len(given)}: give each a ScheduleLR")
    if isinstance(given, torch.optim.Optimizer):
        raise TypeError(
            f"ScheduleLR: {type(given).__name__} runs no hooks, since it never calls torch.optim.Optimizer.__init__. "
            "Give the optimizer inside it, if it has one"
        )
    order = ".\n    The optimizer comes first: ScheduleLR(optimizer, plan)" if isinstance(given, Schedule) else ""
    raise TypeError(f"ScheduleLR: optimizer must be a torch.optim.Optimizer, got {shown(given)}{order}")


def _refuse_parameter(name: str, value: Any) -> None:
    """Answer to an argument that is taken for a hyperparameter, since any name may be one."""
    hint = f"; {_NO_PARAMETERS[name]}" if name in _NO_PARAMETERS else called_here(name, value, ())
    if hint:
        raise TypeError(f"ScheduleLR() has no parameter {name!r}{hint}")


def _in_brackets(name: Any, groups: list[dict[str, Any]]) -> Any:
    """`betas[0]` for the keyword `betas_0`."""
    as_keyword = _KEYWORD.fullmatch(name) if isinstance(name, str) and name not in groups[0] else None
    return f"{as_keyword[1]}[{as_keyword[2]}]" if as_keyword else name
