"""What every segment keeps: lr functions of ``start``, ``end`` and ``steps``."""

from __future__ import annotations

from collections.abc import Iterable

from optimsche.schedule import Schedule
from optimsche.testing.laws import broken, clocks, never_turns, stays_inside


def _ends(schedule: Schedule, law: str) -> tuple[float, float, float]:
    if not {"start", "end", "steps"} <= set(schedule.params):
        raise ValueError(f"{law} is a law of segments, with start, end and steps; {schedule!r} is none")
    return schedule.params["start"], schedule.params["end"], schedule.params["steps"]


def assert_exact_ends(schedule: Schedule) -> None:
    """It is ``start`` at 0 and ``end`` at ``steps`` and after, exactly.

    >>> from optimsche import cosine
    >>> assert_exact_ends(cosine(start=0.3, end=0.1, steps=7))
    """
    start, end, steps = _ends(schedule, "assert_exact_ends")
    after = [("end", t, end) for t in (steps, steps + 1, 9 * steps)]
    for name, t, expected in [("start", 0, start), *after]:
        value = schedule(t)
        if value != expected:
            raise broken("assert_exact_ends", schedule, f"at real_step={t} it is {value!r}, not {name}={expected!r}")
    if schedule.length != steps:
        raise broken("assert_exact_ends", schedule, f"its length is {schedule.length!r}, not steps={steps!r}")


def assert_inside(schedule: Schedule, real_steps: Iterable[float] | None = None) -> None:
    """It never leaves the range between ``start`` and ``end``.

    >>> from optimsche import cosine
    >>> assert_inside(cosine(start=0.3, end=0.1, steps=7))
    """
    start, end, _ = _ends(schedule, "assert_inside")
    stays_inside("assert_inside", schedule, min(start, end), max(start, end), _places(schedule, real_steps), 1.0)


def assert_one_way(schedule: Schedule, real_steps: Iterable[float] | None = None) -> None:
    """It goes from ``start`` to ``end`` without turning back.

    >>> from optimsche import cosine
    >>> assert_one_way(cosine(start=0.3, end=0.1, steps=7))
    """
    start, end, _ = _ends(schedule, "assert_one_way")
    never_turns("assert_one_way", schedule, start <= end, _places(schedule, real_steps), 1.0)


def _places(schedule: Schedule, real_steps: Iterable[float] | None) -> list[float]:
    """Clocks from the beginning to past the end, fractional ones among them, so that short pieces have an inside."""
    steps = schedule.params["steps"]
    asked = clocks(schedule) if real_steps is None else real_steps
    return sorted({*asked, *(steps * place / 16 for place in range(18))})
