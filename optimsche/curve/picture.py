"""The picture of one schedule or several: drawn here, wherever it is shown.

Curves with dotted boundaries, a dot at the highest rate, a ring at the end, and a shade over what comes after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimsche.curve import ranges, style
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Of more boundaries than this none is marked: dotted lines would be all that one sees.
_MOST_MARKED = 30


@dataclass(frozen=True)
class View:
    """What is looked at: up to which update, with how many updates in an epoch, and how many of them make 1 below."""

    last: float
    per_epoch: int | None
    in_epochs: bool = False
    log: bool = False

    def place(self, update: float) -> float:
        """Where an update is on the horizontal axis."""
        return update / self.per_epoch if self.in_epochs and self.per_epoch is not None else update


@dataclass(frozen=True)
class Curve:
    """A line of the picture: a schedule, or the difference of two."""

    label: str
    clocks: NDArray[np.float64]
    values: NDArray[np.float64]
    boundaries: Sequence[float] = ()
    peak: ranges.Point | None = None
    end: ranges.Point | None = None


def curve_of(label: str, schedule: Schedule, view: View) -> Curve:
    """The curve of a schedule."""
    last, per_epoch = view.last, view.per_epoch
    clocks, values = ranges.sample(schedule, last, per_epoch)
    boundaries = {*ranges.boundaries(schedule, last)}
    if per_epoch is not None:
        boundaries.update(ranges.boundaries_in_epochs(schedule, per_epoch, last))
    end = ranges.end_of(schedule, per_epoch)
    peak = ranges.peak_of(schedule, last, per_epoch)
    is_flat = float(values.max()) <= float(values.min()) * (1.0 + 1e-9)
    # What never ends may go on rising after the last update that is looked at.
    is_last = end == math.inf and peak.update >= math.floor(last)
    return Curve(
        label,
        clocks,
        values,
        sorted(boundaries),
        None if is_flat or is_last else peak,
        ranges.point_at(schedule, end, per_epoch) if end <= last else None,
    )


def difference_of(label: str, schedule: Schedule, base: Schedule, view: View) -> Curve:
    """The curve of the rates of `schedule` less those of `base`."""
    import numpy as np

    clocks = np.union1d(*(ranges.clocks_of(each, view.last, view.per_epoch) for each in (schedule, base)))
    rates, less = (ranges.rates_at(each, clocks, view.per_epoch) for each in (schedule, base))
    return Curve(label, clocks, rates - less)


def edges_of(curves: Sequence[Curve]) -> list[float]:
    """The boundaries to mark: all, or none where they are many."""
    edges = sorted({boundary for curve in curves for boundary in curve.boundaries})
    return edges if len(edges) <= _MOST_MARKED else []


def draw(axes: Axes, curves: Sequence[Curve], view: View, *, values: str = "learning rate") -> None:
    """Draw curves into any axes, with their marks; `values` is what they show."""
    if edges := edges_of(curves):
        dotted: Any = {"linewidth": 0.9, "linestyle": (0, (1, 2.5)), "zorder": 1}
        axes.vlines(
            [*map(view.place, edges)], 0.0, 1.0, transform=axes.get_xaxis_transform(), color=style.GREY, **dotted
        )
    for number, curve in enumerate(curves):
        colour = style.COLOURS[number % len(style.COLOURS)]
        dash = style.DASHES[number // len(style.COLOURS) % len(style.DASHES)]
        axes.plot(
            view.place(1.0) * curve.clocks, curve.values, label=curve.label, color=colour, linewidth=1.8, linestyle=dash
        )
        for point, face in ((curve.peak, colour), (curve.end, "none")):
            if point is not None and not (view.log and point.rate <= 0.0):
                axes.scatter([view.place(point.update)], [point.rate], s=20, zorder=3, fc=face, ec=colour)
    _shade_what_comes_after(axes, [curve.end for curve in curves], view)
    axes.margins(x=0.012)
    axes.set_xlabel("epoch" if view.in_epochs else "update")
    axes.set_ylabel(values)
    _write_numbers(axes, curves, view)


def _shade_what_comes_after(axes: Axes, ends: Sequence[ranges.Point | None], view: View) -> None:
    if any(end is None for end in ends):
        return
    end = max((point.update for point in ends if point is not None), default=math.inf)
    if end < view.last:
        shade: Any = {"color": style.GREY, "alpha": 0.13, "linewidth": 0, "zorder": 0}
        axes.axvspan(view.place(end), view.place(view.last), **shade)


def _write_numbers(axes: Axes, curves: Sequence[Curve], view: View) -> None:
    axes.xaxis.set_major_formatter(lambda tick, _: style.short(tick))
    if view.log:
        _use_log_axis(axes, [curve.values for curve in curves])
    if axes.get_yscale() == "log":
        from optimsche.curve.canvas import LogRates

        axes.yaxis.set_major_formatter(LogRates())
        axes.yaxis.set_minor_formatter(LogRates())
    elif style.are_told_apart(*axes.get_ylim()):
        axes.yaxis.set_major_formatter(lambda tick, _: style.rate(tick))


def _use_log_axis(axes: Axes, curves: Sequence[NDArray[np.float64]]) -> None:
    """Make the vertical axis logarithmic, and keep the last instants before a 0 from stretching it without bounds.

    It ends three decades below the highest rate, or deeper if more than one point in a hundred lies below that.
    """
    import numpy as np

    rates = np.concatenate(curves)
    positive = rates[rates > 0.0]
    if not positive.size:
        return  # A logarithmic axis has no place for any of it.
    axes.set_yscale("log")
    floor = min(float(np.quantile(positive, 0.01)), 1e-3 * float(positive.max()))
    if floor > positive.min():
        axes.set_ylim(bottom=floor)
