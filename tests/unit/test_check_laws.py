"""check_laws catches what is broken, by name and with the smallest counter-example, and passes what is not."""

import dataclasses
import functools
import math
import random
import time
from typing import Annotated, Literal, NamedTuple, NewType

import annotated_types as at
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

import optimsche as o
from optimsche import Fraction, Length, Rate, Steps, libraries, lr_fn, ops
from optimsche.evaluation import clocks
from optimsche.evaluation.node import Node
from optimsche.lr_fn import LrFn
from optimsche.testing import (
    assert_same_in_float32,
    assert_same_on_every_backend,
    assert_sees_one_kind,
    check_laws,
    impurities,
    params,
    schedules,
)
from tests.property.strategies import EXACT

rate = 0.1
settings = {"rate": 0.1}
RATE, RATES, TABLE = 0.1, (0.1, 0.2), {"rate": 0.1}
REASSIGNED = 0.1
FROZEN = np.array([0.1])
FROZEN.flags.writeable = False


def check(lr_fn, **options):
    return check_laws(lr_fn, **({"backends": ["numpy"], "examples": 20} | options))


# -- the six kinds ----------------------------------------------------------------------------------------------------


def test_one_that_reads_global_state_which_does_not_change_meanwhile():
    @lr_fn
    def reads_a_variable(real_step, epoch, *, peak: Rate):
        return peak * settings["rate"]

    with pytest.raises(AssertionError) as caught:
        check(reads_a_variable)
    assert str(caught.value) == (
        "assert_pure: reads_a_variable(peak=0.0)\n"
        "    at real_step=0 it is 0.0, but\n"
        "    it reads the variable 'settings', a dict, which can change: make it a parameter, or a tuple in capitals"
    )


def test_one_that_reads_global_state_which_changes():
    calls = iter(range(10**9))

    @lr_fn
    def counts_its_calls(real_step, epoch, *, peak: Rate):
        return peak + next(calls)

    with pytest.raises(AssertionError, match=r"^assert_pure: counts_its_calls\(peak=0.0\)\n +at real_step=0, epoch=1 "):
        check(counts_its_calls)


def test_one_that_uses_pythons_random():
    @lr_fn
    def noisy(real_step, epoch, *, peak: Rate):
        return peak * random.random()

    with pytest.raises(AssertionError, match=r"assert_pure: noisy\((.|\n)*it uses random.random, whose answers change"):
        check(noisy)


def test_one_that_compounds_on_its_own_output():
    last = {"rate": 1.0}

    @lr_fn
    def compounding(real_step, epoch, *, factor: Fraction):
        last["rate"] = last["rate"] * factor if real_step > 0 else 1.0
        return last["rate"]

    with pytest.raises(AssertionError, match=r"^assert_pure: compounding\((.|\n)*it reads the variable 'last', a dict"):
        check(compounding)


def test_one_that_jumps_at_a_boundary_though_it_is_declared_continuous():
    @lr_fn
    def halved_at_the_end(real_step, epoch, *, peak: Rate, steps: Steps):
        return ops.switch(real_step, steps, lambda t: peak + 0.0 * t, lambda t: peak / 2 + 0.0 * t)

    assert "assert_continuous" not in check(halved_at_the_end, examples=3)
    with pytest.raises(AssertionError) as caught:
        check(halved_at_the_end, continuous=True)
    assert str(caught.value) == (
        "assert_continuous: halved_at_the_end(peak=1.0, steps=1)\n    at real_step=1 it jumps from 1.0 to 0.5"
    )


def test_one_that_turns_negative():
    @lr_fn
    def falls_for_ever(real_step, epoch, *, peak: Rate, every: Steps):
        return peak * (1 - real_step / every)

    with pytest.raises(AssertionError) as caught:
        check(falls_for_ever)
    assert str(caught.value) == (
        "assert_not_negative: falls_for_ever(peak=1.0, every=1)\n    at real_step=2, epoch=1 it is -1.0"
    )


@lr_fn
def branches_on_its_clock(real_step, epoch, *, peak: Rate, steps: Steps):
    return peak if real_step < steps else 0.0


@pytest.mark.parametrize("backends", [["numpy"], ["torch"], ["jax"], None])
def test_one_that_branches_on_an_array(backends):
    with pytest.raises(
        AssertionError, match=r"^assert_same_on_every_backend: branches_on_its_clock\(peak=0.0, steps=1\)\n +with"
    ):
        check(branches_on_its_clock, backends=backends)


def test_one_that_branches_may_take_numbers_only_and_is_asked_on_numpy_in_float32():
    assert {"assert_pure", "assert_same_in_float32"} < {*check(branches_on_its_clock, backends=[])}


# -- segments ---------------------------------------------------------------------------------------------------------


def test_a_segment_is_known_by_its_signature_and_must_meet_its_ends_exactly():
    @lr_fn
    def misses_its_end(real_step, epoch, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps):
        return start + (end - start) * ops.progress(real_step, steps)

    with pytest.raises(AssertionError, match=r"assert_exact_ends: misses_its_end\(.*\n.*, not end="):
        check(misses_its_end, examples=60)
    assert "assert_exact_ends" not in check(misses_its_end, segment=False, examples=3)


def test_a_segment_must_not_turn_back():
    @lr_fn
    def swings(real_step, epoch, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps):
        done = ops.progress(real_step, steps)
        return ops.segment(start, end, 0.5 - 0.5 * ops.cos(3 * math.pi * done))

    with pytest.raises(AssertionError, match=r"assert_one_way: swings\(.*\n +from real_step=.* to .* it (rises|falls)"):
        check(swings)


def test_a_segment_must_stay_inside():
    @lr_fn
    def overshoots(real_step, epoch, *, start: Rate = 1.0, end: Rate = 0.0, steps: Steps):
        done = ops.progress(real_step, steps)
        return ops.where(done >= 1, end, start + (end - start) * done + done * (1 - done) * (start + end))

    with pytest.raises(AssertionError, match=r"assert_inside: overshoots\(.*\n.* outside "):
        check(overshoots)


def test_one_with_other_names_is_a_segment_when_it_is_declared():
    @lr_fn
    def no_segment(real_step, epoch, *, peak: Rate):
        return peak

    with pytest.raises(ValueError, match="assert_exact_ends is a law of segments, with start, end and steps"):
        check(no_segment, segment=True, examples=1)


# -- what is not broken -----------------------------------------------------------------------------------------------


def _helper(x):
    return x * RATE + RATES[1] + math.pi * float(FROZEN[0])


def test_constants_and_pure_helpers_are_no_state():
    @lr_fn
    def reads_constants(real_step, epoch, *, peak: Rate):
        return peak * _helper(RATE) + 0.0 * real_step

    assert impurities(reads_constants) == []
    tried = check(reads_constants, examples=3)
    assert tried[:3] == ("assert_finite", "assert_pure", "assert_not_negative")
    assert not {"assert_continuous", "assert_exact_ends"} & set(tried)


def test_a_combinator_of_ones_own_is_tried_over_schedules():
    @lr_fn(length=lambda schedule, by: schedule.length + by, boundaries=lambda schedule, by: [by])
    def delayed(real_step, epoch, schedule: o.Schedule, by: Steps):
        return schedule(ops.maximum(real_step - by, 0.0), epoch)

    with pytest.raises(AssertionError, match=r"assert_length_and_boundaries: delayed\(.*\n +the last boundary must be"):
        check(delayed)


# Of warp, and of products of many factors above 1, nothing is promised to the last bits; see docs/testing.md.
@pytest.mark.parametrize("lr_fn", sorted(EXACT, key=lambda f: f.name), ids=lambda f: f.name)
def test_every_lr_function_of_the_library_keeps_the_laws_on_every_backend(lr_fn):
    check_laws(lr_fn, examples=4)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_value_that_is_another_on_one_backend_is_found(backend):
    @lr_fn
    def another_on_arrays(real_step, epoch):
        return 0.25 if ops.is_number(real_step) else 0.5 + 0.0 * real_step

    with pytest.raises(
        AssertionError, match=r"assert_same_on_every_backend: another_on_arrays\(\)\n.* it is 0\.25, and"
    ):
        assert_same_on_every_backend(another_on_arrays(), backends=[backend])


# -- plans, and functions that return one ------------------------------------------------------------------------------


def my_plan(peak: Rate, warmup_steps: Length, total_steps: Steps, kind: Literal["cosine", "linear"] = "cosine"):
    if total_steps <= warmup_steps:
        raise ValueError("the warm-up leaves nothing")
    decay = o.cosine if kind == "cosine" else o.linear
    return decay(start=peak, steps=total_steps - warmup_steps).warmup(warmup_steps)


def falls_for_ever(*, peak: Rate, steps: Steps) -> o.Schedule:
    return o.expression(text=f"{peak!r} - t / {steps!r}")


PLAN = o.cosine(steps=90).warmup(10)


def test_a_plan_a_function_that_returns_one_and_a_list():
    for_all = check(PLAN, examples=2)
    assert "assert_exact_ends" not in for_all
    assert "assert_exact_ends" in check(o.cosine(steps=90), examples=2)
    assert check(my_plan, examples=2) == ("assert_same_plan", *for_all)
    assert {*check([my_plan, PLAN, o.cosine], examples=2)} > {"assert_same_plan", "assert_exact_ends"}


@pytest.mark.parametrize("name", o.plans.__all__)
def test_every_named_plan_keeps_the_laws(name):
    assert "assert_same_plan" in check(getattr(o, name), examples=3)


def test_the_call_that_made_a_broken_plan_is_named():
    with pytest.raises(AssertionError) as caught:
        check(falls_for_ever)
    assert str(caught.value) == (
        "assert_not_negative: expression(text='0.0 - t / 1')\n"
        "    at real_step=1, epoch=1 it is -1.0\n"
        "    of falls_for_ever(peak=0.0, steps=1)"
    )


def test_a_broken_one_is_found_in_a_list():
    with pytest.raises(AssertionError, match=r"of falls_for_ever\("):
        check([PLAN, my_plan, falls_for_ever], examples=5)


def test_a_function_that_returns_another_plan_when_it_is_called_again():
    def noisy(*, peak: Rate) -> o.Schedule:
        return o.constant(value=peak * random.random())

    with pytest.raises(AssertionError, match=r"^assert_same_plan: constant\((.|\n)*called again, the function "):
        check(noisy)


def test_strategies_go_to_those_that_have_the_parameter():
    seen = []

    def takes_text(*, name, peak: Rate) -> o.Schedule:
        seen.append(name)
        return o.constant(value=peak)

    check([takes_text, my_plan], name=st.just("mine"), examples=2)
    assert set(seen) == {"mine"}


def test_what_has_no_annotation_keeps_its_default():
    seen = set()

    def with_a_default(*, peak: Rate, config=None) -> o.Schedule:
        seen.add(config)
        return o.constant(value=peak)

    check(with_a_default, examples=2)
    assert seen == {None}


def test_schedules_of_plans_and_functions():
    found = set()

    @settings_of_hypothesis(max_examples=600)  # so many that each is met
    @given(schedules([my_plan, PLAN, o.wsd, o.warmup], depth=2))
    def draw(schedule):
        inner = schedule.inner[0] if schedule.lr_fn is o.warmup else schedule
        found.add((schedule == PLAN, inner.lr_fn.name))
        assert schedule(3) >= 0

    draw()
    assert {name for _, name in found} >= {"cosine", "linear", "warmup", "then"}
    assert True in {is_plan for is_plan, _ in found}

    @given(schedules(my_plan))
    def draw_one(schedule):
        assert schedule.lr_fn is o.warmup

    draw_one()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check(3), TypeError, "a plan, a function that returns one, or a list of these; got int"),
        (lambda: check([PLAN, "cosine"]), TypeError, "or a list of these; got str"),
        (lambda: check([]), ValueError, "the list of what is tested is empty"),
        (lambda: check(lambda peak: PLAN), TypeError, "nothing says what to draw for the parameter 'peak' of <lambda>"),
        (lambda: check(lambda *peaks: PLAN), TypeError, r"takes \*peaks, and nothing says what to draw"),
        (lambda: check(lambda: 0.1), TypeError, "<lambda> must return a schedule, got float: 0.1"),
        (lambda: check([my_plan, PLAN], pak=st.just(1)), TypeError, "my_plan has no parameter 'pak'; did you mean 'pe"),
        (lambda: schedules([len]), TypeError, "nothing says what to draw for the parameter 'obj' of len"),
    ],
)
def test_wrong_calls_with_plans(call, error, words):
    with pytest.raises(error, match=words):
        call()


# -- what a formula may rely on ---------------------------------------------------------------------------------------


@lr_fn
def halved_by_doubling_its_clock(real_step, epoch, *, peak: Rate):
    real_step *= 2.0
    return peak / (1.0 + real_step)


def test_one_that_works_in_place_keeps_the_laws():
    assert "assert_may_write_into_its_clock" in check(halved_by_doubling_its_clock, backends=None, examples=5)


def test_a_clock_that_formulas_share_is_found(monkeypatch):
    monkeypatch.setattr(clocks, "own", lambda clock: clock)
    with pytest.raises(AssertionError, match=r"^assert_may_write_into_its_clock: halved_by_doubling_its_clock\(peak="):
        check(halved_by_doubling_its_clock)


def test_a_callers_array_that_is_written_into_is_found(monkeypatch):
    monkeypatch.setattr(clocks, "own", lambda clock: clock)
    monkeypatch.setattr(libraries._ArrayModule, "wide", lambda self, array: array.astype(float, copy=False))
    with pytest.raises(AssertionError, match=r"^assert_may_write_.*\n +with a long .* changes the caller's array$"):
        check(halved_by_doubling_its_clock)


@lr_fn
def falling_slowly(real_step, epoch, *, peak: Rate):
    return peak / (1.0 + 0.001 * real_step)


@pytest.mark.parametrize("kind", ["int", "array"])
def test_another_kind_of_clock_is_found(kind, monkeypatch):
    if kind == "int":
        monkeypatch.setattr(clocks, "as_inside", lambda clock: clock)
        found = r"inside a function of one's own, with an int as its clock, call 1 gives the formula \d+ \(int\)"
    else:
        monkeypatch.setattr(libraries._ArrayModule, "wide", lambda self, array: array.copy())
        found = r"alone, with a short NumPy array of int64 as its clock, call 1 gives the formula 0 \(int\)"
    with pytest.raises(AssertionError, match=rf"^assert_sees_one_kind: falling_slowly\(peak=.*\n +{found}"):
        check(falling_slowly)


def test_another_kind_of_clock_after_some_calls_is_found(monkeypatch):
    number, calls = Node.number, iter(range(10**9))

    def sometimes_whole(node, real_step, epoch):
        return number(node, int(real_step) if next(calls) % 50 == 30 else real_step, epoch)

    monkeypatch.setattr(Node, "number", sometimes_whole)
    with pytest.raises(AssertionError, match=r"^assert_sees_one_kind: falling_slowly(.|\n)* call 31 gives the formula"):
        assert_sees_one_kind(falling_slowly(peak=0.1), backends=["numpy"])


@lr_fn
def counting_from_far_away(real_step, epoch, *, peak: Rate, every: Steps):
    return peak / (1.0 + ((real_step + 2.0**30) - 2.0**30) / every)


def test_one_that_needs_more_than_float32_is_found(monkeypatch):
    kept = check(counting_from_far_away, every=st.just(10), backends=["numpy", "jax"], examples=9)
    assert "assert_same_in_float32" in kept
    monkeypatch.setattr(libraries._ArrayModule, "is_narrow", lambda self: False)
    with pytest.raises(AssertionError, match=r"^assert_same_in_float32: counting(.|\n)* and in float32 of jax "):
        assert_same_in_float32(counting_from_far_away(peak=1.0, every=10), backends=["jax"])


@lr_fn(boundaries=lambda every: (every * k for k in range(1, 9)))
def eight_steps(real_step, epoch, *, every: Steps):
    number, _ = ops.block(real_step, every)
    return 0.5 ** ops.minimum(number, 8.0)


def test_a_fractional_boundary_that_float32_misses_is_found(monkeypatch):
    every = st.sampled_from([0.1, 0.3, 0.7])
    assert "assert_same_in_float32" in check(eight_steps, every=every, backends=["numpy", "jax"], examples=9)
    monkeypatch.setattr(clocks, "rounding_of", lambda *clocks: 2.0**-32)
    with pytest.raises(AssertionError, match=r"^assert_same_in_float32: eight_steps(.|\n)* and in float32 of numpy "):
        check(eight_steps, every=every, backends=["numpy"])


def test_a_jump_beside_a_boundary_is_where_rounding_puts_it():
    noise = o.linear(end=0.5, steps=1).jitter(0.5)
    assert_same_in_float32(noise.by_tokens(1_000), backends=["numpy"])  # 1.001 updates are 1,000.99995 tokens there


def test_a_boundary_between_updates_is_not_asked_for_where_rounding_is_more_than_what_it_divides():
    stairs = o.step_decay(start=1.0, factor=0.5, every=1_218_246)
    for plan in (stairs.by_tokens(500_000), stairs.stretch(2e-6), stairs.by_tokens({1: 1, 3: 500_000})):
        assert_same_in_float32(plan, backends=["numpy"])
    assert_same_in_float32(o.linear(end=1.0, start=0.0, steps=1).by_tokens(1_000).shift(16), backends=["numpy"])


def test_a_whole_clock_is_what_it_says_beside_fractions_in_bfloat16():
    growing = o.expression("0.1 / (1 + 1.0 * t)").repeat(every=1, stretch=1.5, closed="left")
    assert growing.boundaries(upto=33)[-2:] == pytest.approx((20.78, 32.17), abs=0.01)
    assert_same_in_float32(growing, [*range(40), 20.75], backends=["torch"])  # 20.75 stands for 20.78, too


def test_boundaries_that_are_left_out_are_found(monkeypatch):
    each = Node.each_boundary
    monkeypatch.setattr(Node, "each_boundary", lambda node, upto=math.inf: each(node, upto * 0.75))
    with pytest.raises(AssertionError, match=r"^assert_length_and_boundaries: eight_steps(.|\n)* but up to "):
        check(eight_steps)


def test_one_that_does_not_change_at_its_boundaries_alone_is_found():
    @lr_fn(boundaries=lambda every: (every,), changes_at_boundaries=True)
    def changes_elsewhere(real_step, epoch, *, every: Steps):
        return ops.where(real_step > 0.6 * every, 0.5, 1.0) + 0.0 * real_step

    with pytest.raises(
        AssertionError, match=r"^assert_length_and_boundaries: changes_elsewhere(.|\n)* is declared to ch"
    ):
        check(changes_elsewhere)


# -- the code is read, too --------------------------------------------------------------------------------------------


def _reassigns():
    global REASSIGNED
    REASSIGNED = 0.2


def _reads_in_a_helper():
    return settings["rate"]


def _closure(value):
    @lr_fn
    def over_a_closure(real_step, epoch, *, peak: Rate):
        return peak * value

    return over_a_closure


def _closure_that_changes():
    best = 1.0

    @lr_fn
    def over_a_changing_closure(real_step, epoch, *, peak: Rate):
        return peak * best

    for _ in range(2):
        best = best / 2
    return over_a_changing_closure


def _marked_with_state():
    @lr_fn
    def keeps_state(real_step, epoch, *, peak: Rate):
        keeps_state.last = peak
        return keeps_state.last

    keeps_state.last = 0.0
    return keeps_state


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        (lambda real_step, epoch: rate, "it reads the variable 'rate', which can be given another value"),
        (lambda real_step, epoch: REASSIGNED, "it reads the variable 'REASSIGNED', which can be given another value"),
        (lambda real_step, epoch: TABLE["rate"], "it reads the variable 'TABLE', a dict, which can change"),
        (lambda real_step, epoch: next(settings["rate"] for _ in "1"), "it reads the variable 'settings', a dict"),
        (lambda real_step, epoch: _reads_in_a_helper(), "it reads the variable 'settings', a dict"),
        (lambda real_step, epoch: np.random.rand(), "it uses np.random.rand, whose answers change"),
        (lambda real_step, epoch: time.time(), "it uses time.time, whose answers change"),
        (_closure([0.1]).formula, "it reads the variable 'value', a list, which can change"),
        (_closure_that_changes().formula, "it reads the variable 'best', which can be given another value"),
        (_marked_with_state().formula, "it reads keeps_state.last, an attribute that can change"),
        (_closure(0.1).formula, None),
        (lambda real_step, epoch: RATE + RATES[0] + np.pi + float(np.float64(2)), None),
        (lambda real_step, epoch: max(real_step, len((1, 2))) + math.e, None),
    ],
)
def test_what_a_formula_reads_is_found_in_its_code(formula, found):
    formula.__name__ = "formula"
    sentences = impurities(LrFn(formula))
    assert bool(sentences) == (found is not None)
    assert found is None or sentences[0].startswith(found)


def test_imports_and_assignments_are_found():
    @lr_fn
    def imports(real_step, epoch, *, peak: Rate):
        import random

        return peak * random.random()

    @lr_fn
    def assigns(real_step, epoch, *, peak: Rate):
        global rate
        rate = peak
        return peak

    assert impurities(imports)[0].startswith("it imports random, whose answers change: for noise")
    assert impurities(assigns) == ["it changes the global variable 'rate': what it needs are its clocks and parameters"]


# -- wrong calls ------------------------------------------------------------------------------------------------------


def _unknown(word):
    raise ValueError(f"unknown word {word!r}")


@lr_fn(resolve=_unknown)
def of_a_known_word(real_step, epoch, *, word: str):
    return 1.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_laws(math.cos), TypeError, "nothing says what to draw for the parameter 'x' of cos: give it an"),
        (lambda: check_laws(o.cosine, step=st.just(9)), TypeError, "cosine has no parameter 'step'; did you mean 'ste"),
        (lambda: check_laws(o.cosine, steps=9), TypeError, r"steps must be a strategy, such as .*just\(9\)"),
        (lambda: check(o.cosine, backends=["tensorflow"]), ValueError, "'tensorflow' is none of numpy, torch, jax"),
        (lambda: check(of_a_known_word), ValueError, r"no parameters of of_a_known_word were found .*word=strategy\)"),
    ],
)
def test_a_wrong_call_is_answered(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_parameters_may_be_given_strategies_of_their_own():
    seen = set()

    @lr_fn
    def listening(real_step, epoch, *, word: str):
        seen.add(word)
        return 1.0

    @settings_of_hypothesis(max_examples=20, database=None)
    @given(params(listening, word=st.sampled_from(["up", "down"])))
    def draw(drawn):
        listening(**drawn)(1)

    draw()
    assert seen == {"up", "down"}


def test_a_text_for_a_list_is_refused_in_words():
    with pytest.raises(TypeError, match=r"write a list, backends=\['numpy'\]"):
        check_laws(o.cosine, backends="numpy")


def test_a_formula_that_divides_by_its_clock_is_told_of_number_0():
    @lr_fn
    def divides(real_step, epoch, *, peak: Rate):
        return peak / real_step

    with pytest.raises(AssertionError, match=r"at real_step=0, .*\n    Number 0 is .*ops.maximum\(real_step, 1\)"):
        check_laws(divides, backends=["numpy"], examples=3)


# -- what a user's function may ask for -------------------------------------------------------------------------------


class Settings(NamedTuple):
    peak: Rate
    steps: Steps


@dataclasses.dataclass(frozen=True)
class Run:
    settings: Settings
    floor: Rate = 0.0


Peak = NewType("Peak", Annotated[float, at.Gt(0), at.Lt(1)])


class OfAnObject:
    def __call__(self, peak: Rate, steps: Steps):
        return o.linear(start=peak, steps=steps)


def of_a_union(peak: Annotated[float | None, at.Gt(0), at.Lt(1)]):
    assert peak is None or 0 < peak < 1
    return o.constant(value=peak or 0.5)


def of_tens(
    steps: Annotated[int, at.MultipleOf(10), at.Ge(10), at.Le(500)],
    part: Annotated[float, at.MultipleOf(0.25), at.Ge(0), at.Le(9)],
):
    assert steps in range(10, 501, 10)
    assert 4 * part in range(37)
    return o.linear(start=part, steps=steps)


def of_two_or_three(rates: Annotated[list[Rate], at.Len(2, 3)]):
    assert 2 <= len(rates) <= 3
    return o.piecewise_linear(at=tuple(range(len(rates))), values=tuple(rates))


def of_one(rates: tuple[Rate]):
    assert len(rates) == 1
    return o.constant(value=rates[0])


def of_a_name(peak: Peak):
    assert 0 < peak < 1
    return o.constant(value=peak)


def of_a_dictionary(rates: dict[Literal["low", "high"], Literal[0.1, 0.2]]):
    return o.constant(value=max(rates.values(), default=0.3))


def of_settings(run: Run):
    return o.linear(start=run.settings.peak, end=run.floor, steps=run.settings.steps)


@pytest.mark.parametrize(
    "function",
    [
        of_a_union, of_tens, of_two_or_three, of_one, of_a_name, of_a_dictionary, of_settings, OfAnObject(),
        functools.partial(OfAnObject(), steps=10),
        functools.partial(o.cosine, end=0.0), functools.partial(of_tens, part=0.5),
    ],
    ids=lambda function: getattr(function, "__name__", type(function).__name__),
)  # fmt: skip
def test_a_functions_parameters_are_drawn_as_they_are_annotated(function):
    @settings_of_hypothesis(max_examples=60)
    @given(params(function))
    def draw(arguments):
        assert isinstance(function(**arguments), o.Schedule)

    draw()
    assert "assert_same_plan" in check_laws(function, backends=[], examples=2)


def test_what_partial_has_given_stays():
    with pytest.raises(AssertionError, match=r"of falls\(steps=1\)$"):
        check_laws(functools.partial(falls, peak=2.0), backends=[])


def falls(peak: Rate, steps: Steps):
    return o.expression(text=f"{peak!r} - 3 * t / {steps!r}")


def test_a_plan_of_which_a_shift_cuts_off_all_boundaries_is_not_drawn():
    stairs = o.step_decay(start=1.0, factor=0.5, every=1).by_tokens(500_000)
    with pytest.raises(ValueError, match="more than 1,048,576 boundaries"):
        stairs.shift(-144).boundaries(most=1)

    @settings_of_hypothesis(max_examples=20, database=None, suppress_health_check=list(HealthCheck))
    @given(params(o.shift, schedule=st.just(stairs), by=st.sampled_from([0, -144])))
    def draw(drawn):
        assert drawn["by"] == 0

    draw()
