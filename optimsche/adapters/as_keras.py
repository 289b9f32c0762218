"""A plan on the clock of a Keras optimizer, which counts batches from 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimsche.call_errors import explained
from optimsche.missing import needs
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from optimsche.adapters.keras_schedule import KerasSchedule


@explained
def as_keras(plan: Schedule, accumulate: int = 1) -> KerasSchedule:
    """A plan for `learning_rate=` of a Keras optimizer.

        iterations -> plan(iterations // accumulate + 1)

    Args:
        plan: by updates.
        accumulate: the optimizer's `gradient_accumulation_steps`: Keras counts batches there, and not updates.

    Returns:
        A `keras.optimizers.schedules.LearningRateSchedule`. It is saved with a model as the plan's text. A program
        that loads it says `import optimsche.adapters.keras_schedule` first.

    Raises:
        TypeError: not a schedule.
        ValueError: a plan that counts epochs, of which the optimizer knows nothing; a piece shorter than one update;
            `accumulate` below 1; a backend whose arrays a plan cannot take, such as TensorFlow.
    """
    try:
        from optimsche.adapters.keras_schedule import KerasSchedule
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise needs("as_keras", "keras") from None
    return KerasSchedule(plan, accumulate)
