"""transformers: ``last_epoch`` counts finished updates from 0; Adafactor counts its steps from 1."""

from optimsche import peers
from tests.parity.systems import at_finished, at_number


def build(case):
    params = dict(case["params"])
    if case["schedule"] == "adafactor_relative_step":
        return peers.transformers.get_adafactor_relative_step(**params)
    totals = {name: params.pop(name, None) for name in ("num_warmup_steps", "num_training_steps")}
    return peers.transformers.get_scheduler(
        case["schedule"], **totals, scheduler_specific_kwargs=params, base_lr=case["base_lr"]
    )


def values(case):
    return (at_number if case["schedule"] == "adafactor_relative_step" else at_finished)(build(case), case)
