"""Ignite's merged warm-ups, growing cycles, and refusals in its terms."""

import bisect

import pytest

from optimsche.peers import ignite, torch


def test_a_warmup_that_ends_where_the_schedule_begins_shares_its_event():
    cosine = ignite.CosineAnnealingScheduler(0.1, 0.0, 50)
    merged = ignite.create_lr_scheduler_with_warmup(cosine, 0.0, 11, 0.1)
    apart = ignite.create_lr_scheduler_with_warmup(cosine, 0.0, 11, 0.2)
    assert [merged(10), merged(11), merged(12)] == pytest.approx([0.09, 0.1, cosine(2)])
    assert [apart(11), apart(12), apart(13)] == pytest.approx([0.2, 0.1, cosine(2)])


def test_a_scheduler_of_pytorchs_enters_at_its_second_value():
    inner = torch.ExponentialLR(0.5, base_lr=0.8)
    merged = ignite.create_lr_scheduler_with_warmup(inner, 0.0, 3, from_torch=True)
    apart = ignite.create_lr_scheduler_with_warmup(inner, 0.0, 3, 0.1, from_torch=True)
    assert [merged(n) for n in (1, 2, 3, 4, 5)] == pytest.approx([0.0, 0.4, 0.8, 0.4, 0.2])
    assert [apart(n) for n in (1, 2, 3, 4, 5)] == pytest.approx([0.0, 0.05, 0.1, 0.8, 0.4])


def test_cycles_that_grow_for_ever():
    lines = ignite.LinearCyclicalScheduler(1.0, 0.0, 4, start_value_mult=1.5)
    assert [lines(4 * k + 1) for k in (0, 1, 2, 10)] == pytest.approx([1.0, 1.5, 1.5**2, 1.5**10])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ignite.CosineAnnealingScheduler(0.1, 0.0, 1), "cycle_size must be a whole number >= 2"),
        (lambda: ignite.LinearCyclicalScheduler(1, 0, 9, warmup_duration=2), "use either warmup_duration=0 or mono"),
        (lambda: ignite.PiecewiseLinear([(5, 1.0), (3, 1.0)]), r"increasing integers, got \(5, 3\)"),
        (lambda: ignite.PiecewiseLinear([]), "milestones_values must be a tuple of at least 1"),
        (lambda: ignite.ConcatScheduler([ignite.PiecewiseLinear([(0, 1.0)])], []), "should be more than one, got 1"),
        (lambda: ignite.ConcatScheduler([ignite.PiecewiseLinear([(0, 1.0)])] * 2, [1, 2]), "got 2 for 2"),
        (
            lambda: ignite.create_lr_scheduler_with_warmup(ignite.PiecewiseLinear([(0, 1.0)]), 0.0, 1, 0.1),
            "at least 2 events, got 1",
        ),
        (
            lambda: ignite.create_lr_scheduler_with_warmup(ignite.PiecewiseLinear([(0, 1.0)]), 0.0, 2),
            "give warmup_end_value",
        ),
    ],
)
def test_refusals(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_milestones_out_of_order_act_where_a_bisection_finds_them():
    out_of_order = ignite.MultiStepStateScheduler(1.0, 0.5, [30, 10, 20])
    expected = [0.5 ** bisect.bisect_right([30, 10, 20], event) for event in range(1, 40)]
    assert [out_of_order(event) for event in range(1, 40)] == expected
