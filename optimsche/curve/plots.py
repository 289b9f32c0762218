"""Pictures of schedules: what is asked for, and where it is drawn.

A picture takes about two thousand values of a schedule, however long the schedule is, and both sides of its boundaries
and of its epochs are among them, so that an edge is drawn as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from optimsche import call_errors, checking
from optimsche.combinators.left_out import warn_of_left_out_starts
from optimsche.curve import picture, ranges, surroundings
from optimsche.curve.layout import kept, laid_out
from optimsche.missing import needs
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Unit = Literal["updates", "epochs"]
# Lines of an expression: of one alone, and of one among others.
_MOST_LINES, _MOST_LINES_EACH = 14, 9


@call_errors.explained
def plot(
    schedules: Schedule | Mapping[str, Schedule] | Sequence[Schedule],
    *,
    steps: float | None = None,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
    unit: _Unit = "updates",
    log: bool = False,
    difference: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one schedule, or several to compare them.

    Boundaries are dotted, with their updates and the names of the pieces above where there is room. A dot marks the
    highest rate and a ring the end; what comes after the end is shaded. The picture is transparent and can be read on
    a white ground and on a black one.

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
        difference: whether to draw by how much each of the others differs from the first: its rate less the first's.
        ax: Matplotlib axes to draw into; by default those of a new figure. Into given axes goes the picture alone,
            without the names, the expression and the ground.

    Returns:
        The axes, for a title, limits, or `plot(...).figure.savefig("curve.png")`. At the end of a notebook's cell they
        print nothing, since the notebook shows the figure itself.

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
    drawing = _drawing(schedules, steps, steps_per_epoch, accum_grad, unit, log, difference)
    if ax is None:
        axes: Axes = _canvas().new_axes(height=_canvas().HEIGHT + drawing.height_of_texts(_canvas().WIDTH))
        drawing.draw_with_surroundings(axes)
        return axes
    axes = axes_for(ax)
    drawing.draw(axes)
    if drawing.kind != "one":
        axes.legend()
    return axes


def figure_of(
    schedules: Schedule | Mapping[str, Schedule] | Sequence[Schedule],
    *,
    steps: float | None = None,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
    unit: _Unit = "updates",
    log: bool = False,
    difference: bool = False,
    with_expression: bool = True,
    size: tuple[float, float] | None = None,
) -> Figure:
    """The picture that `plot` draws, in a figure that is shown nowhere: for files and pages.

    Args:
        schedules: as for `plot`, like all that is not named here.
        with_expression: whether that of a single schedule stands above the picture.
        size: width and height in inches, without what an expression or a legend adds; by default those of `plot`.

    >>> from optimsche import cosine
    >>> figure_of(cosine(steps=100)).axes[0].get_title(loc="left")
    'cosine(start=1.0, end=0.0, steps=100)'
    """
    drawing = _drawing(schedules, steps, steps_per_epoch, accum_grad, unit, log, difference)
    width, height = size or (_canvas().WIDTH, _canvas().HEIGHT)
    if with_expression or drawing.kind != "one":
        height += drawing.height_of_texts(width)
    axes: Axes = _canvas().new_axes(width=width, height=height, shown=False)
    drawing.draw_with_surroundings(axes, with_expression=with_expression)
    figure: Any = axes.figure
    return figure  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Drawing:
    """What is to be drawn, checked: nothing can fail any more once there is a figure."""

    kind: Literal["one", "named", "list"]
    schedules: Sequence[Schedule]
    curves: Sequence[picture.Curve]
    view: picture.View
    values: str

    def height_of_texts(self, width: float) -> float:
        """How much higher its figure of this width is for the expression or the legend, in inches."""
        labels = [curve.label for curve in self.curves]
        columns = surroundings.columns_of(labels, width) if self.kind == "named" else 1
        return surroundings.height_of(labels[::columns])

    def draw(self, axes: Axes) -> None:
        picture.draw(axes, self.curves, self.view, values=self.values)

    def draw_with_surroundings(self, axes: Axes, *, with_expression: bool = True) -> None:
        self.draw(axes)
        # For those who do not see it.
        axes.figure.set_label("; ".join(" ".join(curve.label.split()) for curve in self.curves))
        alone = self.schedules[0] if self.kind == "one" else None
        room = surroundings.write_strip(axes, self.curves, self.view, alone)
        if alone is None:
            surroundings.write_legend(axes, room, as_code=self.kind == "list")
            return
        surroundings.write_marks(axes, self.curves[0], self.view)
        if with_expression:
            surroundings.write_expression(axes, self.curves[0].label, room)


def _drawing(
    schedules: Any,
    steps: float | None,
    steps_per_epoch: int | None,
    accum_grad: int,
    unit: _Unit,
    log: bool,
    difference: bool,
) -> _Drawing:
    kind, named = _by_name(schedules)
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
    view = picture.View(last, per_epoch, in_epochs=unit == "epochs", log=log)
    if difference:
        curves = _differences(named, view)
    else:
        curves = [picture.curve_of(name, schedule, view) for name, schedule in named]
    values = "difference of the rates" if difference else "learning rate"
    return _Drawing(kind, [schedule for _, schedule in named], curves, view, values)


def _differences(named: Sequence[tuple[str, Schedule]], view: picture.View) -> list[picture.Curve]:
    if len(named) < 2:
        raise ValueError("plot(difference=True): give at least two schedules, plot([a, b], difference=True)")
    if view.log:
        raise ValueError("plot(difference=True, log=True): a difference may be negative; leave log out")
    (base_name, base), *others = named
    separator = "\n" if "(" in base_name else " "
    return [picture.difference_of(f"{name}{separator}- {base_name}", schedule, base, view) for name, schedule in others]


def _by_name(schedules: Any) -> tuple[Literal["one", "named", "list"], list[tuple[str, Schedule]]]:
    """The schedules to draw with their labels. Pairs and not a dictionary: a list may hold the same one twice."""
    kind: Literal["one", "named", "list"]
    if isinstance(schedules, Schedule):
        kind, named = "one", [(laid_out(schedules, most=_MOST_LINES), schedules)]
    elif isinstance(schedules, Mapping):
        kind, named = "named", [(str(name), schedule) for name, schedule in schedules.items()]
    elif isinstance(schedules, Sequence) and not isinstance(schedules, str):
        kind, named = "list", [("", schedule) for schedule in schedules]
    else:
        raise ranges.no_schedule("plot", schedules)
    if not named:
        raise ValueError(f"plot({schedules!r}): there must be at least one schedule to draw.")
    for _, schedule in named:
        if not isinstance(schedule, Schedule):
            raise ranges.no_schedule("plot", schedule)
    if kind == "list":
        named = [(kept(laid_out(schedule, most=_MOST_LINES_EACH)), schedule) for _, schedule in named]
    return kind, named


def axes_for(ax: Any) -> Any:
    """Matplotlib axes that were given, or those of a new figure that a notebook shows."""
    return _canvas().axes_for(ax)


def _canvas() -> ModuleType:
    """What needs Matplotlib, loaded when something is drawn."""
    try:
        from optimsche.curve import canvas
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise needs("plot", "matplotlib") from None
    return canvas
