"""What the schedules of many systems are made of, written on their clock.

Most systems count finished updates from 0: what they have at counter ``c`` is that of update ``c + 1``, and a boundary
at ``c`` belongs to the piece after it. So every helper here takes curves as functions of ``c``, and ``from_zero`` turns
them into a schedule of ``n = c + 1``.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Sequence

from optimsche.combinators import sequence
from optimsche.lr_fns import (
    constant,
    cosine,
    exponential,
    expression,
    growth,
    linear,
    piecewise_constant,
    piecewise_linear,
)
from optimsche.ranges import Closed
from optimsche.schedule import Schedule

# No run is longer, and whole numbers are exact up to here.
HORIZON = 2.0**53
_LOG_OF_LARGEST = 690.0
_MOST_CYCLES = 2_000


def from_zero(*pieces: tuple[float, Schedule] | Schedule, begin: float = 0.0) -> Schedule:
    """Pieces one after the other, each on its own counter from 0, as a schedule that counts updates from 1.

    Args:
        pieces: ``(length, curve)``, the last one alone or with a length that is not looked at. A piece of no length,
            or of less, is left out. A boundary between two counters belongs to the next one.
        begin: the counter at which the first piece is at its own 0; one before 0 has it entered midway.

    >>> from optimsche import constant, linear
    >>> plan = from_zero((2, linear(start=0.0, end=1.0, steps=2)), constant(value=1.0))
    >>> [plan(n) for n in (1, 2, 3, 4)]
    [0.0, 0.5, 1.0, 1.0]
    """
    *before, last = [piece if isinstance(piece, tuple) else (math.inf, piece) for piece in pieces]
    kept: list[Schedule] = []
    edges: list[float] = []
    for length, curve in before:
        end = begin + length
        # A counter is at or past `end` from update ceil(end) + 1 on.
        edge = math.ceil(end - 2.0**-32 * max(end, 1.0))
        if edge > (edges[-1] if edges else 0):
            kept.append(curve.shift(1 + begin - (edges[-1] if edges else 0)))
            edges.append(edge)
        begin = max(begin, end)
    kept.append(last[1].shift(1 + begin - (edges[-1] if edges else 0)))
    return sequence(kept, at=edges)


def from_one(*pieces: tuple[float, Schedule] | Schedule) -> Schedule:
    """Pieces as for :func:`from_zero` from a system that counts as this library does: a boundary is the end of a piece.

    >>> from optimsche import constant, linear
    >>> plan = from_one((2, linear(start=0.0, end=1.0, steps=2)), (0, constant(value=9.0)), constant(value=0.5))
    >>> [plan(n) for n in (0, 1, 2, 3)]
    [0.0, 0.5, 1.0, 0.5]
    """
    *before, last = [piece if isinstance(piece, tuple) else (math.inf, piece) for piece in pieces]
    kept = [(length, curve) for length, curve in before if length > 0]
    return sequence([*(curve for _, curve in kept), last[1]], at=itertools.accumulate(length for length, _ in kept))


def segment(shape: Callable[..., Schedule], start: float, end: float, steps: float, **more: float) -> Schedule:
    """A segment that may have no length: it is then at its end."""
    return shape(start=start, end=end, steps=steps, **more) if steps > 0 else constant(value=end)


def up_to(peak: float, steps: float, start: float = 0.0) -> tuple[float, Schedule]:
    """A linear warm-up as a first piece of :func:`from_zero`."""
    return steps, segment(linear, start, peak, steps)


def wave(start: float, end: float, half_period: float) -> Schedule:
    """A cosine that goes on after its end: back to ``start``, and so on."""
    fall = cosine(start=start, end=end, steps=half_period)
    return (fall >> cosine(start=end, end=start, steps=half_period)).repeat()


def powers(start: float, factor: float, every: float = 1.0) -> Schedule:
    """``start * factor ** (c / every)`` for any factor."""
    if factor == 1 or start == 0:
        return constant(value=start)
    if factor == 0:
        return constant(value=start).then(constant(value=0.0), at=2.0**-20)
    if factor < 1:
        return exponential(start=start, factor=factor, every=every)
    return growth(start=start, factor=factor, every=every)


def stairs(values: Sequence[float], edges: Iterable[float]) -> Schedule:
    """``values[k]`` from counter ``edges[k - 1]`` on, as a schedule of updates; edges rise and may be equal.

    >>> [stairs((1.0, 0.5, 0.25), (2, 4))(n) for n in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    kept: list[tuple[float, float]] = []  # the last update of the value before, and the value after it
    first = values[0]
    for edge, value in zip(edges, values[1:], strict=True):
        last = math.ceil(edge - 2.0**-32 * max(abs(edge), 1.0))
        if last <= 0:
            first = value
        elif kept and kept[-1][0] == last:
            kept[-1] = last, value
        else:
            kept.append((last, value))
    if not kept:
        return constant(value=first)
    return piecewise_constant(values=(first, *(value for _, value in kept)), at=tuple(last for last, _ in kept))


def bisected(start: float, gamma: float, edges: Sequence[float]) -> tuple[list[float], list[float]]:
    """Where ``start * gamma ** bisect_right(edges, c)`` changes, and its values: in any order of the edges.

    >>> bisected(1.0, 0.5, (2, 4))
    ([2, 4], [1.0, 0.5, 0.25])
    >>> bisected(1.0, 0.5, (4, 2))
    ([2, 4], [1.0, 0.25, 0.25])
    """
    at = sorted(set(edges))
    return at, [start, *(start * gamma ** bisect.bisect_right(edges, edge) for edge in at)]


def mixed(low: float, high: float, share: Schedule) -> Schedule:
    """``low + (high - low) * share``, which a share above 1 takes past ``high``, where that is the lower below 0 too.

    >>> mixed(1.0, 0.5, powers(1.0, 2.0))(2)
    -1.0
    """
    if high >= low:
        return constant(value=low).add((high - low) * share)
    return expression(text=f"{low!r} + {high - low!r} * t").warp(share)


def entered(length: float, before: Schedule, curve: Schedule) -> Schedule:
    """A curve for ``length`` counters, then a schedule of updates where it would be if it had been played so far.

    >>> from optimsche import constant, linear
    >>> [entered(2, constant(value=9.0), linear(start=0.0, end=8.0, steps=8).shift(1))(n) for n in (1, 2, 3, 4)]
    [9.0, 9.0, 2.0, 3.0]
    """
    last = math.ceil(length - 2.0**-32 * max(length, 1.0))
    return before.shift(1).then(curve.shift(-last), at=last) if last > 0 else curve


def polyline(points: Sequence[float], values: Sequence[float], closed: Closed = "left") -> Schedule:
    """Straight lines through ``(points[i], values[i])`` on the counter, flat outside, as a schedule of updates.

    Points rise and may be equal, for a jump: at its counter the value is the last of them (``closed="left"``) or the
    first (``"right"``).

    >>> [polyline((0, 2, 2), (0.0, 1.0, 5.0))(n) for n in (1, 2, 3)]
    [0.0, 0.5, 5.0]
    >>> [polyline((0, 2, 2), (0.0, 1.0, 5.0), closed="right")(n) for n in (1, 2, 3, 4)]
    [0.0, 0.5, 1.0, 5.0]
    """
    origin = min(points[0], 0.0)
    jumps = [index for index in range(1, len(points)) if points[index] == points[index - 1]]
    kept: list[tuple[float, Schedule]] = []  # the last update before each run of lines, and the lines
    for first, end in itertools.pairwise((0, *jumps, len(points))):
        near = 2.0**-32 * max(abs(points[first]), 1.0)
        last = math.ceil(points[first] - near) if closed == "left" else math.floor(points[first] + near) + 1
        last = max(last, 0) if first else 0
        if kept and kept[-1][0] >= last:
            kept.pop()
        lines = piecewise_linear(at=tuple(at - origin for at in points[first:end]), values=tuple(values[first:end]))
        kept.append((last, lines.shift(1 + origin - last)))
    return sequence([lines for _, lines in kept], at=[last for last, _ in kept[1:]])


def warm_restarts(
    lengths: Iterable[int], warmup: int, high: float, low: float, factor: float, *, low_first: bool
) -> Schedule:
    """Cycles of updates: a line from ``low`` up, half a cosine down to it; ``high`` changes with each cycle.

    Args:
        lengths: of the cycles; at most 2,000 are made, and of these the last again and again.
        warmup: length of the line in each.
        high: the peak of the first cycle.
        low: the lowest value.
        factor: what the peak is multiplied with after each cycle.
        low_first: whether a cycle without a line begins with one update at ``low``.
    """
    kept: list[int] = []
    for number, length in enumerate(itertools.islice(lengths, _MOST_CYCLES)):
        if length <= 0 or (factor > 1 and number * math.log(factor) > _LOG_OF_LARGEST):
            break
        kept.append(length)
        if length > HORIZON:
            break
    while len(kept) > 1 and kept[-2] == kept[-1]:
        kept.pop()

    def cycle(length: int, peak: float, valley: float) -> Schedule:
        fall = segment(cosine, peak, valley, length - warmup) if length > warmup else constant(value=peak)
        if warmup == 0 and low_first:
            return constant(value=valley).then(fall, at=1)
        return (fall.warmup(warmup, start=valley) if warmup > 0 else fall).shift(1)

    *before, last = kept
    if factor == 1:
        tail = cycle(last, high, low).repeat(every=last)
    else:
        heights = powers(high * factor ** len(before), factor, last).staircase(last)
        tail = cycle(last, 1.0, 0.0).repeat(every=last) * heights
        if low > 0:
            tail = tail.add(cycle(last, 0.0, low).repeat(every=last))
    pieces = [(length, cycle(length, high * factor**number, low)) for number, length in enumerate(before)]
    return from_one(*pieces, tail)


def line(start: float, end: float, steps: float) -> Schedule:
    """A line on the counter that goes on after ``steps``: upwards a billion times as far, downwards to 0.

    >>> line(1.0, 2.0, 10)(30), line(2.0, 1.0, 10)(15), line(2.0, 1.0, 10)(30)
    (4.0, 0.5, 0.0)
    """
    if end < start:
        return linear(start=start, end=0.0, steps=steps * start / (start - end))
    return linear(start=start, end=start + (end - start) * 2.0**30, steps=steps * 2.0**30)
