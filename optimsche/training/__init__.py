"""The training step: an optimizer that follows a schedule.

Its files, as a table of contents:

- the class: ``optim_scheduler`` (what users call), ``stepping`` (its parts), ``result``, ``errors``, ``together``
  (several optimizers), ``checked_attributes``, ``arguments``, ``compatibility`` (what may follow what)
- which micro-batch is due: ``micro_batch``, ``window_tracker``, ``window_weights``, ``epochs``
- gradients: ``losses``, ``precision``, ``loss_scaler``, ``synchronisation`` (DDP, FSDP)
- the update: ``apply_gradients``, ``norms``, ``clipping``, ``divisor``, ``fused_step``
- what is scheduled: ``group_schedules``, ``groups`` (patterns), ``hyperparameters``, ``rates``, ``device_rates``
- whose parameters: ``parameters``, ``owned_parameters``, ``optimizers``
- what came of it: ``outcomes``, ``async_copy``, ``timing``, ``rate_range``
- checkpoints: ``checkpoints``, ``state_checks``, ``restoring``, ``resume_guard``
- SpeeChain's configurations: ``speechain``, ``yaml_tags``
"""

from optimsche.pickling import let_torch_load_schedules
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

let_torch_load_schedules()
