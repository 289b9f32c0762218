"""Pictures of schedules.

A picture takes about two thousand values of a schedule, however long the schedule is, and both sides of its boundaries
and of its epochs are among them, so that an edge is drawn as one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from optimsche import call_errors, checking
from optimsche.combinators.left_out import warn_of_left_out_starts
from optimsche.curve import ranges
from optimsche.missing import needs
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_Unit = Literal["updates", "epochs"]

# Expressions are as wide as the picture, so they stand above it.
_EXPRESSION = {"family": "monospace", "size": "small"}
_EXPRESSION_WIDTH = 80


@call_errors.explained
def plot(
    schedules: Schedule | Mapping[str, Schedule] | Sequence[Schedule],
    *,
    steps: float | None = None,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
    unit: _Unit = "updates",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one schedule, or several to compare them.

    Args:
        schedules: a schedule; or several, as a mapping of names to schedules, or as a list, whose legend shows the
            expressions.
        steps: how far to draw, in updates; > 0. By default a little past the end of the longest schedule. One without
            an end goes on past its last boundary for twice its longest piece. If a part of it is repeated without an
            end (`repeat()`, `step_decay`), it goes to the sixth boundary of that part; if it has no boundaries, until
            it has fallen to a quarter of its highest rate.
        steps_per_epoch: micro-batches in an epoch; >= 1. Needed where rates depend on the epoch.
        accum_grad: micro-batches in one update; >= 1. The last update of an epoch may have fewer.
        unit: what the horizontal axis counts. In `"epochs"`, the first epoch lies between 0 and 1.
        log: whether the vertical axis is logarithmic; a rate of 0 then lies below the picture.
        ax: Matplotlib axes to draw into; by default those of a new figure.

    Returns:
        The axes, for a title, limits, or `plot(...).figure.savefig("curve.png")`.

    Raises:
        ModuleNotFoundError: Matplotlib is not installed.
        ValueError: an argument is outside its range, or `steps_per_epoch` is needed and not given.
        TypeError: an argument is of the wrong kind.

    >>> from matplotlib.figure import Figure
    >>> from optimsche import cosine, linear
    >>> axes = plot({"cosine": cosine(steps=100), "linear": linear(steps=100)}, ax=Figure().subplots())
    >>> [line.get_label() for line in axes.get_lines()]
    ['cosine', 'linear']
    """
    named = _by_name(schedules)
    for _, schedule in named:
        warn_of_left_out_starts(schedule)
    per_epoch = ranges.updates_per_epoch("plot", steps_per_epoch, accum_grad)
    unit = checking.admit("plot", "unit", _Unit, unit)
    if unit == "epochs" and per_epoch is None:
        raise ranges.epochs_needed("plot", "unit='epochs' counts epochs")
    for _, schedule in named:
        ranges.check_epochs("plot", schedule, per_epoch)
    if steps is None:
        last = ranges.common_reach([schedule for _, schedule in named], per_epoch)
    else:
        last = float(checking.admit("plot", "steps", ranges.Reach, steps))
    curves = [ranges.sample(schedule, last, per_epoch) for _, schedule in named]

    axes = axes_for(ax)
    scale = float(per_epoch) if unit == "epochs" and per_epoch is not None else 1.0
    for (name, _), (clocks, rates) in zip(named, curves, strict=True):
        axes.plot(clocks / scale, rates, label=name)
    if log:
        _use_log_axis(axes, [rates for _, rates in curves])
    axes.set_xlabel("epoch" if unit == "epochs" else "update")
    axes.set_ylabel("learning rate")
    if isinstance(schedules, Mapping):
        axes.legend()
    elif not isinstance(schedules, Schedule):
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, prop=_EXPRESSION)
    elif ax is None:
        axes.set_title(named[0][0], loc="left", fontdict=_EXPRESSION)
    return axes


def _by_name(schedules: Any) -> list[tuple[str, Schedule]]:
    """The schedules to draw with their labels. Pairs and not a dictionary: a list may hold the same one twice."""
    if isinstance(schedules, Schedule):
        named = [(_wrapped(schedules), schedules)]
    elif isinstance(schedules, Mapping):
        named = [(str(name), schedule) for name, schedule in schedules.items()]
    elif isinstance(schedules, Sequence) and not isinstance(schedules, str):
        named = [(_wrapped(schedule), schedule) for schedule in schedules]
    else:
        raise ranges.no_schedule("plot", schedules)
    if not named:
        raise ValueError(f"plot({schedules!r}): there must be at least one schedule to draw.")
    for _, schedule in named:
        if not isinstance(schedule, Schedule):
            raise ranges.no_schedule("plot", schedule)
    return named


def _wrapped(schedule: object) -> str:
    return "\n".join(textwrap.wrap(repr(schedule), width=_EXPRESSION_WIDTH, max_lines=4))


def axes_for(given: object) -> Axes:
    """The axes that were given, or those of a new figure."""
    try:
        from matplotlib.axes import Axes
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise needs("plot", "matplotlib") from None
    if given is None:
        import matplotlib.pyplot as plt  # and not Figure(): a notebook shows pyplot's figures below the cell

        _, axes = plt.subplots(figsize=(7.0, 3.6), layout="constrained")
        axes.grid(alpha=0.3)
        return axes
    if not isinstance(given, Axes):
        raise TypeError(
            f"plot(ax=...): ax must be Matplotlib axes, or None for a new figure, got {type(given).__name__}.\n"
            "    figure, ax = plt.subplots() makes one of each."
        )
    return given


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
