"""The order in which micro-batches may come, and the window that is open."""

from __future__ import annotations

import copy
import logging

import torch

from optimsche.counting import Window
from optimsche.training.micro_batch import Turn
from optimsche.training.window_weights import Gathered


class WindowTracker:
    """Where a run is: the last micro-batch that came, and the window whose update is still to be made.

    It holds nothing that a checkpoint would have to store. It exists to catch a caller's mistakes: a counter that
    starts again, a window that never closes, a run that goes on inside a window.

    Args:
        weights_relative: whether the weights of micro-batches count relative to the first of their window.
        in_parts: whether a micro-batch counts for its part of a full window, and not for 1.
    """

    def __init__(self, *, weights_relative: bool = True, in_parts: bool = False) -> None:
        self.seen = 0
        self.open: Window | None = None
        # What the open window holds; None where the caller's own backward pass gathers, and nothing is known of it.
        self.held: Gathered | None = None
        self._weights_relative = weights_relative
        self._in_parts = in_parts
        self._updated = True
        self._dropped: set[int] = set()
        self._cut = 0

    def before_the_open_window(self) -> WindowTracker:
        """A clock for a copy that has not got the gradients of the open window, and plays it again."""
        copied = copy.copy(self)
        copied._dropped = set(self._dropped)
        if self.open is not None:
            copied.seen, copied.open, copied.held, copied._updated = self.open.first - 1, None, None, True
        return copied

    def check(self, turn: Turn, *, updating: bool) -> None:
        """Refuse a micro-batch that cannot come now.

        Args:
            turn: its place in the run.
            updating: False for its backward pass; True for what follows, with or without a backward pass before.

        Raises:
            ValueError: it came before, or the window before it was never closed, or its own is over.
        """
        step_num = turn.step_num
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
        if self.open is not None and self.open.real_step != turn.window.real_step:
            raise ValueError(
                f"step_num={step_num}: the update before, number {self.open.real_step}, was never made: no update came "
                f"for micro-batch {self.open.last}, which closes its window."
                "\n    To go on without it, drop its gradients first: optim.discard()"
                "\n    Windows of unknown length are cut short with optim.step(..., last=True)"
            )
        self._refuse_two_backward_passes(turn, updating)

    def enter(self, turn: Turn, *, updating: bool, log: logging.Logger) -> bool:
        """Admit a micro-batch, or refuse it as :meth:`check` does and change nothing.

        Args:
            turn: its place in the run.
            updating: as in :meth:`check`.
            log: for a warning where the first micro-batch that comes is inside a window.

        Returns:
            Whether it opened its window.
        """
        window = turn.window
        if self._dropped and window.real_step not in self._dropped:
            self._dropped = {number for number in self._dropped if number > window.real_step}
        if updating and turn.step_num == self.seen and not self._updated and self.open is window:
            self._updated = True  # as nearly always: the update after its own backward pass
            return False
        self.check(turn, updating=updating)
        if self.seen == 0 and turn.step_num != window.first:
            log.warning(
                "the first micro-batch, %d, is inside its window, which begins at %d: the gradients before it are "
                "missing from update %d. A resumed run begins at counting.resume_step(step_num, ...).",
                turn.step_num,
                window.first,
                window.real_step,
            )
        by_caller = updating and not self._is_second_half(turn, updating) and not self._closes_late(turn, updating)
        self.seen, self._updated = turn.step_num, updating
        if not turn.gathers or self.is_dropped(window):
            return False
        opens = self.open is None
        self.open = window
        if opens:
            part = 1.0 / window.size if self._in_parts else 1.0
            self.held = None if by_caller else Gathered(relative=self._weights_relative, part=part)
        return opens

    def goes_on(self, step_num: int) -> bool:
        """Whether a micro-batch follows the last one, inside the open window, and does not close it.

        Never where processes synchronise, and never with weights: more is to be seen to there.
        """
        window = self.open
        return (
            window is not None
            and type(step_num) is int
            and step_num == self.seen + 1
            and step_num < window.last
            and self._updated
            and self.held is not None
            and not self.held.weighted
            and self._weights_relative
        )

    def go_on(self, step_num: int) -> float | torch.Tensor:
        """Admit such a micro-batch, its backward pass and what follows; the factor on its loss."""
        self.seen = step_num
        return 1.0 if self.held is None else self.held.add(None)

    def close(self) -> Gathered | None:
        """The open window's update is being made; what it holds, if that was counted."""
        self.open = None
        return self.held

    def over(self, turn: Turn) -> None:
        """Remember a window that was cut short."""
        if turn.cut:
            self._cut = turn.window.real_step

    def drop(self, window: Window | None = None) -> Window | None:
        """Give up a window, by default the open one, and the micro-batches of it that are still to come.

        Returns:
            The window; None if there was none to give up.
        """
        if window is None:
            window = self.open
        over = window is not None and (self.open is None or window.real_step != self.open.real_step)
        if window is None or self.is_dropped(window) or (over and window.last <= self.seen):
            return None
        if not over:
            self.open = None
        self._dropped.add(window.real_step)
        return window

    def is_dropped(self, window: Window) -> bool:
        """Whether this window was given up."""
        return window.real_step in self._dropped

    def _is_second_half(self, turn: Turn, updating: bool) -> bool:
        """Whether this is the update of a micro-batch whose backward pass came before."""
        return updating and turn.step_num == self.seen and not self._updated

    def _closes_late(self, turn: Turn, updating: bool) -> bool:
        """Whether the micro-batch that came last turns out to be the last of its window."""
        return updating and turn.cut and turn.step_num == self.seen and self.open is not None

    def _refuse_two_backward_passes(self, turn: Turn, updating: bool) -> None:
        """Refuse a window in which some backward passes are the caller's own: theirs are divided already."""
        if self.open is None or not turn.gathers:
            return
        if not updating and self.held is None:
            came = "no backward pass of its micro-batches before did"
        elif updating and self.held is not None and turn.step_num != self.seen:
            came = f"the backward passes of {self.held.count} micro-batches before did"
        else:
            return
        raise ValueError(
            f"step_num={turn.step_num}: in one window all backward passes go through step or backward, or none, and "
            f"{came}. Drop the window first: optim.discard(step_num={turn.step_num}), or close it earlier with "
            "optim.update(step_num=..., last=True)"
        )
