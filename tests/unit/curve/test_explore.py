"""Sliders of a schedule, moved as a person moves them."""

import base64
import subprocess
import sys

import pytest
from hypothesis import given, settings

import optimsche
from optimsche import constant, cosine, expression, linear, milestones, parse, piecewise_constant, warmup_cosine
from optimsche.curve.knobs import knobs_of, turned
from optimsche.testing import schedules

RUN = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)


def svg_of(explorer):
    return base64.b64decode(explorer.widget.children[0].value.partition("base64,")[2].partition('"')[0]).decode()


def expression_of(explorer):
    return explorer.widget.children[-1].value


def message_of(explorer):
    return explorer.widget.children[1].value


def test_there_is_a_slider_for_each_number_with_the_range_of_its_signature():
    explorer = RUN.explore()
    assert {name: (slider.min, slider.max) for name, slider in explorer.sliders.items()} == {
        "cosine.start": (0, 6e-4),
        "cosine.end": (0, 6e-4),
        "cosine.steps": (500, 196_000),
        "warmup.steps": (0, 4_000),
        "warmup.start": (0, 6e-4),
    }
    repeated = cosine(steps=10).repeat(3, scale=0.5).jitter(0.1).explore().sliders
    assert (repeated["repeat.scale"].min, repeated["repeat.scale"].max) == (0.005, 1)
    assert (repeated["jitter.amount"].min, repeated["jitter.amount"].max) == (0, 1)
    assert repeated["repeat.stretch"].min == 1
    assert repeated["repeat.closed"].options == ("right", "left")


def test_moving_a_slider_changes_the_schedule_the_curve_and_the_expression():
    explorer = RUN.explore()
    before = svg_of(explorer)
    explorer.sliders["cosine.start"].value = 1e-4
    explorer.sliders["warmup.steps"].value = 4_000
    assert explorer.schedule == cosine(start=1e-4, steps=98_000).warmup(4_000)
    assert parse(expression_of(explorer)) == explorer.schedule
    assert svg_of(explorer) != before
    assert "4k" in svg_of(explorer)


def test_the_numbers_of_a_slider_are_round():
    explorer = RUN.explore()
    explorer.sliders["cosine.start"].value = 121 * 2e-6 - 1e-19  # as a browser sends them
    assert repr(explorer.schedule.arguments["schedule"].arguments["start"]) == "0.000242"


def test_values_that_do_not_go_together_are_answered_and_the_last_good_plan_stays():
    explorer = milestones(start=0.1, at=(30, 60)).explore()
    explorer.sliders["milestones.at[0]"].value = 60
    assert "at must increase, got 60 after 60" in message_of(explorer)
    assert explorer.schedule == milestones(start=0.1, at=(30, 60))
    explorer.sliders["milestones.at[1]"].value = 90
    assert message_of(explorer) == ""
    assert explorer.schedule == milestones(start=0.1, at=(60, 90))


def test_texts_choices_and_rows_can_be_changed():
    written = expression(text="0.1 / (1 + t)").explore()
    written.sliders["expression.text"].value = "0.1 * 0.5 ** (t / 10)"
    assert written.schedule(10) == 0.05
    written.sliders["expression.text"].value = "0.1 *"
    assert "expression" in message_of(written)
    chosen = cosine(steps=10).repeat(3).explore()
    chosen.sliders["repeat.closed"].value = "left"
    assert chosen.schedule == cosine(steps=10).repeat(3, closed="left")
    row = piecewise_constant(values=(0.1, 0.2, 0.1), at=(10, 20)).explore()
    row.sliders["piecewise_constant.values[1]"].value = 0.3
    assert row.schedule == piecewise_constant(values=(0.1, 0.3, 0.1), at=(10, 20))


def test_of_several_alike_the_name_tells_which():
    names = (constant(0.1, steps=10) >> constant(0.05, steps=20)).explore().sliders
    assert {"first.value", "second.value", "then.at"} < set(names)


def test_the_given_schedule_stays_in_the_picture_in_grey():
    explorer = RUN.explore()
    explorer.sliders["cosine.start"].value = 1e-4
    assert svg_of(explorer).count("3e-4") >= 1  # the axis still reaches up to it


def test_it_shows_itself():
    bundle = RUN.explore()._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_epochs():
    with pytest.raises(ValueError, match=r"explore\(\.\.\., steps_per_epoch=len\(loader\)\)"):
        linear(steps=10).by_epoch().explore()
    explorer = linear(steps=10).by_epoch().explore(steps_per_epoch=7)
    explorer.sliders["linear.steps"].value = 5
    assert explorer.schedule == linear(steps=5).by_epoch()


def test_mistakes():
    with pytest.raises(TypeError, match=r"explore\(\) takes a schedule, got 'cosine\(steps=9\)'"):
        optimsche.curve.explore("cosine(steps=9)")
    with pytest.raises(ValueError, match="steps must be > 0"):
        RUN.explore(steps=-1)
    with pytest.raises(TypeError, match=r"explore\(\) has no parameter 'step'; did you mean 'steps'"):
        RUN.explore(step=3)


def test_without_ipywidgets_it_says_what_to_install():
    code = "import sys; sys.modules['ipywidgets'] = None\nfrom optimsche import cosine\ncosine(steps=9).explore()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "explore needs ipywidgets: pip install ipywidgets" in ran.stderr


@settings(deadline=None)
@given(schedules())
def test_every_schedule_can_be_explored(schedule):
    knobs = knobs_of(schedule)
    assert len({knob.label for knob in knobs}) == len(knobs)
    for knob in knobs:
        if isinstance(knob.value, int | float) and not knob.choices and not isinstance(knob.value, bool):
            assert knob.low <= knob.value <= knob.high
            assert knob.step > 0
        assert not knob.choices or knob.value in knob.choices
    assert turned(schedule, {knob.path: knob.value for knob in knobs}) == schedule
