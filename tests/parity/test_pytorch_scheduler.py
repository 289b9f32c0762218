"""pytorch_scheduler: arguments without a recorded curve, as its own code computes them, and those it refuses."""

import pytest

from optimsche import peers
from tests.parity.replay import replay

PARTS = {"total_steps": 10, "warmup_steps": 2}
FLAT = peers.pytorch_scheduler.IdentityScheduler(base_lr=0.1)
CASES = [
    pytest.param(
        "SlantedTriangularScheduler",
        {"total_steps": 8, "cut_frac": 0.01},
        0.000873,
        {
            0: 2.728125e-05,
            1: 0.00076728515625,
            3: 0.00055585546875,
            8: 2.728125e-05,
            13: 2.728125e-05,
            34: 2.728125e-05,
            55: 2.728125e-05,
        },
        id="SlantedTriangularScheduler: no step before the cut",
    ),
    pytest.param(
        "SlantedTriangularScheduler",
        {"total_steps": 32, "cut_frac": 0.1, "ratio": 0.5},
        1.0,
        {0: 1.0, 1: 1.0, 3: 1.0, 8: 1.0, 13: 1.0, 34: 1.0, 55: 1.0},
        id="SlantedTriangularScheduler: a ratio below 1",
    ),
    pytest.param(
        "FlatCosineScheduler",
        {"total_steps": 56, "flat_fraction": 0.29},
        0.0003,
        {0: 0.0003, 1: 0.0003, 3: 0.0003, 8: 0.0003, 13: 0.0003, 34: 0.00017346516975603462, 55: 4.623999400308054e-07},
        id="FlatCosineScheduler: 0.29 of it, rounded down",
    ),
    pytest.param(
        "HyperbolicLRScheduler",
        {"total_steps": 15, "upper_bound": 30},
        1.0,
        {
            0: 1.0,
            1: 0.9612862113287792,
            3: 0.882306191264276,
            8: 0.6704241571061033,
            13: 0.4006418622409651,
            34: 0.13397546224096524,
            55: 0.13397546224096524,
        },
        id="HyperbolicLRScheduler: no warm-up",
    ),
    pytest.param(
        "ExpHyperbolicLRScheduler",
        {"total_steps": 56, "warmup_steps": 31, "upper_bound": 112, "min_lr": 1e-05},
        1.0,
        {
            0: 1e-05,
            1: 0.032267741935483873,
            3: 0.09678322580645161,
            8: 0.258071935483871,
            13: 0.41936064516129035,
            34: 0.6062962113824076,
            55: 0.00276531426270027,
        },
        id="ExpHyperbolicLRScheduler: warm-up",
    ),
    pytest.param(
        "PolynomialScheduler",
        {"total_steps": 36, "warmup_steps": 0, "cycle": True, "min_lr": 0.0002662},
        1.0,
        {
            0: 1.0,
            1: 0.9722296166666666,
            3: 0.91668885,
            8: 0.7778369333333334,
            13: 0.6389850166666666,
            34: 0.055806966666666694,
            55: 0.4723627166666666,
        },
        id="PolynomialScheduler: cycles without a warm-up",
    ),
    pytest.param(
        "TrapezoidalScheduler",
        {"total_steps": 9, "warmup_steps": 0, "decay_steps": 0, "min_lr": 0.0023145},
        1.0,
        {0: 1.0, 1: 1.0, 3: 1.0, 8: 1.0, 13: 0.0023145, 34: 0.0023145, 55: 0.0023145},
        id="TrapezoidalScheduler: no decay",
    ),
    pytest.param(
        "ChebyshevScheduler",
        {"total_steps": 1, "min_lr": 0.0},
        0.05,
        {0: 0.025, 1: 0.025, 3: 0.025, 8: 0.025, 13: 0.025, 34: 0.025, 55: 0.025},
        id="ChebyshevScheduler: one node",
    ),
    pytest.param(
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 4, "warmup_steps": 1, "max_lr": 0.1, "min_lr": 0.001, "cycle_mult": 1.1, "gamma": 1.17},
        0.1,
        {
            0: 0.001,
            1: 0.1,
            3: 0.025750000000000012,
            8: 0.001,
            13: 0.16016129999999998,
            34: 0.018116354609822933,
            55: 0.20592001663439258,
        },
        id="CosineAnnealingWarmupRestarts: rounded lengths",
    ),
    pytest.param(
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 14, "max_lr": 0.1, "min_lr": 0.0, "cycle_mult": 1.5},
        0.1,
        {
            0: 0.0,
            1: 0.09874639560909118,
            3: 0.0890915741234015,
            8: 0.03887395330218429,
            13: 0.0012536043909088192,
            34: 0.0005584586887435739,
            55: 0.02798029242211828,
        },
        id="CosineAnnealingWarmupRestarts: no warm-up: the lowest first",
    ),
    pytest.param(
        "WarmupScheduler",
        {
            "base_scheduler": {
                "schedule": "WarmupScheduler",
                "params": {
                    "base_scheduler": {
                        "schedule": "ChebyshevScheduler",
                        "params": {"total_steps": 43, "min_lr": 0.0013846},
                    },
                    "warmup_steps": 5,
                    "warmup_type": "exponential",
                },
            },
            "warmup_steps": 20,
            "warmup_type": "cosine",
        },
        0.0003,
        {
            0: 0.0,
            1: 1.8467489107293343e-06,
            3: 1.6349021371744813e-05,
            8: 0.00010364745084375787,
            13: 0.00021809857496093199,
            34: 0.0004254626560981021,
            55: 0.0011737395051552636,
        },
        id="WarmupScheduler: over a warm-up",
    ),
    pytest.param(
        "SequentialComposer",
        {
            "schedulers": [
                {"schedule": "KDecayScheduler", "params": {"total_steps": 3, "k": 3, "min_lr": 0.001}},
                {
                    "schedule": "WarmupScheduler",
                    "params": {
                        "base_scheduler": {
                            "schedule": "KDecayScheduler",
                            "params": {"total_steps": 26, "min_lr": 0.002586},
                        },
                        "warmup_steps": 1,
                    },
                },
                {
                    "schedule": "WarmupScheduler",
                    "params": {
                        "base_scheduler": {"schedule": "IdentityScheduler", "params": {}},
                        "warmup_steps": 1,
                        "warmup_type": "exponential",
                    },
                },
                {"schedule": "SlantedTriangularScheduler", "params": {"total_steps": 2, "cut_frac": 0.6749}},
            ],
            "milestones": [0, 0, 45],
        },
        1.0,
        {0: 0.0, 1: 1.0, 3: 1.0, 8: 1.0, 13: 1.0, 34: 1.0, 55: 0.03125},
        id="SequentialComposer: pieces of no length",
    ),
]

ERRORS = [
    ("RexScheduler", {"total_steps": 0, "base_lr": 0.1}, ValueError, "total_steps must be"),
    ("RexScheduler", {"total_steps": 10, "min_lr": 0.1, "base_lr": 0.1}, TypeError, "no parameter 'min_lr'"),
    ("LinearDecayScheduler", {"total_steps": 10, "warmup_steps": 10, "base_lr": 0.1}, ValueError, "< total_steps=10"),
    ("TrapezoidalScheduler", {**PARTS, "decay_steps": 9, "base_lr": 0.1}, ValueError, "<= total_steps=10"),
    ("WSDScheduler", {**PARTS, "stable_steps": 8, "base_lr": 0.1}, ValueError, "< total_steps=10"),
    ("WSDScheduler", {**PARTS, "stable_steps": 3, "decay_type": "exp", "base_lr": 0.1}, ValueError, "'sqrt'"),
    ("HyperbolicLRScheduler", {"total_steps": 10, "upper_bound": 9, "base_lr": 0.1}, ValueError, "upper_bound must be"),
    ("SlantedTriangularScheduler", {"total_steps": 10, "cut_frac": 1.0, "base_lr": 0.1}, ValueError, "cut_frac must"),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 5, "warmup_steps": 5}, ValueError, "warmup_steps must be"),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 5, "min_lr": 0.2}, ValueError, "max_lr must be"),
    ("SequentialComposer", {"schedulers": [FLAT, FLAT], "milestones": []}, ValueError, "need 1 milestones"),
    ("SequentialComposer", {"schedulers": [FLAT] * 3, "milestones": [5, 4]}, ValueError, "must be sorted"),
]


@pytest.mark.parametrize(("schedule", "params", "base_lr", "values"), CASES)
def test_is_met(schedule, params, base_lr, values):
    case = {"schedule": schedule, "params": params, "base_lr": base_lr, "steps": list(values)}
    assert replay("pytorch_scheduler", case) == pytest.approx(
        list(values.values()), rel=0, abs=1e-12 * max(values.values())
    )


@pytest.mark.parametrize(("schedule", "params", "error", "words"), ERRORS)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words) as refusal:
        getattr(peers.pytorch_scheduler, schedule)(**params)
    assert str(refusal.value).startswith(f"pytorch_scheduler.{schedule}")
