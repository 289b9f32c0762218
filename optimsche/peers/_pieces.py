"""What the schedules of many systems are made of, written on their clock.

Most systems count finished updates from 0: what they have at counter ``c`` is played by update ``c + 1``, and a joint
at ``c`` belongs to the piece after it. So every helper here takes curves as functions of ``c``, and ``from_zero`` turns
them into a schedule of ``n = c + 1``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine, exponential, geometric, linear, piecewise_constant
from optimsche.schedule import Schedule

# No run is longer, and whole numbers are exact up to here.
HORIZON = 2.0**53
_LARGEST = 1e300


def from_zero(*pieces: tuple[float, Schedule] | Schedule) -> Schedule:
    """Pieces one after the other, each on its own counter from 0, as a schedule that counts updates from 1.

    Args:
        pieces: ``(length, curve)``, the last one alone or with a length that is not looked at. A piece of no length,
            or of less, is left out. A joint between two counters belongs to the next one.

    >>> from optimsche import constant, linear
    >>> plan = from_zero((2, linear(start=0.0, end=1.0, steps=2)), constant(value=1.0))
    >>> [plan(n) for n in (1, 2, 3, 4)]
    [0.0, 0.5, 1.0, 1.0]
    """
    *before, last = [piece if isinstance(piece, tuple) else (math.inf, piece) for piece in pieces]
    kept: list[Schedule] = []
    edges: list[float] = []
    begin = 0.0
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
    """``start * factor ** (c / every)`` for any factor; growth ends at 1e300."""
    if factor == 1 or start == 0:
        return constant(value=start)
    if factor == 0:
        return constant(value=start).then(constant(value=0.0), at=2.0**-20)
    if factor < 1:
        return exponential(start=start, factor=factor, every=every)
    return geometric(start=start, end=_LARGEST, steps=every * math.log(_LARGEST / start) / math.log(factor))


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


def mixed(low: float, high: float, share: Schedule) -> Schedule:
    """``low + (high - low) * share``, which a share above 1 may take past ``high``, but not below 0."""
    if high >= low:
        return constant(value=low).add((high - low) * share)
    return linear(start=low, end=0.0, steps=low / (low - high)).warp(share)
