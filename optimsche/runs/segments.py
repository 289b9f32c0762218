"""The shapes that a piece of a curve may have, and the longest piece from a point on that is one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from optimsche.lr_fns import constant, cosine, geometric, inverse_sqrt, linear, one_minus_power, polynomial
from optimsche.runs.precision import Values
from optimsche.schedule import Schedule

_POINTS = 48
_GRID = 16
_ROUNDS = 13
# In units of what the log may be off by: near enough to stop, and too far off by a certain round to come near.
_EXACT, _HOPELESS, _HOPELESS_AT = 0.05, 1e5, 6
# Before its numbers are round, a curve may leave the intervals of a rounded log by a little.
_NEARLY = 1.6


class Points(NamedTuple):
    """Updates, rates, and by how much each rate may differ from what it was before it was written."""

    clock: Values
    rate: Values
    error: Values

    def part(self, begin: int, end: int) -> Points:
        """The points of these places."""
        return Points(*(each[begin:end] for each in self))


class Shape(NamedTuple):
    """A shape: its rates from `start` at 0 to `end` at 1, how to build it, and how many numbers it has."""

    name: str
    numbers: int
    between: Callable[[Values, float, float], Values]
    build: Callable[[float, float, float], Schedule]
    basis: Callable[[Values, Values], list[Values]] | None = None
    of_end: bool = False  # whether the number that is searched for is where the shape ends, not where it begins


def _straight(weight: Callable[[Values], Values]) -> Callable[[Values, float, float], Values]:
    return lambda part, start, end: start + (end - start) * weight(part)


def _geometric(part: Values, start: float, end: float) -> Values:
    low, high = max(start, 1e-300), max(end, 1e-300)
    return np.asarray(low * (high / low) ** part)


def _powers(power: float) -> list[Shape]:
    return [
        Shape(
            f"polynomial {power:g}",
            3,
            _straight(lambda part: 1.0 - (1.0 - part) ** power),
            lambda start, end, steps: polynomial(start=start, end=end, steps=steps, power=power),
            lambda clock, ends: [np.maximum(ends - clock, 0.0) ** power],
            of_end=True,
        ),
        Shape(
            f"one_minus_power {power:g}",
            3,
            _straight(lambda part: part**power),
            lambda start, end, steps: one_minus_power(start=start, end=end, steps=steps, power=power),
            lambda clock, begins: [np.maximum(clock - begins, 0.0) ** power],
        ),
    ]


CONSTANT = Shape(
    "constant",
    1,
    lambda part, start, end: np.full_like(part, start),
    lambda start, end, steps: constant(value=start, steps=steps),
)
LINEAR = Shape(
    "linear", 2, _straight(lambda part: part), lambda start, end, steps: linear(start=start, end=end, steps=steps)
)
GEOMETRIC = Shape("geometric", 2, _geometric, lambda start, end, steps: geometric(start=start, end=end, steps=steps))
# Its length is its timescale: it begins that long before where its start would be infinite.
INVERSE_SQRT = Shape(
    "inverse_sqrt",
    2,
    lambda part, start, end: start / np.sqrt(1.0 + part),
    lambda start, end, steps: inverse_sqrt(start=start, timescale=steps),
)
COSINE = Shape(
    "cosine",
    4,
    _straight(lambda part: 0.5 - 0.5 * np.cos(math.pi * part)),
    lambda start, end, steps: cosine(start=start, end=end, steps=steps),
    lambda clock, lengths: [np.cos(math.pi * clock / lengths), np.sin(math.pi * clock / lengths)],
)
SIMPLE = (CONSTANT, LINEAR, GEOMETRIC, INVERSE_SQRT)
SEARCHED = (COSINE, *_powers(2.0), *_powers(0.5), *_powers(3.0))


class Piece(NamedTuple):
    """A shape upon some points: the places of the first and the one after the last, and its curve.

    `begin` and `end` are where the shape itself begins and ends, where that follows from its curve.
    """

    shape: Shape
    first: int
    last: int
    curve: Callable[[Values], Values]
    begin: float | None = None
    end: float | None = None


def longest(points: Points, first: int) -> Piece:
    """The piece from the point `first` on that goes furthest; of several the simplest."""
    best = Piece(CONSTANT, first, first + 1, lambda clock: np.full_like(clock, points.rate[first]))
    for shape in (*SIMPLE, *SEARCHED):
        # A shape of many numbers goes through as many points, whatever these are.
        further = 0 if _is_shallow(best, points) else 1 if shape.numbers <= 2 else 2
        least = max(best.last + further, first + shape.numbers + (shape.numbers > 2))
        if (best.last == len(points.clock) and further) or least > len(points.clock):
            continue
        found = _upon(shape, points, first, least)
        if found is None:
            continue
        good, bad = least, len(points.clock) + 1
        step = max(good - first, 4)
        while good < len(points.clock) and bad == len(points.clock) + 1:
            at = min(good + step, len(points.clock))
            tried = _upon(shape, points, first, at)
            good, found, bad, step = (at, tried, bad, 2 * step) if tried else (good, found, at, step)
        while bad - good > 1:
            middle = (good + bad) // 2
            if middle > len(points.clock):
                break
            tried = _upon(shape, points, first, middle)
            good, found, bad = (middle, tried, bad) if tried else (good, found, middle)
        best = found
    return best


def _is_shallow(piece: Piece, points: Points) -> bool:
    """Whether it is so little of a wave that a parabola is as good."""
    if piece.begin is None or piece.end is None or piece.shape is not COSINE:
        return False
    return float(points.clock[piece.last - 1] - points.clock[piece.first]) < 0.15 * (piece.end - piece.begin)


def _upon(shape: Shape, points: Points, first: int, last: int) -> Piece | None:
    part = points.part(first, last)
    clock, rate, error = part
    if shape is CONSTANT:
        low, high = float((rate - error).max()), float((rate + error).min())
        level = (low + high) / 2.0
        return Piece(shape, first, last, lambda at: np.full_like(at, level)) if low <= high else None
    if shape is LINEAR:
        return _checked(Piece(shape, first, last, _line(clock, rate, 1.0 / error)), part)
    if shape is GEOMETRIC:
        if rate.min() <= 0:
            return None
        logarithm = _line(clock, np.log(rate), rate / error)
        return _checked(Piece(shape, first, last, lambda at: np.exp(np.minimum(logarithm(at), 50.0))), part)
    if shape is INVERSE_SQRT:
        if rate.min() <= 0:
            return None
        square = _line(clock, rate**-2.0, rate**3 / error)
        rise = float(square(np.ones(1))[0] - square(np.zeros(1))[0])
        if rise <= 0:
            return None
        end = -float(square(np.zeros(1))[0]) / rise
        return _checked(Piece(shape, first, last, lambda at: np.maximum(square(at), 1e-300) ** -0.5, None, end), part)
    return _searched(shape, part, first, last, float(points.clock[-1] - clock[0]))


def _line(clock: Values, rate: Values, weight: Values | None = None) -> Callable[[Values], Values]:
    """The straight line nearest to the points."""
    weight = np.ones_like(clock) if weight is None else weight
    middle = float(np.average(clock, weights=weight**2))
    level = float(np.average(rate, weights=weight**2))
    across = clock - middle
    slope = float((weight**2 * across * (rate - level)).sum() / ((weight * across) ** 2).sum())
    return lambda at: level + slope * (at - middle)


def _checked(piece: Piece, part: Points) -> Piece | None:
    return piece if (np.abs(piece.curve(part.clock) - part.rate) <= _NEARLY * part.error).all() else None


def _searched(shape: Shape, part: Points, first: int, last: int, rest: float) -> Piece | None:
    """The number of a shape that comes nearest, on a grid that closes in; the others follow by least squares."""
    basis_of = shape.basis
    assert basis_of is not None  # which is what makes it one that is searched
    # Those at the ends, and those that are known best, say most.
    count = len(part.clock)
    places = [np.linspace(0, count - 1, _POINTS).astype(np.int64), np.arange(max(count - 6, 0), count)]
    clock, rate, error = (each[np.unique(np.concatenate([*places, np.argsort(part.error)[:6]]))] for each in part)
    span = float(clock[-1] - clock[0])

    def number_at(grid: Values) -> Values:
        if shape is COSINE:
            return np.exp(grid)
        edge, sign = (clock[-1], 1.0) if shape.of_end else (clock[0], -1.0)
        return np.asarray(edge + sign * (np.exp(grid) - max(span, 1.0) * 1e-3))

    low, high = math.log(span / 3.0 if shape is COSINE else max(span, 1.0) * 1e-3), math.log(rest * 30.0)
    grid, wanted, at = np.linspace(low, high, 4 * _GRID), rate / error, 0
    for turn in range(_ROUNDS):
        columns = basis_of(clock[None, :], number_at(grid)[:, None])
        matrix = np.stack([np.ones((len(grid), len(clock))), *columns], axis=2) / error[None, :, None]
        q, _ = np.linalg.qr(matrix)
        left = wanted - np.einsum("gmk,gk->gm", q, np.einsum("gmk,m->gk", q, wanted))
        worst = np.sqrt((left**2).mean(axis=1))
        at = int(np.argmin(worst))
        if worst[at] < _EXACT or turn == _ROUNDS - 1 or (turn == _HOPELESS_AT and worst[at] > _HOPELESS):
            break
        width = grid[1] - grid[0]
        grid = np.linspace(grid[at] - width, grid[at] + width, _GRID)
    number = float(number_at(grid[at : at + 1])[0])
    columns = basis_of(clock, np.full(1, number))
    factors = np.linalg.lstsq(np.stack([np.ones_like(clock), *columns], axis=1) / error[:, None], wanted, rcond=None)[0]

    def curve(clocks: Values) -> Values:
        parts = basis_of(clocks, np.full(1, number))
        return np.asarray(factors[0] + sum(f * each for f, each in zip(factors[1:], parts, strict=True)))

    begin, end = (None, number) if shape.of_end else (number, None)
    if shape is COSINE:
        # Where its phase is a multiple of half a wave, the last time before the second point.
        phase = math.atan2(factors[2], factors[1]) / math.pi * number
        second = float(part.clock[min(1, len(part.clock) - 1)])
        begin = phase + math.floor((second - phase) / number + 0.02) * number
        end = begin + number
    return _checked(Piece(shape, first, last, curve, begin, end), part)
