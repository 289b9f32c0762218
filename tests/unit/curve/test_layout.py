"""An expression over several lines is the same expression."""

import pytest
from hypothesis import given

from optimsche import constant, cosine, linear, piecewise_constant, warmup_cosine
from optimsche.curve import laid_out
from optimsche.names import known
from optimsche.testing import schedules


@given(schedules())
def test_it_builds_the_same_schedule(schedule):
    text = laid_out(schedule, width=60)
    assert eval(text, dict(known())) == schedule


def test_what_fits_is_one_line():
    plan = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
    assert laid_out(plan) == repr(plan)


def test_schedules_have_lines_of_their_own_and_numbers_share_one():
    plan = (constant(value=0.1, steps=100) >> linear(start=0.1, steps=200)).warmup(10)
    assert laid_out(plan).splitlines() == [
        "warmup(",
        "    then(",
        "        constant(value=0.1, steps=100),",
        "        linear(start=0.1, end=0.0, steps=200),",
        "        at=100,",
        "    ),",
        "    steps=10, start=0.0,",
        ")",
    ]


@pytest.mark.parametrize("digits", range(1, 8))
def test_a_long_row_is_wrapped_but_not_inside_a_number(digits):
    plan = piecewise_constant(values=(10**digits, *[1e-5] * 30), at=tuple(range(1, 31)))
    lines = laid_out(plan).splitlines()
    assert 4 < len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("-") for line in lines)


def test_a_very_long_one_ends_with_an_ellipsis():
    plan = cosine(steps=100)
    for _ in range(10):
        plan = plan.then(linear(steps=10), at=100)
    lines = laid_out(plan, most=6).splitlines()
    assert len(lines) == 6
    assert lines[-1].endswith(" …")
    assert max(map(len, lines)) <= 83
