"""OLMo-core's schedulers: update ``n`` gets what they have at ``current = n``; ``max_steps`` is the run's length.

A warm-up and a decay are given in steps or as a part of the run, rounded. ``warmup_steps`` and ``decay_steps`` are the
older names of ``warmup`` and ``decay``. Where the trainer counts tokens, give all lengths in tokens and end with
``.by_tokens(...)``. After the run the last value is held.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from annotated_types import Gt, Lt, MinLen

from optimsche.lr_fns import constant, cosine, geometric, inverse_sqrt, linear, power_law
from optimsche.peers._peer import Gamma, Lr, PositiveGamma, PositiveLr, Share, SomeSteps, Steps, peer
from optimsche.peers._pieces import from_one, from_zero, segment
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "ConstantScheduler",
    "ConstantWithWarmup",
    "WSD",
    "PowerLR",
    "LinearWithWarmup",
    "InvSqrtWithWarmup",
    "CosWithWarmup",
    "HalfCosWithWarmup",
    "CosWithWarmupAndLinearDecay",
    "WSDS",
    "ExponentialScheduler",
    "SequentialScheduler",
    "ComposableScheduler",
]

Exponent: TypeAlias = Annotated[float, Gt(-math.inf), Lt(0), Meaning("an exponent")]
Lengths: TypeAlias = Annotated[tuple[SomeSteps, ...], MinLen(1), Meaning("numbers of steps")]
Multipliers: TypeAlias = Annotated[tuple[PositiveGamma, ...], Meaning("factors on the rate")]
_SHAPES = {"linear": linear, "cosine": cosine}


@peer("olmo_core")
def ConstantScheduler(*, base_lr: Lr) -> Schedule:
    """The rate."""
    return constant(value=base_lr)


@peer("olmo_core")
def ConstantWithWarmup(
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    warmup_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps | None = None,
) -> Schedule:
    """A line up, then the rate."""
    rise = _rise("ConstantWithWarmup", warmup, warmup_steps, warmup_fraction, max_steps, warmup_min_lr, base_lr)
    return from_one(rise, constant(value=base_lr))


@peer("olmo_core")
def WSD(
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    decay: SomeSteps | None = None,
    decay_steps: SomeSteps | None = None,
    decay_fraction: Share | None = 0.1,
    warmup_min_lr: Lr = 0.0,
    decay_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps,
) -> Schedule:
    """A line up, the rate, and a line down to ``decay_min_lr`` with the last step.

    To give ``decay`` in steps, give ``decay_fraction=None``.
    """
    rise = _rise("WSD", warmup, warmup_steps, warmup_fraction, max_steps, warmup_min_lr, base_lr)
    length = _decay("WSD", decay, decay_steps, decay_fraction, max_steps)
    hold = max_steps - length - rise[0]
    fall = _fall("WSD", base_lr, decay_min_lr, length)
    return from_one(rise, (hold, constant(value=base_lr)), fall.shift(hold) if hold < 0 else fall)


@peer("olmo_core")
def PowerLR(
    b: Exponent = -0.51,
    warmup: SomeSteps | None = None,
    warmup_steps: SomeSteps | None = None,
    warmup_fraction: Share | None = None,
    warmup_min_lr: Lr = 0.0,
    decay: SomeSteps | None = None,
    decay_steps: SomeSteps | None = None,
    decay_fraction: Share | None = 0.1,
    decay_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps,
) -> Schedule:
    """A line up, ``(step / warmup) ** b``, and from there a line down to ``decay_min_lr`` with the last step."""
    rise = _rise("PowerLR", warmup, warmup_steps, warmup_fraction, max_steps, warmup_min_lr, base_lr)
    length = _decay("PowerLR", decay, decay_steps, decay_fraction, max_steps)
    hold = max_steps - length - rise[0]
    if rise[0] == 0 or hold < 0:
        raise ValueError(
            f"olmo_core.PowerLR: warmup must be > 0, and warmup + decay <= max_steps={max_steps}, "
            f"got {rise[0]} and {length}"
        )
    falling = power_law(start=base_lr, timescale=rise[0], power=-b)
    return from_one(rise, (hold, falling), _fall("PowerLR", falling(hold), decay_min_lr, length))


@peer("olmo_core")
def LinearWithWarmup(
    alpha_f: Gamma = 0.1,
    t_max: SomeSteps | None = None,
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    warmup_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps | None = None,
) -> Schedule:
    """A line up, then one down to ``alpha_f`` times the rate with step ``t_max``, by default the last."""
    total = _total("LinearWithWarmup", t_max, max_steps)
    rise = _rise("LinearWithWarmup", warmup, warmup_steps, warmup_fraction, total, warmup_min_lr, base_lr)
    return from_one(rise, segment(linear, base_lr, base_lr * alpha_f, total - rise[0]))


@peer("olmo_core")
def InvSqrtWithWarmup(
    alpha_f: Share = 0.1,
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    warmup_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps | None = None,
) -> Schedule:
    """A line up, then the inverse square root of the step, above a floor of ``alpha_f`` times the rate."""
    rise = _rise("InvSqrtWithWarmup", warmup, warmup_steps, warmup_fraction, max_steps, warmup_min_lr, base_lr)
    low = base_lr * alpha_f
    if rise[0] == 0:
        return constant(value=low)
    fall = inverse_sqrt(start=base_lr - low, timescale=rise[0])
    return from_one(rise, constant(value=low).add(fall) if low else fall)


@peer("olmo_core")
def CosWithWarmup(
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    alpha_f: Gamma = 0.1,
    t_max: SomeSteps | None = None,
    warmup_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps | None = None,
) -> Schedule:
    """A line up, then half a cosine to ``alpha_f`` times the rate with step ``t_max``, by default the last."""
    total = _total("CosWithWarmup", t_max, max_steps)
    rise = _rise("CosWithWarmup", warmup, warmup_steps, warmup_fraction, total, warmup_min_lr, base_lr)
    return from_one(rise, segment(cosine, base_lr, base_lr * alpha_f, total - rise[0]))


@peer("olmo_core")
def HalfCosWithWarmup(
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    alpha_f: Gamma = 0.1,
    t_max: SomeSteps | None = None,
    warmup_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps | None = None,
) -> Schedule:
    """A line up to the middle between the rate and ``alpha_f`` times it, then the second half of a cosine."""
    total = _total("HalfCosWithWarmup", t_max, max_steps)
    low = base_lr * alpha_f
    peak = low + (base_lr - low) / 2
    rise = _rise("HalfCosWithWarmup", warmup, warmup_steps, warmup_fraction, total, warmup_min_lr, peak)
    steps = total - rise[0]
    return from_one(rise, segment(cosine, base_lr, low, 2 * steps).shift(-steps) if steps > 0 else constant(value=low))


@peer("olmo_core")
def CosWithWarmupAndLinearDecay(
    warmup: Steps | None = None,
    warmup_steps: Steps | None = None,
    warmup_fraction: Share | None = None,
    alpha_f: Gamma = 0.1,
    t_max: SomeSteps | None = None,
    warmup_min_lr: Lr = 0.0,
    decay: SomeSteps | None = None,
    decay_steps: SomeSteps | None = None,
    decay_fraction: Share | None = 0.1,
    decay_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
    max_steps: SomeSteps,
) -> Schedule:
    """:func:`CosWithWarmup`, cut short by a line down to ``decay_min_lr`` over the last steps of the run."""
    call = "CosWithWarmupAndLinearDecay"
    length = _decay(call, decay, decay_steps, decay_fraction, max_steps)
    run = {"base_lr": base_lr, "max_steps": max_steps}
    curve = CosWithWarmup(warmup, warmup_steps, warmup_fraction, alpha_f, t_max, warmup_min_lr, **run)  # type: ignore[arg-type]
    cut = max(max_steps - length, 0)
    return from_one((cut, curve), _fall(call, curve(cut), decay_min_lr, length))


@peer("olmo_core")
def WSDS(
    period_lengths: Lengths,
    period_lr_multipliers: Multipliers | None = None,
    warmup: Steps | None = None,
    warmup_fraction: Share | None = None,
    decay: SomeSteps | None = None,
    decay_fraction: Share | None = None,
    warmup_min_lr: Lr = 0.0,
    decay_min_lr: Lr = 0.0,
    *,
    base_lr: PositiveLr,
) -> Schedule:
    """A line up, then for each period the rate and a line down to ``decay_min_lr``, from which the next one jumps up.

    The warm-up is part of the first period, and ``warmup_fraction`` a part of that; ``decay_fraction`` is one of each.
    """
    peaks = [base_lr * factor for factor in period_lr_multipliers or (1.0,) * len(period_lengths)]
    if len(peaks) != len(period_lengths):
        raise ValueError(
            f"olmo_core.WSDS: period_lr_multipliers must be as many as period_lengths, got {len(peaks)} and "
            f"{len(period_lengths)}"
        )
    rise = _rise("WSDS", warmup, None, warmup_fraction, period_lengths[0], warmup_min_lr, peaks[0])
    if (decay is None) == (decay_fraction is None):
        raise ValueError("olmo_core.WSDS: give either decay or decay_fraction")
    pieces = [rise]
    for number, (length, peak) in enumerate(zip(period_lengths, peaks, strict=True)):
        down = _decay("WSDS", decay, None, decay_fraction, length)
        hold = length - down - (rise[0] if number == 0 else 0)
        if hold < 0:
            raise ValueError(
                f"olmo_core.WSDS: the decay of {down} and the warm-up must fit into the period of {length} steps"
            )
        pieces += [(hold, constant(value=peak)), (down, _fall("WSDS", peak, decay_min_lr, down))]
    return from_one(*pieces, constant(value=decay_min_lr))


@peer("olmo_core")
def ExponentialScheduler(lr_min: PositiveLr = 1e-9, *, base_lr: PositiveLr, max_steps: SomeSteps) -> Schedule:
    """By the same ratio with each step from ``lr_min`` to the rate, for a range test."""
    return geometric(start=lr_min, end=base_lr, steps=max_steps)


@peer("olmo_core")
def SequentialScheduler(
    schedulers: object, schedulers_max: Lengths | None = None, *, base_lr: PositiveLr, max_steps: SomeSteps
) -> Schedule:
    """Schedules one after the other, each for its ``schedulers_max``, from the rate at which the one before it ends.

    ``schedulers`` are functions of this module with what else they take, ``functools.partial(WSD, warmup=100)``.

    >>> from functools import partial
    >>> parts = [partial(ConstantWithWarmup, warmup=2), partial(LinearWithWarmup, warmup=0, alpha_f=0.0)]
    >>> [SequentialScheduler(parts, [4], base_lr=1.0, max_steps=8)(n) for n in (1, 2, 4, 6, 8)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if not isinstance(schedulers, Sequence) or not schedulers or not all(map(_is_function, schedulers)):
        raise TypeError(
            "olmo_core.SequentialScheduler: schedulers must be a list of functions of this module, such as "
            f"functools.partial(WSD, warmup=100), got {schedulers!r:.60}"
        )
    parts: list[Callable[..., Schedule]] = list(schedulers)
    lengths = (schedulers_max or ())[: len(parts) - 1]
    if len(lengths) != len(parts) - 1:
        raise ValueError(
            f"olmo_core.SequentialScheduler: {len(parts)} schedulers need {len(parts) - 1} in schedulers_max, "
            f"got {len(lengths)}"
        )
    pieces, rate, left = [], base_lr, max_steps
    for part, length in zip(parts, lengths, strict=False):
        pieces.append((length, _built(part, base_lr=rate, max_steps=min(left, length))))
        rate, left = _built(part, base_lr=rate, max_steps=length)(length), left - length
    return from_one(*pieces, _built(parts[-1], base_lr=rate, max_steps=max(left, 1)))


def _is_function(part: object) -> bool:
    return callable(part) and not isinstance(part, Schedule)


def _built(part: Callable[..., Schedule], **run: float) -> Schedule:
    """A part with what it takes of the run."""
    inner: Any = getattr(part, "func", part)
    return part(**{name: value for name, value in run.items() if name in inspect.signature(inner).parameters})


@peer("olmo_core")
def ComposableScheduler(stages: object, override_decay: object = None, *, base_lr: Lr) -> Schedule:
    """Stages ``{"duration", "shape", "start_lr", "start_lr_fraction", "end_lr", "end_lr_fraction"}``, one by one.

    A stage begins where the one before it ends, or at its own start; ``shape`` is ``"linear"`` or ``"cosine"``.
    ``override_decay`` is such a stage with a ``"start"``, from which on it is played instead, from the rate there.

    >>> stages = [{"duration": 4, "start_lr": 0.0, "end_lr_fraction": 1.0}, {"duration": 4, "end_lr_fraction": 0.5}]
    >>> [ComposableScheduler(stages, base_lr=0.1)(n) for n in (2, 4, 8)]
    [0.05, 0.1, 0.05]
    """
    if not isinstance(stages, Sequence) or not stages:
        raise ValueError(f"olmo_core.ComposableScheduler: stages must be a list of at least one, got {stages!r:.60}")
    pieces: list[tuple[float, Schedule]] = []
    rate = base_lr
    for stage in stages:
        duration, curve, rate = _stage(stage, base_lr, rate)
        pieces.append((duration, curve))
    main = from_zero(*pieces, constant(value=rate)).shift(-1)
    if override_decay is None:
        return main
    given = dict(override_decay) if isinstance(override_decay, Mapping) else {}
    begin = given.pop("start", None)
    if not isinstance(begin, int) or begin < 0:
        raise ValueError("olmo_core.ComposableScheduler: override_decay needs a start, a number of steps >= 0")
    _, curve, _ = _stage(given, base_lr, main(begin))
    return from_zero((begin, main), curve).shift(-1)


def _stage(stage: Any, base_lr: float, before: float) -> tuple[int, Schedule, float]:
    """The length of a stage, its curve, and where it ends."""
    known = {"duration", "shape", "start_lr", "start_lr_fraction", "end_lr", "end_lr_fraction"}
    if not isinstance(stage, Mapping) or set(stage) - known:
        raise ValueError(f"olmo_core.ComposableScheduler: a stage has {', '.join(sorted(known))}, got {stage!r:.80}")
    ends = [name for name in ("end_lr", "end_lr_fraction") if stage.get(name) is not None]
    starts = [name for name in ("start_lr", "start_lr_fraction") if stage.get(name) is not None]
    duration, shape = stage.get("duration"), stage.get("shape", "linear")
    if len(ends) != 1 or len(starts) > 1 or shape not in _SHAPES or not isinstance(duration, int) or duration <= 0:
        raise ValueError(
            "olmo_core.ComposableScheduler: a stage needs a duration > 0, a shape 'linear' or 'cosine', one of end_lr "
            f"and end_lr_fraction, and at most one of start_lr and start_lr_fraction, got {dict(stage)!r:.100}"
        )

    def rate(name: str) -> float:
        return float(stage[name] if name.endswith("_lr") else base_lr * stage[name])

    start, end = rate(starts[0]) if starts else before, rate(ends[0])
    return duration, _SHAPES[shape](start=start, end=end, steps=duration), end


# ---------------------------------------------------------------------------------------------------------------------
# Lengths
# ---------------------------------------------------------------------------------------------------------------------


def _rise(
    call: str,
    warmup: int | None,
    older: int | None,
    fraction: float | None,
    total: int | None,
    low: float,
    high: float,
) -> tuple[int, Schedule]:
    given = older if warmup is None else warmup
    if (given is None) == (fraction is None):
        raise ValueError(f"olmo_core.{call}: give either warmup or warmup_fraction")
    if given is None and total is None:
        raise ValueError(f"olmo_core.{call}: warmup_fraction is a part of max_steps, so give that, too")
    steps = round((total or 0) * (fraction or 0.0)) if given is None else given
    if steps > 1 and not low < high:  # of a warm-up of one step only the end is played
        raise ValueError(f"olmo_core.{call}: warmup_min_lr must be below the rate {high}, got {low}")
    return steps, segment(linear, low, high, steps)


def _decay(call: str, decay: int | None, older: int | None, fraction: float | None, total: int) -> int:
    given = older if decay is None else decay
    if (given is None) == (fraction is None):
        raise ValueError(f"olmo_core.{call}: give either decay or decay_fraction, and None for the other")
    steps = round(total * (fraction or 0.0)) if given is None else given
    if steps == 0:
        raise ValueError(f"olmo_core.{call}: a decay of no steps divides by 0; give one of at least a step")
    return steps


def _fall(call: str, high: float, low: float, steps: int) -> Schedule:
    if not low < high:
        raise ValueError(
            f"olmo_core.{call}: decay_min_lr must be below the rate {high}, from which it decays, got {low}"
        )
    return linear(start=high, end=low, steps=steps)


def _total(call: str, t_max: int | None, max_steps: int | None) -> int:
    total = max_steps if t_max is None else t_max
    if total is None:
        raise ValueError(f"olmo_core.{call}: give max_steps, or t_max")
    return total
