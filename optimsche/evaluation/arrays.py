"""Evaluating a schedule on arrays: the result is that of evaluating every element alone.

PyTorch's and JAX's arrays go through the formula as they are. A NumPy array goes block by block, so that the results
between stay in the processor's cache. A short one, and a formula that cannot take arrays because it branches in Python
or calls `math`, is evaluated number by number.
"""

from __future__ import annotations

from typing import Any

from optimsche.evaluation import clocks
from optimsche.evaluation.clocks import NO_EPOCH
from optimsche.evaluation.node import Node
from optimsche.libraries import is_array, is_number, is_numpy_array, library_of

# With the results between, so many elements fit a core's own cache.
_BLOCK = 16_384
# Up to so many elements, flat code on one number after the other is quicker than NumPy's calls.
_FEW = 256


def evaluate(node: Node, real_step: Any, epoch: Any) -> Any:
    """The values for clocks from the door, of which at least one is an array; in the widest type of its library."""
    if is_numpy_array(real_step) or is_numpy_array(epoch):
        return _on_numpy(node, real_step, epoch)
    library = library_of(*filter(is_array, (real_step, epoch)))
    if not library.is_narrow():
        return clocks.spread(node(real_step, epoch), real_step, epoch)
    if is_number(real_step):
        return library.in_double(lambda epochs: clocks.spread(node(real_step, epochs), real_step, epochs), epoch)
    if not is_array(epoch):
        return library.in_double(lambda steps: clocks.spread(node(steps, epoch), steps, epoch), real_step)
    return library.in_double(lambda *both: clocks.spread(node(*both), *both), real_step, epoch)


def _on_numpy(node: Node, real_step: Any, epoch: Any) -> Any:
    import numpy

    if is_number(real_step) or is_numpy_array(epoch):
        real_step, epoch = numpy.broadcast_arrays(real_step, epoch)
    shape, steps = real_step.shape, real_step.ravel()
    epochs = epoch.ravel() if is_numpy_array(epoch) else None
    if steps.size <= _FEW:
        return numpy.array(_by_number(node, steps, epoch if epochs is None else epochs)).reshape(shape)
    for begin in range(0, steps.size, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        # The door made a copy of the clock; its values take the place of what has been used.
        steps[block] = _block(node, steps[block], epoch if epochs is None else epochs[block])
    return steps.reshape(shape)


def _block(node: Node, steps: Any, epochs: Any) -> Any:
    try:
        return clocks.spread(node(steps, epochs), steps, epochs)
    except (TypeError, ValueError):
        # Python's branches and math's functions refuse arrays with these errors. One that has another cause comes
        # again from the first element.
        return _by_number(node, steps, epochs)


def _by_number(node: Node, steps: Any, epochs: Any) -> list[float]:
    each = [epochs] * steps.size if is_number(epochs) or epochs is NO_EPOCH else epochs.tolist()
    return node.many(steps.tolist(), each)
