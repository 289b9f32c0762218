"""torchtitan: arguments without a recorded curve, by its formula, and those it refuses."""

import pytest

from optimsche import peers

Scheduler = peers.torchtitan.LRSchedulersContainer


def test_a_warm_up_is_no_longer_than_the_run():
    assert [Scheduler(warmup_steps=200, training_steps=4, base_lr=1.0)(n) for n in (1, 2, 4, 5)] == [0.25, 0.5, 1, 1]


def test_a_decay_that_does_not_fit_is_cut():
    plan = Scheduler(warmup_steps=5, decay_ratio=0.9, training_steps=10, base_lr=1.0)
    assert [plan(n) for n in (5, 6, 7, 10, 11)] == pytest.approx([1.0, 1.0, 0.8, 0.2, 0.0], abs=1e-15)


def test_no_decay():
    assert Scheduler(warmup_steps=0, decay_ratio=0.0, training_steps=10, base_lr=0.1)(10) == 0.1


def test_no_warm_up_and_a_ratio_that_is_rounded_to_even():
    plan = Scheduler(warmup_steps=0, decay_ratio=0.25, decay_type="sqrt", training_steps=10, base_lr=1.0)
    assert [plan(n) for n in (1, 9, 10, 11)] == pytest.approx([1.0, 1.0, 1 - 0.5**0.5, 0.0], abs=1e-15)


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"base_lr": 0.1}, ValueError, "training_steps"),
        ({"base_lr": 0.1, "training_steps": 10, "decay_type": "exp"}, ValueError, "'cosine'"),
        ({"base_lr": 0.1, "training_steps": 10, "lr_min": 0.1}, TypeError, "no parameter 'lr_min'"),
        ({"base_lr": 0.1, "training_steps": 10, "warmup_steps": -1}, ValueError, "warmup_steps must be"),
    ],
)
def test_refuses(params, error, words):
    with pytest.raises(error, match=words):
        Scheduler(**params)
