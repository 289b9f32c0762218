"""A plan on optax's clock, which counts finished updates from 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optimsche.attaching import attachable
from optimsche.call_errors import explained
from optimsche.ops import maximum
from optimsche.schedule import Schedule


@explained
def as_optax(plan: Schedule) -> OptaxSchedule:
    """A plan for `learning_rate=` of an optax optimizer, or for any hyperparameter under `inject_hyperparams`.

        count -> plan(count + 1)

    Args:
        plan: by updates. Inside `optax.MultiSteps` an update is one of the inner optimizer.

    Returns:
        A function of optax's `count`, to be called inside and outside of `jit`. It compares, prints and pickles as the
        plan does.

    Raises:
        TypeError: not a schedule.
        ValueError: a plan that counts epochs, of which optax knows nothing; a piece shorter than one update.

    >>> from optimsche import warmup_cosine
    >>> schedule = as_optax(warmup_cosine(peak=1e-3, warmup_steps=2, total_steps=8))
    >>> schedule(0), schedule(1), schedule(7)
    (0.0005, 0.001, 0.0)
    """
    epochs = (
        "optax counts updates alone.\n    Write its lengths in updates: plan.stretch(updates_per_epoch) instead of "
        "plan.by_epoch()"
    )
    return OptaxSchedule(attachable("as_optax", plan, epochs=epochs, name="plan"))


@dataclass(frozen=True)
class OptaxSchedule:
    """What `as_optax` gives: a plan that is called with the number of finished updates."""

    plan: Schedule

    def __call__(self, count: Any) -> Any:
        """The rate of the update after `count` finished ones; before its turn in `join_schedules` that of the first."""
        return self.plan(maximum(count, 0) + 1)

    def __repr__(self) -> str:
        return f"as_optax({self.plan!r})"
