"""The arithmetic of windows, against a loop that counts them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimsche import counting

small = st.integers(1, 12)


def windows_one_by_one(epochs, steps_per_epoch, accum_grad, *, cut):
    """The micro-batches of each window, by counting."""
    windows = [[]]
    for step_num in range(1, epochs * steps_per_epoch + 1):
        windows[-1].append(step_num)
        if len(windows[-1]) == accum_grad or (cut and step_num % steps_per_epoch == 0):
            windows.append([])
    return [window for window in windows if window]


@given(epochs=small, steps_per_epoch=small, accum_grad=small)
def test_windows_are_those_that_a_loop_counts(epochs, steps_per_epoch, accum_grad):
    windows = windows_one_by_one(epochs, steps_per_epoch, accum_grad, cut=True)
    for number, window in enumerate(windows, 1):
        for step_num in window:
            assert counting.window_of(step_num, accum_grad, steps_per_epoch) == (number, window[0], window[-1])
            assert counting.real_step(step_num, accum_grad, steps_per_epoch) == number
            assert counting.window_size(step_num, accum_grad, steps_per_epoch) == len(window)
            assert counting.closes_window(step_num, accum_grad, steps_per_epoch) == (step_num == window[-1])
            assert counting.epoch_of(step_num, steps_per_epoch) == (step_num - 1) // steps_per_epoch + 1
    assert counting.total_updates(epochs, steps_per_epoch, accum_grad) == len(windows)


@given(epochs=small, steps_per_epoch=small, accum_grad=small)
def test_without_an_epoch_windows_run_on(epochs, steps_per_epoch, accum_grad):
    for number, window in enumerate(windows_one_by_one(epochs, steps_per_epoch, accum_grad, cut=False), 1):
        for step_num in window:
            assert counting.real_step(step_num, accum_grad) == number
            assert counting.window_size(step_num, accum_grad) == accum_grad


@given(step_num=st.integers(0, 1000), accum_grad=small, steps_per_epoch=st.none() | small)
def test_a_resumed_run_plays_no_closed_window_again_and_no_open_one_in_part(step_num, accum_grad, steps_per_epoch):
    first = counting.resume_step(step_num, accum_grad, steps_per_epoch)
    assert first <= step_num + 1
    assert counting.window_of(first, accum_grad, steps_per_epoch).first == first
    closed = step_num == 0 or counting.closes_window(step_num, accum_grad, steps_per_epoch)
    assert (first == step_num + 1) == closed
    if not closed:
        assert counting.real_step(first, accum_grad, steps_per_epoch) == counting.real_step(
            step_num, accum_grad, steps_per_epoch
        )


def _growing(update, stages):
    return next(size for first, size in reversed(stages.items()) if first <= update)


@given(
    sizes=st.lists(small, min_size=1, max_size=4),
    lengths=st.lists(small, min_size=3, max_size=3),
    epochs=small,
    steps_per_epoch=small,
    cut=st.booleans(),
)
def test_windows_that_grow_are_those_that_a_loop_counts(sizes, lengths, epochs, steps_per_epoch, cut):
    firsts = [1, *(1 + sum(lengths[:k]) for k in range(1, len(sizes)))]
    stages = dict(zip(firsts, sizes, strict=True))
    windows = [[]]
    for step_num in range(1, epochs * steps_per_epoch + 1):
        windows[-1].append(step_num)
        if len(windows[-1]) == _growing(len(windows), stages) or (cut and step_num % steps_per_epoch == 0):
            windows.append([])
    *whole, _ = windows  # the last one is empty, or the run ends inside it
    per_epoch = steps_per_epoch if cut else None
    for number, window in enumerate(whole, 1):
        expected = (number, window[0], window[-1])
        assert [counting.window_of(step_num, stages, per_epoch) for step_num in window] == [expected] * len(window)
        assert counting.window_of_update(number, stages, per_epoch) == expected
        assert counting.next_window(window[0], stages, per_epoch) == window[-1] + 1
        assert counting.resume_step(window[-1], stages, per_epoch) == window[-1] + 1
    if cut:
        assert counting.total_updates(epochs, steps_per_epoch, stages) == len(whole)


def test_without_accumulation_every_micro_batch_is_an_update():
    assert counting.real_step(7) == 7
    assert counting.closes_window(7)
    assert counting.window_size(7) == 1
    assert counting.resume_step(7) == 8
    assert counting.next_window(7) == 8
    assert counting.window_of(7, 1) == counting.window_of_update(7, 1) == (7, 7, 7)
    assert counting.total_updates(2, 10) == 20
    assert counting.stages_of(4) == [(1, 4)]
    assert counting.stages_of({1: 1, 101: 4}) == [(1, 1), (101, 4)]


def test_a_run_without_epochs_has_no_updates():
    assert counting.total_updates(0, 10) == 0
    assert counting.window_of_update(1) == (1, 1, 1)
    assert counting.window_of(7) == (7, 7, 7)


def test_speechains_numbers():
    """Without epochs: real_step = (step_num - 1) // accum_grad + 1, as SpeeChain counts."""
    assert all(counting.real_step(n, accum_grad=8) == (n - 1) // 8 + 1 for n in range(1, 100))


def test_numpy_integers_count_too():
    window = counting.window_of(np.int64(9), np.int32(4), np.int64(10))
    assert window == (3, 9, 10)
    assert type(window.real_step) is int
    assert counting.real_step(np.array(9), 4) == 3
    assert counting.real_step(9, {np.int64(1): np.int32(4)}) == 3


class Five:
    """A whole number that equals no other, as a tensor that is a key."""

    def __index__(self):
        return 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: counting.real_step(0), ValueError, r"step_num=0: step_num must be >= 1 .*first of a run is 1.*got 0"),
        (lambda: counting.real_step(-1), ValueError, "step_num must be >= 1"),
        (lambda: counting.real_step(True), TypeError, "step_num must be a whole number .* got bool"),
        (lambda: counting.real_step(1.0), TypeError, "step_num must be a whole number .* got float"),
        (lambda: counting.real_step("1"), TypeError, "step_num must be a whole number .* got str"),
        (lambda: counting.real_step(1, 0), ValueError, "accum_grad must be >= 1"),
        (lambda: counting.real_step(1, True), TypeError, "accum_grad must be a whole number"),
        (lambda: counting.real_step(1, 1, 0), ValueError, "steps_per_epoch must be >= 1"),
        (lambda: counting.epoch_of(1, None), TypeError, "steps_per_epoch must be a whole number"),
        (lambda: counting.epoch_of(1, 0), ValueError, "steps_per_epoch must be >= 1"),
        (lambda: counting.epoch_of(0, 1), ValueError, "step_num must be >= 1"),
        (lambda: counting.real_step(["x" * 40] * 6), TypeError, "^step_num=.{60}: step_num must be a whole number"),
        (lambda: counting.resume_step(-1), ValueError, r"step_num must be >= 0 .*0 if there was none"),
        (lambda: counting.total_updates(-1, 10), ValueError, "epochs must be >= 0"),
        (lambda: counting.window_of_update(0), ValueError, r"real_step=0: real_step must be >= 1 .*got 0"),
        (lambda: counting.window_of_update(1, 1, 0), ValueError, "steps_per_epoch must be >= 1"),
        (lambda: counting.total_updates(0, 10, 0), ValueError, "accum_grad must be >= 1"),
        (
            lambda: counting.real_step(1, {}),
            ValueError,
            r"accum_grad=\{\}: the stages must begin with update 1 and rise",
        ),
        (lambda: counting.real_step(1, {2: 1}), ValueError, r"accum_grad=\{2: 1\}: the stages must begin with"),
        (lambda: counting.real_step(1, {1: 1, 5: 2, 3: 4}), ValueError, "the stages must begin with update 1 and rise"),
        (lambda: counting.real_step(1, {1: 1, Five(): 2, 5: 4}), ValueError, "must begin with update 1 and rise"),
        (lambda: counting.real_step(1, {1: 1, 0: 4}), ValueError, "accum_grad must be >= 1"),
        (lambda: counting.real_step(1, {1: 0}), ValueError, r"accum_grad\[1\] must be >= 1"),
        (lambda: counting.real_step(1, {1: 1.5}), TypeError, r"accum_grad\[1\] must be a whole number"),
        (lambda: counting.real_step(1, {"1": 1}), TypeError, "accum_grad must be a whole number"),
        (lambda: counting.real_step(np.bool_(True)), TypeError, "step_num must be a whole number .*got bool"),
        (lambda: counting.real_step(np.array(True)), TypeError, "step_num must be a whole number .*got ndarray"),
        (lambda: counting.real_step(np.array([1, 2])), TypeError, r"Write step_num=len\(\.\.\.\)"),
        (lambda: counting.total_updates(1, ["a", "b"]), TypeError, r"list\.\n    Write steps_per_epoch=len\(\.\.\.\)"),
        (
            lambda: counting.real_step(["x" * 12, "y" * 12, "z" * 12, "u" * 40]),  # shown up to 60 characters
            TypeError,
            "^step_num=\\['x{12}', 'y{12}', 'z{12}', 'u{10}: step_num must be a whole number",
        ),
        (lambda: counting.real_step({1}), TypeError, r"Write step_num=len\(\.\.\.\)"),
        (lambda: counting.real_step(iter([1])), TypeError, r"got list_iterator\.$"),
        (lambda: counting.total_updates(1, 0), ValueError, r"steps_per_epoch must be >= 1 .*len\(loader\)"),
    ],
)
def test_wrong_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()
