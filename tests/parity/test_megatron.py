"""Megatron-LM: arguments without a recorded curve, by its formula, and those it refuses."""

import math

import pytest

from optimsche import peers

PARAMS = {
    "init_lr": 0.0,
    "max_lr": 1.0,
    "min_lr": 0.0,
    "lr_warmup_steps": 10,
    "lr_decay_steps": 100,
    "lr_decay_style": "linear",
    "start_wd": 0.1,
    "end_wd": 0.1,
    "wd_incr_steps": 100,
    "wd_incr_style": "constant",
}


def built(**params):
    return peers.megatron.OptimizerParamScheduler(**{**PARAMS, **params})


def test_inverse_square_root_jumps_down_at_its_end():
    plan = built(lr_decay_style="inverse-square-root", lr_warmup_steps=0, lr_decay_steps=9, min_lr=0.1)
    assert [plan(n) for n in (1, 2, 5, 10, 11)] == pytest.approx([1.0, 1.0, 0.5, 1 / 3, 0.1])


def test_wsd_may_begin_before_the_warm_up_is_over():
    plan = built(lr_decay_style="WSD", wsd_decay_steps=96, lr_wsd_decay_style="minus_sqrt")
    expected = [0.9, 1.0, 1 - math.sqrt(7 / 96), 1 - math.sqrt(8 / 96), 0.0]
    assert [plan(n) for n in (10, 11, 12, 13, 101)] == pytest.approx(expected)


def test_wsd_without_a_decay():
    plan = built(lr_decay_style="WSD", wsd_decay_steps=0, lr_wsd_decay_style="exponential", min_lr=0.25)
    assert [plan(n) for n in (101, 102)] == [1.0, 0.25]


def test_samples_and_a_warm_up_that_is_a_fraction_of_them():
    plan = built(increment=7, lr_warmup_steps=10.5, lr_decay_style="constant")
    assert [plan(n) for n in (1, 2, 3)] == pytest.approx([0.0, 7 / 10.5, 1.0])


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"min_lr": 2.0}, ValueError, "max_lr must be >= min_lr"),
        ({"init_lr": 2.0}, ValueError, "init_lr=2.0"),
        ({"lr_warmup_steps": 100}, ValueError, "lr_warmup_steps must be < lr_decay_steps=100"),
        ({"lr_decay_style": "WSD"}, ValueError, "wsd_decay_steps"),
        ({"lr_decay_style": "poly"}, ValueError, "'inverse-square-root'"),
        ({"end_wd": 0.0}, ValueError, "end_wd must be >= start_wd"),
        ({"end_wd": 0.2}, ValueError, "start_wd == end_wd"),
        ({"wd_incr_style": "step"}, ValueError, "wd_incr_style must be"),
        ({"override": True}, TypeError, "no parameter 'override'"),
    ],
)
def test_refuses(params, error, words):
    with pytest.raises(error, match=words):
        built(**params)
