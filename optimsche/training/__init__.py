"""The training step: an optimizer that follows a schedule."""

from optimsche.training.errors import NonFiniteError
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.result import StepResult
from optimsche.training.speechain import build_optim_sches
from optimsche.training.together import micro_batch_all, step_all

__all__ = [
    "NonFiniteError",
    "OptimScheduler",
    "StepResult",
    "build_optim_sches",
    "micro_batch_all",
    "step_all",
]
