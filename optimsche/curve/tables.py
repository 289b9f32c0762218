"""Tables of rates: the boundaries of a schedule, and round numbers between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence, Set
from typing import Annotated, NamedTuple

from annotated_types import Ge

from optimsche import call_errors, checking
from optimsche.combinators.left_out import warn_of_left_out_starts
from optimsche.curve import ranges
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

_Rows = Annotated[int, Ge(1), Meaning("how many rows at most")]


class Row(NamedTuple):
    """One line of a `Table`."""

    update: float
    """Number of the update, a whole number wherever the schedule's boundaries are."""
    epoch: int | None
    """The epoch it lies in, from 1; None where `steps_per_epoch` was not given."""
    rate: float
    """The schedule's value, to the last digit."""
    mark: str
    """`"boundary"` where a piece ends, `"end"` where the last one does, `"jump"` right after a jump, `"peak"` where the
    highest rate is, if that is neither, else empty."""


class Table(tuple[Row, ...]):
    """Rows of a schedule, in the order of updates: a tuple that prints as text, and as a table in a notebook."""

    __slots__ = ()

    def _texts(self) -> list[list[str]]:
        """Header and rows as text, with the columns that have something to say."""
        lines = [["update", "epoch", "rate", ""]]
        for update, epoch, rate, mark in self:
            lines.append([_shown(update), "" if epoch is None else str(epoch), f"{rate:.6g}", mark])
        has_epochs = any(row.epoch is not None for row in self)
        return [line if has_epochs else [line[0], *line[2:]] for line in lines]

    def __repr__(self) -> str:
        lines = self._texts()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        sides = [str.rjust] * (len(widths) - 2) + [str.ljust] * 2
        padded = [[pad(text, width) for pad, text, width in zip(sides, line, widths, strict=True)] for line in lines]
        return "\n".join("  ".join(line).rstrip() for line in padded)

    def _repr_html_(self) -> str:
        header, *rows = self._texts()
        head = "".join(f"<th>{text}</th>" for text in header)
        body = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(update: float) -> str:
    return str(update) if isinstance(update, int) else f"{update:.6g}"


@call_errors.explained
def table(
    schedule: Schedule,
    *,
    steps: float | None = None,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
    rows: int = 12,
) -> Table:
    """The rates at the boundaries of a schedule, at its highest rate, and at round numbers between them.

    Args:
        schedule: the schedule.
        steps: the last update to list; > 0. By default the end; for a schedule without one, as far as `plot`.
        steps_per_epoch: micro-batches in an epoch; >= 1. Adds a column, and is needed where rates depend on the epoch.
        accum_grad: micro-batches in one update; >= 1. The last update of an epoch may have fewer.
        rows: how many rows at most; >= 1. First and last update, boundaries, jumps and the highest rate are listed in
            any case.

    Returns:
        The rows, each with `update`, `epoch`, `rate` and `mark`.

    Raises:
        ValueError: an argument is outside its range, or `steps_per_epoch` is needed and not given.
        TypeError: an argument is of the wrong kind.

    >>> from optimsche import wsd
    >>> rates = table(wsd(peak=0.1, warmup_steps=20, decay_steps=40, total_steps=100), rows=8)
    >>> rates
    update  rate
         1  0.005
        20  0.1    boundary
        40  0.1
        60  0.1    boundary
        80  0.05
       100  0      end
    >>> rates[-1]
    Row(update=100, epoch=None, rate=0.0, mark='end')
    """
    if not isinstance(schedule, Schedule):
        raise ranges.no_schedule("table", schedule)
    warn_of_left_out_starts(schedule)
    per_epoch = ranges.updates_per_epoch("table", steps_per_epoch, accum_grad)
    ranges.check_epochs("table", schedule, per_epoch)
    if steps is None:
        last = ranges.reach_of(schedule, per_epoch)
    else:
        last = float(checking.admit("table", "steps", ranges.Reach, steps))
    rows = checking.admit("table", "rows", _Rows, rows)

    def rate(update: float) -> float:
        return schedule(update, 1.0 if per_epoch is None else ranges.epoch_of(update, per_epoch))

    marks = {1.0 if last > 1.0 else 0.0: "", last: ""} | _marks(schedule, rate, last, per_epoch)
    marks.setdefault(ranges.peak_of(schedule, last, per_epoch).update, "peak")
    in_epochs = per_epoch is not None and ranges.depends_on_epoch(schedule)
    between = _round_numbers(last, marks.keys(), rows, per_epoch if in_epochs else None)
    return Table(
        Row(
            int(update) if update == math.floor(update) else update,
            None if per_epoch is None else int(ranges.epoch_of(update, per_epoch)),
            rate(update),
            marks.get(update, ""),
        )
        for update in sorted({*marks, *between})
    )


def _marks(schedule: Schedule, rate: Callable[[float], float], last: float, per_epoch: int | None) -> dict[float, str]:
    """What happens at which update: boundaries, the end, and the update after a boundary where the rate jumps."""
    end = ranges.end_of(schedule, per_epoch)
    steps_to_next = dict.fromkeys(ranges.boundaries(schedule, last), 1.0)
    if per_epoch is not None:
        steps_to_next |= dict.fromkeys(ranges.boundaries_in_epochs(schedule, per_epoch, last), float(per_epoch))
    marks: dict[float, str] = {}
    for boundary in ranges.few([boundary for boundary in sorted(steps_to_next) if boundary <= last]):
        step = steps_to_next[boundary]
        marks[boundary] = "boundary"
        after = math.floor(boundary) + step
        if after <= last and _jumps([rate(max(after + k * step, 0.0)) for k in (-2, -1, 0, 1)]):
            marks.setdefault(after, "jump")
    if end <= last:
        marks[end] = "end"
    return marks


def _jumps(rates: Sequence[float]) -> bool:
    """Whether the middle one of three changes in a row is out of proportion to both of its neighbours."""
    before, middle, after = (abs(right - left) for left, right in itertools.pairwise(rates))
    return middle > 3.0 * max(before, after) + 1e-9 * max(rates)


def _round_numbers(last: float, listed: Set[float], rows: int, per_epoch: int | None) -> list[float]:
    """Round numbers below `last`, evenly spread, as many as make no more than `rows` together with `listed`.

    They count updates, or with `per_epoch` the epochs whose first updates are returned.
    """
    whole = last if per_epoch is None else ranges.epoch_of(last, per_epoch)
    exponent = math.floor(math.log10(whole / rows))
    if whole >= 2.0 or per_epoch is not None:  # epochs begin at whole numbers alone
        exponent = max(exponent, 0)
    power = 10.0 ** abs(exponent)
    end = math.ceil(whole / power if exponent > 0 else whole * power)
    for digit in (1, 2, 5, 10, 20, 50):
        numbers = [n * power if exponent > 0 else n / power for n in range(digit, end, digit)]
        if per_epoch is not None:
            numbers = [(epoch - 1.0) * per_epoch + 1.0 for epoch in numbers]
        if len(listed | set(numbers)) <= rows:
            return numbers
    return []
