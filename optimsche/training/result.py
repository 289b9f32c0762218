"""What one micro-batch did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from optimsche.training.follow import Value
from optimsche.training.norms import combined


class StepResult:
    """What one call of :meth:`OptimScheduler.step <optimsche.OptimScheduler.step>` did.

    ``closed``, ``real_step``, ``epoch``, ``lr`` and ``hyperparameters`` are known at once. ``updated``, ``skipped`` and
    ``grad_norm`` may still be on the device: the program waits for them when they are read, and not before. ``norm``
    and ``found_inf`` are what they are made of, for code that stays on the device.

    With several optimizers, ``result["encoder"]`` is that of one of them. What they have in common is here: ``updated``
    if any of them was, ``grad_norm`` of all gradients together, ``lr`` of the first.

    Args:
        closed: whether this micro-batch closed its window, so that an update was due.
        real_step: number of the update that the micro-batch belongs to, from 1.
        epoch: pass over the data, from 1.
        values: what is scheduled in this update, the rate of the first parameter group first; or what computes it.
        norm: global norm of this optimizer's gradients before clipping; None where nothing was measured.
        found_inf: whether the update was left out, for its norm or by a stage: a bool, or a tensor that is 1 or 0; None
            where there was none to make.
        micro_batches: how many of them the update is the mean of; 0 inside a window.
        weight: the sum of their weights; their number if they had none.
        members: the results of several optimizers by name, whose values are then those of all.

    >>> result = StepResult(closed=True, real_step=3, epoch=1, norm=torch.tensor(0.5), found_inf=False)
    >>> result.updated, result.skipped, result.grad_norm
    (True, False, 0.5)
    """

    __slots__ = ("_values", "closed", "epoch", "found_inf", "members", "micro_batches", "norm", "real_step", "weight")

    def __init__(
        self,
        closed: bool,
        real_step: int,
        epoch: float,
        values: Sequence[Value] | Callable[[], Sequence[Value]] = (),
        *,
        norm: float | torch.Tensor | None = None,
        found_inf: bool | torch.Tensor | None = None,
        micro_batches: int = 0,
        weight: float | torch.Tensor = 0.0,
        members: Mapping[str, StepResult] | None = None,
    ) -> None:
        self.closed = closed
        self.real_step = real_step
        self.epoch = epoch
        self._values = values
        self.norm = norm
        self.found_inf = found_inf
        self.micro_batches = micro_batches
        self.weight = weight
        self.members: Mapping[str, StepResult] = {} if members is None else members

    def __getitem__(self, name: str) -> StepResult:
        """The result of one of several optimizers."""
        return self.members[name]

    __iter__ = None  # there is nothing to iterate over but ``members``

    @property
    def values(self) -> Sequence[Value]:
        """What is scheduled in this update, the rate of the first parameter group first."""
        if callable(self._values):
            self._values = self._values()
        if not self.members:
            return self._values
        return [v._replace(name=f"{name}/{v.name}") for name, one in self.members.items() for v in one.values]

    @property
    def lr(self) -> float:
        """Rate of this update, in the first parameter group."""
        return self.values[0].number

    @property
    def hyperparameters(self) -> dict[str, float]:
        """All that is scheduled, by name: ``lr``, or with several groups ``lr/head.*``, ``weight_decay/head.*``."""
        return {value.name: value.number for value in self.values}

    @property
    def updated(self) -> bool:
        """Whether the optimizer was stepped; False inside a window."""
        if self.members:
            return any(one.updated for one in self.members.values())
        return self.found_inf is not None and not bool(self.found_inf)

    @property
    def skipped(self) -> bool:
        """Whether an update was due and was not made: non-finite or no gradients, or a window that was dropped."""
        return self.closed and not self.updated

    @property
    def grad_norm(self) -> float | None:
        """Global norm of the gradients before clipping; None inside a window."""
        return float(self.norm.item()) if isinstance(self.norm, torch.Tensor) else self.norm

    def __repr__(self) -> str:
        shown: dict[str, Any] = {name: getattr(self, name) for name in ("closed", "real_step", "epoch", "lr")}
        for name, value in (("updated", self.found_inf), ("skipped", self.found_inf), ("grad_norm", self.norm)):
            # Printing a result must not make the program wait: what is on the device is shown as being there.
            away = isinstance(value, torch.Tensor) and value.device.type != "cpu"
            shown[name] = "..." if away else getattr(self, name)
        parts = [f"{name}={value}" for name, value in shown.items()]
        return f"StepResult({', '.join([*parts, *(f'{name}: {one}' for name, one in self.members.items())])})"


def together(window: int, results: Mapping[str, StepResult], norm_type: float) -> StepResult:
    """The results of several optimizers as one.

    Args:
        window: number of the window.
        results: by the name of each.
        norm_type: the p of their norms.
    """
    norms = [one.norm for one in results.values() if one.norm is not None]
    made = [one for one in results.values() if one.found_inf is not None]
    return StepResult(
        any(one.closed for one in results.values()),
        window,
        next(iter(results.values())).epoch,
        norm=combined(norms, norm_type) if norms else None,
        micro_batches=max((one.micro_batches for one in made), default=0),
        weight=made[0].weight if made else 0.0,
        members=results,
    )
