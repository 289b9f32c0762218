"""Noise that is a pure function of its seed and the update."""

from __future__ import annotations

from optimsche import threefry
from optimsche.combinators import facts
from optimsche.domains import Seed, Share
from optimsche.schedule import Schedule, lr_fn


@lr_fn(length=facts.length_inside, joints=facts.joints_inside)
def jitter(real_step: float, epoch: float, schedule: Schedule, amount: Share, *, seed: Seed = 0) -> float:
    r"""Move each update's value up or down at random, by at most a share of it.

    .. math:: \eta(t) = f(t)\,(1 + a\,\varepsilon_{\lfloor t \rfloor}), \quad \varepsilon_k \in (-1, 1)
        \text{ from Threefry-2x32 with key } (0, z) \text{ and counter } k

    with :math:`t` real step, :math:`f` schedule, :math:`a` amount, :math:`z` seed. The noise of an update depends on
    the seed and its number alone: it is the same in every order, in every process, on every machine and in every array
    library, and a resumed run meets the noise that it would have met.

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
    return schedule(real_step, epoch) * (1.0 + amount * threefry.uniform(seed, real_step))
