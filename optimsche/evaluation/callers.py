"""Frameworks that call a plan themselves, and mean something else by it than the number of an update."""

from __future__ import annotations

import sys
from typing import Any

_OPTAX = (
    "optax counts finished updates from 0, and would give each update the rate of the one before. Write as_optax(plan) "
    "where the plan stands"
)
_KERAS = "a Keras optimizer calls a function without its step. Write as_keras(plan) where the plan stands"
_KERAS_CALLBACK = (
    "Keras' LearningRateScheduler calls it with an epoch from 0 and a rate. Leave the callback out and write "
    "as_keras(plan) as the optimizer's learning_rate; for a plan that counts epochs: "
    "LearningRateScheduler(lambda epoch, rate: plan(1, epoch + 1))"
)
_ARRAYS = frozenset({"jax", "jaxlib"})


def refuse_direct_call(real_step: Any, epoch: Any) -> None:
    """Say what to write instead, where optax or Keras is the caller.

    Raises:
        ValueError: it is. Keras' callback takes a TypeError for the sign that it should leave the rate out.
    """
    kind = type(real_step)
    # Only what they can have passed is looked into: an array of JAX's; an epoch and a rate; nothing.
    if kind is int:
        if type(epoch) is float and _caller().startswith("keras."):
            raise ValueError(_KERAS_CALLBACK)
    elif real_step is None:
        if _caller().startswith("keras."):
            raise ValueError(_KERAS)
    elif kind.__module__.partition(".")[0] in _ARRAYS and _caller().startswith("optax."):
        raise ValueError(_OPTAX)


def _caller() -> str:
    """The module of the nearest frame outside of this library; its adapters count as outside."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith("optimsche.") or name.startswith("optimsche.adapters"):
            return name
        frame = frame.f_back
    return ""
