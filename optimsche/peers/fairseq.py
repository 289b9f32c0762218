"""fairseq's schedulers: update ``n`` gets what they have at ``num_updates = n - 1``.

Their arguments are fields of a configuration, so they are given by name. ``lr`` is a list, as in fairseq; where epochs
matter, ``updates_per_epoch`` says how long they are.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt, Lt, MinLen

from optimsche import lr_fns
from optimsche.lr_fns import constant, geometric, linear
from optimsche.metrics import plateau
from optimsche.peers._peer import Exponent, Gamma, Lr, Metrics, PositiveGamma, SomeSteps, Steps, UnitFactor, peer
from optimsche.peers._pieces import HORIZON, from_zero, powers, stairs, up_to
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "fixed",
    "inverse_sqrt",
    "cosine",
    "triangular",
    "polynomial_decay",
    "tri_stage",
    "step",
    "reduce_lr_on_plateau",
    "manual",
]

Rates: TypeAlias = Lr | Annotated[tuple[Lr, ...], MinLen(1), Meaning("learning rates")]
InitLr: TypeAlias = Annotated[float, Ge(-1), Lt(math.inf), Meaning("a learning rate; below 0 the default")]
Period: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf), Meaning("a number of updates; not above 0 for none")]
SomePeriod: TypeAlias = Annotated[float, Ge(2), Lt(math.inf), Meaning("a number of updates")]
Updates: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("a number of updates")]
Multiplier: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("how many times as long each period is")]
Phases: TypeAlias = Annotated[tuple[UnitFactor, UnitFactor, UnitFactor], Meaning("parts of max_update")]
Epoch: TypeAlias = Annotated[int, Meaning("the number of an epoch")]
Drop: TypeAlias = Annotated[float, Gt(0), Lt(1), Meaning("a factor on the rate")]
_DEFAULT = (0.25,)
_MOST_PERIODS, _MOST_EPOCHS = 2_000, 10_000


@peer("fairseq")
def fixed(
    *,
    lr: Rates = _DEFAULT,
    force_anneal: Epoch | None = None,
    lr_shrink: Gamma = 0.1,
    warmup_updates: Steps = 0,
    updates_per_epoch: SomeSteps | None = None,
) -> Schedule:
    """The rate of each epoch; from ``force_anneal`` on the last, times ``lr_shrink`` with each epoch.

    The warm-up begins with ``1 / warmup_updates``.
    """
    rates = _listed(lr)
    if len(rates) == 1 and force_anneal is None:
        plan: Schedule = constant(value=rates[0])
    else:
        length = _epoch("fixed", updates_per_epoch)
        plan = stairs(rates, range(length, length * len(rates), length))
        if force_anneal is not None:
            first = max(force_anneal, 1)
            annealed = powers(rates[-1] * lr_shrink ** (first + 1 - force_anneal), lr_shrink, length)
            annealed = annealed.staircase(length, closed="left")
            plan = from_zero(((first - 1) * length, plan.shift(-1)), annealed)
    return plan * linear(start=0.0, end=1.0, steps=warmup_updates) if warmup_updates else plan


@peer("fairseq")
def inverse_sqrt(*, lr: Rates = _DEFAULT, warmup_updates: SomeSteps = 4000, warmup_init_lr: InitLr = -1) -> Schedule:
    """A line up, from 0 unless told, then the inverse square root of the update."""
    peak = _single("inverse_sqrt", lr)
    fall = lr_fns.inverse_sqrt(start=peak, timescale=warmup_updates)
    return fall.warmup(warmup_updates, start=max(warmup_init_lr, 0.0)).shift(1)


@peer("fairseq")
def cosine(
    *,
    lr: Rates = _DEFAULT,
    warmup_updates: Steps = 0,
    warmup_init_lr: InitLr = -1,
    min_lr: Lr = 0.0,
    t_mult: Multiplier = 1.0,
    lr_period_updates: Period = -1,
    lr_shrink: Gamma = 0.1,
    max_update: Steps = 0,
) -> Schedule:
    """A line up, from ``min_lr`` unless told, then half a cosine again and again, both of whose ends shrink each time.

    A period is what the warm-up leaves of ``max_update`` where no ``lr_period_updates`` are given. Of periods that grow
    while the rate does, too, or that shrink, the first 2,000 are made; fairseq has no value after all that shrink.
    """
    peak = _single("cosine", lr)
    if peak <= min_lr:
        raise ValueError(f"fairseq.cosine: lr must be more than min_lr={min_lr}, got {peak}")
    period = lr_period_updates if lr_period_updates > 0 else max_update - warmup_updates
    if period <= 0:
        raise ValueError(f"fairseq.cosine: give lr_period_updates, or max_update > warmup_updates={warmup_updates}")
    fall = lr_fns.cosine(start=peak, end=min_lr, steps=period)
    if 1 <= t_mult <= 100 and 0 < lr_shrink <= 1:
        periods = fall.repeat(stretch=t_mult, scale=lr_shrink, closed="left")
    elif t_mult == 1:
        periods = fall.repeat(closed="left") * powers(1.0, lr_shrink, period).staircase(period, closed="left")
    else:
        pieces: list[tuple[float, Schedule]] = []
        for number in range(_MOST_PERIODS):
            length, height = period * t_mult**number, lr_shrink**number
            pieces.append((length, lr_fns.cosine(start=peak * height, end=min_lr * height, steps=length)))
            if not (0.001 < length < HORIZON and height < 1e100):
                break
        periods = from_zero(*pieces).shift(-1)
    return from_zero(up_to(peak, warmup_updates, min_lr if warmup_init_lr < 0 else warmup_init_lr), periods)


@peer("fairseq")
def triangular(
    *,
    lr: Rates = _DEFAULT,
    max_lr: Lr,
    lr_period_updates: SomePeriod = 5000,
    lr_shrink: Gamma = 0.1,
    shrink_min: bool = False,
) -> Schedule:
    """Triangles of twice half a period, rounded down; the peak shrinks with each, with ``shrink_min`` also ``lr``."""
    low = _single("triangular", lr)
    if max_lr <= low:
        raise ValueError(f"fairseq.triangular: max_lr must be more than lr={low}, got {max_lr}")
    half = int(lr_period_updates // 2)
    heights = powers(1.0, lr_shrink, 2 * half).staircase(2 * half, closed="left")

    def triangles(start: float, peak: float) -> Schedule:
        return (linear(start=start, end=peak, steps=half) >> linear(start=peak, end=start, steps=half)).repeat()

    if shrink_min:  # at the boundary of two triangles the new one has begun
        whole = linear(start=low, end=max_lr, steps=half) >> linear(start=max_lr, end=low, steps=half)
        return (whole.repeat(closed="left") * heights).shift(1)
    return (triangles(0.0, max_lr) * heights).add(triangles(low, 0.0)).shift(1)


@peer("fairseq")
def polynomial_decay(
    *,
    lr: Rates = _DEFAULT,
    warmup_updates: Steps = 0,
    force_anneal: Epoch | None = None,
    end_learning_rate: Lr = 0.0,
    power: Exponent = 1.0,
    total_num_update: Updates,
    updates_per_epoch: SomeSteps | None = None,
) -> Schedule:
    """A line up, then a power of what is left, then ``end_learning_rate``.

    Of several rates the second is that of epoch 1, the third that of epoch 2, and so on. From ``force_anneal`` on, each
    epoch starts its decay again from the rate that the one before has come to, for at most 10,000 epochs.
    """
    rates = _listed(lr)
    warmup, decay = warmup_updates, total_num_update - warmup_updates

    def between(base: float, end: float) -> Schedule:
        if decay <= 0:  # the warm-up includes its last update, and there is nothing after it
            return from_zero((warmup + 1, up_to(base, warmup)[1]), constant(value=end))
        fall = lr_fns.polynomial(start=base, end=end, steps=decay, power=power) if power else constant(value=base)
        return from_zero(up_to(base, warmup), (decay, fall), constant(value=end))

    if len(rates) == 1 and force_anneal is None:
        return between(rates[0], end_learning_rate)
    length = _epoch("polynomial_decay", updates_per_epoch)
    share, rest = between(1.0, 0.0), between(0.0, end_learning_rate)  # the rate is share * base + rest
    epochs = math.ceil(max(total_num_update, warmup + 1) / length) if force_anneal is not None else len(rates) - 1
    bases, base = [], rates[0]
    for epoch in range(1, min(epochs, _MOST_EPOCHS) + 1):
        begin = (epoch - 1) * length + 1
        annealed = force_anneal is not None and epoch >= force_anneal
        base = base * share(begin) + rest(begin) if annealed else rates[min(epoch, len(rates) - 1)]
        bases.append(base)
    return (share * stairs(bases, range(length, length * len(bases), length))).add(rest)


@peer("fairseq")
def tri_stage(
    *,
    lr: Rates = _DEFAULT,
    warmup_steps: Steps = 0,
    hold_steps: Steps = 0,
    decay_steps: Steps = 0,
    phase_ratio: Phases | None = None,
    init_lr_scale: Gamma = 0.01,
    final_lr_scale: PositiveGamma = 0.01,
    max_update: Updates | None = None,
) -> Schedule:
    """A line up, the rate, an exponential decay, ``final_lr_scale`` of the rate.

    ``phase_ratio`` gives the three lengths as parts of ``max_update``, each rounded down; its sum must be exactly 1.
    """
    peak = _single("tri_stage", lr)
    if phase_ratio is not None:
        if sum(phase_ratio) != 1:
            raise ValueError(f"fairseq.tri_stage: phase ratios must add up to 1, got {phase_ratio}")
        if max_update is None:
            raise ValueError("fairseq.tri_stage: phase_ratio needs max_update")
        warmup_steps, hold_steps, decay_steps = (int(max_update * part) for part in phase_ratio)
    if decay_steps == 0:
        raise ValueError("fairseq.tri_stage: decay_steps must be > 0, got 0; please specify steps or phase_ratio")
    if peak == 0:
        return constant(value=0.0)
    return from_zero(
        up_to(peak, warmup_steps, init_lr_scale * peak),
        (hold_steps, constant(value=peak)),
        geometric(start=peak, end=peak * final_lr_scale, steps=decay_steps),
    )


@peer("fairseq")
def step(
    *,
    lr: Rates = _DEFAULT,
    warmup_updates: Steps = 0,
    warmup_init_lr: InitLr = -1,
    min_lr: Lr = 0.0,
    lr_deacy_period: SomeSteps = 25000,
    lr_decay: UnitFactor = 0.5,
) -> Schedule:
    """A line up, from ``min_lr`` unless told, then the rate times ``lr_decay`` after each period, not below ``min_lr``.

    ``lr_deacy_period`` is spelled as it is in fairseq.
    """
    peak = _listed(lr)[0]
    if peak <= min_lr:
        raise ValueError(f"fairseq.step: lr must be > min_lr={min_lr}, got {peak}")
    falls = powers(peak, lr_decay, lr_deacy_period).staircase(lr_deacy_period, closed="left").clamp(floor=min_lr)
    return from_zero(up_to(peak, warmup_updates, min_lr if warmup_init_lr < 0 else warmup_init_lr), falls)


@peer("fairseq")
def reduce_lr_on_plateau(
    *,
    lr: Rates = _DEFAULT,
    lr_shrink: Drop = 0.1,
    lr_threshold: Gamma = 1e-4,
    lr_patience: Steps = 0,
    warmup_updates: Steps = 0,
    warmup_init_lr: InitLr = -1,
    maximize_best_checkpoint_metric: bool = False,
    metrics: Metrics = (),
    updates_per_epoch: SomeSteps | None = None,
) -> Schedule:
    """A line up, from 0 unless told, then the rate, which falls each time the metric of an epoch stops improving.

    ``metrics`` are those reported so far, one after each epoch; one that comes before the warm-up is over is not looked
    at.
    """
    rate = _single("reduce_lr_on_plateau", lr)
    length = _epoch("reduce_lr_on_plateau", updates_per_epoch) if metrics else 1
    ends = [length * epoch for epoch in range(1, len(metrics) + 1)]
    counted = [(end, metric) for end, metric in zip(ends, metrics, strict=True) if end > warmup_updates]
    factors = plateau.trace(
        [metric for _, metric in counted],
        factor=lr_shrink,
        patience=lr_patience,
        mode="max" if maximize_best_checkpoint_metric else "min",
        rtol=lr_threshold,
        smallest_change=1e-8 / rate if rate else 0.0,
    )
    steps = stairs([rate * factor for factor in factors], [end - warmup_updates for end, _ in counted])
    return from_zero(up_to(rate, warmup_updates, max(warmup_init_lr, 0.0)), steps.shift(-1))


@peer("fairseq")
def manual(
    *,
    lr: Rates = _DEFAULT,
    epoch2lr: object = "{}",
    update2lr: object = "{}",
    updates_per_epoch: SomeSteps | None = None,
) -> Schedule:
    """Rates by epoch and by update, ``{"1": 0.1, "3,5": 0.05, "7-9": 0.01}``, as mappings or their text.

    An entry holds until the next, a range therefore to its end and on. The first entry by update ends what is said by
    epoch. Before both, the rate is that of key 1, or ``lr``.
    """
    epochs, updates = _by_number("epoch2lr", epoch2lr), _by_number("update2lr", update2lr)
    first = epochs.get(1, updates.get(1, _listed(lr)[0]))
    changes: dict[int, float] = {}
    if epochs:
        length = _epoch("manual", updates_per_epoch)
        changes = {(epoch - 1) * length: epochs[epoch] for epoch in sorted(epochs)}
    if updates:
        begin = min(updates)
        changes = {at: rate for at, rate in changes.items() if at < begin} | {at: updates[at] for at in sorted(updates)}
    return stairs([first, *changes.values()], changes)


def _by_number(name: str, given: object) -> dict[int, float]:
    """The entries of a mapping one by one."""
    wrong = f"fairseq.manual: {name} must be a mapping of numbers to rates, or the text of one"
    try:
        entries = ast.literal_eval(given) if isinstance(given, str) else given
        if not isinstance(entries, Mapping):
            raise ValueError("no mapping")
        read: dict[int, float] = {}
        for key, value in entries.items():
            rate = float(value)
            if not 0 <= rate < math.inf:
                raise ValueError("no rate")
            if "," in str(key):
                numbers = [int(number) for number in key.split(",")]
            elif "-" in str(key):
                begin, end = (int(number) for number in key.split("-")[:2])
                numbers = list(range(begin, end + 1))
            else:
                numbers = [int(key)]
            read |= dict.fromkeys(numbers, rate)
    except (ValueError, TypeError, SyntaxError, AttributeError, MemoryError, RecursionError):
        raise ValueError(f"{wrong}, got {given!r:.80}") from None
    return read


def _listed(lr: float | tuple[float, ...]) -> tuple[float, ...]:
    return lr if isinstance(lr, tuple) else (lr,)


def _single(name: str, lr: float | tuple[float, ...]) -> float:
    rate, *others = _listed(lr)
    if others:
        raise ValueError(f"fairseq.{name}: takes one lr, got {lr}; consider fixed instead")
    return rate


def _epoch(name: str, updates_per_epoch: int | None) -> int:
    if updates_per_epoch is None:
        raise ValueError(f"fairseq.{name}: this depends on the epoch, so it needs updates_per_epoch")
    return updates_per_epoch
