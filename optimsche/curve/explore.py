"""`explore`: a schedule with sliders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimsche import call_errors, checking
from optimsche.curve import ranges
from optimsche.missing import needs
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from optimsche.curve.explorer import Explorer


@call_errors.explained
def explore(
    schedule: Schedule,
    *,
    steps: float | None = None,
    steps_per_epoch: int | None = None,
    accum_grad: int = 1,
    log: bool = False,
) -> Explorer:
    """A schedule with a slider for each of its numbers, in a notebook: the curve follows, and so does the expression.

    Args:
        schedule: the schedule. The signatures of its functions say how far each slider goes; where they do not, it
            goes to twice the value.
        steps: how far to draw, in updates; > 0. By default as far as `plot` draws.
        steps_per_epoch: micro-batches in an epoch; >= 1. Needed where rates depend on the epoch.
        accum_grad: micro-batches in one update; >= 1.
        log: whether the vertical axis is logarithmic.

    Returns:
        What shows itself at the end of a cell. Its `schedule` is what the sliders have made, and `sliders` has the
        widgets by name.

    Raises:
        ModuleNotFoundError: ipywidgets or Matplotlib is not installed.
        ValueError: an argument is outside its range, or `steps_per_epoch` is needed and not given.
        TypeError: an argument is of the wrong kind.
    """
    if not isinstance(schedule, Schedule):
        raise ranges.no_schedule("explore", schedule)
    ranges.check_epochs("explore", schedule, ranges.updates_per_epoch("explore", steps_per_epoch, accum_grad))
    if steps is not None:
        checking.admit("explore", "steps", ranges.Reach, steps)
    try:
        from optimsche.curve.explorer import Explorer
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("ipywidgets", "matplotlib"):
            raise
        raise needs("explore", missing) from None
    return Explorer(schedule, steps=steps, steps_per_epoch=steps_per_epoch, accum_grad=accum_grad, log=log)
