"""`optimsche show`: tables, pictures, numbers and code, on a terminal and into a pipe."""

import csv
import io
import json
import re
import sys

import pytest

import optimsche as o
from optimsche import cli, parse
from optimsche.cli import picture, terminal

PLAN = "cosine(start=3e-4, steps=9_000).warmup(1_000)"
EXPRESSION = "warmup(cosine(start=0.0003, end=0.0, steps=9000), steps=1000, start=0.0)"


@pytest.fixture
def on_a_terminal(monkeypatch):
    """A terminal with colours, 80 characters wide."""
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def without_plotille(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotille", None)


def shown(capsys, *arguments):
    assert cli.main(["show", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments, status=2):
    assert cli.main(["show", *arguments]) == status
    return capsys.readouterr().err


def test_the_expression_and_its_rates(capsys):
    out = shown(capsys, PLAN)
    assert out.startswith(f"{EXPRESSION}\nupdate  rate\n")
    assert re.search(r"^ *1000 +0.0003 +boundary$", out, re.M)
    assert out.endswith("end\n")


@pytest.mark.parametrize("name", ["plan.json", "plan.yaml", "plan.yml"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_plan_in_a_file(capsys, tmp_path, name, as_text):
    path = tmp_path / name
    path.write_text(json.dumps(PLAN if as_text else parse(PLAN).to_dict()))  # which is YAML as well
    assert shown(capsys, str(path)) == shown(capsys, PLAN)


def test_another_systems_schedule(capsys):
    out = shown(capsys, "peers.torch.StepLR(30, base_lr=0.1)")
    assert out.startswith("staircase(exponential(start=0.1, factor=0.1, every=30), every=30, closed='right')\n")
    assert shown(capsys, "torch.StepLR(30, base_lr=0.1)") == out


def test_files_that_cannot_be_read(capsys, tmp_path):
    broken, wrong = tmp_path / "broken.json", tmp_path / "wrong.yaml"
    broken.write_text("{")
    wrong.write_text("cosine: {step: 9}\n")
    assert f"{broken}: " in refused(capsys, str(broken))
    assert f"{wrong}: from_dict: at cosine: " in refused(capsys, str(wrong))
    assert "did you mean 'steps'?" in refused(capsys, str(wrong))
    assert "no-such.yaml" in refused(capsys, "no-such.yaml")


def test_how_far(capsys):
    assert shown(capsys, PLAN, "--steps", "500").splitlines()[-1].split() == ["500", "0.00015"]
    assert "500" in shown(capsys, PLAN, "--steps", "5_00")


def test_several_are_compared_in_one_table(capsys):
    out = shown(capsys, "--compare", "cosine(steps=100)", "linear(steps=100)")
    assert "A  cosine(start=1.0, end=0.0, steps=100)\nB  linear(start=1.0, end=0.0, steps=100)\n" in out
    assert re.search(r"^ *60 +0.345492 +0.4$", out, re.M)
    assert "add --compare" in refused(capsys, "cosine(steps=100)", "linear(steps=100)")
    assert "give another" in refused(capsys, "--compare", "cosine(steps=100)")


# ---------------------------------------------------------------------------------------------------------------------
# Pictures
# ---------------------------------------------------------------------------------------------------------------------


def test_a_picture_is_drawn_on_a_terminal_and_not_into_a_pipe(capsys, on_a_terminal, monkeypatch):
    pytest.importorskip("plotille")
    out = shown(capsys, PLAN)
    assert "┤" in out
    assert "\x1b[" in out
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in out.splitlines()) <= 80
    assert "┤" not in shown(capsys, PLAN, "--no-draw")
    monkeypatch.setattr(terminal, "is_terminal", lambda: False)
    assert "┤" not in shown(capsys, PLAN)
    assert "\x1b[" not in shown(capsys, PLAN, "--draw")
    assert "┤" in shown(capsys, PLAN, "--draw")
    assert "┤" in shown(capsys, PLAN, "--log")  # where it would else say nothing


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(capsys, on_a_terminal, monkeypatch, name, value):
    pytest.importorskip("plotille")
    monkeypatch.setenv(name, value)
    assert "\x1b[" not in shown(capsys, PLAN)


def test_the_picture_is_that_of_the_plan(capsys):
    """A straight line from 1 to 0 over a hundred updates: the dots lie on the diagonal."""
    pytest.importorskip("plotille")
    lines = [line for line in shown(capsys, "linear(steps=100)", "--draw").splitlines() if "┤" in line or "│" in line]
    assert [line.split()[0] for line in lines if "┤" in line] == ["1", "0.75", "0.5", "0.25", "0"]
    columns = [re.search(r"[⠁-⣿]", line.partition("┤" if "┤" in line else "│")[2]).start() for line in lines]
    widest = max(columns)
    for row, column in enumerate(columns):
        assert abs(column - widest * row / (len(lines) - 1)) <= 2


def test_several_share_the_picture_or_without_colours_the_axes(capsys, on_a_terminal, monkeypatch):
    pytest.importorskip("plotille")
    arguments = ("--compare", "cosine(steps=100)", "linear(start=2.0, steps=100)")
    assert shown(capsys, *arguments).count("┬") == shown(capsys, "linear(steps=100)").count("┬")
    monkeypatch.setenv("NO_COLOR", "1")
    out = shown(capsys, *arguments)
    assert len(re.findall(r"^ *2 ┤", out, re.M)) == 2


def test_a_missing_package_is_named(capsys, without_plotille, on_a_terminal):
    assert not picture.is_available()
    assert "┤" not in shown(capsys, PLAN)
    assert "needs plotille: pip install plotille" in refused(capsys, PLAN, "--draw", status=1)


def test_yaml_is_named(capsys, monkeypatch, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "needs PyYAML: pip install pyyaml" in refused(capsys, str(tmp_path / "plan.yaml"), status=1)


def test_pictures_in_files(capsys, tmp_path):
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    shown(capsys, PLAN, "--png", str(png), "--svg", str(svg), "--log")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    shown(capsys, "--compare", "cosine(steps=9)", "linear(steps=9)", "--svg", str(svg))


def test_a_rate_of_nothing_has_no_logarithm(capsys):
    pytest.importorskip("plotille")
    assert "0, which has no logarithm" in refused(capsys, "constant(value=0.0)", "--log")
    assert "┤" in shown(capsys, "constant(value=0.0)", "--draw")


@pytest.mark.parametrize(
    "text", ["constant(value=0.1)", "linear(steps=0.5)", "cosine(steps=2_000_000)", "growth(factor=2, every=9)"]
)
def test_any_plan_is_drawn(capsys, text):
    pytest.importorskip("plotille")
    assert "┬" in shown(capsys, text, "--draw")
    assert "┬" in shown(capsys, text, "--log")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers and code
# ---------------------------------------------------------------------------------------------------------------------


def test_every_update_in_a_csv(capsys, tmp_path):
    plan = o.cosine(start=0.1, steps=9)
    text = shown(capsys, repr(plan), "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(int(row["step"]), float(row["lr"])) for row in rows] == [(n, plan(n)) for n in range(1, 10)]
    path = tmp_path / "rates.csv"
    shown(capsys, repr(plan), "--csv", str(path))
    assert path.read_text() == text
    assert cli.main(["audit", str(path), repr(plan)]) == 0  # it is a log as any other
    capsys.readouterr()
    compared = shown(capsys, "--compare", repr(plan), "linear(steps=5)", "--csv", "-").splitlines()
    assert (compared[0], len(compared)) == ("step,A,B", 10)
    assert "1 to 1,000,000" in refused(capsys, "cosine(steps=2_000_000)", "--csv", "-")
    assert shown(capsys, "cosine(steps=2_000_000)", "--csv", "-", "--steps", "2").count("\n") == 3


def test_epochs_are_counted(capsys):
    plan = "linear(steps=3).by_epoch()"
    assert "add --steps-per-epoch N" in refused(capsys, plan)
    rows = shown(capsys, plan, "--steps-per-epoch", "2", "--csv", "-").splitlines()[1:]
    assert [float(row.partition(",")[2]) for row in rows[:6]] == pytest.approx([1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert "epoch" in shown(capsys, plan, "--steps-per-epoch", "2")


def test_code(capsys):
    names = {}
    exec(shown(capsys, PLAN, "--as", "python"), names)
    assert names["learning_rate"](700) == parse(PLAN)(700)
    assert "function learningRate(realStep) {" in shown(capsys, PLAN, "--as", "js")
    assert "jitter: " in refused(capsys, "constant(value=0.1).jitter(0.5)", "--as", "js")
    for option in (["--steps", "9"], ["--csv", "x.csv"], ["--log"], ["--draw"], ["--png", "x.png"]):
        assert f"leave {option[0]} out" in refused(capsys, PLAN, "--as", "js", *option)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cosin(steps=9)"], "did you mean 'cosine'?"),
        (["cosine"], "cosine needs its parameters: cosine(start=..., end=..., steps=...)"),
        (["linear(steps=9, start='fast')"], "start"),
        (["linear(steps=9, begin=1)"], "begin"),
        (["peers.torch.StepLR(9, base_lr=open('x'))"], "malformed"),
        (["peers.torch.StepLR(9)"], "base_lr"),
    ],
)
def test_mistakes_are_answered_without_a_traceback(arguments, message, capsys):
    assert message in refused(capsys, *arguments)


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch):
    def table(*_, **__):
        raise TypeError("a mistake in the program")

    monkeypatch.setattr(o.Schedule, "table", table)
    with pytest.raises(TypeError, match="a mistake in the program"):
        cli.main(["show", "linear(steps=9)"])
