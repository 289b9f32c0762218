"""The main job in two processes: the result of one, one checkpoint, and a process that is killed on the way."""

import csv
import time

import pytest

from tests.demo import kill_and_resume

EPOCHS = ("--epochs", "1")


def numbers_in(out):
    rows = list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))
    return [float(row[name]) for row in rows for name in ("lr", "loss", "grad_norm")]


def test_two_processes_end_as_one_also_if_one_is_killed_in_mid_window(tmp_path):
    alone, killed = (kill_and_resume.torchrun(tmp_path / name, 2, *EPOCHS) for name in ("alone", "killed"))
    deadline = time.monotonic() + 300
    try:
        while not (tmp_path / "killed" / "checkpoint.pt").exists():  # after ten of 23 updates
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert kill_and_resume.kill_one(killed, 1)
        said = [launcher.communicate(timeout=300)[0] for launcher in (alone, killed)]
    finally:
        for launcher in (alone, killed):
            launcher.kill()
            launcher.wait()
    assert [launcher.returncode for launcher in (alone, killed)] == [0, 0]
    assert kill_and_resume.same_results(tmp_path / "alone", tmp_path / "killed")
    assert [text.count("test accuracy") for text in said] == [1, 1]  # one of them tells

    kill_and_resume.run(tmp_path / "one", *EPOCHS)
    assert numbers_in(tmp_path / "alone") == pytest.approx(numbers_in(tmp_path / "one"), rel=1e-3)
    assert {path.name for path in (tmp_path / "alone").iterdir()} == {"checkpoint.pt", "curve.png", "metrics.csv"}
