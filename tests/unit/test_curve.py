"""What a plot draws and a table lists, compared with the schedule itself."""

import math
import re
import time

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib.figure import Figure

from optimsche import (
    Rate,
    Steps,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    geometric,
    inverse_sqrt,
    linear,
    lr_fn,
    milestones,
    noam,
    piecewise_constant,
    plot,
    step_decay,
    table,
    triangular,
    warmup_constant,
    warmup_cosine,
    wsd,
)
from optimsche.curve import Row
from optimsche.lr_fn import LrFn
from optimsche.names import known
from optimsche.testing import schedules

RUN = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
MAPPING = {"cosine": RUN, "wsd": wsd(peak=3e-4, warmup_steps=2_000, decay_steps=20_000, total_steps=100_000)}


@lr_fn
def by_hand(real_step, epoch, *, start: Rate, drop_after: Steps):
    """A function that says nothing about epochs, and yet looks at them."""
    return start if epoch <= drop_after else start / 10


@lr_fn
def listed(real_step, epoch, *, rates: tuple[Rate, ...]):
    """One rate for each epoch, and none for others."""
    return rates[math.ceil(epoch) - 1]


@pytest.fixture(autouse=True)
def pyplot():
    """Matplotlib's own memory of figures, empty before and after each test."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    yield plt
    plt.close("all")


@pytest.fixture
def ax():
    return Figure().subplots()


def drawn(axes, line=0):
    return np.asarray(axes.get_lines()[line].get_data(), dtype=float)


def drop_widths(axes):
    """How wide, in updates, each drawn change of more than a tenth of the height is."""
    x, y = drawn(axes)
    falls = np.abs(np.diff(y)) > 0.1 * y.max()
    return np.diff(x)[falls]


# ---------------------------------------------------------------------------------------------------------------------
# Plots
# ---------------------------------------------------------------------------------------------------------------------

PLANS = [
    RUN,
    MAPPING["wsd"],
    (constant(steps=0.8) >> linear(steps=0.2)).over(1_000).warmup(100),
    step_decay(start=0.1, factor=0.5, every=30_000),
    cosine_restarts(peak=0.1, cycle_steps=100, stretch=2, scale=0.5),
    triangular(floor=1e-4, peak=1e-3, cycle_steps=2_000),
    piecewise_constant(values=(0.1, 0.3, 0.2), at=(10, 20)),
    linear(steps=10).stretch(1 / 3),
    noam(d_model=512, warmup_steps=4_000),
]


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_every_point_is_a_value_of_the_schedule_and_every_boundary_is_a_point(plan, ax):
    x, y = drawn(plan.plot(ax=ax))
    np.testing.assert_array_equal(y, plan(x))
    assert x[0] == 0.0
    assert (np.diff(x) > 0).all()
    assert 1_000 <= x.size < 5_000
    assert set(plan.boundaries(x[-1])) <= set(x)


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.length < math.inf], ids=repr)
def test_a_plan_with_an_end_is_drawn_a_little_past_it(plan, ax):
    last = drawn(plan.plot(ax=ax))[0][-1]
    assert 1.02 * plan.length < last <= 1.06 * plan.length + 1


@pytest.mark.parametrize("length", [30, 3_000, 30_000_000])
def test_a_jump_at_a_boundary_is_at_most_one_update_wide(length, ax):
    plan = constant(value=1.0, steps=length) >> constant(value=0.5, steps=length)
    plan.plot(ax=ax)
    x, y = drawn(ax)
    assert y[x <= length].tolist() == [1.0] * int((x <= length).sum())
    assert y[x > length].tolist() == [0.5] * int((x > length).sum())
    assert drop_widths(ax).max() <= 1


@pytest.mark.parametrize("every", [3, 7_000, 10**8])
def test_a_jump_that_is_no_boundary_is_too_steep_to_see(every, ax):
    step_decay(factor=0.5, every=every).plot(ax=ax)
    assert drop_widths(ax).size == 3
    assert drop_widths(ax).max() <= drawn(ax)[0][-1] / 1_000


def test_long_plans_are_drawn_at_whole_updates_and_short_ones_between_them_too(ax):
    x, _ = drawn(RUN.plot(ax=ax))
    assert (x == np.floor(x)).all()
    x, _ = drawn(cosine(steps=9).plot(ax=ax), line=1)
    assert set(range(10)) < set(x)
    assert np.diff(x).max() < 0.01


def test_many_short_cycles_do_not_fall_into_step_with_the_points(ax):
    # At equal distances, one point in each cycle would meet the same phase: a flat line.
    _, y = drawn(plot(triangular(peak=1.0, cycle_steps=1_000), steps=2_000_000, ax=ax))
    assert y.max() - y.min() > 0.95
    assert abs(y.mean() - 0.5) < 0.05


def test_a_plan_of_a_billion_updates_is_as_quick_as_any(ax):
    begin = time.perf_counter()
    x, y = drawn(warmup_cosine(peak=1.0, warmup_steps=10**6, total_steps=10**9).plot(ax=ax))
    repeated = drawn(cosine(steps=100).repeat(10**4).plot(ax=ax), line=1)
    assert time.perf_counter() - begin < 20.0  # a value for each update would take minutes, and gigabytes
    assert x.size < 3_000
    assert repeated[0].size < 3_000
    assert y[x == 10**6] == [1.0]


@pytest.mark.parametrize(
    ("plan", "last"),
    [
        (constant(value=0.1), 1_000),
        (noam(d_model=512, warmup_steps=4_000), 4_000 + 2 * 4_000),
        (warmup_constant(peak=0.1, warmup_steps=10), 10 + 2 * 10),
        (milestones(at=(30, 60, 90)), 90 + 2 * 30),
        (step_decay(factor=0.5, every=10), 60),
        (exponential(factor=0.999), 2_000),
        (inverse_sqrt(timescale=10_000), 200_000),
        (cosine(steps=10).repeat(), 60),
        (cosine(steps=10).repeat(stretch=2), 630),
        (constant(value=0.0), 1_000),
    ],
    ids=repr,
)
def test_a_schedule_without_an_end_is_drawn_as_far_as_it_is_interesting(plan, last, ax):
    assert plan.length == math.inf
    assert drawn(plan.plot(ax=ax))[0][-1] == last
    assert plan.table()[-1].update == last


def test_several_schedules_share_the_range_of_the_longest_that_ends(ax):
    plot([linear(steps=100), cosine(steps=3_000), constant(value=0.1)], ax=ax)
    assert [drawn(ax, line)[0][-1] for line in range(3)] == [3_150] * 3


def test_steps_says_how_far(ax):
    assert drawn(RUN.plot(steps=500, ax=ax))[0][-1] == 500
    assert RUN.table(steps=500)[-1].update == 500


def test_labels_and_legends(ax, pyplot):
    assert (ax := RUN.plot()).get_xlabel() == "update"
    assert ax.get_ylabel() == "learning rate"
    assert ax.get_title(loc="left") == repr(RUN)
    assert ax.get_legend() is None

    legend = plot(MAPPING).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["cosine", "wsd"]

    texts = [text.get_text() for text in plot([RUN, RUN]).get_legend().get_texts()]
    assert texts == [repr(RUN)] * 2


def test_the_picture_is_drawn_without_a_warning(pyplot, tmp_path):
    for options in ({}, {"log": True}, {"steps_per_epoch": 1_000, "unit": "epochs"}):
        plot(MAPPING, **options).figure.savefig(tmp_path / "curve.png", dpi=30)
        assert (tmp_path / "curve.png").stat().st_size > 1_000


def test_a_figure_of_its_own_leaves_other_axes_alone(pyplot):
    _, mine = pyplot.subplots()
    theirs = RUN.plot()
    assert theirs is not mine
    assert not mine.get_lines()
    assert len(pyplot.get_fignums()) == 2


def test_given_axes_are_drawn_into_and_no_figure_is_made(ax, pyplot):
    ax.set_title("my own")
    assert RUN.plot(ax=ax) is ax
    assert plot(linear(steps=10), ax=ax) is ax
    assert len(ax.get_lines()) == 2
    assert ax.get_title() == "my own"
    assert ax.get_title(loc="left") == ""
    assert pyplot.get_fignums() == []


def test_a_mistake_leaves_no_empty_figure_behind(pyplot):
    with pytest.raises(ValueError, match="steps"):
        RUN.plot(steps=-1)
    assert pyplot.get_fignums() == []


# -- the logarithmic axis ---------------------------------------------------------------------------------------------


def test_a_log_axis_takes_zeros_and_keeps_to_the_decades_that_matter(ax):
    plot(MAPPING, log=True, ax=ax)
    assert ax.get_yscale() == "log"
    bottom, top = ax.get_ylim()
    assert 3e-8 < bottom < 3e-7
    assert 3e-4 < top < 3e-3
    ax.figure.savefig("/dev/null", format="svg")


def test_a_log_axis_has_three_decades_for_a_fall_to_zero(ax):
    linear(steps=100_000).plot(log=True, ax=ax)
    assert ax.get_ylim()[0] == pytest.approx(1e-3)


def test_a_log_axis_shows_all_of_a_sweep_over_many_decades(ax):
    geometric(start=1e-8, end=10.0, steps=300).plot(log=True, ax=ax)
    bottom, _ = ax.get_ylim()
    assert bottom < 2e-8


def test_a_log_axis_with_nothing_to_show_stays_linear(ax):
    constant(value=0.0).plot(log=True, ax=ax)
    assert ax.get_yscale() == "linear"


# -- epochs -----------------------------------------------------------------------------------------------------------


def test_an_epoch_has_as_many_updates_as_windows_begun(ax):
    plan = linear(steps=10).by_epoch()
    plot(plan, steps_per_epoch=10, accum_grad=4, ax=ax)  # three updates in an epoch, the last one cut short
    x, y = drawn(ax)
    for update in (1, 3, 4, 6, 7, 30, 31):
        epoch = (update - 1) // 3 + 1
        assert y[x == update] == [plan(update, epoch)]
    assert drop_widths(ax).max() < 1e-6  # right after updates 3, 6, ...
    assert ax.get_xlabel() == "update"


def test_the_epochs_axis_counts_finished_epochs(ax):
    plot(linear(steps=4).by_epoch(), steps_per_epoch=10_000, unit="epochs", ax=ax)
    x, y = drawn(ax)
    assert ax.get_xlabel() == "epoch"
    assert [y[(x > k) & (x <= k + 1)].tolist() == [1 - k / 4] * int(((x > k) & (x <= k + 1)).sum()) for k in range(4)]
    assert y[x > 4].max() == 0.0
    assert {1.0, 1.0001, 2.0, 2.0001} <= set(x)
    assert 4.1 < x[-1] < 4.3


def test_a_schedule_by_updates_on_the_epochs_axis_is_the_same_curve(ax):
    x, y = drawn(plot(RUN, steps_per_epoch=8_000, accum_grad=4, unit="epochs", ax=ax))
    np.testing.assert_array_equal(y, RUN(np.round(x * 2_000)))
    assert x[-1] == 52.5


@pytest.mark.parametrize(
    "plan",
    [
        cosine(steps=90).by_epoch(),
        linear(steps=100).by_epoch().warmup(10),
        by_hand(start=0.1, drop_after=1),
        by_hand(start=0.1, drop_after=25).warmup(10),
        listed(rates=(0.1, 0.1)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("draw", [plot, table])
def test_what_depends_on_the_epoch_asks_for_its_length(plan, draw):
    with pytest.raises(ValueError, match="depends on the epoch") as error:
        draw(plan)
    assert f"{draw.__name__}(steps_per_epoch=None): steps_per_epoch must be given" in str(error.value)
    assert f"Write {draw.__name__}(..., steps_per_epoch=len(loader))." in str(error.value)


def test_an_endless_schedule_by_epoch_has_its_range_in_epochs(ax):
    def last(plan):
        return drawn(plot(plan, steps_per_epoch=100, ax=Figure().subplots()))[0][-1]

    assert last(milestones(at=(30, 60, 90)).by_epoch()) == pytest.approx(15_000, abs=10)
    assert last(exponential(factor=0.9).by_epoch()) == 2_000
    assert last(constant(value=0.1).by_epoch()) == 1_000
    assert last(cosine(steps=10).repeat().by_epoch()) == 6_001


CYCLES = cosine(steps=10).repeat()


@pytest.mark.parametrize(
    ("plan", "last"),
    [
        (CYCLES, 60),
        (CYCLES.warmup(5), 65),
        (step_decay(factor=0.5, every=10) * 0.1, 60),
        (piecewise_constant(values=range(1, 11), at=range(10, 100, 10)).then(CYCLES, at=100), 160),
        # Cycles that are left, or that another clock never reaches, say nothing about the boundaries.
        (step_decay(factor=0.5, every=10).then(constant(value=0.1), at=25), 25 + 20),
        (CYCLES.then(constant(value=0.1), at=30), 30 + 20),
        (CYCLES.then(constant(value=0.1), at=900), 900 + 20),
        (CYCLES.warp(inverse_sqrt(timescale=10)), 1_000),
        (CYCLES.warp(CYCLES), 60),
        (CYCLES.shift(-985), 55),
        (CYCLES.shift(-35), 55),
    ],
    ids=repr,
)
def test_how_far_a_schedule_with_cycles_goes(plan, last):
    assert table(plan)[-1].update == last


def test_one_epoch_has_no_round_numbers_inside():
    assert [row.update for row in linear(steps=1).by_epoch().table(steps=7, steps_per_epoch=7)] == [1, 7]


# A product refuses clocks past its own limit, wherever a warp takes it.
DRAWN = [f for f in known().values() if isinstance(f, LrFn) and f.is_built_in and f.name != "running_product"]


@settings(suppress_health_check=list(HealthCheck))
@given(schedules(DRAWN))
def test_every_schedule_has_a_table(plan):
    assert plan.table(steps_per_epoch=7)
    assert plan.counts_epochs or plan.table()


# ---------------------------------------------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------------------------------------------


def test_a_table_lists_boundaries_the_end_and_round_numbers_between():
    rates = MAPPING["wsd"].table()
    assert [row.update for row in rates] == [1, 2_000, *range(10_000, 100_001, 10_000)]
    marks = {row.update: row.mark for row in rates if row.mark}
    assert marks == {2_000: "boundary", 80_000: "boundary", 100_000: "end"}


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_rates_in_a_table_are_those_of_the_schedule(plan):
    rates = table(plan)
    assert [row.rate for row in rates] == [plan(row.update) for row in rates]
    assert all(type(row) is Row and row.epoch is None for row in rates)
    updates = [row.update for row in rates]
    assert updates == sorted(set(updates))
    assert set(plan.boundaries(updates[-1])) <= set(updates)
    assert 4 <= len(rates) <= 25


def test_a_jump_has_a_row_on_each_side_and_a_corner_has_not():
    marked = [(row.update, row.mark) for row in piecewise_constant(values=(1, 2, 1), at=(10, 20)).table() if row.mark]
    assert marked == [(10, "boundary"), (11, "jump"), (20, "boundary"), (21, "jump")]
    restarts = cosine_restarts(peak=0.1, cycle_steps=100, cycles=2, warmup_steps=10).table()
    assert [(row.update, row.mark) for row in restarts if row.mark] == [
        (10, "boundary"),
        (110, "boundary"),
        (111, "jump"),
        (210, "end"),
    ]
    assert "jump" not in {row.mark for row in triangular(peak=1.0, cycle_steps=100).table()}


def test_a_table_prints_in_columns():
    assert repr(linear(start=1 / 3, steps=1_000).warmup(10).table(rows=6)).splitlines() == [
        "update  rate",
        "     1  0.0333333",
        "    10  0.333333    boundary",
        "   500  0.17",
        "  1000  0.00333333",
        "  1010  0           end",
    ]


def test_a_table_is_a_sequence_of_rows_and_html_in_a_notebook():
    rates = linear(start=0.1, steps=4).table(steps_per_epoch=2)
    assert [row.update for row in rates] == [1, 2, 3, 4]
    assert [row.epoch for row in rates] == [1, 1, 2, 2]
    assert rates[-1] == (4, 2, 0.0, "end")
    assert rates == linear(start=0.1, steps=4).table(steps_per_epoch=2)
    page = rates._repr_html_()
    assert page.count("<tr>") == 5
    assert "<th>epoch</th>" in page
    assert "<td>0.075</td>" in page
    assert "epoch" not in linear(steps=4).table()._repr_html_()


def test_a_table_by_epoch_lists_first_updates_of_epochs():
    plan = milestones(at=(30, 60)).by_epoch()
    rates = plan.table(steps_per_epoch=10, accum_grad=4, rows=16)  # three updates in an epoch
    assert all(row.update == (row.epoch - 1) * 3 + 1 for row in rates[:-1])
    assert all(row.rate == plan(row.update, row.epoch) for row in rates)
    assert [(row.epoch, row.mark) for row in rates if row.mark] == [
        (31, "boundary"),
        (32, "jump"),
        (61, "boundary"),
        (62, "jump"),
    ]
    assert {1, 20, 40, 60, 80, 100, 120} <= {row.epoch for row in rates}


def test_a_schedule_by_epoch_ends_with_the_first_update_of_an_epoch():
    assert linear(steps=4).by_epoch().table(steps_per_epoch=10)[-1] == Row(41, 5, 0.0, "end")


def test_a_table_has_the_highest_rate():
    jumping = constant(value=0.1).then(cosine(start=1.0, steps=3), at=10)
    assert Row(11, None, 0.75, "peak") in jumping.table()
    assert "peak" not in {row.mark for row in RUN.table()}  # it is the boundary
    noisy = constant(value=0.1, steps=1_000).jitter(0.5, seed=3)
    (peak,) = [row for row in noisy.table() if row.mark == "peak"]
    assert peak.rate == noisy(np.arange(1, 1_001)).max()


@pytest.mark.parametrize("length", [10**5, 10**9])
def test_the_highest_update_of_a_long_run_is_found_to_the_update(length):
    top = 0.37 * length + 1  # in the middle of two of the places that are looked at
    plan = linear(start=0.0, end=1.0, steps=top).then(linear(start=1.0, end=0.0, steps=length - top), at=top).shift(7)
    (peak,) = [row.update for row in plan.table(rows=1) if row.rate == max(row.rate for row in plan.table(rows=1))]
    assert peak == top + 7
    hidden = plan.maximum(0.0).warp(linear(start=0.0, end=float(length), steps=length))  # no boundary where it is
    assert [row.update for row in hidden.table() if row.mark == "peak"] == [top + 7]


def test_a_plan_in_fractions_has_a_table_of_fractions():
    rates = (constant(steps=0.75) >> linear(steps=0.25)).table(rows=6)
    assert [row.update for row in rates] == [0, 0.5, 0.75, 1]
    assert repr(rates).splitlines()[3] == "  0.75  1     boundary"


@pytest.mark.parametrize("rows", [1, 2, 5, 12, 50])
def test_rows_is_a_limit_but_for_boundaries(rows):
    count = len(RUN.table(rows=rows))
    assert max(rows / 2.5, 3) <= count <= max(rows, 3)


def test_thousands_of_boundaries_do_not_make_thousands_of_rows():
    assert len(cosine(steps=100).repeat(10_000).table()) < 500


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes
# ---------------------------------------------------------------------------------------------------------------------

MISTAKES = [
    (lambda: plot(cosine), TypeError, "got <lr function cosine(start, end, steps)> (LrFn).\n    Call it with its"),
    (lambda: plot("cosine(steps=9)"), TypeError, "Text is read by parse: plot(parse('cosine(steps=9)'))."),
    (lambda: plot(0.1), TypeError, "plot() takes a schedule, a mapping of names to schedules, or a list of schedules"),
    (lambda: plot({"a": 0.1}), TypeError, "got 0.1 (float)"),
    (lambda: plot([]), ValueError, "plot([]): there must be at least one schedule to draw."),
    (lambda: plot({}), ValueError, "plot({}): there must be at least one"),
    (lambda: table(MAPPING), TypeError, "table() takes a schedule, got {"),
    (lambda: table(wsd), TypeError, "Call it with its parameters: wsd(peak=..., warmup_steps=..., "),
    (lambda: RUN.plot(steps=0), ValueError, "plot(steps=0): steps must be > 0 and finite (how far to go, in updates)"),
    (lambda: RUN.plot(steps=math.inf), ValueError, "must be finite"),
    (lambda: RUN.plot(steps="100"), TypeError, "This is text; write 100 without quotes."),
    (lambda: RUN.table(steps=math.nan), ValueError, "table(steps=nan)"),
    (lambda: RUN.plot(steps_per_epoch=0), ValueError, "steps_per_epoch must be a whole number >= 1 (micro-batches in"),
    (lambda: RUN.plot(steps_per_epoch=2.5), ValueError, "steps_per_epoch must be a whole number"),
    (lambda: RUN.plot(accum_grad=0), ValueError, "plot(accum_grad=0): accum_grad must be a whole number >= 1"),
    (lambda: RUN.plot(unit="epoch"), ValueError, "unit must be one of 'updates', 'epochs', got 'epoch'"),
    (lambda: RUN.plot(unit="epochs"), ValueError, "steps_per_epoch must be given (micro-batches in an epoch), since"),
    (lambda: RUN.plot(ax=Figure()), TypeError, "ax must be Matplotlib axes, or None for a new figure, got Figure"),
    (lambda: RUN.table(rows=0), ValueError, "table(rows=0): rows must be a whole number >= 1"),
]


@pytest.mark.parametrize(("call", "kind", "message"), MISTAKES, ids=[message[:40] for _, _, message in MISTAKES])
def test_mistakes(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
