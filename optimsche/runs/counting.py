"""Causes in a counter that need more than one number: it lags behind after an update, or again and again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimsche.runs.causes import Cause, Explanation, left_open, updates_in_words
from optimsche.runs.precision import Values
from optimsche.runs.search import Curve, Log, search, wrong_points

_MOST_LAG = 400
_MOST_CHANGES = 40
# A loss scale that begins far too high is halved as often.
_MOST_IN_A_ROW = 20
_POINTS = 2_000


def after_an_update(curve: Curve, log: Log, first: int) -> Iterator[Explanation]:
    """From an update on the counter is behind or ahead by a constant; `first` is the place of the first wrong point."""
    clock, rest = log.clock, Log(*(each[first:] for each in log))
    last = float(clock[-1])
    # The last update that was right, and the first that is wrong: the change lies between.
    before = float(clock[first - 1]) if first else 0.0
    gap = float(clock[first]) - before
    lags = np.concatenate([np.arange(1.0, last), -np.arange(1.0, min(max(last, curve.last - last), 200_000.0) + 1.0)])
    found = search(curve, rest, lags, lambda k, n: np.maximum(n - k, 0.0)).numbers
    for lags in (found[found > 0], found[found < 0]):
        if not len(lags):
            continue
        lag = float(lags[0])
        if before <= lag < clock[first]:  # which is a restart from 0
            continue
        size, since = abs(lag), f"from update {clock[first]:,.0f} on"
        of_how_many = left_open(np.abs(lags))
        if lag > 0:
            behind = f"{since} the schedule is {updates_in_words(size)} behind{of_how_many}"
            few = size <= gap and size <= 5
            yield Explanation(
                1.2 + (0.2 if few else 0.0),
                (Cause("stale", f"{behind}: it went on from an older state"),),
            )
            if size <= gap:
                cost = 1.2 + (0.0 if few else 0.2)
                yield Explanation(cost, (Cause("skips", f"{behind}: skipped updates were not counted"),))
            yield Explanation(1.5, (Cause("jump", f"{behind}: its counter jumped"),))
        else:
            text = f"{since} the schedule is {updates_in_words(size)} ahead{of_how_many}: its counter jumped"
            yield Explanation(1.2, (Cause("jump", text),))
    yield from _held(curve, log, first)


def _held(curve: Curve, log: Log, first: int) -> Iterator[Explanation]:
    """The rate of one update was kept for a while, and then the plan was followed again."""
    end = int(wrong_points(curve, log)[-1]) + 1
    if end == len(log.clock):
        return
    part = Log(*(each[first:end] for each in log))
    before = np.arange(0.0, log.clock[first])
    found = search(curve, part, before, lambda m, n: np.minimum(n, m)).numbers
    if len(found):
        text = f"the rate of update {found[-1]:,.0f}{left_open(found)} was kept until update {log.clock[end - 1]:,.0f}"
        yield Explanation(1.3, (Cause("stale", f"{text}, and then the plan was followed again"),))


def skips(curve: Curve, log: Log, sign: int) -> Iterator[Explanation]:
    """The counter falls behind (with sign -1 it gets ahead) a little again and again, with the fewest changes."""
    path = _path_of_all(curve, log, sign)
    if len(path) < len(log.clock) or not path.any():
        return
    since = int(np.flatnonzero(path)[0])
    last = int(np.flatnonzero(path == path[-1])[0])
    side, why = (
        ("behind", "skipped updates were not counted")
        if sign > 0
        else (
            "ahead",
            "skipped updates were counted, and the log counts only those that were made",
        )
    )
    text = f"from update {log.clock[since]:,.0f} on the schedule is {updates_in_words(path[since])} {side}"
    text += (f", from update {log.clock[last]:,.0f} on {path[-1]:,.0f}" if last > since else "") + f": {why}"
    changes = int(np.count_nonzero(np.diff(path))) + bool(path[0])
    yield Explanation(1.25 + 0.05 * changes, (Cause("skips", text),))


def _path_of_all(curve: Curve, log: Log, sign: int) -> Values:
    """The path of a log of any length: of a long one at first through a part of its points."""
    count = len(log.clock)
    places = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).astype(np.int64))
    while True:
        path = lag_path(curve, Log(*(each[places] for each in log)), sign)
        if len(path) < len(places) or len(places) == count:
            return path if len(places) == count else path[:0]
        # Where the lag changes between two of them, those between are needed, too.
        changes = np.flatnonzero(np.diff(path))
        more = [np.arange(int(places[at]), int(places[at + 1])) for at in changes]
        wanted = np.unique(np.concatenate([places, *more]))
        if len(wanted) == len(places) or len(wanted) > 4 * _POINTS:
            break
        places = wanted
    path = path[np.searchsorted(places, np.arange(count), side="right") - 1]
    rates = curve(np.maximum(log.clock - sign * path, 0.0))
    return path if ((log.low <= rates) & (rates <= log.high)).all() else path[:0]


def caught_up(curve: Curve, log: Log) -> Log:
    """The log with the clock that its skips leave, as far as they explain it, and then with their last lag."""
    count = len(log.clock)
    places = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).astype(np.int64))
    path = lag_path(curve, Log(*(each[places] for each in log)), 1)
    if not len(path):
        return log
    behind = path[np.minimum(np.searchsorted(places, np.arange(count), side="right") - 1, len(path) - 1)]
    return log._replace(clock=np.maximum(log.clock - behind, 0.0))


def restart_and_skips(curve: Curve, log: Log) -> Iterator[Explanation]:
    """The counter began again from 0 once, and before or after that fell behind."""
    if len(log.clock) > 10 * _POINTS:
        return
    path = lag_path(curve, log, 1)
    for place in range(len(path), max(len(path) - 3, 0), -1):
        if place >= len(log.clock) - 2:
            continue
        begin, end = float(log.clock[place - 1]), float(log.clock[place])
        rest = Log(*(each[place:] for each in log))
        later = lag_path(curve, rest._replace(clock=rest.clock - begin), 1, free=end - begin)
        lag = float(path[place - 1])
        if len(later) == len(rest.clock) and (lag or later[-1] > later[0]):
            causes = (
                Cause("restart", f"after update {begin + later[0]:,.0f} the schedule began again from 0"),
                Cause(
                    "skips",
                    f"before that it was {updates_in_words(lag)} behind, and at the end "
                    f"{updates_in_words(later[-1] - later[0])}: skipped updates were not counted",
                ),
            )
            yield Explanation(2.3, causes)
            return


def lag_path(curve: Curve, log: Log, sign: int, free: float = 0.0) -> Values:
    """How far the counter is behind at each point, for as many points as can be explained: the fewest changes.

    It may be behind by up to `free` at the first of them for nothing.
    """
    count = len(log.clock)
    most = int(min(_MOST_LAG, max(log.clock[-1] // 2, free)))
    lags = np.arange(most + 1.0)
    came: list[NDArray[np.int64]] = []
    before = np.where(lags <= max(log.clock[0] - 1.0, 0.0), 1.0, np.inf)
    before[lags <= free] = 0.0
    allowed = min(_MOST_CHANGES, max(4, count // 2))
    for point in range(count):
        rates = curve(np.maximum(log.clock[point] - sign * lags, 0.0))
        possible = (log.low[point] <= rates) & (rates <= log.high[point])
        gap = float(log.clock[point] - log.clock[point - 1]) if point else 0.0
        reached, origin = _fewest(before, int(min(gap, most)))
        reached = np.where(possible, reached, np.inf)
        if not reached.min() <= allowed:
            break
        came.append(origin)
        before = reached
    lag, path = int(np.argmin(before)), []
    for origin in reversed(came):
        path.append(lag)
        lag = int(origin[lag])
    return _while_it_moves(log.clock[: len(path)], np.array(path[::-1], dtype=float), sign)


def _while_it_moves(clock: Values, path: Values, sign: int) -> Values:
    """A path up to where the counter stops, if it stands still for longer than updates are skipped in a row."""
    counter = clock - sign * path
    since = np.searchsorted(counter, counter)  # the first point with the same counter
    still = np.flatnonzero(clock - clock[since] > _MOST_IN_A_ROW) if sign > 0 else np.zeros(0, np.int64)
    return path[: since[still[0]]] if len(still) else path


def _fewest(before: Values, gap: int) -> tuple[Values, NDArray[np.int64]]:
    """For each lag the fewest changes that lead to it, if it may have grown by at most `gap`, and from which lag."""
    size, places = len(before), np.arange(len(before), dtype=np.int64)
    if gap < 1:
        return before, places
    padded = np.concatenate([np.full(gap, np.inf), before])
    windows = np.lib.stride_tricks.sliding_window_view(padded, gap)[:size]  # the `gap` lags below each
    below = windows.argmin(axis=1)
    changed = windows[places, below] + 1.0
    return np.where(changed < before, changed, before), np.where(changed < before, places - gap + below, places)
