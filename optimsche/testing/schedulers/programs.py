"""What is done to a scheduler: programs, which are short lists of words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

# One is better than the other, whichever way is better.
_METRICS = (1.0, 0.5)
_MOST_WORDS = 6
# So many equal words in a row are printed as a product.
_MANY = 5


class Word(NamedTuple):
    """One thing that is done: ``step``, or what a law has a word for."""

    name: str
    metric: float = _METRICS[0]


Program = tuple[Word, ...]


def steps(number: int) -> Program:
    """So many steps, of the same metric each."""
    return (Word("step"),) * number


def with_one_word(words: Iterable[str], horizon: int) -> Iterator[Program]:
    """Every program that does one thing once, before the first step or after any of them, and is then left alone."""
    for name, before in itertools.product(words, range(horizon)):
        yield (*steps(before), Word(name), *steps(horizon - before))


def drawn(words: Sequence[str], horizon: int, *, with_metric: bool) -> st.SearchStrategy[Program]:
    """Programs of a few words and up to ``horizon`` steps."""
    metrics = st.sampled_from(_METRICS) if with_metric else st.just(_METRICS[0])
    some_steps = st.tuples(st.integers(1, horizon), metrics).map(lambda both: (Word("step", both[1]),) * both[0])
    others = [st.just((Word(name),)) for name in words]
    parts = st.lists(st.one_of(some_steps, *others), max_size=_MOST_WORDS)
    return parts.map(lambda program: _up_to(horizon, itertools.chain.from_iterable(program)))


def _up_to(horizon: int, program: Iterable[Word]) -> Program:
    """A program less the steps that would go past the horizon."""
    number = itertools.count(1)
    return tuple(word for word in program if word.name != "step" or next(number) <= horizon)


def metrics_of(program: Program) -> tuple[float, ...]:
    """The metrics of its steps."""
    return tuple(word.metric for word in program if word.name == "step")


def text_of(program: Sequence[Word], *, with_metric: bool) -> str:
    """A program as a person would write it.

    >>> text_of([Word("step"), Word("resume"), Word("step")], with_metric=False)
    "['step', 'resume', 'step']"
    >>> text_of([*steps(12), Word("copy")], with_metric=False)
    "['step'] * 12 + ['copy']"
    >>> text_of([Word("step", 0.5)], with_metric=True)
    "['step(0.5)']"
    """
    words = [f"step({word.metric})" if with_metric and word.name == "step" else word.name for word in program]
    parts: list[str] = []
    few: list[str] = []
    for word, equal in itertools.groupby(words):
        row = list(equal)
        if len(row) < _MANY:
            few += row
            continue
        parts += [repr(few)] if few else []
        parts, few = [*parts, f"{[word]!r} * {len(row)}"], []
    return " + ".join([*parts, repr(few)] if few or not parts else parts)
