"""A rate that does not change."""

from __future__ import annotations

from optimsche.lr_fn import lr_fn
from optimsche.ranges import Rate, Steps


@lr_fn(changes_at_boundaries=True)
def constant(real_step: float, epoch: float, value: Rate = 1.0, *, steps: Steps | None = None) -> float:
    """Hold `value`.

        value

    Args:
        value: the rate; finite, >= 0.
        steps: length in updates, > 0, or None for a rate without an end. It changes no value: it tells a combinator
            such as `then` where the next piece begins.

    Returns:
        A schedule with this one value.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> constant(value=0.1)(0), constant(value=0.1)(1_000_000)
    (0.1, 0.1)
    >>> (constant(value=0.1, steps=80) >> constant(value=0.01, steps=20)).length
    100.0
    """
    return value
