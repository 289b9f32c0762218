"""``python -m benchmarks`` prints rows, writes them, lists them; ``python -m benchmarks.machine`` streams."""

import json
import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import machine
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


def test_a_machine_that_changes_is_shown(monkeypatch, capsys):
    found = iter([36.0, 72.0, 36.0, 54.0])
    monkeypatch.setattr(machine, "speed", lambda threads, x, y: next(found))
    monkeypatch.setattr(machine, "NUMBERS", 10)
    monkeypatch.setattr(machine.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(sys, "argv", ["machine", "--seconds", "2"])
    machine.main()
    first, second, *ranges = capsys.readouterr().out.splitlines()[1:]
    assert first.split() == ["1", "36.0", "GB/s", "72.0", "GB/s", "2.00"]
    assert second.split() == ["2", "36.0", "GB/s", "54.0", "GB/s", "1.50"]
    assert ranges[1:] == ["2 threads, GB/s: 54.00 to 72.00", "ratio: 1.50 to 2.00"]


def test_a_speed_is_bytes_by_seconds(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(machine.time, "perf_counter", lambda: next(now))
    threads = machine.torch.get_num_threads()
    x, y = machine.torch.zeros(3), machine.torch.ones(3)
    assert machine.speed(threads, x, y) == pytest.approx(machine.BYTES / 1e9)
    assert x.tolist() == [machine.PASSES] * 3
