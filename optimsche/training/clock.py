"""The order in which micro-batches may come, and the window that is open."""

from __future__ import annotations

import logging

from optimsche.counting import Window
from optimsche.training.turn import Turn


class Clock:
    """Where a run is: the last micro-batch that came, and the window whose update is still to be made.

    It holds nothing that a checkpoint would have to store. It exists to catch a caller's mistakes: a counter that
    starts again, a window that never closes, a run that goes on inside a window.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.open: Window | None = None
        # Micro-batches that came in the open window; None if the caller's own backward pass gathers, uncounted.
        self.held: int | None = 0
        self._updated = True
        self._dropped = 0

    def check(self, turn: Turn, *, updating: bool) -> None:
        """Refuse a micro-batch that cannot come now.

        Args:
            turn: its place in the run.
            updating: False for its backward pass; True for what follows, with or without a backward pass before.

        Raises:
            ValueError: it came before, or the window before it was never closed.
        """
        step_num = turn.step_num
        if step_num <= self.seen and not self._is_second_half(turn, updating):
            raise ValueError(
                f"step_num={step_num}: step_num must rise with every micro-batch of the run, and {self.seen} came last."
                "\n    Counting from 1 again in every epoch? Then write step_num = (epoch - 1) * len(loader) + i, or"
                "\n    let the counting be done: for step_num, epoch, batch in optim.batches(loader, epochs): ..."
                "\n    A run that begins anew needs a new OptimScheduler, or load_state_dict."
            )
        if self.open is not None and self.open != turn.window:
            raise ValueError(
                f"step_num={step_num}: the update before, number {self.open.real_step}, was never made: no update came "
                f"for micro-batch {self.open.last}, which closes its window."
                "\n    To go on without it, drop its gradients first: optim.discard()"
            )

    def enter(self, turn: Turn, *, updating: bool, log: logging.Logger) -> bool:
        """Admit a micro-batch, or refuse it as :meth:`check` does and change nothing.

        Args:
            turn: its place in the run.
            updating: as in :meth:`check`.
            log: for a warning where the first micro-batch that comes is inside a window.

        Returns:
            Whether it opened its window.
        """
        self.check(turn, updating=updating)
        window = turn.window
        if self.seen == 0 and turn.step_num != window.first:
            log.warning(
                "the first micro-batch, %d, is inside its window, which begins at %d: the gradients before it are "
                "missing from update %d. A resumed run begins at counting.resume_step(step_num, ...).",
                turn.step_num,
                window.first,
                window.real_step,
            )
        by_caller = updating and not self._is_second_half(turn, updating)
        self.seen, self._updated = turn.step_num, updating
        if not turn.gathers or self.is_dropped(window):
            return False
        opens = self.open is None
        self.open = window
        held = 0 if opens else self.held
        self.held = None if by_caller or held is None else held + (not updating)
        return opens

    def close(self) -> int | None:
        """The open window's update is being made; how many micro-batches it holds, if that was counted."""
        self.open = None
        return self.held

    def drop(self, window: Window | None = None) -> Window | None:
        """Give up a window, by default the open one, and the micro-batches of it that are still to come.

        Returns:
            The window; None if there was none to give up.
        """
        if window is None:
            window = self.open
        if window is None or self.is_dropped(window) or (window != self.open and window.last <= self.seen):
            return None
        self.open, self._dropped = None, window.real_step
        return window

    def is_dropped(self, window: Window) -> bool:
        """Whether this window was given up."""
        return window.real_step <= self._dropped

    def _is_second_half(self, turn: Turn, updating: bool) -> bool:
        """Whether this is the update of a micro-batch whose backward pass came before."""
        return updating and turn.step_num == self.seen and not self._updated
