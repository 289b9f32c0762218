"""PyTorch's own schedulers, and ``SWALR``: update ``n`` gets what they have at ``last_epoch = n - 1``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Lt

from optimsche.combinators import sequence
from optimsche.lr_fns import cosine, linear
from optimsche.metrics import plateau
from optimsche.peers import _torch_rules as rules
from optimsche.peers._functions import as_schedule
from optimsche.peers._peer import (
    Ease,
    Edges,
    Exponent,
    Gamma,
    Lr,
    Metrics,
    PositiveLr,
    RealSteps,
    Schedules,
    Share,
    SomeRealSteps,
    SomeSteps,
    Steps,
    UnitFactor,
    Value,
    peer,
)
from optimsche.peers._pieces import mixed, powers, segment, stairs
from optimsche.peers._torch_player import Chained, Recipe, Scheduler, Sequential, scheduler
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "ConstantLR",
    "LinearLR",
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "CyclicMomentum",
    "OneCycleLR",
    "OneCycleMomentum",
    "LambdaLR",
    "MultiplicativeLR",
    "SequentialLR",
    "ChainedScheduler",
    "SWALR",
    "ReduceLROnPlateau",
]

StartFactor = Annotated[float, Gt(0), Le(1), Meaning("a factor on the rate")]
Growth = Annotated[int, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Divisor = Annotated[float, Gt(0), Meaning("a divisor of the rate")]
Drop = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
Mode: TypeAlias = Literal["triangular", "triangular2", "exp_range"]
Counters: TypeAlias = Annotated[tuple[Steps, ...], Meaning("numbers of steps")]
ScaleMode: TypeAlias = Literal["cycle", "iterations"]
_SHAPES = {"cos": cosine, "linear": linear}


@peer("torch")
def ConstantLR(factor: UnitFactor = 1 / 3, total_iters: RealSteps = 5, *, base_lr: Lr) -> Schedule:
    """``factor`` times the rate for ``total_iters`` updates, then the rate.

    ``factor`` times it for ever if ``total_iters`` is 0 or no whole number, which the counter never meets. With a
    factor of 0 torch divides by it at the end, and raises; here the rate is back.
    """
    return scheduler(rules.Constant(factor, total_iters), base_lr)


@peer("torch")
def LinearLR(
    start_factor: StartFactor = 1 / 3, end_factor: UnitFactor = 1.0, total_iters: RealSteps = 5, *, base_lr: Lr
) -> Schedule:
    """A line from one factor to another; with ``total_iters`` 0 the first, for ever.

    With 2.5 it stops at 2, the last whole one.
    """
    return scheduler(rules.Linear(start_factor, end_factor, total_iters), base_lr)


@peer("torch")
def StepLR(step_size: SomeRealSteps, gamma: Gamma = 0.1, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` after each ``step_size`` updates.

    Of a ``step_size`` of 2.5 every other multiple is whole, so it acts after each 5.
    """
    return scheduler(rules.Step(Fraction(step_size).numerator, gamma), base_lr)


@peer("torch")
def MultiStepLR(milestones: Edges, gamma: Gamma = 0.1, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` after each of ``milestones`` updates; one that is listed twice counts twice.

    One that is no whole number is never met.
    """
    whole = tuple(int(milestone) for milestone in milestones if milestone == int(milestone))
    return scheduler(rules.MultiStep(whole, gamma), base_lr)


@peer("torch")
def ExponentialLR(gamma: Gamma, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` with each update."""
    return scheduler(rules.Exponential(gamma), base_lr)


@peer("torch")
def PolynomialLR(total_iters: RealSteps = 5, power: Exponent = 1.0, *, base_lr: Lr) -> Schedule:
    """A power of what is left of ``total_iters``, then 0; with ``total_iters`` or ``power`` 0 the rate, for ever.

    With 2.5 it stops at 2, the last whole one.
    """
    return scheduler(rules.Polynomial(total_iters, power), base_lr)


@peer("torch")
def CosineAnnealingLR(T_max: SomeRealSteps, eta_min: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine to ``eta_min`` and, after it, back up: a wave of period ``2 * T_max``."""
    return scheduler(rules.Cosine(T_max, eta_min), base_lr)


@peer("torch")
def CosineAnnealingWarmRestarts(T_0: SomeSteps, T_mult: Growth = 1, eta_min: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine again and again, each ``T_mult`` times as long as the last."""

    def restarts(base: float) -> Schedule:
        return cosine(start=base, end=eta_min, steps=T_0).repeat(stretch=T_mult, closed="left").shift(1)

    return scheduler(rules.Sets("CosineAnnealingWarmRestarts", restarts), base_lr)


@peer("torch")
def CyclicLR(
    base_lr: Lr,
    max_lr: Lr,
    step_size_up: SomeRealSteps = 2000,
    step_size_down: SomeRealSteps | None = None,
    mode: Mode = "triangular",
    gamma: Gamma = 1.0,
    scale_fn: object = None,
    scale_mode: ScaleMode = "cycle",
    cycle_momentum: bool = True,
    base_momentum: Value = 0.8,
    max_momentum: Value = 0.9,
    *,
    quantity: Literal["lr", "momentum"] = "lr",
) -> Schedule:
    """Triangles between two rates; with ``quantity="momentum"`` :func:`CyclicMomentum`.

    ``scale_fn`` is a schedule, the text of a formula, or a function that is one formula.
    """
    if quantity == "momentum":
        triangles = step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode
        return CyclicMomentum(base_momentum, max_momentum, *triangles)
    shares = _triangles("CyclicLR", step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode)
    curve = mixed(base_lr, max_lr, shares).shift(1)
    return scheduler(rules.Sets("CyclicLR", lambda _: curve, sets_first=base_lr), None)


@peer("torch")
def CyclicMomentum(
    base_momentum: Value = 0.8,
    max_momentum: Value = 0.9,
    step_size_up: SomeRealSteps = 2000,
    step_size_down: SomeRealSteps | None = None,
    mode: Mode = "triangular",
    gamma: Gamma = 1.0,
    scale_fn: object = None,
    scale_mode: ScaleMode = "cycle",
) -> Schedule:
    """The momentum under ``CyclicLR``, ``beta1`` for Adam: down from the highest while the rate goes up.

    >>> [round(CyclicMomentum(step_size_up=4)(n), 3) for n in (1, 3, 5, 7)]
    [0.9, 0.85, 0.8, 0.85]
    """
    shares = _triangles("CyclicMomentum", step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode)
    return mixed(max_momentum, base_momentum, shares).shift(1)


def _triangles(
    call: str,
    step_size_up: float,
    step_size_down: float | None,
    mode: str,
    gamma: float,
    scale_fn: object,
    scale_mode: str,
) -> Schedule:
    """From 0 up to a height and back down, again and again, on the counter."""
    up, down = step_size_up, step_size_down or step_size_up
    total = up + down
    waves = (linear(start=0.0, end=1.0, steps=up) >> linear(start=1.0, end=0.0, steps=down)).repeat()
    if scale_fn is not None:
        height = as_schedule(f"torch.{call}", "scale_fn", scale_fn)
        if scale_mode == "cycle":  # cycles count from 1
            height = height.shift(-1).stretch(total).staircase(total, closed="left")
        return waves * height
    if mode == "triangular2":
        return waves * powers(1.0, 0.5, total).staircase(total, closed="left")
    return waves * powers(1.0, gamma) if mode == "exp_range" else waves


@peer("torch")
def OneCycleLR(
    max_lr: Lr,
    total_steps: SomeSteps | None = None,
    epochs: SomeSteps | None = None,
    steps_per_epoch: SomeSteps | None = None,
    pct_start: Share = 0.3,
    anneal_strategy: Ease = "cos",
    cycle_momentum: bool = True,
    base_momentum: Value = 0.85,
    max_momentum: Value = 0.95,
    div_factor: Divisor = 25.0,
    final_div_factor: Divisor = 1e4,
    three_phase: bool = False,
    *,
    quantity: Literal["lr", "momentum"] = "lr",
) -> Schedule:
    """Up to ``max_lr`` and down again by the last update; with ``quantity="momentum"`` :func:`OneCycleMomentum`.

    Over ``epochs * steps_per_epoch`` where there is no total. After the total it holds, where torch has one rate more,
    from beyond the end of its curve, and then raises.
    """
    total = _total("OneCycleLR", total_steps, epochs, steps_per_epoch)
    if quantity == "momentum":
        momenta = base_momentum, max_momentum
        return OneCycleMomentum(total, None, None, pct_start, anneal_strategy, *momenta, three_phase)

    def curve(kept: tuple[float, float, float]) -> Schedule:
        low, high, lowest = kept
        values = [low, high, low, lowest] if three_phase else [low, high, lowest]
        return phases(total, pct_start, three_phase, anneal_strategy, values)

    low = max_lr / div_factor
    return scheduler(rules.Sets("OneCycleLR", curve, lasts=total, kept=(low, max_lr, low / final_div_factor)), None)


@peer("torch")
def OneCycleMomentum(
    total_steps: SomeSteps | None = None,
    epochs: SomeSteps | None = None,
    steps_per_epoch: SomeSteps | None = None,
    pct_start: Share = 0.3,
    anneal_strategy: Ease = "cos",
    base_momentum: Value = 0.85,
    max_momentum: Value = 0.95,
    three_phase: bool = False,
) -> Schedule:
    """The momentum under ``OneCycleLR``, ``beta1`` for Adam: down from the highest while the rate goes up, and back.

    >>> [round(OneCycleMomentum(10, pct_start=0.5)(n), 3) for n in (1, 5, 10)]
    [0.95, 0.85, 0.95]
    """
    total = _total("OneCycleMomentum", total_steps, epochs, steps_per_epoch)
    values = [max_momentum, base_momentum, max_momentum, max_momentum]
    return phases(total, pct_start, three_phase, anneal_strategy, values)


def _total(call: str, total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError(f"torch.{call}: give total_steps, or epochs and steps_per_epoch")
    return epochs * steps_per_epoch


def phases(total: int, pct_start: float, three_phase: bool, ease: str, values: list[float]) -> Schedule:
    """The phases of one cycle, of which each ends at one of the values."""
    first, last = pct_start * total - 1, total - 1
    knots = [0.0, first, 2 * pct_start * total - 2, last] if three_phase else [0.0, first, last]
    return eased(_SHAPES[ease], knots, values)


def eased(shape: Any, knots: list[float], values: list[float]) -> Schedule:
    """A shape from each value to the next between knots that need not be whole; a knot before 0 is entered midway."""
    pieces, edges = [], []
    for begin, end, start, stop in zip(knots, knots[1:], values, values[1:], strict=False):
        if end > 0 or end == knots[-1]:
            pieces.append(segment(shape, start, stop, end - begin).shift(min(begin, 0.0)))
            edges.append(end)
    return sequence(pieces, at=edges[:-1]).shift(1)


@peer("torch")
def LambdaLR(lr_lambda: object, *, base_lr: Lr) -> Schedule:
    """The rate times a function of ``last_epoch``: a schedule, the text of a formula, or a function that is one."""
    factor = as_schedule("torch.LambdaLR", "lr_lambda", lr_lambda).shift(1)
    return scheduler(rules.Sets("LambdaLR", lambda base: base * factor), base_lr)


@peer("torch")
def MultiplicativeLR(lr_lambda: object, *, base_lr: Lr) -> Schedule:
    """The rate times a function of ``last_epoch`` for each of 1, 2, ... up to it."""
    return scheduler(rules.Multiplicative(as_schedule("torch.MultiplicativeLR", "lr_lambda", lr_lambda)), base_lr)


@peer("torch")
def SequentialLR(schedulers: Schedules, milestones: Counters) -> Schedule:
    """Schedules of this module one after the other on one optimizer, the next from each of ``milestones`` on.

    Most begin anew with the optimizer's first rate. ``MultiplicativeLR`` goes on from the rate in force; a
    ``OneCycleLR`` anywhere in the list changes what the first piece begins with, and of several the rates of the last
    are those of all; a ``ChainedScheduler`` or another ``SequentialLR`` can only be the first piece, and then begins
    and switches one update early.
    """
    if len(milestones) != len(schedulers) - 1:
        raise ValueError(
            f"torch.SequentialLR: {len(schedulers)} schedulers take {len(schedulers) - 1} milestones, "
            f"got {len(milestones)}"
        )
    if list(milestones) != sorted(milestones):
        raise ValueError(f"torch.SequentialLR: milestones must not fall, got {milestones}; sort the pieces with them")
    return _together("SequentialLR", schedulers, lambda members: Sequential(members, milestones), None)


@peer("torch")
def ChainedScheduler(schedulers: Schedules, *, base_lr: PositiveLr) -> Schedule:
    """Schedules of this module that all act on one optimizer, in their order.

    The product of their factors, if each multiplies the rate in force. One that sets the rate (restarts, cycles,
    lambdas) drops what comes before it in the list. A cosine adds an amount after each of its lowest points, so what
    the others made of the rate is lost there; where that has no closed form it is listed update by update.
    """
    return _together("ChainedScheduler", schedulers, Chained, base_lr)


def _together(
    call: str, schedulers: tuple[Schedule, ...], made: Callable[[tuple[Recipe, ...]], Recipe], base_lr: float | None
) -> Schedule:
    members = []
    for place, member in enumerate(schedulers):
        if not isinstance(member, Scheduler):
            raise TypeError(
                f"torch.{call}: schedulers takes what the functions of this module return, got {member!r:.60} at "
                f"{place}; to join any schedules write sequence([...], at=...) or a * b"
            )
        members.append(member)
    rates = {member.base_lr for member in members} | {base_lr}
    rates.discard(None)
    if len(rates) > 1:
        raise ValueError(
            f"torch.{call}: schedulers share an optimizer and its rate, got base_lr of {', '.join(map(str, rates))}; "
            "to join schedules of several rates write sequence([...], at=...)"
        )
    try:
        return scheduler(made(tuple(member.recipe for member in members)), rates.pop() if rates else None)
    except ValueError as error:
        raise ValueError(f"torch.{call}: {error}") from None


@peer("torch")
def SWALR(swa_lr: Lr, anneal_epochs: Steps = 10, anneal_strategy: Ease = "cos", *, base_lr: Lr) -> Schedule:
    """From the rate to ``swa_lr`` over ``anneal_epochs``, at once if that is 0."""
    return segment(_SHAPES[anneal_strategy], base_lr, swa_lr, anneal_epochs).shift(1)


@peer("torch")
def ReduceLROnPlateau(
    mode: Literal["min", "max"] = "min",
    factor: Drop = 0.1,
    patience: Steps = 10,
    threshold: Gamma = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Steps = 0,
    min_lr: Lr = 0.0,
    eps: RealSteps = 1e-8,
    *,
    metrics: Metrics,
    base_lr: Lr,
) -> Schedule:
    """The rate after each of the metrics reported so far: that of epoch ``n`` is the one after ``n - 1`` reports."""
    rates = plateau.trace(
        metrics,
        factor=factor,
        patience=patience,
        mode=mode,
        rtol=threshold if threshold_mode == "rel" else 0.0,
        atol=threshold if threshold_mode == "abs" else 0.0,
        cooldown=cooldown,
        start=base_lr,
        floor=min_lr,
        smallest_change=eps,
    )
    return stairs(rates, range(1, len(rates)))
