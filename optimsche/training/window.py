"""The open window and what it holds; and the order in which micro-batches may come."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import torch

from optimsche import counting
from optimsche.counting import AccumGrad
from optimsche.training.norms import is_here
from optimsche.training.turn import Turn

if TYPE_CHECKING:
    from optimsche.training.members import Member

Weight: TypeAlias = float | torch.Tensor


class Window:
    """One window while it is open: its place, and the micro-batches whose gradients are added up in it.

    It is made when the window begins and thrown away when it ends, so that nothing of it can reach the next one. The
    gradients are divided by its total weight in the end. Weights count relative to the first, so that gradients in half
    precision keep the size of a single micro-batch's: 4,000 tokens do not make them 4,000 times as large. Processes
    have to agree on what weights are relative to; there it is 1.

    Args:
        place: its number, its first and its last micro-batch.
        part: the optimizers that gather gradients in it, by name.
        epoch: the pass over the data that it is in, if that is counted.
        relative: whether weights count relative to the first.
        in_parts: whether a micro-batch counts for its part in the sum, which keeps sums of float16 from overflowing.

    >>> window = Window(counting.Window(1, 1, 2), {})
    >>> window.add(100), window.add(300)
    (1.0, 3.0)
    >>> window.total, window.weight
    (4.0, 400.0)
    """

    def __init__(
        self,
        place: counting.Window,
        part: Mapping[str, Member],
        epoch: int | None = 1,
        *,
        relative: bool = True,
        in_parts: bool = False,
    ) -> None:
        self.place, self.part, self.epoch = place, part, epoch
        self.size = place.size  # when it is full
        self.count = 0
        self.total: Weight = 0.0
        self.weighted: bool | None = None
        self.by_caller: bool | None = None  # whether the backward passes are the caller's own; None: none came yet
        self.held: dict[str, torch.Tensor] = {}  # of each optimizer a parameter in which a pass has left a gradient
        self.dropped = False
        self.summed: bool | None = None  # whether processes have summed the gradients in its last pass; None: not known
        self.said: tuple[int, bool] | None = None  # of which micro-batch micro_batch said whether it closes the window
        self.retry: int | None = None  # the micro-batch that failed and had nothing before it
        self._share = 1.0 / place.size if in_parts else 1.0
        self._unit: Weight | None = None if relative else 1.0

    def add(self, weight: Weight | None) -> Weight:
        """Count a micro-batch in; the factor on its loss.

        Raises:
            ValueError: it has a weight and those before it have none, or the other way round; somebody else has dropped
                the gradients of those before it.
        """
        for name, parameter in self.held.items():
            if parameter.grad is None:
                self._refuse_what_was_dropped(name, parameter)
        if self.weighted is None:
            self.weighted = weight is not None
        elif self.weighted is not (weight is not None):
            self._refuse_a_mixture(weight)
        self.count += 1
        if weight is None:
            self.total = self.total + self._share
            return self._share
        if self._unit is None and not (isinstance(weight, float | int) and weight == 0):
            self._unit = torch.where(weight > 0, weight, 1.0) if isinstance(weight, torch.Tensor) else weight
        share = weight * self._share / (1.0 if self._unit is None else self._unit)
        self.total = self.total + share
        return share

    def look_for_gradients(self) -> None:
        """Note which optimizers have gradients by now."""
        for name, member in self.part.items():
            parameter = member.with_gradient()
            if parameter is not None:
                self.held[name] = parameter

    def _refuse_what_was_dropped(self, name: str, parameter: torch.Tensor) -> None:
        if parameter.requires_grad and not self.dropped and self.part[name].with_gradient() is None:
            raise ValueError(
                f"the gradients that window {self.place.real_step} has gathered so far are gone. Does the loop call "
                "zero_grad()? Leave it out: an update drops the gradients itself. To give the window up: "
                "optim.discard()"
            )

    def _refuse_a_mixture(self, weight: Weight | None) -> NoReturn:
        raise ValueError(
            f"weight={weight!r:.60}: the {self.count} micro-batches of this window that came before "
            f"{'had a weight' if self.weighted else 'had none'}. Give every micro-batch its weight, or none."
        )

    def count_by(self, seen: int, accum_grad: AccumGrad, steps_per_epoch: int | None) -> None:
        """Let it end where it does by other settings.

        Args:
            seen: the micro-batch that came last.
            accum_grad, steps_per_epoch: the settings.

        Raises:
            ValueError: it would be another window, or would have ended already.
        """
        place = counting.window_of(self.place.first, accum_grad, steps_per_epoch)
        if (place.real_step, place.first) != (self.place.real_step, self.place.first) or place.last <= seen:
            number, first = self.place.real_step, self.place.first
            raise ValueError(
                f"accum_grad={accum_grad!r}, steps_per_epoch={steps_per_epoch!r}: window {number} is open, from "
                f"micro-batch {first} to {seen}, and it would be {place} by these. Set them between windows; "
                "close this one with optim.update(step_num=..., last=True), or drop it with optim.discard()"
            )
        self.place, self.size = place, place.size
        if steps_per_epoch is not None:
            self.epoch = counting.epoch_of(place.first, steps_per_epoch)

    def closing(self, seen: int) -> Turn | None:
        """The micro-batch that closes it, if its forward pass was begun and nothing came after that."""
        if self.said is None or not self.said[1] or self.said[0] <= seen:
            return None
        return Turn(self.said[0], self.place._replace(last=self.said[0]), True, self.said[0] != self.place.last)

    def full(self) -> float:
        """The total of all its micro-batches without weights, whether they came or not, and wherever it was cut."""
        return self.size * self._share

    @property
    def weight(self) -> Weight:
        """The sum of the weights as they were given, or the number of micro-batches."""
        unit = 1.0 if self._unit is None or not self.weighted else self._unit
        return self.total / self._share * unit


class Order:
    """Which micro-batch came last, and the window that is open.

    It holds nothing that a checkpoint would have to store. It exists to catch a caller's mistakes: a counter that
    starts again, a window that never closes, a run that goes on inside a window.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.window: Window | None = None
        self.halfway = False  # whether the backward pass of the last one came, and what follows it did not
        self._cut = 0  # number of the last window that was cut short
        self._ahead: set[int] = set()  # windows that were dropped before they began

    def before_the_open_window(self) -> Order:
        """The order for a copy that has not got the gradients of the open window, and plays it again."""
        copied = copy.copy(self)
        copied._ahead = set(self._ahead)
        if self.window is not None and not self.window.dropped:
            copied.seen, copied.window, copied.halfway = self.window.place.first - 1, None, False
        return copied

    def admit(self, turn: Turn, *, updating: bool) -> Window | None:
        """The open window of a micro-batch; what cannot come now is refused.

        Args:
            turn: its place in the run.
            updating: False for its backward pass; True for what follows, with or without a backward pass before.

        Returns:
            Its window, if that is open; None where one begins.

        Raises:
            ValueError: it came before, or the window before it was never closed, or its own is over.
        """
        step_num, window = turn.step_num, self.window
        if (
            window is not None
            and window.place is turn.window
            and window.by_caller is updating
            and not window.dropped
            and step_num == self.seen + 1
        ):
            return window  # as nearly always
        if step_num <= self.seen and not self._is_second_half(turn, updating) and not self._closes_late(turn, updating):
            raise ValueError(
                f"step_num={step_num}: step_num must rise with every micro-batch of the run, and {self.seen} came last."
                "\n    Counting from 1 again in every epoch? Then write step_num = (epoch - 1) * len(loader) + i, or"
                "\n    let the counting be done: for step_num, epoch, batch in optim.batches(loader, epochs): ..."
                "\n    A run that begins anew needs a new OptimScheduler, or load_state_dict."
            )
        if turn.window.real_step <= self._cut:
            raise ValueError(
                f"step_num={step_num}: its window, number {turn.window.real_step}, was cut short with last=True and is "
                "over. Go on counting at the next one: counting.next_window(step_num, accum_grad, steps_per_epoch)"
            )
        if window is None or window.dropped or window.by_caller is None:
            return self.window_of(turn)
        if window.place.real_step != turn.window.real_step:
            raise ValueError(
                f"step_num={step_num}: the update before, number {window.place.real_step}, was never made: no update "
                f"came for micro-batch {window.place.last}, which closes its window."
                "\n    To go on without it, drop its gradients first: optim.discard()"
                "\n    Windows of unknown length are cut short with optim.step(..., last=True)"
            )
        if window.by_caller and not updating:
            came = "no backward pass of its micro-batches before did"
        elif not window.by_caller and updating and step_num != self.seen:
            came = f"the backward passes of {window.count} micro-batches before did"
        else:
            return self.window_of(turn)
        raise ValueError(
            f"step_num={step_num}: in one window all backward passes go through step or backward, or none, and "
            f"{came}. Drop the window first: optim.discard(step_num={step_num}), or close it earlier with "
            "optim.update(step_num=..., last=True)"
        )

    def window_of(self, turn: Turn) -> Window | None:
        """The window of a micro-batch, if it is open; None where one begins."""
        window = self.window
        if window is None or window.place.real_step != turn.window.real_step or window.retry == turn.step_num:
            return None
        return window

    @property
    def holds(self) -> bool:
        """Whether the open window holds micro-batches: no other begins, and whoever left it open is told so."""
        return self.window is not None and self.window.by_caller is not None and not self.window.dropped

    def open(self, turn: Turn, window: Window) -> Window:
        """Let a window begin."""
        number = turn.window.real_step
        if self._ahead:
            window.dropped = number in self._ahead
            self._ahead = {other for other in self._ahead if other > number}
        self.window = window
        return window

    def enter(self, turn: Turn, *, updating: bool, log: logging.Logger) -> None:
        """Count a micro-batch in that was checked, or the half of it that follows the backward pass."""
        window = self.window
        if self.seen == 0 and turn.step_num != turn.window.first and not (window is not None and window.dropped):
            log.warning(
                "the first micro-batch, %d, is inside its window, which begins at %d: the gradients before it are "
                "missing from update %d. A resumed run begins at counting.resume_step(step_num, ...).",
                turn.step_num,
                turn.window.first,
                turn.window.real_step,
            )
        if window is not None:
            window.place = turn.window
            if window.part and window.by_caller is None:
                window.by_caller = updating
        self.seen, self.halfway = turn.step_num, not updating

    def is_over(self, turn: Turn) -> bool:
        """Whether this micro-batch came last, and has closed its full window already."""
        return self.window is None and turn.step_num == self.seen and not turn.cut and not self.halfway

    def leave(self, turn: Turn) -> None:
        """The window is over."""
        if self.window is not None and self.window.place.size < self.window.size:
            self._cut = turn.window.real_step
        self.window = None

    def fail(self, step_num: int, *, again: bool = True) -> None:
        """A micro-batch failed: its window is lost, unless it had nothing before and may begin ``again`` with it."""
        window = self.window
        if window is not None and not window.dropped:
            window.dropped = True
            window.retry = step_num if again and window.count <= 1 else None
        self.seen, self.halfway = min(self.seen, step_num - 1), False

    def fail_update(self, turn: Turn, *, again: bool) -> None:
        """An update failed; ``again`` says whether it may be tried again, since nothing is done yet."""
        if again:
            self.fail(turn.step_num)
        else:
            self.leave(turn)

    def drop(self, turn: Turn | None) -> counting.Window | None:
        """Give up a window, by default the open one, and the micro-batches of it that are still to come.

        Returns:
            The window; None if there was none to give up.
        """
        window = self.window
        if turn is None or (window is not None and window.place.real_step == turn.window.real_step):
            if window is None or window.dropped:
                return None
            window.dropped, self.halfway = True, False
            return window.place
        number = turn.window.real_step
        if turn.window.last <= self.seen or number in self._ahead:
            return None
        self._ahead.add(number)
        return turn.window

    def _is_second_half(self, turn: Turn, updating: bool) -> bool:
        """Whether this is the update of a micro-batch whose backward pass came before."""
        return updating and turn.step_num == self.seen and self.halfway

    def _closes_late(self, turn: Turn, updating: bool) -> bool:
        """Whether the micro-batch that came last turns out to be the last of its window."""
        return updating and turn.cut and turn.step_num == self.seen and self.window is not None


def admitted_weight(value: Any) -> Weight:
    """A micro-batch's weight: a number, or a tensor of one, which is read only where nobody waits for it.

    Raises:
        TypeError: neither.
        ValueError: a number that is negative or not finite; a tensor of several numbers.

    >>> admitted_weight(-1)
    Traceback (most recent call last):
    ValueError: weight=-1: weight must be >= 0 and finite (what the loss is a mean over, such as tokens), got -1.
    """
    if isinstance(value, torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            kind = f"shape {tuple(value.shape)} of {value.dtype}"
            raise ValueError(f"weight must be a tensor of one real number, got {kind}.")
        if not is_here(value):
            return value.detach().reshape(()).float()
        value = value.item()
    meaning = "what the loss is a mean over, such as tokens"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"weight={value!r:.60}: weight must be a number ({meaning}), got {type(value).__name__}."
        ) from None
    if not 0 <= number < math.inf:
        raise ValueError(f"weight={value!r}: weight must be >= 0 and finite ({meaning}), got {value!r}.")
    return number
