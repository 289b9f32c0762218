"""A few rows of the benchmarks, with bounds so wide that a busy machine does not break them and a slow change does."""

import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import QUESTIONS
from benchmarks.harness import compare

# Four times what is promised: a change that makes one of these ten times as slow cannot land.
ROWS = ["scalar/hand", "write1/torch", "write100/torch", "curve/where", "restarts/hand", "resume"]


@pytest.mark.parametrize("name", ROWS)
def test_is_not_many_times_slower_than_promised(name):
    row = QUESTIONS[name].measure()
    assert row.ratio < 4 * QUESTIONS[name].promised


def test_a_tenfold_slowdown_would_be_seen():
    row = compare("twice", lambda: sum(range(100_000)), "once", lambda: sum(range(10_000)), rounds=11)
    assert row.ratio > 4


def test_rows_are_printed_and_written(tmp_path):
    file = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "resume", "--json", str(file)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (row,) = json.loads(file.read_text())
    assert set(row) == {"name", "ours_s", "rival", "rival_s", "ratio"}
    assert row["name"] == "resume"
    assert "resume" in printed
    assert "numpy" in printed.splitlines()[0]


def test_an_unknown_row_is_named():
    command = [sys.executable, "-m", "benchmarks", "scaler/hand"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "unknown row 'scaler/hand'" in ran.stderr
