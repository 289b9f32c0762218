"""Frameworks that call a plan themselves are told what to give them; everybody else gets a rate."""

import pytest

from optimsche import linear

PLAN = linear(start=1.0, steps=4)


def called_from(module, code):
    """The value of an expression, evaluated in a frame of this module."""
    return eval(code, {"__name__": module, "plan": PLAN})


@pytest.mark.parametrize("first", [0, 3])
def test_keras_callback_passes_an_epoch_and_a_rate(first):
    with pytest.raises(ValueError, match="LearningRateScheduler"):
        called_from("keras.src.callbacks", f"plan({first}, 0.5)")
    assert called_from("keras.src.callbacks", "plan(1)") == 0.75
    assert called_from("keras_of_mine", "plan(0, 2.0)") == 1.0


def test_keras_optimizer_passes_nothing_that_is_a_number():
    with pytest.raises(ValueError, match="as_keras"):
        called_from("keras.src.optimizers", "plan(None)")
    with pytest.raises(TypeError):
        called_from("elsewhere", "plan(None)")
