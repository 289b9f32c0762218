"""A loaded rate that is not the plan's is reported once, with what has probably happened."""

import copy
import logging

import pytest
import torch

from optimsche import OptimScheduler, constant, cosine, linear
from optimsche.training.resume_guard import likely_cause
from tests.training.helpers import loss_of, small_model, some_batches, train

PLAN = cosine(start=1.0, steps=50).warmup(5)


def built(plan=PLAN, **options):
    model = small_model()
    return model, OptimScheduler(torch.optim.SGD(model.parameters()), plan, **options)


def resumed(saved, loaded, *, updates, start, caplog):
    """What is said when a run of so many updates is resumed with other options at this micro-batch."""
    model, optim = built(**saved)
    train(optim, model, some_batches(updates))
    again, other = built(**loaded)
    other.load_state_dict(optim.state_dict())
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="optimsche"):
        train(other, again, some_batches(start + 2), start=start)
    return [record.getMessage() for record in caplog.records if "loaded" in record.getMessage()]


def test_a_right_resume_says_nothing(caplog):
    assert resumed({}, {}, updates=12, start=13, caplog=caplog) == []
    assert resumed({"accum_grad": 3}, {"accum_grad": 3}, updates=12, start=13, caplog=caplog) == []


@pytest.mark.parametrize("begun", [True, False])
def test_a_resumed_window_that_is_lost_says_nothing_either(begun, caplog):
    model, optim = built(accum_grad=2)
    train(optim, model, some_batches(12))
    again, other = built(accum_grad=2)
    other.load_state_dict(optim.state_dict())
    train(other, again, some_batches(13) if begun else [], start=13)
    other.discard(14)
    train(other, again, some_batches(16), start=15)
    assert "loaded" not in caplog.text


def test_a_counter_that_started_again(caplog):
    (message,) = resumed({}, {}, updates=12, start=1, caplog=caplog)
    assert "It is the rate of update 12: did the counter start again? Resume at counting.resume_step" in message


def test_another_clock(caplog):
    (message,) = resumed({"accum_grad": 1}, {"accum_grad": 2}, updates=12, start=13, caplog=caplog)
    assert "It is the rate of update 12: is this another clock (accum_grad, steps_per_epoch, step_num)?" in message
    assert "for update 6, the one before" in message


@pytest.mark.parametrize("other", [{"plan": 7.0 * PLAN}, {"ft_factor": 3.0}])
def test_another_plan(other, caplog):
    (message,) = resumed({}, other, updates=12, start=13, caplog=caplog)
    assert "The plan never has it: was it saved with another schedule, or another ft_factor?" in message


def test_the_factor_of_the_first_group_is_allowed_for():
    assert "update 5:" in likely_cause(0.05, 9, linear(start=1.0, steps=10), factor=0.1)


def test_a_rate_from_far_ahead_in_a_long_plan():
    plan = linear(start=1.0, steps=10_000)
    assert "update 5000:" in likely_cause(plan(5_000), 9, plan)
    assert "update 5000:" in likely_cause(plan(5_000), 500, plan >> constant(value=2.0))


@pytest.mark.parametrize("plan", [constant(value=0.0), linear(start=1.0, steps=10).by_epoch(), constant(value=0.5)])
def test_no_plan_makes_it_fail(plan):
    assert likely_cause(0.25, 3, plan)


def test_an_update_that_was_dropped_is_no_other_plan(caplog):
    model = small_model()
    batches = some_batches(5)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), linear(start=1.0, steps=100))
    for step_num in (1, 2, 3):
        optim.step(loss_of(model, batches[step_num - 1]), step_num=step_num)
    optim.discard(4)
    state = copy.deepcopy(optim.state_dict())
    other = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), linear(start=1.0, steps=100))
    other.load_state_dict(state)
    caplog.clear()
    other.step(loss_of(model, batches[4]), step_num=5)
    assert caplog.text == ""
