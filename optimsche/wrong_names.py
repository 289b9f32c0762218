"""What is answered where a schedule is asked for a parameter that its outermost piece does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimsche import habits
from optimsche.call_errors import called_here, did_you_mean

if TYPE_CHECKING:
    from optimsche.schedule import Schedule


def where_a_parameter_is(schedule: Schedule, name: str) -> str:
    """What to write for a parameter that was asked for as an attribute: its own, or that of a piece."""
    where, schedules = {id(schedule): "plan"}, [schedule]
    for each in schedules:
        path = where[id(each)]
        if name in each.arguments:
            return f"that parameter is {path}.arguments[{name!r}]"
        for part, inner in _pieces(each):
            if id(inner) not in where:
                where[id(inner)] = f"{path}.arguments[{part!r}]"
                schedules.append(inner)
    return ""


def to_replace(schedule: Schedule, name: str, value: Any) -> str:
    """What to write for a parameter that was to be replaced, and that the outermost piece does not have."""
    for part, inner in _pieces(schedule):
        if name in inner.arguments:
            return (
                f"; {inner.lr_fn.name}() in it has: plan.replace({part}=plan.arguments[{part!r}].replace({name}=...))"
            )
    if not schedule.inner and (hint := called_here(name, value, list(schedule.arguments))):
        return hint  # of several pieces it might mean any
    if name in habits.OF_NAMED_PLANS:
        return f"; it takes {', '.join(schedule.arguments)}. {habits.OF_NAMED_PLANS[name]}"
    return did_you_mean(name, schedule.arguments) or f"; it takes {', '.join(schedule.arguments)}"


def _pieces(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    """The schedules directly inside, each with the parameter that it is."""
    for part, value in schedule.arguments.items():
        if getattr(value, "is_schedule", False):
            yield part, value
