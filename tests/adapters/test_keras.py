"""A plan in Keras, on JAX: the rate of each update, read from what it changed."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from optimsche import as_keras, cosine, linear
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES

os.environ.setdefault("KERAS_BACKEND", "jax")  # which is read when Keras is imported
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")


def in_float32(rates):
    return pytest.approx(rates, rel=1e-4, abs=1e-9)  # a weight of 0.005 is exact to 5e-10


class Changes(keras.callbacks.Callback):
    """How far each batch moves a weight whose gradient is -1: the rate, for SGD."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def value(self):
        return float(self.model.get_weights()[0][0, 0])

    def on_train_batch_begin(self, batch, logs=None):
        self.before = self.value()

    def on_train_batch_end(self, batch, logs=None):
        self.taken.append(self.value() - self.before)


def model_of(rate, **options):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(rate, **options), loss="mean_absolute_error")
    return model


def fitted(model, batches, epochs=1, callbacks=()):
    changes = Changes()
    inputs, targets = np.ones((2 * batches, 1)), np.full((2 * batches, 1), 100.0)
    model.fit(inputs, targets, batch_size=2, epochs=epochs, verbose=0, callbacks=[changes, *callbacks])
    return changes.taken


def test_each_update_has_its_rate():
    assert fitted(model_of(as_keras(PLAN)), UPDATES) == in_float32(RATES)
    assert fitted(model_of(as_keras(PLAN)), UPDATES // 2, epochs=2) == in_float32(RATES)


def test_accumulated():
    taken = fitted(model_of(as_keras(PLAN, accumulate=2), gradient_accumulation_steps=2), 2 * UPDATES)
    assert taken[1::2] == in_float32(RATES)
    assert taken[::2] == [0.0] * UPDATES


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_resumed_from_a_saved_model(plan, rates, tmp_path):
    model = model_of(as_keras(PLAN))
    fitted(model, 3)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    if plan is not PLAN:
        model.optimizer.learning_rate = as_keras(plan)
    assert fitted(model, UPDATES - 3) == in_float32(rates[3:])


def test_a_new_program_reads_a_saved_plan(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(as_keras(PLAN, accumulate=2)), "mse")
    model.save(tmp_path / "model.keras")
    load = f"keras.saving.load_model({str(tmp_path / 'model.keras')!r})"
    code = f"import keras\nimport optimsche.adapters.keras_schedule\nprint({load}.optimizer._learning_rate)"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert ran.stdout == f"as_keras({PLAN!r}, accumulate=2)\n", ran.stderr


def test_the_rate_that_the_optimizer_tells():
    model, told = model_of(as_keras(PLAN)), []

    class Telling(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            told.append(float(self.model.optimizer.learning_rate))

    fitted(model, UPDATES, callbacks=[Telling()])
    assert told == in_float32(RATES)


def test_its_configuration_is_text():
    schedule = as_keras(PLAN, accumulate=2)
    assert schedule.get_config() == {"plan": repr(PLAN), "accumulate": 2}
    again = type(schedule).from_config(schedule.get_config())
    assert (again.plan, again.accumulate) == (PLAN, 2)
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule)).plan == PLAN


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: as_keras(1e-3), TypeError, r"as_keras: plan must be a schedule, got 0.001.\n.*constant"),
        (
            lambda: as_keras(cosine(steps=4).by_epoch()),
            ValueError,
            r"counts epochs, and .*\n.*LearningRateScheduler\(lam",
        ),
        (lambda: as_keras(linear(steps=0.5)), ValueError, "shorter than one update"),
        (
            lambda: as_keras(PLAN, accumulate=0),
            ValueError,
            r"accumulate must be a whole number >= 1 \(batches in an upda",
        ),
    ],
)
def test_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def test_a_backend_whose_arrays_a_plan_cannot_take_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="KERAS_BACKEND is 'tensorflow'; set it to 'jax' or 'torch'"):
        as_keras(PLAN)


def test_a_plan_that_an_optimizer_calls_itself_says_what_to_write():
    with pytest.raises(ValueError, match=r"calls a function without its step. Write as_keras\(plan\)"):
        fitted(model_of(PLAN), 1)


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("rate", [0.1, 1.0])
@pytest.mark.parametrize("plan", [PLAN, cosine(start=1e-3, steps=4).by_epoch()])
def test_a_plan_that_the_callback_calls_itself_says_what_to_write(plan, rate, first):
    options = {"initial_epoch": first, "epochs": first + 1, "callbacks": [keras.callbacks.LearningRateScheduler(plan)]}
    with pytest.raises(ValueError, match=r"LearningRateScheduler calls it with an epoch from 0 and a rate.*as_keras"):
        model_of(rate).fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0, **options)


def test_a_plan_by_epochs_in_the_callback():
    plan = cosine(start=1e-3, steps=4).by_epoch()
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: plan(1, epoch + 1))
    taken = fitted(model_of(0.1), 2, epochs=4, callbacks=[callback])
    assert taken == in_float32([plan(1, epoch) for epoch in (1, 1, 2, 2, 3, 3, 4, 4)])
