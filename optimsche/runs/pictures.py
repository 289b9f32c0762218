"""Pictures of runs: a plan as a line, what was logged as dots, and where they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimsche.curve import plot, style
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_DOTS = 200


def draw_log(
    plan: Schedule,
    updates: Sequence[int],
    rates: Sequence[float],
    *,
    label: str = "plan",
    per_epoch: int | None = None,
    first: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A plan as a line and a log as dots upon it; the first wrong update is marked."""
    last = max(updates[-1], 1)
    axes = plot({label: plan}, steps=last, steps_per_epoch=per_epoch, ax=ax)
    every = max(len(updates) // _MOST_DOTS, 1)
    axes.plot(updates[::every], rates[::every], "o", ms=3, mfc="none", color=style.COLOURS[1], label="log")
    _mark(axes, first)
    axes.legend(**style.LEGEND)
    return axes


def draw_difference(
    updates: Sequence[int], rates: Sequence[float], expected: Sequence[float], *, first: int | None, ax: Axes
) -> None:
    """By how much each logged rate is off: a few updates' delay shows nowhere else."""
    every = max(len(updates) // _MOST_DOTS, 1)
    apart = [rate - planned for rate, planned in zip(rates, expected, strict=True)]
    ax.axhline(0.0, color=style.GREY, linewidth=1)
    ax.plot(updates[::every], apart[::every], "o", ms=3, mfc="none", color=style.COLOURS[1])
    _mark(ax, first)
    ax.set_xlabel("update")
    ax.set_ylabel("log - plan")


def _mark(axes: Axes, first: int | None) -> None:
    if first is not None:
        axes.axvline(
            first, color=style.COLOURS[3], linewidth=1, linestyle="--", label=f"update {first:,}, the first wrong one"
        )
