"""What follows from the number of a micro-batch, before anything is done with it."""

from __future__ import annotations

import operator
from typing import NamedTuple

from optimsche.counting import AccumGrad, Window, window_of


class Turn(NamedTuple):
    """A micro-batch's place in the run.

    Args:
        step_num: its number over the whole run, a plain int.
        window: its window; ends with this micro-batch if the window is cut short here.
        closes: whether it is the last of its window.
        cut: whether the window is cut short here.
    """

    step_num: int
    window: Window
    closes: bool
    cut: bool = False


def turn_of(step_num: int, accum_grad: AccumGrad, steps_per_epoch: int | None, *, last: bool = False) -> Turn:
    """The turn of a micro-batch.

    Raises:
        ValueError, TypeError: ``step_num`` is not a whole number from 1 on; ``last`` is neither True nor False.

    >>> turn_of(4, accum_grad=2, steps_per_epoch=None)
    Turn(step_num=4, window=Window(real_step=2, first=3, last=4), closes=True, cut=False)
    >>> turn_of(3, accum_grad=2, steps_per_epoch=None, last=True).closes
    True
    """
    if type(last) is not bool:
        raise TypeError(f"step(last={last!r:.60}): last must be True or False, got {type(last).__name__}.")
    window = window_of(step_num, accum_grad, steps_per_epoch)
    step_num = operator.index(step_num)  # a number of NumPy's, say, in which the caller may go on counting
    cut = last and step_num != window.last
    return Turn(step_num, window._replace(last=step_num) if cut else window, last or step_num == window.last, cut)
