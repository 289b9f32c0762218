"""Trees of lr functions and combinators, drawn by a seed: what is recorded, and at which clocks.

Nothing here is asked of the library but whether it takes a tree, and where its boundaries are. The same seed draws the
same trees as long as those answers are the same; a recording holds what was drawn, so that it can be read without this.
"""

import inspect
import math
import random
from collections.abc import Callable
from typing import NamedTuple

import optimsche as o

CLOCKS, LARGEST = 40, 1e12
_SEED = "rates of today"
_DEPTHS, _SHARES = (1, 2, 3, 4, 5), (10, 20, 25, 25, 20)
# Parameters must fit each other; if they do not, they are drawn again, and after so many times another function is.
_TRIES = 8


class Drawn(NamedTuple):
    """A schedule, and the text that it was built from in parallel."""

    text: str
    schedule: o.Schedule


class Case(NamedTuple):
    """A tree as text, and its clocks with an epoch for each."""

    text: str
    clocks: list[float]
    epochs: list[float]


def draw(count):
    """So many cases, all different."""
    seen, number = set(), 0
    while len(seen) < count:
        rng = random.Random(f"{_SEED} {number}")
        number += 1
        (depth,) = rng.choices(_DEPTHS, _SHARES)
        size = 10 ** rng.uniform(0.3, 5.7)  # lengths of one tree are of one order, as in a plan
        drawn = _tree(rng, depth, size)
        if drawn.text not in seen:
            seen.add(drawn.text)
            clocks = _clocks(rng, drawn.schedule)
            yield Case(drawn.text, clocks, _epochs(rng, drawn.schedule))


# ---------------------------------------------------------------------------------------------------------------------
# Numbers as people write them, and a few as they do not
# ---------------------------------------------------------------------------------------------------------------------


def _digits(x, count):
    return float(f"{x:.{count - 1}e}")


def _plain(x):
    return int(x) if x == int(x) else x


def _rate(rng, least=0.0):
    if rng.random() < 0.2:
        return rng.choice([1.0, 1.0, 0.1, 0.5, least, least])
    x = 10 ** rng.uniform(-6, 1)
    return _digits(x, rng.choice([1, 1, 1, 2, 2, 3, 17]))


def _length(rng, size):
    """A length of about this size: from 1 to 1e6, or a few hundredths of a run whose length is 1."""
    if size < 1:
        return _digits(rng.uniform(0.05, 1.0), 2)
    x = size * math.exp(rng.uniform(-3, 1)) if rng.random() < 0.9 else 10 ** rng.uniform(0, 6)
    x = min(max(x, 1.0), 1e6)
    match rng.choices(["round", "whole", "decimal", "any"], [50, 25, 15, 10])[0]:
        case "round":
            return int(_digits(math.ceil(x), rng.choice([1, 2])))
        case "whole":
            return round(x)
        case "decimal":
            return rng.choice([round(x, 1) + 0.5, math.floor(x) + 0.25, round(x) + 0.1])
    return x


def _share(rng):
    return rng.choice([0.1, 0.5, 0.5, 0.8, 0.9, 0.99, 1.0, _digits(rng.uniform(0.05, 1.0), 3)])


def _power(rng):
    return rng.choice([0.5, 0.5, 0.8, 1, 1.5, 2, 2, 3, 0.9, _digits(rng.uniform(0.2, 4), 3)])


def _points(rng, size, count):
    """Increasing numbers of updates."""
    found = [_length(rng, size)]
    for _ in range(count - 1):
        found.append(found[-1] + _length(rng, size))
    return tuple(found)


# ---------------------------------------------------------------------------------------------------------------------
# Shapes
# ---------------------------------------------------------------------------------------------------------------------

_FORMULAS = (
    "0.1 / (1 + 0.1 * t)",
    "{r} * 0.5 ** (t // {n})",
    "min(1, t / {n})",
    "{r} * (1 + cos(pi * min(t, {n}) / {n})) / 2",
    "{r} * exp(-t / {n})",
    "sqrt({n} / max(t, {n}))",
    "{r} if t < {n} else {q}",
    "{r} if t <= {n} else {q} if t < 3 * {n} else 0",
    "max(0, 1 - t / {n}) ** 2",
    "abs(t % {n} - {n} / 2) / {n}",
    "log(1 + t) / 10",
    "1 - tanh(t / {n})",
    "1 if {n} < t and t <= 2 * {n} else 0.5",
    "{r} * (1 if t < {n} or not t < 2 * {n} else 0.1)",
    "floor(t / {n}) % 2",
    "{r} * ceil(t / {n})",
    "{r} / (1 + round(t / {n}))",
    "int(t / {n}) / 3",
    "sin(t / {n}) ** 2 + {r}",
    "pow(0.9, t / {n})",
    "lambda step: {r} * (step + 1) ** -0.5",
    "{r} * 0.1 ** ((t > {n}) + (t > 2 * {n}))",
    "1 - t / {n}",
    "min({r}, {q} * t, sqrt(t) / {n}, 3)",
    "float(t) / (t + {n}) - -{r} * e ** -2",
)


def _expression(rng, size):
    return {"text": rng.choice(_FORMULAS).format(n=_length(rng, size), r=_rate(rng), q=_rate(rng))}


def _ends(rng, size, least=0.0):
    return {"start": _rate(rng, least), "end": _rate(rng, least), "steps": _length(rng, size)}


def _hyperbolic(rng, size):
    ends = _ends(rng, size)
    return {**ends, "upper_bound": _plain(ends["steps"] * rng.choice([1, 1.5, 2, 2.5, 10]))}


def _tanh(rng, size):
    lower, upper = rng.choice([(-7.0, 3.0), (-3, 3), (-6, 3), (0, 2.5), (-1.5, 0.25), (-3.7, -0.2)])
    return {**_ends(rng, size), "lower": lower, "upper": upper}


def _fall(rng, name, size):
    return {"start": _rate(rng), name: _length(rng, size)}


def _milestones(rng, size):
    factor = rng.choice([0.1, 0.1, 0.5, 0.2, 2, 1.5, _share(rng)])
    return {"start": _rate(rng), "factor": factor, "at": _points(rng, size, rng.randint(1, 6))}


def _piecewise_constant(rng, size):
    at = _points(rng, size, rng.randint(1, 6))
    return {"values": tuple(_rate(rng) for _ in range(len(at) + 1)), "at": at}


def _piecewise_linear(rng, size):
    at = _points(rng, size, rng.randint(1, 6))
    at = (0, *at) if rng.random() < 0.5 else at
    return {"values": tuple(_rate(rng) for _ in at), "at": at}


_SHAPES: dict[str, Callable[..., dict]] = {
    "constant": lambda rng, size: {"value": _rate(rng), "steps": rng.choice([None, _length(rng, size)])},
    "cosine": _ends,
    "exponential": lambda rng, size: {**_fall(rng, "every", size), "factor": _share(rng)},
    "expression": _expression,
    "geometric": lambda rng, size: _ends(rng, size, 1e-6),
    "hyperbolic": _hyperbolic,
    "inverse_sqrt": lambda rng, size: _fall(rng, "timescale", size),
    "linear": _ends,
    "milestones": _milestones,
    "one_minus_power": lambda rng, size: {**_ends(rng, size), "power": _power(rng)},
    "piecewise_constant": _piecewise_constant,
    "piecewise_linear": _piecewise_linear,
    "polynomial": lambda rng, size: {**_ends(rng, size), "power": _power(rng)},
    "power_law": lambda rng, size: {**_fall(rng, "timescale", size), "power": _power(rng)},
    "rex": lambda rng, size: {**_ends(rng, size), "beta": rng.choice([0.5, 0.5, 0.9, 0, -1, -9.0, 0.99])},
    "step_decay": lambda rng, size: {**_fall(rng, "every", size), "factor": _share(rng)},
    "tanh": _tanh,
}


def _shape(rng, size):
    name = rng.choice([*_SHAPES, "linear", "cosine", "constant", "expression"])
    return _built(rng, name, (), _SHAPES[name](rng, size))


def _built(rng, name, inner, parameters):
    """A schedule, and its text: schedules by position, parameters by name, some of those with a default left out."""
    defaults = inspect.signature(getattr(o, name)).parameters
    given = {
        key: value
        for key, value in parameters.items()
        if value is not None and (defaults[key].default is inspect.Parameter.empty or rng.random() < 0.85)
    }
    written = [*(drawn.text for drawn in inner), *(f"{key}={value!r}" for key, value in given.items())]
    schedule = getattr(o, name)(*(drawn.schedule for drawn in inner), **given)
    return Drawn(f"{name}({', '.join(written)})", schedule)


# ---------------------------------------------------------------------------------------------------------------------
# Combinators
# ---------------------------------------------------------------------------------------------------------------------


def _tree(rng, depth, size):
    """A schedule nested so deep, whose lengths are about of this size."""
    if depth == 1:
        return _shape(rng, size)
    while True:
        (name,) = rng.choices(list(_COMBINATORS), [share for share, _ in _COMBINATORS.values()])
        for _ in range(_TRIES):
            try:
                return _COMBINATORS[name][1](rng, depth, size)
            except ValueError:  # refused: it is drawn again
                continue


def _inside(rng, depth, size):
    """What a combinator is made of: its schedule, one level less deep."""
    return _tree(rng, depth - 1, size)


def _beside(rng, depth, size, first):
    """Another, as deep at most, and now and then the same once more; which of the two comes first is left to chance."""
    second = first if rng.random() < 0.08 else _tree(rng, rng.choice([depth - 1, rng.randint(1, depth - 1)]), size)
    return (first, second) if rng.random() < 0.6 else (second, first)


def _near(rng, drawn, size):
    """An update in the schedule, at one of its boundaries, or beyond."""
    boundaries = drawn.schedule.boundaries()
    if boundaries and rng.random() < 0.3:
        return _plain(rng.choice(boundaries))
    return _length(rng, size)


def _then(rng, depth, size):
    first, second = _beside(rng, depth, size, _inside(rng, depth, size))
    at = _near(rng, first, size) if first.schedule.length == math.inf or rng.random() < 0.4 else None
    return _built(rng, "then", (first, second), {"at": at})


def _sequence(rng, depth, size):
    """As text it is the pieces that it is made of, since it is no combinator of its own."""
    count = rng.randint(3, 2 ** min(depth - 1, 4)) if depth > 2 else 3
    levels = math.ceil(math.log2(count))
    if depth <= levels:
        raise ValueError("more pieces than so few levels hold")
    pieces = [_tree(rng, rng.randint(1, depth - levels), size).schedule for _ in range(count)]
    schedule = o.sequence(pieces, at=rng.choice([None, _points(rng, size, count - 1)]))
    return Drawn(repr(schedule), schedule)


def _warmup(rng, depth, size):
    steps = 0 if rng.random() < 0.05 else _length(rng, rng.choice([size, max(size / 8, 1)]))
    start = rng.choice([None, None, _rate(rng)])
    return _built(rng, "warmup", (_inside(rng, depth, size),), {"steps": steps, "start": start})


def _cooldown(rng, depth, size):
    inner = _inside(rng, depth, size)
    parameters = {"at": _near(rng, inner, size), "steps": _length(rng, size), "end": rng.choice([None, _rate(rng)])}
    return _built(rng, "cooldown", (inner,), parameters)


def _scale(rng, depth, size):
    factor = rng.choice([_rate(rng), _rate(rng), 3e-4, 0.5, 2, 0.1])
    return _built(rng, "scale", (_inside(rng, depth, size),), {"factor": factor})


def _product(rng, depth, size):
    first, second = _beside(rng, depth, size, _inside(rng, depth, size))
    return Drawn(f"scale({first.text}, {second.text})", o.scale(first.schedule, second.schedule))


def _add(rng, depth, size):
    return _built(rng, "add", _beside(rng, depth, size, _inside(rng, depth, size)), {})


def _clamp(rng, depth, size):
    inner = _inside(rng, depth, size)
    floor, ceiling = sorted((_rate(rng), _rate(rng)))
    return _built(rng, "clamp", (inner,), {"floor": floor, "ceiling": rng.choice([None, ceiling, ceiling])})


def _shift(rng, depth, size):
    by = rng.choice([1, -1, -1, _length(rng, size), -_length(rng, size), -0.5, 0])
    return _built(rng, "shift", (_inside(rng, depth, size),), {"by": by})


def _stretch(rng, depth, size):
    by = rng.choice([0.5, 2, 3, 1.3, 1.7, 10, 0.1, 1 / 3, 1, _digits(rng.uniform(0.1, 10), 3)])
    return _built(rng, "stretch", (_inside(rng, depth, size),), {"by": by})


def _over(rng, depth, size):
    """A plan in updates, or in parts of a run, played over a number of updates."""
    inner = _inside(rng, depth, rng.choice([size, 0.5]))
    if inner.schedule.length == math.inf:
        raise ValueError("it never ends")
    steps = rng.choice([_length(rng, size), _length(rng, size), round(10 * size), math.ceil(inner.schedule.length)])
    return _built(rng, "over", (inner,), {"steps": steps})


def _staircase(rng, depth, size):
    every = _length(rng, rng.choice([size, size / 10, size / 30]) if size > 30 else size)
    parameters = {"every": every, "closed": rng.choice([None, "right", "left", "left"])}
    return _built(rng, "staircase", (_inside(rng, depth, size),), parameters)


def _by_epoch(rng, depth, size):
    return _built(rng, "by_epoch", (_inside(rng, depth, 10 ** rng.uniform(0.3, 2.5)),), {})


def _warp(rng, depth, size):
    """A shape on a clock that moves from 0 to its length in its own way, or on one that does as it likes."""
    inner_size = rng.choice([0.5, 0.5, size])
    inner = _tree(rng, rng.randint(1, depth - 1), inner_size)
    end = 1.0 if inner_size < 1 else float(_length(rng, size))
    if depth > 2 and rng.random() < 0.5:
        clock = _built(rng, "scale", (_tree(rng, depth - 2, size),), {"factor": end})
    else:
        name = rng.choice(["linear", "cosine", "one_minus_power", "rex", "polynomial"])
        clock = _built(rng, name, (), {**_SHAPES[name](rng, size), "start": 0.0, "end": end})
    return Drawn(f"warp({inner.text}, {clock.text})", o.warp(inner.schedule, clock.schedule))


def _jitter(rng, depth, size):
    amount = rng.choice([0.1, 0.05, 0.5, 1.0, 0.0, _digits(rng.random(), 3)])
    seed = rng.choice([None, 0, 7, 123, rng.randrange(2**32)])
    return _built(rng, "jitter", (_inside(rng, depth, size),), {"amount": amount, "seed": seed})


def _repeat(rng, depth, size):
    inner = _inside(rng, depth, size)
    needs_length = not 0 < inner.schedule.length < math.inf
    parameters = {
        "times": rng.choice([None, None, 1, 2, 3, 3, 5, 8, 12, 40]),
        "every": _near(rng, inner, size) if needs_length or rng.random() < 0.3 else None,
        "stretch": rng.choice([None, None, 1, 1.3, 1.3, 1.7, 1.7, 2, 2, 1.01, 3]),
        "scale": rng.choice([None, None, 0.5, 0.9, 0.7, 1.0, _share(rng)]),
        "closed": rng.choice([None, None, "right", "left", "left"]),
    }
    return _built(rng, "repeat", (inner,), parameters)


_COMBINATORS: dict[str, tuple[int, Callable[..., Drawn]]] = {
    "add": (8, _add),
    "by_epoch": (4, _by_epoch),
    "clamp": (6, _clamp),
    "cooldown": (6, _cooldown),
    "jitter": (5, _jitter),
    "over": (6, _over),
    "product": (8, _product),
    "repeat": (12, _repeat),
    "scale": (5, _scale),
    "sequence": (10, _sequence),
    "shift": (6, _shift),
    "staircase": (6, _staircase),
    "stretch": (6, _stretch),
    "then": (16, _then),
    "warmup": (11, _warmup),
    "warp": (6, _warp),
}


# ---------------------------------------------------------------------------------------------------------------------
# Clocks
# ---------------------------------------------------------------------------------------------------------------------


def _clocks(rng, schedule):
    """The first updates, boundaries and what is around them, middles, and a few clocks beyond the end; sorted."""
    length, boundaries = schedule.length, [boundary for boundary in schedule.boundaries() if boundary <= LARGEST]
    last = rng.choice(boundaries[-20:]) if boundaries else 10 ** rng.uniform(1, 5)
    last = length if 0 < length < math.inf else last
    chosen = [0, 1, 2, rng.randint(3, 20), rng.randint(3, 200), 0.5, _digits(rng.uniform(0.01, 40), 3), last, last + 1]
    chosen += rng.sample([1e5, rng.randint(10**6, 10**7), 10 ** rng.randint(7, 11), 1e9, LARGEST], 3)
    some = sorted({*boundaries[:3], *boundaries[-1:], *rng.sample(boundaries, min(len(boundaries), 4))})
    for boundary in rng.sample(some, len(some)):
        beside = [boundary - 1, boundary + 1, math.floor(boundary), math.ceil(boundary), math.floor(boundary) + 0.5]
        chosen += [boundary, *rng.sample(beside, 2)]
        if rng.random() < 0.3:  # so near that it counts as the boundary
            chosen.append(rng.choice([math.nextafter(boundary, 0), boundary * (1 + 2**-40), boundary * (1 - 2**-34)]))
    edges = [0, *some, 2 * last]
    for _ in range(6):
        place = rng.randrange(len(edges) - 1)
        chosen.append(_digits((edges[place] + edges[place + 1]) / 2, 5))
    found = list(dict.fromkeys(float(clock) for clock in chosen if 0 <= clock <= LARGEST))[:CLOCKS]
    while len(found) < CLOCKS:
        clock = rng.uniform(0, 1.1) * min(last, LARGEST / 2) if rng.random() < 0.8 else 10 ** rng.uniform(0, 6)
        clock = float(round(clock)) if rng.random() < 0.7 and clock > 100 else _digits(clock, 3)
        if clock not in found:
            found.append(clock)
    return [_plain(clock) for clock in sorted(found)]


def _epochs(rng, schedule):
    """An epoch for each clock: a few in turn, or for a schedule that counts them those around its boundaries."""
    if not schedule.counts_epochs:
        return [1, 1.5, 2, 40] * (CLOCKS // 4)
    chosen = [1, 2, 1.5, 3, rng.randint(2, 300), _digits(rng.uniform(1, 90), 3)]
    boundaries = sorted(_epoch_boundaries(schedule))
    for boundary in boundaries if len(boundaries) < 6 else rng.sample(boundaries, 6):
        chosen += [boundary + 1, math.floor(boundary) + 1, boundary + 2, boundary + 0.5]
    chosen = [_plain(epoch) for epoch in chosen if 1 <= epoch <= LARGEST]
    return [rng.choice(chosen) for _ in range(CLOCKS)]


def _epoch_boundaries(schedule):
    """Boundaries that are counted in epochs: those inside a `by_epoch`."""
    inner = schedule.inner
    if schedule.lr_fn.name == "by_epoch":
        return set(inner[0].boundaries()).union(*map(_epoch_boundaries, inner))
    return set().union(*map(_epoch_boundaries, inner))
