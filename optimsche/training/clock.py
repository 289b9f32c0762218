"""The order in which micro-batches may come, and the window that is open."""

from __future__ import annotations

import logging

from optimsche.counting import Window


class Clock:
    """Where a run is: the last micro-batch that came, and the window whose update is still to be made.

    It holds nothing that a checkpoint would have to store. It exists to catch a caller's mistakes: a counter that
    starts again, a window that never closes, a run that goes on inside a window.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.open: Window | None = None
        self._updated = True
        self._dropped = 0

    def enter(self, step_num: int, window: Window, *, gathers: bool, updating: bool, log: logging.Logger) -> None:
        """Admit a micro-batch, or refuse it and change nothing.

        Args:
            step_num: its number.
            window: its window.
            gathers: whether this optimizer gathers gradients in that window.
            updating: False for its backward pass; True for what follows, with or without a backward pass before.
            log: for a warning where the first micro-batch that comes is inside a window.

        Raises:
            ValueError: it came before, or the window before it was never closed.
        """
        second_half = updating and step_num == self.seen and not self._updated
        if step_num <= self.seen and not second_half:
            raise ValueError(
                f"step_num={step_num}: step_num must rise with every micro-batch of the run, and {self.seen} came last."
                "\n    Counting from 1 again in every epoch? Then write step_num = (epoch - 1) * len(loader) + i, or"
                "\n    let the counting be done: for step_num, epoch, batch in optim.batches(loader, epochs): ..."
                "\n    A run that begins anew needs a new OptimScheduler, or load_state_dict."
            )
        if self.open is not None and self.open != window:
            raise ValueError(
                f"step_num={step_num}: the update before, number {self.open.real_step}, was never made: no update came "
                f"for micro-batch {self.open.last}, which closes its window."
                "\n    To go on without it, drop its gradients first: optim.discard()"
            )
        if self.seen == 0 and step_num != window.first:
            log.warning(
                "the first micro-batch, %d, is inside its window, which begins at %d: the gradients before it are "
                "missing from update %d. A resumed run begins at counting.resume_step(step_num, ...).",
                step_num,
                window.first,
                window.real_step,
            )
        self.seen, self._updated = step_num, updating
        if gathers and not self.is_dropped(window):
            self.open = window

    def close(self) -> None:
        """The update of the open window was made, or skipped."""
        self.open = None

    def drop(self) -> Window | None:
        """Give up the open window, and the micro-batches of it that are still to come."""
        window, self.open = self.open, None
        if window is not None:
            self._dropped = window.real_step
        return window

    def is_dropped(self, window: Window) -> bool:
        """Whether this window was given up."""
        return window.real_step == self._dropped
