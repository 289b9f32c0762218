"""What follows from the number of a micro-batch, before anything is done with it."""

from __future__ import annotations

from typing import NamedTuple

from optimsche.counting import AccumGrad, Window, whole, window_of
from optimsche.training.group_schedules import Values


class Turn(NamedTuple):
    """A micro-batch's place in the run, for one optimizer.

    Args:
        step_num: its number over the whole run, a plain int.
        window: its window; ends with this micro-batch if the window is cut short here.
        update: number of the update that the window makes or leads to, in this optimizer's own count.
        gathers: whether this optimizer gathers gradients in the window.
        cut: whether the window is cut short here.
    """

    step_num: int
    window: Window
    update: int
    gathers: bool
    cut: bool = False

    @property
    def due(self) -> bool:
        """Whether an update follows this micro-batch."""
        return self.gathers and self.step_num == self.window.last


class Planned(NamedTuple):
    """A turn with its epoch and the values of each parameter group: all that may be refused of an update."""

    turn: Turn
    epoch: float
    values: Values


def turn_of(
    step_num: int, accum_grad: AccumGrad, steps_per_epoch: int | None, step_per_update: int, *, last: bool = False
) -> Turn:
    """The turn of a micro-batch, of an optimizer that is updated in every ``step_per_update``-th window.

    >>> turn_of(4, accum_grad=2, steps_per_epoch=None, step_per_update=3).window
    Window(real_step=2, first=3, last=4)
    >>> turn_of(3, accum_grad=2, steps_per_epoch=None, step_per_update=1, last=True).due
    True
    """
    step_num = whole("step_num", step_num, 1, "the number of a micro-batch; the first of a run is 1")
    window = window_of(step_num, accum_grad, steps_per_epoch)
    cut = last and step_num != window.last
    if cut:
        window = window._replace(last=step_num)
    update = -(-window.real_step // step_per_update)
    return Turn(step_num, window, update, gathers=window.real_step % step_per_update == 0, cut=cut)
