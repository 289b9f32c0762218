"""fairseq: arguments without a recorded curve, by its formulas, and those it refuses."""

import pytest

from optimsche.peers import fairseq


def test_fixed_warms_up_across_epochs():
    plan = fairseq.fixed(lr=[0.4, 0.2], warmup_updates=8, force_anneal=3, lr_shrink=0.5, updates_per_epoch=4)
    assert [plan(n) for n in (1, 4, 5, 8, 9, 12, 13)] == pytest.approx([0.05, 0.2, 0.125, 0.2, 0.1, 0.1, 0.05])


def test_annealing_may_begin_with_the_first_epoch():
    plan = fairseq.fixed(lr=[0.4], force_anneal=1, lr_shrink=0.5, updates_per_epoch=2)
    assert [plan(n) for n in (1, 2, 3, 5)] == [0.2, 0.2, 0.1, 0.05]


def test_periods_that_shrink_and_a_floor_that_shrinks_with_the_peak():
    plan = fairseq.cosine(lr=[0.1], min_lr=0.05, lr_period_updates=8, t_mult=0.5, lr_shrink=0.5)
    assert [plan(n) for n in (1, 5, 9, 11, 13)] == pytest.approx([0.1, 0.075, 0.05, 0.0375, 0.025])


def test_peaks_that_do_not_shrink_but_grow():
    plan = fairseq.cosine(lr=0.1, warmup_updates=2, max_update=6, lr_shrink=2.0)
    assert [plan(n) for n in (1, 2, 3, 5, 7, 9, 11)] == pytest.approx([0.0, 0.05, 0.1, 0.05, 0.2, 0.1, 0.4])


def test_triangles_of_an_odd_period_lose_an_update():
    plan = fairseq.triangular(lr=[0.1], max_lr=0.5, lr_period_updates=5, lr_shrink=0.5)
    assert [plan(n) for n in (1, 2, 3, 5, 7)] == pytest.approx([0.1, 0.3, 0.5, 0.1, 0.25])


def test_several_rates_of_a_polynomial_decay():
    plan = fairseq.polynomial_decay(lr=[0.1, 0.2, 0.4], total_num_update=10, updates_per_epoch=2)
    assert [plan(n) for n in (1, 2, 3, 9, 11)] == pytest.approx([0.2, 0.18, 0.32, 0.08, 0.0])


def test_a_forced_anneal_starts_from_what_is_left():
    plan = fairseq.polynomial_decay(lr=[0.1], total_num_update=4, force_anneal=2, updates_per_epoch=2)
    assert [plan(n) for n in (1, 2, 3, 4, 5)] == pytest.approx([0.1, 0.075, 0.025, 0.0125, 0.0])


def test_a_warm_up_as_long_as_the_run():
    plan = fairseq.polynomial_decay(lr=[0.1], warmup_updates=4, end_learning_rate=0.01, total_num_update=4)
    assert [plan(n) for n in (4, 5, 6)] == pytest.approx([0.075, 0.1, 0.01])


def test_metrics_of_the_warm_up_do_not_count():
    options = {"lr_shrink": 0.5, "updates_per_epoch": 2}
    plan = fairseq.reduce_lr_on_plateau(lr=[0.1], warmup_updates=4, metrics=[1.0, 9.0, 5.0, 5.0], **options)
    assert [plan(n) for n in (1, 4, 5, 8, 9)] == pytest.approx([0.0, 0.075, 0.1, 0.1, 0.05])


def test_rates_by_epoch_until_there_are_some_by_update():
    plan = fairseq.manual(lr=[0.1], epoch2lr={2: 0.2, "3-4": 0.3}, update2lr="{'9,11': 0.9}", updates_per_epoch=3)
    assert [plan(n) for n in (1, 3, 4, 7, 9, 10, 99)] == [0.1, 0.1, 0.2, 0.3, 0.3, 0.9, 0.9]


@pytest.mark.parametrize(
    ("schedule", "params", "error", "words"),
    [
        ("inverse_sqrt", {"lr": [0.1, 0.2]}, ValueError, "takes one lr"),
        ("inverse_sqrt", {"lr": [0.1], "warmup_updates": 0}, ValueError, "warmup_updates must be"),
        ("cosine", {"lr": [0.1], "min_lr": 0.1, "max_update": 9}, ValueError, "lr must be more than min_lr=0.1"),
        ("cosine", {"lr": [0.1]}, ValueError, "give lr_period_updates"),
        ("triangular", {"lr": [0.1], "max_lr": 0.1}, ValueError, "max_lr must be more than lr=0.1"),
        ("triangular", {"lr": [0.1], "max_lr": 0.2, "lr_period_updates": 1}, ValueError, "lr_period_updates must be"),
        ("tri_stage", {"lr": [0.1], "phase_ratio": [0.7, 0.2, 0.1], "max_update": 9}, ValueError, "add up to 1"),
        ("tri_stage", {"lr": [0.1], "phase_ratio": [0.5, 0.5, 0.0]}, ValueError, "needs max_update"),
        ("tri_stage", {"lr": [0.1], "hold_steps": 9}, ValueError, "decay_steps must be > 0"),
        ("step", {"lr": [0.1], "lr_decay_period": 5}, TypeError, "did you mean 'lr_deacy_period'"),
        ("step", {"lr": [0.1], "min_lr": 0.1}, ValueError, "lr must be > min_lr=0.1"),
        ("fixed", {"lr": [0.1, 0.2]}, ValueError, "needs updates_per_epoch"),
        ("polynomial_decay", {"lr": [0.1]}, TypeError, "needs total_num_update="),
        ("manual", {"update2lr": "__import__('os')"}, ValueError, "update2lr must be a mapping"),
        ("manual", {"epoch2lr": "{'1': -0.1}"}, ValueError, "epoch2lr must be a mapping"),
        ("reduce_lr_on_plateau", {"lr_shrink": 1.0}, ValueError, "lr_shrink must be"),
    ],
)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words):
        getattr(fairseq, schedule)(**params)
