"""The main job: it learns, it can be killed and resumed, and it says what is wrong."""

import csv
import os
import re

import pytest
import torch
from matplotlib import image

from optimsche import NonFiniteError, cli, parse
from optimsche.demo import files, train
from tests.demo import kill_and_resume

SHORT = train.Settings(epochs=2)


def rows_of(out):
    return list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))


@pytest.fixture(autouse=True)
def _threads_and_modes_as_before():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def test_the_demo_reaches_its_accuracy_and_leaves_its_files(tmp_path, capsys):
    assert cli.main(["demo", "--out", str(tmp_path)]) == 0
    accuracy = float(re.search(r"test accuracy ([\d.]+)%", capsys.readouterr().out)[1])
    assert accuracy >= 96
    rows = rows_of(tmp_path)
    plan = train.default_plan(len(rows))
    assert [float(row["lr"]) for row in rows] == [plan(n) for n in range(1, len(rows) + 1)]
    assert image.imread(tmp_path / "curve.png")[0, 0, 3] == 0  # transparent, as all pictures
    assert len(rows) == 20 * 23  # 90 batches an epoch, 4 to a window: 22 whole windows and one of 2


def test_bf16_learns_too(tmp_path):
    outcome = train.train(train.Settings(epochs=4, amp="bf16"), tmp_path)
    assert outcome.accuracy > 0.9


def test_a_run_stopped_after_any_update_resumes_to_the_same_bits(tmp_path, monkeypatch):
    train.train(SHORT, tmp_path / "alone")
    monkeypatch.setattr(train, "SAVE_EVERY", 7)
    save = files.save_checkpoint
    for stop_at in (1, 3, 5):
        out, saved = tmp_path / str(stop_at), []

        def stopping(path, state, saved=saved, stop_at=stop_at):
            saved.append(None)
            if len(saved) == stop_at:
                raise KeyboardInterrupt
            save(path, state)

        with monkeypatch.context() as patch:
            patch.setattr(files, "save_checkpoint", stopping)
            with pytest.raises(KeyboardInterrupt):
                train.train(SHORT, out)
        train.train(SHORT, out, resume=True)
        assert kill_and_resume.same_results(tmp_path / "alone", out)


def test_killed_by_the_system_at_two_moments():
    assert kill_and_resume.main(times=2, seed=1, options=("--epochs", "2")) == 2


def test_a_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    files.save_checkpoint(path, {"step_num": 1})

    def power_cut(*_):
        raise KeyboardInterrupt

    for moment in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, moment, power_cut)
            with pytest.raises(KeyboardInterrupt):
                files.save_checkpoint(path, {"step_num": 2})
        assert torch.load(path) == {"step_num": 1}
    files.save_checkpoint(path, {"step_num": 2})
    assert torch.load(path) == {"step_num": 2}


def test_other_settings_are_refused_and_nothing_is_lost(tmp_path):
    train.train(SHORT, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match="was made with seed=0, and this run wants seed=1: resume with the settings"):
        train.train(SHORT._replace(seed=1), tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_schedule_as_text_and_a_configuration(tmp_path):
    text = "linear(start=3e-3, steps=46).warmup(0)"
    train.train(SHORT._replace(schedule=text), tmp_path / "text")
    rows = rows_of(tmp_path / "text")
    assert [float(row["lr"]) for row in rows] == [parse(text)(n) for n in range(1, 47)]

    config = tmp_path / "config.yaml"
    config.write_text(
        "rate: 4e-3\n"
        "optim_sches:\n"
        "    type: noam.Noamlr\n"
        "    conf: {optim_type: Adam, optim_conf: {lr: !ref <rate>}, warmup_steps: 20}\n"
    )
    train.train(SHORT._replace(config=str(config)), tmp_path / "config")
    rows = rows_of(tmp_path / "config")
    assert max(float(row["lr"]) for row in rows) == float(rows[19]["lr"]) == 4e-3


def config_file(path, rate, more=""):
    path.write_text(
        "optim_sches:\n"
        "    type: constant\n"
        f"    conf: {{optim_type: SGD, value: {rate}, updated_modules: ['0', '2', '7', '9']{more}}}\n"
    )
    return str(path)


def test_an_edited_configuration_is_noticed_and_another_spelling_is_not(tmp_path):
    config = config_file(tmp_path / "a.yaml", 0.1)
    train.train(SHORT._replace(config=config), tmp_path)
    moved = config_file(tmp_path / "b.yaml", "1.0e-1  ")
    train.train(SHORT._replace(config=moved), tmp_path, resume=True)
    config_file(tmp_path / "a.yaml", 0.2)
    with pytest.raises(ValueError, match=r"was made with optimizer=.*constant\(value=0.1.*constant\(value=0.2"):
        train.train(SHORT._replace(config=config), tmp_path, resume=True)

    out = tmp_path / "text"
    train.train(SHORT._replace(schedule="linear(start=3e-3, steps=46)"), out)
    train.train(SHORT._replace(schedule="linear( steps=46, start=0.003 )"), out, resume=True)


@pytest.mark.parametrize("content", [b"", b"garbage", "cut", {"step_num": 1}, [1]])
def test_a_broken_checkpoint_is_answered_in_a_sentence(content, tmp_path):
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(torch.zeros(1000) if content == "cut" else content, path)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(
        ValueError, match=r"checkpoint.pt is not a whole checkpoint of the demo; begin anew with --restart"
    ):
        train.train(SHORT, tmp_path, resume=True)


def test_the_table_has_the_updates_that_were_made(tmp_path):
    """At every third window; the windows between are no rows, and a checkpoint is there at the end."""
    config = config_file(tmp_path / "a.yaml", 0.1, ", step_per_update: 3")
    outcome = train.train(SHORT._replace(config=config), tmp_path)
    rows = rows_of(tmp_path)
    assert outcome.updates == len(rows) == 2 * 23 // 3
    assert [int(row["update"]) for row in rows] == list(range(1, 16))
    assert {row["skipped"] for row in rows} == {"False"}


def test_windows_of_another_size_resume_to_the_same_bits(tmp_path, monkeypatch):
    settings = SHORT._replace(config=config_file(tmp_path / "a.yaml", 0.1, ", accum_grad: 7"))
    train.train(settings, tmp_path / "alone")
    kill_and_resume.stop_at_the_first_checkpoint(settings, tmp_path / "out", monkeypatch)
    train.train(settings, tmp_path / "out", resume=True)
    assert kill_and_resume.same_results(tmp_path / "alone", tmp_path / "out")


def test_skipped_updates_are_not_counted_as_made(tmp_path):
    outcome = train.train(SHORT._replace(schedule="constant(value=1e30)"), tmp_path)
    assert outcome.updates < 5
    assert outcome.updates + outcome.skipped == 46


def test_a_rate_that_overflows_ends_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"the rate of micro-batch 4, 1e\+300, is too large for the weights"):
        train.train(SHORT._replace(schedule="constant(value=1e300)"), tmp_path)


@pytest.mark.parametrize(("steps", "notes"), [(46, 0), (9, 1)])
def test_a_plan_that_ends_before_the_run_is_mentioned(steps, notes, tmp_path, caplog):
    train.train(SHORT._replace(schedule=f"linear(start=1e-3, steps={steps})"), tmp_path)
    note = "the schedule ends with update 9, and this run makes 46: the rest gets the rate 0."
    assert caplog.text.count(note) == notes


class TestCommandLine:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["demo", "--schedule", "linear(steps=0.5)"], "update"),
            (["demo", "--schedule", "linear(steps='many')"], "steps"),
            (["demo", "--config", "/no/such/file.yaml"], "/no/such/file.yaml"),
        ],
    )
    def test_mistakes_are_answered_without_a_traceback(self, arguments, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(arguments) == 2
        assert message in capsys.readouterr().err

    def test_a_diverged_run_has_a_status_of_its_own(self, capsys, tmp_path, monkeypatch):
        def diverge(*_, **__):
            raise NonFiniteError("the run has diverged")

        monkeypatch.setattr(train, "train", diverge)
        assert cli.main(["demo", "--out", str(tmp_path)]) == 3
        assert capsys.readouterr().err == "optimsche demo: the run has diverged\n"

    def test_a_checkpoint_that_is_there_is_kept(self, capsys, tmp_path, monkeypatch):
        ran = []
        outcome = train.Outcome(correct=1, images=1, updates=1, skipped=0)
        monkeypatch.setattr(train, "train", lambda settings, out, resume: ran.append(resume) or outcome)
        checkpoint = tmp_path / "checkpoint.pt"
        checkpoint.write_bytes(b"of a night's work")
        assert cli.main(["demo", "--out", str(tmp_path)]) == 0
        assert capsys.readouterr().err == f"going on from {checkpoint}; --restart begins anew\n"
        assert cli.main(["demo", "--out", str(tmp_path), "--resume"]) == 0
        assert cli.main(["demo", "--out", str(tmp_path), "--restart"]) == 0
        assert ran == [True, True, False]
        with pytest.raises(SystemExit):
            cli.main(["demo", "--out", str(tmp_path), "--restart", "--resume"])
