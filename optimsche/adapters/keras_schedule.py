"""What `as_keras` gives, a class of Keras' own kind: in a file of its own, since its base is imported with it."""

from __future__ import annotations

from typing import Annotated, Any

import keras  # pyright: ignore[reportMissingImports]
from annotated_types import Ge

from optimsche.attaching import attachable
from optimsche.checking import admit
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule
from optimsche.text import parse

_Accumulate = Annotated[int, Ge(1), Meaning("batches in an update")]
_BACKENDS = ("jax", "torch", "numpy")


@keras.saving.register_keras_serializable(package="optimsche")
class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A plan that is called with the number of a batch, from 0; saved as text."""

    def __init__(self, plan: Schedule | str, accumulate: int = 1) -> None:
        if keras.backend.backend() not in _BACKENDS:
            raise ValueError(
                f"as_keras: a plan takes arrays of NumPy, JAX and PyTorch, and KERAS_BACKEND is "
                f"{keras.backend.backend()!r}; set it to 'jax' or 'torch' before Keras is imported"
            )
        epochs = (
            "an optimizer of Keras counts batches alone.\n    Give the rate by a callback: "
            "LearningRateScheduler(lambda epoch, rate: plan(1, epoch + 1))"
        )
        plan = parse(plan) if isinstance(plan, str) else plan  # from a file
        self.plan = attachable("as_keras", plan, epochs=epochs, name="plan")
        self.accumulate = admit("as_keras", "accumulate", _Accumulate, accumulate)

    def __call__(self, step: Any) -> Any:
        """The rate of the update that batch `step`, from 0, belongs to."""
        return self.plan(keras.ops.convert_to_tensor(step) // self.accumulate + 1)

    def get_config(self) -> dict[str, Any]:
        """What Keras writes into a file."""
        return {"plan": str(self.plan), "accumulate": self.accumulate}

    def __repr__(self) -> str:
        accumulate = f", accumulate={self.accumulate}" if self.accumulate > 1 else ""
        return f"as_keras({self.plan!r}{accumulate})"
