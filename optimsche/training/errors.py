"""The one error of training that is not about an argument."""

from __future__ import annotations


class NonFiniteError(ArithmeticError):
    """The gradients were inf or nan in too many updates in a row: the run has diverged.

    Raised by :meth:`OptimScheduler.update <optimsche.OptimScheduler.update>` once ``max_skips`` updates in a row were
    skipped, or once a loss scale that never fitted has fallen below 1. Parameters and optimizer are as they were after
    the last good update.
    """
