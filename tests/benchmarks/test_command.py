"""``python -m benchmarks``: prints rows, writes them, lists them."""

import json
import subprocess
import sys

from benchmarks import __main__ as command
from benchmarks.harness import Question


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, check=False)


def test_rows_are_printed_and_written(tmp_path):
    file = tmp_path / "rows.json"
    ran = run("resume", "--json", str(file))
    assert ran.returncode == 0
    (row,) = json.loads(file.read_text())
    assert set(row) == {"name", "against", "ours", "theirs", "ratio", "unit"}
    assert (row["name"], row["against"], row["unit"]) == ("resume", "the value at step 1", "s")
    versions, names, line = ran.stdout.splitlines()
    assert "numpy" in versions
    assert names.split() == ["name", "ours", "rival", "ratio", "promised", "against"]
    assert line.startswith("resume ")
    assert line.endswith("<= 1.5  the value at step 1")


def test_rows_are_listed_and_not_measured():
    ran = run("--list")
    assert [line.split()[0] for line in ran.stdout.splitlines()] == list(command.QUESTIONS)


def test_an_unknown_row_is_named():
    ran = run("scaler/hand")
    assert ran.returncode == 2
    assert "unknown row 'scaler/hand'" in ran.stderr


def test_a_rival_that_is_not_installed_is_named(monkeypatch, capsys):
    def measure():
        import not_installed_anywhere  # noqa: F401

    question = Question("a/row", "work", "a rival", 1.0, measure)
    monkeypatch.setattr(command, "QUESTIONS", {"a/row": question})
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    command.main()
    assert capsys.readouterr().out.splitlines()[-1].split() == ["a/row", "not_installed_anywhere", "(not", "installed)"]
