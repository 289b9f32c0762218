"""Figures of Matplotlib, which is imported here and by nothing that is loaded before something is drawn."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import matplotlib
import matplotlib.axes
import matplotlib.figure
from matplotlib import pyplot
from matplotlib.ticker import LogFormatter

from optimsche.curve.style import GREY, GREYS, rate

WIDTH, HEIGHT = 7.0, 3.2
# Letters stay letters, in the font that was measured or, where that is not installed, in the reader's own.
_SVG: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "optimsche",
    "font.sans-serif": ["DejaVu Sans"],
    "font.monospace": ["DejaVu Sans Mono"],
}


class Axes(matplotlib.axes.Axes):
    """Matplotlib's axes. At the end of a notebook's cell they print nothing: their figure is shown below it anyway."""

    def _ipython_display_(self) -> None:
        figure: Any = self.figure
        if not pyplot.fignum_exists(getattr(figure, "number", -1)):  # it was shown before: this is asked for again
            import IPython.display  # which called this

            show: Any = IPython.display.display
            show(figure)


class Figure(matplotlib.figure.Figure):
    """Matplotlib's figure. A notebook shows it as a scalable picture that needs nobody's trust."""

    def _repr_html_(self) -> str:
        return image_of(self, text=str(self.get_label()))


class LogRates(LogFormatter):
    """Rates on a logarithmic axis: as everywhere, at those ticks that Matplotlib labels."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a tick."""
        return rate(x) if super().__call__(x, pos) else ""


def new_axes(*, width: float = WIDTH, height: float = HEIGHT, shown: bool = True) -> Axes:
    """Axes in a figure of their own.

    Args:
        width: of the figure, in inches.
        height: likewise.
        shown: whether pyplot knows the figure, so that a notebook and `plt.show()` show it.
    """
    size: Any = {"figsize": (width, height), "layout": "constrained"}
    figure: Any = pyplot.figure(FigureClass=Figure, **size) if shown else Figure(**size)
    axes: Any = figure.add_subplot(axes_class=Axes)
    set_ground(axes)
    made: Axes = axes
    return made


def unshown_figure(draw: Callable[[Figure], object], *, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """A figure that pyplot does not know, with what `draw` makes in it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    draw(figure)
    for axes in figure.axes:
        set_ground(axes)
    return figure


def axes_for(given: object) -> Any:
    """The axes that were given, or those of a new figure."""
    if given is None:
        return new_axes()
    if not isinstance(given, matplotlib.axes.Axes):
        raise TypeError(
            f"plot(ax=...): ax must be Matplotlib axes, or None for a new figure, got {type(given).__name__}.\n"
            "    figure, ax = plt.subplots() makes one of each."
        )
    return given


def set_ground(axes: Any) -> None:
    """A transparent ground, with grey lines and letters."""
    axes.figure.patch.set_alpha(0.0)
    axes.patch.set_alpha(0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    for axis, grey in zip((axes.xaxis, axes.yaxis), GREYS, strict=True):
        axis.set_tick_params(which="both", color=GREY, labelcolor=grey)
        axis.label.set_color(GREY)
    axes.grid(color=GREY, alpha=0.2, linewidth=0.6)
    if (legend := axes.get_legend()) is not None:
        legend.get_frame().set_alpha(0.0)
        for text in legend.get_texts():
            text.set_color(GREY)


def svg_of(figure: Any) -> str:
    """A figure as SVG, without the header of a file; the same figure is the same text, as git likes it."""
    file = io.StringIO()
    with matplotlib.rc_context(_SVG):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def image_of(figure: Any, *, text: str = "") -> str:
    """A figure as HTML that every notebook shows, also one that is not trusted: it drops SVG that stands in the page.

    Args:
        figure: the figure.
        text: what it shows, for those who do not see it.
    """
    data = base64.b64encode(svg_of(figure).encode()).decode()
    width = round(96 * figure.get_size_inches()[0])
    look = f'width="{width}" style="max-width: 100%"'
    return f'<img alt="{html.escape(text)}" {look} src="data:image/svg+xml;base64,{data}">'
