"""Curves: values over a range, drawn, listed, and shown in notebooks."""

from optimsche.curve.explore import explore
from optimsche.curve.ipython import load_ipython_extension, unload_ipython_extension
from optimsche.curve.layout import laid_out
from optimsche.curve.notebook import drawn_html, notebook_html
from optimsche.curve.plots import axes_for, figure_of, plot
from optimsche.curve.tables import Row, Table, table

__all__ = [
    "Row",
    "Table",
    "axes_for",
    "drawn_html",
    "explore",
    "figure_of",
    "laid_out",
    "load_ipython_extension",
    "notebook_html",
    "plot",
    "table",
    "unload_ipython_extension",
]
