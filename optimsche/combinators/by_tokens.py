"""A schedule whose lengths are counted in tokens, or in samples."""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from annotated_types import Gt, Lt

from optimsche import ops
from optimsche.call_errors import shown
from optimsche.evaluation.node import Node
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Count, Meaning, ReadAs
from optimsche.schedule import Schedule

Tokens: TypeAlias = Annotated[float, Gt(0), Lt(math.inf), Meaning("tokens, or samples, in an update")]
Stages: TypeAlias = tuple[tuple[Count, Tokens], ...]


def read_stages(value: Any) -> Any:
    """Tokens per update as a schedule stores them: a number, or pairs of a stage's first update and its tokens.

    >>> read_stages({1: 500_000, 1_001: 1_000_000})
    ((1, 500000), (1001, 1000000))
    >>> read_stages("0:768 1M:1536")
    ((1, 768), (1304, 1536))
    """
    if isinstance(value, str):
        value = stages_of_text(value)
    if isinstance(value, Mapping):
        value = tuple((_update_of(key), tokens) for key, tokens in value.items())
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], list | tuple):
        (first, tokens), *_ = value
        return tokens if first == 1 else value
    return value


def _update_of(key: Any) -> int:
    try:  # JSON's keys are text
        if isinstance(key, str) or (not isinstance(key, bool) and int(key) == key):
            return int(key)
    except (TypeError, ValueError, OverflowError):
        pass
    raise TypeError(
        "a mapping goes from the first update of each stage, a whole number, to its tokens per update; "
        f"{shown(key)} is no update"
    )


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def stages_of_text(text: str, seq_length: int = 1) -> dict[int, int]:
    """What Megatron's `--step-batch-size-schedule` says: `"0:768 250B:1536"`, thresholds and batch sizes.

    Args:
        text: `threshold:batch`, separated by spaces; the first threshold is 0, and K, M, B and T stand for thousands.
        seq_length: tokens in a sample, if thresholds are tokens and batches are samples.

    Returns:
        The first update of each stage, and what an update of it sees, in the unit of the thresholds.
    """
    found = [re.fullmatch(r"(\d+)([KMBT]?):(\d+)", part) for part in text.split()]
    if not found or None in found:
        raise ValueError(f"{text!r} is not of the form '0:768 250B:1536' (threshold:batch size, from 0 on)")
    steps = [(int(m[1]) * _UNITS[m[2]], int(m[3]) * seq_length) for m in found if m]
    if steps[0][0] != 0 or any(a >= b for (a, _), (b, _) in itertools.pairwise(steps)) or not all(b for _, b in steps):
        raise ValueError(f"{text!r}: thresholds rise from 0, and every batch has a sample")
    stages, update, seen = {1: steps[0][1]}, 1, 0
    for (_, before), (threshold, batch) in itertools.pairwise(steps):
        updates = max(-(-(threshold - seen) // before), 0)
        update, seen = update + updates, seen + updates * before
        stages[update] = batch
    return stages


_WORDS = Meaning("tokens per update, or a mapping from the first update of each stage")
if TYPE_CHECKING:  # what people write; a schedule stores what `read_stages` makes of it
    PerUpdate: TypeAlias = Tokens | Stages | Mapping[int, float] | str
else:
    PerUpdate = Annotated[Tokens | Stages, ReadAs(read_stages), _WORDS]


def _rising(per_update: Any, **_: Any) -> dict[str, Any]:
    if isinstance(per_update, tuple):
        firsts = [first for first, _ in per_update]
        if firsts[:1] != [1] or any(a >= b for a, b in itertools.pairwise(firsts)):
            raise ValueError(f"per_update must have stages that begin with update 1 and rise, got updates {firsts}")
    return {}


def _stages(per_update: Any) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """For each stage the last update before it, the tokens seen by then, and the tokens per update."""
    if not isinstance(per_update, tuple):
        return (0.0,), (0.0,), (per_update,)
    begins = tuple(first - 1.0 for first, _ in per_update)
    rates = tuple(tokens * 1.0 for _, tokens in per_update)
    spans = (right - left for left, right in itertools.pairwise(begins))
    seen = itertools.accumulate((span * rate for span, rate in zip(spans, rates, strict=False)), initial=0.0)
    return begins, tuple(seen), rates


def _update_at(tokens: float, per_update: Any) -> float:
    """The update, perhaps between two whole ones, with which so many tokens have been seen."""
    begins, seen, rates = _stages(per_update)
    stage = max(bisect.bisect_left(seen, tokens) - 1, 0)
    return begins[stage] + (tokens - seen[stage]) / rates[stage]


def _length(schedule: Node, per_update: Any) -> float:
    return math.inf if schedule.length == math.inf else _update_at(schedule.length, per_update)


def _boundaries(schedule: Node, per_update: Any) -> Iterator[float]:
    return (_update_at(boundary, per_update) for boundary in schedule.each_boundary())


@lr_fn(resolve=_rising, length=_length, boundaries=_boundaries, rests_with=("schedule",))
def by_tokens(real_step: float, epoch: float, schedule: Schedule, per_update: PerUpdate) -> float:
    """Count tokens, or samples, where the schedule counts updates.

        schedule(per_update * t)

    Update n is evaluated at what has been seen when it is made, its own batch included. Where the batch grows, `t` goes
    through the stages: `{1: 500_000, 1_001: 1_000_000}` is half a million tokens in each of the updates 1 to 1,000, and
    a million in each one after. Whole numbers below 2**53 are exact.

    Args:
        schedule: a schedule whose lengths are meant in tokens.
        per_update: tokens in an update; or a mapping from the first update of each stage to it, such as
            `OptimScheduler`'s `accum_grad` times the tokens of a micro-batch; or Megatron's text of thresholds and
            batch sizes, `"0:768 250B:1536"`, which count the same (samples, say).

    Returns:
        A schedule in updates. Its boundaries need not fall on whole ones.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind; stages do not begin with update 1.

    >>> from optimsche import linear
    >>> plan = linear(start=0.1, steps=1_000_000).warmup(500_000).by_tokens({1: 50_000, 11: 100_000})
    >>> plan.boundaries()
    (10.0, 20.0)
    >>> [round(plan(n), 6) for n in (1, 10, 11, 20)]
    [0.01, 0.1, 0.09, 0.0]
    """
    stored: Any = per_update
    if not isinstance(stored, tuple):
        tokens: float = real_step * stored
        return schedule(tokens, epoch)
    begins, seen, rates = _stages(stored)
    stage = ops.count_below(begins[1:], real_step)
    late = ops.maximum(real_step - ops.take(begins, stage), 0.0)
    return schedule(ops.take(seen, stage) + late * ops.take(rates, stage), epoch)
