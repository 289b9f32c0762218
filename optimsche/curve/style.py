"""How pictures look: colours of middle lightness, which are read on white and on black, and short numbers."""

from __future__ import annotations

from typing import Any

# Each has a contrast of at least 3 to white, to JupyterLab's black and to VS Code's. Neighbours differ for colour-blind
# people, too. From the seventh curve on the lines are dashed.
COLOURS = ("#1a7fc1", "#d55e00", "#0a9870", "#c05fa0", "#a98600", "#8a6fd1")
DASHES = ("-", "--", "-.", ":")
GREY = "#7a7a7a"
# As grey for the eye. The inline back end of notebooks looks at the labels of a transparent picture: if all of them are
# dark, it asks for a white ground behind it, which is a white block in a dark notebook, and the other way round. So
# those of one axis are a little lighter than the middle, and those of the other a little darker.
GREYS = ("#7a7a7a", "#828282")

# For `axes.legend`, inside of a picture.
LEGEND: Any = {"frameon": False, "labelcolor": GREY}

_UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def short(update: float) -> str:
    """An update as people say it, with no digit lost up to the fourth.

    >>> [short(n) for n in (0, 20_000, 1_000_000, 80_400, 80_437, 0.75)]
    ['0', '20k', '1M', '80.4k', '80,437', '0.75']
    """
    for size, unit in _UNITS:
        if abs(update) >= size:
            text = f"{update / size:.4g}"
            return f"{text}{unit}" if "e" not in text and float(text) * size == update else f"{update:,.0f}"
    return f"{update:.6g}"


def rate(value: float) -> str:
    """A rate as people write it.

    >>> [rate(value) for value in (0.0, 0.3, 0.05, 3e-4, 2.5e-5, 1.0, -1e-4)]
    ['0', '0.3', '0.05', '3e-4', '2.5e-5', '1', '-1e-4']
    """
    if value == 0.0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    digits, exponent = f"{value:.3e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def are_told_apart(low: float, high: float) -> bool:
    """Whether ticks between two rates are still different in the four digits that `rate` shows."""
    return abs(high - low) > 1e-2 * max(abs(low), abs(high))
