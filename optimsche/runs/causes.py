"""The causes that are looked for: what each does to the clock or to the rate, and how it is said.

Two kinds of cause change a clock. One is in the *plan* that was built (a length in it is another), the other in the
*counter* that it was called with (it began again, or lags behind). A plan's cause comes after a counter's: the counter
says where the plan is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from optimsche.runs.precision import Values, roundest
from optimsche.runs.search import (
    FACTOR,
    FLOOR,
    FLOOR_OF_ALL,
    Clocks,
    Curve,
    Log,
    Value,
    as_it_is,
    search,
    whole_numbers,
)


class Setting(NamedTuple):
    """What the user said of the run, in whose terms a number may be named."""

    accum_grad: int | None
    world_size: int | None
    per_epoch: int | None
    in_epoch: int | None
    counts: str


class Cause(NamedTuple):
    """One cause that explains every point of a log, alone or with others of the same explanation."""

    kind: str
    text: str


class Family(NamedTuple):
    """Causes that differ in one number: the numbers to look at, and what each does to the clock."""

    kind: str
    numbers: Values
    clocks: Clocks
    say: Any  # from the number to (cost, words); a number that is not worth naming costs math.inf
    of_plan: bool = False
    whole: tuple[int, int] | None = None  # numbers are to be found between these
    lengths: Any = None  # from the number to the lengths that the pieces then have


class Explanation(NamedTuple):
    """Causes that together explain every point; of two explanations that with the lower cost is the simpler one."""

    cost: float
    causes: tuple[Cause, ...]


# ---------------------------------------------------------------------------------------------------------------------
# Words
# ---------------------------------------------------------------------------------------------------------------------


def _roundness(number: float) -> float:
    """From 0 for a number of one digit, upwards."""
    digits = f"{abs(number):.6e}".partition("e")[0].replace(".", "").rstrip("0")
    return 0.02 * (len(digits) - 1)


def updates_in_words(count: float) -> str:
    """So many updates, or one update."""
    return f"{count:,.0f} update" + ("" if count == 1 else "s")


def _as_given(number: float, setting: Setting) -> str:
    """A whole factor on a clock in terms of what the user said of the run."""
    named = {
        "processes": setting.world_size,
        "micro-batches in a window": setting.accum_grad,
        "processes times micro-batches in a window": (setting.accum_grad or 0) * (setting.world_size or 0),
        "updates in an epoch": setting.per_epoch,
        "micro-batches in an epoch": setting.in_epoch,
    }
    return next((f"; {number:g} is the number of {name}" for name, given in named.items() if given == number > 1), "")


# ---------------------------------------------------------------------------------------------------------------------
# Counters
# ---------------------------------------------------------------------------------------------------------------------


def counters(log: Log, first: float, setting: Setting) -> Iterator[Family]:
    """Causes in the counter that have one number; `first` is the clock of the first point that is wrong."""
    last = float(log.clock.max())
    span = min(last, 200_000.0)

    def say_shift(k: float) -> tuple[float, str]:
        if k == 0:
            return math.inf, ""
        side = "late" if k > 0 else "early"
        return 1.0 + _roundness(k), f"the schedule is {updates_in_words(abs(k))} {side} in the whole log"

    lags = np.concatenate([np.arange(-span, 0.0), np.arange(1.0, last)])
    lags = lags[np.argsort(np.abs(lags), kind="stable")]
    yield Family("shift", lags, lambda k, n: np.maximum(n - k, 0.0), say_shift)
    yield Family("shift", lags[lags > 0], lambda k, n: np.maximum(n - k, 1.0), say_shift)

    def say_log(k: float) -> tuple[float, str]:
        if k > 0:
            return 0.9, "what was logged at an update is the rate of the next one"
        return 0.9, "what was logged at an update is its own rate: counts='next' is wrong"

    kind, off = ("logged_next", 1.0) if setting.counts == "this" else ("logged_this", -1.0)
    yield Family(kind, np.array([off]), lambda k, n: n + k, say_log)

    def say_skips(k: float) -> tuple[float, str]:
        return 1.3, f"the schedule is {updates_in_words(k)} behind in the whole log: skipped updates were not counted"

    if log.clock[0] > 1:
        yield Family("skips", np.arange(1.0, min(log.clock[0], 65.0)), lambda k, n: n - k, say_skips)
    yield from _clock_factors(last, setting)

    def say_restart(m: float) -> tuple[float, str]:
        return 1.0, f"after update {m:,.0f} the schedule began again from 0"

    before = np.arange(0.0, min(first, 200_000.0))
    yield Family("restart", before[1:], lambda m, n: np.where(n > m, n - m, n), say_restart)
    yield Family("restart", before[1:], lambda m, n: np.where(n > m, np.maximum(n - m - 1.0, 0.0), n), say_restart)
    yield Family(
        "frozen",
        before,
        lambda m, n: np.minimum(n, m),
        lambda m: (1.0, f"after update {m:,.0f} the rate changed no more: the schedule was not stepped"),
    )


def _clock_factors(last: float, setting: Setting) -> Iterator[Family]:
    whole = np.arange(2.0, min(last, 20_000.0) + 1.0)
    epochs = {setting.per_epoch, setting.in_epoch} - {None}
    given = {setting.accum_grad, setting.world_size, (setting.accum_grad or 1) * (setting.world_size or 1)} - {None, 1}

    def say_fast(k: float) -> tuple[float, str]:
        return 0.7 if k in given else 1.0 + _roundness(k), f"the schedule runs {k:,.0f} times too fast" + _as_given(
            k, setting
        )

    for fast in (lambda k, n: (n - 1.0) * k + 1.0, lambda k, n: n * k, lambda k, n: (n - 1.0) * k):
        yield Family("clock_factor", whole[whole <= 4_096], fast, say_fast, of_plan=True)

    def say_slow(k: float) -> tuple[float, str]:
        cost = 0.7 if k in given else 1.2 if epochs or given or k not in (2, 4, 8, 16, 32, 64) else 1.0
        return cost, f"the schedule runs {k:,.0f} times too slowly" + _as_given(k, setting)

    def say_per_epoch(k: float) -> tuple[float, str]:
        if epochs and k not in epochs:
            return math.inf, ""
        return 0.8 if epochs else 1.1, f"the schedule was stepped once an epoch, of {k:,.0f} updates"

    in_stairs: tuple[Clocks, ...] = (
        lambda k, n: np.floor((n - 1.0) / k) + 1.0,
        lambda k, n: np.floor((n - 1.0) / k),
        lambda k, n: np.floor(n / k),
    )
    for slow in in_stairs:
        yield Family("clock_factor", whole, slow, say_slow, of_plan=True)
        yield Family("per_epoch", whole, slow, say_per_epoch, of_plan=True)
    yield Family("clock_factor", whole, lambda k, n: n / k, say_slow, of_plan=True)


# ---------------------------------------------------------------------------------------------------------------------
# Lengths in the plan
# ---------------------------------------------------------------------------------------------------------------------


def _warped(clock: Values, new: list[Any], old: Values, origin: float, beyond: bool) -> Values:
    """The clock at which the plan is read if its pieces, of lengths `old`, have lengths `new`.

    What comes after the last goes at its own pace, or, where `beyond` says so, at that of the last.
    """
    read, begin = np.minimum(clock, origin) + np.zeros(np.broadcast_shapes(clock.shape, np.shape(new[0]))), origin
    for length, planned in zip(new, old, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(length > 0, np.clip((clock - begin) / length, 0.0, 1.0), clock >= begin)
        read, begin = read + planned * part, begin + length
    pace = old[-1] / np.maximum(new[-1], 1e-9) if beyond else 1.0
    read = read + np.maximum(clock - begin, 0.0) * pace
    near = np.round(read)
    return np.where(np.abs(read - near) < 1e-9 * np.maximum(near, 1.0), near, read)


def lengths(curve: Curve, log: Log, setting: Setting) -> Iterator[Family]:
    """The plan with a warm-up or a total of another length: what else keeps its length differs."""
    last = float(log.clock.max())
    knots = curve.knots
    if len(knots) < 2:
        return
    origin, pieces = float(knots[0]), np.diff(knots)
    count = len(pieces)
    rises = float(curve(knots[1:2])[0]) > float(curve(knots[:1])[0]) and count > 0
    # Equal pieces after the first are cycles, or the beats of a wave: it has no end, and is as long as its first fall.
    cycles = count > 2 and bool(np.ptp(pieces[1:]) <= 1e-9 * pieces[1])
    far = curve.rate(np.array([knots[-1] + 1.0, knots[-1] + 1e4]))
    endless = bool(abs(far[0] - far[1]) > 1e-9 * curve.peak)
    is_wave = cycles and endless
    total = float(pieces[0] * rises + pieces[1] if is_wave else pieces.sum())
    most = int(max(20 * max(total, 1.0), 4 * last))
    # A wave that turns between two points of the log goes through any.
    shortest = max(1, math.ceil(float(np.median(np.diff(log.clock))))) if cycles and len(log.clock) > 1 else 1

    def say_warmup(w: float) -> tuple[float, str]:
        planned = float(pieces[0])
        if w == planned:
            return math.inf, ""
        ratio = max(w, planned) / max(min(w, planned), 1e-9)
        units = _as_given(round(ratio), setting) if abs(ratio - round(ratio)) < 1e-9 else ""
        units = f"{units}: it was counted in other units" if units else ""
        return 1.0 + 4 * _roundness(w), f"the warm-up has {updates_in_words(w)} and not {planned:,.0f}{units}"

    def family(kind: str, say: Any, new_of: Any, lowest: int, beyond: bool = False) -> Family:
        def clocks(number: Values, clock: Values) -> Values:
            return _warped(clock, new_of(number), pieces, origin, beyond)

        return Family(kind, np.zeros(0), clocks, say, of_plan=True, whole=(lowest, most), lengths=new_of)

    if rises:
        fixed = list(pieces[1:])
        yield family("warmup", say_warmup, lambda w: [w, *fixed], 0)
        for j in {1, count - 1} - {0}:
            if j < count:
                yield family(
                    "warmup",
                    say_warmup,
                    lambda w, j=j: [
                        w,
                        *(np.maximum(p + (pieces[0] - w) * (i == j), 0.0) for i, p in enumerate(pieces) if i),
                    ],
                    0,
                )
        if cycles:
            yield family("warmup", say_warmup, lambda w: [w, *(np.maximum(p + pieces[0] - w, 0.0) for p in fixed)], 0)
        if count > 2:
            rest = total - pieces[0]
            yield family(
                "warmup", say_warmup, lambda w: [w, *(p * np.maximum(total - w, 0.0) / rest for p in fixed)], 0
            )
        if endless:
            yield family("warmup", say_warmup, lambda w: [w, *(p * w / pieces[0] for p in fixed)], 1, True)

    def say_total(t: float) -> tuple[float, str]:
        if t == total:
            return math.inf, ""
        text = f"the schedule is made for {updates_in_words(t)} and not for {total:,.0f}"
        ratio = max(t, total) / min(t, total)
        return 1.0 + 4 * _roundness(t), text + (
            _as_given(round(ratio), setting) if abs(ratio - round(ratio)) < 1e-9 else ""
        )

    start = 1 if rises and count > 1 else 0
    if rises and count == 1:
        return
    if cycles and not (is_wave and not rises):
        cycle, before = float(pieces[1]), float(pieces[0])

        def say_cycle(c: float) -> tuple[float, str]:
            if c == cycle:
                return math.inf, ""
            text = f"the fall after update {before:,.0f} is made for {updates_in_words(c)} and not for {cycle:,.0f}"
            return 1.0 + 4 * min(_roundness(c), _roundness(c + before)), text

        of_cycle = lambda c: [before + 0.0 * c, *(c for _ in pieces[1:])]  # noqa: E731
        yield family("total", say_cycle, of_cycle, shortest, True)
    if is_wave:
        least = math.ceil(shortest * total / float(pieces[1]))
        yield family("total", say_total, lambda t: [p * t / total for p in pieces], least, True)
        return
    for j in range(start, count) if count <= 4 else (start, count - 1):
        yield family(
            "total",
            say_total,
            lambda t, j=j: [np.maximum(p + (t - total) * (i == j), 0.0) + 0.0 * t for i, p in enumerate(pieces)],
            1,
        )
    if count > 1:
        yield family("total", say_total, lambda t: [p * t / total for p in pieces], 1)
    if count - start > 1 and start:
        rest = total - pieces[0]
        yield family(
            "total",
            say_total,
            lambda t: [pieces[0] + 0.0 * t, *(p * np.maximum(t - pieces[0], 0.0) / rest for p in pieces[1:])],
            1,
        )


# ---------------------------------------------------------------------------------------------------------------------
# Values
# ---------------------------------------------------------------------------------------------------------------------


def say_value(value: Value, curve: Curve, low: float, high: float, setting: Setting) -> tuple[float, str, float]:
    """Cost and words of a factor or a floor known to lie in an interval, and the number itself."""
    if high == math.inf:  # no point tells
        return math.inf, "", high
    number = roundest(low, high)
    if value.kind == "floor":
        if low <= curve.floor <= high:
            return math.inf, "", curve.floor
        return 1.0 + 4 * _roundness(number), f"the floor is {number:.6g} and not {curve.floor:.6g}", number
    if low <= 1.0 <= high:
        return math.inf, "", 1.0
    if low <= curve.peak <= high:
        text = (
            f"every rate is {curve.peak:g} times the plan's, which is its peak: the base rate counts twice (a plan in "
        )
        return 0.9, text + "rates was taken for one in parts of a rate)", curve.peak
    for whole in (round((low + high) / 2), round(2 / (low + high)) if low > 0 else 0):
        exact = float(whole) if low <= whole <= high else 1.0 / whole if whole and low <= 1.0 / whole <= high else 0.0
        if exact:
            words = f"{whole:g}" if exact > 1 else f"1/{whole:g}"
            return 1.0 + _roundness(whole), f"every rate is {words} times the plan's" + _as_given(whole, setting), exact
    return 1.0 + 4 * _roundness(number), f"every rate is {number:.6g} times the plan's", number


VALUES = (FACTOR, FLOOR, FLOOR_OF_ALL)
_MOST_SAID = 200


def numbers_of(family: Family, curve: Curve, log: Log, value: Value | None = None) -> Values:
    """The numbers of a family that are worth a look."""
    if family.whole is None:
        return family.numbers
    return whole_numbers(curve, log, *family.whole, family.clocks, value)


def left_open(numbers: Sequence[float] | Values) -> str:
    """What is to be added to the words of a number where others explain as much."""
    if len(numbers) < 2:
        return ""
    return f" (the log leaves it open between {min(numbers):,.0f} and {max(numbers):,.0f})"


def of_one_number(
    curve: Curve, log: Log, families: list[Family], setting: Setting, values: tuple[Value | None, ...] = (None,)
) -> Iterator[Explanation]:
    """Explanations by one cause of these families, alone or together with a value."""
    for value in values:
        for family in families:
            found = search(curve, log, numbers_of(family, curve, log, value), family.clocks, value)
            best: Explanation | None = None
            said = [(float(each), *family.say(float(each))) for each in found.numbers[:_MOST_SAID]]
            open_between = left_open([number for number, cost, _ in said if cost < math.inf])
            for (_, cost, text), low, high in zip(said, found.low, found.high, strict=False):
                causes = [Cause(family.kind, text + open_between)]
                if value is not None:
                    more, words, _ = say_value(value, curve, float(low), float(high), setting)
                    cost += more
                    causes.append(Cause(value.kind, words))
                if cost < math.inf and (best is None or cost < best.cost):
                    best = Explanation(cost, tuple(causes))
            if best is not None:
                yield best


def of_values(curve: Curve, log: Log, setting: Setting) -> Iterator[Explanation]:
    """Explanations by what was done to the rate alone."""
    for value in VALUES:
        found = search(curve, log, np.zeros(1), as_it_is, value)
        for low, high in zip(found.low, found.high, strict=True):
            cost, text, _ = say_value(value, curve, float(low), float(high), setting)
            if cost < math.inf:
                yield Explanation(cost, (Cause(value.kind, text),))
    yield from _clamped(curve, log)
    yield from _warmed(curve, log)


def _clamped(curve: Curve, log: Log) -> Iterator[Explanation]:
    """A floor below which the rate did not fall."""
    rates = curve(log.clock)
    held = (rates < log.low) | (log.high < rates)
    low, high = float(log.low[held].max()), float(log.high[held].min())
    above = rates[~held]
    if low <= high < math.inf and rates[held].max() < low and (not len(above) or above.min() > low - (high - low)):
        number = roundest(low, high)
        yield Explanation(1.15 + _roundness(number), (Cause("floor", f"the rate never falls below {number:.6g}"),))


def _warmed(curve: Curve, log: Log) -> Iterator[Explanation]:
    """A warm-up that the plan does not have: the plan begins after it, or has so much less time."""
    origin = float(curve.knots[0])
    top, length = float(curve(np.array([origin]))[0]), float(curve.knots[-1]) - origin
    since = log.clock - origin
    ramp = (since > 0) & (log.high < top)
    if not ramp.any() or top < curve.peak:
        return
    place = int(np.argmax(ramp))
    fewest, most = (top * since[place] / max(float(rate[place]), 1e-300) for rate in (log.high, log.low))
    steps = np.arange(max(math.ceil(fewest), 2.0), min(most, float(log.clock[-1]), fewest + _MOST_SAID) + 1.0)
    for kept in (False, True):
        good = []
        for warmup in steps[steps < length] if kept else steps:
            pace = length / (length - warmup) if kept else 1.0
            after = curve(origin + np.round(np.maximum(since - warmup, 0.0) * pace, 9))
            rates = np.where(since < warmup, top * np.maximum(since, 0.0) / warmup, after)
            if ((log.low <= rates) & (rates <= log.high)).all():
                good.append(float(warmup))
        if good:
            best = min(good, key=_roundness)
            text = f"there is a warm-up of {updates_in_words(best)}, which the plan does not have{left_open(good)}"
            yield Explanation(1.0 + 4 * _roundness(best), (Cause("warmup", text),))
