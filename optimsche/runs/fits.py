"""A recorded curve as the simplest plan that has it.

The curve is cut where one shape ends and the next begins, its numbers are put right by least squares, and then made as
round as the log allows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimsche import call_errors, checking
from optimsche.combinators import sequence
from optimsche.curve import drawn_html
from optimsche.lr_fns import constant
from optimsche.ranges import Steps
from optimsche.runs import pictures
from optimsche.runs.points import read_points
from optimsche.runs.precision import Values, precision_of
from optimsche.runs.segments import CONSTANT, COSINE, INVERSE_SQRT, LINEAR, Piece, Points, Shape, longest
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PIECES = 12
_POINTS = 240


@dataclass(frozen=True, repr=False)
class Fit:
    """What `fit` found."""

    plan: Schedule | None
    """The plan, whose rate for every point is the one that was logged; None if none was found."""
    error: float
    """By how much the nearest plan misses at most, as a part of the highest rate; 0 where all are within rounding."""
    nearest: Schedule
    """The plan that came nearest: `plan`, where there is one."""
    updates: tuple[int, ...]
    """The updates that were logged."""
    rates: tuple[float, ...]
    """The rate that was logged for each."""

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the nearest plan as a line and the log as dots upon it."""
        return pictures.draw_log(self.nearest, self.updates, self.rates, label="nearest plan", ax=ax)

    def draw(self, figure: Any) -> None:
        """Draw `plot` into a Matplotlib figure."""
        self.plot(ax=figure.subplots())

    def __repr__(self) -> str:
        if self.plan is not None:
            return f"{self.plan!r}\nhas all {len(self.rates):,} rates, to the precision of the log."
        return (
            f"No plan of up to {_MOST_PIECES} pieces was found that has these {len(self.rates):,} rates. The nearest, "
            f"{self.nearest!r}, misses one by {self.error:.2g} of the highest rate."
        )

    def _repr_html_(self) -> str | None:
        return drawn_html(repr(self), self.draw)


@call_errors.explained
def fit(rates: Any, steps: Any = None, *, total_steps: float | None = None) -> Fit:
    """The simplest plan that has a recorded curve, exactly to the precision in which it was recorded.

    Args:
        rates: the learning rates that were logged; >= 0.
        steps: the update that each was logged at, whole numbers; by default 1, 2, 3, ... Gaps may differ.
        total_steps: length of the run in updates, where known; > 0. A log that ends before the run does not say when a
            straight line would have ended: without a length it is taken to end at 0.

    Returns:
        The result, with `plan` (None if there is none) and `error`, which says how near the nearest came.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind.

    >>> from optimsche import warmup_cosine
    >>> plan = warmup_cosine(peak=3e-4, warmup_steps=50, total_steps=1_000)
    >>> steps = range(20, 801, 20)
    >>> found = fit([float(f"{plan(n):.4g}") for n in steps], steps)
    >>> found.plan
    warmup(cosine(start=0.0003, end=0.0, steps=950), steps=50, start=0.0)
    >>> found.plan == plan, found.error
    (True, 0.0)
    """
    if total_steps is not None:
        total_steps = checking.admit("fit", "total_steps", Steps, total_steps)
    clock, values = read_points("fit", rates, steps)
    precision = precision_of(values)
    # The middle of what each may have been: of a power of ten, that is not what was written.
    middle, half = (precision.high + precision.low) / 2.0, (precision.high - precision.low) / 2.0
    points = Points(clock, middle, np.maximum(half, 1e-300))
    best: tuple[float, int, Schedule] | None = None
    cut = [found for origin in _origins(points) if (found := _cut(points, origin)) is not None]
    for found in sorted(cut, key=lambda found: len(found.pieces)):
        for to_zero in (True, False):
            with np.errstate(all="ignore"):  # a step that leads too far is taken back
                finished = _finished(found, total_steps, to_zero)
            if finished is not None and (best is None or finished[:2] < best[:2]):
                best = finished
            if found.pieces[-1].shape is not LINEAR or total_steps is not None:
                break
        if best is not None and best[0] == 0:
            break
    nearest = constant(value=float(values.mean())) if best is None else best[2]
    expected = nearest(clock)
    missed = np.maximum(np.maximum(precision.low - expected, expected - precision.high), 0.0)
    error = float(missed.max() / max(values.max(), 1e-300))
    updates = tuple(clock.astype(np.int64).tolist())
    return Fit(nearest if error == 0 else None, error, nearest, updates, tuple(values.tolist()))


class _Model(NamedTuple):
    """Shapes between clocks, and at which places of a vector their numbers are: clocks first, then starts and ends."""

    shapes: tuple[Shape, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __call__(self, numbers: Values, clock: Values) -> Values:
        knots = numbers[: len(self.shapes) + 1]
        rates = np.zeros_like(clock)
        for place, shape in enumerate(self.shapes):
            begin, end = knots[place], knots[place + 1]
            here = clock > begin if place else np.ones(len(clock), dtype=bool)
            part = (clock[here] - begin) / max(end - begin, 1e-9)
            part = np.maximum(part, 0.0) if shape is INVERSE_SQRT else np.clip(part, 0.0, 1.0)
            rates[here] = shape.between(part, numbers[self.starts[place]], numbers[self.ends[place]])
        return rates


class _Cut(NamedTuple):
    """Points cut into pieces, and the clock at which the first of them begins."""

    points: Points
    pieces: tuple[Piece, ...]
    begin: float


def _origins(points: Points) -> list[float | None]:
    """Where a rise from 0 may have begun: at 0 or 1, or later where a counter was behind; None for no such rise."""
    found: list[float | None] = [0.0, 1.0, None]
    if len(points.clock) > 1 and points.rate[1] > points.rate[0] > 0:
        slope = (points.rate[1] - points.rate[0]) / (points.clock[1] - points.clock[0])
        zero = float(points.clock[0] - points.rate[0] / slope)
        if 1.5 < zero < points.clock[0] and abs(zero - round(zero)) < 0.01:
            found.append(float(round(zero)))
    return found


def _cut(points: Points, origin: float | None) -> _Cut | None:
    """The pieces, if the first rises from 0 at this clock (or, with None, if nothing is known of its beginning)."""
    if origin is not None:
        if points.clock[0] < origin or (points.rate[0] <= points.error[0]) != (points.clock[0] == origin):
            return None
        if points.clock[0] > origin:
            zero = (np.array([origin]), np.zeros(1), 0.01 * points.error[:1])
            points = Points(*(np.concatenate(pair) for pair in zip(zero, points, strict=True)))
    pieces: list[Piece] = []
    while not pieces or pieces[-1].last < len(points.clock):
        if len(pieces) == _MOST_PIECES:
            return None
        piece = longest(points, pieces[-1].last if pieces else 0)
        if pieces and _is_one(pieces[-1], piece):
            piece = piece._replace(first=pieces.pop().first)
        pieces.append(piece)
    if origin is not None and (pieces[0].shape is CONSTANT or pieces[0].last < 2):
        return None
    return _Cut(points, tuple(pieces), origin or 0.0)


def _is_one(left: Piece, right: Piece) -> bool:
    """Whether two pieces are the same wave, which rounding has cut in two."""
    if left.shape is not right.shape or left.shape is not COSINE:
        return False
    length = right.end - right.begin  # type: ignore[operator]  # a wave has both
    return all(abs(a - b) <= 0.01 * length for a, b in ((left.begin, right.begin), (left.end, right.end)))  # type: ignore[operator]


def _assembled(
    points: Points, pieces: Sequence[Piece], begin: float, total: float | None, to_zero: bool
) -> tuple[_Model, Values, set[int]]:
    """A model of the pieces, a first guess of its numbers, and those that are not to be changed."""
    knots, joined = [begin], []
    for left, right in itertools.pairwise(pieces):
        knot, meets = _joint(points, left, right)
        knots.append(max(knot, knots[-1] + 1e-3))
        joined.append(meets)
    fixed = {0}
    last, end_of_log = pieces[-1], float(points.clock[-1])
    free_end = last.end
    if last.begin is not None and last.shape is not COSINE:
        free_end = total
    if last.shape is INVERSE_SQRT:
        free_end = 2 * knots[-1] - (last.end or 0.0)
    end_level: float | None = None
    if free_end is None:
        free_end = max(total or 0.0, end_of_log)
        if last.shape is LINEAR and total is None and to_zero:
            zero = _zero_of(last, end_of_log)
            if zero is not None:
                free_end, end_level = zero, 0.0
        if end_level is None:
            fixed.add(len(pieces))
    knots.append(max(free_end, knots[-1] + 1e-3))
    numbers = list(knots)
    starts: list[int] = []
    ends: list[int] = []
    for place, piece in enumerate(pieces):
        levels = piece.curve(np.array([knots[place], knots[place + 1]])).tolist()
        if place and joined[place - 1]:
            starts.append(ends[-1])
        else:
            starts.append(len(numbers))
            numbers.append(0.0 if place == 0 and abs(levels[0]) < 1e-9 * max(points.rate) else levels[0])
        if piece.shape in (CONSTANT, INVERSE_SQRT):
            ends.append(starts[-1])
        else:
            ends.append(len(numbers))
            numbers.append(levels[1])
    if end_level is not None:
        numbers[ends[-1]] = end_level
        fixed.add(ends[-1])
    return _Model(tuple(piece.shape for piece in pieces), tuple(starts), tuple(ends)), np.array(numbers), fixed


def _zero_of(piece: Piece, after: float) -> float | None:
    here, there = piece.curve(np.array([after, after + 1.0])).tolist()
    return after + here / (here - there) if there < here else None


def _joint(points: Points, left: Piece, right: Piece) -> tuple[float, bool]:
    """Where one piece hands over to the next, and whether they meet there."""
    before, after = float(points.clock[left.last - 1]), float(points.clock[right.first])
    gap = after - before
    wide = gap + 0.02 * (after - float(points.clock[left.first])) + 2.0
    scale = float(points.error[[left.last - 1, right.first]].max()) * 4 + 1e-3 * float(points.rate.max())
    for at in (right.begin, left.end if left.shape is not INVERSE_SQRT else None):
        if at is not None and before - wide <= at <= after + wide:
            one, two = (float(piece.curve(np.array([at]))[0]) for piece in (left, right))
            if abs(one - two) <= scale:
                return at, True
    clocks = np.linspace(before - wide, after + wide, 2_001)
    apart = left.curve(clocks) - right.curve(clocks)
    crossings = np.flatnonzero(np.sign(apart[:-1]) != np.sign(apart[1:]))
    if len(crossings):
        place = int(crossings[np.argmin(np.abs(clocks[crossings] - (before + after) / 2))])
        share = apart[place] / (apart[place] - apart[place + 1]) if apart[place] != apart[place + 1] else 0.0
        return float(clocks[place] + share * (clocks[1] - clocks[0])), True
    return _roundest_whole(before, after - 1.0), False


def _roundest_whole(low: float, high: float) -> float:
    """The whole number of an interval that ends in most zeros."""
    for power in range(12, -1, -1):
        step = 10.0**power
        if math.ceil(low / step) * step <= high:
            return math.ceil(low / step) * step
    return math.ceil(low)


# ---------------------------------------------------------------------------------------------------------------------
# The numbers: nearest, then round
# ---------------------------------------------------------------------------------------------------------------------


def _finished(cut: _Cut, total: float | None, to_zero: bool) -> tuple[float, int, Schedule] | None:
    """The plan of some pieces: by how much it misses the intervals of the log, how many numbers it has, and itself."""
    points = cut.points
    model, numbers, fixed = _assembled(points, cut.pieces, cut.begin, total, to_zero)
    places = np.unique(np.linspace(0, len(points.clock) - 1, _POINTS).astype(np.int64))
    edges = np.searchsorted(points.clock, numbers[1 : len(model.shapes)])
    places = np.unique(
        np.clip(np.concatenate([places, *(edges + k for k in (-2, -1, 0, 1))]), 0, len(points.clock) - 1)
    )
    few = Points(*(each[places] for each in points))
    for _ in range(3):
        numbers = _evened(few, model, _nearest(few, model, numbers, fixed), fixed)
        missed = np.abs(_miss(points, model, numbers))
        if not missed.max() > max(np.abs(_miss(few, model, numbers)).max(), 1.0):
            break
        places = np.unique(np.concatenate([places, np.argsort(missed)[-20:]]))
        few = Points(*(each[places] for each in points))
    if not np.isfinite(numbers).all():
        return None
    round_ones = _rounded_at_once(points, model, numbers, fixed)
    if round_ones is None:
        round_ones = _rounded_clocks(few, points, model, numbers, fixed)
    numbers = _rounded(few, points, model, numbers, set(fixed)) if round_ones is None else round_ones
    try:
        plan = _built(model, numbers, cut.begin)
    except ValueError:  # its numbers are no plan's
        return None
    worst = float((np.abs(plan(points.clock) - points.rate) / points.error)[points.clock > cut.begin].max(initial=0.0))
    size = 3 * len(model.shapes) + sum(shape.numbers for shape in model.shapes)
    size += round_ones is None  # numbers that are not round say that this may not be it
    return (0.0 if worst <= 1.0000001 else worst), size, plan


def _miss(points: Points, model: _Model, numbers: Values) -> Values:
    return (model(numbers, points.clock) - points.rate) / points.error


def _nearest(points: Points, model: _Model, numbers: Values, fixed: set[int], turns: int = 8) -> Values:
    """Gauss and Newton's steps to the least squares, by differences; halved where one leads away."""
    free = [place for place in range(len(numbers)) if place not in fixed]
    left = _miss(points, model, numbers)
    for _ in range(turns):
        if not free or np.abs(left).max() < 1e-3:
            break
        columns = []
        for place in free:
            moved, step = numbers.copy(), 1e-6 * max(abs(numbers[place]), 1e-12)
            moved[place] += step
            columns.append((_miss(points, model, moved) - left) / step)
        matrix = np.stack(columns, axis=1)
        size = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
        change = np.linalg.lstsq(matrix / size, -left, rcond=1e-12)[0] / size
        for share in (1.0, 0.3, 0.05):
            tried = numbers.copy()
            tried[free] += share * change
            after = _miss(points, model, tried)
            rising = (np.diff(tried[: len(model.shapes) + 1]) > 0).all()
            if rising and (after**2).sum() < (left**2).sum():
                break
        else:
            break
        done = (after**2).sum() > 0.999 * (left**2).sum()
        numbers, left = tried, after
        if done:
            break
    return numbers


def _evened(points: Points, model: _Model, numbers: Values, fixed: set[int], turns: int = 5) -> Values:
    """The same with the largest miss made smaller: what is far off weighs more each time."""
    weight = np.ones(len(points.clock))
    best, least = numbers, float(np.abs(_miss(points, model, numbers)).max())
    for _ in range(turns):
        if least <= 1.0:
            break
        missed = np.abs(_miss(points, model, numbers))
        weight = weight * (0.1 + missed / missed.max())
        weight = weight / weight.mean()
        numbers = _nearest(
            points._replace(error=points.error / np.maximum(weight, 1e-3)), model, numbers, fixed, turns=2
        )
        worst = float(np.abs(_miss(points, model, numbers)).max())
        if worst < least:
            best, least = numbers, worst
    return best


def _rounded_at_once(points: Points, model: _Model, numbers: Values, fixed: set[int]) -> Values | None:
    """All clocks whole and all rates round, to the fewest digits with which every point is met; None if with none."""
    knots, peak = len(model.shapes) + 1, max(float(points.rate.max()), 1e-300)
    free = np.array([place not in fixed for place in range(len(numbers))])
    whole = np.arange(len(numbers)) < knots
    for digits in range(1, 11):
        places = digits - 1 - math.floor(math.log10(peak))
        rates = np.maximum(np.round(numbers, places), 0.0)
        for power in (3, 2, 1, 0):
            tried = np.where(free, np.where(whole, np.round(numbers, -power), rates), numbers)
            rising = (np.diff(tried[:knots]) > 0).all()
            if rising and np.abs(_miss(points, model, tried)).max() <= 1.0:
                return tried
    return None


def _rounded_clocks(few: Points, points: Points, model: _Model, numbers: Values, fixed: set[int]) -> Values | None:
    """All clocks whole, and the rates so that every point is met, then as round as may be; None if there are none."""
    knots = len(model.shapes) + 1
    whole = np.where(np.arange(len(numbers)) < knots, np.round(numbers), numbers)
    whole = np.where([place in fixed for place in range(len(numbers))], numbers, whole)
    if (np.diff(whole[:knots]) <= 0).any():
        return None
    clocks = fixed | set(range(knots))
    whole = _evened(few, model, _nearest(few, model, whole, clocks, turns=3), clocks, turns=30)
    if np.abs(_miss(points, model, whole)).max() > 1.0:
        return None
    for place in sorted(range(knots, len(numbers)), key=lambda place: abs(numbers[place])):
        for value in _rounder(whole[place], False, 0.0) if place not in fixed else ():
            tried = whole.copy()
            tried[place] = value
            if np.abs(_miss(points, model, tried)).max() <= 1.0:
                whole = tried
                break
    return whole


def _rounded(few: Points, points: Points, model: _Model, numbers: Values, fixed: set[int]) -> Values:
    """Every number as round as the points allow, one after the other, the rest put right each time."""
    knots = len(model.shapes) + 1
    # What is nearly 0 first: that it is 0 says more of the others than they of it.
    order = [*range(1, knots), *sorted(range(knots, len(numbers)), key=lambda place: abs(numbers[place]))]
    for place in order:
        if place in fixed:
            continue
        worst = float(np.abs(_miss(points, model, numbers)).max())
        for value in _rounder(numbers[place], place < knots, numbers[place - 1] if place < knots else 0.0):
            tried = numbers.copy()
            tried[place] = value
            tried = _nearest(few, model, tried, fixed | {place}, turns=3)
            if 1.0 < np.abs(_miss(few, model, tried)).max() < 1.2:
                tried = _evened(few, model, tried, fixed | {place})
            # Where rounding is all that is left, the right clock may seem a little worse until the rest is right, too.
            slack = 1.03 if place < knots and worst < 1.3 else 1.0000001
            if np.abs(_miss(points, model, tried)).max() <= (worst if worst > 1.3 else 1.0) * slack:
                numbers, fixed = tried, fixed | {place}
                break
    return numbers


def _rounder(number: float, whole: bool, before: float) -> Iterator[float]:
    """The number with fewer digits, the fewest first; of a clock, also its distance from the one before."""
    if whole:
        seen = set()
        for power in (5, 4, 3, 2, 1, 0):
            for value in (round(number, -power), before + round(number - before, -power)):
                if abs(value - number) <= 0.1 * abs(number - before) + 2 and value not in seen and value > before:
                    seen.add(value)
                    yield value
        for near in (math.floor(number), math.ceil(number), math.floor(number) - 1, math.ceil(number) + 1):
            if near not in seen and near > before:
                yield float(near)
        return
    if number == 0:
        return
    yield 0.0
    exponent = math.floor(math.log10(abs(number)))
    for digits in range(1, 14):
        yield max(round(number, digits - 1 - exponent), 0.0)


def _built(model: _Model, numbers: Values, begin: float) -> Schedule:
    """The pieces as a plan, on the clock that the first of them has."""
    knots = [_plain(knot) for knot in numbers[: len(model.shapes) + 1]]
    parts = []
    for place, shape in enumerate(model.shapes):
        start, end = float(max(numbers[model.starts[place]], 0.0)), float(max(numbers[model.ends[place]], 0.0))
        parts.append((shape, start, end, _plain(knots[place + 1] - knots[place])))
    shape, start, end, steps = parts[0]
    if len(parts) > 1 and shape is LINEAR and parts[1][1] == end and start < end:
        rest = _joined(parts[1:])
        plan = rest.warmup(steps, start=start)
        if begin:
            plan = shape.build(start, end, steps).shift(begin).then(rest, at=steps + begin)
        return plan
    plan = _joined(parts)
    return plan.shift(begin) if begin else plan


def _joined(parts: Sequence[tuple[Shape, float, float, float]]) -> Schedule:
    pieces = [shape.build(start, end, steps) for shape, start, end, steps in parts]
    return (
        sequence(pieces, at=list(itertools.accumulate(steps for *_, steps in parts[:-1])))
        if len(pieces) > 1
        else pieces[0]
    )


def _plain(number: float) -> float:
    return int(number) if number == math.floor(number) else float(number)
