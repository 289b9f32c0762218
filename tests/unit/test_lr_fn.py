"""A user's own function under @lr_fn has everything that the built-in ones have."""

import copy
import enum
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
    def broken(real_step, epoch, *, peak: Rate):
        raise ValueError("my own mistake")

    with pytest.raises(ValueError, match="my own mistake"):
        broken(peak=0.1)(np.arange(9))


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
    again = lr_fn(falling.formula)
    assert again == falling
    assert pickle.loads(pickle.dumps(again(peak=0.1))) == falling(peak=0.1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "plan", [o.cosine(steps=10).warmup(3), falling(peak=0.1) * o.linear(steps=9), lr_fn(falling.formula)(peak=0.1)]
)
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


def test_numpy_numbers_and_lists_are_stored_as_plain_ones():
    s = o.milestones(start=np.float64(0.5), at=[np.int64(3), 5])
    assert repr(s) == "milestones(start=0.5, factor=0.1, at=(3, 5))"
    assert o.milestones(at=np.array([3, 5])) == o.milestones(at=(3, 5))
    assert repr(o.constant(value=-0.0)) == "constant(value=0.0, steps=None)"
    assert type(o.cosine(steps=2**60).params["steps"]) is float


def test_numpy_scalars_multiply_into_schedules():
    assert np.float64(0.5) * o.linear(steps=9) == 0.5 * o.linear(steps=9)
    assert o.linear(steps=9) * np.float32(0.5) == 0.5 * o.linear(steps=9)


@lr_fn
def of_either_kind(real_step, epoch, *, x: int | float = 1, y: o.Rate | o.Offset = 1, z: o.Rate | o.Steps = 1):
    return 0.5 * x


def test_what_one_of_several_ranges_admits_is_admitted():
    assert of_either_kind(x=2.5, y=-2.5).params == {"x": 2.5, "y": -2.5, "z": 1}
    with pytest.raises(ValueError, match=r"z must be >= 0 and finite or > 0 and finite \(a learning rate\), got -1"):
        of_either_kind(z=-1)
    with pytest.raises(TypeError, match=r"x must be a whole number or a number, got 'a' \(str\)"):
        of_either_kind(x="a")


class Edge(str, enum.Enum):
    LEFT = "left"


@pytest.mark.parametrize("left", [np.str_("left"), Edge.LEFT])
def test_text_of_other_types_is_plain_text(left):
    plan = o.linear(steps=9).staircase(5, closed=left)
    assert repr(plan) == "staircase(linear(start=1.0, end=0.0, steps=9), every=5, closed='left')"
    assert o.parse(repr(plan)) == plan
