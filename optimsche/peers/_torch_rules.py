"""How each of PyTorch's schedulers moves the rate of its optimizer, written as torch computes it.

Most of them multiply the rate in force with each step; some set it. Alone that makes no difference. In
:func:`optimsche.peers.torch.SequentialLR` and :func:`~optimsche.peers.torch.ChainedScheduler`, which play several on
one optimizer, it does. A rule says what a scheduler does with the rate at its counter ``last_epoch``:

- ``first(rate)``: at 0, in its constructor; ``again(rate, base)``: at 0 in any other way;
- ``entered(rate, base)``: at 0, when a ``SequentialLR`` comes to it;
- ``step(counter, rate, base)``: at each counter after 0;
- ``goes_on(counter, rate, base)``: all of these from there on, as a schedule whose update 1 has ``rate``.

``base`` is the ``initial_lr`` that it found when it was constructed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optimsche.lr_fns import constant, cosine, linear, polynomial
from optimsche.peers._pieces import from_zero, mixed, powers, stairs, wave
from optimsche.schedule import Schedule


class Rule:
    """What a scheduler does."""

    # What PyTorch calls it.
    name: str
    # From this counter on it leaves the rate alone.
    ends: float = math.inf
    # So many steps it can be played for; after them torch raises.
    lasts: float = math.inf
    # After so many steps it does the same again; None where there is no such number.
    period: int | None = 1
    # Whether it may change the rate at any step, not only at some that `next_change` tells.
    is_smooth = True

    def first(self, rate: float) -> float:
        return rate

    def again(self, rate: float, base: float) -> float:
        return self.first(rate)

    def entered(self, rate: float, base: float) -> float:
        return self.first(base)

    def step(self, counter: int, rate: float, base: float) -> float:
        raise NotImplementedError

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        raise NotImplementedError

    def next_change(self, counter: int) -> float:
        """The first counter after this one at which it may change the rate."""
        return counter + 1 if counter < self.ends else math.inf


@dataclass(frozen=True)
class Constant(Rule):
    """``factor`` at 0, taken back at ``total``, if the counter is ever equal to it."""

    factor: float
    total: float

    name = "ConstantLR"
    is_smooth = False

    @property
    def ends(self) -> float:  # type: ignore[override]
        return self.total if self.total == int(self.total) else 0

    @property
    def lasts(self) -> float:  # type: ignore[override]
        return self.ends if self.factor == 0 and self.ends else math.inf

    def first(self, rate: float) -> float:
        return rate * self.factor

    def entered(self, rate: float, base: float) -> float:
        return base if self.total == 0 else base * self.factor

    def step(self, counter: int, rate: float, base: float) -> float:
        if counter != self.total:
            return rate
        if self.factor == 0:
            raise ValueError("torch divides by ConstantLR's factor of 0 at its end")
        return rate * (1.0 / self.factor)

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        if counter >= self.ends:
            return constant(value=rate)
        return stairs((rate, base if rate == base * self.factor else rate / self.factor), (self.ends - counter,))

    def next_change(self, counter: int) -> float:
        return self.ends if counter < self.ends else math.inf


@dataclass(frozen=True)
class Linear(Rule):
    """A line from ``start`` to ``end`` over ``total``, by its ratios up to the last whole counter on it."""

    start: float
    end: float
    total: float

    name = "LinearLR"

    @property
    def ends(self) -> int:  # type: ignore[override]
        return int(self.total)

    def first(self, rate: float) -> float:
        return rate * self.start

    def entered(self, rate: float, base: float) -> float:
        if self.total == 0:
            raise ValueError("LinearLR(total_iters=0) as a later piece divides by 0 in torch")
        return base * self.start

    def step(self, counter: int, rate: float, base: float) -> float:
        return rate if counter > self.total else rate * (self._at(counter) / self._at(counter - 1))

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        if counter >= self.ends:
            return constant(value=rate)
        now = self._at(counter)
        unit = base if rate == base * now else rate / now
        return linear(start=rate, end=unit * self._at(self.ends), steps=self.ends - counter).shift(1)

    def _at(self, counter: int) -> float:
        if counter == self.total:
            return self.end
        return self.start + (self.end - self.start) * counter / self.total


@dataclass(frozen=True)
class Step(Rule):
    """``gamma`` at each whole multiple of ``size`` but 0, and ``size`` may be written as the smallest of these."""

    size: int
    gamma: float

    name = "StepLR"
    is_smooth = False

    @property
    def period(self) -> int:  # type: ignore[override]
        return self.size

    def step(self, counter: int, rate: float, base: float) -> float:
        return rate * self.gamma if counter % self.size == 0 else rate

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        steps = powers(rate, self.gamma, self.size).staircase(self.size)
        return steps.shift(-(counter % self.size)) if counter % self.size else steps

    def next_change(self, counter: int) -> float:
        return counter + self.size - counter % self.size


@dataclass(frozen=True)
class MultiStep(Rule):
    """``gamma`` at each milestone that is a whole number, as often as it is listed."""

    milestones: tuple[int, ...]
    gamma: float

    name = "MultiStepLR"
    is_smooth = False

    @property
    def ends(self) -> float:  # type: ignore[override]
        return max(self.milestones, default=0)

    def first(self, rate: float) -> float:
        return self.step(0, rate, rate)

    def step(self, counter: int, rate: float, base: float) -> float:
        return rate * self.gamma ** self.milestones.count(counter)

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        left = sorted(milestone - counter for milestone in self.milestones if milestone > counter)
        return stairs([rate * self.gamma**k for k in range(len(left) + 1)], left)

    def next_change(self, counter: int) -> float:
        return min((milestone for milestone in self.milestones if milestone > counter), default=math.inf)


@dataclass(frozen=True)
class Exponential(Rule):
    """``gamma`` at each step; in its constructor not, but at 0 in any other way."""

    gamma: float

    name = "ExponentialLR"

    def again(self, rate: float, base: float) -> float:
        return rate * self.gamma

    def step(self, counter: int, rate: float, base: float) -> float:
        return rate * self.gamma

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        return powers(rate, self.gamma).shift(1)


@dataclass(frozen=True)
class Polynomial(Rule):
    """A power of what is left of ``total``, by its ratios up to the last whole counter."""

    total: float
    power: float

    name = "PolynomialLR"

    @property
    def ends(self) -> int:  # type: ignore[override]
        return int(self.total)

    def again(self, rate: float, base: float) -> float:
        if self.total == 0:
            raise ValueError("PolynomialLR(total_iters=0) divides by 0 in torch where another scheduler plays it")
        return float(rate / (1.0 + 1.0 / self.total) ** self.power)

    def entered(self, rate: float, base: float) -> float:
        if self.total == 0:
            raise ValueError("PolynomialLR(total_iters=0) divides by 0 in torch where another scheduler plays it")
        return base

    def step(self, counter: int, rate: float, base: float) -> float:
        if counter > self.total:
            return rate
        return float(rate * ((self.total - counter) / (self.total - counter + 1)) ** self.power)

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        if counter >= self.ends or self.power == 0:
            return constant(value=rate)
        fall = polynomial(start=rate, steps=self.total - counter, power=self.power)
        left = self.ends - counter
        return fall.shift(1) if self.ends == self.total else from_zero((left, fall), constant(value=fall(left)))


@dataclass(frozen=True)
class Multiplicative(Rule):
    """A function of the counter at each step; in its constructor not, but at 0 in any other way."""

    factor: Schedule

    name = "MultiplicativeLR"
    period = None

    def again(self, rate: float, base: float) -> float:
        return rate * self.factor(0)

    def entered(self, rate: float, base: float) -> float:
        return rate * self.factor(0)

    def step(self, counter: int, rate: float, base: float) -> float:
        return rate * self.factor(counter)

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        factor = self.factor.shift(-counter) if counter else self.factor
        return rate * factor.running_product().shift(1)


@dataclass(frozen=True)
class Cosine(Rule):
    """The distance to ``eta_min`` by the ratios of a wave, and after each lowest point an amount that is added."""

    T_max: float
    eta_min: float

    name = "CosineAnnealingLR"

    @property
    def period(self) -> int | None:  # type: ignore[override]
        return 2 * int(self.T_max) if self.T_max == int(self.T_max) else None

    def again(self, rate: float, base: float) -> float:
        return self.step(0, rate, base)

    def entered(self, rate: float, base: float) -> float:
        return base

    def step(self, counter: int, rate: float, base: float) -> float:
        if self.is_lowest(counter - 1):
            return rate + (base - self.eta_min) * (1.0 - math.cos(math.pi / self.T_max)) / 2.0
        return self.share(counter) / self.share(counter - 1) * (rate - self.eta_min) + self.eta_min

    def share(self, counter: int) -> float:
        """How high the wave is, from 1 at 0 down to 0 at ``T_max``."""
        return (1.0 + math.cos(math.pi * counter / self.T_max)) / 2.0

    def is_lowest(self, counter: int) -> bool:
        return (counter - self.T_max) % (2 * self.T_max) == 0

    def refuse_parts(self) -> None:
        """Refuse a ``T_max`` with a fraction, whose lowest point the counter never meets."""
        if self.period is None:
            raise ValueError(f"a cosine needs a whole T_max where others have moved the rate, got {self.T_max}")

    def until_lowest(self, counter: int) -> float:
        """The steps up to the next lowest point, 0 there."""
        return (self.T_max - counter) % (2 * self.T_max)

    def goes_on(self, counter: int, rate: float, base: float) -> Schedule:
        low, place = self.eta_min, counter % (2 * self.T_max)
        again = wave(low, base, self.T_max)
        if place == 0 and rate == base:
            return wave(base, low, self.T_max).shift(1)
        self.refuse_parts()
        if self.is_lowest(counter):
            if rate == low:
                return again.shift(1)
            up = self.step(counter + 1, rate, base)
            return constant(value=rate).then(self.goes_on(counter + 1, up, base), at=1)
        if place == 0:
            fall = cosine(start=rate, end=low, steps=self.T_max)
        else:
            height = (rate - low) / self.share(counter)
            if place > self.T_max and low + height < 0:
                raise ValueError(f"torch's rate is negative on a cosine's way up: down to {low + height:g}")
            fall = mixed(low, low + height, wave(1.0, 0.0, self.T_max).shift(-place))
        return from_zero((self.until_lowest(counter), fall), again)


@dataclass(frozen=True)
class Sets(Rule):
    """A scheduler that sets the rate, whatever is in force: ``curve(base)`` is its schedule of updates.

    ``lasts`` is the last counter that it has, and ``sets_first`` the rate that it gives the optimizer before it looks
    for an ``initial_lr``. One with ``kept``, its ``initial_lr``, ``max_lr`` and ``min_lr``, keeps them in the optimizer
    and reads them from there, so of several the last one that was made counts: its ``base`` is what it finds there.
    """

    name: str
    curve: Callable[[Any], Schedule]
    lasts: float = math.inf
    kept: tuple[float, float, float] | None = None
    sets_first: float | None = None

    period = None

    def __post_init__(self) -> None:
        """Remember the curve: it is asked for at every step, nearly always with the same base."""
        object.__setattr__(self, "curve", functools.lru_cache(maxsize=2)(self.curve))

    def entered(self, rate: float, base: Any) -> float:
        return self.curve(base)(1)

    def again(self, rate: float, base: Any) -> float:
        return self.curve(base)(1)

    def step(self, counter: int, rate: float, base: Any) -> float:
        return self.curve(base)(counter + 1)

    def goes_on(self, counter: int, rate: float, base: Any) -> Schedule:
        return self.curve(base).shift(-counter) if counter else self.curve(base)
