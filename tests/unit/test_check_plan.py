"""check_plan holds a belief against every update, and names the first that says otherwise."""

import time

import pytest

import optimsche as o
from optimsche import Steps, lr_fn, ops
from optimsche.testing import check_plan

PLAN = o.warmup_cosine(peak=0.1, warmup_steps=10, total_steps=100, floor=0.01)
TEXT = "warmup(cosine(start=0.1, end=0.01, steps=90), steps=10, start=0.0)"
RIGHT = {
    "cosine": (PLAN, {"total_steps": 100, "peak": 0.1, "floor": 0.01, "warmup_steps": 10, "continuous": True}),
    "wsd": (
        o.wsd(peak=0.1, warmup_steps=5, decay_steps=20, total_steps=60),
        {"total_steps": 60, "peak": 0.1, "floor": 0.0, "warmup_steps": 5, "continuous": True},
    ),
    "one cycle": (
        o.one_cycle(peak=0.1, warmup_steps=30, total_steps=100),
        {"peak": 0.1, "warmup_steps": 30, "continuous": True},
    ),
    "noam, which has no end": (o.noam(peak=0.1, warmup_steps=10), {"total_steps": 99, "peak": 0.1, "warmup_steps": 10}),
    "without warm-up": (o.linear(start=0.1, steps=50), {"peak": 0.1, "floor": 0.0, "warmup_steps": 0}),
    "a plan of three roundings": (0.3 * (0.7 * o.cosine(steps=50)).warmup(7), {"peak": 0.21, "warmup_steps": 7}),
    "restarts, each lower": (
        (0.1 * o.cosine(steps=20)).repeat(3, scale=0.5).warmup(4),
        {"total_steps": 64, "peak": 0.1, "floor": 0.0, "warmup_steps": 4},
    ),
    "in epochs": (o.step_decay(start=0.1, factor=0.5, every=3).by_epoch(), {"total_steps": 70, "steps_per_epoch": 7}),
    "in tokens": (o.warmup_cosine(peak=0.1, warmup_steps=4e3, total_steps=4e4).by_tokens(1_000), {"total_steps": 40}),
}


@pytest.mark.parametrize(("plan", "beliefs"), RIGHT.values(), ids=RIGHT)
def test_what_is_true_is_believed(plan, beliefs):
    asked = [name for name in beliefs if name != "steps_per_epoch"]
    assert sorted(check_plan(plan, **beliefs, monotone=True)) == sorted([*asked, "monotone"])


SHORT = o.cosine(start=0.1, steps=80).warmup(10)
WRONG = {
    "ends too soon": (SHORT, {"total_steps": 100}, "it ends with update 90"),
    "ends too late": (PLAN, {"total_steps": 90}, "it ends with update 100"),
    "is above": (PLAN, {"peak": 0.05}, "update 6 is above it: 0.06"),
    "is never there": (PLAN, {"peak": 0.2}, "it is never reached: the highest is 0.1, of update 10"),
    "is there again": (
        o.cosine(start=0.1, steps=10).repeat(2, closed="left").shift(1),
        {"peak": 0.1},
        "update 11 has it again, 0.1, after update 2 had left it",
    ),
    "ends above the floor": (PLAN, {"floor": 0.0}, "the last update, 100, has 0.01"),
    "is below the floor, and comes back": (
        o.linear(start=0.1, end=0.01, steps=9) >> o.constant(value=0.02, steps=5),
        {"floor": 0.02},
        "update 9 is below it: 0.01",
    ),
    "warms up longer": (PLAN, {"warmup_steps": 8}, "the highest rate, 0.1, is first reached with update 10"),
    "warms up shorter": (PLAN, {"warmup_steps": 12}, "the highest rate, 0.1, is first reached with update 10"),
    "rests in its warm-up": (
        o.piecewise_constant(at=(2, 4), values=(0.05, 0.1, 0.2)),
        {"total_steps": 9, "warmup_steps": 5},
        "update 1 has 0.05, which is not above 0.05, that of the one before",
    ),
    "turns back": (
        0.1 * o.expression(text="1 + cos(t / 3)"),
        {"total_steps": 30, "monotone": True},
        "update 10 rises from 0.00100075",
    ),
    "jumps": (
        o.constant(value=0.1, steps=10) >> o.constant(value=0.2, steps=10),
        {"continuous": True},
        "at real_step=10 it jumps from 0.1 to 0.2",
    ),
    "has restarts, and not one peak": (
        o.cosine_restarts(peak=0.1, warmup_steps=5, cycle_steps=10, cycles=3),
        {"continuous": True},
        "at real_step=15 it jumps from 0.0 to 0.1",
    ),
}


@pytest.mark.parametrize(("plan", "beliefs", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_update(plan, beliefs, words):
    with pytest.raises(AssertionError) as caught:
        check_plan(plan, **beliefs)
    last = list(beliefs.items())[-1]
    first, second = str(caught.value).split("\n")
    assert first == f"check_plan({last[0]}={last[1]!r}): {plan!r}"
    assert second.startswith(f"    {words}")


@lr_fn
def falling_but_once(real_step, epoch, *, at: Steps):
    return 1.0 - 0.01 * real_step + ops.where(real_step == at, 0.015, 0.0)


@pytest.mark.parametrize("update", [3, 50, 99])
def test_one_rate_that_is_off_is_found_wherever_it_is(update):
    with pytest.raises(
        AssertionError, match=f"\n    update {update} rises from .* where it fell before; the piece is "
    ):
        check_plan(falling_but_once(at=update), total_steps=100, monotone=True)


def test_a_long_run_takes_no_time():
    plan = o.warmup_cosine(peak=0.1, warmup_steps=500, total_steps=20_000, floor=0.01)
    begin = time.process_time()
    check_plan(plan, peak=0.1, floor=0.01, warmup_steps=500, monotone=True)
    assert time.process_time() - begin < 2.0  # a maximum over the run for each of its updates takes half a minute


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_plan(o.warmup_cosine, peak=0.1), TypeError, "takes a schedule, got function; a function that"),
        (
            lambda: check_plan(PLAN),
            ValueError,
            "states nothing of the plan: give total_steps, peak, floor, warm",
        ),
        (lambda: check_plan(PLAN, peak=-0.1), ValueError, r"check_plan\(peak=-0.1\): peak must be >= 0"),
        (
            lambda: check_plan(PLAN, total_steps=0),
            ValueError,
            r"check_plan\(total_steps=0\): total_steps must be a ",
        ),
        (lambda: check_plan(o.noam(peak=0.1, warmup_steps=9), peak=0.1), ValueError, "has no end, so say how long the"),
        (lambda: check_plan(PLAN, total_steps=10**9), ValueError, "looks at every update, of at most 10,000,000"),
        (lambda: check_plan(PLAN.by_epoch(), peak=0.1), ValueError, "steps_per_epoch must be given"),
        (
            lambda: check_plan(PLAN.by_epoch(), continuous=True, steps_per_epoch=9),
            ValueError,
            "asks between updates, where a plan that counts epochs stays",
        ),
    ],
)
def test_wrong_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_long_run_takes_no_longer_for_each_update():
    plan = o.warmup_cosine(peak=0.1, warmup_steps=1_000, total_steps=200_000)
    began = time.process_time()
    check_plan(plan, total_steps=200_000, peak=0.1, floor=0.0, warmup_steps=1_000, monotone=True)
    assert time.process_time() - began < 20  # a look at all updates for each would take an hour
