"""What stands around the picture in a figure of our own: the expression or a legend, names, and what the marks say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optimsche.curve import ranges, style
from optimsche.curve.layout import kept
from optimsche.curve.picture import Curve, View, edges_of
from optimsche.curve.pieces import pieces
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In points: a small letter, a line, and what is left and right of the axes in a figure.
_LETTER, _LINE, _SIDES = 4.7, 12.0, 70.0
_SMALL: Any = {"size": 8, "color": style.GREY}
_CODE: Any = {"family": "monospace", "size": 8.5}


def columns_of(labels: Sequence[str], width: float) -> int:
    """How many names of a legend stand side by side in a figure of so many inches."""

    def takes(columns: int) -> float:
        rows = -(-len(labels) // columns)
        longest = [max(map(len, labels[k : k + rows])) for k in range(0, len(labels), rows)]
        return sum(length * 5.0 + 46.0 for length in longest)

    fitting = [columns for columns in range(2, len(labels) + 1) if takes(columns) <= 72.0 * width - _SIDES]
    return max(fitting, default=1)


def height_of(texts: Sequence[str]) -> float:
    """How much higher a figure is, in inches, for texts above each other."""
    return sum(text.count("\n") + 1 for text in texts) * _LINE / 72.0


def write_strip(axes: Axes, curves: Sequence[Curve], view: View, schedule: Schedule | None) -> float:
    """Write the updates of boundaries above, and the names of a single schedule's pieces between, as there is room.

    Returns the height that this takes, in points.
    """
    edges = edges_of(curves)
    wanted = [([edge], _said(edge, view)) for edge in edges]
    if schedule is not None and edges:
        between = [0.0, *edges] if curves[0].end is not None or edges[-1] >= view.last else [0.0, *edges, view.last]
        middles = [(begin + end) / 2.0 for begin, end in itertools.pairwise(between)]
        epochs = [1.0 if view.per_epoch is None else ranges.epoch_of(middle, view.per_epoch) for middle in middles]
        for piece in pieces(schedule, between, epochs):
            inside = [middle for middle in middles if piece.begin < middle < piece.end]
            wanted.append(([(piece.begin + piece.end) / 2.0, *inside], piece.name))
    a_letter = _LETTER / (72.0 * _width_of(axes) - _SIDES) * view.last
    taken: list[tuple[float, float]] = []
    for places, text in wanted:
        half = (len(text) / 2.0 + 0.7) * a_letter
        room = [at for at in places if _is_free(at - half, at + half, taken) and at + half < view.last + 4.0 * a_letter]
        if room:
            taken.append((room[0] - half, room[0] + half))
            where: Any = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "ha": "center"}
            axes.annotate(
                text, (view.place(room[0]), 1.0), (0, 3), va="bottom", annotation_clip=True, **where, **_SMALL
            )
    return _LINE if taken else 0.0


def _is_free(begin: float, end: float, taken: Sequence[tuple[float, float]]) -> bool:
    return all(end <= left or right <= begin for left, right in taken)


def write_expression(axes: Axes, text: str, room: float) -> None:
    """The expression of a single schedule, above."""
    axes.set_title(kept(text), loc="left", pad=room + 6.0, fontdict={**_CODE, "color": style.GREY, "linespacing": 1.25})


def write_legend(axes: Axes, room: float, *, as_code: bool) -> None:
    """The legend above: names side by side, or expressions below each other."""
    font: Any = _CODE if as_code else {"size": 9}
    labels = [str(line.get_label()) for line in axes.get_lines()]
    columns = 1 if as_code else columns_of(labels, _width_of(axes))
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=(room + 3.0) / font["size"],
        ncols=columns,
        prop=font,
        frameon=False,
        labelcolor=style.GREY,
    )


def write_marks(axes: Axes, curve: Curve, view: View) -> None:
    """What the dot and the ring of a single curve mean, below."""
    said = [
        f"{word} {style.rate(point.rate)} at {_said(point.update, view)}"
        for word, point in (("\u25cf peak", curve.peak), ("\u25cb end", curve.end))
        if point is not None
    ]
    where: Any = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.set_xlabel(axes.get_xlabel(), loc="left")
    axes.annotate(kept("    ".join(said)), (1.0, 0.0), (0, -29), ha="right", va="center", **where, **_SMALL)


def _width_of(axes: Axes) -> float:
    figure: Any = axes.figure
    return float(figure.get_figwidth())


def _said(update: float, view: View) -> str:
    """An update as the axis counts it: of an epoch, hundredths are enough."""
    return style.short(round(view.place(update), 2)) if view.in_epochs else style.short(update)
