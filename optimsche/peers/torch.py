"""PyTorch's own schedulers, and ``SWALR``: update ``n`` gets what they have at ``last_epoch = n - 1``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from optimsche.combinators import add, sequence
from optimsche.lr_fns import constant, cosine, expression, linear, piecewise_constant, polynomial
from optimsche.metrics import plateau
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
    peer,
)
from optimsche.peers._pieces import mixed, powers, segment, stairs, wave
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

StartFactor = Annotated[float, Gt(0), Le(1), Meaning("a factor on the rate")]
Growth = Annotated[int, Ge(1), Le(100), Meaning("how many times as long each cycle is as the last")]
Divisor = Annotated[float, Gt(0), Meaning("a divisor of the rate")]
Drop = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
_SHAPES = {"cos": cosine, "linear": linear}


@peer("torch")
def ConstantLR(factor: StartFactor = 1 / 3, total_iters: Steps = 5, *, base_lr: Lr) -> Schedule:
    """``factor`` times the rate for ``total_iters`` updates, for ever if that is 0, then the rate."""
    if total_iters == 0:
        return constant(value=base_lr * factor)
    return piecewise_constant(values=(base_lr * factor, base_lr), at=(total_iters,))


@peer("torch")
def LinearLR(
    start_factor: StartFactor = 1 / 3, end_factor: UnitFactor = 1.0, total_iters: Steps = 5, *, base_lr: Lr
) -> Schedule:
    """A line from one factor to another; with ``total_iters`` 0 the first, for ever."""
    if total_iters == 0:
        return constant(value=base_lr * start_factor)
    return linear(start=base_lr * start_factor, end=base_lr * end_factor, steps=total_iters).shift(1)


@peer("torch")
def StepLR(step_size: SomeSteps, gamma: Gamma = 0.1, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` after each ``step_size`` updates."""
    return powers(base_lr, gamma, step_size).staircase(step_size)


@peer("torch")
def MultiStepLR(milestones: Edges, gamma: Gamma = 0.1, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` after each of ``milestones`` updates; one that is listed twice counts twice."""
    return stairs([base_lr * gamma**k for k in range(len(milestones) + 1)], sorted(milestones))


@peer("torch")
def ExponentialLR(gamma: Gamma, *, base_lr: Lr) -> Schedule:
    """The rate times ``gamma`` with each update."""
    return powers(base_lr, gamma).shift(1)


@peer("torch")
def PolynomialLR(total_iters: Steps = 5, power: Exponent = 1.0, *, base_lr: Lr) -> Schedule:
    """A power of what is left of ``total_iters``, then 0; with ``total_iters`` or ``power`` 0 the rate, for ever."""
    if total_iters == 0 or power == 0:
        return constant(value=base_lr)
    return polynomial(start=base_lr, steps=total_iters, power=power).shift(1)


@peer("torch")
def CosineAnnealingLR(T_max: SomeSteps, eta_min: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine to ``eta_min`` and, after it, back up: a wave of period ``2 * T_max``."""
    return wave(base_lr, eta_min, T_max).shift(1)


@peer("torch")
def CosineAnnealingWarmRestarts(T_0: SomeSteps, T_mult: Growth = 1, eta_min: Lr = 0.0, *, base_lr: Lr) -> Schedule:
    """Half a cosine again and again, each ``T_mult`` times as long as the last."""
    return cosine(start=base_lr, end=eta_min, steps=T_0).repeat(stretch=T_mult, closed="left").shift(1)


@peer("torch")
def CyclicLR(
    base_lr: Lr,
    max_lr: Lr,
    step_size_up: SomeRealSteps = 2000,
    step_size_down: SomeRealSteps | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: Gamma = 1.0,
    scale_fn: object = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
    cycle_momentum: bool = True,
    base_momentum: Share = 0.8,
    max_momentum: Share = 0.9,
    *,
    quantity: Literal["lr", "momentum"] = "lr",
) -> Schedule:
    """Triangles between two rates, with ``quantity="momentum"`` the mirrored ones between two momenta.

    ``scale_fn`` is a schedule, the text of a formula, or a function that is one formula.
    """
    up, down = step_size_up, step_size_down or step_size_up
    total = up + down
    waves = (linear(start=0.0, end=1.0, steps=up) >> linear(start=1.0, end=0.0, steps=down)).repeat()
    if scale_fn is not None:
        height = as_schedule("torch.CyclicLR", "scale_fn", scale_fn)
        if scale_mode == "cycle":  # cycles count from 1
            height = height.shift(-1).stretch(total).staircase(total, closed="left")
        waves = waves * height
    elif mode == "triangular2":
        waves = waves * powers(1.0, 0.5, total).staircase(total, closed="left")
    elif mode == "exp_range":
        waves = waves * powers(1.0, gamma)
    low, high = (base_lr, max_lr) if quantity == "lr" else (max_momentum, base_momentum)
    return mixed(low, high, waves).shift(1)


@peer("torch")
def OneCycleLR(
    max_lr: Lr,
    total_steps: SomeSteps | None = None,
    epochs: SomeSteps | None = None,
    steps_per_epoch: SomeSteps | None = None,
    pct_start: Share = 0.3,
    anneal_strategy: Ease = "cos",
    cycle_momentum: bool = True,
    base_momentum: Share = 0.85,
    max_momentum: Share = 0.95,
    div_factor: Divisor = 25.0,
    final_div_factor: Divisor = 1e4,
    three_phase: bool = False,
    *,
    quantity: Literal["lr", "momentum"] = "lr",
) -> Schedule:
    """Up to ``max_lr`` and down again by the last update, over ``epochs * steps_per_epoch`` where there is no total.

    With ``quantity="momentum"`` the mirrored curve of the momentum. After the total, where torch raises, it holds.
    """
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("torch.OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        total_steps = epochs * steps_per_epoch
    first, last = pct_start * total_steps - 1, total_steps - 1
    low = max_lr / div_factor
    if quantity == "lr":
        values = [low, max_lr, low, low / final_div_factor] if three_phase else [low, max_lr, low / final_div_factor]
    else:
        values = [max_momentum, base_momentum, max_momentum, max_momentum][: 4 if three_phase else 3]
    knots = [0.0, first, 2 * pct_start * total_steps - 2, last] if three_phase else [0.0, first, last]
    return eased(_SHAPES[anneal_strategy], knots, values)


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
    return base_lr * as_schedule("torch.LambdaLR", "lr_lambda", lr_lambda).shift(1)


@peer("torch")
def MultiplicativeLR(lr_lambda: object, *, base_lr: Lr) -> Schedule:
    """The rate times a function of ``last_epoch`` for each of 1, 2, ... up to it."""
    return base_lr * as_schedule("torch.MultiplicativeLR", "lr_lambda", lr_lambda).running_product().shift(1)


@peer("torch")
def SequentialLR(schedulers: Schedules, milestones: Edges) -> Schedule:
    """Schedules of this module one after the other, the next from each of ``milestones`` on."""
    return sequence(schedulers, at=milestones)


@peer("torch")
def ChainedScheduler(schedulers: Schedules, *, base_lr: PositiveLr) -> Schedule:
    """The product of the factors of schedules of this module that were built with the same ``base_lr``.

    That is what torch computes for those that multiply the rate in force: not for restarts, cycles and lambdas, nor
    for a cosine to an ``eta_min`` above 0, where the result depends on the order.
    """
    for schedule in schedulers:
        for node in _nodes(schedule):
            moves = node.lr_fn == cosine and max(node.arguments["start"], node.arguments["end"]) > 0
            if moves and min(node.arguments["start"], node.arguments["end"]) > 0:
                raise ValueError("torch.ChainedScheduler: a cosine with eta_min above 0 is no factor; multiply it last")
            if node.lr_fn in (expression, add) or node.arguments.get("closed") == "left":
                raise ValueError(
                    f"torch.ChainedScheduler: {schedule!r:.80} sets the rate instead of multiplying it, so torch drops "
                    "what came before it"
                )
    product, *others = schedulers
    for schedule in others:
        product = product * schedule * (1 / base_lr)
    return product


def _nodes(schedule: Schedule) -> list[Schedule]:
    return [schedule, *(node for inner in schedule.inner for node in _nodes(inner))]


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
