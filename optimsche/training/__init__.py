"""The training step: optimizers that follow schedules.

Its files, as a table of contents:

- ``optim_scheduler``: what users call; one micro-batch from top to bottom. ``settings``, ``result``
- ``turn`` (what follows from a micro-batch's number), ``window`` (what the open window holds, and the order)
- ``members``: one optimizer and what it follows; ``follow`` (rules become groups, once), ``rules``, ``names``,
  ``hyperparameters``, ``optimizers``, ``compatibility`` (what may follow what)
- ``losses``, ``precision``, ``loss_scaler``
- ``processes``: several of them, found once, and what they agree on; ``sharded`` (parameters on a mesh)
- ``gradients``: the one number that is pending; ``stages`` (clip, skip, a user's own), ``norms``
- ``updates``: what happens when a window is full, from the rates that are written to the optimizers' step
- ``outcomes`` (counted, logged, observed), ``async_copy``
- ``checkpoints``, ``by_name`` (as torch.distributed.checkpoint takes them), ``state_checks``, ``restoring``,
  ``resume_guard``
"""

from optimsche.training.gradients import Gradients
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.members import Member
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.outcomes import NonFiniteError
from optimsche.training.result import StepResult
from optimsche.training.rules import bias_or_norm, layer_decay, without_decay
from optimsche.training.stages import (
    clip_adaptive,
    clip_each_group,
    clip_norm,
    clip_value,
    skip_above,
    skip_non_finite,
)

__all__ = [
    "Gradients",
    "LossScaler",
    "Member",
    "NonFiniteError",
    "OptimScheduler",
    "StepResult",
    "bias_or_norm",
    "clip_adaptive",
    "clip_each_group",
    "clip_norm",
    "clip_value",
    "layer_decay",
    "skip_above",
    "skip_non_finite",
    "without_decay",
]
