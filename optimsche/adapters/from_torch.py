"""A live scheduler of torch's, transformers' or timm's as a plan: read from its attributes, and held to its rates."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from optimsche import peers
from optimsche.call_errors import explained, shown
from optimsche.schedule import Schedule

# How many steps ahead a scheduler and its plan are compared.
_AHEAD = 100
_HOMES = {"torch.optim.lr_scheduler": "torch", "torch.optim.swa_utils": "torch", "timm.scheduler": "timm"}
_FOLLOW_A_METRIC = ("ReduceLROnPlateau", "GreedyLR", "PlateauLRScheduler")


@explained
def from_torch(scheduler: Any, *, group: int | None = None) -> Schedule:
    """The plan that a torch scheduler follows, in mid-run or before it.

    `plan(n)` is the rate after `n - 1` calls of its `step`: of update `n`, where it is stepped once an update. Where it
    is stepped once an epoch, `from_torch(scheduler).shift(-1).by_epoch()` is the plan. It has the rate alone: what a
    `OneCycleLR` or `CyclicLR` does to the momentum is `peers.torch.OneCycleMomentum` or `CyclicMomentum`.

    Args:
        scheduler: of `torch.optim.lr_scheduler` or `torch.optim.swa_utils`; of transformers, such as
            `get_cosine_schedule_with_warmup` gives; of timm; or accelerate's wrapper of one. Functions that it was
            given are followed.
        group: the parameter group whose rate it is. Needed where groups have different base rates.

    Returns:
        The plan, an expression of the pieces of this library. It has been compared with the scheduler: at its present
        step and, on a copy, at the 100 steps that follow.

    Raises:
        TypeError: what cannot be read: a scheduler that follows a metric, one of a user's own class, a function that is
            no formula.
        ValueError: the base rates of the groups differ, and `group` is not given; or the plan that was read has other
            rates than the scheduler.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    >>> from_torch(scheduler)
    staircase(exponential(start=0.1, factor=0.1, every=30), every=30, closed='right')
    """
    scheduler = _unwrapped(scheduler)
    if hasattr(scheduler, "state_dict") and isinstance(getattr(scheduler, "schedule", None), Schedule):
        return scheduler.schedule  # type: ignore[no-any-return]  # a ScheduleLR
    if not any(hasattr(scheduler, name) for name in ("base_lrs", "base_values", "_schedulers", "patience")):
        got = f"the optimizer {_name(scheduler)}" if hasattr(scheduler, "param_groups") else shown(scheduler)
        raise TypeError(f"from_torch takes a scheduler of torch.optim, transformers or timm, got {got}")
    plan = _read(scheduler, _chosen_group(scheduler, group))
    for step, rates in _rates_ahead(scheduler):
        rate = rates[group or 0]
        if group is None and rates.count(rate) < len(rates):
            raise _groups_differ(f"rates of their own ({', '.join(map(repr, rates[:4]))}) for update {step}")
        if not math.isclose(plan(step), rate, rel_tol=1e-6, abs_tol=1e-9 * max(_base_rates(scheduler))):
            raise ValueError(
                f"from_torch: {_name(scheduler)} gives update {step} the rate {rate:.9g}, and the plan that was read "
                f"has {plan(step):.9g}: {plan!r:.200}.\n    Its rate was set by hand, or it is built on another that "
                "has moved it. Write the plan out; optimsche.peers has the pieces by their names"
            )
    return plan


def _unwrapped(scheduler: Any) -> Any:
    """What is inside of accelerate's wrapper."""
    while hasattr(inner := getattr(scheduler, "scheduler", None), "state_dict"):
        scheduler = inner
    return scheduler


def _name(scheduler: Any) -> str:
    return type(scheduler).__name__


# -- reading ----------------------------------------------------------------------------------------------------------


def _read(scheduler: Any, group: int) -> Schedule:
    system, kind = _home(scheduler)
    base = _base_rates(scheduler)[group]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(scheduler, group, base)
    peer = getattr(getattr(peers, system), kind)
    return peer(**_attributes(scheduler, peer), base_lr=base)  # type: ignore[no-any-return]


def _home(scheduler: Any) -> tuple[str, str]:
    """The system that a scheduler belongs to, and the name of its class there.

    Raises:
        TypeError: it is of none that can be read.
    """
    for base in type(scheduler).__mro__:
        if base.__name__ in _FOLLOW_A_METRIC:
            raise TypeError(
                f"from_torch: {base.__name__} follows a metric, and its rates to come are nobody's to know. "
                "A factor that follows the metrics that you keep: plan * plateau(history, patience=3)"
            )
        system = next((here for home, here in _HOMES.items() if base.__module__.startswith(home)), None)
        if system is None:
            changed = [name for name in ("get_lr", "_get_lr", "step", "_get_closed_form_lr") if name in vars(base)]
            if changed:
                raise TypeError(
                    f"from_torch: {base.__module__}.{base.__qualname__} has a {changed[0]} of its own, which cannot be "
                    "read. Write its formula as def f(real_step, epoch): ... under @lr_fn"
                )
        elif base.__name__ in peers.names_of(system):
            return system, base.__name__
    raise TypeError(f"from_torch: {_name(scheduler)} is none of the schedulers that optimsche.peers knows")


def _attributes(scheduler: Any, peer: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a peer that the scheduler keeps under their names."""
    return {name: getattr(scheduler, name) for name in inspect.signature(peer).parameters if hasattr(scheduler, name)}


def _milestones(scheduler: Any, group: int, base: float) -> Schedule:
    return peers.torch.MultiStepLR(tuple(sorted(scheduler.milestones.elements())), scheduler.gamma, base_lr=base)


def _cyclic(scheduler: Any, group: int, base: float) -> Schedule:
    rise = scheduler.total_size * scheduler.step_ratio
    return peers.torch.CyclicLR(
        base,
        float(scheduler.max_lrs[group]),
        rise,
        scheduler.total_size - rise,
        scheduler.mode,
        scheduler.gamma,
        scheduler._scale_fn_custom,
        scheduler.scale_mode,
    )


def _one_cycle(scheduler: Any, group: int, base: float) -> Schedule:
    total, phases = scheduler.total_steps, scheduler._schedule_phases
    rates = scheduler.optimizer.param_groups[group]
    return peers.torch.OneCycleLR(
        float(rates["max_lr"]),
        total,
        pct_start=(phases[0]["end_step"] + 1) / total,
        anneal_strategy=scheduler._anneal_func_type,
        div_factor=float(rates["max_lr"]) / base,
        final_div_factor=base / float(rates["min_lr"]),
        three_phase=len(phases) == 3,
    )


def _swa(scheduler: Any, group: int, base: float) -> Schedule:
    strategy = scheduler._anneal_strategy
    rate = float(scheduler.optimizer.param_groups[group]["swa_lr"])
    return peers.torch.SWALR(rate, scheduler.anneal_epochs, strategy, base_lr=base)


def _multiplicative(scheduler: Any, group: int, base: float) -> Schedule:
    return peers.torch.MultiplicativeLR(scheduler.lr_lambdas[group], base_lr=base)


def _lambda(scheduler: Any, group: int, base: float) -> Schedule:
    function = scheduler.lr_lambdas[group]
    whole = function.func if isinstance(function, functools.partial) else function
    if getattr(whole, "__module__", "") != "transformers.optimization":
        return peers.torch.LambdaLR(function, base_lr=base)
    given = {name: value for name, value in getattr(function, "keywords", {}).items() if value is not None}
    name = whole.__name__.removeprefix("_").removesuffix("_lambda").removesuffix("_lr")
    name = _SHORTENED.get(name, name)
    if name == "get_cosine_schedule_with_warmup" and given.get("min_lr_rate", 0.0) == 0.0:
        given.pop("min_lr_rate", None)
    elif name == "get_cosine_schedule_with_warmup":  # the same function serves both
        name = "get_cosine_with_min_lr_schedule_with_warmup"
    # The polynomial goes down to a rate, and knows from which.
    start = float(given.pop("lr_init", base))
    plan: Schedule = getattr(peers.transformers, name)(**given, base_lr=start)
    return plan if start == base else plan * (base / start)


# transformers' functions whose names are not those of what makes schedulers of them.
_SHORTENED = {"get_constant": "get_constant_schedule", "get_wsd_scheduler": "get_wsd_schedule"}


def _sequential(scheduler: Any, group: int, base: float) -> Schedule:
    return peers.torch.SequentialLR(_pieces(scheduler, group), scheduler._milestones)


def _chained(scheduler: Any, group: int, base: float) -> Schedule:
    return peers.torch.ChainedScheduler(_pieces(scheduler, group), base_lr=base)


def _pieces(scheduler: Any, group: int) -> tuple[Schedule, ...]:
    return tuple(_read(piece, group) for piece in scheduler._schedulers)


_SPECIAL: dict[str, Callable[[Any, int, float], Schedule]] = {
    "MultiStepLR": _milestones,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
    "SWALR": _swa,
    "MultiplicativeLR": _multiplicative,
    "LambdaLR": _lambda,
    "SequentialLR": _sequential,
    "ChainedScheduler": _chained,
}


# -- the scheduler itself ---------------------------------------------------------------------------------------------


def _base_rates(scheduler: Any) -> list[float]:
    if hasattr(scheduler, "_schedulers"):
        return _base_rates(scheduler._schedulers[0])
    return [float(rate) for rate in getattr(scheduler, "base_lrs", None) or getattr(scheduler, "base_values", [1.0])]


def _chosen_group(scheduler: Any, group: int | None) -> int:
    rates = _base_rates(scheduler)
    if group is None:
        if len(set(rates)) > 1:
            raise _groups_differ(f"base rates of their own ({', '.join(map(repr, rates[:4]))})")
        return 0
    if type(group) is not int or not 0 <= group < len(rates):
        raise ValueError(f"from_torch: group must be a number from 0 to {len(rates) - 1}, got {shown(group)}")
    return group


def _groups_differ(how: str) -> ValueError:
    return ValueError(
        f"from_torch: the parameter groups have {how}: say which to follow, group=0, and give the others an lr_scale"
    )


def _rates_ahead(scheduler: Any) -> Iterator[tuple[int, list[float]]]:
    """The numbers of updates from the present one on, and the rates of all groups that a scheduler gives them."""
    if hasattr(scheduler, "_add_noise"):  # timm's are functions of a count that the caller keeps
        for t in range(1, _AHEAD):
            yield t + 1, [float(rate) for rate in scheduler._add_noise(scheduler._get_lr(t), t)]
        return
    groups = [{key: value for key, value in g.items() if key != "params"} for g in scheduler.optimizer.param_groups]
    optimizer = SimpleNamespace(param_groups=copy.deepcopy(groups), step=lambda: None, _opt_called=True)
    played = copy.deepcopy(scheduler, {id(scheduler.optimizer): optimizer})
    done = _finished(played)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps without an optimizer's
        for update in range(done + 1, done + _AHEAD):
            yield update, [float(each["lr"]) for each in optimizer.param_groups]
            if update >= getattr(played, "total_steps", math.inf):
                return
            played.step()


def _finished(scheduler: Any) -> int:
    inner = getattr(scheduler, "_schedulers", [])
    return int(scheduler.last_epoch if hasattr(scheduler, "last_epoch") else _finished(inner[0]))
