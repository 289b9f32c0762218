"""What the theory of convex problems says of a plan: a bound on the loss of the last iterate, and the best rate.

The bound holds for subgradient descent on a convex function whose gradients have norms of at most `gradient`, from a
start that is `distance` away from a minimum. It is no forecast of a training run, and it says nothing of Adam. How runs
of language models follow the shape of it is what the source is about.

Source: Schaipp et al., The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for
Large Model Training (2025), theorem 1, arXiv:2501.18965; the bound is that of Defazio et al., arXiv:2310.07831.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from optimsche import call_errors, checking
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule

__all__ = ["best_rate", "bound", "transfer_rate"]

_Run = Annotated[int, Ge(1), Le(100_000_000), Meaning("length of the run, in updates")]
_Distance = Annotated[float, Gt(0), Lt(math.inf), Meaning("distance from the start to a minimum")]
_Gradient = Annotated[float, Gt(0), Lt(math.inf), Meaning("the largest norm of a gradient")]
_Tuned = Annotated[float, Gt(0), Lt(math.inf), Meaning("a peak rate that is good for the first plan")]


@call_errors.explained
def bound(plan: Schedule, steps: int, *, distance: float = 1.0, gradient: float = 1.0) -> float:
    """By how much the loss of the last iterate is above the minimum at most, after `steps` updates at the plan's rates.

        D**2 / (2 * S(1)) + G**2 / 2 * (Q(1) / S(1) + sum over k < T of r(k) * Q(k) / (S(k + 1) * S(k)))

    with the rate `r(k)` of update `k`, `S(k) = r(k) + ... + r(T)`, `Q(k) = r(k)**2 + ... + r(T)**2`, `D = distance` and
    `G = gradient`. T is the last update whose rate is above 0: those after it change nothing.

    Args:
        plan: the plan, whose rates are taken as they are.
        steps: length of the run in updates; >= 1.
        distance: D; > 0.
        gradient: G; > 0.

    Returns:
        The bound; `math.inf` where every rate is 0.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind; the plan counts epochs.

    >>> from optimsche import constant
    >>> bound(constant(value=1.0), 1)
    1.0
    """
    distance = checking.admit("bound", "distance", _Distance, distance)
    gradient = checking.admit("bound", "gradient", _Gradient, gradient)
    travelled, noise, peak = _terms("bound", plan, steps)
    return distance**2 * travelled / peak + gradient**2 * noise * peak if peak else math.inf


@call_errors.explained
def best_rate(plan: Schedule, steps: int, *, distance: float = 1.0, gradient: float = 1.0) -> float:
    """The peak rate at which the bound is least, for a plan of this shape.

    Args:
        plan: the plan; its own rates give the shape alone.
        steps: length of the run in updates; >= 1.
        distance: as of `bound`.
        gradient: as of `bound`.

    Returns:
        The highest rate of the plan that is best, in units of `distance / gradient`.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind; every rate is 0.

    >>> from optimsche import constant
    >>> best_rate(constant(value=0.3), 1)
    1.0
    """
    distance = checking.admit("best_rate", "distance", _Distance, distance)
    gradient = checking.admit("best_rate", "gradient", _Gradient, gradient)
    travelled, noise, peak = _terms("best_rate", plan, steps)
    if peak == 0:
        raise ValueError(f"best_rate: {plan!r} has the rate 0 in all of its {steps:,} updates, which no factor changes")
    return math.sqrt(travelled / noise) * distance / gradient


@call_errors.explained
def transfer_rate(rate: float, from_plan: Schedule, from_steps: int, to_plan: Schedule, to_steps: int) -> float:
    """A peak rate for another plan or length, from one that was found good: the ratio of the two best rates.

    Args:
        rate: the peak rate that was found good for `from_plan`; > 0.
        from_plan: the plan that it was found with.
        from_steps: the length of those runs, in updates; >= 1.
        to_plan: the plan to be used.
        to_steps: the length of its run; >= 1.

    Returns:
        `rate * best_rate(to_plan, to_steps) / best_rate(from_plan, from_steps)`.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind.

    >>> from optimsche import constant
    >>> transfer_rate(0.5, constant(value=1.0), 1, constant(value=2.0), 1)
    0.5
    """
    rate = checking.admit("transfer_rate", "rate", _Tuned, rate)
    return rate * best_rate(to_plan, to_steps) / best_rate(from_plan, from_steps)


def _terms(call: str, plan: Schedule, steps: int) -> tuple[float, float, float]:
    """For rates whose highest is 1, what D**2 and G**2 are multiplied by; and the highest rate of the plan.

    For rates that are `peak` times as high, the bound is `D**2 * travelled / peak + G**2 * noise * peak`.
    """
    if not isinstance(plan, Schedule):
        raise TypeError(f"{call}(plan=...): plan must be a schedule, got {call_errors.shown(plan)}.")
    if plan.counts_epochs:
        raise ValueError(f"{call}: {plan!r} counts epochs; write it in updates")
    steps = checking.admit(call, "steps", _Run, steps)
    rates = np.asarray(plan(np.arange(1, steps + 1)), dtype=float)
    above = np.flatnonzero(rates > 0)
    if not len(above):
        return 0.0, 0.0, 0.0
    peak = float(rates.max())
    rates = rates[: above[-1] + 1] / peak  # whatever its size, a sum of squares is then no 0
    left = np.cumsum(rates[::-1])[::-1]
    squares = np.cumsum((rates**2)[::-1])[::-1]
    ahead = float((rates[:-1] / left[1:] * (squares[:-1] / left[:-1])).sum())
    return 0.5 / float(left[0]), 0.5 * (float(squares[0] / left[0]) + ahead), peak
