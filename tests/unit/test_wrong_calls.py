"""Every wrong call, and the sentence that answers it."""

import functools
import math
import operator
import types
from typing import Annotated

import annotated_types as at
import numpy as np
import pytest

import optimsche as o
from optimsche import Rate, Steps, checking, lr_fn

PLAN = o.cosine(start=3e-4, steps=9_000)

OPTIMIZER = types.SimpleNamespace(param_groups=[])


def _plain():
    def plain(real_step, epoch, *, q: Rate = 0.5):
        return q

    return plain


def _with(**options):
    return lambda: lr_fn(**options)(_plain())()


def _no_function(given):
    return (lambda: lr_fn(given), TypeError, r"@lr_fn takes a function with a name and a signature, got ")


def _inside(formula):
    def outer(real_step, epoch, *, schedule: o.Schedule):
        return formula(real_step, epoch, schedule)

    return lr_fn(outer)(schedule=PLAN)


PIECES = [PLAN, PLAN]

WRONG_CALLS = {
    # a schedule inside of a formula
    "inside without an epoch": (lambda: _inside(lambda t, e, s: s(t))(1), TypeError, r"with both clocks: schedule\(re"),
    "inside without a clock": (lambda: _inside(lambda t, e, s: s())(1, 1), TypeError, r"with both clocks: schedule\(r"),
    "inside an epoch of text": (lambda: _inside(lambda t, e, s: s(t, "1"))(1), TypeError, r"a clock must be .* '1'"),
    # a parameter of a schedule
    "one by position": (lambda: o.constant(0.1, 5), TypeError, r"constant\(\) takes at most one parameter by position"),
    "torch's name to replace": (
        lambda: PLAN.replace(T_max=5),
        TypeError,
        r"no parameter 'T_max'; here that is 'steps'",
    ),
    "truth as a factor": (lambda: PLAN * True, TypeError, r"factor must be a number or .*got True \(bool\)\.$"),
    # a call of a schedule
    "a clock by another name": (lambda: PLAN(step=3), TypeError, r"called with the number .*, plan\(n\), .*'step'"),
    "a third clock": (lambda: PLAN(1, 2, 3), TypeError, r"called with .* plan\(n, epoch\): plan\(\) takes .* 4 were"),
    "a span of time": (lambda: PLAN(np.timedelta64(3)), TypeError, r"must hold whole or real .* timedelta64"),
    # options of @lr_fn
    "lr_fn of a partial": _no_function(functools.partial(_plain(), q=0.3)),
    "lr_fn of an object": _no_function(operator.itemgetter(1)),
    "lr_fn of a number": _no_function(5),
    "lr_fn of a function in C": _no_function(max),
    "an option nearly right": (lambda: lr_fn(lengt=len), TypeError, r"@lr_fn has no option 'lengt'; did you mean 'len"),
    "an option quite wrong": (
        lambda: lr_fn(wibble=5),
        TypeError,
        r"no option 'wibble'; it takes length, boundaries, reach, resol",
    ),
    "a length that is no function": (lambda: lr_fn(length=5), TypeError, r"length= must be a function of .*, got 5"),
    "resolve of nothing": (_with(resolve=lambda q: None), TypeError, r"resolve= of plain must return .*returned None"),
    "resolve of another": (_with(resolve=lambda q: {"r": 1}), TypeError, r"resolve= of plain .*'r' is none of them"),
    "length of nothing": (
        _with(length=lambda q: None),
        TypeError,
        r"length= of plain must be a number of updates >= 0, .* it is None",
    ),
    "length of text": (
        _with(length=lambda q: "a"),
        TypeError,
        r"length= of plain must be a number of updates >= 0, .* it is 'a'",
    ),
    "length below 0": (
        _with(length=lambda q: -5),
        ValueError,
        r"length= of plain must be a number of updates >= 0, .* it is -5",
    ),
    "length of NaN": (
        _with(length=lambda q: math.nan),
        ValueError,
        r"length= of plain must be a number of updates >= 0, .* it is nan",
    ),
    "boundaries that fall": (
        _with(boundaries=lambda q: [5, 3]),
        ValueError,
        r"boundaries= of plain must give increasing .* gave \[5.0, 3.0\]",
    ),
    "boundaries from 0": (
        _with(boundaries=lambda q: [0, 3]),
        ValueError,
        r"boundaries= of plain must give increasing .* gave \[0.0, 3.0\]",
    ),
    "boundaries of a number": (
        _with(boundaries=lambda q: 5),
        TypeError,
        r"boundaries= of plain must give increasing .* gave 5",
    ),
    # sequence
    "sequence of one": (lambda: o.sequence(PLAN), TypeError, r"sequence takes a list of schedules, got cosine"),
    "a word nearly right": (lambda: PLAN.repeat(closed="lef"), ValueError, r"got 'lef'.\n    Did you mean 'left'\?"),
    "sequence by another name": (
        lambda: o.sequence([PLAN, PLAN], milestones=[5]),
        TypeError,
        "no parameter 'milestones'; here that is 'at'",
    ),
    "sequence of none": (lambda: o.sequence(5), TypeError, r"takes a list of schedules, got 5: write sequence\(\[a, b"),
    "sequence at a number": (
        lambda: o.sequence(PIECES, at=5),
        TypeError,
        r"at must be a tuple, got 5 .*\s+Write \(5,\)",
    ),
    "sequence at text": (lambda: o.sequence(PIECES, at=("a",)), TypeError, r"at must be a number, got \('a',\)"),
    "sequence at a truth": (lambda: o.sequence(PIECES, at=(True,)), TypeError, r"at must be a number, got \(True,\)"),
    # building
    "a name nearly right": (
        lambda: o.cosine(start=3e-4, step=9),
        TypeError,
        r"cosine\(\) has no parameter 'step'; did you mean 'steps'\?",
    ),
    "a name quite wrong": (
        lambda: o.cosine(wibble=9),
        TypeError,
        r"cosine\(\) has no parameter 'wibble'; it takes start, end, steps",
    ),
    "a parameter left out": (lambda: o.cosine(), TypeError, r"cosine\(\) needs steps= \(a length, in updates\)"),
    "by position": (
        lambda: o.cosine(3e-4),
        TypeError,
        r"cosine\(\) takes its parameters by name: write cosine",
    ),
    "too many by position": (
        lambda: o.warmup(PLAN, 10, 0.0),
        TypeError,
        r"warmup\(\) takes at most 2 parameters by position",
    ),
    "twice": (lambda: o.warmup(PLAN, schedule=PLAN, steps=3), TypeError, r"warmup\(\) got 'schedule' twice"),
    "no length": (
        lambda: o.cosine(steps=0),
        ValueError,
        r"cosine\(steps=0\): steps must be > 0 and finite \(a length, in updates\), got 0\.\n"
        r"    Leave a piece of no length out; for no change use constant\(value=...\)",
    ),
    "negative rate": (
        lambda: o.cosine(start=-1e-3, steps=9),
        ValueError,
        r"start must be >= 0 and finite .*got -0.001",
    ),
    "nan": (
        lambda: o.cosine(start=math.nan, steps=9),
        ValueError,
        r"start must be finite \(a learning rate\), got nan",
    ),
    "infinite": (
        lambda: o.cosine(steps=math.inf),
        ValueError,
        r"steps must be finite \(a length, in updates\), got inf",
    ),
    "of thousands of digits": (
        lambda: o.cosine(steps=10**5_000),
        ValueError,
        "must be finite .* 16610 bits",
    ),
    "a clock of thousands of digits": (lambda: PLAN(10**5_000), ValueError, "got a number of 16610 bits"),
    "too many in a row": (
        lambda: functools.reduce(operator.rshift, [o.linear(steps=1)] * 150),
        ValueError,
        "then: schedules can be nested 100 deep, .* write sequence.*or one table: piecewise_constant",
    ),
    "a rate that overflows": (
        lambda: o.milestones(factor=1e200, at=(1, 2)),
        ValueError,
        "the rate would overflow",
    ),
    "before the beginning": (lambda: PLAN.then(PLAN, at=-1), ValueError, r"then\(at=-1\): at must be >= 0"),
    "too large for a float": (lambda: o.cosine(steps=10**400), ValueError, "steps must be finite"),
    "text": (
        lambda: o.cosine(steps="9"),
        TypeError,
        r"steps must be a number .*got '9' \(str\)\.\n    This is text; write 9",
    ),
    "a truth value": (lambda: o.cosine(steps=True), TypeError, r"steps must be a number .*got True \(bool\)"),
    "None": (lambda: o.cosine(steps=None), TypeError, r"steps must be a number .*got None \(NoneType\)"),
    "a tensor": (
        lambda: o.cosine(steps=pytest.importorskip("torch").tensor(9.0)),
        TypeError,
        r"A schedule holds plain numbers; arrays and tensors go through schedule\.apply",
    ),
    "an array": (lambda: o.cosine(steps=np.ones((2, 2))), TypeError, r"arrays and tensors go through schedule\.apply"),
    "a ratio to zero": (lambda: o.geometric(end=0.0, steps=9), ValueError, r"end must be > 0 .*use linear or cosine"),
    "growth without end": (
        lambda: o.exponential(factor=1.1),
        ValueError,
        r"factor must be > 0 and <= 1 .*\n    To grow, use growth\(start=, factor=, every=\)",
    ),
    "half a cycle": (lambda: PLAN.repeat(2.5), ValueError, r"times must be a whole number .*got 2.5"),
    "endless in number": (
        lambda: PLAN.repeat(10**6),
        ValueError,
        r"times must be .* <= 10000 .*For cycles without an end",
    ),
    "growth without bounds": (
        lambda: PLAN.repeat(1_000, stretch=9),
        ValueError,
        "repeat: 1000 cycles, each 9 times as long as the last, never end",
    ),
    "shrinking cycles": (lambda: PLAN.repeat(stretch=0.5), ValueError, r"stretch must be >= 1"),
    "milestones that fall": (
        lambda: o.milestones(at=(60, 30)),
        ValueError,
        "milestones: at must increase, got 30 after 60",
    ),
    "milestones that are none": (lambda: o.milestones(at=()), ValueError, "at must be a tuple of at least 1"),
    "more values than an annotation allows": (
        lambda: checking.admit("f", "x", Annotated[tuple[float, ...], at.MaxLen(2)], (1.0, 2.0, 3.0)),
        ValueError,
        "x must be a tuple of at most 2, got",
    ),
    "no multiple": (
        lambda: checking.admit("f", "x", Annotated[int, at.MultipleOf(8)], 12),
        ValueError,
        "x must be a whole number a multiple of 8, got 12",
    ),
    "a milestone as a number": (
        lambda: o.milestones(at=30),
        TypeError,
        r"at must be a tuple .*Write \(30,\) for a",
    ),
    "a milestone that is none": (lambda: o.milestones(at=(0, 5)), ValueError, r"at must be > 0"),
    "too few values": (
        lambda: o.piecewise_constant(values=(0.1,), at=(5,)),
        ValueError,
        "piecewise_constant: values needs one rate more than at has updates, got 1 for 1",
    ),
    "values that do not match": (
        lambda: o.piecewise_linear(values=(0.1,), at=(5, 6)),
        ValueError,
        "piecewise_linear: values needs one rate for each update in at, got 1 for 2",
    ),
    "PyTorch's name": (lambda: o.cosine(T_max=9), TypeError, r"has no parameter 'T_max'; here that is 'steps'"),
    "PyTorch's other name": (lambda: o.step_decay(gamma=0.1), TypeError, "'gamma'; here that is 'factor'"),
    "another library's name for what is given": (
        lambda: o.linear(start=0.1, stop=0, steps=10),
        TypeError,
        "no parameter 'stop'; here that is 'end'",
    ),
    "what is given already is not meant": (
        lambda: o.linear(start=0.1, stepz=0, steps=10),
        TypeError,
        "no parameter 'stepz'; it takes start, end, steps",
    ),
    "a truth value of NumPy": (lambda: o.cosine(steps=np.bool_(True)), TypeError, r"steps must be a number.*bool\)\.$"),
    "a part of the run by its other name": (
        lambda: o.warmup_cosine(peak=0.1, warmup_ratio=0.1, total_steps=99),
        TypeError,
        r"here that is 'warmup_steps', in updates: warmup_steps=round\(0.1 \* total_steps\)",
    ),
    "PyTorch's part of the run": (
        lambda: o.one_cycle(peak=0.1, pct_start=0.3, total_steps=99),
        TypeError,
        r"warmup_steps=round\(0.3 \* total_steps\)",
    ),
    "a part that has no name": (
        lambda: o.wsd(peak=0.1, warmup_steps=1, stable_steps=20, decay_steps=3),
        TypeError,
        "the stable part is what the others leave of total_steps",
    ),
    "a formula's other counter": (
        lambda: o.expression(text="0.95 ** epoch"),
        ValueError,
        "'epoch' has no place in a formula; the counter is called t;",
    ),
    # methods and functions that are no lr functions
    "a method's parameter": (lambda: PLAN.warmup(warmup_steps=3), TypeError, r"warmup\(\) .*here that is 'steps'"),
    "a method without it": (lambda: PLAN.warmup(), TypeError, r"warmup\(\) needs steps= \(a length, in updates"),
    "a bound by its other name": (lambda: PLAN.clamp(min=0.1), TypeError, "'min'; here that is 'floor'"),
    "growing cycles": (lambda: PLAN.repeat(T_mult=2), TypeError, "'T_mult'; here that is 'stretch'"),
    "a title": (lambda: PLAN.plot(title="x"), TypeError, r"plot\(\) .*'title'; set it on the axes that this returns"),
    "a file for the picture": (lambda: PLAN.plot("x.png"), TypeError, r"savefig\('curve.png'\) saves the picture"),
    "several to draw": (lambda: o.plot(PLAN, PLAN), TypeError, r"Several schedules are one list, plot\(\[a, b\]\)"),
    "a unit": (lambda: PLAN.plot(unit="epoch"), ValueError, "Did you mean 'epochs'"),
    "many without a list": (
        lambda: o.sequence(PLAN, PLAN),
        TypeError,
        r"a list of schedules, got cosine.* write sequence\(\[",
    ),
    "more without a list": (lambda: o.sequence(PLAN, PLAN, PLAN), TypeError, r"one list: sequence\(\[a, b, c\]\)"),
    "accumulation's other name": (
        lambda: o.total_updates(3, 4, gradient_accumulation_steps=4),
        TypeError,
        "here that is 'accum_grad'",
    ),
    "a peer's optimizer": (
        lambda: o.peers.torch.OneCycleLR(OPTIMIZER, max_lr=1.0),
        TypeError,
        r"takes no optimizer: leave it out, and give its rate as max_lr=",
    ),
    "a peer in text": (
        lambda: o.parse("peers.torch.StepLR(step_size=3)"),
        ValueError,
        "other systems' schedules are built in Python; store the repr of it",
    ),
    "a name among the parameters": (
        lambda: o.from_dict({"name": "cosine", "steps": 3}),
        TypeError,
        r"Write \{'cosine': \{'steps': 3\}\}",
    ),
    # combining
    "a number for a schedule": (
        lambda: o.scale(0.5, PLAN),
        TypeError,
        r"schedule must be a Schedule, got 0.5 \(float\)\.\n    A number is written as .*: constant\(value=0.5\)",
    ),
    "after what never ends": (
        lambda: o.constant(value=3e-4) >> o.linear(steps=100),
        ValueError,
        r"then: the first piece never ends; give it a length \(steps=, or @lr_fn\(length=...\) for a function of your "
        r"own\) or say where the second begins \(at=\)",
    ),
    "fitting what never ends": (lambda: o.constant().over(9), ValueError, "over: the schedule never ends"),
    "repeating what never ends": (
        lambda: o.constant().repeat(),
        ValueError,
        r"repeat: the schedule never ends; .*every=",
    ),
    "fitting nothing": (lambda: PLAN.shift(-9_000).over(9), ValueError, "over: the schedule has length 0"),
    "repeating nothing": (lambda: PLAN.shift(-9_000).repeat(), ValueError, "repeat: the schedule has length 0"),
    "pieces too short": (
        lambda: (o.constant(steps=0.001) >> o.linear(steps=0.999)).over(100),
        ValueError,
        r"over: over 100 updates the piece that ends at 0.001 has less than one update",
    ),
    "ceiling below floor": (lambda: PLAN.clamp(floor=1, ceiling=0.5), ValueError, "clamp: ceiling must be >= floor"),
    "negative factor": (lambda: -0.5 * PLAN, ValueError, r"scale\(factor=-0.5\): factor must be >= 0"),
    "joined to a number": (lambda: PLAN >> 0.1, TypeError, r"plan >> constant\(value=0.1\)"),
    "times text": (lambda: PLAN * "2", TypeError, "unsupported operand|can't multiply"),
    "times an array": (lambda: PLAN * np.ones(2), TypeError, r"not by an array \(ndarray\); multiply its values"),
    "an array times": (lambda: np.ones(2) * PLAN, TypeError, r"not by an array \(ndarray\); multiply its values"),
    "plus text": (lambda: PLAN + "1", TypeError, "unsupported operand|can only concatenate"),
    "plus less": (lambda: PLAN + -1, ValueError, r"add\(second=-1\): second must be >= 0"),
    "minus less": (lambda: PLAN - -1, ValueError, r"subtract\(second=-1\): second must be >= 0"),
    "less minus": (lambda: -1 - PLAN, ValueError, r"subtract\(first=-1\): first must be >= 0"),
    "a number by a schedule": (lambda: 1 / PLAN, TypeError, "nothing by a schedule"),
    "the smaller of text": (lambda: PLAN.minimum("1"), TypeError, r"second must be a number or a Schedule .*got '1'"),
    "a shape alone": (lambda: o.one_minus_power(power=2)(5), TypeError, r"one_minus_power\(power=2\) needs steps= "),
    "a shape joined": (
        lambda: o.one_minus_power(power=2) >> PLAN,
        TypeError,
        r"needs steps= \(a length, in updates\); without it, it only goes into along=",
    ),
    "a shape's method": (lambda: o.one_minus_power(power=2).warmup(3), TypeError, r"\(power=2\) needs steps="),
    "a shape for a schedule": (
        lambda: o.warmup(o.polynomial(power=2), 3),
        TypeError,
        r"polynomial\(power=2\) needs steps=",
    ),
    "a shape from another height": (
        lambda: PLAN.cooldown(at=5, steps=5, along=o.linear(start=0.5, steps=3)),
        ValueError,
        r"cooldown: along must go from 1 to 0, got linear.*, which goes from 0.5 to 0.0",
    ),
    "a shape to another height": (
        lambda: PLAN.cooldown(at=5, steps=5, along=o.linear(end=0.5, steps=3)),
        ValueError,
        "along must go from 1 to 0, .* from 1.0 to 0.5",
    ),
    "a shape without an end": (
        lambda: PLAN.cooldown(at=5, steps=5, along=o.constant()),
        ValueError,
        "cooldown: along must be a schedule with an end, got constant",
    ),
    "a shape that is none": (lambda: PLAN.cooldown(at=5, steps=5, along=0.5), TypeError, "along must be a Schedule"),
    "ceiling below floor in numbers": (lambda: PLAN.clamp(floor=1, ceiling=0), ValueError, "ceiling must be >= floor"),
    "no tokens": (lambda: PLAN.by_tokens(0), ValueError, r"per_update must be > 0 and finite"),
    "endless tokens": (lambda: PLAN.by_tokens(math.inf), ValueError, "per_update must be finite"),
    "tokens of later stages": (
        lambda: PLAN.by_tokens({2: 5, 7: 9}),
        ValueError,
        r"by_tokens: per_update must have stages that begin with update 1 and rise, got updates \[2, 7\]",
    ),
    "tokens of stages that fall": (
        lambda: PLAN.by_tokens(((1, 5), (9, 7), (9, 8))),
        ValueError,
        r"begin with update 1 and rise, got updates \[1, 9, 9\]",
    ),
    "tokens of one later stage": (lambda: PLAN.by_tokens({3: 5}), ValueError, r"got updates \[3\]"),
    "tokens of no stage": (lambda: PLAN.by_tokens({}), ValueError, r"begin with update 1 and rise, got updates \[\]"),
    "tokens of nothing": (lambda: PLAN.by_tokens({1: 0, 5: 3}), ValueError, "per_update must be"),
    "tokens by name": (
        lambda: PLAN.by_tokens({"first": 5, "then": 7}),
        TypeError,
        "a mapping goes from the first update of each stage, a whole number, to its tokens .*; 'first' is no update",
    ),
    "tokens from half an update on": (lambda: PLAN.by_tokens({1: 5, 9.5: 7}), TypeError, "9.5 is no update"),
    "tokens from no update on": (lambda: PLAN.by_tokens({1: 5, None: 7}), TypeError, "None is no update"),
    "tokens from a truth on": (lambda: PLAN.by_tokens({True: 5, 9: 7}), TypeError, "True is no update"),
    "Megatron's text in another form": (
        lambda: PLAN.by_tokens("768, 250B:1536"),
        ValueError,
        r"by_tokens\(per_update='768, 250B:1536'\): .* is not of the form '0:768 250B:1536' \(threshold:batch size",
    ),
    "Megatron's text of nothing": (lambda: PLAN.by_tokens(" "), ValueError, "is not of the form '0:768 250B:1536'"),
    "Megatron's text from later on": (lambda: PLAN.by_tokens("5:768"), ValueError, "thresholds rise from 0"),
    "Megatron's text that falls": (lambda: PLAN.by_tokens("0:1 2K:2 2K:3"), ValueError, "thresholds rise from 0"),
    "Megatron's text of no samples": (lambda: PLAN.by_tokens("0:1 2K:0"), ValueError, "every batch has a sample"),
    "replacing what is not there": (
        lambda: PLAN.replace(step=5),
        TypeError,
        r"cosine\(\) has no parameter 'step'; did you mean 'steps'\?",
    ),
    "replacing by less": (lambda: PLAN.replace(steps=0), ValueError, r"cosine\(steps=0\): steps must be > 0"),
    "replacing by position": (lambda: PLAN.replace(5), TypeError, r"by name: write replace\(\*\*changes\), such as"),
    "replacing what a plan was built with": (
        lambda: PLAN.warmup(9).replace(total_steps=5),
        TypeError,
        r"warmup\(\) has no parameter 'total_steps'; it takes schedule, steps, start. Only named plans take it: build ",
    ),
    "replacing the height of a plan": (
        lambda: PLAN.warmup(9).replace(peak=5),
        TypeError,
        r"no parameter 'peak'; it takes .*warmup_cosine\(peak=\.\.\.\), or change its height: factor \* plan$",
    ),
    "replacing what a piece inside has": (
        lambda: PLAN.warmup(9).replace(end=5),
        TypeError,
        r"no parameter 'end'; cosine\(\) in it has: plan.replace\(schedule=plan.arguments\['schedule'\].replace\(end=",
    ),
    "too many boundaries": (lambda: PLAN.repeat().boundaries(), ValueError, "more than 1,048,576 boundaries up to inf"),
    "divided by nothing": (lambda: PLAN / 0, ValueError, "a schedule is divided by a number > 0, got 0"),
    "divided by less": (lambda: PLAN / -2, ValueError, r"scale\(factor=-0.5\): factor must be >= 0"),
    "divided by a schedule": (lambda: PLAN / PLAN, TypeError, "nothing by a schedule"),
    # plans
    "a total too short": (
        lambda: o.warmup_cosine(peak=0.1, warmup_steps=10, total_steps=10),
        ValueError,
        r"warmup_cosine\(total_steps=10\): total_steps must be more than warmup_steps=10, which it includes",
    ),
    "a warm-up as a part of the run": (
        lambda: o.warmup_cosine(peak=0.1, warmup_steps=0.1, total_steps=2_000),
        ValueError,
        r"warmup_steps is less than one update.*\n    For 0.1 of the run write warmup_steps=200",
    ),
    "a plan by position": (
        lambda: o.noam(4_000),
        TypeError,
        r"noam\(\) takes its parameters by name: write noam\(warmup_steps=..., d_model=",
    ),
    "a plan's parameter": (
        lambda: o.warmup_cosine(peak=0.1, warmup=10, total_steps=99),
        TypeError,
        r"warmup_cosine\(\) has no parameter 'warmup'; here that is 'warmup_steps'",
    ),
    "a plan's parameter left out": (lambda: o.wsd(peak=0.1), TypeError, r"wsd\(\) needs warmup_steps= \(a length"),
    "a plan's range": (
        lambda: o.wsd(peak=-1, warmup_steps=1, decay_steps=1, total_steps=9),
        ValueError,
        r"wsd\(peak=-1\): peak must be >= 0",
    ),
    "Noam without a height": (lambda: o.noam(warmup_steps=9), TypeError, r"noam\(\) needs either d_model= .* or peak="),
    "Noam with two heights": (lambda: o.noam(warmup_steps=9, d_model=2, peak=1), TypeError, "noam.. needs either"),
    "a triangle upside down": (
        lambda: o.triangular(floor=0.2, peak=0.1, cycle_steps=9),
        ValueError,
        r"triangular\(floor=0.2\): floor must be <= peak=0.1",
    ),
    "a floor above the peak": (
        lambda: o.cosine_restarts(peak=0.1, floor=0.2, cycle_steps=9, scale=0.5),
        ValueError,
        r"floor must be <= peak=0.1",
    ),
    **{
        f"a floor as a part of the peak of {plan.__name__}": (
            functools.partial(plan, peak=3e-4, floor=0.1, **lengths),
            ValueError,
            rf"{plan.__name__}\(floor=0.1\): floor must be <= peak=0.0003 .*For 0.1 of the peak write floor=0.1 \*",
        )
        for plan, lengths in {
            o.warmup_cosine: {"warmup_steps": 10, "total_steps": 100},
            o.warmup_linear: {"warmup_steps": 10, "total_steps": 100},
            o.wsd: {"warmup_steps": 10, "decay_steps": 10, "total_steps": 100},
            o.one_cycle: {"total_steps": 100},
            o.cosine_restarts: {"cycle_steps": 100},
        }.items()
    },
    # evaluating
    "before training": (
        lambda: PLAN(-1),
        ValueError,
        r"real_step must be a number from 0 to 1e300, got -1\. Updates count from 1; 0 is the instant before training",
    ),
    "at no time": (lambda: PLAN(math.nan), ValueError, "real_step must be a number from 0 to 1e300, got nan"),
    "for ever": (lambda: PLAN(math.inf), ValueError, "real_step must be a number from 0 to 1e300, got inf"),
    "at text": (lambda: PLAN("5"), TypeError, r"real_step must be a number, or a NumPy, PyTorch or JAX array, got '5'"),
    "at a truth value": (lambda: PLAN(True), TypeError, "real_step must be a number"),
    "at a list": (lambda: PLAN([1, 2]), TypeError, r"for many steps at once pass an array: numpy\.array"),
    "in no epoch": (
        lambda: PLAN(1, epoch=-1),
        ValueError,
        r"epoch must be a number from 1 to 1e300, got -1\..* pass epoch \+ 1",
    ),
    "in epoch 0": (lambda: PLAN(1, epoch=0), ValueError, r"from 1 to 1e300, got 0\..* where they count from 0, pass"),
    "without an epoch": (
        lambda: PLAN.by_epoch()(1),
        ValueError,
        r"this schedule counts epochs, and was called without one: write plan\(real_step, epoch\), with epochs from 1",
    ),
    # the value
    "Schedule()": (lambda: o.Schedule(), TypeError, "Schedule is not built directly; call an lr function"),
    "setting": (lambda: setattr(PLAN, "steps", 5), AttributeError, "a schedule is immutable: cannot set 'steps'"),
    "deleting": (lambda: delattr(PLAN, "steps"), AttributeError, "a schedule is immutable: cannot delete 'steps'"),
    "a name not there": (lambda: o.cosin, AttributeError, "module 'optimsche' has no attribute 'cosin'"),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call(wrong):
    call, kind, message = WRONG_CALLS[wrong]
    with pytest.raises(kind, match="(?is)" + message):
        call()


class TestDecorator:
    def test_the_clocks_come_first(self):
        with pytest.raises(
            TypeError, match=r"must begin with the clocks by name: def wrong\(real_step, epoch, \*, \.\.\.\)"
        ):

            @lr_fn
            def wrong(*, peak):
                return peak

    def test_every_parameter_has_a_name(self):
        with pytest.raises(TypeError, match=r"wrong takes \*\*more, but every parameter"):

            @lr_fn
            def wrong(real_step, epoch, **more):
                return 1.0

    def test_clocks_in_the_wrong_order(self):
        with pytest.raises(TypeError, match="must begin with the clocks"):

            @lr_fn
            def wrong(epoch, real_step, *, peak):
                return peak

    def test_a_name_that_does_not_print(self):
        with pytest.raises(TypeError, match="prints the name of its function, and '<lambda>' is not an identifier"):
            lr_fn(lambda real_step, epoch: 1.0)

    def test_a_default_outside_its_own_range(self):
        with pytest.raises(ValueError, match=r"@lr_fn: wrong\(every=0\): every must be > 0"):

            @lr_fn
            def wrong(real_step, epoch, *, every: Steps = 0):
                return 1.0

    def test_an_annotation_that_a_schedule_cannot_hold(self):
        with pytest.raises(TypeError, match="is not something a schedule can hold: numbers, text, tuples"):

            @lr_fn
            def wrong(real_step, epoch, *, table: dict[str, float]):
                return 1.0

    def test_an_annotation_that_cannot_be_read(self):
        def wrong(real_step, epoch, *, peak: "Raet"):  # noqa: F821
            return peak

        with pytest.raises(TypeError, match="the annotation 'Raet' of wrong's parameter 'peak' cannot be read"):
            lr_fn(wrong)

    def test_a_formula_that_returns_no_number(self):
        @lr_fn
        def without_return(real_step, epoch, *, peak: Rate):
            return None

        with pytest.raises(
            TypeError, match=r"an lr function returns a number; without_return returned None for real_step=5.0"
        ):
            without_return(peak=0.1)(5)

    def test_ranges_of_ones_own_are_enforced(self):
        @lr_fn
        def own_sawtooth(real_step, epoch, *, peak: Rate, every: Steps):
            return peak * (1 - (real_step % every) / every)

        with pytest.raises(
            ValueError, match=r"own_sawtooth\(every=0\): every must be > 0 and finite \(a length, in updates\)"
        ):
            own_sawtooth(peak=0.1, every=0)

    def test_what_cannot_be_stored_is_refused_without_an_annotation_too(self):
        @lr_fn
        def free(real_step, epoch, *, thing):
            return 1.0

        assert free(thing=(1, "two", None)).params["thing"] == (1, "two", None)
        assert free(thing=PLAN).arguments["thing"] == PLAN
        with pytest.raises(TypeError, match="thing must be a number, text, a tuple of these, or a schedule"):
            free(thing=(PLAN, PLAN))
        with pytest.raises(TypeError, match="thing must be a number, text, a tuple of these, or a schedule"):
            free(thing={"a": 1})
