"""What people write who come from other libraries, and the sentence that answers it."""

import ast
import collections.abc
import copy
import inspect
import operator
import pickle
import re

import numpy as np
import pytest
import torch

import optimsche as o
from optimsche import habits

PLAN = o.cosine(start=3e-4, steps=9_000).warmup(100)


def optim():
    return o.OptimScheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1), PLAN)


def sentence(call, kind):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# Attributes
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cure"),
    {
        "step": "call it with the number of the update, from 1: plan(n)",
        "get_last_lr": "plan(n). A trainer that steps takes ScheduleLR(optimizer, plan)",
        "last_epoch": "keeps nothing that changes",
        "base_lrs": "belongs to no optimizer",
        "state_dict": "keeps nothing that changes",
        "peak": "max(row.rate for row in plan.table())",
        "clip": "plan.clamp(floor=..., ceiling=...)",
        "append": "plan >> other",
        "milestones": "plan.boundaries()",
        "total_steps": "plan.length",
        "show": "plan.plot()",
        "tolist": "plan(numpy.arange(1, n + 1)).tolist()",
        "to_json": "plan.to_dict()",
        # What is a parameter, of itself or of a piece.
        "steps": "that parameter is plan.arguments['steps']",
        "end": "that parameter is plan.arguments['schedule'].arguments['end']",
    }.items(),
)
def test_an_attribute_of_a_schedule_that_others_have(name, cure):
    text = sentence(lambda: getattr(PLAN, name), AttributeError)
    assert text.startswith(f"a schedule has no {name!r}: ")
    assert cure in text


@pytest.mark.parametrize(
    ("name", "cure"),
    {
        "zero_grad": "leave it out",
        "param_groups": "optim.optimizer.param_groups",
        "state": "optim.optimizer.state",
        "add_param_group": "optim.optimizer.add_param_group(...)",
        "get_last_lr": "result.lr",
        "last_epoch": "result.real_step",
        "scheduler": "optim.schedule",
        "clip_grad_norm_": "grad_clip=",
        "unscale_": "use_amp=",
        "train": "model.train()",
    }.items(),
)
def test_an_attribute_of_an_optim_scheduler_that_others_have(name, cure):
    text = sentence(lambda: getattr(optim(), name), AttributeError)
    assert text.startswith(f"an OptimScheduler has no {name!r}: ")
    assert cure in text


def test_what_is_there_is_no_habit():
    assert not {name for name in habits.OF_A_SCHEDULE if hasattr(PLAN, name)}
    assert not {name for name in habits.OF_AN_OPTIM_SCHEDULER if hasattr(optim(), name)}
    assert not {name for name in habits.OPERATORS if f"__{name}__" in vars(o.Schedule)}


NAMES_IN_CURES = re.compile(r"plan\.(\w+)|optim\.(\w+)|result\.(\w+)")


@pytest.mark.parametrize("table", ["OF_A_SCHEDULE", "OF_AN_OPTIM_SCHEDULER", "OPERATORS", "UFUNCS", "IN_WORDS"])
def test_every_cure_names_what_there_is(table):
    one = optim()
    for cure in getattr(habits, table).values():
        for of_a_plan, of_optim, of_result in NAMES_IN_CURES.findall(cure):
            assert not of_a_plan or hasattr(PLAN, of_a_plan), cure
            assert not of_optim or hasattr(one, of_optim), cure
            assert not of_result or hasattr(o.StepResult, of_result), cure


def test_every_parameter_that_is_meant_exists():
    meant = {name for names in habits.PARAMETERS.values() for name in names} | set(habits.PARTS_OF_A_RUN.values())
    places = [*(vars(o)[name] for name in ("cosine", "constant", "piecewise_constant", "milestones", "step_decay"))]
    places += [o.repeat, o.polynomial, o.clamp, o.sequence, o.wsd, o.cosine_restarts, o.exponential, o.plateau]
    places += [o.range_test, o.OptimScheduler, o.OptimScheduler.step, o.OptimScheduler.backward]
    known = {name for place in places for name in inspect.signature(place).parameters}
    assert meant <= known


def test_a_name_that_is_nearly_right_is_suggested():
    assert sentence(lambda: PLAN.wramup(3), AttributeError) == (
        "'Schedule' object has no attribute 'wramup'; did you mean 'warmup'?"
    )
    assert "did you mean 'step'?" in sentence(lambda: optim().stepp(3), AttributeError)
    assert sentence(lambda: PLAN.zebra, AttributeError) == "'Schedule' object has no attribute 'zebra'"
    with pytest.raises(AttributeError) as habit:
        PLAN.step()
    assert habit.value.name is None  # or Python adds "Did you mean: 'stretch'?"


def test_looking_for_attributes_says_what_it_said():
    for name in ("step", "state_dict", "dtype", "shape", "__iter__", "__array__", "_repr_png_", "is_nothing"):
        assert not hasattr(PLAN, name)
        assert getattr(PLAN, name, None) is None
    assert not hasattr(optim(), "zero_grad")
    assert not isinstance(PLAN, collections.abc.Iterable)
    assert copy.copy(PLAN) is copy.deepcopy(PLAN) is PLAN
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN
    assert PLAN  # with a length that is refused it would not be true
    assert "__getattr__" not in vars(type(PLAN).__mro__[1])  # asked where nothing was found, and nowhere else


# ---------------------------------------------------------------------------------------------------------------------
# Operators and functions
# ---------------------------------------------------------------------------------------------------------------------

REFUSED = {
    "max(plan, 0.1)": "plan.maximum(0.1)",
    "min(plan, 0.1)": "plan.minimum(0.1)",
    "plan < 0.1": "values compare: plan(n) < 0.1",
    "plan >= plan": "has no order",
    "sorted([plan, plan])": "has no order",
    "plan ** 2": "plan * plan",
    "2 ** plan": "plan * plan",
    "-plan": "1 - plan",
    "+plan": "1 - plan",
    "abs(plan)": "never negative",
    "plan % 10": "plan.repeat(every=n)",
    "plan // 10": "plan.staircase(n)",
    "divmod(plan, 10)": "plan.repeat(every=n)",
    "1 / plan": "power_law(...)",
    "plan / plan": "divided by a number",
    "plan | plan": "plan >> other",
    "plan & plan": "plan.minimum(other)",
    "plan @ plan": "plan >> other",
    "plan << plan": "plan >> other",
    "plan >> 0.1": "plan >> constant(value=0.1)",
    "0.1 >> plan": "constant(value=0.1, steps=...) >> plan",
    "plan[5]": "called, and not indexed: plan(n)",
    "plan[1:10]": "plan(numpy.arange(1, n + 1))",
    "[rate for rate in plan]": "plan(numpy.arange(1, n + 1))",
    "list(plan)": "plan(numpy.arange(1, n + 1))",
    "5 in plan": "called, and not indexed",
    "len(plan)": "plan.length",
    "float(plan)": "no number",
    "int(plan)": "no number",
    "round(plan)": "no number",
    "numpy.maximum(plan, 0.1)": "plan.maximum(other)",
    "numpy.minimum(0.1, plan)": "plan.minimum(other)",
    "numpy.clip(plan, 0.1, 0.2)": "plan.maximum(0.1)",
    "numpy.sqrt(plan)": "plan * plan",
    "numpy.exp(plan)": "no array",
    "numpy.ones(3) * plan": "multiply its values: plan(steps) * factors",
    "numpy.ones(3) + plan": "an array is no part of a schedule",
}


@pytest.mark.parametrize("text", REFUSED)
def test_an_operator_that_there_is_not(text):
    names = {"plan": PLAN, "numpy": np}
    assert REFUSED[text] in sentence(lambda: eval(text, names), TypeError)


def test_every_operator_of_the_table_is_refused_on_its_own():
    for name, cure in habits.OPERATORS.items():
        assert sentence(lambda name=name: getattr(PLAN, f"__{name}__")(2), TypeError) == cure


def test_numpys_scalars_are_numbers():
    half, three = np.float64(0.5), np.int64(3)
    assert half * PLAN == PLAN * half == 0.5 * PLAN
    assert three + PLAN == 3 + PLAN
    assert np.float32(1) - PLAN == 1 - PLAN
    assert PLAN - half == PLAN - 0.5
    assert PLAN / np.float64(2) == PLAN / 2
    assert half != PLAN
    assert not half.__eq__(PLAN)
    assert not np.ones(3).__eq__(PLAN)
    assert np.ones(3) != PLAN
    assert np.array([PLAN, PLAN]).shape == (2,)
    assert (np.array([PLAN]) * 2).tolist() == [2 * PLAN]
    assert np.add.reduce([PLAN, PLAN]) == PLAN + PLAN


def test_operators_that_there_are_work_still():
    assert operator.mul(PLAN, 2) == PLAN.scale(2)
    assert sum([PLAN, PLAN]) == PLAN + PLAN
    assert max([0.1, 0.2], key=lambda t: PLAN(t)) == 0.2


# ---------------------------------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------------------------------

CALLS = {
    "plateau([1.0], threshold=1e-3)": "here that is 'rtol'",
    "one_cycle(peak=0.1, total_steps=9, div_factor=25)": "start=peak / div_factor",
    "one_cycle(peak=0.1, total_steps=9, final_div_factor=25)": "floor=start / final_div_factor",
    "one_cycle(max_lr=0.1, total_steps=9)": "here that is 'peak'",
    "one_cycle(peak=0.1, total_steps=9, pct_start=0.3)": "warmup_steps=round(0.3 * total_steps)",
    "cosine_restarts(peak=0.1, cycle_steps=9, total_steps=99)": "to fit a run write .over(total_steps)",
    "triangular(peak=0.1, cycle_steps=9, total_steps=99)": "cycle_steps= and cycles=",
    "noam(peak=0.1, warmup_steps=9, total_steps=99)": "it never ends; for an end write .cooldown(at=",
    "linear(steps=9).repeat(t_mult=2)": "here that is 'stretch'",
    "cosine(T_max=9)": "here that is 'steps'",
    "cosine(steps=9, eta_min=0.1)": "here that is 'end'",
    "cosine(steps=9, alpha=0.1)": "end=alpha * start",
    "cosine(init_value=0.1, steps=9)": "here that is 'start'",
    "cosine(decay_steps=9)": "here that is 'steps'",
    "warmup_cosine(init_value=0.0, peak=0.1, warmup_steps=3, total_steps=9)": "a warm-up begins at 0",
    "warmup_cosine(peak_value=0.1, warmup_steps=3, decay_steps=9)": "here that is 'peak'",
    "warmup_cosine(peak=0.1, num_warmup_steps=3, total_steps=9)": "here that is 'warmup_steps'",
    "warmup_cosine(peak=0.1, warmup_steps=3, num_training_steps=9)": "here that is 'total_steps'",
    "cosine(steps=9, last_epoch=-1)": "keeps no counter",
    "cosine(optimizer=1, steps=9)": "belongs to no optimizer",
    "cosine(steps=9, verbose=True)": "plan.table()",
    "exponential(gamma=0.9)": "here that is 'factor'",
    "exponential(factor=0.9, staircase=True)": ".staircase(every)",
    "step_decay(step_size=9)": "here that is 'every'",
    "milestones(milestones=[9])": "here that is 'at'",
    "sequence([linear(steps=1)], boundaries=[9])": "here that is 'at'",
    "polynomial(steps=9, cycle=True)": ".repeat()",
    "polynomial(steps=9, exponent=2)": "here that is 'power'",
    "linear(steps=9, start_factor=0.1)": "here that is 'start'",
    "clamp(linear(steps=9), min=0.1)": "here that is 'floor'",
    "wsd(peak=0.1, warmup_steps=1, num_decay_steps=3, total_steps=9)": "here that is 'decay_steps'",
    "linear(steps=9).then()": "needs second= (a schedule)",
    "OptimScheduler(optimizer, plan, lr=0.1)": "the plan's value is the rate",
    "OptimScheduler(optimizer, plan, total_steps=9)": "the plan says that",
    "OptimScheduler(optimizer, plan, max_grad_norm=1.0)": "here that is 'grad_clip'",
    "OptimScheduler(optimizer, [plan, plan])": "schedules={'head.*': a, '*': b}",
    "range_test(optimizer, model, loss_of, [], num_iter=9)": "here that is 'updates'",
    "range_test(optimizer, model, loss_of, [], start_lr=9)": "here that is 'start'",
}


@pytest.mark.parametrize("text", CALLS)
def test_an_argument_of_another_library(text):
    model = torch.nn.Linear(1, 1)
    names = {**{name: getattr(o, name) for name in o.__all__}, "model": model, "loss_of": lambda model, batch: 1.0}
    names |= {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "plan": PLAN}
    assert CALLS[text] in sentence(lambda: eval(compile(ast.parse(text, mode="eval"), text, "eval"), names), TypeError)


def test_a_hyperparameter_of_another_library():
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters())
    for theirs, ours in (("beta1", "betas[0]"), ("beta2", "betas[1]"), ("wd", "weight_decay")):
        schedules = {"*": {"lr": PLAN, theirs: o.constant(value=0.5)}}
        with pytest.raises(
            ValueError, match=rf"Adam has no hyperparameter '{theirs}'; here that is '{re.escape(ours)}'"
        ):
            o.OptimScheduler(optimizer, schedules=schedules, model=model)
