"""One cause, or two, that explain every point of a log.

A pair is found from its beginning: one cause explains the log up to some point, and another one, on top of it, the
whole. Or one of the two is a factor or a floor; these follow from the log whatever the other one is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from optimsche.runs import counting
from optimsche.runs.causes import (
    VALUES,
    Cause,
    Explanation,
    Family,
    Setting,
    counters,
    lengths,
    numbers_of,
    of_one_number,
    of_values,
    say_value,
    updates_in_words,
)
from optimsche.runs.precision import Values
from optimsche.runs.search import FACTOR, Curve, Log, as_it_is, leading, search, wrong_points

_POINTS = 100
_TRIED = 14
_FEWEST_POINTS = 8


def explanations(curve: Curve, log: Log, setting: Setting) -> list[Explanation]:
    """The explanations of a log that is not the plan's, the simplest first; of several of the same kinds one."""
    found = list(_single(curve, log, setting))
    if not found and len(log.clock) >= _FEWEST_POINTS:
        found = list(_pairs(curve, log, setting))
    best: dict[frozenset[str], Explanation] = {}
    for each in sorted(found, key=lambda explanation: explanation.cost):
        best.setdefault(frozenset(cause.kind for cause in each.causes), each)
    return list(best.values())


def _single(curve: Curve, log: Log, setting: Setting) -> Iterator[Explanation]:
    wrong = wrong_points(curve, log)
    if not len(wrong):
        return
    first = int(wrong[0])
    families = [*counters(log, float(log.clock[first]), setting), *lengths(curve, log, setting)]
    yield from of_one_number(curve, log, families, setting)
    yield from of_values(curve, log, setting)
    yield from counting.after_an_update(curve, log, first)
    yield from counting.skips(curve, log, 1)
    yield from counting.skips(curve, log, -1)


# ---------------------------------------------------------------------------------------------------------------------
# Two at once
# ---------------------------------------------------------------------------------------------------------------------


class _Begun(NamedTuple):
    """What is left to explain once one cause is taken for granted."""

    reach: int
    cost: float
    cause: Cause
    curve: Curve
    read: Callable[[Log], Log]  # the log as it is to be read then: with another clock, or its rates divided


def _pairs(curve: Curve, log: Log, setting: Setting) -> Iterator[Explanation]:
    first = int(wrong_points(curve, log)[0])
    of_plan = list(lengths(curve, log, setting))
    # With another factor or floor all rates are wrong: the first of them does not say when a counter went wrong.
    at_any_time = [*counters(log, float(log.clock[-1]), setting), *of_plan]
    yield from of_one_number(curve, log, at_any_time, setting, VALUES)
    families = [*counters(log, float(log.clock[first]), setting), *of_plan]
    yield from counting.restart_and_skips(curve, log)
    thin = _thinned(log, first)
    if any(True for _ in _unseen_warmup(curve, thin, families, setting)):
        yield from _unseen_warmup(curve, log, families, setting)
    begun = sorted(_beginnings(curve, thin, families, setting), key=lambda b: (-b.reach, b.cost))
    known: dict[tuple[float, ...], list[Explanation]] = {}  # what explains the rest where these rates are expected
    for one in begun:
        log_then = one.read(thin)
        expected = tuple((one.curve(log_then.clock) / np.maximum(log_then.high, 1e-300)).round(9))
        if expected not in known:
            if len(known) > _TRIED and one.cause.kind != "warmup":
                continue
            # What explains a hundred points is asked again of all of them.
            of_few = any(True for _ in _single(one.curve, log_then, setting))
            known[expected] = list(_single(one.curve, one.read(log), setting)) if of_few else []
        for other in known[expected]:
            if other.causes[0].kind != one.cause.kind:
                yield Explanation(one.cost + other.cost, (one.cause, *other.causes))


def _unseen_warmup(curve: Curve, log: Log, families: list[Family], setting: Setting) -> Iterator[Explanation]:
    """A warm-up that was over before the first points of the log, and another total: each such warm-up is tried."""
    warmups = [family for family in families if family.kind == "warmup"][:1]
    for family in warmups:
        most = int(min(log.clock[min(2, len(log.clock) - 1)], 60))
        for number in range(most + 1):
            cost, text = family.say(float(number))
            if cost < math.inf:
                begun = _begun(curve, family, float(number), 0, cost, text)
                totals = [each for each in lengths(begun.curve, log, setting) if each.kind == "total"]
                for other in of_one_number(begun.curve, log, totals, setting):
                    yield Explanation(cost + other.cost, (begun.cause, *other.causes))


def _thinned(log: Log, first: int) -> Log:
    """A hundred points of a log: from everywhere, and those around the first that is wrong."""
    count = len(log.clock)
    places = np.unique(
        np.concatenate(
            [
                np.linspace(0, count - 1, min(count, _POINTS)).astype(np.int64),
                np.arange(max(first - 5, 0), min(first + 20, count)),
            ]
        )
    )
    return Log(*(each[places] for each in log))


def _beginnings(curve: Curve, log: Log, families: list[Family], setting: Setting) -> Iterator[_Begun]:
    wrong = wrong_points(curve, log)
    first = int(wrong[0])
    least = max(first + 3, 4)
    for family in families:
        if family.whole is None:
            numbers = family.numbers
        else:
            parts = [Log(*(each[: max(len(log.clock) * k // 10, 4)] for each in log)) for k in (2, 4, 7)]
            numbers = np.unique(np.concatenate([numbers_of(family, curve, part) for part in parts]))
        reach = leading(curve, log, numbers, family.clocks)
        needed = first + 1 if family.kind == "warmup" else least
        for place in np.lexsort((np.arange(len(numbers)), -reach))[:3]:
            if reach[place] < needed:
                break
            number = float(numbers[place])
            cost, text = family.say(number)
            if cost < math.inf:
                yield _begun(curve, family, number, int(reach[place]), cost, text)
    yield from _factors(curve, log, setting)
    path = counting.lag_path(curve, log, 1)
    if least <= len(path) < len(log.clock):
        text = f"from update {log.clock[first]:,.0f} on the schedule falls behind, by {path[-1]:,.0f} in the end: "
        cause = Cause("skips", text + "skipped updates were not counted")
        yield _Begun(len(path), 1.3, cause, curve, lambda any_log: counting.caught_up(curve, any_log))
    yield from _after(curve, log, first)


def _after(curve: Curve, log: Log, first: int) -> Iterator[_Begun]:
    rest = Log(*(each[first:] for each in log))
    last = float(log.clock[-1])
    lags = np.concatenate([np.arange(1.0, last), -np.arange(1.0, last)])
    lags = lags[np.argsort(np.abs(lags), kind="stable")]
    reach = leading(curve, rest, lags, lambda k, n: np.maximum(n - k, 0.0))
    for place in np.lexsort((np.arange(len(lags)), -reach))[:2]:
        if reach[place] < 3:
            break
        lag = float(lags[place])

        def read(any_log: Log, lag: float = lag) -> Log:
            clock = any_log.clock
            return any_log._replace(clock=np.where(clock >= log.clock[first], np.maximum(clock - lag, 0.0), clock))

        side = "behind" if lag > 0 else "ahead"
        text = f"from update {log.clock[first]:,.0f} on the schedule is {updates_in_words(abs(lag))} {side}"
        kinds = (
            {"jump": "its counter jumped"}
            if lag < 0
            else {
                "stale": "it went on from an older state",
                "jump": "its counter jumped",
            }
        )
        for kind, why in kinds.items():
            yield _Begun(first + int(reach[place]), 1.2, Cause(kind, f"{text}: {why}"), curve, read)


def _factors(curve: Curve, log: Log, setting: Setting) -> Iterator[_Begun]:
    """A factor, from the points that the plan explains up to it, and from the highest rate."""
    one = np.zeros(1)
    reach = int(leading(curve, log, one, as_it_is, FACTOR)[0])
    spans = []
    if reach >= 4:
        part = Log(*(each[:reach] for each in log))
        found = search(curve, part, one, as_it_is, FACTOR)
        spans.append((reach, float(found.low[0]), float(found.high[0])))
    top = int(np.argmax(log.low))
    spans.append((4, float(log.low[top]) / curve.peak, float(log.high[top]) / curve.peak))
    for count, low, high in spans:
        cost, text, _ = say_value(FACTOR, curve, low, high, setting)
        if cost < math.inf and low > 0:

            def read(any_log: Log, low: float = low, high: float = high) -> Log:
                return any_log._replace(low=any_log.low / high, high=any_log.high / low)

            yield _Begun(count, cost, Cause("factor", text), curve, read)


def _begun(curve: Curve, family: Family, number: float, reach: int, cost: float, text: str) -> _Begun:
    def clocks(clock: Values) -> Values:
        then: Values = family.clocks(np.array([[number]]), clock[None, :])[0]
        return then

    def read(any_log: Log) -> Log:
        return any_log if family.of_plan else any_log._replace(clock=clocks(any_log.clock))

    if not family.of_plan:
        return _Begun(reach, cost, Cause(family.kind, text), curve, read)
    knots = curve.knots
    if family.lengths is not None:
        pieces = [float(np.squeeze(length)) for length in family.lengths(np.array(number))]
        knots = np.unique(knots[0] + np.concatenate([[0.0], np.cumsum(pieces)]))  # what has no length is no piece
    changed = Curve(lambda clock: curve(clocks(clock)), knots, curve.last)
    return _Begun(reach, cost, Cause(family.kind, text), changed, read)
