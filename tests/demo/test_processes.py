"""The main job in several processes: the run of one, whatever their number, and after one of them has died."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from optimsche import OptimScheduler, constant
from optimsche.demo import files, processes, train
from tests.demo import kill_and_resume

EPOCHS = 1  # 23 updates; the last window has 2 micro-batches
SETTINGS = train.Settings(epochs=EPOCHS)
PATIENCE = 200  # seconds


def command(number, out, *options, restarts=0):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={number}"]
    demo = ["-m", "optimsche", "demo", "--epochs", str(EPOCHS), "--out", str(out)]
    return [*torchrun, f"--max-restarts={restarts}", *demo, *options]


def run(number, out, *options):
    ran = subprocess.run(command(number, out, *options), capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


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
    assert run(2, out).count("test accuracy") == 1  # one of them prints
    return out


def same_run(one, other):
    """Whether two runs are the same but for the order of sums, which grows from update to update."""
    pairs = list(zip(rows_of(one), rows_of(other), strict=True))
    assert [a["lr"] for a, _ in pairs] == [b["lr"] for _, b in pairs]
    assert [(a["update"], a["epoch"], a["step_num"]) for a, _ in pairs] == [
        (b["update"], b["epoch"], b["step_num"]) for _, b in pairs
    ]
    assert [a["loss"] for a, _ in pairs[:10]] == pytest.approx([b["loss"] for _, b in pairs[:10]], rel=1e-4)
    weights, others = (torch.load(out / "checkpoint.pt")["model"] for out in (one, other))
    for name in weights:
        assert torch.allclose(weights[name], others[name], atol=0.02), name


def test_two_processes_make_the_run_of_one(alone, two):
    same_run(alone, two)


def test_a_run_of_one_is_resumed_by_four_though_the_last_window_has_micro_batches_for_two(alone, tmp_path, monkeypatch):
    save = files.save_checkpoint

    def stopping(path, state):
        save(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "save_checkpoint", stopping)
        with pytest.raises(KeyboardInterrupt):
            train.train(SETTINGS, tmp_path)
    assert kill_and_resume.updates_in(tmp_path) == train.SAVE_EVERY
    run(4, tmp_path, "--resume")
    same_run(alone, tmp_path)


def test_a_process_that_dies_is_started_again_and_the_run_ends_with_the_same_bits(two, tmp_path):
    process = subprocess.Popen(
        command(2, tmp_path, restarts=1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        limit = time.monotonic() + PATIENCE
        while kill_and_resume.updates_in(tmp_path) < train.SAVE_EVERY:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.01)
        os.kill(worker(process.pid, rank=1), signal.SIGKILL)
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-3000:]
    assert output.count("test accuracy") == 1
    assert kill_and_resume.same_results(two, tmp_path)


def worker(torchrun, rank):
    """The process of this rank under torchrun."""
    for child in Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError("no such process")


@pytest.mark.parametrize("accum_grad", [4, {1: 3, 10: 6}])
def test_processes_that_cannot_share_a_window_are_refused(accum_grad):
    model = torch.nn.Linear(1, 1)
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.1), accum_grad=accum_grad)
    with pytest.raises(ValueError, match=r"3 processes cannot share windows of accum_grad=.* as divide it"):
        train.divide(optim, processes.Share(0, 3, batches=90))
