"""lrsched: arguments without a recorded curve, as its own code computes them, and those it refuses."""

import pytest

from optimsche import peers
from tests.parity.replay import replay

ONE_CYCLE = {"max_lr": 0.1, "total_steps": 10, "pct_start": 0.3, "initial_div": 25.0, "final_div": 1e4}
WSD = {
    "base_lr": 0.1,
    "warmup_steps": 5,
    "decay_steps": 5,
    "total_steps": 10,
    "final_lr": 0.0,
    "warmup_start": 0.0,
    "decay_shape": "linear",
}
CASES = [
    pytest.param(
        "multi_step",
        {"base_lr": 0.0003, "milestones": [18, 11, 9], "gamma": 0.0},
        None,
        {0: 0.0003, 1: 0.0003, 3: 0.0003, 8: 0.0003, 13: 0.0, 34: 0.0, 55: 0.0},
        id="multi_step: listed twice, factor 0",
    ),
    pytest.param(
        "exponential",
        {"base_lr": 0.417356, "gamma": 1.01},
        None,
        {
            0: 0.417356,
            1: 0.42152956,
            3: 0.43000230415600005,
            8: 0.45193674323411304,
            13: 0.474990059148516,
            34: 0.5853739206397881,
            55: 0.7214101018860608,
        },
        id="exponential: growth",
    ),
    pytest.param(
        "polynomial",
        {"base_lr": 0.1, "end_lr": 0.0, "total_steps": 1, "power": 0.0},
        None,
        {0: 0.1, 1: 0.1, 3: 0.1, 8: 0.1, 13: 0.1, 34: 0.1, 55: 0.1},
        id="polynomial: power 0",
    ),
    pytest.param(
        "cosine_restarts",
        {"base_lr": 0.1, "min_lr": 0.0, "period": 45, "t_mult": 3},
        None,
        {
            0: 0.1,
            1: 0.09987820251299122,
            3: 0.09890738003669029,
            8: 0.0924024048078213,
            13: 0.08078307376628291,
            34: 0.01403300998306744,
            55: 0.0986522435289912,
        },
        id="cosine_restarts: three times as long",
    ),
    pytest.param(
        "one_cycle",
        {"max_lr": 0.1, "total_steps": 46, "pct_start": 0.99, "initial_div": 0.5, "final_div": 10000.0},
        None,
        {
            0: 0.2,
            1: 0.1998782025129912,
            3: 0.19890738003669028,
            8: 0.1924024048078213,
            13: 0.18078307376628291,
            34: 0.11403300998306745,
            55: 1e-05,
        },
        id="one_cycle: a peak at the last step but one",
    ),
    pytest.param(
        "warmup_stable_decay",
        {
            "base_lr": 1.0,
            "warmup_steps": 9,
            "decay_steps": 0,
            "total_steps": 9,
            "final_lr": 0.0006056,
            "warmup_start": 0.0,
            "decay_shape": "1-sqrt",
        },
        None,
        {0: 0.0, 1: 0.1111111111111111, 3: 0.3333333333333333, 8: 0.8888888888888888, 13: 1.0, 34: 1.0, 55: 1.0},
        id="warmup_stable_decay: no decay",
    ),
    pytest.param(
        "exp_range",
        {"min_lr": 0.0005483, "max_lr": 0.05, "step_size": 16, "gamma": 0.99},
        None,
        {
            0: 0.0005483,
            1: 0.0036081239375,
            3: 0.009545100323431251,
            8: 0.02336394690272059,
            13: 0.035806661428093425,
            34: 0.004940558128637651,
            55: 0.01655270215030667,
        },
        id="exp_range: heights fall",
    ),
    pytest.param(
        "with_warmup",
        {
            "schedule": {"schedule": "triangular2", "params": {"min_lr": 0.0, "max_lr": 0.0003, "step_size": 2}},
            "warmup_steps": 1,
            "start_lr": 0.0,
        },
        None,
        {0: 0.0, 1: 0.0, 3: 0.0003, 8: 7.5e-05, 13: 0.0, 34: 5.859375e-07, 55: 3.662109375e-08},
        id="with_warmup: inner",
    ),
    pytest.param(
        "sequential",
        {
            "phases": [
                [
                    6,
                    {
                        "schedule": "exp_range",
                        "params": {"min_lr": 0.001, "max_lr": 1.0, "step_size": 1, "gamma": 1.01},
                    },
                ],
                [24, {"schedule": "triangular", "params": {"min_lr": 0.0, "max_lr": 1.0, "step_size": 2}}],
                [26, {"schedule": "linear", "params": {"base_lr": 0.1, "end_lr": 0.0, "total_steps": 1}}],
                [
                    24,
                    {
                        "schedule": "with_warmup",
                        "params": {
                            "schedule": {
                                "schedule": "triangular",
                                "params": {"min_lr": 0.001, "max_lr": 0.05, "step_size": 34},
                            },
                            "warmup_steps": 8,
                            "start_lr": 0.001,
                        },
                    },
                ],
            ]
        },
        None,
        {0: 0.001, 1: 1.00999, 3: 1.0302706990000001, 8: 1.0, 13: 0.5, 34: 0.0, 55: 0.0},
        id="sequential: tail",
    ),
]

ERRORS = [
    ("cosine", {"base_lr": 0.1, "eta_min": 0.0, "total_steps": 5}, TypeError, "no parameter 'eta_min'"),
    ("cosine", {"base_lr": 0.1, "min_lr": 0.0, "total_steps": 0}, ValueError, "total_steps must be"),
    ("step_decay", {"base_lr": 0.1, "drop": 1.5, "step_size": 5}, ValueError, "drop must be"),
    ("multi_step", {"base_lr": 0.1, "milestones": [0, 5], "gamma": 0.5}, ValueError, "milestones must be"),
    ("one_cycle", {**ONE_CYCLE, "total_steps": 1}, ValueError, "total_steps must be"),
    ("one_cycle", {**ONE_CYCLE, "pct_start": 1.0}, ValueError, "pct_start must be"),
    ("warmup_stable_decay", {**WSD, "decay_steps": 7}, ValueError, "<= total_steps=10"),
    ("warmup_stable_decay", {**WSD, "decay_shape": "cosine"}, ValueError, "'1-sqrt'"),
    ("sequential", {"phases": []}, ValueError, "phases must be"),
]


@pytest.mark.parametrize(("schedule", "params", "base_lr", "values"), CASES)
def test_is_met(schedule, params, base_lr, values):
    case = {"schedule": schedule, "params": params, "base_lr": base_lr, "steps": list(values)}
    assert replay("lrsched", case) == pytest.approx(list(values.values()), rel=0, abs=1e-12 * max(values.values()))


@pytest.mark.parametrize(("schedule", "params", "error", "words"), ERRORS)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words) as refusal:
        getattr(peers.lrsched, schedule)(**params)
    assert str(refusal.value).startswith(f"lrsched.{schedule}")
