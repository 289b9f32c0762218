"""What one micro-batch did."""

from __future__ import annotations

from typing import Any

import torch


class StepResult:
    """What one call of :meth:`OptimScheduler.step <optimsche.OptimScheduler.step>` did.

    ``closed``, ``real_step``, ``epoch`` and ``lr`` are known at once. ``updated``, ``skipped`` and ``grad_norm`` may
    still be on the device: the program waits for them when they are read, and not before. ``norm`` and ``found_inf``
    are what they are made of, for code that stays on the device.

    Args:
        closed: whether this micro-batch closed its window, so that an update was due.
        real_step: number of the update that the micro-batch belongs to, from 1.
        epoch: pass over the data, from 1.
        lr: rate of this update, in the first parameter group.
        norm: global norm of this optimizer's gradients before clipping; None where nothing was measured.
        found_inf: whether the norm was inf or nan, so that the optimizer was not stepped: a bool, or a tensor that is
            1 or 0; None where nothing was measured.
        micro_batches: how many of them the update is the mean of; 0 inside a window.
        weight: the sum of their weights; their number if they had none.

    >>> result = StepResult(closed=True, real_step=3, epoch=1, lr=0.001, norm=torch.tensor(0.5), found_inf=False)
    >>> result.updated, result.skipped, result.grad_norm
    (True, False, 0.5)
    """

    __slots__ = ("closed", "epoch", "found_inf", "lr", "micro_batches", "norm", "real_step", "weight")

    def __init__(
        self,
        closed: bool,
        real_step: int,
        epoch: float,
        lr: float,
        *,
        norm: float | torch.Tensor | None = None,
        found_inf: bool | torch.Tensor | None = None,
        micro_batches: int = 0,
        weight: float | torch.Tensor = 0.0,
    ) -> None:
        self.closed = closed
        self.real_step = real_step
        self.epoch = epoch
        self.lr = lr
        self.norm = norm
        self.found_inf = found_inf
        self.micro_batches = micro_batches
        self.weight = weight

    @property
    def updated(self) -> bool:
        """Whether the optimizer was stepped; False inside a window."""
        return self.found_inf is not None and not bool(self.found_inf)

    @property
    def skipped(self) -> bool:
        """Whether an update was due and was not made: non-finite or no gradients, or a window that was dropped."""
        return self.closed and not self.updated

    @property
    def grad_norm(self) -> float | None:
        """Global norm of this optimizer's gradients before clipping; None inside a window."""
        return float(self.norm.item()) if isinstance(self.norm, torch.Tensor) else self.norm

    def __repr__(self) -> str:
        shown: dict[str, Any] = {name: getattr(self, name) for name in ("closed", "real_step", "epoch", "lr")}
        for name, value in (("updated", self.found_inf), ("skipped", self.found_inf), ("grad_norm", self.norm)):
            # Printing a result must not make the program wait: what is on the device is shown as being there.
            away = isinstance(value, torch.Tensor) and value.device.type != "cpu"
            shown[name] = "..." if away else getattr(self, name)
        return f"StepResult({', '.join(f'{name}={value}' for name, value in shown.items())})"
