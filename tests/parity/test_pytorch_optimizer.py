"""pytorch_optimizer: arguments without a recorded curve, as its own code computes them, and those it refuses."""

import pytest

from optimsche import peers
from tests.parity.replay import replay

WSD = {"num_warmup_steps": 5, "num_stable_steps": 5, "num_decay_steps": 5}
CASES = [
    pytest.param(
        "LinearScheduler",
        {"t_max": 1, "max_lr": 0.1, "warmup_steps": 0, "min_lr": 1.71e-05, "init_lr": 0.001},
        None,
        {0: 0.1, 1: 1.7100000000006e-05},
        id="LinearScheduler: no warm-up, given by its own",
    ),
    pytest.param(
        "CosineScheduler",
        {"t_max": 8, "max_lr": 0.1, "warmup_steps": 7, "min_lr": 1e-06},
        None,
        {0: 0.0, 1: 0.014285714285714287, 3: 0.042857142857142864, 8: 1e-06, 13: 0.1, 34: 1e-06},
        id="CosineScheduler: rises again",
    ),
    pytest.param(
        "PolyScheduler",
        {"t_max": 54, "max_lr": 0.0003, "warmup_steps": 10, "poly_order": 2, "min_lr": 0.0, "init_lr": 0.001},
        None,
        {
            0: 0.001,
            1: 0.00093,
            3: 0.00079,
            8: 0.00043999999999999996,
            13: 0.0026999999999999997,
            34: 0.17279999999999998,
            55: 0.6074999999999999,
        },
        id="PolyScheduler: order above 1",
    ),
    pytest.param(
        "REXScheduler",
        {"total_steps": 3, "max_lr": 0.1, "min_lr": 0.000236},
        None,
        {0: 0.000236, 1: 0.08004720000000001, 3: 0.000236, 8: 0.000236, 13: 0.000236},
        id="REXScheduler: one step",
    ),
    pytest.param(
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 5, "warmup_steps": 4, "cycle_mult": 1.1, "max_lr": 0.0003, "min_lr": 0.001, "gamma": 0.5},
        None,
        {
            0: 0.001,
            1: 0.000825,
            3: 0.00047499999999999994,
            8: 0.0003625,
            13: 0.00030625,
            34: 4.6874999999999174e-06,
            55: 0.001,
        },
        id="CosineAnnealingWarmupRestarts: a length that stays, since it is rounded down",
    ),
    pytest.param(
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 15, "warmup_steps": 0, "cycle_mult": 0.5, "max_lr": 0.0003, "min_lr": 0.0, "gamma": 1.0},
        None,
        {
            0: 0.0,
            1: 0.0002967221401100708,
            3: 0.0002713525491562421,
            8: 0.000134320730509852,
            13: 1.2968181353609852e-05,
            34: 0.0003,
            55: 0.0003,
        },
        id="CosineAnnealingWarmupRestarts: shorter and shorter",
    ),
    pytest.param(
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 22, "warmup_steps": 0, "max_lr": 1.0, "min_lr": 1e-06, "gamma": 1.1},
        None,
        {
            0: 1e-06,
            1: 0.9949107260297455,
            3: 0.9548160428612615,
            8: 0.7077077987934368,
            13: 0.3591343624455635,
            34: 0.4717274101071124,
            55: 0.6050005000000003,
        },
        id="CosineAnnealingWarmupRestarts: no warm-up, growing peaks",
    ),
    pytest.param(
        "get_wsd_schedule",
        {
            "num_warmup_steps": 0,
            "num_stable_steps": 4,
            "num_decay_steps": 30,
            "num_cycles": 2,
            "cooldown_type": "cosine",
        },
        0.05,
        {0: 0.05, 1: 0.05, 3: 0.05, 8: 0.02238678841830867, 13: 0.0047745751406263115, 34: 0.0, 55: 0.0},
        id="get_wsd_schedule: more than half a wave",
    ),
    pytest.param(
        "get_wsd_schedule",
        {"num_warmup_steps": 6, "num_stable_steps": 5, "num_decay_steps": 25},
        0.05,
        {
            0: 0.0,
            1: 0.008333333333333333,
            3: 0.025,
            8: 0.05,
            13: 0.035857864376269054,
            34: 0.0020416847668728033,
            55: 0.0,
        },
        id="get_wsd_schedule: defaults",
    ),
    pytest.param(
        "get_chebyshev_schedule",
        {"num_epochs": 4},
        1.0,
        {
            0: 11.606688053809435,
            1: 11.606688053809435,
            3: 2.913537542658826,
            8: 2.913537542658826,
            13: 2.913537542658826,
        },
        id="get_chebyshev_schedule: fewer nodes",
    ),
    pytest.param(
        "get_chebyshev_schedule",
        {"num_epochs": 17},
        1.0,
        {
            0: 19.773725970277855,
            1: 19.773725970277855,
            3: 1.0005724858550782,
            8: 4.854145159536543,
            13: 1.459805680408371,
            34: 1.3000540243438978,
        },
        id="get_chebyshev_schedule: a number between powers of two",
    ),
    pytest.param(
        "ProportionScheduler",
        {
            "lr_scheduler": {
                "schedule": "CosineScheduler",
                "params": {
                    "t_max": 25,
                    "max_lr": 0.0003,
                    "min_lr": 2.9999999999999997e-06,
                    "init_lr": 0.0,
                    "warmup_steps": 5,
                },
            },
            "max_lr": 0.0003,
            "min_lr": 2.9999999999999997e-06,
            "max_value": 2.0,
            "min_value": 2.5,
        },
        None,
        {
            0: 2.505050505050505,
            1: 2.404040404040404,
            3: 2.202020202020202,
            8: 2.027248368952908,
            13: 2.1727457514062634,
        },
        id="ProportionScheduler: turned over",
    ),
]

ERRORS = [
    ("LinearScheduler", {"t_max": 100, "max_lr": 0.1, "warmup": 10}, TypeError, "no parameter 'warmup'"),
    ("LinearScheduler", {"t_max": -1, "max_lr": 0.1}, ValueError, "t_max must be"),
    ("CosineScheduler", {"t_max": 10, "max_lr": 0.1, "min_lr": -1e-6}, ValueError, "min_lr must be"),
    ("PolyScheduler", {"poly_order": 0, "t_max": 10, "max_lr": 0.1}, ValueError, "poly_order must be"),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 5, "warmup_steps": 5}, ValueError, "first_cycle_steps=5"),
    ("get_wsd_schedule", {"cooldown_type": "sqrt", "base_lr": 0.1, **WSD}, ValueError, "'1-sqrt'"),
    ("get_wsd_schedule", WSD, TypeError, "needs base_lr="),
]


@pytest.mark.parametrize(("schedule", "params", "base_lr", "values"), CASES)
def test_is_met(schedule, params, base_lr, values):
    case = {"schedule": schedule, "params": params, "base_lr": base_lr, "steps": list(values)}
    assert replay("pytorch_optimizer", case) == pytest.approx(
        list(values.values()), rel=0, abs=1e-12 * max(values.values())
    )


@pytest.mark.parametrize(("schedule", "params", "error", "words"), ERRORS)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words) as refusal:
        getattr(peers.pytorch_optimizer, schedule)(**params)
    assert str(refusal.value).startswith(f"pytorch_optimizer.{schedule}")
