"""Curves: values over a range, drawn, listed, and shown in notebooks."""

from optimsche.curve.notebook import notebook_html, svg_of
from optimsche.curve.plots import axes_for, plot
from optimsche.curve.tables import Row, Table, table

__all__ = ["Row", "Table", "axes_for", "notebook_html", "plot", "svg_of", "table"]
