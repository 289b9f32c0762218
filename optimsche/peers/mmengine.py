"""MMEngine's schedulers: update (or epoch) ``n`` gets what they have after ``n - 1`` calls of ``step()``.

A scheduler acts in the window from ``begin`` up to but not with ``end``, on the value in force there; outside it the
value stays as it is. ``by_epoch`` says what the caller counts and changes nothing here, except in
:func:`param_scheduler`, which plays a list of configurations as MMEngine drives them together.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from annotated_types import Ge, Lt, MinLen

from optimsche import call_errors, checking
from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, linear, polynomial
from optimsche.metrics import plateau
from optimsche.peers._peer import (
    Ease,
    Exponent,
    Gamma,
    Lr,
    Metrics,
    PositiveLr,
    RealSteps,
    Share,
    SomeSteps,
    Steps,
    UnitFactor,
    Value,
    peer,
)
from optimsche.peers._pieces import from_zero, powers, stairs, wave
from optimsche.peers.torch import Divisor, Drop, eased
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

INF = 10**9
Milestones: TypeAlias = Annotated[tuple[int, ...], Meaning("numbers of steps")]
Periods: TypeAlias = Annotated[tuple[SomeSteps, ...], MinLen(1), Meaning("lengths of the cycles")]
Weights: TypeAlias = Annotated[tuple[Gamma, ...], MinLen(1), Meaning("what each cycle starts at, times the rate")]
Momentum: TypeAlias = Annotated[float, Ge(0), Lt(float("inf")), Meaning("a momentum")]
New: TypeAlias = Literal[-1]
_SHAPES = {"cos": cosine, "linear": linear}


@peer("mmengine")
def ConstantLR(
    factor: UnitFactor = 1 / 3,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """``factor`` times the value in the window, except in its last step, which has the value again."""
    return _played([_constant("ConstantLR", factor, begin, end)], base_lr)


@peer("mmengine")
def CosineAnnealingLR(
    T_max: Steps | None = None,
    eta_min: Lr | None = None,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    eta_min_ratio: Gamma | None = None,
    *,
    base_lr: Lr,
) -> Schedule:
    """Half a cosine to ``eta_min`` over ``T_max``, and back up where the window is longer.

    ``T_max`` is the window's length by default, one more than its steps, so the end is not quite met.
    """
    return _played([_cosine("CosineAnnealingLR", T_max, eta_min, begin, end, eta_min_ratio, base_lr)], base_lr)


@peer("mmengine")
def ExponentialLR(
    gamma: Gamma,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """The value times ``gamma`` with each step but the first."""
    return _played([_exponential("ExponentialLR", gamma, begin, end)], base_lr)


@peer("mmengine")
def LinearLR(
    start_factor: UnitFactor = 1 / 3,
    end_factor: UnitFactor = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """A line from one factor to another, which the last step of the window has."""
    return _played([_linear("LinearLR", start_factor, end_factor, begin, end)], base_lr)


@peer("mmengine")
def MultiStepLR(
    milestones: Milestones,
    gamma: Gamma = 0.1,
    last_step: New = -1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """The value times ``gamma`` at each of ``milestones``, counted from ``begin``."""
    return _played([_multi_step("MultiStepLR", milestones, gamma, begin, end)], base_lr)


@peer("mmengine")
def StepLR(
    step_size: SomeSteps,
    gamma: Gamma = 0.1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """The value times ``gamma`` after each ``step_size`` steps, counted from ``begin``."""
    return _played([_step("StepLR", step_size, gamma, begin, end)], base_lr)


@peer("mmengine")
def PolyLR(
    eta_min: Lr = 0.0,
    power: Exponent = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """A power of what is left to ``eta_min``, which the last step of the window has."""
    return _played([_poly("PolyLR", eta_min, power, begin, end)], base_lr)


@peer("mmengine")
def CosineRestartLR(
    periods: Periods,
    restart_weights: Weights = (1.0,),
    eta_min: Lr | None = None,
    eta_min_ratio: Gamma | None = None,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr,
) -> Schedule:
    """Half a cosine for each of ``periods``, from its weight times the initial value; then the last value is held."""
    return _played(
        [_cosine_restart("CosineRestartLR", periods, restart_weights, eta_min, eta_min_ratio, begin, end, base_lr)],
        base_lr,
    )


@peer("mmengine")
def OneCycleLR(
    eta_max: Lr = 0.0,
    total_steps: SomeSteps | None = None,
    pct_start: Share = 0.3,
    anneal_strategy: Ease = "cos",
    div_factor: Divisor = 25.0,
    final_div_factor: Divisor = 1e4,
    three_phase: bool = False,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_lr: Lr | None = None,
) -> Schedule:
    """Up to ``eta_max`` and down again by the last of ``total_steps``, by default the window; then it holds.

    ``base_lr`` is the rate before ``begin``.
    """
    if begin > 0 and base_lr is None:
        raise ValueError(f"mmengine.OneCycleLR: begin={begin} leaves the optimizer's rate before it; give base_lr")
    return _played(
        [
            _one_cycle(
                "OneCycleLR",
                eta_max,
                total_steps,
                pct_start,
                anneal_strategy,
                div_factor,
                final_div_factor,
                three_phase,
                begin,
                end,
            )
        ],
        base_lr or 0.0,
    )


@peer("mmengine")
def ConstantMomentum(
    factor: UnitFactor = 1 / 3,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`ConstantLR`, for the momentum."""
    return _played([_constant("ConstantMomentum", factor, begin, end)], base_momentum)


@peer("mmengine")
def CosineAnnealingMomentum(
    T_max: Steps | None = None,
    eta_min: Lr | None = None,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    eta_min_ratio: Gamma | None = None,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`CosineAnnealingLR`, for the momentum."""
    return _played(
        [_cosine("CosineAnnealingMomentum", T_max, eta_min, begin, end, eta_min_ratio, base_momentum)], base_momentum
    )


@peer("mmengine")
def ExponentialMomentum(
    gamma: Gamma,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`ExponentialLR`, for the momentum."""
    return _played([_exponential("ExponentialMomentum", gamma, begin, end)], base_momentum)


@peer("mmengine")
def LinearMomentum(
    start_factor: UnitFactor = 1 / 3,
    end_factor: UnitFactor = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`LinearLR`, for the momentum."""
    return _played([_linear("LinearMomentum", start_factor, end_factor, begin, end)], base_momentum)


@peer("mmengine")
def MultiStepMomentum(
    milestones: Milestones,
    gamma: Gamma = 0.1,
    last_step: New = -1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`MultiStepLR`, for the momentum."""
    return _played([_multi_step("MultiStepMomentum", milestones, gamma, begin, end)], base_momentum)


@peer("mmengine")
def StepMomentum(
    step_size: SomeSteps,
    gamma: Gamma = 0.1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`StepLR`, for the momentum."""
    return _played([_step("StepMomentum", step_size, gamma, begin, end)], base_momentum)


@peer("mmengine")
def PolyMomentum(
    eta_min: Lr = 0.0,
    power: Exponent = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`PolyLR`, for the momentum."""
    return _played([_poly("PolyMomentum", eta_min, power, begin, end)], base_momentum)


@peer("mmengine")
def CosineRestartMomentum(
    periods: Periods,
    restart_weights: Weights = (1.0,),
    eta_min: Lr | None = None,
    eta_min_ratio: Gamma | None = None,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base_momentum: Momentum,
) -> Schedule:
    """As :func:`CosineRestartLR`, for the momentum."""
    return _played(
        [
            _cosine_restart(
                "CosineRestartMomentum", periods, restart_weights, eta_min, eta_min_ratio, begin, end, base_momentum
            )
        ],
        base_momentum,
    )


@peer("mmengine")
def ReduceOnPlateauLR(
    monitor: str = "loss",
    rule: Literal["less", "greater"] = "less",
    factor: Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_rule: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_value: Value = 0.0,
    eps: RealSteps = 1e-8,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: Literal[True] = True,
    verbose: bool = False,
    *,
    metrics: Metrics,
    base_lr: PositiveLr,
) -> Schedule:
    """The value after each of the metrics reported so far: that of epoch ``n`` is the one after ``n - 1`` reports.

    Report ``e`` counts if ``begin <= e < end``.
    """
    _check_window("ReduceOnPlateauLR", begin, end)
    worst = float(INF) if rule == "less" else -float(INF)  # what the first report has to beat
    values = plateau.trace(
        (worst, *metrics[max(begin - 1, 0) : end - 1]),
        factor=factor,
        patience=patience,
        mode="min" if rule == "less" else "max",
        rtol=threshold if threshold_rule == "rel" else 0.0,
        atol=threshold if threshold_rule == "abs" else 0.0,
        cooldown=cooldown,
        start=base_lr,
        floor=min_value,
        smallest_change=eps,
    )[1:]
    return stairs(values, range(max(begin, 1), max(begin, 1) + len(values) - 1))


@peer("mmengine")
def ReduceOnPlateauMomentum(
    monitor: str = "loss",
    rule: Literal["less", "greater"] = "less",
    factor: Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_rule: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_value: Value = 0.0,
    eps: RealSteps = 1e-8,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: Literal[True] = True,
    verbose: bool = False,
    *,
    metrics: Metrics,
    base_momentum: PositiveLr,
) -> Schedule:
    """As :func:`ReduceOnPlateauLR`, for the momentum."""
    _check_window("ReduceOnPlateauMomentum", begin, end)
    return ReduceOnPlateauLR(
        monitor,
        rule,
        factor,
        patience,
        threshold,
        threshold_rule,
        cooldown,
        min_value,
        eps,
        begin,
        end,
        metrics=metrics,
        base_lr=base_momentum,
    )


def param_scheduler(
    param_scheduler: Any,
    *,
    base_lr: float | None = None,
    base_momentum: float | None = None,
    epoch_length: int | None = None,
) -> Schedule:
    """A list of configurations ``dict(type="LinearLR", ...)`` as MMEngine drives them together.

    With ``base_lr`` those for the learning rate are played, with ``base_momentum`` those for the momentum. Windows that
    multiply the value may overlap. One that goes to an ``eta_min`` above 0, restarts, or sets the rate starts from what
    is in force at its ``begin`` and cannot share steps with another: that has no closed form. Where some count epochs
    and others updates, the former are played by the epoch, so the schedule is called with both clocks.
    ``convert_to_iter_based`` takes ``epoch_length``, the updates in an epoch.
    """
    if (base_lr is None) == (base_momentum is None):
        raise ValueError("mmengine.param_scheduler: give base_lr for the learning rate, or base_momentum")
    suffix, first = ("LR", base_lr) if base_lr is not None else ("Momentum", base_momentum)
    base = base_value = checking.admit("mmengine.param_scheduler", "the value of the optimizer", Lr, first)
    by_update: list[_Window] = []
    by_epoch: list[_Window] = []
    for config in [param_scheduler] if isinstance(param_scheduler, Mapping) else param_scheduler:
        kind, given = _read(config, epoch_length)
        if not kind.endswith(suffix):
            continue
        window = _WINDOWS[kind.removesuffix(suffix)](kind, base_value, given)
        (by_epoch if given["by_epoch"] else by_update).append(window)
        if window.initial is not None:  # OneCycleLR replaces what later schedulers take for the initial rate
            base_value = window.initial
    if not by_update or not by_epoch:
        return _played([*by_update, *by_epoch], base)
    for window in (*by_update, *by_epoch):
        alone = (
            window in by_epoch
            and epoch_length is not None
            and all(
                other.multiplies and other.end <= window.begin * epoch_length and other.at_the_end(1.0) == 1.0
                for other in by_update
            )
        )
        if not window.multiplies and not alone:
            raise ValueError(
                f"mmengine.param_scheduler: {window.call} does not multiply the rate, so it cannot be combined with "
                "one that counts on another clock, unless that is a warm-up to the rate which ends before it (give "
                "epoch_length); else give all of them the same by_epoch"
            )
    return _played(by_update, 1.0) * _played(by_epoch, base).shift(-1).by_epoch()


# ---------------------------------------------------------------------------------------------------------------------
# Windows
# ---------------------------------------------------------------------------------------------------------------------


class _Window(NamedTuple):
    """What a scheduler does from ``begin`` up to but not with ``end``, on a counter that is 0 at ``begin``."""

    call: str
    begin: int
    end: int
    curve: Callable[[float], Schedule]  # of the value in force at `begin`; of 1 where it multiplies that value
    multiplies: bool = True
    last: Callable[[float], float] | None = None  # the value of the last step, where that is not the curve's
    initial: float | None = None

    def held(self, before: Schedule, value: float) -> Schedule:
        """A schedule of the counter up to the window, the window, and its last value."""
        curve, steps = self.curve(value), self.end - self.begin - 1
        if self.end >= INF:
            return from_zero((self.begin, before), curve)
        return from_zero((self.begin, before), (steps, curve), constant(value=self.at_the_end(value)))

    def at_the_end(self, value: float) -> float:
        """The value of the last step."""
        return self.last(value) if self.last else self.curve(value)(self.end - self.begin - 1)


def _played(windows: list[_Window], base: float) -> Schedule:
    """Windows together, on a value."""
    for window in windows:
        for other in windows:
            if other is not window and not window.multiplies and _meet(window, other):
                raise ValueError(
                    f"mmengine: {window.call} from {window.begin} to {window.end} and {other.call} from {other.begin} "
                    f"to {other.end} act on the same steps, and the first does not multiply the value, so there is "
                    "no closed form; let one end where the other begins"
                )
    played: Schedule = constant(value=base)
    for window in sorted(windows, key=lambda window: window.begin):
        if not window.multiplies:
            played = window.held(played.shift(-1), played(window.begin + 1))
        elif played.lr_fn == constant:
            played = base * window.held(constant(value=1.0), 1.0)
        else:
            played = played * window.held(constant(value=1.0), 1.0)
    return played


def _meet(one: _Window, other: _Window) -> bool:
    return one.begin < other.end and other.begin < one.end


def _check_window(call: str, begin: int, end: int) -> None:
    if end <= begin:
        raise ValueError(f"mmengine.{call}: end should be larger than begin, but got begin={begin}, end={end}")


def _constant(call: str, factor: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    if factor == 0 and end - begin > 1 and end < INF:
        raise ValueError(f"mmengine.{call}: factor 0 cannot be undone at the end of the window; take a small one")
    last = factor if end - begin == 1 else 1.0
    return _Window(call, begin, end, lambda value: constant(value=value * factor), last=lambda value: value * last)


def _exponential(call: str, gamma: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    return _Window(call, begin, end, lambda value: powers(value, gamma))


def _linear(call: str, start_factor: float, end_factor: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    steps = end - begin - 1
    if steps == 0:
        return _Window(call, begin, end, lambda value: constant(value=value * start_factor))
    if start_factor == 0:
        raise ValueError(f"mmengine.{call}: start_factor 0 can never grow, since each value is made of the last")
    return _Window(
        call, begin, end, lambda value: linear(start=value * start_factor, end=value * end_factor, steps=steps)
    )


def _multi_step(call: str, milestones: tuple[int, ...], gamma: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    edges = sorted(milestone for milestone in milestones if milestone >= 0)
    powers_of_gamma = [gamma**number for number in range(len(edges) + 1)]
    return _Window(call, begin, end, lambda value: stairs([value * p for p in powers_of_gamma], edges).shift(-1))


def _step(call: str, step_size: int, gamma: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    return _Window(call, begin, end, lambda value: powers(value, gamma, step_size).staircase(step_size, closed="left"))


def _cosine(
    call: str,
    T_max: int | None,
    eta_min: float | None,
    begin: int,
    end: int,
    eta_min_ratio: float | None,
    base: float,
) -> _Window:
    _check_window(call, begin, end)
    if eta_min is not None and eta_min_ratio is not None:
        raise ValueError(f"mmengine.{call}: either eta_min or eta_min_ratio can be specified, not both")
    steps = T_max or end - begin
    low = (eta_min or 0.0) if eta_min_ratio is None else base * eta_min_ratio
    rises = end - begin - 1 > steps

    def curve(value: float) -> Schedule:
        if not rises:
            return cosine(start=value, end=low, steps=steps)
        if value == base:
            return wave(value, low, steps)
        back_up = wave(low, base, steps)
        return sequence([cosine(start=value, end=low, steps=steps), back_up], at=[steps])

    return _Window(call, begin, end, curve, multiplies=low == 0 and not rises)


def _poly(call: str, eta_min: float, power: float, begin: int, end: int) -> _Window:
    _check_window(call, begin, end)
    steps = end - begin - 1

    def curve(value: float) -> Schedule:
        if steps == 0 or power == 0:
            return constant(value=value)
        return polynomial(start=value, end=eta_min, steps=steps, power=power)

    return _Window(call, begin, end, curve, multiplies=eta_min == 0)


def _one_cycle(
    call: str,
    eta_max: float,
    total_steps: int | None,
    pct_start: float,
    anneal_strategy: str,
    div_factor: float,
    final_div_factor: float,
    three_phase: bool,
    begin: int,
    end: int,
) -> _Window:
    _check_window(call, begin, end)
    total = total_steps or end - begin
    low, first, last = eta_max / div_factor, pct_start * total - 1, total - 1
    knots = [0.0, first, 2 * pct_start * total - 2, last] if three_phase else [0.0, first, last]
    values = [low, eta_max, low, low / final_div_factor] if three_phase else [low, eta_max, low / final_div_factor]
    curve = eased(_SHAPES[anneal_strategy], knots, values).shift(-1)
    return _Window(call, begin, end, lambda _: curve, multiplies=False, initial=low)


def _cosine_restart(
    call: str,
    periods: tuple[int, ...],
    restart_weights: tuple[float, ...],
    eta_min: float | None,
    eta_min_ratio: float | None,
    begin: int,
    end: int,
    base: float,
) -> _Window:
    _check_window(call, begin, end)
    if (eta_min is None) == (eta_min_ratio is None):
        raise ValueError(f"mmengine.{call}: give either eta_min or eta_min_ratio")
    if len(periods) != len(restart_weights):
        raise ValueError(
            f"mmengine.{call}: periods and restart_weights should have the same length, "
            f"got {len(periods)} and {len(restart_weights)}"
        )
    low = (eta_min or 0.0) if eta_min_ratio is None else base * eta_min_ratio
    cycles = [
        (steps, cosine(start=base * weight, end=low, steps=steps))
        for steps, weight in zip(periods, restart_weights, strict=True)
    ]
    curve = from_zero(*cycles).shift(-1)
    return _Window(call, begin, min(end, begin + sum(periods)), lambda _: curve, multiplies=False)


# ---------------------------------------------------------------------------------------------------------------------
# Configurations
# ---------------------------------------------------------------------------------------------------------------------

_IN_EPOCHS = ("step_size", "milestones", "T_max", "periods", "total_steps")


def _read(config: Any, epoch_length: int | None) -> tuple[str, dict[str, Any]]:
    """The type of a configuration and its arguments, checked, with what is left out filled in."""
    if not isinstance(config, Mapping) or not isinstance(config.get("type"), str):
        raise TypeError(f'mmengine.param_scheduler: a configuration is dict(type="LinearLR", ...), got {config!r:.80}')
    given = {name: value for name, value in config.items() if name != "type"}
    kind = config["type"]
    if kind not in _SIGNATURES:
        hint = call_errors.did_you_mean(kind, _SIGNATURES) or f"; known are {', '.join(_SIGNATURES)}"
        hint = "; its value follows metrics: multiply by it by hand" if kind.startswith("ReduceOnPlateau") else hint
        raise ValueError(f"mmengine.param_scheduler: type {kind!r} cannot be played{hint}")
    converts = given.pop("convert_to_iter_based", False)
    signature = _SIGNATURES[kind]
    filled = call_errors.by_name(f"mmengine.{kind}", signature, (), given)
    checked = {
        name: checking.admit(f"mmengine.{kind}", name, signature[name].annotation, value)
        for name, value in filled.items()
    }
    if converts and checked["by_epoch"]:
        if epoch_length is None:
            raise ValueError(
                "mmengine.param_scheduler: convert_to_iter_based needs epoch_length, the updates in an epoch"
            )
        for name in (*_IN_EPOCHS, "begin", "end"):
            value = checked.get(name)
            if isinstance(value, tuple):
                checked[name] = tuple(one * epoch_length for one in value)
            elif value is not None and (name, value) != ("end", INF):
                checked[name] = value * epoch_length
        checked["by_epoch"] = False
    return kind, checked


def _window(name: str) -> Callable[[str, float, dict[str, Any]], _Window]:
    """A maker of windows that takes the checked arguments of a configuration."""
    make = _MAKERS[name]
    wanted = inspect.signature(make).parameters

    def made(call: str, base: float, given: dict[str, Any]) -> _Window:
        return make(**{key: value for key, value in {**given, "call": call, "base": base}.items() if key in wanted})

    return made


_MAKERS: dict[str, Callable[..., _Window]] = {
    "Constant": _constant,
    "CosineAnnealing": _cosine,
    "CosineRestart": _cosine_restart,
    "Exponential": _exponential,
    "Linear": _linear,
    "MultiStep": _multi_step,
    "OneCycle": _one_cycle,
    "Poly": _poly,
    "Step": _step,
}
_WINDOWS = {name: _window(name) for name in _MAKERS}


def _parameters(function: Callable[..., Schedule]) -> dict[str, inspect.Parameter]:
    """The arguments that a configuration may have, with their ranges."""
    hints = typing.get_type_hints(function, include_extras=True)
    known = inspect.signature(function).parameters.values()
    return {p.name: p.replace(annotation=hints[p.name]) for p in known if p.kind is not p.KEYWORD_ONLY}


_SIGNATURES = {
    function.__name__: _parameters(function)
    for function in (
        ConstantLR,
        CosineAnnealingLR,
        CosineRestartLR,
        ExponentialLR,
        LinearLR,
        MultiStepLR,
        OneCycleLR,
        PolyLR,
        StepLR,
        ConstantMomentum,
        CosineAnnealingMomentum,
        CosineRestartMomentum,
        ExponentialMomentum,
        LinearMomentum,
        MultiStepMomentum,
        PolyMomentum,
        StepMomentum,
    )
}
