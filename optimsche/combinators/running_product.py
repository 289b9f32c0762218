"""The product of a schedule's values so far."""

from __future__ import annotations

from typing import Any

from optimsche import libraries, ops
from optimsche.combinators import facts
from optimsche.evaluation import arrays
from optimsche.lr_fn import lr_fn
from optimsche.schedule import Schedule

# A run of more updates than this should be described by a closed form.
_MOST_FACTORS = 10_000_000
_BLOCK = 8_192


@lr_fn(length=facts.length_inside, boundaries=facts.boundaries_inside)
def running_product(real_step: float, epoch: float, schedule: Schedule) -> float:
    """Multiply the values that the schedule has at 1, 2, ... up to the update.

        prod(schedule(i) for i in range(1, floor(t) + 1))

    It is 1 at update 0. The product is computed anew at each call, from the first update on, so a call late
    in a run takes long. Where it has a closed form, use that: equal factors make `exponential` or `growth`.

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
    if not ops.is_number(real_step) and not libraries.is_numpy(real_step):
        raise TypeError(f"running_product takes a number or a NumPy array, got {type(real_step).__name__}")
    if libraries.is_numpy_array(epoch):
        raise TypeError("running_product takes one epoch at a time")
    import numpy

    counts: Any = numpy.asarray(numpy.floor(float(real_step) if ops.is_number(real_step) else real_step))
    longest = int(counts.max(initial=0))
    if longest > _MOST_FACTORS:
        raise ValueError(f"running_product is made for up to {_MOST_FACTORS:,} updates, got {longest:,}")
    products = numpy.ones(counts.shape)
    before = 1.0
    for begin in range(0, longest, _BLOCK):
        factors = arrays.evaluate(schedule, numpy.arange(begin + 1.0, min(begin + _BLOCK, longest) + 1), epoch)  # type: ignore[arg-type]
        factors[0] *= before
        with numpy.errstate(all="ignore"):
            block = numpy.cumprod(factors)
        here = (counts > begin) & (counts <= begin + _BLOCK)
        products[here] = block[counts[here].astype(int) - begin - 1]
        before = block[-1]
    return float(products) if ops.is_number(real_step) else products  # type: ignore[return-value]


def takes_long(schedule: Schedule) -> bool:
    """Whether a call late in a run goes through all updates before it, so that it is not asked by the way."""
    return schedule.lr_fn is running_product or any(map(takes_long, schedule.inner))
