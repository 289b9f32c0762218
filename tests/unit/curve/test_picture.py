"""What a picture marks, and what stands around it."""

import itertools
import re

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from optimsche import constant, cosine, growth, linear, milestones, noam, plot, warmup_cosine, wsd
from optimsche.curve import figure_of, style
from optimsche.curve.canvas import svg_of
from optimsche.lr_fn import LrFn
from optimsche.names import known
from optimsche.testing import schedules

TOTAL = {"peak": 3e-4, "warmup_steps": 2_000, "total_steps": 100_000}
# A product refuses clocks past its own limit, wherever a warp takes it.
OURS = [f for f in known().values() if isinstance(f, LrFn) and f.is_built_in and f.name != "running_product"]
COSINE, WSD = warmup_cosine(**TOTAL), wsd(**TOTAL, decay_steps=20_000)


@pytest.fixture(autouse=True)
def pyplot():
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def axes_of(*args, **options):
    (axes,) = figure_of(*args, **options).axes
    return axes


def dotted(axes):
    """Where the dotted lines are."""
    return [segment[0][0] for each in axes.collections for segment in segments_of(each)]


def segments_of(collection):
    return collection.get_segments() if hasattr(collection, "get_segments") else []


def dots(axes):
    """The places of dots and rings, and whether each is filled."""
    marked = [each for each in axes.collections if not hasattr(each, "get_segments")]
    return [(*map(float, each.get_offsets()[0]), len(each.get_facecolors()) > 0) for each in marked]


def shaded(axes):
    return [tuple(map(float, np.asarray(patch.get_bbox().intervalx))) for patch in axes.patches]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def spaced(axes):
    """The texts, with the spaces that SVG does not make one of."""
    return [text.replace("\u00a0", " ") for text in texts(axes)]


def test_boundaries_are_dotted_the_peak_and_the_end_are_marked_and_what_comes_after_is_shaded():
    axes = axes_of(WSD)
    assert dotted(axes) == [2_000, 80_000, 100_000]
    assert dots(axes) == [(2_000, 3e-4, True), (100_000, 0.0, False)]
    assert shaded(axes) == [(100_000, 105_000)]
    assert "● peak 3e-4 at 2k    ○ end 0 at 100k" in spaced(axes)


def test_pieces_are_named_where_there_is_room():
    assert texts(axes_of(WSD))[:-1] == ["2k", "80k", "100k", "constant", "linear"]  # no room for the warm-up
    wide = texts(axes_of(wsd(peak=0.1, warmup_steps=30, decay_steps=30, total_steps=100)))
    assert wide[:-1] == ["30", "70", "100", "warmup", "constant", "linear"]
    assert texts(axes_of(noam(d_model=512, warmup_steps=4_000)))[:-1] == ["4k", "warmup", "inverse_sqrt"]


def test_no_two_names_overlap():
    figure = figure_of(
        constant(0.1, steps=2)
        >> linear(start=0.1, end=0.2, steps=3)
        >> cosine(start=0.2, steps=95)
        >> constant(0.0, steps=4)
    )
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    strip = [text for text in figure.axes[0].texts if "peak" not in text.get_text()]
    assert len(strip) > 3
    boxes = sorted((box.x0, box.x1) for box in (text.get_window_extent(renderer) for text in strip))
    assert all(left[1] < right[0] for left, right in itertools.pairwise(boxes))


def test_the_expression_stands_above_it_and_makes_room_for_itself():
    axes = axes_of(WSD)
    assert axes.get_title(loc="left").replace("\u00a0", " ").splitlines()[:3] == [
        "warmup(",
        "    then(",
        "        constant(value=0.0003, steps=78000),",
    ]
    taller = axes.figure.get_figheight() - axes_of(COSINE).figure.get_figheight()
    assert 1.0 < taller < 1.4
    assert axes_of(WSD, with_expression=False).get_title(loc="left") == ""


def test_an_indented_line_stays_so_in_a_picture():
    """SVG makes one of several spaces, and takes those away that a line begins with."""
    svg = svg_of(figure_of(WSD)) + svg_of(figure_of([WSD, COSINE]))
    assert svg.count("\u00a0\u00a0\u00a0\u00a0then(") == 2
    assert not re.search(r">  |\w  \w", svg)


def test_of_several_only_curves_boundaries_and_a_legend():
    axes = axes_of({"cosine": COSINE, "wsd": WSD})
    assert [line.get_label() for line in axes.get_lines()] == ["cosine", "wsd"]
    assert texts(axes) == ["2k", "80k", "100k"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cosine", "wsd"]
    assert shaded(axes) == [(100_000, 105_000)]


def test_what_does_not_end_has_neither_ring_nor_shade():
    axes = axes_of(noam(d_model=512, warmup_steps=4_000))
    assert [filled for *_, filled in dots(axes)] == [True]
    assert shaded(axes) == []
    assert shaded(axes_of([COSINE, constant(0.1)])) == []


def test_what_goes_on_rising_or_is_flat_has_no_peak():
    assert dots(axes_of(growth(start=1e-5, factor=2, every=10), steps=100)) == []
    assert dots(axes_of(constant(0.1))) == []


def test_what_is_not_drawn_has_no_mark():
    axes = axes_of(WSD, steps=50_000)
    assert (dotted(axes), len(dots(axes)), shaded(axes)) == ([2_000], 1, [])


def test_of_many_boundaries_none_is_dotted():
    axes = axes_of(cosine(steps=10).repeat(40))
    assert dotted(axes) == []


def test_many_curves_can_be_told_apart():
    axes = axes_of([linear(start=k / 10, steps=10) for k in range(1, 14)])
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}) == 13


def test_numbers_are_written_as_people_write_them():
    figure = figure_of(COSINE)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert {"20k", "100k"} < {label.get_text() for label in axes.get_xticklabels()}
    assert {"0", "1e-4", "3e-4"} < {label.get_text() for label in axes.get_yticklabels()}
    figure = figure_of(COSINE, log=True)
    figure.draw_without_rendering()
    assert "1e-5" in {label.get_text() for label in figure.axes[0].get_yticklabels()}


def test_ticks_of_a_narrow_range_are_different():
    figure = figure_of(linear(start=0.1, end=0.1001, steps=10))
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(labels)) == len(labels)


def test_in_epochs_everything_is():
    plan = milestones(start=0.1, at=(30, 60)).by_epoch()
    axes = axes_of(plan, steps_per_epoch=500, unit="epochs")
    assert texts(axes)[:2] == ["30", "60"]
    assert dotted(axes) == pytest.approx([30, 60], abs=0.01)


def test_the_ground_is_transparent_and_letters_are_grey(pyplot):
    plt_axes = COSINE.plot()
    for axes in (axes_of(COSINE), plt_axes):
        assert axes.figure.get_facecolor()[3] == axes.get_facecolor()[3] == 0.0
        colours = {to_hex(label.get_color()) for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]}
        assert colours == set(style.GREYS)
        assert to_hex(axes.xaxis.label.get_color()) == style.GREY


def test_given_axes_keep_their_own_ground_and_get_the_marks():
    axes = Figure().subplots()
    assert WSD.plot(ax=axes) is axes
    assert axes.get_facecolor()[3] == 1.0
    assert dotted(axes) == [2_000, 80_000, 100_000]
    assert texts(axes) == []


@settings(max_examples=40, deadline=None)
@given(schedules(OURS))
def test_every_schedule_has_a_picture(plan):
    assert axes_of(plan, steps_per_epoch=7).get_lines()


# -- differences ------------------------------------------------------------------------------------------------------


def test_a_difference_is_that_of_the_rates():
    axes = axes_of({"cosine": COSINE, "wsd": WSD, "half": 0.5 * COSINE}, difference=True)
    assert [line.get_label() for line in axes.get_lines()] == ["wsd - cosine", "half - cosine"]
    for line, plan in zip(axes.get_lines(), (WSD, 0.5 * COSINE), strict=True):
        x, y = line.get_data()
        np.testing.assert_array_equal(y, plan(x) - COSINE(x))
        assert {2_000, 80_000, 100_000} <= set(x) or plan is not WSD
    assert (axes.get_lines()[1].get_ydata() <= 0).all()
    assert axes.get_ylabel() == "difference of the rates"


def test_a_difference_of_a_list_says_of_what():
    (line,) = axes_of([COSINE, linear(steps=10)], difference=True).get_lines()
    assert line.get_label() == f"{linear(steps=10)}\n- {COSINE}"


def test_mistakes_with_differences():
    with pytest.raises(ValueError, match=r"give at least two schedules, plot\(\[a, b\], difference=True\)"):
        plot([COSINE], difference=True)
    with pytest.raises(ValueError, match="a difference may be negative; leave log out"):
        plot([COSINE, WSD], difference=True, log=True)
