"""A power of the time passed: a decay without an end, for runs whose length is not known."""

from __future__ import annotations

from optimsche.lr_fn import lr_fn
from optimsche.ranges import Power, Rate, Steps


@lr_fn
def power_law(real_step: float, epoch: float, *, start: Rate = 1.0, timescale: Steps, power: Power) -> float:
    """Fall with a power of the time passed.

        start * (1 + t / timescale) ** -power

    Args:
        start: rate at update 0; finite, >= 0.
        timescale: updates until the rate has fallen to `start * 2 ** -power`; > 0.
        power: exponent; > 0. 1 is inverse time decay, 1/2 is `inverse_sqrt`.

    Returns:
        A schedule that falls from `start` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [power_law(start=1.0, timescale=100, power=2)(t) for t in (0, 100, 300)]
    [1.0, 0.25, 0.0625]
    """
    return start * (1.0 + real_step / timescale) ** -power
