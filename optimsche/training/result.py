"""What one micro-batch did."""

from __future__ import annotations

import torch


class StepResult:
    """What one call of :meth:`OptimScheduler.step <optimsche.OptimScheduler.step>` did.

    ``closed``, ``real_step``, ``epoch`` and ``lr`` are known at once. ``updated``, ``skipped`` and ``grad_norm`` may
    still be on the device: reading one may make the program wait for it.

    Args:
        closed: whether this micro-batch closed its window, so that an update was due.
        real_step: number of the update that the micro-batch belongs to, from 1.
        epoch: pass over the data, from 1.
        lr: rate of this update, in the first parameter group.
        applied: whether the update was made, as a bool or as a tensor that becomes one.
        norm: global norm of this optimizer's gradients before clipping, as a tensor; None where nothing was measured.

    >>> result = StepResult(closed=True, real_step=3, epoch=1, lr=0.001, applied=True, norm=torch.tensor(0.5))
    >>> result.updated, result.skipped, result.grad_norm
    (True, False, 0.5)
    """

    __slots__ = ("applied", "closed", "epoch", "lr", "norm", "real_step")

    def __init__(
        self,
        *,
        closed: bool,
        real_step: int,
        epoch: float,
        lr: float,
        applied: bool | torch.Tensor = False,
        norm: torch.Tensor | None = None,
    ) -> None:
        self.closed = closed
        self.real_step = real_step
        self.epoch = epoch
        self.lr = lr
        self.applied = applied
        self.norm = norm

    @property
    def updated(self) -> bool:
        """Whether the optimizer was stepped; False inside a window."""
        return bool(self.applied)

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
