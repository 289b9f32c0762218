"""accum_grad that changes in a run: batches that grow, with pure counting and an inverse."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from optimsche import OptimScheduler, linear, total_updates
from optimsche.counting import real_step, resume_step, window_of, window_of_update, window_size
from tests.training.helpers import loss_of, same, small_model, some_batches, train, weights

RAMP = {1: 1, 3: 2, 5: 4}
PLAN = linear(start=1.0, steps=20)


def windows_one_by_one(ramp, steps_per_epoch, micro_batches):
    """The windows of a run, found by walking through it."""
    found, update, first = [], 1, 1
    while first <= micro_batches:
        size = [size for begin, size in sorted(ramp.items()) if begin <= update][-1]
        last = first + size - 1
        if steps_per_epoch is not None:
            last = min(last, -(-first // steps_per_epoch) * steps_per_epoch)
        found.append((update, first, last))
        update, first = update + 1, last + 1
    return found


@st.composite
def ramps(draw):
    begins = [1, *sorted(draw(st.sets(st.integers(2, 40), max_size=4)))]
    return {begin: draw(st.integers(1, 9)) for begin in begins}


@given(ramps(), st.none() | st.integers(1, 20))
def test_closed_form_and_walk_agree_in_both_directions(ramp, steps_per_epoch):
    walked = windows_one_by_one(ramp, steps_per_epoch, 150)
    for update, first, last in walked:
        assert tuple(window_of_update(update, ramp, steps_per_epoch)) == (update, first, last)
        for step_num in range(first, last + 1):
            assert tuple(window_of(step_num, ramp, steps_per_epoch)) == (update, first, last)
    if steps_per_epoch is not None:
        epochs = 150 // steps_per_epoch
        ended = [update for update, _, last in walked if last <= epochs * steps_per_epoch]
        assert total_updates(epochs, steps_per_epoch, ramp) == len(ended)


def test_updates_are_means_of_windows_that_grow():
    model = small_model()
    batches = some_batches(14)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=0.1), PLAN, accum_grad=RAMP)
    results = train(optim, model, batches)
    assert [n for n, result in enumerate(results, 1) if result.updated] == [1, 2, 4, 6, 10, 14]
    assert [result.micro_batches for result in results if result.updated] == [1, 1, 2, 2, 4, 4]
    assert [result.lr for result in results if result.updated] == [PLAN(n) for n in range(1, 7)]
    theirs = small_model()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    feed = iter(batches)
    for update, size in enumerate([1, 1, 2, 2, 4, 4], 1):
        optimizer.zero_grad()
        for batch in itertools.islice(feed, size):
            (loss_of(theirs, batch) / size).backward()
        optimizer.param_groups[0]["lr"] = PLAN(update)
        optimizer.step()
    assert same(weights(model), weights(theirs))


@pytest.mark.parametrize("stopped_after", range(15))
def test_resumed_anywhere(stopped_after):
    batches = some_batches(14)

    def built():
        model = small_model()
        return model, OptimScheduler(torch.optim.AdamW(model.parameters()), PLAN, accum_grad=RAMP, steps_per_epoch=5)

    model, optim = built()
    train(optim, model, batches[:stopped_after])
    again, other = built()
    again.load_state_dict(model.state_dict())
    other.load_state_dict(optim.state_dict())
    train(other, again, batches, start=resume_step(stopped_after, RAMP, 5))
    straight, optim = built()
    train(optim, straight, batches)
    assert same(weights(again), weights(straight))


def test_own_backward_passes_divide_by_the_size_of_their_window():
    assert [window_size(n, RAMP) for n in range(1, 11)] == [1, 1, 2, 2, 2, 2, 4, 4, 4, 4]
    assert [real_step(n, RAMP) for n in range(1, 11)] == [1, 2, 3, 3, 4, 4, 5, 5, 5, 5]


@pytest.mark.parametrize(
    ("ramp", "error", "message"),
    [
        ({}, ValueError, r"must begin with update 1 and rise.*{1: 1, 1_001: 4}"),
        ({2: 4}, ValueError, "must begin with update 1"),
        ({1: 4, 9: 2, 5: 1}, ValueError, "and rise"),
        ({1: 0}, ValueError, r"accum_grad\[1\] must be >= 1"),
        ({1: 1.5}, TypeError, r"accum_grad\[1\] must be a whole number"),
        ({1: 1, "9": 2}, TypeError, "accum_grad must be a whole number"),
    ],
)
def test_what_a_ramp_may_not_be(ramp, error, message):
    with pytest.raises(error, match=message):
        OptimScheduler(torch.optim.SGD(small_model().parameters()), PLAN, accum_grad=ramp)
    with pytest.raises(error, match=message):
        window_of(1, ramp)


def test_a_ramp_is_copied():
    ramp = {1: 2}
    optim = OptimScheduler(torch.optim.SGD(small_model().parameters()), PLAN, accum_grad=ramp)
    ramp[1] = 5
    assert optim.accum_grad == {1: 2}
