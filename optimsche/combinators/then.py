"""One schedule after another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.combinators.left_out import warn_of_left_out_start
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Length
from optimsche.schedule import Schedule


def _at_the_end_of_the_first(first: Schedule, second: Schedule, at: float | None) -> dict[str, Any]:
    if at is not None:
        warn_of_left_out_start(first, second, at)
        return {}
    if first.length == math.inf:
        raise ValueError(
            "the first piece never ends; give it a length (steps=, or @lr_fn(length=...) for a function of your own) "
            "or say where the second begins (at=)"
        )
    warn_of_left_out_start(first, second, first.length)
    return {"at": facts.whole_if_it_is(first.length)}


def _boundaries(first: Node, second: Node, at: float) -> Iterator[float]:
    yield from facts.boundaries_before(first, at)
    if at > 0:
        yield at
    yield from (at + boundary for boundary in second.each_boundary())


@lr_fn(
    resolve=_at_the_end_of_the_first,
    length=lambda first, second, at: at + second.length,
    boundaries=_boundaries,
    rests_with=("second",),
)
def then(real_step: float, epoch: float, first: Schedule, second: Schedule, *, at: Length | None = None) -> float:
    """Evaluate `first` up to and including update `at`, then `second` from its own 0; also written `>>`.

        first(t)  if t <= at else  second(t - at)

    Args:
        first: the schedule evaluated first.
        second: the schedule that follows; its update 1 is number `at + 1`.
        at: the last update of `first`; >= 0, where 0 means none. By default its length when the two are
            joined.

    Returns:
        A schedule as long as `at` and `second` together.

    Raises:
        ValueError: `first` never ends and `at` is not given.

    >>> from optimsche import constant, linear
    >>> plan = constant(value=0.1, steps=10) >> linear(start=0.1, steps=5)
    >>> [plan(t) for t in (1, 10, 11, 15)]
    [0.1, 0.1, 0.08, 0.0]
    """
    return ops.switch(
        real_step,
        at,  # type: ignore[arg-type]  # resolved when the schedule was built
        before=first,
        after=second,
        along=(epoch,),
    )
