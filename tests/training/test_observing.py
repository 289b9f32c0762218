"""A run seen from outside: plain numbers, once for each update."""

import json

import pytest
import torch

from optimsche import LossScaler, NonFiniteError, OptimScheduler, linear
from optimsche.training.async_copy import Arriving
from tests.training.helpers import break_gradients, loss_of, small_model, some_batches

PLAN = linear(start=1.0, steps=10)


def observed(use_amp=False, weight=None, bad=None, **options):
    seen = []
    model = small_model()
    optim = OptimScheduler(
        torch.optim.SGD(model.parameters(), lr=0.1),
        PLAN,
        accum_grad=2,
        use_amp=use_amp,
        on_update=lambda numbers, update: seen.append((update, numbers)),
        **options,
    )
    if optim.scaler is not None:
        optim.scaler = LossScaler(init_scale=64.0)
    results = []
    for step_num, batch in enumerate(some_batches(6), 1):
        loss = break_gradients(model) if step_num == bad else loss_of(model, batch)
        results.append(optim.step(loss, step_num=step_num, weight=weight))
    return seen, results


@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize("weight", [None, 7, torch.tensor(7.0)])
def test_what_is_seen(use_amp, weight):
    seen, results = observed(use_amp, weight)
    closed = [result for result in results if result.closed]
    assert [update for update, _ in seen] == [1, 2, 3]
    for (update, numbers), result in zip(seen, closed, strict=True):
        assert numbers == {
            "lr": PLAN(update),
            "grad_norm": result.grad_norm,
            "skipped": 0.0,
            "micro_batches": 2.0,
            "weight": pytest.approx(2.0 if weight is None else 14.0),
            **({"loss_scale": 64.0} if use_amp else {}),
        }
        assert all(type(value) is float for value in numbers.values())
    json.dumps(seen)


def test_a_skip_is_seen():
    seen, _ = observed("fp16", bad=3)
    assert [numbers["skipped"] for _, numbers in seen] == [0.0, 1.0, 0.0]
    assert [numbers["loss_scale"] for _, numbers in seen] == [64.0, 32.0, 32.0]


def test_loggers_take_it_as_it_is():
    """The signatures of ``wandb.log(data, step)`` and of TensorBoard's ``add_scalar(tag, value, step)``."""
    logged, written = [], []

    def wandb_log(data, step=None, commit=None, sync=None):
        logged.append((step, data["lr"]))

    def add_scalar(tag, scalar_value, global_step=None, walltime=None):
        written.append((tag, scalar_value, global_step))

    def tensorboard(numbers, update):
        for name, value in numbers.items():
            add_scalar(f"train/{name}", value, update)

    for on_update in (wandb_log, tensorboard):
        model = small_model()
        optim = OptimScheduler(torch.optim.SGD(model.parameters()), PLAN, on_update=on_update)
        optim.step(loss_of(model, some_batches(1)[0]), step_num=1)
    assert logged == [(1, PLAN(1))]
    assert ("train/lr", PLAN(1), 1) in written


def test_an_observer_must_be_a_function():
    optimizer = torch.optim.SGD(small_model().parameters())
    with pytest.raises(TypeError, match=r"on_update must be a function \(numbers, update\), got str"):
        OptimScheduler(optimizer, PLAN, on_update="wandb")  # type: ignore[arg-type]


def test_an_observer_that_fails_does_not_disturb_the_count():
    model = small_model()
    (batch,) = some_batches(1)

    def fails(numbers, update):
        raise OSError("disk full")

    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, max_skips=3, on_update=fails)
    for step_num in (1, 2):
        with pytest.raises(OSError, match="disk full"):
            optim.step(loss_of(model, batch) * torch.nan, step_num=step_num)
    with pytest.raises(NonFiniteError, match="3 updates in a row"):
        optim.step(loss_of(model, batch) * torch.nan, step_num=3)


def test_the_last_outcomes_of_a_run_are_told_when_it_ends(monkeypatch):
    monkeypatch.setattr(Arriving, "ready", lambda self: False)  # as on a device that is far behind
    model = small_model()
    told = []
    optim = OptimScheduler(
        torch.optim.SGD(model.parameters(), lr=0.1), PLAN, on_update=lambda numbers, update: told.append(update)
    )
    for step_num, _, batch in optim.batches(some_batches(3), epochs=1):
        optim.step(loss_of(model, batch), step_num=step_num)
        assert told == []
    assert told == [1, 2, 3]
    optim.step(loss_of(model, batch), step_num=4)
    optim.settle()
    assert told == [1, 2, 3, 4]
