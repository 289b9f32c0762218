"""Two plans side by side."""

import base64
import math

import pytest

import optimsche as o

PLAN = o.warmup_linear(peak=0.1, warmup_steps=10, total_steps=110)


def test_longer_plans_part_after_the_warmup():
    found = PLAN.diff(o.warmup_linear(peak=0.1, warmup_steps=10, total_steps=210), at=60)
    assert (found.first, found.left, found.ends) == (11, (50, 150), (0.0, 0.0))
    assert found.next_rates == (PLAN(61), found.other(61))
    assert found.ratio == found.other(61) / PLAN(61)
    assert found.left_sums == pytest.approx(
        (sum(PLAN(n) for n in range(61, 111)), sum(map(found.other, range(61, 211))))
    )
    assert "The plans differ from update 11 on. The next update, 61, has 0.049 in one and 0.0745 in the other" in str(
        found
    )


def test_before_they_part_the_next_update_is_the_same():
    assert "The next update, 6, has 0.06 in both" in str(PLAN.diff(PLAN.cooldown(at=50, steps=10), at=5))


def test_the_same_plan_in_other_words():
    other = o.linear(start=0.0, end=0.1, steps=10) >> o.linear(start=0.1, end=0.0, steps=100)
    assert PLAN.diff(other).first is None
    assert "The plans have the same rates" in str(PLAN.diff(other))


def test_one_without_an_end_and_one_that_is_over():
    found = PLAN.diff(o.noam(peak=0.1, warmup_steps=10), at=200)
    assert found.left == (0, math.inf)
    assert found.ratio == math.inf
    assert "Left of one: nothing, it holds 0; of the other: no end" in str(found)


def test_plans_that_count_epochs():
    plan = o.cosine(start=0.1, steps=4).by_epoch()
    found = plan.diff(plan.replace(schedule=o.cosine(start=0.1, steps=8)), at=10, steps_per_epoch=20, accum_grad=2)
    assert found.first == 11
    with pytest.raises(ValueError, match="counts epochs"):
        plan.diff(PLAN)


def test_wrong_calls():
    with pytest.raises(TypeError, match=r"plan.diff\(parse\('linear"):
        PLAN.diff("linear(steps=9)")
    with pytest.raises(ValueError, match="at must be a whole number >= 0"):
        PLAN.diff(PLAN, at=-1)
    with pytest.raises(TypeError, match="has no parameter 'step'"):
        PLAN.diff(PLAN, step=3)


def test_it_draws_itself():
    page = PLAN.diff(0.5 * PLAN, at=30)._repr_html_()
    svg = base64.b64decode(page.partition("base64,")[2].partition('"')[0]).decode()
    assert "30 updates made" in svg


def test_a_rate_beside_0_is_no_multiple_of_it():
    said = str(o.linear(start=0.1, steps=10).diff(o.linear(start=0.1, steps=20), at=15))
    assert "has 0 in one and 0.02 in the other.\n" in said
