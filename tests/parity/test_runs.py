"""fvcore, levanter, lr_schedules and the finders: the run's length, and refusals in each system's terms."""

import pytest

from optimsche.peers import fvcore, levanter, lightning, lr_schedules, torch_lr_finder


def test_fvcore_by_the_update():
    of_one = fvcore.CompositeParamScheduler(
        [
            fvcore.LinearParamScheduler(0.0, 0.1, total_steps=1),
            fvcore.CosineParamScheduler(0.1, 0.0, total_steps=1),
        ],
        [0.25, 0.75],
        ["rescaled", "fixed"],
        total_steps=40,
    )
    assert [of_one(1), of_one(6), of_one(21)] == pytest.approx([0.0, 0.05, 0.05])
    steps = fvcore.StepParamScheduler(10, [1.0, 0.5, 0.25], total_steps=90)
    assert [steps(30), steps(31), steps(60), steps(61)] == [1.0, 0.5, 0.5, 0.25]


def test_finders_end_with_the_last_iteration():
    assert lightning._LinearLR(1.0, 100, base_lr=0.1)(100) == pytest.approx(1.0)
    assert torch_lr_finder.ExponentialLR(1.0, 100, base_lr=1e-8)(100) == pytest.approx(1.0)
    assert lightning._LinearLR(0.0, 10, base_lr=0.1)(50) == 0.0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: fvcore.MultiStepParamScheduler([1.0], total_steps=1), "cannot both be None"),
        (
            lambda: fvcore.MultiStepParamScheduler([1.0, 2.0], 10, [3, 4], total_steps=1),
            "need 1 milestones here, got 2",
        ),
        (lambda: fvcore.MultiStepParamScheduler([1.0, 2.0], 10, [10], total_steps=1), "must rise from above 0"),
        (lambda: fvcore.MultiStepParamScheduler([1.0] * 9, 3, total_steps=1), "at least the number of values, got 3"),
        (lambda: fvcore.StepParamScheduler(0, [1.0], total_steps=1), "num_updates must be > 0"),
        (lambda: _composite([0.5, 0.4]), "sum of all values in lengths must be 1, got 0.9"),
        (lambda: _composite([1.0]), "must be as many, got 2, 1 and 2"),
        (lambda: levanter.lr_scheduler(100, warmup=2.5), "warmup must be a part from 0 to 1 or a whole number"),
        (lambda: levanter.lr_scheduler(100, lr_schedule="cosin"), "unknown lr_schedule 'cosin'; did you mean 'cosine'"),
        (lambda: levanter.lr_scheduler(100, cycle_length=0.5, cycles=2), "can't use both cycle_length and cycles"),
        (lambda: levanter.lr_scheduler(100, cycle_length=[60, 60]), "exceed total number of steps: 120 > 100"),
        (lambda: levanter.lr_scheduler(100, cycle_length=0.001), "is no step of 100"),
        (lambda: levanter.lr_scheduler(100, warmup=1), "a cosine needs a decay of some steps"),
        (lambda: levanter.lr_scheduler(100, lr_schedule="inv", min_lr_ratio=0), "'inv' needs min_lr_ratio"),
        (lambda: levanter.lr_scheduler(100, cycles=[50, 20]), "the ends of cycles must rise"),
        (lambda: torch_lr_finder.LinearLR(1.0, 1, base_lr=0.1), "num_iter must be a whole number > 1"),
        (lambda: torch_lr_finder.ExponentialLR(1.0, 9, base_lr=0), "base_lr must be > 0"),
        (lambda: lr_schedules.LinearScheduler([0, 1], [0.1]), "must have the same length, got 2 and 1"),
        (lambda: lr_schedules.LinearScheduler([5, 1], [0.1, 0.2]), "must be in ascending order"),
        (lambda: lr_schedules.LinearScheduler([0, 0.5], [0.1, 0.2]), "are parts of total_training_steps, so give it"),
    ],
)
def test_refusals(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def _composite(lengths):
    parts = [fvcore.ConstantParamScheduler(value, total_steps=1) for value in (1.0, 0.5)]
    return fvcore.CompositeParamScheduler(parts, lengths, ["fixed", "fixed"], total_steps=10)


def test_levanters_power_needs_its_batch():
    with pytest.raises(TypeError, match=r"lr_schedule power\(\) needs batch_size="):
        levanter.lr_scheduler(100, lr_schedule="power")
