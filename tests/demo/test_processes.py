"""The main job in several processes: the run of one, whatever their number, and after one of them has died."""

import csv
import time

import pytest
import torch

from optimsche import OptimScheduler, constant
from optimsche.demo import processes, train
from tests.demo import kill_and_resume

EPOCHS = 1  # 23 updates; the last window has 2 micro-batches
SETTINGS = train.Settings(epochs=EPOCHS)
PATIENCE = 200  # seconds


def rows_of(out):
    rows = csv.DictReader((out / "metrics.csv").read_text().splitlines())
    return [
        {name: float(row[name]) for name in ("update", "epoch", "step_num", "lr", "loss", "grad_norm")} for row in rows
    ]


@pytest.fixture(autouse=True)
def _threads_and_modes_as_before():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    train.train(SETTINGS, out)
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    out = tmp_path_factory.mktemp("two")
    output = kill_and_resume.run_together(out, 2, "--epochs", str(EPOCHS), timeout=PATIENCE)
    assert output.count("test accuracy") == 1  # one of them prints
    return out


def same_run(one, other):
    """Whether two runs are the same but for the order of sums, which grows from update to update."""
    pairs = list(zip(rows_of(one), rows_of(other), strict=True))
    assert [a["lr"] for a, _ in pairs] == [b["lr"] for _, b in pairs]
    assert [(a["update"], a["epoch"], a["step_num"]) for a, _ in pairs] == [
        (b["update"], b["epoch"], b["step_num"]) for _, b in pairs
    ]
    for name in ("loss", "grad_norm"):  # that of the last update tells of the window that only two processes share
        assert [a[name] for a, _ in pairs] == pytest.approx([b[name] for _, b in pairs], rel=1e-2)
    weights, others = (torch.load(out / "checkpoint.pt")["model"] for out in (one, other))
    for name in weights:
        assert torch.allclose(weights[name], others[name], atol=0.02), name


def test_two_processes_make_the_run_of_one(alone, two):
    same_run(alone, two)


def test_a_run_of_one_is_resumed_by_four_though_the_last_window_has_micro_batches_for_two(alone, tmp_path, monkeypatch):
    kill_and_resume.stop_at_the_first_checkpoint(SETTINGS, tmp_path, monkeypatch)
    assert kill_and_resume.updates_in(tmp_path) == train.SAVE_EVERY
    kill_and_resume.run_together(tmp_path, 4, "--epochs", str(EPOCHS), "--resume", timeout=PATIENCE)
    same_run(alone, tmp_path)


def test_a_process_that_dies_is_started_again_and_the_run_ends_with_the_same_bits(two, tmp_path):
    launcher = kill_and_resume.torchrun(tmp_path, 2, "--epochs", str(EPOCHS))
    try:
        limit = time.monotonic() + PATIENCE
        while kill_and_resume.updates_in(tmp_path) < train.SAVE_EVERY:
            assert launcher.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert kill_and_resume.kill_one(launcher, 1)
        output, _ = launcher.communicate(timeout=PATIENCE)
    finally:
        launcher.kill()
    assert launcher.returncode == 0
    assert output.count("test accuracy") == 1
    assert kill_and_resume.same_results(two, tmp_path)


@pytest.mark.parametrize("accum_grad", [4, {1: 3, 10: 6}])
def test_processes_that_cannot_share_a_window_are_refused(accum_grad):
    model = torch.nn.Linear(1, 1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.1), accum_grad=accum_grad)
    with pytest.raises(ValueError, match=r"3 processes cannot share windows of accum_grad=.* as divide it"):
        train.divide(optim, processes.Share(0, 3, batches=90))
