"""Which numbers make a cause explain every point of a log: a search over whole ranges of them at once.

A *cause* is a function from the clock of a run to the clock at which the plan was evaluated, with one number in it, and
a *value* is what was done to the rate afterwards, with one more number that follows from the log by division.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimsche.runs.precision import Values

# From numbers as a column and updates as a row to the clocks at which the plan is evaluated.
Clocks = Callable[[Values, Values], Values]
_MOST_AT_ONCE = 2_000_000
_MOST_NUMBERS = 4_000
_ENOUGH = 300
_FEW = 24


class Log(NamedTuple):
    """The points of a log: the clock of the run at each, and the interval that its rate stands for."""

    clock: Values
    low: Values
    high: Values


class Curve:
    """A plan on arrays of clocks; whole ones are looked up in a table."""

    def __init__(self, rate: Callable[[Values], Values], knots: Values, last: int) -> None:
        self.rate, self.knots, self.last = rate, knots, last
        self.table = rate(np.arange(last + 1.0))
        self.peak_at = float(np.argmax(self.table))
        self.peak = float(self.table.max())
        self.floor = float(self.table[int(self.peak_at) :].min())

    def __call__(self, clocks: Values) -> Values:
        """The rates at these clocks; below 0 that of 0."""
        clocks = np.maximum(clocks, 0.0)
        whole = clocks.astype(np.int64)
        if clocks.size and whole.max() <= self.last and (whole == clocks).all():
            return self.table[whole]
        return self.rate(clocks)


def wrong_points(curve: Curve, log: Log) -> NDArray[np.int64]:
    """The places of the points whose rate is not that of the plan."""
    rates = curve(log.clock)
    return np.flatnonzero((rates < log.low) | (log.high < rates))


class Value(NamedTuple):
    """What was done to a rate: it became `fixed + number * times`."""

    kind: str
    parts: Callable[[Curve, Values, Values], tuple[Values, Values]]


def _scaled(curve: Curve, clocks: Values, rates: Values) -> tuple[Values, Values]:
    return np.zeros_like(rates), rates


def _stood_on(curve: Curve, clocks: Values, rates: Values) -> tuple[Values, Values]:
    return _affine(curve, rates, clocks >= curve.peak_at)


def _stood_on_from_the_start(curve: Curve, clocks: Values, rates: Values) -> tuple[Values, Values]:
    return _affine(curve, rates, np.ones_like(rates, dtype=bool))


def _affine(curve: Curve, rates: Values, fall: NDArray[np.bool_]) -> tuple[Values, Values]:
    below = (curve.peak - rates) / (curve.peak - curve.floor or 1.0)
    return np.where(fall, curve.peak - below * curve.peak, rates), np.where(fall, below, 0.0)


FACTOR = Value("factor", _scaled)
FLOOR = Value("floor", _stood_on)
FLOOR_OF_ALL = Value("floor", _stood_on_from_the_start)


def as_it_is(number: Values, clock: Values) -> Values:
    """The clock of the run, whatever the number."""
    return clock + 0.0 * number


class Found(NamedTuple):
    """Numbers that explain every point, and for each the interval of the value's own number."""

    numbers: Values
    low: Values
    high: Values


def search(curve: Curve, log: Log, numbers: Values, clocks: Clocks, value: Value | None = None) -> Found:
    """Those of `numbers` with which every point of the log is explained."""
    found = Found(numbers, np.full(len(numbers), -np.inf), np.full(len(numbers), np.inf))
    for points in _blocks(len(log.clock), wrong_points(curve, log)):
        size = max(_MOST_AT_ONCE // max(len(points), 1), 1)
        if (
            len(points) > _FEW and len(found.numbers) * len(points) > _MOST_AT_ONCE // 2
        ):  # the log hardly tells: the roundest ones will do
            zeros = sum((found.numbers % 10.0**k == 0).astype(int) for k in range(1, 7))
            kept = np.sort(np.argsort(-zeros, kind="stable")[:_ENOUGH])
            found = Found(*(each[kept] for each in found))
        parts = [
            _check(curve, log, Found(*(each[begin : begin + size] for each in found)), clocks, value, points)
            for begin in range(0, len(found.numbers), size)
        ]
        if not parts:
            break
        found = Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    return found


def _blocks(count: int, wrong: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """All points, in blocks that grow: the last, the first that are wrong, and a few from everywhere tell most."""
    order = np.unique(np.linspace(0, count - 1, min(count, _FEW)).astype(np.int64))[::-1]
    first = np.unique(np.concatenate([order[:1], wrong[:2], wrong[-1:]]))
    order = np.concatenate([order[::5], np.delete(order, np.s_[::5])])
    order = order[~np.isin(order, first)]
    rest = np.setdiff1d(np.arange(count), np.concatenate([first, order]))
    for part in (first, order[:4], order[4:], rest):
        if len(part):
            yield part


def _check(
    curve: Curve, log: Log, found: Found, clocks: Clocks, value: Value | None, points: NDArray[np.int64]
) -> Found:
    where = clocks(found.numbers[:, None], log.clock[None, points])
    rates = curve(where)
    low, high = log.low[points], log.high[points]
    if value is None:
        good = ((low <= rates) & (rates <= high)).all(axis=1)
        return Found(*(each[good] for each in found))
    fixed, times = value.parts(curve, where, rates)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower = np.where(times > 0, (low - fixed) / times, np.where((low <= fixed) & (fixed <= high), -np.inf, np.inf))
        upper = np.where(times > 0, (high - fixed) / times, np.inf)
    lower, upper = np.maximum(lower.max(axis=1), found.low), np.minimum(upper.min(axis=1), found.high)
    good = (lower <= upper) & (upper > 0)
    return Found(found.numbers[good], np.maximum(lower[good], 0.0), upper[good])


def leading(curve: Curve, log: Log, numbers: Values, clocks: Clocks, value: Value | None = None) -> NDArray[np.int64]:
    """How many points each number explains from the first on, before the first that it does not."""
    count = len(log.clock)
    reach, alive, state = np.zeros(len(numbers), np.int64), np.arange(len(numbers)), (-np.inf, np.inf)
    lows, highs = np.full(len(numbers), state[0]), np.full(len(numbers), state[1])
    for point in range(count):
        if len(alive) == 0:
            break
        found = Found(np.arange(len(alive), dtype=float), lows[alive], highs[alive])
        ours = numbers[alive]

        def of_place(place: Values, clock: Values, ours: Values = ours) -> Values:
            return clocks(ours[place.astype(np.int64)], clock)

        left = _check(curve, log, found, of_place, value, np.array([point]))
        kept = left.numbers.astype(np.int64)
        alive = alive[kept]
        lows[alive], highs[alive] = left.low, left.high
        reach[alive] = point + 1
    return reach


def whole_numbers(
    curve: Curve, log: Log, lowest: int, highest: int, clocks: Clocks, value: Value | None = None
) -> Values:
    """The whole numbers in a range that explain the point, or the pair of points, that tells most."""
    numbers = np.arange(lowest, highest + 1.0) if highest - lowest <= _MOST_NUMBERS else None
    if numbers is not None:
        return numbers
    numbers = np.unique(np.concatenate([[lowest], np.round(np.geomspace(max(lowest, 1), highest, 1_500))]))
    for _ in range(4):
        best: list[tuple[float, float]] | None = None
        for point in _telling(log, value):
            brackets = _brackets(curve, log, numbers, clocks, value, point)
            if best is None or _size(brackets) < _size(best):
                best = brackets
        assert best is not None
        if _size(best) <= _MOST_NUMBERS or not best:
            return np.unique(np.concatenate([np.arange(a, b + 1.0) for a, b in best] or [np.zeros(0)]))
        share = max(_MOST_NUMBERS // len(best), 3)
        numbers = np.unique(np.concatenate([np.round(np.linspace(a, b, min(share, int(b - a) + 1))) for a, b in best]))
    return numbers[:: max(len(numbers) // _MOST_NUMBERS, 1)]


def _telling(log: Log, value: Value | None) -> list[int]:
    """Points all over the log; for a floor, those after the highest, since it changes no others."""
    count = len(log.clock)
    begin = int(np.argmax(log.low)) if value is not None and value.kind == "floor" else 0
    return sorted({begin + (count - 1 - begin) * k // 5 for k in range(1, 6)})


def _size(brackets: list[tuple[float, float]]) -> float:
    return sum(b - a + 1.0 for a, b in brackets)


def _brackets(
    curve: Curve, log: Log, numbers: Values, clocks: Clocks, value: Value | None, point: int
) -> list[tuple[float, float]]:
    """Between which neighbours among `numbers` what is expected at a point crosses what was logged there."""
    others = _telling(log, value)
    other = others[-1] if point != others[-1] else others[len(others) // 2]
    pair = np.array([point, other])
    where = clocks(numbers[:, None], log.clock[None, pair])
    rates = curve(where)
    low, high = log.low[pair], log.high[pair]
    if value is None:
        expected, least, most = rates[:, 0], low[0], high[0]
    else:
        if value.kind == "floor":
            rates, low, high = curve.peak - rates, curve.peak - high, curve.peak - low
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.nan_to_num(rates[:, 0] / rates[:, 1], nan=np.inf)
            least = low[0] / high[1] if high[1] > 0 else -np.inf
            most = high[0] / low[1] if low[1] > 0 else np.inf
    left, right = np.minimum(expected[:-1], expected[1:]), np.maximum(expected[:-1], expected[1:])
    # Where a wave turns between two neighbours, it goes on beyond both, by less than they or those beside them differ.
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.nan_to_num(right - left, nan=0.0, posinf=0.0)
        beyond = np.maximum(apart, np.maximum(np.append(apart[1:], 0.0), np.append(0.0, apart[:-1])))
        good = (left - beyond <= most) & (right + beyond >= least)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    return [(float(numbers[begin]), float(numbers[end])) for begin, end in edges.reshape(-1, 2)]
