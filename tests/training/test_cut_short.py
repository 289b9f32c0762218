"""Windows whose length is not known before: closed by last=True, and counting goes on at the next one."""

import pytest
import torch

from optimsche import Member, OptimScheduler, linear
from optimsche.counting import next_window, resume_step
from tests.training.helpers import EncoderDecoder, loss_of, same, small_model, some_batches, train, twin, weights
from tests.training.test_windows import mean_gradient

PLAN = linear(start=1.0, steps=10)


def built(**options):
    model = small_model()
    return model, OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, **{"accum_grad": 4, **options})


def test_an_update_of_what_came_and_the_next_at_its_own_number():
    model, optim = built()
    batches = some_batches(6)
    expected = mean_gradient(model, batches[:2])
    optim.step(loss_of(model, batches[0]), step_num=1)
    result = optim.step(loss_of(model, batches[1]), step_num=2, last=True)
    assert (result.closed, result.real_step, result.micro_batches, result.lr) == (True, 1, 2, PLAN(1))
    assert result.grad_norm == pytest.approx(expected, rel=1e-6)
    step_num = next_window(2, accum_grad=4)
    assert step_num == 5
    expected = mean_gradient(model, batches[2:])
    for batch in batches[2:]:
        result = optim.step(loss_of(model, batch), step_num=step_num)
        step_num += 1
    assert (result.real_step, result.micro_batches, result.lr) == (2, 4, PLAN(2))
    assert result.grad_norm == pytest.approx(expected, rel=1e-6)


def test_going_on_inside_it_is_refused_with_the_way_on():
    model, optim = built()
    optim.step(loss_of(model, some_batches(1)[0]), step_num=2, last=True)
    with pytest.raises(ValueError, match=r"number 1, was cut short(.|\n)*counting.next_window"):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=3)
    optim.step(loss_of(model, some_batches(1)[0]), step_num=5)


def test_the_data_end_after_the_micro_batch_that_was_the_last():
    """A stream tells that it is over when the next batch is asked for."""
    model, optim = built()
    batches = some_batches(6)
    train(optim, model, batches)
    result = optim.update(step_num=6, last=True)
    assert result.updated
    assert result.micro_batches == 2
    reference, other = built()
    train(other, reference, batches[:5])
    other.step(loss_of(reference, batches[5]), step_num=6, last=True)
    assert same(weights(model), weights(reference))
    with pytest.raises(ValueError, match="must rise"):
        optim.update(step_num=6, last=True)


def test_last_where_the_window_ends_anyway_is_nothing_special():
    first, optim = built()
    second, other = built()
    for step_num, batch in enumerate(some_batches(8), 1):
        optim.step(loss_of(first, batch), step_num=step_num, last=step_num == 4)
        other.step(loss_of(second, batch), step_num=step_num)
    assert same(weights(first), weights(second))


def test_a_run_of_windows_cut_short_resumes():
    """What is stored is the number before the one to go on with."""
    batches = some_batches(9)

    def run(start, batches, model, optim):
        step_num = start
        for number, batch in batches:
            optim.step(loss_of(model, batch), step_num=step_num, last=number % 3 == 0)
            step_num = next_window(step_num, accum_grad=4) if number % 3 == 0 else step_num + 1
        return step_num

    numbered = list(enumerate(batches, 1))
    straight, optim = built()
    run(1, numbered, straight, optim)
    model, optim = built()
    following = run(1, numbered[:6], model, optim)
    resumed, again = built()
    resumed.load_state_dict(model.state_dict())
    again.load_state_dict(optim.state_dict())
    assert resume_step(following - 1, accum_grad=4) == following == 9
    run(following, numbered[6:], resumed, again)
    assert same(weights(resumed), weights(straight))


def test_several_optimizers():
    model = EncoderDecoder()
    members = {name: Member(torch.optim.SGD(part.parameters(), lr=0.1), PLAN) for name, part in model.named_children()}
    optim = OptimScheduler(members, model=model, accum_grad=4)
    results = optim.step(model(some_batches(1)[0])["decoder_loss"], step_num=1, last=True)
    assert all(result.updated for result in results.members.values())


def test_discarding_a_window_that_would_have_been_cut():
    model, optim = built()
    batches = some_batches(3)
    optim.step(loss_of(model, batches[0]), step_num=1)
    optim.discard()
    before = twin(model)
    result = optim.step(loss_of(model, batches[1]), step_num=2, last=True)
    assert result.skipped
    assert same(weights(model), weights(before))
    result = optim.step(loss_of(model, batches[2]), step_num=5, last=True)
    assert result.grad_norm == pytest.approx(mean_gradient(before, batches[2:]), rel=1e-6)


def test_two_kinds_of_backward_passes_in_one_window_are_refused():
    model, optim = built()
    batches = some_batches(4)
    optim.step(loss_of(model, batches[0]), step_num=1)
    loss_of(model, batches[1]).backward()
    with pytest.raises(ValueError, match=r"in one window all backward passes go through step or backward, or none"):
        optim.update(step_num=2)
    optim.discard(step_num=2)
    model, optim = built()
    loss_of(model, batches[0]).backward()
    optim.update(step_num=1)
    with pytest.raises(ValueError, match="in one window all backward passes"):
        optim.step(loss_of(model, batches[1]), step_num=2)


@pytest.mark.parametrize("own_pass", [False, True])
def test_a_window_cut_short_is_the_mean_of_what_it_holds_where_processes_synchronise(own_pass):
    """There the divisor is the size of the window, which all processes know, and not what came."""
    model, _ = built()
    model.no_sync = torch.enable_grad
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, model=model, accum_grad=4)
    batches = some_batches(2)
    expected = mean_gradient(model, batches)
    for step_num, batch in enumerate(batches, 1):
        with optim.micro_batch(step_num, last=step_num == 2):
            loss = loss_of(model, batch)
        if own_pass:
            (loss / 2).backward()
            result = optim.update(step_num=step_num)
        else:
            result = optim.step(loss, step_num=step_num)
    assert result.grad_norm == pytest.approx(expected, rel=1e-6)
    assert result.micro_batches == 2


def test_an_end_that_the_backward_pass_was_told_holds_for_its_update():
    model, optim = built()
    batches = some_batches(3)
    optim.step(loss_of(model, batches[0]), step_num=1)
    optim.backward(loss_of(model, batches[1]), step_num=2, last=True)
    assert optim.update(step_num=2).micro_batches == 2
    with pytest.raises(ValueError, match="was cut short with last=True"):
        optim.step(loss_of(model, batches[2]), step_num=3)
