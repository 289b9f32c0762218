"""Clocks and numbers to try a schedule with: whole-numbered lengths, and the magnitudes of real runs."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import annotated_types as at
from hypothesis import strategies as st

from optimsche import ranges
from optimsche.combinators.by_tokens import PerUpdate
from optimsche.combinators.cooldown import Along
from optimsche.lr_fn import LrFn
from optimsche.lr_fns import cosine, linear, one_minus_power, polynomial, rex
from optimsche.lr_fns.expression import Formula
from optimsche.lr_fns.growth import GrowthFactor

# Rates of real runs are 0 or in here: far from where a double's own range ends, as the laws have it.
_SMALLEST, _LARGEST = 1e-30, 1e6

_UPDATES = st.one_of(st.integers(1, 20), st.integers(1, 10**9), st.integers(1, 100).map(float))
_RATES = st.one_of(st.just(0.0), st.sampled_from([1.0, 0.1, 3e-4]), st.floats(_SMALLEST, _LARGEST))
_FORMULAS = st.builds(
    str.format,
    st.sampled_from(
        [
            "{0} / (1 + {1} * t)",
            "{0} if t < {2} else {1}",
            "min({0}, {1} * (t + 1) ** -0.5)",
            "max({0} * cos(t / {2}), {1})",
            "{0} + {1} * (t // {2})",
        ]
    ),
    st.sampled_from([0.1, 1.0, 3e-4]),
    st.floats(1e-6, 1.0),
    st.integers(1, 1_000),
)

_TOKENS = st.sampled_from([1, 1_000, 500_000]) | st.integers(1, 10**7)
# Stages begin with update 1, and rise.
_LATER = st.dictionaries(st.integers(2, 100_000), _TOKENS, min_size=1, max_size=3)
_STAGES = st.builds(lambda first, later: ((1, first), *sorted(later.items())), _TOKENS, _LATER)
_SEGMENTS: tuple[LrFn[...], ...] = (linear, cosine, one_minus_power, polynomial, rex)
_FROM_ONE_TO_ZERO = st.builds(
    lambda segment, steps: segment(start=1.0, end=0.0, steps=steps), st.sampled_from(_SEGMENTS), _UPDATES
)

# A name says more than its range: lengths are whole numbers, a cycle is not a thousand times as long as the last.
_BY_NAME: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (ranges.Rate, _RATES),
    (ranges.Steps, _UPDATES),
    (ranges.Length, st.just(0) | _UPDATES),
    (ranges.Offset, st.integers(-1_000, 1_000)),
    (ranges.Ratio, st.integers(1, 100)),
    (ranges.Growth, st.sampled_from([1.0, 2.0, 3, 1.5])),
    (ranges.Factor, st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(1e-6, 100.0))),
    (ranges.PositiveFactor, st.one_of(st.sampled_from([1.0, 0.1]), st.floats(1e-6, 2.0))),
    (ranges.Fraction, st.one_of(st.sampled_from([1.0, 0.5]), st.floats(1e-6, 1.0))),
    (ranges.Power, st.one_of(st.sampled_from([1.0, 0.5, 2.0, 3]), st.floats(0.01, 50.0))),
    (ranges.Cycles, st.integers(1, 6)),
    (ranges.Count, st.integers(1, 6)),
    (Formula, _FORMULAS),
    (GrowthFactor, st.one_of(st.sampled_from([1.0, 2.0, 1.5]), st.floats(1.0, 100.0))),
    (PerUpdate, _TOKENS | _STAGES),
    (Along, _FROM_ONE_TO_ZERO),
]


def real_steps() -> st.SearchStrategy[int]:
    """Numbers of updates: 0, a few, and as many as the longest runs have.

    >>> from hypothesis import given
    >>> @given(real_steps())
    ... def test_whole(step):
    ...     assert step == int(step) >= 0
    >>> test_whole()
    """
    return st.one_of(st.integers(0, 60), st.integers(0, 10**10))


def epochs() -> st.SearchStrategy[float]:
    """Passes over the data: whole and fractional, from the first.

    >>> from hypothesis import given
    >>> @given(epochs())
    ... def test_a_clock(epoch):
    ...     assert epoch >= 1
    >>> test_a_clock()
    """
    return st.one_of(st.integers(1, 1_000), st.floats(1.0, 1e6))


def named(annotation: Any) -> st.SearchStrategy[Any] | None:
    """What an annotation with a name of its own (``Steps``, ``Rate``) is drawn from, or None."""
    return next((strategy for known, strategy in _BY_NAME if known == annotation), None)


def number(kind: type, metadata: Iterable[Any]) -> st.SearchStrategy[Any]:
    """Numbers of a range in the terms of annotated-types; those that stay outside it are left to the caller."""
    low, high = _bounds(metadata)
    unit: Any = next((item.multiple_of for item in _flat(metadata) if isinstance(item, at.MultipleOf)), None)
    first: float
    last: float
    if kind is int or unit is not None:
        unit = unit or 1
        low, high = low / unit, high / unit
        first = math.ceil(low) if low > -math.inf else min(-1_000, math.floor(high) if high < math.inf else 0)
        last = math.floor(high) if high < math.inf else max(first + 1_000_000, 0)
        return st.integers(int(first), int(last)).map(lambda x: x * unit)
    first, last = max(low, -_LARGEST), min(high, _LARGEST)
    if first > last:  # a range beyond the magnitudes of real runs
        first, last = (low, high) if math.isfinite(low + high) else (low, 10 * low) if low > 0 else (10 * high, high)
    return st.floats(first, last, allow_nan=False).map(lambda x: 0.0 if abs(x) < _SMALLEST else x)


def _bounds(metadata: Iterable[Any]) -> tuple[float, float]:
    low, high = -math.inf, math.inf
    for item in _flat(metadata):
        low = max(low, getattr(item, "gt", low), getattr(item, "ge", low))
        high = min(high, getattr(item, "lt", high), getattr(item, "le", high))
    return low, high


def lengths(metadata: Iterable[Any]) -> tuple[int, float]:
    """The smallest and the largest number of elements that a tuple's annotation allows."""
    flat = list(_flat(metadata))
    least = max((item.min_length for item in flat if isinstance(item, at.MinLen)), default=0)
    return least, min((item.max_length for item in flat if isinstance(item, at.MaxLen)), default=math.inf)


def increases(metadata: Iterable[Any]) -> bool:
    """Whether a tuple's annotation says that its elements increase."""
    return any(isinstance(item, ranges.Meaning) and "increasing" in item.text for item in metadata)


def split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type under ``Annotated``, and what stands beside it; a name that was given to a type is the type."""
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        base, further = split(inner)
        return base, (*further, *metadata)
    for name in ("__supertype__", "__value__"):  # of NewType, and of `type X = ...`
        if hasattr(annotation, name):
            return split(getattr(annotation, name))
    return annotation, ()


def joined(base: Any, metadata: tuple[Any, ...]) -> Any:
    """``Annotated`` with these beside it, one after the other."""
    for item in metadata:
        base = Annotated[base, item]
    return base


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, at.GroupedMetadata):
            yield from _flat(item)
        else:
            yield item
