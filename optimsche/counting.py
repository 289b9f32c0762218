"""Which update a micro-batch belongs to: pure functions of whole numbers.

A *micro-batch* is one forward and backward pass; `step_num` counts them over the whole run, from 1. The gradients of
`accum_grad` micro-batches in a row, one *accumulation window*, make one *update*; `real_step` counts those, from 1.

With `steps_per_epoch` (micro-batches in an epoch) the last window of an epoch is cut short where the epoch ends;
without it, windows run on across epochs. Ten micro-batches in windows of four, with and without it:

>>> [real_step(n, accum_grad=4, steps_per_epoch=10) for n in range(1, 21)]
[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6]
>>> [real_step(n, accum_grad=4) for n in range(1, 21)]
[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]

`accum_grad` may change in a run, which makes the batch grow: a mapping from the first update of a stage to the size
of its windows. Two updates of one micro-batch each, then windows of three:

>>> [real_step(n, accum_grad={1: 1, 3: 3}) for n in range(1, 9)]
[1, 2, 3, 3, 3, 4, 4, 4]

All that is stored of a run is `step_num`; everything here is computed from it again.
"""

from __future__ import annotations

import contextlib
import operator
import reprlib
from collections.abc import Iterator, Mapping
from itertools import pairwise, takewhile
from typing import NamedTuple, SupportsIndex, TypeAlias

from optimsche.call_errors import explained

__all__ = [
    "AccumGrad",
    "Window",
    "closes_window",
    "epoch_of",
    "next_window",
    "real_step",
    "resume_step",
    "total_updates",
    "window_of",
    "window_of_update",
    "window_size",
]

# Micro-batches in a full window: always the same, or from these updates on so many.
AccumGrad: TypeAlias = SupportsIndex | Mapping[int, int]


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
    step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> Window:
    """The accumulation window that a micro-batch belongs to.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
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
    if steps_per_epoch is not None:
        steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch, or None")
    if type(accum_grad) is int and accum_grad >= 1 and steps_per_epoch is None:  # as nearly always
        window = (step_num - 1) // accum_grad
        return Window(window + 1, window * accum_grad + 1, (window + 1) * accum_grad)
    *_, stage = takewhile(lambda stage: stage.step_num <= step_num, _stages(accum_grad, steps_per_epoch))
    done = stage.windows_in(step_num - stage.step_num, steps_per_epoch)
    return stage.window(done, steps_per_epoch)


def window_of_update(
    real_step: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> Window:
    """The accumulation window of an update: the inverse of `real_step`.

    Args:
        real_step: number of the update, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        Its number, and its first and last micro-batch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1, or stages that do not begin with update 1 and rise.

    >>> window_of_update(3, accum_grad=4, steps_per_epoch=10)
    Window(real_step=3, first=9, last=10)
    >>> window_of_update(1_001, accum_grad={1: 1, 1_001: 8})
    Window(real_step=1001, first=1001, last=1008)
    """
    update = whole("real_step", real_step, 1, "the number of an update; the first of a run is 1")
    if steps_per_epoch is not None:
        steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch, or None")
    *_, stage = takewhile(lambda stage: stage.update <= update, _stages(accum_grad, steps_per_epoch))
    return stage.window(update - stage.update, steps_per_epoch)


@explained
def next_window(
    step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """The first micro-batch of the window after that of `step_num`.

    Where a window is cut short (`last=True`), counting goes on here: numbers in between are left out, so that every
    window keeps its numbers and every update its rate.

    Args:
        step_num: number of a micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        Its number.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> next_window(6, accum_grad=4)
    9
    """
    return window_of(step_num, accum_grad, steps_per_epoch).last + 1


class _Stage(NamedTuple):
    """A stretch of the run with windows of one size: its first update, its first micro-batch, the size."""

    update: int
    step_num: int
    size: int

    def micro_batches_in(self, windows: int, steps_per_epoch: int | None) -> int:
        """How many micro-batches its first `windows` windows have."""
        if steps_per_epoch is None:
            return windows * self.size
        left = steps_per_epoch - (self.step_num - 1) % steps_per_epoch  # of the epoch in which it begins
        in_first = -(-left // self.size)
        if windows <= in_first:
            return min(windows * self.size, left)
        epochs, rest = divmod(windows - in_first, -(-steps_per_epoch // self.size))
        return left + epochs * steps_per_epoch + rest * self.size

    def windows_in(self, micro_batches: int, steps_per_epoch: int | None) -> int:
        """How many windows are over before micro-batch number `micro_batches`, from 0, of the stage."""
        if steps_per_epoch is None:
            return micro_batches // self.size
        left = steps_per_epoch - (self.step_num - 1) % steps_per_epoch
        if micro_batches < left:
            return micro_batches // self.size
        epochs, position = divmod(micro_batches - left, steps_per_epoch)
        return -(-left // self.size) + epochs * -(-steps_per_epoch // self.size) + position // self.size

    def window(self, number: int, steps_per_epoch: int | None) -> Window:
        """Its window with this number, from 0."""
        first = self.step_num + self.micro_batches_in(number, steps_per_epoch)
        last = first + self.size - 1
        if steps_per_epoch is not None:
            last = min(last, ((first - 1) // steps_per_epoch + 1) * steps_per_epoch)
        return Window(self.update + number, first, last)


def _stages(accum_grad: AccumGrad, steps_per_epoch: int | None) -> Iterator[_Stage]:
    sizes = stages_of(accum_grad)
    stage = _Stage(1, 1, sizes[0][1])
    yield stage
    for (_, _), (update, size) in pairwise(sizes):
        windows = update - stage.update
        stage = _Stage(update, stage.step_num + stage.micro_batches_in(windows, steps_per_epoch), size)
        yield stage


def stages_of(accum_grad: AccumGrad) -> list[tuple[int, int]]:
    """The stages of `accum_grad`, checked: the first update of each, and the size of its windows.

    Raises:
        TypeError: neither a whole number nor a mapping of such.
        ValueError: a size below 1; no stage that begins with update 1; stages that do not rise.

    >>> stages_of(4), stages_of({1: 1, 101: 4})
    ([(1, 4)], [(1, 1), (101, 4)])
    """
    if not isinstance(accum_grad, Mapping):
        return [(1, whole("accum_grad", accum_grad, 1, "micro-batches in one update"))]
    sizes = []
    for update, size in accum_grad.items():
        update = whole("accum_grad", update, 1, "the first update of a stage")
        sizes.append((update, whole(f"accum_grad[{update}]", size, 1, "micro-batches in one update")))
    updates = [update for update, _ in sizes]
    if not updates or updates[0] != 1 or any(a >= b for a, b in pairwise(updates)):
        raise ValueError(
            f"accum_grad={dict(accum_grad)!r:.80}: the stages must begin with update 1 and rise, such as "
            "{1: 1, 1_001: 4}: from update 1,001 on 4 micro-batches in one update."
        )
    return sizes


def real_step(step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None) -> int:
    """The number of the update that a micro-batch belongs to, from 1.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
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
    step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> bool:
    """Whether a micro-batch is the last one of its window, after which the optimizer is stepped.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        True for every `accum_grad`-th micro-batch, and for the last of an epoch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below 1.

    >>> [n for n in range(1, 21) if closes_window(n, accum_grad=4, steps_per_epoch=10)]
    [4, 8, 10, 14, 18, 20]
    """
    return window_of(step_num, accum_grad, steps_per_epoch).last == step_num


def window_size(
    step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """How many micro-batches the window of this micro-batch has: what its loss is divided by.

    Args:
        step_num: number of the micro-batch over the whole run, from 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        `accum_grad`, or less in a window that the end of an epoch cuts short.

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


@explained
def resume_step(
    step_num: SupportsIndex, accum_grad: AccumGrad = 1, steps_per_epoch: SupportsIndex | None = None
) -> int:
    """The micro-batch to begin with again, after a run that had completed micro-batch `step_num`.

    A checkpoint holds the state after the last update. If the window was still open then, its gradients are not in the
    file, and the window is repeated from its first micro-batch.

    Args:
        step_num: the last micro-batch that was completed before the checkpoint; 0 if there was none.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
        steps_per_epoch: micro-batches in an epoch, where windows are cut short; None: they run on across epochs.

    Returns:
        `step_num + 1` if that micro-batch closed its window, otherwise the first micro-batch of its window.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: `step_num` below 0, or another argument below 1.

    >>> [resume_step(n, accum_grad=4) for n in range(9)]
    [1, 1, 1, 1, 5, 5, 5, 5, 9]
    """
    step_num = whole("step_num", step_num, 0, "the last micro-batch that was completed; 0 if there was none")
    return window_of(step_num + 1, accum_grad, steps_per_epoch).first


@explained
def total_updates(epochs: SupportsIndex, steps_per_epoch: SupportsIndex, accum_grad: AccumGrad = 1) -> int:
    """How many updates a run has: what a plan calls `total_steps`.

    Args:
        epochs: passes over the data; >= 0.
        steps_per_epoch: micro-batches in an epoch, `len(loader)`; >= 1.
        accum_grad: micro-batches in a full window, >= 1; or a mapping from the first update of each stage to it.
            The last window of an epoch is cut short.

    Returns:
        The number of updates, equal to `real_step` of the last micro-batch.

    Raises:
        TypeError: an argument that is not a whole number.
        ValueError: an argument below its lowest value.

    >>> total_updates(epochs=2, steps_per_epoch=10, accum_grad=4)
    6
    """
    epochs = whole("epochs", epochs, 0, "passes over the data")
    steps_per_epoch = whole("steps_per_epoch", steps_per_epoch, 1, "micro-batches in one epoch, len(loader)")
    stages_of(accum_grad)
    if epochs == 0:
        return 0
    return window_of(epochs * steps_per_epoch, accum_grad, steps_per_epoch).real_step


def whole(name: str, value: SupportsIndex, lowest: int, meaning: str) -> int:
    """`value` as an int if it is a whole number >= `lowest`; NumPy's integers are, True and 1.0 are not.

    An array or a tensor without dimensions becomes the number that it holds now: the caller may go on counting in it.

    >>> whole("step_num", True, 1, "a number")
    Traceback (most recent call last):
    TypeError: step_num=True: step_num must be a whole number (a number), got bool.
    """
    if type(value) is not int:
        number = None
        if not isinstance(value, bool) and not str(getattr(value, "dtype", "")).endswith("bool"):
            with contextlib.suppress(TypeError):
                number = operator.index(value)
        if number is None:
            kind = type(value).__name__
            has_length = hasattr(value, "__len__") and hasattr(value, "__iter__") and not isinstance(value, str | bytes)
            hint = f"\n    Write {name}=len(...)." if has_length else ""
            hint = f"\n    Write {name}=int(...)." if isinstance(value, str | float) else hint
            shown = reprlib.repr(value)[:60]
            raise TypeError(f"{name}={shown}: {name} must be a whole number ({meaning}), got {kind}.{hint}")
        value = number
    if value < lowest:
        from_zero = name == "step_num" and value == 0
        hint = "\n    enumerate counts from 0 by itself: enumerate(loader, 1)" if from_zero else ""
        raise ValueError(f"{name}={value!r}: {name} must be >= {lowest} ({meaning}), got {value}.{hint}")
    return value
