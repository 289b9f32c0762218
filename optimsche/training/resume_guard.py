"""The guard of a resumed run: a loaded rate that is not the plan's, and what the cause may be."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from optimsche.schedule import Schedule

_CLOSE = 1e-6
_SEARCHED = 1_000_000  # updates of the plan that are compared with the loaded rate


def report_another_rate(
    loaded: float,
    planned: Sequence[float],
    update: int,
    log: logging.Logger,
    schedule: Schedule,
    factor: float,
) -> None:
    """Warn if the rate that was loaded is none of those that the plan may have had for the update before.

    Args:
        loaded: the first group's rate in the state.
        planned: the rates that the plan may have had.
        update: the number of that update.
        log: where to warn.
        schedule: the plan of the first group.
        factor: what the plan's value is multiplied by in the first group.
    """
    if any(math.isclose(loaded, rate, rel_tol=_CLOSE) for rate in planned):
        return
    log.warning(
        "the state that was loaded has the rate %g, and the schedule says %g for update %d, the one before. %s "
        "The schedule decides.",
        loaded,
        planned[0],
        update,
        likely_cause(loaded, update, schedule, factor),
    )


def likely_cause(loaded: float, update: int, schedule: Schedule, factor: float = 1.0) -> str:
    """What has probably happened where a loaded rate is not that of update ``update``.

    >>> from optimsche import linear
    >>> likely_cause(0.5, 1, linear(start=1.0, steps=10))
    'It is the rate of update 5: did the counter start again? Resume at counting.resume_step(step_num, ...).'
    >>> likely_cause(0.5, 9, linear(start=1.0, steps=10))
    'It is the rate of update 5: is this another clock (accum_grad, steps_per_epoch, step_num)?'
    >>> likely_cause(7.0, 9, linear(start=1.0, steps=10))
    'The plan never has it: was it saved with another schedule, or another ft_factor?'
    """
    found = _update_with(loaded, update, schedule, factor)
    if found is None:
        return "The plan never has it: was it saved with another schedule, or another ft_factor?"
    if update <= 1 < found:
        return (
            f"It is the rate of update {found}: did the counter start again? "
            "Resume at counting.resume_step(step_num, ...)."
        )
    return f"It is the rate of update {found}: is this another clock (accum_grad, steps_per_epoch, step_num)?"


def _update_with(rate: float, near: int, schedule: Schedule, factor: float) -> int | None:
    """The update nearest to ``near`` at which the plan has this rate."""
    if schedule.counts_epochs:
        return None
    length = schedule.length if schedule.length < math.inf else 10 * near + 1000
    updates = np.arange(1, int(min(max(length, near) + 1, _SEARCHED)))
    same = updates[np.isclose(factor * schedule(updates), rate, rtol=_CLOSE, atol=0.0)]
    return int(same[np.abs(same - near).argmin()]) if len(same) else None
