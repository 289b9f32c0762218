"""What one micro-batch did."""

from __future__ import annotations

import torch


class StepResult:
    """What one call of :meth:`OptimScheduler.step <optimsche.OptimScheduler.step>` did.

    All of it is known at once but for ``grad_norm``, which may still be on the device: the program waits for it when
    it is read.

    Args:
        closed: whether this micro-batch closed its window, so that an update was due.
        real_step: number of the update that the micro-batch belongs to, from 1.
        epoch: pass over the data, from 1.
        lr: rate of this update, in the first parameter group.
        updated: whether the optimizer was stepped; False inside a window.
        norm: global norm of this optimizer's gradients before clipping, as a tensor; None where nothing was measured.

    >>> result = StepResult(closed=True, real_step=3, epoch=1, lr=0.001, updated=True, norm=torch.tensor(0.5))
    >>> result.updated, result.skipped, result.grad_norm
    (True, False, 0.5)
    """

    __slots__ = ("closed", "epoch", "lr", "norm", "real_step", "updated")

    def __init__(
        self,
        *,
        closed: bool,
        real_step: int,
        epoch: float,
        lr: float,
        updated: bool = False,
        norm: torch.Tensor | None = None,
    ) -> None:
        self.closed = closed
        self.real_step = real_step
        self.epoch = epoch
        self.lr = lr
        self.updated = updated
        self.norm = norm

    @property
    def skipped(self) -> bool:
        """Whether an update was due and was not made: non-finite or no gradients, or a window that was dropped."""
        return self.closed and not self.updated

    @property
    def grad_norm(self) -> float | None:
        """Global norm of this optimizer's gradients before clipping; None inside a window."""
        return None if self.norm is None else float(self.norm)

    def __repr__(self) -> str:
        names = ("closed", "real_step", "epoch", "lr", "updated", "skipped", "grad_norm")
        return f"StepResult({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"
