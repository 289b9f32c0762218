"""The training step: an optimizer that follows a schedule."""

from optimsche.training.clipping import ClipAdaptive, ClipByNorm, ClipByValue, ClipEachGroup
from optimsche.training.errors import NonFiniteError
from optimsche.training.groups import bias_or_norm, layer_decay, without_decay
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.result import StepResult
from optimsche.training.speechain import build_optim_sches
from optimsche.training.together import micro_batch_all, step_all

__all__ = [
    "ClipAdaptive",
    "ClipByNorm",
    "ClipByValue",
    "ClipEachGroup",
    "LossScaler",
    "NonFiniteError",
    "OptimScheduler",
    "StepResult",
    "bias_or_norm",
    "build_optim_sches",
    "layer_decay",
    "micro_batch_all",
    "step_all",
    "without_decay",
]
