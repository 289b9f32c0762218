"""Curves: values over a range, drawn, listed, and shown in notebooks."""

from optimsche.curve.notebook import notebook_html
from optimsche.curve.plots import plot
from optimsche.curve.tables import Row, Table, table

__all__ = ["Row", "Table", "notebook_html", "plot", "table"]
