"""A recorded curve as a plan: named ones and compositions, at every update, and what has no plan."""

import numpy as np
import pytest

import optimsche as o
from optimsche import fit
from tests.runs import curves


def test_recorded_curves_are_found_at_every_update():
    found = [
        curves.is_found(record, fit(record.rates, record.steps).plan) for record in map(curves.recorded, range(30))
    ]
    assert sum(found) >= 27


@pytest.mark.parametrize(
    "plan",
    [
        o.warmup_cosine(peak=3e-4, warmup_steps=50, total_steps=1_000, floor=3e-5),
        o.warmup_linear(peak=1e-3, warmup_steps=100, total_steps=2_000),
        o.warmup_constant(peak=0.1, warmup_steps=30, total_steps=500),
        o.wsd(peak=0.1, warmup_steps=20, decay_steps=100, total_steps=500),
        o.cosine(start=0.1, steps=300),
        o.constant(value=0.1, steps=300),
    ],
)
def test_a_named_plan_is_recognised(plan):
    steps = range(5, int(plan.length) + 1, 5)
    found = fit([float(f"{plan(n):.6g}") for n in steps], steps)
    assert (found.plan, found.error) == (plan, 0.0)


def test_noam_has_no_end():
    found = fit(o.noam(peak=0.1, warmup_steps=100)(np.arange(1, 1_001)))
    updates = np.array([50, 100, 5_000])
    assert found.plan(updates) == pytest.approx(o.noam(peak=0.1, warmup_steps=100)(updates), rel=1e-6)


def test_the_length_of_a_line_that_was_cut_off():
    plan = o.warmup_linear(peak=1e-3, warmup_steps=100, total_steps=1_000, floor=1e-4)
    rates = plan(np.arange(1, 701))
    assert fit(rates, total_steps=1_000).plan == plan
    assert fit(rates).plan(700) == pytest.approx(plan(700), rel=1e-9)


def test_what_is_no_plan_is_said_to_be_none():
    found = fit(np.random.default_rng(0).uniform(0.1, 1.0, 100))
    assert found.plan is None
    assert found.error > 0
    assert "No plan of up to" in str(found)


def test_few_short_rates_are_what_was_written():
    plan = o.step_decay(start=0.1, factor=0.5, every=200)
    steps = np.arange(1, 1_001)
    found = fit(plan(steps), steps).plan
    assert found(steps).tolist() == plan(steps).tolist()


def test_one_point_and_two():
    assert fit([0.1], [7]).plan(7) == 0.1
    assert fit([0.1, 0.2], [7, 9]).plan(np.array([7, 9])) == pytest.approx([0.1, 0.2])
    assert fit([0.0, 0.0, 0.0]).plan(2) == 0.0


def test_wrong_calls():
    with pytest.raises(ValueError, match="total_steps must be > 0"):
        fit([0.1], total_steps=0)
    with pytest.raises(TypeError, match="rates must be a list of numbers"):
        fit("0.1")


def test_it_draws_itself():
    page = fit(o.cosine(start=0.1, steps=50)(np.arange(1, 51)))._repr_html_()
    assert "cosine(start=0.1, end=0.0, steps=50)" in page
    assert "data:image/svg+xml;base64," in page
