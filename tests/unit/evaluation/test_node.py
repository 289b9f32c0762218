"""A formula with its parameters bound: what it sees, whatever the way that it is called, and the facts about it."""

import math
import time

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import optimsche as o
from optimsche import Milestones, Rate, Schedule, Steps, lr_fn

INF = math.inf

# ---------------------------------------------------------------------------------------------------------------------
# What formulas see
# ---------------------------------------------------------------------------------------------------------------------

SEEN = []


@lr_fn
def noting_types(real_step, epoch, *, steps: Steps = 9):
    SEEN.append((type(real_step), type(epoch), type(steps)))
    return 0.5


@lr_fn
def passing_whole_numbers_on(real_step, epoch, schedule: Schedule):
    return schedule(3, 1)


@lr_fn
def passing_numpys_numbers_on(real_step, epoch, schedule: Schedule):
    return schedule(np.int64(3), np.float32(1))


@lr_fn
def counted_down(real_step, epoch):
    return 1.0 if real_step.is_integer() and epoch.is_integer() else 0.0  # which whole numbers of Python 3.11 lack


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: s.warmup(2),
        lambda s: s.then(s, at=4),
        lambda s: s + s,
        lambda s: s.jitter(0.0),
        lambda s: passing_whole_numbers_on(s),
        lambda s: passing_numpys_numbers_on(s) * 2.0,
        lambda s: passing_whole_numbers_on(s.shift(1)).warmup(2),
    ],
)
def test_a_formula_sees_floats_at_every_call(wrap):
    SEEN.clear()
    plan = wrap(noting_types(steps=7))
    for t in range(60):
        plan(t, 1)
        plan(np.int64(t), np.int64(1))
        plan(float(t), 1.0)
        plan.apply(t, 1, {})
    plan(np.arange(60), 1)
    plan(np.arange(60), np.arange(1, 61))
    assert len(SEEN) > 100
    assert set(SEEN) == {(float, float, float)}


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: s.warmup(0), passing_whole_numbers_on, lambda s: s.stretch(2)])
@pytest.mark.parametrize("clocks", [(2, 1), (2.0, 1), (np.int64(2), 1.0), (True + 1, 1)])
def test_a_formula_that_needs_floats_gets_them_at_call_1_33_and_50(wrap, clocks):
    plan = wrap(counted_down())
    values = [plan(*clocks) for _ in range(50)]
    assert (values[0], values[32], values[49]) == (wrap(o.constant(1.0))(2),) * 3
    assert len(set(values)) == 1


def test_powers_of_whole_numbers_are_not_worked_out_at_any_call():
    plan = o.expression("1 / t ** t")
    for t in range(1, 51):
        plan(t)
    begin = time.process_time()
    with pytest.raises(ValueError, match=r"has no value at t=3e\+06"):
        plan(3_000_000)
    with pytest.raises(ValueError, match=r"has no value at t=3e\+06"):
        o.expression("1 / t ** t")(3_000_000)
    inside = o.expression("1 / t ** t") * 0.5  # with flat code that calls it
    for t in range(1, 51):
        inside(t)
    with pytest.raises(ValueError, match=r"has no value at t=3e\+06"):
        inside(3_000_000)
    assert time.process_time() - begin < 1.0


def test_a_formula_inside_flat_code_sees_floats_without_an_epoch_too():
    SEEN.clear()
    plan = noting_types() + noting_types(steps=7)
    for t in range(60):
        plan(t)
    assert {real_step for real_step, _, _ in SEEN} == {float}


def test_an_epoch_is_needed_where_the_piece_that_counts_it_is_far():
    plan = o.constant(steps=30) >> COUNTING
    for _ in range(2):
        for steps in (2, 2.0, np.array([2]), torch.tensor([2.0])):
            with pytest.raises(ValueError, match="this schedule counts epochs, and was called without one"):
                plan(steps)
        for t in range(50):
            plan(t, 1)


# -- a formula that writes into its clock -----------------------------------------------------------------------------


@lr_fn
def writing(real_step, epoch):
    real_step *= 2.0
    real_step += 1.0
    return real_step


@lr_fn
def writing_into_the_epoch(real_step, epoch):
    epoch += real_step
    return epoch


ARRAYS = [
    np.arange(5.0),
    np.arange(300.0),
    np.arange(20_000.0),
    torch.arange(5.0),
    torch.arange(300.0),
    jnp.arange(5.0),
]


@pytest.mark.parametrize("steps", ARRAYS, ids=lambda a: f"{type(a).__module__.partition('.')[0]}-{len(a)}")
def test_a_formula_that_writes_into_its_clock_changes_nothing_else(steps):
    before = np.asarray(steps).tolist()
    line = o.linear(start=0.0, end=1e6, steps=1e6)  # its value is its clock
    doubled = [2.0 * t + 1.0 for t in before]
    assert writing()(steps).tolist() == doubled
    for plan in (writing() + line, line + writing()):
        assert plan(steps).tolist() == pytest.approx([3.0 * t + 1.0 for t in before], rel=1e-6)
        assert plan.apply(steps, 1, {}).tolist() == pytest.approx([3.0 * t + 1.0 for t in before], rel=1e-6)
    assert np.asarray((writing() + writing())(steps)).tolist() == [2.0 * d for d in doubled]
    assert np.asarray(steps).tolist() == before


@pytest.mark.parametrize("array", [np.array, torch.tensor, jnp.array], ids=["numpy", "torch", "jax"])
def test_a_formula_that_writes_into_its_epoch_changes_nothing_else(array):
    steps, epochs = array([1.0, 2.0] * 200), array([1.0, 3.0] * 200)
    plan = writing_into_the_epoch() + writing_into_the_epoch()
    assert plan(steps, epochs)[:2].tolist() == [4.0, 10.0]
    assert (steps[:2].tolist(), epochs[:2].tolist()) == ([1.0, 2.0], [1.0, 3.0])


# ---------------------------------------------------------------------------------------------------------------------
# Epochs are never guessed
# ---------------------------------------------------------------------------------------------------------------------


@lr_fn
def of_the_epoch(real_step, epoch):
    return 1.0 / epoch


@lr_fn
def around(real_step, epoch, schedule: Schedule):
    return schedule(real_step, epoch)


COUNTING = o.linear(steps=10).by_epoch()


@pytest.mark.parametrize(
    "make",
    [
        lambda: COUNTING,
        lambda: COUNTING * 0.5,
        lambda: o.linear(steps=9) + COUNTING,
        lambda: COUNTING.warmup(3),
        lambda: o.constant(steps=3) >> COUNTING,
        lambda: around(COUNTING),
        lambda: around(COUNTING).shift(1),
        lambda: o.constant(0.1).clamp(ceiling=COUNTING),
        lambda: of_the_epoch(),
        lambda: of_the_epoch() * 0.5,
        lambda: around(of_the_epoch()),
        lambda: o.milestones(at=(3,)).minimum(of_the_epoch()),
    ],
)
def test_an_epoch_is_never_guessed(make):
    plan = make()
    message = r"this schedule counts epochs, and was called without one: write plan\(real_step, epoch\)"

    def refused():
        for steps in (20, 20.5, np.array([20]), np.arange(20, 400), torch.tensor([20.0]), jnp.array([20.0])):
            with pytest.raises(ValueError, match=message):
                plan(steps)
            with pytest.raises(ValueError, match=message):
                plan(steps, None)
            with pytest.raises(ValueError, match=message):
                plan.apply(steps, None, {})

    refused()
    for t in range(60):
        plan(t, 2)
    refused()
    assert plan(20, 2) == plan(np.array([20]), 2)[0]


def test_a_schedule_that_does_not_look_at_the_epoch_needs_none():
    plan = around(o.linear(steps=10)).warmup(5) + o.constant(0.5)
    for _ in range(2):
        values = [plan(t) for t in range(60)]
        assert values == [plan(t, 3) for t in range(60)] == plan(np.arange(60)).tolist()
        assert plan.apply(np.arange(60), None, {}).tolist() == values


# ---------------------------------------------------------------------------------------------------------------------
# Facts
# ---------------------------------------------------------------------------------------------------------------------


@lr_fn
def with_milestones(real_step, epoch, *, steps: Milestones):
    return 1.0


def test_milestones_called_steps_are_no_length():
    plan = with_milestones(steps=(3, 6))
    assert (plan.length, plan.boundaries(), plan.reach) == (INF, (), INF)
    assert with_milestones(steps=[3]).warmup(2).length == INF


@lr_fn(boundaries=lambda at: at, changes_at_boundaries=True)
def stairs(real_step, epoch, *, at: Milestones):
    return sum(real_step > edge for edge in at)


@lr_fn(boundaries=lambda at: at)
def no_stairs(real_step, epoch, *, at: Milestones):
    return real_step


@lr_fn(boundaries=lambda schedule: schedule.each_boundary(), length=lambda schedule: INF, rests_with=("schedule",))
def halved(real_step, epoch, schedule: Schedule):
    return schedule(real_step, epoch) / 2


@pytest.mark.parametrize(
    ("plan", "rests_at"),
    [
        (o.constant(), 0),
        (o.constant(steps=7), 7),
        (2 * o.constant(), 0),
        (o.constant() + o.constant(0.5), 0),
        (1 - o.constant(0.5), 0),
        (o.constant().minimum(0.5).maximum(0.1), 0),
        (o.constant().clamp(floor=o.constant(0.5)), 0),
        (o.constant().warmup(5), 5),
        (o.linear(steps=4) >> o.constant(), 4),
        (o.constant().shift(3).stretch(2), 0),
        ((o.linear(steps=4) >> o.constant()).shift(3).stretch(2), 14),
        ((o.linear(steps=4) >> o.constant()).by_tokens(2), 2),
        (o.milestones(at=(3, 8)), 8),
        (o.exponential(factor=0.5), INF),
        (o.exponential(factor=0.5) * o.constant(), INF),
        (o.linear(steps=3).repeat(), INF),
        (o.linear(steps=3).repeat(2), 6),
        (o.growth(factor=2.0), INF),
        (stairs(at=(3, 9)), 9),
        (no_stairs(at=(3, 9)), INF),
        (halved(o.linear(steps=4)), 4),
        (halved(o.constant()), 0),
        (halved(o.exponential(factor=0.5)), INF),
    ],
    ids=repr,
)
def test_where_a_schedule_rests(plan, rests_at):
    assert plan._node.rests_at == rests_at
    line = o.linear(steps=1)
    assert (plan + line).length == (max(rests_at, 1) if rests_at < INF or plan.length < INF else INF)
    if rests_at < INF:
        assert plan(rests_at + 1) == plan(rests_at + 1e6)


def test_a_constant_takes_no_end_from_what_is_beside_it():
    for constant in (o.constant(1.0), 2 * o.constant(), halved(o.constant()), o.constant().warmup(3)):
        for plan in (constant + o.linear(steps=10), o.linear(steps=10) - constant, constant * o.linear(steps=10)):
            assert plan.length == 10
            assert plan.boundaries()[-1] == 10


@pytest.mark.parametrize(
    ("plan", "reach"),
    [
        (o.linear(steps=9), 9),
        (o.constant(), INF),
        (o.linear(steps=9).repeat(), 54),
        (o.linear(steps=9).repeat(stretch=2), 567),
        (o.linear(steps=9).repeat().warmup(6), 60),
        ((o.linear(steps=9).repeat() * 0.5).shift(6), 60),
        (o.constant(steps=1) >> o.linear(steps=9).repeat(), 55),
        (o.constant(0.5) + o.linear(steps=9).repeat(), 54),
    ],
    ids=repr,
)
def test_how_far_a_schedule_is_worth_drawing(plan, reach):
    assert plan.reach == reach


def test_rests_with_names_parameters():
    with pytest.raises(TypeError, match=r"rests_with= of f names its schedules, and 'schedul' is none of them"):

        @lr_fn(rests_with=("schedul",))
        def f(real_step, epoch, schedule: Schedule):
            return 1.0


def test_boundaries_of_ones_own_may_have_no_last():
    @lr_fn(boundaries=lambda every: (every * k for k in range(1, 10**9)))
    def endless(real_step, epoch, *, every: Rate):
        return 1.0

    plan = endless(every=5.0)
    assert plan.boundaries(most=3) == plan.boundaries(upto=15) == (5.0, 10.0, 15.0)
    assert plan.warmup(1).boundaries(upto=12) == (1.0, 6.0, 11.0)
    with pytest.raises(ValueError, match="endless has more than 1,048,576 boundaries"):
        plan.boundaries()


@pytest.mark.parametrize("by", [0.5, 1.0, 2.0, 2.0 + 2.0**-20])
def test_boundaries_that_differ_by_rounding_are_one(by):
    plan = o.linear(steps=2) + (o.constant(steps=by) >> o.linear(steps=2 - by if by < 2 else 1))
    assert len(plan.boundaries()) == len(set(plan.boundaries()))
    assert (o.constant(steps=0.1 + 0.2) + o.constant(steps=0.3)).boundaries() == (0.1 + 0.2,)
