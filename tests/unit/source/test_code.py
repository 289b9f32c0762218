"""`plan.code()`: what it looks like, what it follows, what it refuses."""

import math
import textwrap

import numpy as np
import pytest

import optimsche as o
from optimsche import Rate, Steps, lr_fn, ops
from tests.property.test_code import written


def body(plan, language="python"):
    """The lines of the function."""
    head = "def " if language == "python" else "function "
    lines = plan.code(language).split("\n")
    begin = next(number for number, line in enumerate(lines) if line.startswith(head))
    return textwrap.dedent("\n".join(lines[begin + 1 :]))


def test_a_plan_of_pieces_is_a_ladder_in_absolute_updates():
    plan = o.wsd(peak=3e-4, warmup_steps=2_000, decay_steps=20_000, total_steps=100_000)
    assert plan.code() == textwrap.dedent(
        """\
        # warmup(then(constant(value=0.0003, steps=78000), linear(start=0.0003, end=0.0, steps=20000),
        # at=78000), steps=2000, start=0.0)
        # real_step: number of the update, from 1
        def learning_rate(real_step):
            if real_step <= 2000:
                return 0.0003 * (real_step / 2000)
            if real_step <= 80000:
                return 0.0003
            if real_step < 100000:
                return 0.0003 - 0.0003 * ((real_step - 80000) / 20000)
            return 0.0"""
    )
    assert plan.code("js", name="rate") == textwrap.dedent(
        """\
        // warmup(then(constant(value=0.0003, steps=78000), linear(start=0.0003, end=0.0, steps=20000),
        // at=78000), steps=2000, start=0.0)
        // realStep: number of the update, from 1
        function rate(realStep) {
          if (realStep <= 2000) {
            return 0.0003 * (realStep / 2000);
          }
          if (realStep <= 80000) {
            return 0.0003;
          }
          if (realStep < 100000) {
            return 0.0003 - 0.0003 * ((realStep - 80000) / 20000);
          }
          return 0;
        }"""
    )


def test_no_tolerance_is_left_where_lengths_are_whole():
    plans = [
        o.warmup_cosine(peak=0.1, warmup_steps=10, total_steps=100),
        o.cosine(steps=10).repeat(3),
        o.linear(steps=10).repeat(),
        o.cosine(steps=30).staircase(7),
        o.milestones(at=(10, 20)),
        o.piecewise_linear(at=(10, 20), values=(1.0, 2.0)),
        o.cosine(steps=90).by_epoch(),
        o.cosine(steps=10).shift(-3) >> o.linear(steps=4).stretch(3),
    ]
    for plan in plans:
        assert "rounding" not in plan.code()
        assert "e-0" not in body(plan)
    # A cycle of 10.5 updates has boundaries that are no whole numbers: there the rounding has a name.
    assert body(o.cosine(steps=10.5).repeat()).startswith("rounding = 2**-32  # ")


def test_a_boundary_that_a_sum_of_fractions_misses_is_the_whole_number_that_is_meant():
    tenths = o.constant(value=2.0, steps=0.1)
    nine = tenths.sequence([tenths] * 9)
    plan = nine >> o.constant(value=3.0)
    assert plan.lr_fn.name == "then"
    assert plan.arguments["at"] == 0.9999999999999999
    assert body(plan) == "if real_step <= 1:\n    return 2.0\nreturn 3.0"
    assert [plan(1), plan(2)] == [2.0, 3.0]


def test_clocks_are_arguments_where_they_are_used():
    assert "def learning_rate(real_step, epoch):" in o.cosine(steps=90).by_epoch().code()
    assert "epoch" not in o.cosine(steps=90).code()
    assert "import math" not in o.linear(steps=9).code()


def test_a_value_that_is_used_twice_has_a_name():
    assert body(o.triangular(peak=0.1, floor=0.01, cycle_steps=20)).startswith("place = real_step % 20\n")


@lr_fn
def written_saw(real_step, epoch, *, peak: Rate, every: Steps):
    return peak * (1 - (real_step % every) / every)


@lr_fn
def written_with_math(real_step, epoch, *, width: Steps, inner: o.Schedule):
    if real_step > width:
        return inner(real_step - width, epoch) * math.exp(-real_step / width)
    return min(0.5, np.sqrt(real_step) / 10) + ops.segment(0.0, 0.25, ops.progress(real_step, width))


@lr_fn
def written_by_hand(real_step, epoch, *, values: o.Rates):
    return values[int(real_step) % len(values)]


COUNTED = [0]


@lr_fn
def written_with_memory(real_step, epoch):
    COUNTED[0] += 1
    return 0.1 * COUNTED[0] + 0.0 * real_step


def test_functions_of_ones_own_are_followed():
    assert "return 0.1 * (1.0 - (real_step % 100) / 100)" in body(written_saw(peak=0.1, every=100))
    plan = written_with_math(width=9, inner=o.cosine(steps=30)).warmup(5)
    function = written(plan)
    assert [function(t) for t in range(80)] == [plan(t) for t in range(80)]


@lr_fn
def written_with_epochs(real_step, epoch, *, rate: Rate):
    return rate / epoch


def test_a_function_of_ones_own_that_counts_epochs_has_both_clocks():
    plan = written_with_epochs(rate=0.5).warmup(3)
    function = written(plan)
    assert [function(t, e) for t in range(9) for e in (1, 2)] == [plan(t, e) for t in range(9) for e in (1, 2)]
    assert "function learningRate(realStep, epoch) {" in plan.code("js")


@lr_fn
def written_up_to(real_step, epoch, *, last: Steps):
    if real_step > last:
        raise ValueError("there is no more")
    return 0.1


def test_a_function_that_refuses_a_step_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="as one formula: written_up_to: there is no more"):
        written_up_to(last=9).code()


def test_what_cannot_be_followed_is_named_with_the_reason():
    cases = [
        (o.constant(value=0.1).jitter(0.1).warmup(10), "as one formula: jitter: .* needs its number"),
        (o.constant(value=0.1).running_product(), "as one formula: running_product: .* needs its number"),
        (written_by_hand(values=(0.1, 0.2)).warmup(10), "as one formula: written_by_hand: "),
        (written_with_memory(), "a function of your own in it was followed, and what was found gives"),
    ]
    for plan, reason in cases:
        with pytest.raises(ValueError, match=f"this plan cannot be written {reason}" if reason[:2] == "as" else reason):
            plan.code()


def test_wrong_arguments_are_refused():
    plan = o.linear(steps=9)
    with pytest.raises(ValueError, match=r"language must be 'python' or 'js', got 'javascript'; did you mean 'js'\?"):
        plan.code("javascript")
    with pytest.raises(ValueError, match="name must be a name that a function can have, got 'two words'"):
        plan.code(name="two words")
    with pytest.raises(TypeError, match=r"code\(\) has no parameter 'lang'; did you mean 'language'\?"):
        plan.code(lang="js")


def test_a_table_of_many_steps_is_written():
    points = tuple(range(10, 2_010, 10))
    plan = o.piecewise_constant(at=points, values=tuple(1.0 / (1 + n) for n in range(201)))
    function = written(plan)
    assert [function(t) for t in range(2_100)] == [plan(t) for t in range(2_100)]


@lr_fn
def away_from_five(real_step, epoch):
    return abs(real_step - 5.0)


def test_an_absolute_value_on_both_sides():
    scope = {}
    exec(away_from_five().code(), scope)
    assert [scope["learning_rate"](t) for t in (2, 5, 8)] == [3.0, 0.0, 3.0]
