"""The training step: an optimizer that follows a schedule."""

from optimsche.training.clipping import ClipAdaptive, ClipByNorm, ClipByValue, ClipEachGroup
from optimsche.training.device_rates import advance_rates
from optimsche.training.errors import NonFiniteError
from optimsche.training.groups import bias_or_norm, layer_decay, without_decay
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.rate_range import RangeTest, range_test
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
    "RangeTest",
    "StepResult",
    "advance_rates",
    "bias_or_norm",
    "build_optim_sches",
    "layer_decay",
    "micro_batch_all",
    "range_test",
    "step_all",
    "without_decay",
]
