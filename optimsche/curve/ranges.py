"""How far a curve goes, where it is looked at, and in which epoch each update lies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from annotated_types import Ge, Gt, Lt

from optimsche import checking, ops
from optimsche.names import call_of
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Reach = Annotated[float, Gt(0), Lt(math.inf), Meaning("how far to go, in updates")]
_PerEpoch = Annotated[int, Ge(1), Meaning("micro-batches in an epoch, len(loader)")]
_PerUpdate = Annotated[int, Ge(1), Meaning("micro-batches in one update")]

# More than twice the columns of pixels that a picture usually has.
_POINTS = 2_000
# Of more boundaries or epochs than this, only the first and the last get points or rows of their own.
_MOST_EDGES = 200
# So many updates are all looked at for the highest rate.
_MOST_UPDATES = 50_000
# Two rates are the same if they differ by no more than this part of them.
_ROUNDING = 1e-12
# Of boundaries without an end, so many are shown.
_BOUNDARIES_SHOWN = 6
# So many boundaries are taken to have no end; more are not looked at.
_ENDLESS = 100_000


def sample(schedule: Schedule, last: float, per_epoch: int | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clocks from 0 to `last` and the rates there."""
    clocks = clocks_of(schedule, last, per_epoch)
    return clocks, rates_at(schedule, clocks, per_epoch)


def clocks_of(schedule: Schedule, last: float, per_epoch: int | None) -> NDArray[np.float64]:
    """The clocks from 0 to `last` at which a schedule is looked at."""
    return _clocks(last, _edges(schedule, last, per_epoch))


def rates_at(schedule: Schedule, clocks: NDArray[np.float64], per_epoch: int | None) -> NDArray[np.float64]:
    """The rates at these clocks, each in the epoch that it lies in."""
    import numpy as np

    epochs = 1.0 if per_epoch is None else np.maximum(np.ceil(clocks / per_epoch), 1.0)
    return schedule(clocks, epochs)


class Point(NamedTuple):
    """A place on a curve."""

    update: float
    rate: float


def point_at(schedule: Schedule, update: float, per_epoch: int | None) -> Point:
    """The place of an update on the curve of a schedule."""
    return Point(update, schedule(update, 1.0 if per_epoch is None else epoch_of(update, per_epoch)))


def peak_of(schedule: Schedule, last: float, per_epoch: int | None) -> Point:
    """The first update with the highest rate of all up to `last`; of a plan in fractions, the first such clock.

    Of a run of more than `_MOST_UPDATES`, where 2,000 places say that it is: every update near the highest of them is
    looked at.
    """
    import numpy as np

    def highest(clocks: NDArray[np.float64]) -> tuple[int, Point]:
        rates = rates_at(schedule, clocks, per_epoch)
        at = int(np.argmax(rates >= (1.0 - _ROUNDING) * rates.max()))
        return at, Point(float(clocks[at]), float(rates[at]))

    clocks = clocks_of(schedule, last, per_epoch)
    if last < 2.0:
        return highest(clocks)[1]
    if last <= _MOST_UPDATES:
        return highest(np.arange(1.0, math.floor(last) + 1.0))[1]
    clocks = np.unique(np.clip(np.floor(clocks), 1.0, None))
    while True:
        at, found = highest(clocks)
        begin, end = clocks[max(at - 1, 0)], clocks[min(at + 1, clocks.size - 1)]
        if end - begin <= 2.0:
            return found
        # A few of the places stay among them, so no later round finds less than an earlier one.
        clocks = np.unique(np.append(np.floor(np.linspace(begin, end, _POINTS)), found.update))


def _clocks(last: float, edges: Sequence[float]) -> NDArray[np.float64]:
    """About `_POINTS` clocks from 0 to `last`, with both sides of every edge among them.

    A long range is looked at in whole updates, as training does. A short one is looked at between them too: the plan
    of a run in fractions has no other clocks.
    """
    import numpy as np

    cells = np.arange(_POINTS)
    if last > _POINTS:
        # At a place of its own in each cell (by the golden ratio, so that places never repeat): clocks at equal
        # distances can meet a periodic schedule at the same phase every time and draw it as a flat line.
        spread = np.floor((cells + cells * 0.6180339887498949 % 1.0) * (last / _POINTS))
        edges = [math.floor(edge) for edge in edges]
        beyond = [edge + 1.0 for edge in edges]
    else:
        spread = np.concatenate([cells * (last / _POINTS), np.arange(math.floor(last) + 1.0)])
        beyond = [edge + 2.0 * ops.tolerance(edge) for edge in edges]
    clocks = np.unique(np.concatenate([[0.0, last], spread, edges, beyond]))
    return clocks[clocks <= last]


def _edges(schedule: Schedule, last: float, per_epoch: int | None) -> list[float]:
    """Where the curve may have a corner or jump: boundaries, and ends of epochs if these matter."""
    edges = few([boundary for boundary in boundaries(schedule, last) if boundary < last])
    if per_epoch is not None and depends_on_epoch(schedule):
        epochs = range(1, math.ceil(last / per_epoch))
        edges += [float(epoch * per_epoch) for epoch in few(epochs)]
    return edges


def boundaries(schedule: Schedule, last: float = math.inf) -> tuple[float, ...]:
    """The boundaries of a schedule up to a clock, or the first of them where they are more than can be drawn."""
    return schedule.boundaries(last, most=_ENDLESS)


def few(items: Sequence[Any]) -> list[Any]:
    """All of a short list, the first and the last of a long one."""
    if len(items) <= _MOST_EDGES:
        return list(items)
    return [*items[: _MOST_EDGES // 2], *items[-_MOST_EDGES // 2 :]]


def common_reach(schedules: Sequence[Schedule], per_epoch: int | None) -> float:
    """A little past the longest end, so that what is held there shows; without any end, as far as the longest."""
    ends = [end for end in (end_of(schedule, per_epoch) for schedule in schedules) if end != math.inf]
    if not ends:
        return max(reach_of(schedule, per_epoch) for schedule in schedules)
    reach = 1.05 * max(ends)
    return reach if reach < _POINTS else float(math.ceil(reach))


def reach_of(schedule: Schedule, per_epoch: int | None) -> float:
    """How far a schedule is worth looking at: to its end, or as far as `plot` says of one without an end."""
    end = end_of(schedule, per_epoch)
    if end != math.inf:
        return end
    parts = [] if per_epoch is None else [*_evaluated_by_epoch(schedule)]
    reaches = [schedule.reach, *(inner.reach * (per_epoch or 1) + 1.0 for inner in parts if inner.reach > 0.0)]
    known = [reach for reach in reaches if 0.0 < reach < math.inf]
    if known:
        return max(known)
    found = [boundaries(schedule)]
    found += [_first_updates_after(boundaries(inner), per_epoch or 1) for inner in parts]
    edges = sorted({*itertools.chain(*found)})
    if any(len(each) == _ENDLESS for each in found):
        return edges[_BOUNDARIES_SHOWN - 1]
    if edges:
        pieces = [right - left for left, right in itertools.pairwise([0.0, *edges])]
        return edges[-1] + 2.0 * max(pieces)
    highest = schedule(0, 1)
    for update in (digit * 10.0**exponent for exponent in range(13) for digit in (1, 2, 5)):
        rate = schedule(update, 1.0 if per_epoch is None else epoch_of(update, per_epoch))
        highest = max(highest, rate)
        if rate < highest / 4.0:
            return update
    return 10.0 * per_epoch if per_epoch is not None and depends_on_epoch(schedule) else 1_000.0


def end_of(schedule: Schedule, per_epoch: int | None) -> float:
    """The last update at which anything changes, also what is counted in epochs; `math.inf` if there is none."""
    ends = [schedule.length]
    if per_epoch is not None:
        ends += [inner.length * per_epoch + 1.0 for inner in _evaluated_by_epoch(schedule)]
    return max((end for end in ends if 0.0 < end < math.inf), default=math.inf)


# ---------------------------------------------------------------------------------------------------------------------
# Epochs
# ---------------------------------------------------------------------------------------------------------------------


def updates_per_epoch(call: str, steps_per_epoch: int | None, accum_grad: int) -> int | None:
    """Updates in an epoch; None if that is not known."""
    accum_grad = checking.admit(call, "accum_grad", _PerUpdate, accum_grad)
    if steps_per_epoch is None:
        return None
    in_epoch: int = checking.admit(call, "steps_per_epoch", _PerEpoch, steps_per_epoch)
    return -(-in_epoch // accum_grad)  # Rounded up: the last window of an epoch is cut short.


def epoch_of(update: float, per_epoch: int) -> float:
    """The epoch of an update, from 1. The instant before training lies in the first one."""
    return max(float(math.ceil(update / per_epoch)), 1.0)


def _evaluated_by_epoch(schedule: Schedule) -> Iterator[Schedule]:
    """Every schedule inside this one whose clock is the number of finished epochs."""
    for inner in schedule.inner:
        if schedule.lr_fn.counts_epochs:
            yield inner
        yield from _evaluated_by_epoch(inner)


def boundaries_in_epochs(schedule: Schedule, per_epoch: int, last: float) -> list[float]:
    """The boundaries of what counts finished epochs, each as the first update after so many epochs, up to the last."""
    found = (boundaries(inner, last / per_epoch) for inner in _evaluated_by_epoch(schedule))
    return sorted({update for each in found for update in _first_updates_after(each, per_epoch)})


def _first_updates_after(epochs: Sequence[float], per_epoch: int) -> tuple[float, ...]:
    return tuple(finished * per_epoch + 1.0 for finished in epochs)


def depends_on_epoch(schedule: Schedule) -> bool:
    """Whether it says so, or shows it in one of a few epochs at one of a few updates."""
    if schedule.counts_epochs:
        return True
    import numpy as np

    reach = reach_of(schedule, None)
    clocks = np.concatenate([few(boundaries(schedule, reach)), np.floor(np.linspace(0.0, reach, num=20))])
    first = schedule(clocks, 1.0)
    try:
        return any(bool((schedule(clocks, epoch) != first).any()) for epoch in (2.0, 3.0, 10.0, 30.0, 100.0, 1_000.0))
    except Exception:
        return True  # It refuses an epoch, as a list of one rate for each does past its end.


def check_epochs(call: str, schedule: Schedule, per_epoch: int | None) -> None:
    """Refuse a schedule that needs to know how long an epoch is, where that is not known."""
    if per_epoch is None and depends_on_epoch(schedule):
        raise epochs_needed(call, f"the rate of {schedule!r} depends on the epoch")


def epochs_needed(call: str, reason: str) -> ValueError:
    """The error that says how to give the length of an epoch."""
    return ValueError(
        f"{call}(steps_per_epoch=None): steps_per_epoch must be given (micro-batches in an epoch), since {reason}.\n"
        f"    Write {call}(..., steps_per_epoch=len(loader))."
    )


def no_schedule(call: str, value: object) -> TypeError:
    """The error for something that is not a schedule, with the likely cure."""
    several = ", a mapping of names to schedules, or a list of schedules" if call == "plot" else ""
    text = f"{call}() takes a schedule{several}, got {value!r:.80} ({type(value).__name__})."
    if callable(value):
        written = call_of(value) or f"{getattr(value, '__name__', 'it')}(...)"
        text += f"\n    Call it with its parameters: {written}."
    elif isinstance(value, str):
        text += f"\n    Text is read by parse: {call}(parse({value!r:.80}))."
    elif call != "plot" and isinstance(value, Mapping | Sequence):
        text += f"\n    Write {call}(...) for each."
    return TypeError(text)
