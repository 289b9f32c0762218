"""Two plans side by side: where they part, and what is left of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from optimsche import call_errors, checking
from optimsche.curve import drawn_html, plot, ranges, style
from optimsche.ranges import Meaning
from optimsche.runs.precision import Values
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Done = Annotated[int, Ge(0), Le(2**53), Meaning("how many updates were made")]
# Differences in the order of operations are none of the plans.
_SAME = 1e-9
_BLOCK = 2**16
_FURTHEST = 10_000_000


@dataclass(frozen=True, repr=False)
class Diff:
    """How two plans differ, after `at` updates. It prints as a few sentences, and draws itself in a notebook."""

    one: Schedule
    """The plan that was followed."""
    other: Schedule
    """The plan that is to be followed from now on."""
    at: int
    """How many updates were made."""
    first: int | None
    """The first update for which they differ, over the whole run; None if there is none up to `compared`."""
    compared: int
    """How far they were compared."""
    next_rates: tuple[float, float]
    """What each says for the next update, `at + 1`."""
    left: tuple[float, float]
    """How many updates each has left; `math.inf` for one without an end."""
    left_sums: tuple[float, float]
    """The sum of the rates of those updates; `math.inf` for one without an end."""
    ends: tuple[float, float]
    """The rate of each one's last update; NaN for one without an end."""
    per_epoch: int | None = None
    """Updates in an epoch, where that was given."""

    @property
    def ratio(self) -> float:
        """The other's next rate as a multiple of this one's; NaN where both are 0."""
        one, other = self.next_rates
        return other / one if one else (math.nan if other == 0 else math.inf)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw both plans, and a line where the run is now."""
        axes = plot({"one": self.one, "other": self.other}, steps_per_epoch=self.per_epoch, ax=ax)
        if self.at:
            axes.axvline(self.at, color=style.GREY, linewidth=1, linestyle="--", label=f"{self.at:,} updates made")
        axes.legend(**style.LEGEND)
        return axes

    def draw(self, figure: Any) -> None:
        """Draw `plot` into a Matplotlib figure."""
        self.plot(ax=figure.subplots())

    def __repr__(self) -> str:
        if self.first is None:
            return f"The plans have the same rates, as far as they were compared: up to update {self.compared:,}."
        one, other = self.next_rates
        ratio = "" if not math.isfinite(self.ratio) else f" ({self.ratio:.4g} times as much)"
        where = f"The plans differ from update {self.first:,} on."
        if self.first > self.at + 1:
            now = f"The next update, {self.at + 1:,}, has {one:.6g} in both."
        else:
            now = f"The next update, {self.at + 1:,}, has {one:.6g} in one and {other:.6g} in the other{ratio}."
        parts = [_left(*each) for each in zip(("one", "the other"), self.left, self.left_sums, self.ends, strict=True)]
        return f"{where} {now}\nLeft of {parts[0]}; of {parts[1]}."

    def _repr_html_(self) -> str | None:
        return drawn_html(repr(self), self.draw)


def _left(name: str, left: float, total: float, end: float) -> str:
    if left == math.inf:
        return f"{name}: no end"
    if left == 0:
        return f"{name}: nothing, it holds {end:.6g}"
    return f"{name}: {left:,.0f} updates, whose rates add up to {total:.6g}, and the last has {end:.6g}"


@call_errors.explained
def diff(
    one: Schedule, other: Schedule, *, at: int = 0, steps_per_epoch: int | None = None, accum_grad: int = 1
) -> Diff:
    """Compare two plans, as where a run is resumed with another one.

    Args:
        one: the plan that was followed until now.
        other: the plan that is to be followed.
        at: how many updates were made; >= 0.
        steps_per_epoch: micro-batches in an epoch, which plans that count epochs need.
        accum_grad: micro-batches in one update; >= 1.

    Returns:
        The differences: `first`, `next_rates`, `ratio`, `left`, `left_sums`, `ends`.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind.

    >>> from optimsche import warmup_linear
    >>> plan = warmup_linear(peak=0.1, warmup_steps=10, total_steps=110)
    >>> plan.diff(plan.replace(steps=20), at=5)
    The plans differ from update 1 on. The next update, 6, has 0.06 in one and 0.03 in the other (0.5 times as much).
    Left of one: 105 updates, whose rates add up to 5.35, and the last has 0; of the other: 115 updates, whose rates \
add up to 5.925, and the last has 0.
    """
    if not isinstance(other, Schedule):
        hint = f"\n    Text is read by parse: plan.diff(parse({other!r:.60}))." if isinstance(other, str) else ""
        raise TypeError(f"diff(other=...): other must be a schedule, got {call_errors.shown(other)}.{hint}")
    at = checking.admit("diff", "at", _Done, at)
    per_epoch = ranges.updates_per_epoch("diff", steps_per_epoch, accum_grad)
    for plan in (one, other):
        if plan.counts_epochs and per_epoch is None:
            raise ranges.epochs_needed("diff", f"{plan!r} counts epochs")
    plans = (one, other)
    last = [ranges.end_of(plan, per_epoch) for plan in plans]
    reach = [ranges.reach_of(plan, per_epoch) for plan in plans]
    compared = int(min(max(*reach, at + 1) + 1, _FURTHEST))
    left = tuple(max(math.floor(end) - at, 0) if end < math.inf else math.inf for end in last)
    sums = tuple(
        _sum(plan, at, end, per_epoch) if end < math.inf else math.inf for plan, end in zip(plans, last, strict=True)
    )
    ends = tuple(
        _rates(plan, np.array([end]), per_epoch).item() if end < math.inf else math.nan
        for plan, end in zip(plans, last, strict=True)
    )
    now = tuple(_rates(plan, np.array([at + 1.0]), per_epoch).item() for plan in plans)
    first = _first_difference(one, other, compared, per_epoch)
    return Diff(one, other, at, first, compared, now, left, sums, ends, per_epoch)  # type: ignore[arg-type]  # pairs


def _rates(plan: Schedule, clock: Values, per_epoch: int | None) -> Values:
    if per_epoch is None:
        return plan(clock)
    return plan(clock, np.maximum(np.ceil(clock / per_epoch), 1.0))


def _blocks(first: int, last: int) -> Iterator[Values]:
    for begin in range(first, last + 1, _BLOCK):
        yield np.arange(begin, min(begin + _BLOCK, last + 1), dtype=float)


def _sum(plan: Schedule, at: int, end: float, per_epoch: int | None) -> float:
    last = math.floor(end)
    if last - at <= _FURTHEST:
        return math.fsum(_rates(plan, clock, per_epoch).sum() for clock in _blocks(at + 1, last))
    places = np.linspace(at + 1, last, _FURTHEST // 10)  # a mean over a million updates is as good
    return float(_rates(plan, np.round(places), per_epoch).mean() * (last - at))


def _first_difference(one: Schedule, other: Schedule, last: int, per_epoch: int | None) -> int | None:
    for clock in _blocks(1, last):
        rates = _rates(one, clock, per_epoch), _rates(other, clock, per_epoch)
        apart = np.abs(rates[0] - rates[1]) > _SAME * np.maximum(rates[0], rates[1])
        if apart.any():
            return int(clock[int(np.argmax(apart))])
    return None
