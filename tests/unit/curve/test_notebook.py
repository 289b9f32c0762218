"""What a notebook's cell shows: checked on IPython's own formatters."""

import base64
import re
import subprocess
import sys

import matplotlib
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot

from optimsche import (
    Rate,
    linear,
    load_ipython_extension,
    lr_fn,
    plot,
    unload_ipython_extension,
    warmup_cosine,
    wsd,
)
from optimsche.curve import laid_out

RUN = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
WSD = wsd(peak=3e-4, warmup_steps=2_000, decay_steps=20_000, total_steps=100_000)
IMAGE = re.compile(
    r'<img alt="([^"]*)" width="\d+" style="max-width: 100%" src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)">'
)


@pytest.fixture(autouse=True)
def no_figures():
    matplotlib.use("agg")
    yield
    pyplot.close("all")


@pytest.fixture
def shell():
    made = InteractiveShell()
    yield made
    unload_ipython_extension(made)
    made.history_manager.enabled = False


def shown(shell, value):
    """What the shell would send for a value at the end of a cell."""
    data, _ = shell.display_formatter.format(value)
    return data


def svg_in(page):
    return base64.b64decode(IMAGE.search(page)[2]).decode()


def test_a_schedule_is_its_expression_and_a_picture():
    before, figures = dict(matplotlib.rcParams), pyplot.get_fignums()
    page = WSD._repr_html_()
    assert f'<pre style="margin: 0">{laid_out(WSD)}</pre>' in page
    assert IMAGE.search(page)[1] == repr(WSD)
    assert "learning rate" in svg_in(page)
    assert len(page) < 50_000
    assert page == WSD._repr_html_()
    assert pyplot.get_fignums() == figures
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_that_is_not_trusted_shows_it_too():
    """It drops SVG that stands in the page, scripts and styles with addresses; an image with its data stays."""
    page = RUN._repr_html_()
    assert "<svg" not in page
    assert "<script" not in page
    assert svg_in(page).startswith("<svg")


def test_a_plot_is_shown_once_as_a_picture_with_data(shell):
    axes = RUN.plot()
    assert shown(shell, axes) == {}  # no <Axes ...>: the notebook shows the figure itself
    page = shown(shell, axes.figure)["text/html"]
    assert IMAGE.search(page)[1] == repr(RUN)
    assert "peak 3e-4 at 2k" in svg_in(page)


def test_axes_of_an_earlier_cell_show_their_figure_again(shell, monkeypatch):
    axes = RUN.plot()
    pyplot.close(axes.figure)  # as a notebook does after a cell
    again = []
    monkeypatch.setattr("IPython.display.display", again.append)
    assert shown(shell, axes) == {}
    assert again == [axes.figure]


def test_the_axes_are_matplotlibs(tmp_path):
    axes = plot({"cosine": RUN, "wsd": WSD})
    assert isinstance(axes, matplotlib.axes.Axes)
    axes.set(title="mine", xlim=(0, 10))
    axes.figure.savefig(tmp_path / "curve.png")
    assert pyplot.gcf() is axes.figure


def test_a_list_of_schedules_is_pythons_own(shell):
    assert shown(shell, [RUN, WSD]).keys() == {"text/plain"}


@pytest.mark.parametrize(
    "several", [[RUN, WSD], (RUN, WSD), {"cosine": RUN, "wsd": WSD}], ids=lambda several: type(several).__name__
)
def test_the_extension_shows_several_together(shell, several):
    load_ipython_extension(shell)
    data = shown(shell, several)
    assert svg_in(data["text/html"]).count("<image") == 0
    assert svg_in(data["text/html"]).count("stroke: #1a7fc1") >= 1
    assert svg_in(data["text/html"]).count("stroke: #d55e00") >= 1
    unload_ipython_extension(shell)
    assert shown(shell, several).keys() == {"text/plain"}


@pytest.mark.parametrize("other", [[], {}, [1, 2], [RUN, 1], {"a": RUN, "b": None}], ids=repr)
def test_the_extension_leaves_others_alone(shell, other):
    load_ipython_extension(shell)
    assert shown(shell, other).keys() == {"text/plain"}


def test_the_extension_keeps_what_another_one_does(shell):
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(list, lambda value: "theirs")
    load_ipython_extension(shell)
    load_ipython_extension(shell)
    assert shown(shell, [1])["text/html"] == "theirs"
    assert "data:image" in shown(shell, [RUN])["text/html"]
    unload_ipython_extension(shell)
    assert shown(shell, [RUN])["text/html"] == "theirs"


def test_ipython_finds_the_extension(shell):
    assert shell.extension_manager.load_extension("optimsche") is None
    assert "text/html" in shown(shell, [RUN, WSD])
    assert shell.extension_manager.unload_extension("optimsche") is None


@lr_fn
def tagged(real_step, epoch, *, tag: str):
    """A schedule whose expression has characters that HTML would read."""
    return 0.1


def test_an_expression_is_escaped():
    page = tagged(tag='<b>&"')._repr_html_()
    assert "tagged(tag=&#x27;&lt;b&gt;&amp;&quot;&#x27;)" in page
    assert "<b>" not in page


@lr_fn
def broken(real_step, epoch):
    """A schedule that has no values."""
    raise RuntimeError("no <value>")


def test_what_cannot_be_drawn_shows_its_expression_and_the_reason(shell):
    page = broken()._repr_html_()
    assert page.endswith(f"{broken()!r}</pre><div>not drawn: RuntimeError: no &lt;value&gt;</div>")
    load_ipython_extension(shell)
    assert "not drawn: RuntimeError" in shown(shell, [broken(), RUN])["text/html"]


def test_a_schedule_by_epoch_says_how_to_draw_it(shell):
    plan = linear(steps=10).by_epoch()
    assert f"{plan!r}</pre>" in plan._repr_html_()
    assert "plan.plot(steps_per_epoch=len(loader))" in plan._repr_html_()
    load_ipython_extension(shell)
    assert "plot(plans, steps_per_epoch=len(loader))" in shown(shell, [plan, RUN])["text/html"]


@lr_fn
def growing(real_step, epoch, *, start: Rate):
    return start * 2 ** (epoch - 1)


def test_a_function_that_looks_at_epochs_without_saying_so_says_what_is_missing():
    assert "steps_per_epoch must be given" in growing(start=0.1)._repr_html_()


def test_without_matplotlib_it_is_text():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from optimsche import cosine\n"
        "plan = cosine(steps=9)\n"
        "print(plan._repr_html_(), plan.table()[-1].rate)\n"
        "plan.plot()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "None 0.0\n"
    assert "ModuleNotFoundError: plot needs Matplotlib: pip install matplotlib" in ran.stderr
