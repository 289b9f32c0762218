"""The micro-batches of a whole run, numbered, from a loader; and what is pointed out of such a run."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from annotated_types import Ge

from optimsche.checking import admit
from optimsche.counting import epoch_of, total_updates
from optimsche.ranges import Meaning

if TYPE_CHECKING:
    from optimsche.schedule import Schedule
    from optimsche.training.optim_scheduler import OptimScheduler

BatchT = TypeVar("BatchT")


_EPOCHS: Any = Annotated[int, Ge(1), Meaning("passes over the data")]
_START: Any = Annotated[int, Ge(1), Meaning("the micro-batch to begin with, from 1")]

_ROUNDING = 1e-9
_FAR_TOO_LONG = 1.5


def batches(
    optim: OptimScheduler, seen: Callable[[], int], loader: Iterable[BatchT], epochs: int, start: int
) -> Iterator[tuple[int, int, BatchT]]:
    """Number the micro-batches of a whole run, as :meth:`OptimScheduler.batches` says.

    Args:
        optim: for which; it counts epochs by the loader from now on, and is settled at the end.
        seen: the micro-batch that came to it last.
        loader: gives one epoch's batches each time it is iterated.
        epochs: passes over the data.
        start: the micro-batch to begin with.

    Raises:
        ValueError, TypeError: the loader, or a number, does not fit.
    """
    steps_per_epoch = steps_per_epoch_of(loader, epochs, start, optim.steps_per_epoch)
    if optim.steps_per_epoch is None and seen() > 0:
        raise ValueError(
            "batches: this OptimScheduler has been counting without epochs; its windows cannot be cut from here on."
            f"\n    Build it with steps_per_epoch={steps_per_epoch}."
        )
    optim.steps_per_epoch = steps_per_epoch
    windows = total_updates(epochs, steps_per_epoch, optim.accum_grad)
    for member in optim.members.values():
        _compare_lengths(member.schedule, windows // member.step_per_update, optim.log)
    return _until_settled(optim, seen, numbered(loader, epochs, steps_per_epoch, start))


def _until_settled(
    optim: OptimScheduler, seen: Callable[[], int], run: Iterator[tuple[int, int, BatchT]]
) -> Iterator[tuple[int, int, BatchT]]:
    """The same batches; an epoch of which none came to the optimizer is pointed out, once."""
    before, last = seen(), 0
    for step_num, epoch, batch in run:
        if last and epoch != last and seen() == before:
            _point_out_that_nothing_came(last, optim.log)
            before = -1
        yield step_num, epoch, batch
        last = epoch
    if last and seen() == before:
        _point_out_that_nothing_came(last, optim.log)
    optim.settle()


def _point_out_that_nothing_came(epoch: int, log: logging.Logger) -> None:
    log.warning(
        "epoch %d is over, and none of its micro-batches came to optim.step() or optim.update(): nothing was "
        "trained. The loop writes optim.step(loss, step_num=step_num)",
        epoch,
    )


def _compare_lengths(schedule: Schedule, updates: int, log: logging.Logger) -> None:
    """Warn if a schedule ends before the run does and holds its last rate, or if the run comes nowhere near its end."""
    if schedule.length < updates - _ROUNDING:
        log.warning(
            "the schedule ends with update %g, and this run makes %d: the rest gets the rate %g. Lengths are counted "
            "in updates: total_updates(epochs, steps_per_epoch, accum_grad) says it.",
            schedule.length,
            updates,
            schedule(schedule.length),
        )
    first, *_ = (*schedule.boundaries(most=1), 0.0)
    end = schedule.length if schedule.length < math.inf else first
    if end > _FAR_TOO_LONG * updates:
        log.warning(
            "the schedule's %s ends with update %g, and this run makes %d: it stops at the rate %g. Lengths are "
            "counted in updates, not in micro-batches: total_updates(epochs, steps_per_epoch, accum_grad) says it.",
            "last piece" if schedule.length < math.inf else "first piece",
            end,
            updates,
            schedule(updates),
        )


def steps_per_epoch_of(loader: Iterable[Any], epochs: int, start: int, steps_per_epoch: int | None) -> int:
    """Micro-batches in an epoch: the loader's length, which must be ``steps_per_epoch`` if both are there.

    Raises:
        ValueError: they differ, there are none, or neither is known; ``epochs`` or ``start`` is below 1.
        TypeError: the loader cannot be iterated.
    """
    admit("batches", "epochs", _EPOCHS, epochs)
    admit("batches", "start", _START, start)
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise TypeError(
            f"batches: loader must be something to iterate over, such as a DataLoader, got {loader!r:.60} "
            f"({type(loader).__name__})."
        )
    length = _length(loader)
    if length is None:
        if steps_per_epoch is None:
            raise ValueError(
                f"batches: {type(loader).__name__} has no length; say how many micro-batches an epoch has: "
                "OptimScheduler(..., steps_per_epoch=...)"
            )
        return steps_per_epoch
    if length == 0:
        raise ValueError("batches: the loader is empty")
    if steps_per_epoch not in (None, length):
        raise ValueError(
            f"batches: the loader has {length} micro-batches, and steps_per_epoch={steps_per_epoch}. Plans and windows "
            f"count by it: build the OptimScheduler with steps_per_epoch={length}."
        )
    return length


def numbered(
    loader: Iterable[BatchT], epochs: int, steps_per_epoch: int, start: int
) -> Iterator[tuple[int, int, BatchT]]:
    """Yield ``(step_num, epoch, batch)``, all numbers from 1, beginning with micro-batch ``start``.

    Batches of the epoch before ``start`` are drawn and dropped. A shuffled order is met again only if it depends on the
    epoch alone: with a sampler that has ``set_epoch``, or one whose generator is seeded anew for each epoch. A loader
    into which a state of its own was loaded, as torchdata's StatefulDataLoader, goes on at its place: of it nothing is
    dropped.

    A loader without a length may be a stream: each epoch takes ``steps_per_epoch`` batches of it and leaves the rest.
    One that is its own iterator goes on in the next epoch where it stood; the others begin again.

    Raises:
        ValueError: an epoch of the loader has fewer batches than ``steps_per_epoch``, or its length is another.

    >>> list(numbered("ab", epochs=2, steps_per_epoch=2, start=2))
    [(2, 1, 'b'), (3, 2, 'a'), (4, 2, 'b')]
    """
    if start > epochs * steps_per_epoch:
        return
    for epoch in range(epoch_of(start, steps_per_epoch), epochs + 1):
        _set_epoch(loader, epoch - 1)
        came = (start - 1) % steps_per_epoch if _is_at_its_place(loader) else 0
        # What is left of a stream is not even drawn: its next batch belongs to the next epoch.
        batches = islice(loader, steps_per_epoch - came) if _length(loader) is None else loader
        if came == 0 and _is_at_its_place(loader):
            batches = _begun_again(loader)
        for batch in batches:
            came += 1  # it goes on from where the loader is
            if came > steps_per_epoch:
                raise ValueError(_miscounted(epoch, "more than", steps_per_epoch))
            step_num = (epoch - 1) * steps_per_epoch + came
            if step_num >= start:
                yield step_num, epoch, batch
        if came < steps_per_epoch:
            raise ValueError(_miscounted(epoch, f"{came} and not", steps_per_epoch))


def _length(loader: Iterable[Any]) -> int | None:
    try:
        return len(loader)  # type: ignore[arg-type]  # a DataLoader over a stream has __len__, and it raises
    except TypeError:
        return None


def _is_at_its_place(loader: Any) -> bool:
    """Whether a loader is about to go on from a state that was loaded into it."""
    return getattr(loader, "next_iter_state", None) is not None


def _begun_again(loader: Iterable[BatchT]) -> Iterator[BatchT]:
    """An epoch of a loader whose state may be from the very end of the one before."""
    came = False
    for batch in loader:
        came = True
        yield batch
    if not came:
        yield from loader


def _miscounted(epoch: int, came: str, steps_per_epoch: int) -> str:
    return (
        f"batches: epoch {epoch} has {came} {steps_per_epoch} micro-batches. Windows and plans count on the same "
        "number in every epoch: correct steps_per_epoch, or the loader's __len__."
    )


def _set_epoch(loader: Any, epoch: int) -> None:
    """Tell a loader, samplers and data sets that reshuffle by epoch which one begins, from 0, as loops by hand do."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    parts: tuple[Any, ...] = (
        loader,
        getattr(loader, "sampler", None),
        batch_sampler,
        getattr(batch_sampler, "sampler", None),
        getattr(loader, "dataset", None),
    )
    for part in parts:
        if hasattr(part, "set_epoch"):
            part.set_epoch(epoch)
