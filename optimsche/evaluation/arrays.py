"""Evaluating a schedule on arrays: the result is that of evaluating every element alone.

PyTorch's and JAX's arrays go through the formula as they are. A NumPy array goes block by block, so that the results
between stay in the processor's cache. A short one, and a formula that cannot take arrays because it branches in Python
or calls `math`, is evaluated number by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimsche.evaluation import clocks
from optimsche.evaluation.callers import refuse_direct_call
from optimsche.evaluation.clocks import NO_EPOCH
from optimsche.evaluation.node import Node
from optimsche.evaluation.precision import EXACT, with_rounding
from optimsche.libraries import is_array, is_numpy_array, library_of, wide

# With the results between, so many elements fit a core's own cache.
_BLOCK = 16_384
# Up to so many elements, flat code on one number after the other is quicker than NumPy's calls.
_FEW = 256


def call(node: Node, real_step: Any, epoch: Any) -> Any:
    """A call of a schedule: through the door, evaluated, and out again in the type that its clocks came in."""
    refuse_direct_call(real_step, epoch)
    steps, epochs = clocks.enter(real_step, "real_step"), clocks.enter_epoch(epoch, needed=node.counts_epochs)
    if type(steps) is float and (type(epochs) is float or epochs is NO_EPOCH):
        return node.number(steps, epochs)
    values = evaluate(node, steps, epochs, clocks.rounding_of(real_step, epoch))
    return clocks.leave(values, real_step, epoch)


def call_beside(given: Sequence[Any], node: Node, real_step: Any, epoch: Any) -> Any:
    """A call of a schedule with arrays among its parameters, in the shape and type that its arithmetic has.

    Args:
        given: those arrays.
        node: what is evaluated.
        real_step: as a user gave it.
        epoch: likewise.
    """
    steps, epochs = clocks.enter(real_step, "real_step"), clocks.enter_epoch(epoch, needed=node.counts_epochs)
    for array in given:  # NumPy's own arithmetic takes no traced values and no tensors
        steps, epochs = (
            library_of(array).taken(clock, array) if is_numpy_array(clock) else wide(clock) for clock in (steps, epochs)
        )
    rounding = clocks.rounding_of(real_step, epoch)
    return clocks.spread(with_rounding(rounding, node, steps, epochs), steps, epochs)


def evaluate(node: Node, real_step: Any, epoch: Any, rounding: float = EXACT) -> Any:
    """The values for clocks from the door, of which at least one is an array.

    Args:
        node: what is evaluated.
        real_step: a number or an array of the widest type of its library.
        epoch: likewise, or none.
        rounding: how far a clock may be from what was meant, as a part of it: it came in a narrow type.

    Returns:
        An array of their shape, in the widest type of their library.
    """
    if is_array(epoch) and is_array(real_step) and library_of(epoch) is not library_of(real_step):
        raise TypeError(
            f"real_step is a {type(real_step).__name__} and epoch a {type(epoch).__name__}: take one library"
        )
    if is_numpy_array(real_step) or is_numpy_array(epoch):
        return with_rounding(rounding, _on_numpy, node, real_step, epoch)

    def spread(steps: Any, epochs: Any) -> Any:
        return clocks.spread(with_rounding(rounding, node, steps, epochs), steps, epochs)

    library = library_of(*filter(is_array, (real_step, epoch)))
    if not library.is_narrow():
        return spread(real_step, epoch)
    if not is_array(real_step):
        return library.in_double(lambda epochs: spread(real_step, epochs), epoch)
    if not is_array(epoch):
        return library.in_double(lambda steps: spread(steps, epoch), real_step)
    return library.in_double(spread, real_step, epoch)


def _on_numpy(node: Node, real_step: Any, epoch: Any) -> Any:
    import numpy

    epochs_differ = is_numpy_array(epoch)
    if epochs_differ or type(real_step) is float:
        real_step, epoch = numpy.broadcast_arrays(real_step, epoch)
        epochs_differ, epoch = True, epoch.ravel()
    steps = real_step.ravel()
    if steps.size <= _FEW:
        return numpy.array(_by_number(node, steps, epoch, epochs_differ)).reshape(real_step.shape)
    for begin in range(0, steps.size, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        # The door made a copy of the clock; its values take the place of what has been used.
        steps[block] = _block(node, steps[block], epoch[block] if epochs_differ else epoch, epochs_differ)
    return steps.reshape(real_step.shape)


def _block(node: Node, steps: Any, epochs: Any, epochs_differ: bool) -> Any:
    try:
        return clocks.spread(node(steps, epochs), steps, epochs)
    except (TypeError, ValueError):
        # Python's branches and math's functions refuse arrays with these errors. One that has another cause comes
        # again from the first element.
        return _by_number(node, steps, epochs, epochs_differ)


def _by_number(node: Node, steps: Any, epochs: Any, epochs_differ: bool) -> list[float]:
    return node.many(steps.tolist(), epochs.tolist() if epochs_differ else [epochs] * steps.size)
