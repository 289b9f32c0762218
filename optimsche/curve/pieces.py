"""What the pieces of a schedule are called: the lr function that moves between one boundary and the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from optimsche.evaluation import clocks
from optimsche.evaluation.node import Node, as_bound
from optimsche.schedule import Schedule


class Piece(NamedTuple):
    """A part of a schedule."""

    begin: float
    end: float
    name: str


def pieces(schedule: Schedule, edges: Sequence[float], epochs: Sequence[float]) -> list[Piece]:
    """The pieces between edges, which are increasing; neighbours of the same name are one.

    Args:
        schedule: the schedule.
        edges: updates between which no piece ends.
        epochs: the epoch in the middle of each.

    >>> from optimsche import wsd
    >>> plan = wsd(peak=0.1, warmup_steps=10, decay_steps=20, total_steps=100)
    >>> [piece.name for piece in pieces(plan, (0, *plan.boundaries()), [1.0, 1.0, 1.0])]
    ['warmup', 'constant', 'linear']
    """
    found: list[Piece] = []
    for (begin, end), epoch in zip(itertools.pairwise(edges), epochs, strict=True):
        name = _name_between(schedule, begin, end, epoch)
        if found and found[-1].name == name:
            begin = found.pop().begin
        found.append(Piece(begin, end, name))
    return found


def _name_between(schedule: Schedule, begin: float, end: float, epoch: float) -> str:
    """The innermost function whose clock moves with the update, and all that move with it are inside it."""
    watched = _Watched(schedule)
    paths = []
    for part in (0.4, 0.6):
        watched.clear()
        watched(begin + part * (end - begin), epoch)
        paths.append(watched.clocks())
    return _innermost(watched, *paths)


def _innermost(watched: _Watched, first: dict[int, Any], second: dict[int, Any]) -> str:
    moving = [part for part in watched.parts if id(part) in second and first.get(id(part)) != second[id(part)]]
    return _innermost(moving[0], first, second) if len(moving) == 1 else watched.name


class _Watched:
    """A schedule inside another one, of which every evaluation is noted."""

    def __init__(self, schedule: Schedule) -> None:
        lr_fn = schedule.lr_fn
        self.name: str = lr_fn.name
        params = {
            name: _Watched(value) if isinstance(value, Schedule) else as_bound(value, lr_fn.annotations[name])
            for name, value in schedule.arguments.items()
        }
        self.parts = [value for value in params.values() if isinstance(value, _Watched)]
        self._facts = schedule._node
        self._node = Node(lr_fn, params, takes_parts=False)  # so that each call is one of the formula, never flat code
        self._seen: list[tuple[Any, ...]] = []

    def __call__(self, real_step: Any, epoch: Any) -> Any:
        self._seen.append(tuple(_comparable(clock) for clock in (real_step, epoch)))
        return self._node(clocks.as_inside(real_step), clocks.as_inside(epoch))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)

    def clear(self) -> None:
        """Forget what was seen, here and inside."""
        self._seen.clear()
        for part in self.parts:
            part.clear()

    def clocks(self) -> dict[int, Any]:
        """What was seen of each that was called, here and inside."""
        seen = {id(self): tuple(self._seen)} if self._seen else {}
        for part in self.parts:
            seen |= part.clocks()
        return seen


def _comparable(clock: Any) -> Any:
    """A clock; of many at once, as a product of the first updates asks for, what can be compared as a whole."""
    return clock.tobytes() if hasattr(clock, "tobytes") else clock
