"""What no recorded curve of timm's shows: the first update, noise of every kind, refusals in timm's terms."""

import bisect
import math

import pytest

from optimsche.peers import timm


def test_the_first_update_runs_at_what_the_constructor_left():
    tanh = timm.TanhLRScheduler(100, base_lr=0.1)
    assert tanh(1) == 0.1
    assert timm.TanhLRScheduler(100, base_lr=0.1, step_first=True)(1) == pytest.approx(0.09999991684719724, rel=1e-14)
    assert timm.MultiStepLRScheduler([1], 0.5, base_lr=0.1)(1) == 0.1
    assert timm.CosineLRScheduler(10, cycle_limit=0, lr_min=0.01, base_lr=0.1)(1) == 0.1
    assert timm.CosineLRScheduler(10, warmup_t=2, warmup_lr_init=0.03, base_lr=0.1)(1) == 0.03


def test_noise_is_that_of_pytorchs_generator():
    # torch.Generator().manual_seed(seed); torch.randn(1) and torch.rand(1)
    plain = timm.StepLRScheduler(100, noise_range_t=(3, 5), noise_seed=0, noise_pct=10, noise_std=0.1, base_lr=1.0)
    assert [plain(n) for n in (3, 4, 6)] == [1.0, 1.0 + 0.1 * 0.8032760620117188, 1.0]
    flat = timm.PlateauLRScheduler(
        noise_range_t=7.5, noise_type="uniform", noise_seed=69, noise_pct=0.5, metrics=[], base_lr=1.0, noise_horizon=3
    )
    assert flat(8) == 1.0
    assert flat(9) == pytest.approx(1 + 2 * (0.2919134497642517 - 0.5) * 0.5, rel=1e-15)
    assert flat(12) == 1.0


def test_an_inexact_decay_steps_where_timms_division_does():
    late, plain = (timm.StepLRScheduler(decay_t, 0.5, base_lr=1.0) for decay_t in (2.2, 2.4))
    assert [late(11 + 1), late(12 + 1)] == [0.5**4, 0.5**5]  # 11 // 2.2 is 4
    assert [plain(11 + 1), plain(12 + 1)] == [0.5**4, 0.5**5]  # 12 // 2.4 is 5


def test_many_cycles():
    cosine = timm.CosineLRScheduler(10, cycle_limit=10**9, cycle_decay=1.0, lr_min=0.01, base_lr=0.1)
    assert cosine(10**8 + 1) == pytest.approx(0.1)
    assert timm.CosineLRScheduler(10, cycle_limit=5, cycle_mul=0.5, base_lr=0.1)(10**6) == 0.0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: timm.CosineLRScheduler(0, base_lr=0.1), "t_initial must be > 0"),
        (lambda: timm.CosineLRScheduler(10, lr_min=-1, base_lr=0.1), "lr_min must be >= 0"),
        (lambda: timm.TanhLRScheduler(10, lb=3, ub=3, base_lr=0.1), "lb must be below ub, got lb=3"),
        (lambda: timm.WSDLRScheduler(10, 11, base_lr=0.1), "decay_t must be > 0 and <= t_initial=10, got 11"),
        (lambda: timm.WSDLRScheduler(10, 5, stable_fn="rsqrt", base_lr=0.1), "needs stable_timescale > 0"),
        (lambda: timm.WSDLRScheduler(10, 5, decay_fn="1-sqr", base_lr=0.1), "no place in a formula|must be one of"),
        (lambda: timm.WSDLRScheduler(10, 5, decay_fn="cosin", base_lr=0.1), "decay_fn must be one of 'linear'"),
        (lambda: timm.WSDLRScheduler(10, 5, decay_ratio=1, base_lr=0.1), "decay_ratio must be > 0 and < 1"),
        (lambda: timm.StepLRScheduler(10, noise_range_t=0, noise_pct=0, base_lr=0.1), "larger noise_pct"),
        (
            lambda: timm.StepLRScheduler(10, noise_range_t=0, noise_pct=9, noise_std=9, base_lr=0.1),
            "makes the rate neg",
        ),
    ],
)
def test_refusals(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_arguments_that_it_does_not_have():
    with pytest.raises(TypeError, match=r"timm.CosineLRScheduler\(\) has no parameter 'warmup_steps'"):
        timm.CosineLRScheduler(10, warmup_steps=3, base_lr=0.1)  # type: ignore[call-arg]


def test_milestones_out_of_order_act_where_a_bisection_finds_them():
    out_of_order = timm.MultiStepLRScheduler([30, 10, 20], 0.5, base_lr=1.0)
    expected = [0.5 ** bisect.bisect_right([30, 10, 20], t + 1) for t in range(40)]
    assert [out_of_order(t + 1) for t in range(40)] == expected


def test_a_warmup_that_ends_between_two_counts():
    steps = timm.MultiStepLRScheduler([10], 0.5, warmup_t=6.5, warmup_prefix=True, base_lr=1.0)
    # The count is 15.5 - 6.5 = 9 from t = 15.5 on, which is the 17th update.
    assert [steps(n) for n in (7, 8, 16, 17)] == pytest.approx([6 / 6.5, 1.0, 1.0, 0.5])
    line = timm.PolyLRScheduler(10, 1.0, warmup_t=2.5, warmup_prefix=True, base_lr=1.0)
    assert [line(n) for n in (4, 13, 14)] == pytest.approx([0.95, 0.05, 0.0])
    tanh = timm.TanhLRScheduler(3, cycle_limit=2, cycle_decay=0.0, warmup_t=2.5, base_lr=1.0)
    end = (1 - math.tanh(-7 + 10 * 2.5 / 3)) / 2
    assert [tanh(n) for n in (1, 2, 3)] == pytest.approx([0.0, end / 2.5, end * 2 / 2.5])
