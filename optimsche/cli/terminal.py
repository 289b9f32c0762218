"""What a terminal is, and what it shows: colours on a terminal alone, lines as wide as it is."""

from __future__ import annotations

import os
import shutil
import sys

BOLD, DIM = "1", "2"
#: Of the curves of a picture, one after the other.
CURVES = ("36", "35", "33", "32", "34", "31")


def is_terminal() -> bool:
    """Whether somebody looks at what is printed, and it does not go into a pipe or a file."""
    return sys.stdout.isatty()


def has_colours() -> bool:
    """Whether colours may be printed: on a terminal that has them, unless NO_COLOR is set (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str) -> str:
    """The text in a style, or as it is where there are no colours."""
    return f"\x1b[{style}m{text}\x1b[0m" if has_colours() and text else text


def width() -> int:
    """How many characters a line may have."""
    return shutil.get_terminal_size((80, 24)).columns if is_terminal() else 80
