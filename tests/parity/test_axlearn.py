"""axlearn: arguments without a recorded curve, by its formulas, and those it refuses."""

import pytest

from optimsche import peers
from optimsche.peers.axlearn import polynomial, segment_wise, stepwise


def test_segments_count_from_1_and_steps_from_0():
    line = polynomial(begin_value=0.0, end_step=10, end_value=1.0)
    inside = segment_wise([0.5, line], segment_steps=[3])
    assert [inside(n) for n in (0, 1, 3, 4, 13)] == pytest.approx([0.0, 0.5, 0.5, 0.1, 1.0])
    plan = stepwise([line, None, inside], start_step=[2, 5])
    assert [plan(n) for n in (1, 2, 4, 5, 6, 8, 9)] == pytest.approx([0.1, 1.0, 1.0, 0.0, 0.5, 0.5, 0.1])


def test_segments_of_no_length():
    assert segment_wise([1, 2, 3], segment_steps=[0, 4])(1) == 2
    assert stepwise([1, 2, 3], start_step=[0, 0])(0) == 3


def test_a_begin_value_is_that_of_no_update():
    plan = peers.axlearn.constant_with_linear_warmup(0.1, warmup_steps=4, begin_value=0.02)
    assert [plan(n) for n in (0, 1, 4, 99)] == pytest.approx([0.0, 0.04, 0.1, 0.1])


def test_a_decay_that_begins_within_the_warm_up_begins_after_it():
    early = peers.axlearn.cosine_with_linear_warmup(0.1, max_step=50, warmup_steps=10, decay_begin_step=5)
    assert early == peers.axlearn.cosine_with_linear_warmup(0.1, max_step=50, warmup_steps=10)


def test_an_average_that_begins_later():
    plan = peers.axlearn.ema_schedule(0.99, warmup_steps=3, step_offset=5)
    assert [plan(n) for n in (1, 4, 5, 6, 7, 8, 99)] == pytest.approx([0, 0, 0, 1 / 2, 2 / 3, 0.99, 0.99])


def test_adafactor_with_another_power():
    plan = peers.axlearn.adafactor(2.0, warmup_steps=4, decay_power=-1.0, step_offset=1)
    assert [plan(n) for n in (1, 3, 7)] == pytest.approx([2.0 * 2 * 4**-2, 0.5, 0.25])


@pytest.mark.parametrize(
    ("schedule", "params", "error", "words"),
    [
        ("polynomial", {"begin_step": 5, "end_step": 5}, ValueError, "end_step must be > begin_step=5"),
        ("exponential", {"begin_value": 0.0, "end_value": 1.0}, ValueError, "begin_value must be > 0"),
        ("inverse_sqrt", {"warmup_steps": 0}, ValueError, "warmup_steps must be"),
        ("adafactor", {"decay_power": 0.5}, ValueError, "decay_power must be"),
        ("stepwise", {"sub": [1, 2], "start_step": []}, ValueError, "need 1 in start_step"),
        ("stepwise", {"sub": [1, 2, 3], "start_step": [5, 4]}, ValueError, "must not decrease"),
        ("segment_wise", {"segments": [1, 2], "segment_steps": [-1]}, ValueError, "segment_steps must be"),
        ("segment_wise", {"segments": [1, "2"], "segment_steps": [1]}, TypeError, "got '2' at 1"),
        ("cosine_with_linear_warmup", {"peak_lr": 0.1, "max_step": 500}, ValueError, "max_step must be > 500"),
        ("linear_schedule_with_warmup", {"peak_lr": 0.1, "max_step": 500}, TypeError, "needs warmup_steps="),
        ("ema_schedule", {"decay": 1.5}, ValueError, "decay must be"),
        (
            "warmup_stable_decay",
            {"peak_lr": 0.1, "warmup_steps": 200, "decay_begin_step": 100, "max_step": 300},
            ValueError,
            "decay_begin_step must be >= warmup_steps=200, got 100",
        ),
    ],
)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words):
        getattr(peers.axlearn, schedule)(**params)
