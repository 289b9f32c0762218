"""Powers of the time that has passed: decays without an end, for runs whose length is not known."""

from __future__ import annotations

from optimsche import ops
from optimsche.domains import Power, Rate, Steps
from optimsche.schedule import lr_fn


@lr_fn
def inverse_sqrt(real_step: float, epoch: float, *, start: Rate = 1.0, timescale: Steps) -> float:
    r"""Fall with the inverse square root of the time passed.

    .. math:: \eta(t) = s \left(1 + t/\tau\right)^{-1/2}

    with :math:`t` real step, :math:`s` start, :math:`\tau` timescale. After a warm-up of :math:`\tau` updates this is
    the :math:`\sqrt{\tau/n}` of the Transformer at update :math:`n`: see :func:`~optimsche.noam`.

    Args:
        start: rate at step 0; finite, >= 0.
        timescale: updates until the rate has fallen to :math:`s/\sqrt 2`; > 0.

    Returns:
        A schedule that falls from ``start`` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    Source: Vaswani et al., Attention Is All You Need (2017), section 5.3, arXiv:1706.03762.

    >>> [inverse_sqrt(start=0.1, timescale=100)(t) for t in (0, 300, 9_900)]
    [0.1, 0.05, 0.01]
    """
    return start / ops.sqrt(1.0 + real_step / timescale)


@lr_fn
def power_law(real_step: float, epoch: float, *, start: Rate = 1.0, timescale: Steps, power: Power) -> float:
    r"""Fall with a power of the time passed.

    .. math:: \eta(t) = s \left(1 + t/\tau\right)^{-p}

    with :math:`t` real step, :math:`s` start, :math:`\tau` timescale, :math:`p` power.

    Args:
        start: rate at step 0; finite, >= 0.
        timescale: updates until the rate has fallen to :math:`s\,2^{-p}`; > 0.
        power: exponent; > 0. 1 is inverse time decay, 1/2 is :func:`inverse_sqrt`.

    Returns:
        A schedule that falls from ``start`` towards 0 and has no length.

    Raises:
        ValueError, TypeError: a parameter is outside its range or of the wrong kind.

    >>> [power_law(start=1.0, timescale=100, power=2)(t) for t in (0, 100, 300)]
    [1.0, 0.25, 0.0625]
    """
    return start * (1.0 + real_step / timescale) ** -power
