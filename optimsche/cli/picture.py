"""Curves drawn in a terminal, of Braille dots."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from optimsche.cli.terminal import CURVES, DIM, has_colours, styled, width
from optimsche.curve import ranges
from optimsche.schedule import Schedule

_HEIGHT, _WIDEST, _DECADES = 13, 120, 6


def is_available() -> bool:
    """Whether there is what draws."""
    try:
        import plotille  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def drawn(schedules: Mapping[str, Schedule], last: float, per_epoch: int | None, *, log: bool) -> str:
    """Curves from update 0 to the last. Those of several are in one picture, or, without colours, in one each.

    Raises:
        ModuleNotFoundError: Plotille, which draws, is not installed.
    """
    curves = {name: ranges.sample(schedule, last, per_epoch) for name, schedule in schedules.items()}
    low, high = _bounds([rates for _, rates in curves.values()], log=log)
    if has_colours() or len(curves) == 1:
        return _picture(curves, last, low, high, log=log)
    each = ({name: curve} for name, curve in curves.items())
    return "\n".join(f"{next(iter(one))}\n{_picture(one, last, low, high, log=log)}" for one in each)


def _bounds(all_rates: Sequence[Any], *, log: bool) -> tuple[float, float]:
    """The lowest and the highest rate of the picture: in the logarithm, at most six decades below the highest."""
    high = max(float(rates.max()) for rates in all_rates)
    if not log:
        return 0.0, high or 1.0
    positive = [float(rate) for rates in all_rates for rate in rates[rates > 0]]
    if not positive:
        raise ValueError("--log: the rates are 0, which has no logarithm")
    low = max(min(positive), high / 10**_DECADES)
    return (low, high) if low < high else (low / 10, high * 10)


def _picture(curves: Mapping[str, Any], last: float, low: float, high: float, *, log: bool) -> str:
    import plotille

    at = math.log10 if log else float
    labels = _labels(low, high, log=log)
    margin = max(map(len, [*labels.values(), "update"])) + 2
    columns = min(width(), _WIDEST) - margin - 1
    canvas = plotille.Canvas(
        columns, _HEIGHT, xmin=0.0, xmax=last, ymin=at(low), ymax=at(high) + 1e-9 * abs(at(high)), mode="names"
    )
    for number, (clocks, rates) in enumerate(curves.values()):
        colour = _PLOTILLE[number % len(_PLOTILLE)] if has_colours() else None
        points = [(float(t), at(rate)) for t, rate in zip(clocks, rates, strict=True) if rate >= low]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            canvas.line(x0, y0, x1, y1, color=colour)
    lines = [line.replace("\N{BRAILLE PATTERN BLANK}", " ").rstrip() for line in canvas.plot().split("\n")]
    left = [
        styled(f"{labels.get(row, ''):>{margin - 2}} {'┤' if row in labels else '│'}", DIM) for row in range(_HEIGHT)
    ]
    below = [styled(text, DIM) for text in _ticks(last, columns, margin)]
    return "\n".join([*map("".join, zip(left, lines, strict=True)), *below])


_PLOTILLE = ("cyan", "magenta", "yellow", "green", "blue", "red")


def legend(names: Sequence[str]) -> list[str]:
    """The names of curves in their colours."""
    return [styled(name, CURVES[number % len(CURVES)]) for number, name in enumerate(names)]


def _labels(low: float, high: float, *, log: bool) -> dict[int, str]:
    """What stands left of which row: five rates from the highest to the lowest."""
    found = {}
    for part in range(5):
        row = round(part * (_HEIGHT - 1) / 4)
        share = 1 - row / (_HEIGHT - 1)
        found[row] = f"{low * (high / low) ** share if log else low + (high - low) * share:.3g}"
    return found


def _ticks(last: float, columns: int, margin: int) -> list[str]:
    """The axis below, with round numbers of updates."""
    axis, numbers = ["─"] * columns, [" "] * (columns + 8)
    power = 10.0 ** math.floor(math.log10(last / 4))
    step = next(power * digit for digit in (1, 2, 5, 10) if last / (power * digit) <= 6)
    for number in range(math.floor(last / step + 1e-9) + 1):
        place = min(round(number * step / last * columns), columns - 1)
        text = short(number * step)
        begin = min(max(place - len(text) // 2, 0), columns - len(text))
        if all(sign == " " for sign in numbers[max(begin - 1, 0) : begin + len(text) + 1]):
            axis[place] = "┬"
            numbers[begin : begin + len(text)] = text
    return [f"{' ' * (margin - 1)}└{''.join(axis)}", f"{'update':>{margin - 2}}  {''.join(numbers).rstrip()}"]


def short(number: float) -> str:
    """A number of updates in few characters.

    >>> [short(n) for n in (0, 500, 20_000, 1_500_000, 0.25)]
    ['0', '500', '20k', '1.5M', '0.25']
    """
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.4g}{unit}"
    return f"{number:.4g}"
