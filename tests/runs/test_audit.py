"""What was applied against what was planned: injected faults, the logs of six runs, and what audit refuses."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

import optimsche as o
from optimsche import audit, peers
from tests.runs import injected
from tests.runs.__main__ import Judged

LOGS = Path(__file__).parent / "logs"
PLAN = o.warmup_cosine(peak=3e-4, warmup_steps=100, total_steps=1_000)
get = peers.transformers.get_scheduler


def test_clean_runs_raise_no_alarm():
    judged = Judged(injected.clean(100))
    assert judged.clean == judged.count


def test_one_cause_is_named():
    judged = Judged(injected.singles(42))
    assert judged.named >= 41, judged.missed
    assert judged.named_first >= 38
    assert judged.first >= 40


def test_two_causes_are_named_together():
    judged = Judged(injected.pairs(5, seed=3))
    assert judged.named >= 4, judged.missed
    assert judged.alone_and_wrong == 0


@pytest.mark.parametrize(
    ("number", "plan", "said"),
    [
        (1, get("linear", 500, 5_000, base_lr=1e-5), "from update 51 on 3: skipped updates were not counted"),
        (2, get("linear", 50, 2_315, base_lr=3e-5), "from update 1,601 on 3: skipped updates were not counted"),
        (3, get("linear", 700, 27_420, base_lr=5e-5), "from update 26,001 on 11: skipped updates were not counted"),
        (
            4,
            get("linear", 500, 10_000, base_lr=1e-5),
            "1. what was logged at an update is its own rate: counts='next' is wrong",
        ),
        (5, get("cosine", 0, 1_000, base_lr=2e-4), "Clean"),
        (6, get("constant_with_warmup", 1_000, base_lr=3e-6), "Clean"),
    ],
)
def test_the_logs_of_six_runs(number, plan, said):
    found = audit(plan, *o.read_log(LOGS / f"run{number}.csv"), counts="next")
    assert said in str(found)
    assert found.clean == (number > 4)
    if number == 1:
        assert (found.first, round(found.expected[0], 12), found.rates[0]) == (26, 5e-7, 4.6000000000000004e-07)


def log_of(clock, plan=PLAN, last=1_000, every=10):
    updates = np.arange(every, last + 1, every)
    return plan(clock(updates)), updates


@pytest.mark.parametrize(
    ("settings", "clock", "said"),
    [
        ({"world_size": 4}, lambda n: (n - 1) * 4 + 1, "4 times too fast; 4 is the number of processes"),
        ({"accum_grad": 8}, lambda n: (n - 1) // 8 + 1, "8 times too slowly; 8 is the number of micro-batches"),
        ({"steps_per_epoch": 50}, lambda n: (n - 1) // 50 + 1, "stepped once an epoch, of 50 updates"),
        ({}, lambda n: np.where(n > 333, n - 333, n), "after update 333 the schedule began again"),
        ({}, lambda n: np.minimum(n, 333), "after update 333 the rate changed no more"),
        ({}, lambda n: np.where((n > 300) & (n <= 400), 300, n), "the rate of update 300 was kept until update 400"),
        ({}, lambda n: n + 1, "what was logged at an update is the rate of the next one"),
    ],
)
def test_the_numbers_are_in_the_words(settings, clock, said):
    found = audit(PLAN, *log_of(clock), **settings)
    assert said in found.causes[0].text
    assert found.causes[0] in found.explanations[0]


def test_what_nothing_explains_is_said_to_be_so():
    rates, steps = log_of(lambda n: n)
    noise = np.random.default_rng(0).uniform(0.5, 1.5, len(rates))
    found = audit(PLAN, rates * noise, steps)
    assert not found.clean
    assert found.causes == found.explanations == ()
    assert "No cause that is looked for, nor two of them together, explains every point" in str(found)


def test_what_cannot_be_told_apart_is_said_to_be_so():
    found = audit(PLAN, PLAN(np.arange(1, 51)) / 2)  # a warm-up alone: half the rate, or twice the warm-up
    assert {"factor", "warmup"} <= {cause.kind for cause in found.causes}
    assert "the log cannot tell which" in str(found)


def test_the_relative_rate_that_was_taken_for_an_absolute_one():
    assert "the base rate counts twice" in audit(PLAN, PLAN(np.arange(1, 1_001)) * 3e-4).causes[0].text


def test_the_precision_is_that_of_the_log():
    steps = np.arange(1, 1_001)
    rates = PLAN(steps)
    for written, said in [
        ([float(f"{rate:.3e}") for rate in rates], "4 digits"),
        ([round(rate, 7) for rate in rates], "7 decimal places"),
        (rates.astype(np.float32), "float32"),
        (rates, "all digits"),
    ]:
        found = audit(PLAN, written, steps)
        assert (found.clean, found.precision) == (True, said)
    assert not audit(PLAN, rates * (1 + 1e-6), steps).clean


@pytest.mark.parametrize(
    ("plan", "write", "every"),
    [
        (PLAN, "{:.1e}", 10),
        (PLAN, "{:.5f}", 5),  # two digits of the highest, and one late in the run
        (PLAN, "{:.6f}", 50),  # few points, of which few are small
        (o.warmup_linear(peak=1e-3, warmup_steps=10, total_steps=1_000), "{:.5f}", 50),
        (o.warmup_constant(peak=1e-3, warmup_steps=15), "{:.1e}", 10),
        (o.step_decay(start=1.0, factor=0.5, every=100), "{:.3f}", 50),
    ],
)
def test_a_log_of_few_digits_is_clean(plan, write, every):
    steps = np.arange(every, 451, every)
    written = [float(write.format(rate)) for rate in plan(steps)]
    assert audit(plan, written, steps).clean
    assert not audit(plan, [float(write.format(2 * rate)) for rate in plan(steps)], steps).clean


def test_few_short_numbers_are_not_taken_as_rounded_to_places():
    plan = o.piecewise_constant(at=(10, 20), values=(0.1, 0.01, 0.001))
    found = audit(plan, [0.1] * 10 + [0.01] * 10 + [0.0012] * 10)
    assert (found.clean, found.first) == (False, 21)


def test_what_tells_is_looked_at_first_in_a_long_log():
    plan = o.wsd(peak=3e-4, warmup_steps=2, decay_steps=3_625, total_steps=14_501)
    steps = np.arange(1, 14_501)
    found = audit(plan, plan(np.where(steps > 6_458, steps - 6_458, steps)), steps)
    assert found.causes[0].text == "after update 6,458 the schedule began again from 0"


def test_numbers_that_the_log_leaves_open_are_said_to_be_so():
    plan = o.step_decay(start=0.1, factor=0.5, every=100)
    steps = np.arange(10, 1_001, 10)
    said = audit(plan, plan(np.minimum(steps, 333)), steps).causes[0].text
    assert said.endswith("the schedule was not stepped (the log leaves it open between 301 and 400)")


def test_a_log_that_is_read_for_the_next_update_and_has_its_own_is_told_so():
    steps = np.arange(1, 1_001)
    told = [cause.kind for cause in audit(PLAN, PLAN(steps), steps, counts="next").causes]
    assert told[0] == "logged_this"
    assert audit(PLAN, PLAN(steps + 1), steps).causes[0].kind == "logged_next"
    assert audit(PLAN, PLAN(steps + 1), steps, counts="next").clean


def test_the_rate_of_the_next_update_is_named_beside_another_cause():
    steps = np.arange(1, 1_001)
    held = np.where((steps > 500) & (steps <= 600), 500, steps)
    kinds = [{cause.kind for cause in causes} for causes in audit(PLAN, PLAN(held + 1), steps).explanations]
    assert {"logged_next", "stale"} in kinds
    assert {"shift", "stale"} in kinds


def test_a_floor_and_a_counter_that_went_wrong_later_are_found_as_a_pair():
    steps = np.arange(1, 1_001)
    run = o.warmup_cosine(peak=3e-4, warmup_steps=100, total_steps=1_000, floor=3e-5)
    kinds = [{cause.kind for cause in causes} for causes in audit(PLAN, run(np.minimum(steps, 700))).explanations]
    assert {"floor", "frozen"} in kinds


@pytest.mark.parametrize(
    ("plan", "run"),
    [
        (o.cosine(start=0.1, steps=900), o.cosine(start=0.1, steps=900).warmup(130)),
        (o.cosine(start=0.1, steps=900), o.cosine(start=0.1, steps=770).warmup(130)),
        (o.step_decay(start=0.1, factor=0.5, every=200), o.step_decay(start=0.1, factor=0.5, every=200).warmup(130)),
        (get("linear", 0, 900, base_lr=0.1), get("linear", 130, 900, base_lr=0.1)),
    ],
)
def test_a_warmup_that_the_plan_does_not_have(plan, run):
    steps = np.arange(20, 801, 20)
    said = audit(plan, run(steps), steps).causes[0].text
    assert said == "there is a warm-up of 130 updates, which the plan does not have"


def test_a_counter_that_stands_still_is_not_taken_for_skips():
    plan = o.warmup_linear(peak=1.0, warmup_steps=50, total_steps=1_000)
    steps = np.arange(10, 1_001, 10)
    behind = steps - np.searchsorted([333, 471], steps)
    held = np.where((behind > 684) & (behind <= 838), 684, behind)
    kinds = [{cause.kind for cause in causes} for causes in audit(plan, plan(held), steps).explanations]
    assert kinds == [{"skips", "stale"}]
    frozen = audit(plan, plan(np.minimum(steps, 700)), steps)
    assert [cause.kind for cause in frozen.causes] == ["frozen"]


def test_a_wave_that_turns_between_two_points_of_the_log_is_none():
    plan = get("cosine", 100, 1_000, base_lr=3e-4)
    steps = np.arange(50, 1_001, 50)
    rates = [float(f"{rate:.3g}") for rate in plan(4 * steps + 1)]
    assert "12 updates" not in str(audit(plan, rates, steps))


def test_the_length_of_a_wave_is_that_of_its_fall():
    steps = np.arange(1, 1_001)
    said = audit(get("cosine", 0, 1_000, base_lr=1e-3), get("cosine", 0, 800, base_lr=1e-3)(steps)).causes[0].text
    assert said == "the schedule is made for 800 updates and not for 1,000"


def test_pieces_that_another_length_leaves_nothing_of_are_none():
    plan = get("cosine", 36, 120, base_lr=0.05)
    steps = np.arange(1, 79)
    behind = steps - np.searchsorted([5, 20, 41], steps)
    assert not audit(plan, plan(np.where(steps > 60, behind + 25, behind)), steps).clean


def test_a_plan_that_counts_epochs():
    plan = o.cosine(start=0.1, steps=20).by_epoch()
    steps = np.arange(1, 2_001)
    rates = plan(steps, np.ceil(steps / 100))
    assert audit(plan, rates, steps, steps_per_epoch=100).clean
    stopped = audit(plan, rates[np.minimum(steps, 700) - 1], steps, steps_per_epoch=100)
    assert (stopped.first, stopped.causes[0].kind) == (701, "frozen")
    with pytest.raises(ValueError, match="steps_per_epoch must be given"):
        audit(plan, rates, steps)


def test_a_step_that_comes_twice_counts_as_it_was_last():
    assert audit(PLAN, [PLAN(10), 7.0, PLAN(30), PLAN(20)], [10, 20, 30, 20]).clean


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cosine(steps=9)", [0.1]), r"Text is read by parse: audit\(parse\('cosine"),
        (([0.1], PLAN), r"plan must be a schedule, got \[0.1\].\n    The plan comes first: audit\(plan, rates"),
        ((PLAN, 0.1), "rates must be a list of numbers"),
        ((PLAN, []), "at least one number"),
        ((PLAN, ["fast"]), "rates must be a list of numbers"),
        ((PLAN, [math.nan]), "rates must be finite, got nan as number 1"),
        ((PLAN, [-0.1]), "rates must be >= 0"),
        ((PLAN, [0.1, 0.2], [1]), "as many steps as rates, got 1 and 2"),
        ((PLAN, [0.1], [1.5]), "whole numbers >= 0, got 1.5"),
    ],
)
def test_wrong_calls(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        audit(*arguments)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accum_grad": 0}, "accum_grad must be .*>= 1"),
        ({"world_size": 1.5}, "world_size must be a whole number"),
        ({"counts": "last"}, "'this', 'next'"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        audit(PLAN, [0.1], **settings)


def test_it_draws_itself():
    from matplotlib.figure import Figure

    wrong = audit(PLAN, *log_of(lambda n: np.where(n > 500, n - 500, n)))
    figure = Figure()
    wrong.draw(figure)
    above, below = figure.axes
    assert above.get_legend_handles_labels()[1] == ["plan", "log", "update 510, the first wrong one"]
    assert below.get_ylabel() == "log - plan"
    page = wrong._repr_html_()
    assert "data:image/svg+xml;base64," in page
    assert "after update 500" in page
    assert len(audit(PLAN, *log_of(lambda n: n)).plot(ax=Figure().subplots()).get_lines()) == 2


def test_the_logs_are_numbers_alone():
    for path in sorted(LOGS.iterdir()):
        head, *rows = csv.reader(path.read_text().splitlines())
        assert head == ["step", "learning_rate"]
        assert all(int(step) >= 0 <= float(rate) for step, rate in rows)
