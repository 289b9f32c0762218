"""A user's own function under @lr_fn has everything that the built-in ones have."""

import copy
import inspect
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import Rate, Steps, lr_fn
from optimsche.lr_fn import LrFn


@lr_fn
def falling(real_step, epoch, *, peak: Rate, every: Steps = 100):
    """Fall from peak to 0, again and again."""
    return peak * (1 - (real_step % every) / every)


AGAIN = lr_fn(falling.formula)  # it has the name, as long as it is there


@lr_fn
def branching(real_step, epoch, *, peak: Rate, until: Steps):
    if real_step < until:
        return peak * math.cos(real_step / until)
    return 0


@lr_fn(
    length=lambda schedule, by: schedule.length / by,
    boundaries=lambda schedule, by: [j / by for j in schedule.boundaries()],
)
def faster(real_step, epoch, schedule: o.Schedule, by: Steps):
    return schedule(real_step * by, epoch)


def test_it_prints_compares_and_travels():
    plan = falling(peak=0.1).warmup(10)
    assert repr(plan) == "warmup(falling(peak=0.1, every=100), steps=10, start=0.0)"
    assert o.parse(repr(plan)) == plan == o.from_dict(plan.to_dict()) == pickle.loads(pickle.dumps(plan))
    assert plan != falling(peak=0.2).warmup(10)
    assert plan != "plan"


def test_its_signature_is_shown_without_the_clocks():
    assert list(inspect.signature(falling).parameters) == ["peak", "every"]
    assert inspect.signature(falling).parameters["every"].default == 100
    assert inspect.get_annotations(falling) == {"peak": Rate, "every": Steps}
    assert falling.__doc__ == "Fall from peak to 0, again and again."
    assert repr(falling) == "<lr function falling(peak, every)>"


@given(st.builds(falling, every=st.integers(1, 1_000)), st.integers(0, 10**6))
def test_hypothesis_draws_its_parameters_from_their_ranges(schedule, t):
    assert 0 <= schedule(t) <= schedule.params["peak"]


@given(st.builds(o.cosine))
def test_hypothesis_draws_built_in_ones_the_same_way(schedule):
    assert schedule(0) == 1.0


def test_one_that_branches_draws_element_by_element():
    s = branching(peak=0.1, until=50)
    steps = np.arange(100)
    assert s(steps).tolist() == [s(int(t)) for t in steps]
    assert s(steps.reshape(4, 25)).shape == (4, 25)
    assert s.warmup(7)(steps).tolist() == pytest.approx([s.warmup(7)(int(t)) for t in steps], rel=1e-15)
    assert type(s(99)) is float


def test_an_error_of_its_own_is_not_swallowed():
    @lr_fn
    def failing_at_five(real_step, epoch, *, peak: Rate):
        raise ValueError("my own mistake")

    with pytest.raises(ValueError, match="my own mistake"):
        failing_at_five(peak=0.1)(np.arange(9))


def test_a_combinator_of_ones_own():
    s = faster(o.cosine(steps=100).warmup(20), 2)
    assert s.length == 60
    assert s.boundaries() == (10, 60)
    assert s(10) == 1.0
    assert (s >> o.constant()).params["at"] == 60
    assert repr(s) == "faster(warmup(cosine(start=1.0, end=0.0, steps=100), steps=20, start=0.0), by=2)"


def test_defining_it_again_replaces_it_quietly():
    def define(factor):
        @lr_fn
        def redefined(real_step, epoch, *, peak: Rate):
            return factor * peak

        return redefined

    first, second = define(1), define(2)
    assert o.parse("redefined(peak=0.5)")(1) == second(peak=0.5)(1) == 1.0
    assert first(peak=0.5)(1) == 0.5
    assert first(peak=0.5) != second(peak=0.5)
    assert copy.copy(first) == first  # and not the one that has its name now


def test_its_options_are_given_by_name():
    for make in (lr_fn, LrFn):
        with pytest.raises(TypeError, match="positional argument"):
            make(falling.formula, None)


def test_making_it_twice_of_one_function_changes_nothing():
    assert falling == AGAIN
    assert pickle.loads(pickle.dumps(AGAIN(peak=0.1))) == falling(peak=0.1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("plan", [o.cosine(steps=10).warmup(3), falling(peak=0.1) * o.linear(steps=9), AGAIN(peak=0.1)])
def test_every_protocol_of_pickle_takes_it(plan, protocol):
    assert pickle.loads(pickle.dumps(plan, protocol)) == plan


def test_torch_saves_it(tmp_path):
    torch = pytest.importorskip("torch")
    plan = falling(peak=0.1).warmup(10)
    torch.save({"schedule": plan}, tmp_path / "run.pt")
    assert torch.load(tmp_path / "run.pt", weights_only=False) == {"schedule": plan}


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_it_goes_to_a_spawned_process_from_a_script(protocol, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, pickle, sys\n"
        "from optimsche import Rate, lr_fn\n"
        "@lr_fn\n"
        "def mine(real_step, epoch, *, peak: Rate):\n"
        "    return peak / real_step\n"
        "def first(sent):\n"
        "    return pickle.loads(sent)(2)\n"
        "if __name__ == '__main__':\n"
        f"    sent = pickle.dumps(mine(peak=0.5), {protocol})\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(first, (sent,)))\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert ran.stdout == "0.25\n", ran.stderr


def test_it_travels_by_value_to_a_process_that_does_not_have_it():
    code = (
        "import cloudpickle, subprocess, sys\n"
        "from optimsche import Rate, lr_fn\n"
        "@lr_fn(length=lambda peak: 7.0)\n"
        "def traveller(real_step, epoch, *, peak: Rate):\n"
        "    return peak / real_step\n"
        "sent = cloudpickle.dumps(traveller(peak=0.5).warmup(1))\n"
        "there = 'import pickle, sys; s = pickle.loads(sys.stdin.buffer.read()); print(s(3), s.length)'\n"
        "subprocess.run([sys.executable, '-c', there], input=sent, check=True)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "0.25 8.0\n", ran.stderr


def test_pickle_refuses_to_confuse_two_functions_of_one_name():
    def define(factor):
        @lr_fn
        def of_one_name(real_step, epoch, *, peak: Rate):
            return factor * peak

        return of_one_name

    first, _ = define(1), define(2)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(first(peak=0.5), protocol)


def test_annotations_as_text_find_the_names_of_ranges():
    code = """
from __future__ import annotations
def define():
    from optimsche import Rate, Steps, lr_fn

    @lr_fn
    def annotated_by_text(real_step, epoch, *, peak: Rate, every: Steps | None = None) -> float:
        return peak

    return annotated_by_text
"""
    names = {"__name__": "somewhere"}
    exec(code, names)
    with pytest.raises(ValueError, match="peak must be >= 0"):
        names["define"]()(peak=-1)


def test_no_parameters_at_all():
    @lr_fn
    def parameterless(real_step, epoch):
        return 0.1

    assert repr(parameterless()) == "parameterless()"
    assert parameterless()(np.arange(3)).tolist() == [0.1] * 3
    assert parameterless().length == math.inf


def test_a_callable_that_is_no_plain_function():
    class Formula:
        __name__ = __qualname__ = "formula_object"

        def __call__(self, real_step, epoch, *, peak: Rate):
            return peak

    assert lr_fn(Formula())(peak=0.1)(5) == 0.1


def test_whole_numbers_declared_as_real_ones_reach_the_formula_as_floats():
    seen = []

    @lr_fn
    def curious(real_step, epoch, *, length: Steps, count: int, anything):
        seen.append((type(real_step), type(epoch), type(length), type(count), type(anything)))
        return 1.0

    curious(length=3, count=3, anything=3)(np.int64(5), 2)
    assert seen == [(float, float, float, int, int)]
    assert repr(curious(length=3, count=3, anything=3)) == "curious(length=3, count=3, anything=3)"


def test_numpy_scalars_multiply_into_schedules():
    assert np.float64(0.5) * o.linear(steps=9) == 0.5 * o.linear(steps=9)
    assert o.linear(steps=9) * np.float32(0.5) == 0.5 * o.linear(steps=9)


@pytest.mark.parametrize("second", ["epoch", "_epoch", "_"])
def test_the_second_clock_may_be_marked_as_unused(second):
    namespace = {"__name__": "somewhere"}
    exec(f"def second_clock(real_step, {second}): return 0.5", namespace)
    assert lr_fn(namespace["second_clock"])()(3) == 0.5


@pytest.mark.parametrize("clocks", ["real_step, peak", "real_step, e", "step, epochs", "epoch, real_step", "_, epoch"])
def test_another_second_clock_is_refused(clocks):
    namespace = {"__name__": "somewhere"}
    exec(f"def wrong_clock({clocks}): return 0.5", namespace)
    with pytest.raises(TypeError, match=r"wrong_clock must begin with the clocks by name: .* may also be _epoch or _"):
        lr_fn(namespace["wrong_clock"])


@lr_fn
def by_first(real_step, epoch, by: o.Factor, schedule: o.Schedule, /):
    return by * schedule(real_step, epoch)


@lr_fn
def number_between(real_step, epoch, first: o.Schedule, by: o.Factor, second: o.Schedule):
    return by * first(real_step, epoch) * second(real_step, epoch)


@lr_fn
def schedule_by_name(real_step, epoch, by: o.Factor, *, schedule: o.Schedule, more: o.Schedule):
    return by * schedule(real_step, epoch) * more(real_step, epoch)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (by_first(2.0, o.constant(0.5)), "by_first(2.0, constant(value=0.5, steps=None))"),
        (by_first(3, by_first(2.0, o.linear(steps=3))).warmup(2), None),
        (
            number_between(o.constant(), 2.0, o.constant()),
            "number_between(constant(value=1.0, steps=None), by=2.0, second=constant(value=1.0, steps=None))",
        ),
        (schedule_by_name(2.0, schedule=o.constant(), more=o.linear(steps=3)), None),
        (1 - o.linear(steps=3), "subtract(first=1, second=linear(start=1.0, end=0.0, steps=3))"),
    ],
)
def test_repr_builds_the_schedule_whatever_goes_by_position(plan, text):
    assert text in (None, repr(plan))
    names = {name: getattr(o, name) for name in (*o.combinators.__all__, *o.lr_fns.__all__)}
    assert eval(repr(plan), names | globals()) == plan == o.parse(repr(plan))
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan.lr_fn.positional_only or o.from_dict(plan.to_dict()) == plan
