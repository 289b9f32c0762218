"""Noise that is a pure function of its seed and the update."""

from __future__ import annotations

from optimsche import random32
from optimsche.combinators import facts
from optimsche.lr_fn import lr_fn
from optimsche.ranges import Seed, Share
from optimsche.schedule import Schedule


@lr_fn(length=facts.length_inside, boundaries=facts.boundaries_inside)
def jitter(real_step: float, epoch: float, schedule: Schedule, amount: Share, *, seed: Seed = 0) -> float:
    """Move each update's value up or down at random, by at most a share of it.

        schedule(t) * (1 + amount * noise(floor(t)))
        where noise(i) is between -1 and 1, made by Threefry-2x32 with key (0, seed) and counter i

    The noise of an update depends on `seed` and on its number alone. It is the same in every order, in every process,
    on every machine and in every array library. A resumed run meets the noise that it would have met.

    Args:
        schedule: what is moved.
        amount: the largest move, as a share of the value; 0 to 1.
        seed: which noise; a whole number from 0 to 2**32 - 1.

    Returns:
        A schedule of the same length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011), for the generator.

    >>> from optimsche import constant
    >>> plan = constant(value=1.0).jitter(0.1, seed=7)
    >>> [round(plan(t), 3) for t in (1, 2, 3, 1)]
    [0.909, 0.945, 0.913, 0.909]
    """
    return schedule(real_step, epoch) * (1.0 + amount * random32.uniform(seed, real_step))
