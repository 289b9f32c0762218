"""DeepSpeed, Keras, Paddle, NeMo, detectron2, OLMo-core, nanochat, ESPnet, WeNet, diffusers: clocks and refusals."""

import functools

import pytest

from optimsche import peers
from optimsche.peers import (
    deepspeed,
    detectron2,
    diffusers,
    espnet,
    fvcore,
    keras,
    nanochat,
    nemo,
    olmo_core,
    paddle,
    wenet,
)


def test_two_updates_of_deepspeed_get_the_beginning():
    rise = deepspeed.WarmupLR(0.01, 0.1, 10, "linear")
    assert [rise(n) for n in (1, 2, 3, 12)] == pytest.approx([0.01, 0.01, 0.019, 0.1])
    assert deepspeed.WarmupCosineLR(20, warmup_num_steps=5, warmup_min_ratio=0.5, base_lr=1.0)(1) == 0.0


def test_a_boundary_of_keras_is_its_last_step():
    steps = keras.PiecewiseConstantDecay([10], [1.0, 0.5])
    assert (steps(11), steps(12)) == (1.0, 0.5)


def test_updates_of_olmo_core_are_its_steps():
    plan = olmo_core.WSD(warmup=10, base_lr=0.1, max_steps=100)
    assert [plan(n) for n in (1, 10, 90, 95, 100)] == pytest.approx([0.01, 0.1, 0.1, 0.05, 0.0])


def test_olmo_core_without_a_warmup_does_not_look_at_where_it_would_begin():
    assert olmo_core.CosWithWarmup(warmup=0, warmup_min_lr=0.5, base_lr=0.1, max_steps=10)(10) == pytest.approx(0.01)
    assert olmo_core.InvSqrtWithWarmup(warmup=0, base_lr=0.1)(1) == pytest.approx(0.01)


def test_a_wait_of_wenet_is_that_of_espnet():
    assert wenet.WarmupLR(20, base_lr=0.1) == espnet.WarmupLR(20, base_lr=0.1)


def test_nanochat_names_its_own_numbers():
    plan = nanochat.get_lr_multiplier(num_iterations=100)
    assert (plan(1), plan(40), plan(101)) == pytest.approx((1 / 40, 1.0, 0.05))


def test_a_warmup_of_detectron2_enters_the_schedule():
    inner = fvcore.LinearParamScheduler(1.0, 0.0, total_steps=1)
    plan = detectron2.WarmupParamScheduler(inner, 0.1, 0.5, total_steps=100)
    assert [plan(n) for n in (1, 26, 51, 76)] == pytest.approx([0.1, 0.3, 0.5, 0.25])


def test_the_floor_of_detectron2_waits_for_a_warmup_but_not_for_one_by_1():
    run = {"power": 1.0, "constant_ending": 0.3, "base_lr": 1.0}
    plan = detectron2.WarmupPolyLR(50, 0.5, 46, "constant", **run)
    assert [plan(n) for n in (46, 47)] == pytest.approx([0.05, 0.3])
    assert detectron2.WarmupPolyLR(50, 1.0, 46, "constant", **run)(46) == pytest.approx(0.3)


def test_what_a_sequence_of_olmo_core_hands_on():
    first = functools.partial(olmo_core.CosWithWarmup, warmup=0, alpha_f=0.5)
    second = functools.partial(olmo_core.LinearWithWarmup, warmup=0, alpha_f=0.0)
    plan = olmo_core.SequentialScheduler([first, second], [10], base_lr=1.0, max_steps=30)
    assert [plan(n) for n in (10, 20, 30)] == pytest.approx([0.5, 0.25, 0.0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: deepspeed.WarmupLR(), "give warmup_max_lr, or the optimizer's base_lr"),
        (lambda: deepspeed.WarmupLR(warmup_max_lr=0.1, warmup_num_steps=0), "warmup_num_steps must be"),
        (lambda: keras.PiecewiseConstantDecay([10], [1.0, 0.5, 0.1]), "1 boundaries need 2 values, got 3"),
        (lambda: keras.PiecewiseConstantDecay([10, 5], [1.0, 0.5, 0.1]), "boundaries must increase"),
        (lambda: keras.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be"),
        (lambda: paddle.LinearWarmup(0.1, 10, 0.2, 0.1), "end_lr must be greater than start_lr=0.2, got 0.1"),
        (lambda: paddle.MultiStepDecay(0.1, [5, 3]), "milestones must increase"),
        (lambda: paddle.OneCycleLR(0.1, 50, phase_pct=0.6, three_phase=True), "phase_pct must be less than 0.5"),
        (
            lambda: nemo.WarmupAnnealing(max_steps=50, warmup_steps=5, warmup_ratio=0.1, base_lr=0.1),
            "give either warmup_steps or warmup_ratio, not both",
        ),
        (lambda: nemo.WarmupPolicy(warmup_ratio=0.1, base_lr=0.1), "warmup_ratio is a part of max_steps"),
        (lambda: nemo.CosineAnnealing(max_steps=50, min_lr=0.2, base_lr=0.1), "base_lr must be above min_lr=0.2"),
        (lambda: nemo.NoamHoldAnnealing(max_steps=50, base_lr=0.1), "cannot be used without warm-up steps"),
        (lambda: olmo_core.WSD(base_lr=0.1, max_steps=50), "give either warmup or warmup_fraction"),
        (lambda: olmo_core.WSD(warmup=5, decay=5, base_lr=0.1, max_steps=50), "give either decay or decay_fraction"),
        (lambda: olmo_core.CosWithWarmup(warmup=5, base_lr=0.1), "give max_steps, or t_max"),
        (lambda: olmo_core.WSDS([10, 5], warmup=2, decay=8, base_lr=0.1), "must fit into the period of 5 steps"),
        (lambda: olmo_core.ComposableScheduler([{"duration": 5}], base_lr=0.1), "one of end_lr and end_lr_fraction"),
        (lambda: espnet.TristageLR(hold_ratio=0.5, base_lr=0.1), "the sum of warmup_ratio"),
        (lambda: espnet.ExponentialDecayWarmup(0.1, 0.01, 50, 10), "its warm-up is the rate; give base_lr"),
        (lambda: wenet.WarmupLR(1, 4, base_lr=0.1), "a device_factor of 4 leaves none"),
        (lambda: diffusers.get_piecewise_constant_schedule("1:10,x", base_lr=0.1), "step_rules are 'factor:steps'"),
        (lambda: diffusers.get_scheduler("cosine", num_warmup_steps=1, base_lr=0.1), "cosine needs num_training_steps"),
    ],
)
def test_refusals(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_a_part_of_a_sequence_is_a_function():
    with pytest.raises(TypeError, match=r"such as functools.partial\(WSD, warmup=100\)"):
        olmo_core.SequentialScheduler([olmo_core.ConstantScheduler(base_lr=0.1)], base_lr=0.1, max_steps=9)


def test_every_name_that_a_system_lists_is_there():
    for system in peers.__all__:
        module = getattr(peers, system)
        assert len(set(module.__all__)) == len(module.__all__)
        assert all(callable(getattr(module, name)) for name in module.__all__)


def test_a_plateau_of_paddle_looks_at_nothing_while_it_cools_down():
    plan = paddle.ReduceOnPlateau(1.0, factor=0.5, patience=0, cooldown=2, metrics=[1.0, 1.0, 0.1, 9.0, 0.5, 0.6])
    assert [plan(n) for n in range(1, 8)] == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25]
