"""What people type in their first hour: planning, printing, comparing."""

import math

import pytest

import optimsche as o
from optimsche import constant, cosine, linear, parse, plot, warmup_constant, warmup_cosine, wsd


def test_a_plan_in_totals():
    plan = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
    assert repr(plan) == "warmup(cosine(start=0.0003, end=0.0, steps=98000), steps=2000, start=0.0)"
    assert (plan(1), plan(2_000), plan(100_000)) == (1.5e-07, 0.0003, 0.0)
    assert "svg" in plan._repr_html_()


def test_plots_and_tables():
    plan = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
    assert plan.plot().lines
    assert "2000" in repr(plan.table()).replace(",", "")
    other = wsd(peak=3e-4, warmup_steps=2_000, decay_steps=20_000, total_steps=100_000)
    axes = plot({"cosine": plan, "wsd": other})
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cosine", "wsd"]


def test_multiplier_style():
    assert (3e-4 * cosine(steps=9_000))(4_500) == 1.5e-4


def test_mistakes_are_answered():
    with pytest.raises(TypeError, match=r"did you mean 'steps'\?"):
        cosine(start=3e-4, step=9)
    with pytest.raises(ValueError, match="the first piece never ends"):
        constant(value=3e-4) >> linear(steps=100)


def test_a_decay_branches_off_a_running_plan():
    trunk = warmup_constant(peak=3e-4, warmup_steps=1_000)
    branch = trunk.cooldown(at=20_000, steps=2_000)
    assert [branch(t) for t in (500, 20_000, 22_000)] == [trunk(500), 3e-4, 0.0]
    assert trunk.length == math.inf


def test_text_round_trips():
    plan = parse("warmup(cosine(start=3e-4, steps=9_000), steps=1_000)")
    assert plan == eval(repr(plan), vars(o)) == cosine(start=3e-4, steps=9_000).warmup(1_000)


def test_text_in_a_yaml_file_is_a_number_here():
    yaml = pytest.importorskip("yaml")
    data = yaml.safe_load("cosine: {start: 3e-4, steps: 9_000}")
    assert data["cosine"]["start"] == "3e-4"  # YAML's trap
    assert o.from_dict(data) == cosine(start=3e-4, steps=9_000)


def test_fractions_and_updates_mix():
    n = 100_000
    plan = (constant(steps=0.8) >> linear(steps=0.2)).over(n - 2_000).warmup(2_000)
    assert plan.length == n
    assert plan.boundaries() == (2_000.0, 80_400.0, 100_000.0)
    assert (plan(2_000), plan(80_400), plan(n)) == (1.0, 1.0, 0.0)
