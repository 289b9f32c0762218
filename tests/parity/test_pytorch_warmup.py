"""pytorch_warmup: arguments without a recorded curve, as its own code computes them, and those it refuses."""

import pytest

from optimsche import peers
from tests.parity.replay import replay

CASES = [
    pytest.param(
        "LinearWarmup",
        {"warmup_period": [4]},
        0.1,
        {0: 0.025, 1: 0.05, 3: 0.1, 8: 0.1, 13: 0.1, 34: 0.1, 55: 0.1},
        id="LinearWarmup: a list",
    ),
    pytest.param(
        "UntunedLinearWarmup",
        {"beta2": 0.95},
        0.446526,
        {
            0: 0.011449384615384615,
            1: 0.02289876923076923,
            3: 0.04579753846153846,
            8: 0.10304446153846154,
            13: 0.1602913846153846,
            34: 0.40072846153846153,
            55: 0.446526,
        },
        id="UntunedLinearWarmup: rounding error",
    ),
    pytest.param(
        "UntunedExponentialWarmup",
        {"beta2": 0.95},
        0.1,
        {
            0: 0.00512705199835628,
            1: 0.009991237374774076,
            3: 0.01898422650675733,
            8: 0.037729613515225,
            13: 0.052137702748876795,
            34: 0.08415165746659717,
            55: 0.09475223765925338,
        },
        id="UntunedExponentialWarmup: rounding error",
    ),
    pytest.param(
        "RAdamWarmup",
        {"beta2": 0.73},
        0.05,
        {
            0: 0.014650401613114051,
            1: 0.024021944642959325,
            3: 0.03466954881436967,
            8: 0.045665120757637775,
            13: 0.04881878026845007,
            34: 0.049996682765813365,
            55: 0.049999993179524554,
        },
        id="RAdamWarmup: a late beginning",
    ),
    pytest.param(
        "RAdamWarmup+ExponentialLR",
        {"beta2": 0.999, "lr_scheduler": {"schedule": "ExponentialLR", "params": {"gamma": 0.89}}},
        0.1,
        {
            0: 0.0017311503166315034,
            1: 0.0022980790393654113,
            3: 0.002730928441239298,
            8: 0.002429123805094248,
            13: 0.0017333460389333513,
            34: 0.00024459846517416384,
            55: 2.6978232428880702e-05,
        },
        id="RAdamWarmup+ExponentialLR: over a decay",
    ),
    pytest.param(
        "ExponentialWarmup+CosineAnnealingWarmRestarts",
        {
            "warmup_period": 5,
            "lr_scheduler": {"schedule": "CosineAnnealingWarmRestarts", "params": {"T_0": 15, "T_mult": 3}},
        },
        0.1,
        {
            0: 0.01812692469220182,
            1: 0.03260778049723158,
            3: 0.04980866311110014,
            8: 0.03737255436382071,
            13: 0.0040598618111205515,
            34: 0.062039470471022165,
            55: 0.0030153277279582054,
        },
        id="ExponentialWarmup+CosineAnnealingWarmRestarts: over restarts",
    ),
]

ERRORS = [
    ("LinearWarmup", {"warmup_period": 0, "base_lr": 0.1}, ValueError, "warmup_period must be"),
    ("LinearWarmup", {"warmup_period": [5, 6], "base_lr": 0.1}, ValueError, "one parameter group"),
    ("LinearWarmup", {"warmup_period": 5}, ValueError, "give base_lr"),
    ("ExponentialWarmup", {"warmup_period": "5", "base_lr": 0.1}, TypeError, "warmup_period must be"),
    ("RAdamWarmup", {"beta2": 0.6, "base_lr": 0.1}, ValueError, "beta2 must be > 0.6"),
    ("UntunedLinearWarmup", {"beta2": 1.0, "base_lr": 0.1}, ValueError, "beta2 must be"),
]


@pytest.mark.parametrize(("schedule", "params", "base_lr", "values"), CASES)
def test_is_met(schedule, params, base_lr, values):
    case = {"schedule": schedule, "params": params, "base_lr": base_lr, "steps": list(values)}
    assert replay("pytorch_warmup", case) == pytest.approx(
        list(values.values()), rel=0, abs=1e-12 * max(values.values())
    )


@pytest.mark.parametrize(("schedule", "params", "error", "words"), ERRORS)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words) as refusal:
        getattr(peers.pytorch_warmup, schedule)(**params)
    assert str(refusal.value).startswith(f"pytorch_warmup.{schedule}")
