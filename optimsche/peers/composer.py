"""Composer's schedulers. They are functions of the timestamp, which counts finished batches from 0.

The trainer sets the rate before it moves the timestamp on, so update ``n`` gets batch ``max(0, n - 2)``: the first
value serves two updates, and what a schedule has at its end comes two updates after it. ``schedule(n)`` is what update
``n`` gets.

Times are Composer's strings (``"10ep"``, ``"500ba"``, ``"320sp"``, ``"2560tok"``, ``"0.1dur"``) or whole numbers of
batches. What a run has to say about them stands in keywords: ``max_duration``, ``dataloader_len`` (batches per epoch),
``samples_per_batch``, ``tokens_per_batch``, and the scale schedule ratio ``ssr``.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple, TypeAlias

from annotated_types import Ge, Gt, Lt

from optimsche.lr_fns import constant, cosine, linear, polynomial
from optimsche.peers._peer import Exponent, Gamma, Lr, SomeSteps, Steps, peer
from optimsche.peers._pieces import HORIZON, entered, from_zero, powers, segment, stairs
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = [
    "StepScheduler",
    "MultiStepScheduler",
    "ConstantScheduler",
    "LinearScheduler",
    "ExponentialScheduler",
    "CosineAnnealingScheduler",
    "CosineAnnealingWarmRestartsScheduler",
    "PolynomialScheduler",
    "MultiStepWithWarmupScheduler",
    "ConstantWithWarmupScheduler",
    "LinearWithWarmupScheduler",
    "CosineAnnealingWithWarmupScheduler",
    "PolynomialWithWarmupScheduler",
]

Time: TypeAlias = Annotated[str, Meaning("a time such as '10ep', '500ba' or '0.1dur'")] | Steps
Times: TypeAlias = tuple[Time, ...]
Ratio: TypeAlias = Annotated[float, Gt(0), Lt(float("inf")), Meaning("the scale schedule ratio")]
Mult: TypeAlias = Annotated[float, Ge(0), Lt(float("inf")), Meaning("how many times as long each cycle is as the last")]
_TIME = re.compile(r"(.+)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)
_MOST_CYCLES = 2_000


@peer("composer")
def StepScheduler(
    step_size: Time,
    gamma: Gamma = 0.1,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """The rate times ``gamma`` after each ``step_size``."""
    run = _Run("StepScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    every = run.batches("step_size", step_size, ssr)
    return powers(base_lr, gamma, every).staircase(every, closed="left").shift(2)


@peer("composer")
def MultiStepScheduler(
    milestones: Times,
    gamma: Gamma = 0.1,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """The rate times ``gamma`` at each of ``milestones``, which may be in several units and in any order."""
    run = _Run("MultiStepScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    return run.steps(milestones, gamma, base_lr, ssr).shift(1)


@peer("composer")
def ConstantScheduler(
    alpha: Gamma = 1.0,
    t_max: Time = "1dur",
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """``alpha`` times the rate until ``t_max``, then the rate."""
    run = _Run("ConstantScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    until = run.time("t_max", t_max, ssr).batches
    return from_zero((until, constant(value=base_lr * alpha)), constant(value=base_lr)).shift(1)


@peer("composer")
def LinearScheduler(
    alpha_i: Gamma = 1.0,
    alpha_f: Gamma = 0.0,
    t_max: Time = "1dur",
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from one factor to another."""
    run = _Run("LinearScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    return linear(start=base_lr * alpha_i, end=base_lr * alpha_f, steps=run.batches("t_max", t_max, ssr)).shift(2)


@peer("composer")
def ExponentialScheduler(
    gamma: Gamma,
    decay_period: Time = "1ep",
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """The rate times ``gamma`` over each ``decay_period``, smoothly."""
    run = _Run("ExponentialScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    return powers(base_lr, gamma, run.batches("decay_period", decay_period, ssr)).shift(2)


@peer("composer")
def CosineAnnealingScheduler(
    t_max: Time = "1dur",
    alpha_f: Gamma = 0.0,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """Half a cosine to ``alpha_f`` times the rate."""
    run = _Run("CosineAnnealingScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    return cosine(start=base_lr, end=base_lr * alpha_f, steps=run.batches("t_max", t_max, ssr)).shift(2)


@peer("composer")
def CosineAnnealingWarmRestartsScheduler(
    t_0: Time,
    t_mult: Mult = 1.0,
    alpha_f: Gamma = 0.0,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """Half a cosine again and again, each ``t_mult`` times as long as the last, cut to a whole number of its unit.

    Lengths that are cut are listed until they no longer change, 2,000 at most. Where they shrink to 0, and Composer
    raises, the last value is held.
    """
    run = _Run(
        "CosineAnnealingWarmRestartsScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch
    )
    first = run.time("t_0", t_0, ssr)
    low, amount, pieces, end = base_lr * alpha_f, first.amount, list[tuple[float, Schedule] | Schedule](), 0.0
    run.batches("t_0", t_0, ssr)
    while amount > 0 and end < HORIZON and len(pieces) < _MOST_CYCLES:
        length, longer = amount / first.per_batch, int(t_mult * amount)
        fall = cosine(start=base_lr, end=low, steps=length)
        if longer == amount or (t_mult == int(t_mult) and 1 < t_mult <= 100):
            return from_zero(*pieces, fall.repeat(stretch=longer / amount, closed="left")).shift(1)
        pieces.append((length, fall))
        amount, end = longer, end + length
    return from_zero(*pieces, constant(value=low)).shift(1)


@peer("composer")
def PolynomialScheduler(
    power: Exponent,
    t_max: Time = "1dur",
    alpha_f: Gamma = 0.0,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A power of what is left, to ``alpha_f`` times the rate; with ``power`` 0 the rate, for ever."""
    run = _Run("PolynomialScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    steps = run.batches("t_max", t_max, ssr)
    return _polynomial(base_lr, base_lr * alpha_f, steps, power).shift(2)


@peer("composer")
def MultiStepWithWarmupScheduler(
    t_warmup: Time,
    milestones: Times,
    gamma: Gamma = 0.1,
    scale_warmup: bool = False,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from 0, then ``gamma`` at each of ``milestones``, which count from the beginning of the run."""
    run = _Run("MultiStepWithWarmupScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    length, way_up = run.warmup(t_warmup, base_lr, ssr if scale_warmup else 1.0)
    return entered(length, way_up, run.steps(milestones, gamma, base_lr, ssr)).shift(1)


@peer("composer")
def ConstantWithWarmupScheduler(
    t_warmup: Time,
    alpha: Gamma = 1.0,
    t_max: Time = "1dur",
    scale_warmup: bool = False,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from 0 to ``alpha`` times the rate, which holds for ever: ``t_max`` ends nothing."""
    run = _Run("ConstantWithWarmupScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    run.left_after(t_warmup, t_max, ssr)
    way_up = run.warmup(t_warmup, base_lr * alpha, ssr if scale_warmup else 1.0)
    return from_zero(way_up, constant(value=base_lr * alpha)).shift(1)


@peer("composer")
def LinearWithWarmupScheduler(
    t_warmup: Time,
    alpha_i: Gamma = 1.0,
    alpha_f: Gamma = 0.0,
    t_max: Time = "1dur",
    scale_warmup: bool = False,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from 0 to ``alpha_i``, then one to ``alpha_f`` at ``t_max``, times the rate."""
    run = _Run("LinearWithWarmupScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    high, low = base_lr * alpha_i, base_lr * alpha_f
    left = run.left_after(t_warmup, t_max, ssr)
    way_up = run.warmup(t_warmup, high, ssr if scale_warmup else 1.0)
    return from_zero(way_up, segment(linear, high, low, left) if left else constant(value=high)).shift(1)


@peer("composer")
def CosineAnnealingWithWarmupScheduler(
    t_warmup: Time,
    t_max: Time = "1dur",
    alpha_f: Gamma = 0.0,
    scale_warmup: bool = False,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from 0 to the rate, then half a cosine to ``alpha_f`` times it at ``t_max``."""
    run = _Run("CosineAnnealingWithWarmupScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    left = run.left_after(t_warmup, t_max, ssr)
    way_up = run.warmup(t_warmup, base_lr, ssr if scale_warmup else 1.0)
    fall = cosine(start=base_lr, end=base_lr * alpha_f, steps=left) if left else constant(value=base_lr)
    return from_zero(way_up, fall).shift(1)


@peer("composer")
def PolynomialWithWarmupScheduler(
    t_warmup: Time,
    power: Exponent = 2.0,
    t_max: Time = "1dur",
    alpha_f: Gamma = 0.0,
    scale_warmup: bool = False,
    *,
    base_lr: Lr,
    max_duration: Time | None = None,
    dataloader_len: SomeSteps | None = None,
    samples_per_batch: SomeSteps | None = None,
    tokens_per_batch: SomeSteps | None = None,
    ssr: Ratio = 1.0,
) -> Schedule:
    """A line from 0 to the rate, then a power of what is left, to ``alpha_f`` times it at ``t_max``."""
    run = _Run("PolynomialWithWarmupScheduler", max_duration, dataloader_len, samples_per_batch, tokens_per_batch)
    left = run.left_after(t_warmup, t_max, ssr)
    way_up = run.warmup(t_warmup, base_lr, ssr if scale_warmup else 1.0)
    return from_zero(way_up, _polynomial(base_lr, base_lr * alpha_f, left, power)).shift(1)


def _polynomial(high: float, low: float, steps: float, power: float) -> Schedule:
    if not steps or not power:
        return constant(value=high)
    return polynomial(start=high, end=low, steps=steps, power=power)


# ---------------------------------------------------------------------------------------------------------------------
# Times
# ---------------------------------------------------------------------------------------------------------------------


class _Time(NamedTuple):
    """An amount of a unit, and how much of that unit a batch is."""

    amount: float
    unit: str
    per_batch: int

    @property
    def batches(self) -> float:
        return self.amount / self.per_batch

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


class _Run(NamedTuple):
    """What a run says about its times, and the pieces that are made of them."""

    call: str
    max_duration: str | int | None
    dataloader_len: int | None
    samples_per_batch: int | None
    tokens_per_batch: int | None

    def time(self, name: str, value: str | int, ssr: float = 1.0) -> _Time:
        """A time in batches, samples or tokens, cut to a whole number; all but a part of the run is scaled."""
        amount, unit = self._read(name, value)
        if unit == "dur":
            whole, unit = self._run_length(name)
            return self._in_batches(name, amount * self._epoch(name) * whole if unit == "ep" else amount * whole, unit)
        batches = amount * self._epoch(name) if unit == "ep" else amount
        return self._in_batches(name, batches * ssr, unit)

    def batches(self, name: str, value: str | int, ssr: float) -> float:
        """A time that something is divided by, in batches."""
        time = self.time(name, value, ssr)
        if time.amount == 0:
            raise ValueError(f"composer.{self.call}: {name}={value!r} is 0 in this run; it must be longer")
        return time.batches

    def steps(self, milestones: tuple[str | int, ...], gamma: float, base_lr: float, ssr: float) -> Schedule:
        """The rate times ``gamma`` at each of the milestones, on a clock that is 1 at batch 0."""
        edges = sorted(self.time("milestones", milestone, ssr).batches for milestone in milestones)
        return stairs([base_lr * gamma**number for number in range(len(edges) + 1)], edges)

    def warmup(self, t_warmup: str | int, peak: float, ssr: float) -> tuple[float, Schedule]:
        """The way up as a first piece: as long as it is without the ratio, also where its slope is scaled."""
        length = self.time("t_warmup", t_warmup).batches
        return length, linear(
            start=0.0, end=peak, steps=self.batches("t_warmup", t_warmup, ssr)
        ) if length else constant()

    def left_after(self, t_warmup: str | int, t_max: str | int, ssr: float) -> float:
        """The batches from the end of the warm-up to ``t_max``, 0 if there are none."""
        first, last = self.time("t_warmup", t_warmup), self.time("t_max", t_max, ssr)
        if first.unit != last.unit:
            raise ValueError(
                f"composer.{self.call}: t_warmup ({first}) and t_max ({last}) must use the same units; "
                "'dur' is in the unit of max_duration, and 'ep' in batches"
            )
        whole, unit = self._run_length("t_max")
        if unit == "ep" and last.unit == "ba" and self.dataloader_len is not None:
            whole, unit = whole * self.dataloader_len, "ba"
        if unit == last.unit and last.amount < whole:
            raise ValueError(
                f"composer.{self.call}: t_max {last} must be greater than or equal to max_duration "
                f"{self.max_duration}, or the schedule is not defined for the whole run"
            )
        return max(last.amount - first.amount, 0) / last.per_batch

    def _read(self, name: str, value: str | int) -> tuple[float, str]:
        if not isinstance(value, str):
            return value, "ba"
        match = _TIME.fullmatch(value.strip())
        try:
            amount, unit = (float(match[1]), match[2].lower()) if match else (-1.0, "")
        except ValueError:
            amount, unit = -1.0, ""
        if not 0 <= amount < float("inf"):
            raise ValueError(
                f"composer.{self.call}: {name}={value!r} is no time; write a number and ep, ba, sp, tok or dur, "
                "such as '10ep' or '0.1dur'"
            )
        if unit in ("sec", "iter"):
            raise ValueError(f"composer.{self.call}: {name}={value!r} is in a unit that no schedule can use; take 'ba'")
        if unit != "dur" and amount != int(amount):
            raise ValueError(
                f"composer.{self.call}: {name}={value!r} must be a whole number of {unit}; only dur has parts"
            )
        return amount if unit == "dur" else int(amount), unit

    def _run_length(self, name: str) -> tuple[float, str]:
        if self.max_duration is None:
            raise ValueError(
                f"composer.{self.call}: {name} needs the length of the run; give max_duration='10ep' or so"
            )
        whole, unit = self._read("max_duration", self.max_duration)
        if unit == "dur":
            raise ValueError(f"composer.{self.call}: max_duration={self.max_duration!r} must be in ep, ba, sp or tok")
        return whole, unit

    def _epoch(self, name: str) -> int:
        if self.dataloader_len is None:
            raise ValueError(f"composer.{self.call}: {name} is in epochs; give dataloader_len, the batches in one")
        return self.dataloader_len

    def _in_batches(self, name: str, amount: float, unit: str) -> _Time:
        per_batch = {"sp": self.samples_per_batch, "tok": self.tokens_per_batch}.get(unit, 1)
        if per_batch is None:
            keyword = "samples_per_batch" if unit == "sp" else "tokens_per_batch"
            raise ValueError(f"composer.{self.call}: {name} is in {unit}; give {keyword}")
        return _Time(int(amount), "ba" if unit == "ep" else unit, per_batch)
