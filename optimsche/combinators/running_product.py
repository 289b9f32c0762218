"""A value that is made of all values before it."""

from __future__ import annotations

import threading
from typing import Any

from optimsche import ops
from optimsche.combinators import facts
from optimsche.schedule import Schedule, lr_fn

# Each product is computed once and kept; so many of them are a run that a closed form should describe.
_MOST_FACTORS = 10_000_000
_KEEPING = threading.RLock()  # a product inside a product takes it twice


@lr_fn(length=facts.length_inside, joints=facts.joints_inside)
def running_product(real_step: float, epoch: float, schedule: Schedule) -> float:
    """Multiply the values that the schedule has at 1, 2, ... up to the update.

        prod(schedule(i) for i in range(1, floor(t) + 1))

    It is 1 at step 0. Where the product has a closed form, use that: equal factors make `exponential`.

    Args:
        schedule: the factor of each update.

    Returns:
        A schedule of the same length. It looks at the number of its clock, so it takes numbers and NumPy arrays, not
        tensors or traced values.

    Raises:
        ValueError: the clock is past 10,000,000, the longest product that is made.
        TypeError: not a schedule, or a clock that is a tensor or a traced value.

    >>> from optimsche import piecewise_constant
    >>> [piecewise_constant(values=(1.0, 0.5), at=(2,)).running_product()(t) for t in range(5)]
    [1.0, 1.0, 1.0, 0.5, 0.25]
    """
    if not ops.is_number(real_step):
        raise TypeError(f"running_product takes a number as its clock, got {type(real_step).__name__}")
    count = int(real_step)
    if count > _MOST_FACTORS:
        raise ValueError(f"running_product is made for up to {_MOST_FACTORS:,} updates, got {count:,}")
    with _KEEPING:
        return _products(schedule, epoch, count)[count]


def _products(schedule: Any, epoch: float, count: int) -> list[float]:
    """The products up to `count`, those already made among them, kept for one epoch at a time."""
    for_epoch, products = schedule.memo.get("running product", (None, []))
    if for_epoch != epoch:
        products = [1.0]
        schedule.memo["running product"] = epoch, products
    for number in range(len(products), count + 1):
        products.append(products[-1] * schedule(float(number), epoch))
    return products  # type: ignore[no-any-return]
