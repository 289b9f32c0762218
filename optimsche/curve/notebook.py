"""How a schedule shows itself at the end of a notebook's cell."""

from __future__ import annotations

import html
import io
from typing import Any

from optimsche.curve.plots import plot
from optimsche.schedule import Schedule


def notebook_html(schedule: Schedule) -> str | None:
    """The expression of a schedule above a small picture of its curve; None without Matplotlib.

    A schedule that cannot be drawn says why below its expression.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    if schedule.counts_epochs:
        picture = "<div>counts epochs: draw it with <code>.plot(steps_per_epoch=len(loader))</code></div>"
        return f"<div><code>{html.escape(repr(schedule))}</code></div>{picture}"
    try:
        picture = _svg(schedule, Figure(figsize=(4.8, 2.0), layout="constrained"))
    except Exception as error:
        # What is displayed at the end of a cell must not fail, whatever a formula raises: the cell says so instead.
        picture = f"<div>not drawn: {html.escape(f'{type(error).__name__}: {error}')}</div>"
    return f"<div><code>{html.escape(repr(schedule))}</code></div>{picture}"


def _svg(schedule: Schedule, figure: Any) -> str:
    axes = plot(schedule, ax=figure.subplots())
    axes.grid(alpha=0.3)
    return svg_of(figure)


def svg_of(figure: Any) -> str:
    """A Matplotlib figure as SVG, without the header of a file."""
    import matplotlib

    file = io.StringIO()
    # The salt makes the same curve the same text, so that a notebook that runs again has no changes to commit.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "optimsche"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
