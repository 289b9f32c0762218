"""Which update a micro-batch belongs to: pure functions of whole numbers.

A *micro-batch* is one forward and backward pass; ``step_num`` counts them over the whole run, from 1. The gradients of
``accum_grad`` micro-batches in a row, one *accumulation window*, make one *update*; ``real_step`` counts those, from 1.

With ``steps_per_epoch`` (micro-batches in an epoch) the last window of an epoch is cut short where the epoch ends;
without it, windows run on across epochs. Ten micro-batches in windows of four, with and without it:

>>> [real_step(n, accum_grad=4, steps_per_epoch=10) for n in range(1, 21)]
[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6]
>>> [real_step(n, accum_grad=4) for n in range(1, 21)]
[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]

All that is stored of a run is ``step_num``; everything here is computed from it again.
"""

from __future__ import annotations

import operator
import reprlib
from typing import NamedTuple, SupportsIndex

__all__ = [
    "Window",
    "closes_window",
    "epoch_of",
    "real_step",
    "resume_step",
    "total_updates",
    "window_of",
    "window_size",
]


class Window(NamedTuple):
    """The accumulation window of one update: its number, its first and its last micro-batch."""

    real_step: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many micro-batches it has."""
        return self.last - self.first + 1


def window_of(
    step_num: SupportsIndex, accum_grad: SupportsIndex = 1, steps_per_epoch: SupportsIndex | None = None
) -> Window:
    """The accumulation window that a micro-batch belongs to.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window; >= 1.
        steps_per_epoch: micro-batches in an epoch, >= 1: windows are cut short where an epoch ends. None: they are not.

    Returns:
        The number of its update, and its first and last micro-batch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> window_of(9, accum_grad=4, steps_per_epoch=10)
    Window(real_step=3, first=9, last=10)
    >>> window_of(9, accum_grad=4).size
    4
    """
    step_num = whole("step_num", step_num, 1, "the number of a micro-batch; the first of a run is 1")
    accum_grad = whole("accum_grad", accum_grad, 1, "micro-batches in one update")
    if steps_per_epoch is None:
        window = (step_num - 1) // accum_grad
        return Window(window + 1, window * accum_grad + 1, (window + 1) * accum_grad)
    steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch, or None")
    epoch, position = divmod(step_num - 1, steps_per_epoch)
    window = position // accum_grad
    start = epoch * steps_per_epoch
    last = min((window + 1) * accum_grad, steps_per_epoch)
    windows_per_epoch = -(-steps_per_epoch // accum_grad)
    return Window(epoch * windows_per_epoch + window + 1, start + window * accum_grad + 1, start + last)


def real_step(
    step_num: SupportsIndex, accum_grad: SupportsIndex = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """The number of the update that a micro-batch belongs to, from 1.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window; >= 1.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        What a schedule is called with.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> real_step(8, accum_grad=4), real_step(9, accum_grad=4)
    (2, 3)
    """
    return window_of(step_num, accum_grad, steps_per_epoch).real_step


def closes_window(
    step_num: SupportsIndex, accum_grad: SupportsIndex = 1, steps_per_epoch: SupportsIndex | None = None
) -> bool:
    """Whether a micro-batch is the last one of its window, after which the optimizer is stepped.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window; >= 1.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        True for every ``accum_grad``-th micro-batch, and for the last of an epoch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> [n for n in range(1, 21) if closes_window(n, accum_grad=4, steps_per_epoch=10)]
    [4, 8, 10, 14, 18, 20]
    """
    return window_of(step_num, accum_grad, steps_per_epoch).last == step_num


def window_size(
    step_num: SupportsIndex, accum_grad: SupportsIndex = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """How many micro-batches the window of this micro-batch has: what its loss is divided by.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window; >= 1.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        ``accum_grad``, or less in a window that the end of an epoch cuts short.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> [window_size(n, accum_grad=4, steps_per_epoch=10) for n in range(1, 11)]
    [4, 4, 4, 4, 4, 4, 4, 4, 2, 2]
    """
    return window_of(step_num, accum_grad, steps_per_epoch).size


def epoch_of(step_num: SupportsIndex, steps_per_epoch: SupportsIndex) -> int:
    """The epoch that a micro-batch belongs to, from 1.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        steps_per_epoch: micro-batches in an epoch; >= 1.

    Returns:
        The number of the pass over the data.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> epoch_of(10, steps_per_epoch=10), epoch_of(11, steps_per_epoch=10)
    (1, 2)
    """
    step_num = whole("step_num", step_num, 1, "the number of a micro-batch; the first of a run is 1")
    steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch")
    return (step_num - 1) // steps_per_epoch + 1


def resume_step(
    step_num: SupportsIndex, accum_grad: SupportsIndex = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """The micro-batch to begin with again, after a run that had completed micro-batch ``step_num``.

    A checkpoint holds the state after the last update. If the window was still open then, its gradients are not in the
    file, and the window is played again from its first micro-batch.

    Args:
        step_num: the last micro-batch that was completed before the checkpoint; 0 if there was none.
        accum_grad: micro-batches in a full window; >= 1.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        ``step_num + 1`` if that micro-batch closed its window, otherwise the first micro-batch of its window.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: ``step_num`` below 0, or another argument below 1.

    >>> [resume_step(n, accum_grad=4) for n in range(9)]
    [1, 1, 1, 1, 5, 5, 5, 5, 9]
    """
    step_num = whole("step_num", step_num, 0, "the last micro-batch that was completed; 0 if there was none")
    return window_of(step_num + 1, accum_grad, steps_per_epoch).first


def total_updates(epochs: SupportsIndex, steps_per_epoch: SupportsIndex, accum_grad: SupportsIndex = 1) -> int:
    """How many updates a run has: what a plan calls ``total_steps``.

    Args:
        epochs: passes over the data; >= 0.
        steps_per_epoch: micro-batches in an epoch, ``len(loader)``; >= 1.
        accum_grad: micro-batches in a full window; >= 1. The last window of an epoch is cut short.

    Returns:
        The number of updates, equal to ``real_step`` of the last micro-batch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below its lowest value.

    >>> total_updates(epochs=2, steps_per_epoch=10, accum_grad=4)
    6
    """
    epochs = whole("epochs", epochs, 0, "passes over the data")
    steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch, len(loader)")
    accum_grad = whole("accum_grad", accum_grad, 1, "micro-batches in one update")
    return epochs * -(-steps_per_epoch // accum_grad)


def whole(name: str, value: SupportsIndex, lowest: int, meaning: str) -> int:
    """``value`` as an int if it is a whole number >= ``lowest``; NumPy's integers are, True and 1.0 are not.

    An array or a tensor without dimensions becomes the number that it holds now: the caller may go on counting in it.

    >>> whole("step_num", True, 1, "a number")
    Traceback (most recent call last):
    TypeError: step_num=True: step_num must be a whole number (a number), got bool.
    """
    if type(value) is not int:
        try:
            number = operator.index(value)
        except TypeError:
            number = None
        if number is None or isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
            kind = type(value).__name__
            hint = f"\n    Write {name}=len(...)." if hasattr(value, "__len__") and hasattr(value, "__iter__") else ""
            shown = reprlib.repr(value)[:60]
            raise TypeError(f"{name}={shown}: {name} must be a whole number ({meaning}), got {kind}.{hint}")
        value = number
    if value < lowest:
        raise ValueError(f"{name}={value!r}: {name} must be >= {lowest} ({meaning}), got {value}.")
    return value
