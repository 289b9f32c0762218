"""Lists of MMEngine's configurations, and refusals in its terms."""

import pytest

from optimsche.peers import mmengine

WARMUP = {"type": "LinearLR", "start_factor": 0.5, "begin": 0, "end": 5}


def test_one_configuration_is_its_schedule():
    assert mmengine.param_scheduler([WARMUP], base_lr=0.1) == mmengine.LinearLR(0.5, end=5, base_lr=0.1)
    assert mmengine.param_scheduler(WARMUP, base_lr=0.1) == mmengine.LinearLR(0.5, end=5, base_lr=0.1)


def test_each_quantity_plays_its_own():
    both = [WARMUP, {"type": "ConstantMomentum", "factor": 0.5, "end": 10}]
    assert mmengine.param_scheduler(both, base_momentum=0.9) == mmengine.ConstantMomentum(
        0.5, end=10, base_momentum=0.9
    )
    assert mmengine.param_scheduler(both, base_lr=0.1) == mmengine.LinearLR(0.5, end=5, base_lr=0.1)


def test_two_clocks():
    steps = {"type": "MultiStepLR", "milestones": [2, 3], "gamma": 0.1}
    plan = mmengine.param_scheduler([{**WARMUP, "by_epoch": False}, steps], base_lr=1.0)
    assert [plan(1, 1), plan(3, 1), plan(5, 1)] == [0.5, 0.75, 1.0]
    assert [plan(20, 2), plan(21, 3), plan(31, 4)] == pytest.approx([1.0, 0.1, 0.01])


def test_a_warmup_by_updates_before_a_cosine_by_epochs():
    warmup = {"type": "LinearLR", "start_factor": 0.5, "end": 2, "convert_to_iter_based": True}
    cosine = {"type": "CosineAnnealingLR", "T_max": 4, "eta_min": 0.2, "begin": 2, "end": 6}
    plan = mmengine.param_scheduler([warmup, cosine], base_lr=1.0, epoch_length=3)
    assert [plan(1, 1), plan(6, 2), plan(7, 3)] == pytest.approx([0.5, 1.0, 1.0])
    assert [plan(10, 4), plan(15, 5), plan(16, 6), plan(99, 30)] == pytest.approx(
        [0.2 + 0.8 * (2 + 2**0.5) / 4, 0.6, 0.2 + 0.8 * (2 - 2**0.5) / 4, 0.2 + 0.8 * (2 - 2**0.5) / 4]
    )
    with pytest.raises(ValueError, match="a warm-up to the rate which ends before it"):
        mmengine.param_scheduler([{**warmup, "end": 3}, cosine], base_lr=1.0, epoch_length=3)


def test_epochs_as_updates():
    cosine = {"type": "CosineAnnealingLR", "T_max": 4, "begin": 1, "end": 5, "convert_to_iter_based": True}
    plan = mmengine.param_scheduler([cosine], base_lr=1.0, epoch_length=10)
    assert plan == mmengine.CosineAnnealingLR(T_max=40, begin=10, end=50, by_epoch=False, base_lr=1.0)


@pytest.mark.parametrize(
    ("configs", "words"),
    [
        ([{"type": "LinearLr"}], "type 'LinearLr' cannot be played; did you mean 'LinearLR'"),
        ([{"type": "ReduceOnPlateauLR"}], "follows metrics"),
        ([WARMUP, {"type": "PolyLR", "eta_min": 0.01, "end": 50}], "there is no closed form"),
        ([{**WARMUP, "end": 0}], "end must be a whole number > 0"),
        ([{**WARMUP, "begin": 5}], "end should be larger than begin, but got begin=5, end=5"),
        ([{**WARMUP, "start_factor": 0}], "start_factor 0 can never grow"),
        ([{**WARMUP, "start_factor": 2}], "start_factor must be >= 0 and <= 1"),
        ([{**WARMUP, "convert_to_iter_based": True}], "needs epoch_length"),
        ([{"type": "CosineRestartLR", "periods": [5, 5], "eta_min": 0}], "should have the same length, got 2 and 1"),
        ([{"type": "CosineRestartLR", "periods": [5]}], "give either eta_min or eta_min_ratio"),
        ([{"type": "CosineAnnealingLR", "eta_min": 0, "eta_min_ratio": 0}], "not both"),
        ([{**WARMUP, "by_epoch": False}, {"type": "PolyLR", "eta_min": 0.01, "begin": 5}], "another clock"),
    ],
)
def test_refusals(configs, words):
    with pytest.raises(ValueError, match=words):
        mmengine.param_scheduler(configs, base_lr=0.1)


def test_wrong_kinds():
    with pytest.raises(TypeError, match=r"mmengine.LinearLR\(\) has no parameter 'start'"):
        mmengine.param_scheduler([{"type": "LinearLR", "start": 1}], base_lr=0.1)
    with pytest.raises(TypeError, match="a configuration is dict"):
        mmengine.param_scheduler("LinearLR", base_lr=0.1)
    with pytest.raises(ValueError, match="give base_lr for the learning rate, or base_momentum"):
        mmengine.param_scheduler([WARMUP])
