"""How a schedule shows itself at the end of a notebook's cell."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

from optimsche.curve.layout import laid_out
from optimsche.curve.plots import figure_of
from optimsche.schedule import Schedule


def notebook_html(schedules: Any) -> str | None:
    """What a cell shows of a schedule, or of a list or mapping of several; None without Matplotlib.

    Of one schedule the expression stands above the picture, as text that can be copied. What cannot be drawn says why.
    """
    if isinstance(schedules, Schedule):
        above = f'<pre style="margin: 0">{html.escape(laid_out(schedules))}</pre>'
        each = [schedules]
    else:
        above = ""
        each = [*(schedules.values() if isinstance(schedules, Mapping) else schedules)]
    if any(schedule.counts_epochs for schedule in each):
        how = "plan.plot(steps_per_epoch=len(loader))" if above else "plot(plans, steps_per_epoch=len(loader))"
        return f"{above}<div>counts epochs: draw it with <code>{how}</code></div>"
    try:
        from optimsche.curve.canvas import image_of
    except ImportError:
        return None
    try:
        return above + image_of(figure_of(schedules, with_expression=False), text=repr(schedules))
    except Exception as error:
        # What is displayed at the end of a cell must not fail, whatever a formula raises: the cell says so instead.
        return f"{above}<div>not drawn: {html.escape(f'{type(error).__name__}: {error}')}</div>"


def drawn_html(text: str, draw: Callable[[Any], object], *, height: float = 2.8) -> str | None:
    """A text above a picture, which `draw` makes in a figure; None without Matplotlib."""
    try:
        from optimsche.curve import canvas
    except ImportError:
        return None
    figure = canvas.unshown_figure(draw, height=height)
    return f'<pre style="margin: 0">{html.escape(text)}</pre>{canvas.image_of(figure, text=text)}'
