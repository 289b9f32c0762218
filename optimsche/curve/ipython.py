"""`%load_ext optimsche`: lists and dictionaries of schedules at the end of a notebook's cell show their curves.

A schedule shows itself without it. A list is Python's own, so only IPython can be told how to show one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optimsche.curve.notebook import notebook_html
from optimsche.schedule import Schedule

_KINDS = (list, tuple, dict)
_before: dict[type, Callable[[Any], Any] | None] = {}


def load_ipython_extension(shell: Any) -> None:
    """Show lists, tuples and dictionaries of schedules as one picture; all others as before."""
    formatter = shell.display_formatter.formatters["text/html"]
    for kind in _KINDS:
        if kind not in _before:
            _before[kind] = formatter.for_type(kind)
            formatter.for_type(kind, _html_of)


def unload_ipython_extension(shell: Any) -> None:
    """Show them as IPython does."""
    formatter = shell.display_formatter.formatters["text/html"]
    while _before:
        kind, before = _before.popitem()
        formatter.pop(kind)
        if before is not None:
            formatter.for_type(kind, before)


def _html_of(several: Any) -> Any:
    schedules = several.values() if isinstance(several, dict) else several
    if several and all(isinstance(schedule, Schedule) for schedule in schedules):
        return notebook_html(several)
    before = _before.get(type(several))
    return None if before is None else before(several)
