"""Sliders under a curve. Needs ipywidgets, and is loaded when somebody explores."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from optimsche.curve import ranges, style
from optimsche.curve.canvas import image_of
from optimsche.curve.knobs import Knob, knobs_of, turned
from optimsche.curve.layout import laid_out
from optimsche.curve.plots import figure_of
from optimsche.schedule import Schedule


class Explorer:
    """A schedule with a slider for each of its numbers; shows itself at the end of a notebook's cell.

    The picture has the schedule as the sliders have it, and in grey as it was. `schedule` is the first of them, for the
    next cell.
    """

    def __init__(self, schedule: Schedule, **options: Any) -> None:
        self._given, self._options = schedule, options
        self.schedule = schedule
        """The schedule as the sliders have it; where they have one that cannot be, the last that could."""
        self.sliders: dict[str, Any] = {}
        """The widgets by their labels."""
        self._values: dict[tuple[str | int, ...], Any] = {}
        for knob in knobs_of(schedule):
            self.sliders[knob.label] = widget = _widget(knob)
            self._values[knob.path] = knob.value
            widget.observe(lambda change, path=knob.path: self._turn(path, change["new"]), names="value")
        self._picture, self._message = widgets.HTML(), widgets.HTML()
        self._expression = widgets.Textarea(layout=widgets.Layout(width="100%"), description="")
        grid = widgets.GridBox(
            [*self.sliders.values()],
            layout=widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(340px, 1fr))", width="100%"),
        )
        self.widget: Any = widgets.VBox([self._picture, self._message, grid, self._expression])
        self._show()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    def _turn(self, path: tuple[str | int, ...], value: Any) -> None:
        self._values[path] = float(f"{value:.6g}") if isinstance(value, float) else value  # no 0.00024199999999999995
        try:
            self.schedule = turned(self._given, self._values)
            self._show()
        except Exception as error:  # whatever a formula says of values that do not go together
            self._message.value = f'<pre style="color: {style.COLOURS[1]}">{html.escape(str(error))}</pre>'

    def _show(self) -> None:
        lasting = self._options.get("steps") or ranges.common_reach([self.schedule, self._given], self._per_epoch())
        figure: Any = figure_of(self.schedule, with_expression=False, **{**self._options, "steps": lasting})
        axes = figure.axes[0]
        clocks, rates = ranges.sample(self._given, lasting, self._per_epoch())
        axes.plot(clocks, rates, color=style.GREY, linewidth=1.0, alpha=0.7, zorder=1)
        self._picture.value = image_of(figure, text=repr(self.schedule))
        self._message.value = ""
        self._expression.value = text = laid_out(self.schedule)
        self._expression.rows = text.count("\n") + 1

    def _per_epoch(self) -> int | None:
        return ranges.updates_per_epoch(
            "explore", self._options.get("steps_per_epoch"), self._options.get("accum_grad", 1)
        )


def _widget(knob: Knob) -> Any:
    look = {
        "description": knob.label,
        "tooltip": knob.meaning,
        "layout": widgets.Layout(width="auto"),
        "style": {"description_width": "150px"},
    }
    if knob.choices:
        return widgets.Dropdown(options=knob.choices, value=knob.value, **look)
    if isinstance(knob.value, bool):
        return widgets.Checkbox(value=knob.value, **look)
    if isinstance(knob.value, str):
        return widgets.Text(value=knob.value, continuous_update=False, **look)
    slider = {"value": knob.value, "min": knob.low, "max": knob.high, "step": knob.step, **look}
    if isinstance(knob.step, int):
        return widgets.IntSlider(readout_format="d", **slider)
    return widgets.FloatSlider(readout_format=".3g", **slider)
