"""MMEngine's schedulers: update (or epoch) ``n`` gets what they have after ``n - 1`` calls of ``step()``.

A scheduler acts in the window from ``begin`` up to but not with ``end``, on the value in force there; outside it the
value stays as it is. In the formulas ``value`` is that value, ``t`` counts from 0 at ``begin``, and
``last = end - begin - 1``. ``by_epoch`` says what the caller counts and changes nothing here, except in
:func:`param_scheduler`, which takes a list of configurations and evaluates them together, as MMEngine does. ``verbose``
prints there.

Each kind is written once, as what it does in its window. Of it are made the scheduler of the rate (``...LR``, with
``base_lr``) and that of the momentum (``...Momentum``, with ``base_momentum``).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_type_hints

from annotated_types import MinLen

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
from optimsche.peers.torch import Divisor, Drop, phases
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule
from optimsche.signatures import signature

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "StepLR",
    "PolyLR",
    "CosineRestartLR",
    "OneCycleLR",
    "ConstantMomentum",
    "CosineAnnealingMomentum",
    "ExponentialMomentum",
    "LinearMomentum",
    "MultiStepMomentum",
    "StepMomentum",
    "PolyMomentum",
    "CosineRestartMomentum",
    "ReduceOnPlateauLR",
    "ReduceOnPlateauMomentum",
    "param_scheduler",
]

INF = 10**9
Milestones: TypeAlias = Annotated[tuple[int, ...], Meaning("numbers of steps")]
Periods: TypeAlias = Annotated[tuple[SomeSteps, ...], MinLen(1), Meaning("lengths of the cycles")]
Weights: TypeAlias = Annotated[tuple[Gamma, ...], MinLen(1), Meaning("what each cycle starts at, times the rate")]
New: TypeAlias = Literal[-1]


# ---------------------------------------------------------------------------------------------------------------------
# Windows
# ---------------------------------------------------------------------------------------------------------------------


class _Window(NamedTuple):
    """What a scheduler does from ``begin`` up to but not with ``end``, on a counter that is 0 at ``begin``."""

    begin: int
    end: int
    curve: Callable[[float], Schedule]  # of the value in force at `begin`; of 1 where it multiplies that value
    multiplies: bool = True
    last: Callable[[float], float] | None = None  # the value of the last step, where that is not the curve's
    initial: float | None = None  # what later schedulers take for the initial value, where that is replaced
    call: str = ""

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
        _check_window(window.begin, window.end)
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


def _check_window(begin: int, end: int) -> None:
    if end <= begin:
        raise ValueError(f"end should be larger than begin, but got begin={begin}, end={end}")


def _meet(one: _Window, other: _Window) -> bool:
    return one.begin < other.end and other.begin < one.end


# ---------------------------------------------------------------------------------------------------------------------
# What each kind does in its window
# ---------------------------------------------------------------------------------------------------------------------


def _constant(
    factor: UnitFactor = 1 / 3,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``value * factor``, and in the last step of the window, ``t = last``, ``value`` again.

    With a factor of 0 that last step divides by 0 in MMEngine. Here the value is 0 up to it, and as it was from it on.
    """
    last = factor if end - begin == 1 else 1.0

    def curve(value: float) -> Schedule:
        return constant(value=value * factor)

    return _Window(begin, end, curve, last=lambda value: value * last)


def _cosine(
    T_max: Steps | None = None,
    eta_min: Lr | None = None,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    eta_min_ratio: Gamma | None = None,
    *,
    base: float,
) -> _Window:
    """``eta_min + (value - eta_min) * (1 + cos(pi * t / T_max)) / 2``, and back up where the window is longer.

    ``T_max`` is ``end - begin`` by default, one more than the window's steps, so the end is not quite met.
    """
    if eta_min is not None and eta_min_ratio is not None:
        raise ValueError("either eta_min or eta_min_ratio can be specified, not both")
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

    return _Window(begin, end, curve, multiplies=low == 0 and not rises)


def _exponential(
    gamma: Gamma,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``value * gamma ** t``."""
    return _Window(begin, end, lambda value: powers(value, gamma))


def _linear(
    start_factor: UnitFactor = 1 / 3,
    end_factor: UnitFactor = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``value * (start_factor + (end_factor - start_factor) * t / last)``."""
    steps = end - begin - 1
    if steps == 0:
        return _Window(begin, end, lambda value: constant(value=value * start_factor))
    if start_factor == 0:
        raise ValueError("start_factor 0 can never grow, since each value is made of the last")

    def curve(value: float) -> Schedule:
        return linear(start=value * start_factor, end=value * end_factor, steps=steps)

    return _Window(begin, end, curve)


def _multi_step(
    milestones: Milestones,
    gamma: Gamma = 0.1,
    last_step: New = -1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``value * gamma ** k`` from the ``k``-th of ``milestones`` on, which count from ``begin``."""
    edges = sorted(milestone for milestone in milestones if milestone >= 0)
    factors = [gamma**number for number in range(len(edges) + 1)]
    return _Window(begin, end, lambda value: stairs([value * factor for factor in factors], edges).shift(-1))


def _step(
    step_size: SomeSteps,
    gamma: Gamma = 0.1,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``value * gamma ** (t // step_size)``."""
    return _Window(begin, end, lambda value: powers(value, gamma, step_size).staircase(step_size, closed="left"))


def _poly(
    eta_min: Lr = 0.0,
    power: Exponent = 1.0,
    begin: Steps = 0,
    end: SomeSteps = INF,
    last_step: New = -1,
    by_epoch: bool = True,
    verbose: bool = False,
    *,
    base: float,
) -> _Window:
    """``eta_min + (value - eta_min) * (1 - t / last) ** power``."""
    steps = end - begin - 1

    def curve(value: float) -> Schedule:
        if steps == 0 or power == 0:
            return constant(value=value)
        return polynomial(start=value, end=eta_min, steps=steps, power=power)

    return _Window(begin, end, curve, multiplies=eta_min == 0)


def _cosine_restart(
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
    base: float,
) -> _Window:
    """Half a cosine for each of ``periods``, from its weight times the initial value; then the last value is held."""
    if (eta_min is None) == (eta_min_ratio is None):
        raise ValueError("give either eta_min or eta_min_ratio")
    if len(periods) != len(restart_weights):
        raise ValueError(
            f"periods and restart_weights should have the same length, got {len(periods)} and {len(restart_weights)}"
        )
    low = (eta_min or 0.0) if eta_min_ratio is None else base * eta_min_ratio
    cycles = [
        (steps, cosine(start=base * weight, end=low, steps=steps))
        for steps, weight in zip(periods, restart_weights, strict=True)
    ]
    curve = from_zero(*cycles).shift(-1)
    return _Window(begin, min(end, begin + sum(periods)), lambda _: curve, multiplies=False)


def _one_cycle(
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
    base: float | None,
) -> _Window:
    """Up to ``eta_max`` and down again by the last of ``total_steps``, by default the window; then it holds.

    ``base_lr`` is the rate before ``begin``.
    """
    if begin > 0 and base is None:
        raise ValueError(f"begin={begin} leaves the optimizer's rate before it; give base_lr")
    low = eta_max / div_factor
    values = [low, eta_max, low, low / final_div_factor] if three_phase else [low, eta_max, low / final_div_factor]
    curve = phases(total_steps or end - begin, pct_start, three_phase, anneal_strategy, values).shift(-1)
    return _Window(begin, end, lambda _: curve, multiplies=False, initial=low)


def _reduce_on_plateau(
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
    base: float,
) -> Schedule:
    """The value after each of the metrics reported so far: that of epoch ``n`` is the one after ``n - 1`` reports.

    Report ``e`` counts if ``begin <= e < end``.
    """
    _check_window(begin, end)
    worst = float(INF) if rule == "less" else -float(INF)  # what the first report has to beat
    values = plateau.trace(
        (worst, *metrics[max(begin - 1, 0) : end - 1]),
        factor=factor,
        patience=patience,
        mode="min" if rule == "less" else "max",
        rtol=threshold if threshold_rule == "rel" else 0.0,
        atol=threshold if threshold_rule == "abs" else 0.0,
        cooldown=cooldown,
        start=base,
        floor=min_value,
        smallest_change=eps,
    )[1:]
    return stairs(values, range(max(begin, 1), max(begin, 1) + len(values) - 1))


# ---------------------------------------------------------------------------------------------------------------------
# The schedulers
# ---------------------------------------------------------------------------------------------------------------------

_KINDS: dict[str, Callable[..., _Window]] = {}


def _both(kind: str, does: Callable[..., Any], base: Any = Lr) -> tuple[Callable[..., Schedule], ...]:
    """The scheduler of the rate and that of the momentum: arguments as ``does`` has them, and the value before it."""
    return tuple(_scheduler(kind + suffix, does, f"base_{name}", base) for suffix, name in _QUANTITIES)


_QUANTITIES = (("LR", "lr"), ("Momentum", "momentum"))


def _scheduler(
    name: str, does: Callable[..., Any], value: str, base: Any, default: Any = inspect.Parameter.empty
) -> Callable[..., Schedule]:
    hints = get_type_hints(does, include_extras=True) | {value: base, "return": Schedule}
    given = [p for p in inspect.signature(does).parameters.values() if p.name != "base"]
    first = inspect.Parameter(value, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=base)

    def made(**arguments: Any) -> Schedule:
        at_first = arguments.pop(value)
        with _named(name):
            found = does(**arguments, base=at_first)
            return found if isinstance(found, Schedule) else _played([found._replace(call=name)], at_first or 0.0)

    made.__name__ = made.__qualname__ = name
    made.__doc__, made.__annotations__ = does.__doc__, hints
    made.__signature__ = signature([*given, first], Schedule)  # type: ignore[attr-defined]
    if does is not _reduce_on_plateau:
        _KINDS[name] = does
    return peer("mmengine")(made)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Refusals with the name of the scheduler before them."""
    try:
        yield
    except ValueError as error:
        words = str(error)
        raise ValueError(words if words.startswith("mmengine") else f"mmengine.{name}: {words}") from None


ConstantLR, ConstantMomentum = _both("Constant", _constant)
CosineAnnealingLR, CosineAnnealingMomentum = _both("CosineAnnealing", _cosine)
CosineRestartLR, CosineRestartMomentum = _both("CosineRestart", _cosine_restart)
ExponentialLR, ExponentialMomentum = _both("Exponential", _exponential)
LinearLR, LinearMomentum = _both("Linear", _linear)
MultiStepLR, MultiStepMomentum = _both("MultiStep", _multi_step)
PolyLR, PolyMomentum = _both("Poly", _poly)
ReduceOnPlateauLR, ReduceOnPlateauMomentum = _both("ReduceOnPlateau", _reduce_on_plateau, PositiveLr)
StepLR, StepMomentum = _both("Step", _step)
OneCycleLR = _scheduler("OneCycleLR", _one_cycle, "base_lr", Lr | None, default=None)


# ---------------------------------------------------------------------------------------------------------------------
# Configurations
# ---------------------------------------------------------------------------------------------------------------------


def param_scheduler(
    param_scheduler: Any,
    *,
    base_lr: float | None = None,
    base_momentum: float | None = None,
    epoch_length: int | None = None,
) -> Schedule:
    """A list of configurations ``dict(type="LinearLR", ...)`` as MMEngine drives them together.

    ``base_lr`` takes those for the learning rate, ``base_momentum`` those for the momentum. Windows that multiply the
    value may overlap. One that goes to an ``eta_min`` above 0, restarts, or sets the rate starts from what
    is in force at its ``begin`` and cannot share steps with another: that has no closed form. Where some count epochs
    and others updates, the former are evaluated by the epoch, so the schedule is called with both clocks.
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
        with _named(kind):
            window = _KINDS[kind](**given, base=base_value)._replace(call=kind)
            _check_window(window.begin, window.end)
        (by_epoch if given["by_epoch"] else by_update).append(window)
        if window.initial is not None:
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


_IN_EPOCHS = ("step_size", "milestones", "T_max", "periods", "total_steps")


def _read(config: Any, epoch_length: int | None) -> tuple[str, dict[str, Any]]:
    """The type of a configuration and its arguments, checked, with what is left out filled in."""
    if not isinstance(config, Mapping) or not isinstance(config.get("type"), str):
        raise TypeError(f'mmengine.param_scheduler: a configuration is dict(type="LinearLR", ...), got {config!r:.80}')
    given = {name: value for name, value in config.items() if name != "type"}
    kind = config["type"]
    if kind not in _KINDS:
        hint = call_errors.did_you_mean(kind, _KINDS) or f"; known are {', '.join(_KINDS)}"
        hint = "; its value follows metrics: multiply by it by hand" if kind.startswith("ReduceOnPlateau") else hint
        raise ValueError(f"mmengine.param_scheduler: type {kind!r} cannot be played{hint}")
    converts = given.pop("convert_to_iter_based", False)
    hints = get_type_hints(_KINDS[kind], include_extras=True)
    signature = {
        p.name: p.replace(annotation=hints[p.name])
        for p in inspect.signature(_KINDS[kind]).parameters.values()
        if p.name != "base"
    }
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
