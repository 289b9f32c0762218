"""Which lr functions ``schedules()`` draws, and how deep: ``python -m optimsche.testing`` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from optimsche.lr_fn import LrFn
from optimsche.schedule import Schedule
from optimsche.testing.search import search
from optimsche.testing.strategies import lr_fns_drawn, needs_schedule, schedules


class Coverage(NamedTuple):
    """How often each lr function was drawn at each depth; prints as a table."""

    counts: dict[str, tuple[int, ...]]
    missing: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        width = max(map(len, self.counts), default=0)
        depth = max(map(len, self.counts.values()), default=0)
        lines = [f"{'depth':<{width}}" + "".join(f"{level:>8}" for level in range(1, depth + 1))]
        lines += [f"{name:<{width}}" + "".join(f"{n:>8}" for n in row) for name, row in sorted(self.counts.items())]
        missing = ", ".join(f"{name} at depth {level}" for name, level in self.missing)
        return "\n".join([*lines, f"missing: {missing}" if missing else "every function at every depth"])


def coverage(lr_fns: Iterable[LrFn[...]] | None = None, *, depth: int = 4, examples: int = 1_000) -> Coverage:
    """Draw schedules and count each lr function at each depth, the outermost at depth 1.

    Args:
        lr_fns: the functions, as for :func:`~optimsche.testing.schedules`.
        depth: the deepest nesting.
        examples: how many schedules are drawn.

    Returns:
        The counts, and the functions that were missed at a depth. A combinator has no place at the deepest one.

    >>> from optimsche import constant, cosine, warmup
    >>> drawn = coverage([constant, cosine, warmup], depth=2, examples=100)
    >>> sorted(drawn.counts), drawn.missing
    (['constant', 'cosine', 'warmup'], ())
    >>> drawn.counts["warmup"][1]  # the ends of a tree are shapes
    0
    """
    chosen = lr_fns_drawn() if lr_fns is None else list(lr_fns)
    for lr_fn in chosen:
        if not isinstance(lr_fn, LrFn):
            raise TypeError(f"coverage counts lr functions, got {type(lr_fn).__name__}")
    seen: Counter[tuple[str, int]] = Counter()

    def count(schedule: Schedule) -> None:
        seen.update(_places(schedule, 1))

    search(count, schedules(chosen, depth=depth), examples=examples, derandomize=True)
    levels = range(1, depth + 1)
    counts = {f.name: tuple(seen[f.name, level] for level in levels) for f in chosen}
    reachable = [(f.name, level) for f in chosen for level in levels if level < depth or not needs_schedule(f)]
    return Coverage(counts, tuple(place for place in reachable if not seen[place]))


def _places(schedule: Schedule, depth: int) -> Iterator[tuple[str, int]]:
    yield schedule.lr_fn.name, depth
    for inner in schedule.inner:
        yield from _places(inner, depth + 1)
