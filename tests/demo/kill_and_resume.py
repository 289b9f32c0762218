"""Kill the demo at moments uniform over its run time, resume it, and compare the weights bit for bit.

    python -m tests.demo.kill_and_resume --times 10
    python -m tests.demo.kill_and_resume --times 10 --processes 4

Each round starts a run in a fresh folder, sends it SIGKILL at a random moment, resumes it to the end, and compares its
last checkpoint and its table with those of a run that was left alone. The moments are printed. Of several processes one
is killed, and torchrun starts them all again.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch
import torch.distributed as dist
from tqdm import tqdm

from optimsche import cli
from optimsche.demo import files, train
from tests import forks


def start(out, *options, **environment):
    """Start the command in a process of its own; what it says goes into two files beside ``out``."""
    process = forks.context().Process(target=_demo, args=(str(out), options, environment))
    process.start()
    return process


def _demo(out, options, environment):
    os.environ.update(environment)
    for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
        with open(f"{out}.{environment.get('RANK', 0)}.{name}", "w") as file:
            os.dup2(file.fileno(), stream.fileno())
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which the killed would leave behind
    sys.exit(cli.main(["demo", "--out", out, *options]))


def import_it():
    """Wait until the process that is forked has imported the demo."""
    process = forks.context().Process(target=int)
    process.start()
    process.join()


def run(out, *options):
    process = start(out, *options)
    process.join()
    _check([process], out)


def _check(processes, out):
    if any(process.exitcode != 0 for process in processes):
        errors = [Path(f"{out}.{rank}.err").read_text() for rank in range(len(processes))]
        raise RuntimeError("\n".join(errors))


def run_together(out, count, *options, timeout=600):
    """A run of several processes, with the variables that torchrun sets; what all of them print."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    settings = {
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"},
        **{"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)},
        **{"TORCHELASTIC_RUN_ID": "together", "TORCHELASTIC_RESTART_COUNT": "0"},
    }
    ranks = [start(out, *options, **settings, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(count)]
    deadline = time.monotonic() + timeout
    for process in ranks:
        process.join(max(deadline - time.monotonic(), 0))
    for process in ranks:
        process.kill()
        process.join()
    _check(ranks, out)
    return "".join(Path(f"{out}.{rank}.out").read_text() for rank in range(count))


def run_and_kill(out, after, *options):
    """Start a run and kill it ``after`` so many seconds; whether it was still running then."""
    process = start(out, *options)
    process.join(after)
    was_running = process.exitcode is None
    process.kill()
    process.join()
    return was_running


def torchrun(out, processes, *options):
    """The demo in several processes, which torchrun starts again when one is lost."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
    command += ["--max-restarts", "3", "--monitor-interval", "0.1", "-m", "optimsche", "demo", "--out", str(out)]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def kill_one(launcher, rank):
    """Send SIGKILL to one of the processes that torchrun has started; whether there was one."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    if rank >= len(children):
        return False
    os.kill(int(children[rank]), signal.SIGKILL)
    return True


def run_together_and_kill(out, after, processes, rank, *options):
    """A run of several processes, of which one is killed so many seconds after the first checkpoint.

    Returns:
        Whether it was killed, and the seconds from the first checkpoint to the end.
    """
    launcher = torchrun(out, processes, *options)
    while not (out / "checkpoint.pt").exists() and launcher.poll() is None:
        time.sleep(0.01)
    begin = time.perf_counter()
    try:
        launcher.wait(timeout=after)
        killed = False
    except subprocess.TimeoutExpired:
        killed = kill_one(launcher, rank)
    launcher.communicate(timeout=600)
    if launcher.returncode != 0:
        raise RuntimeError(f"torchrun ended with {launcher.returncode}")
    return killed, time.perf_counter() - begin


def stop_at_the_first_checkpoint(settings, out, monkeypatch):
    """A run of one process, in this one, that ends with its first checkpoint on the disk."""
    save = files.save_checkpoint

    def stopping(path, state):
        save(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(files, "save_checkpoint", stopping)
        train.train(settings, out)
        raise AssertionError("the run wrote no checkpoint")


def updates_in(out):
    """Updates in the folder's checkpoint; 0 if there is none."""
    return len(torch.load(out / "checkpoint.pt")["rows"]) if (out / "checkpoint.pt").exists() else 0


def same_results(one, other):
    """Whether two folders hold the same weights, optimizer state and table, bit for bit."""
    a, b = (torch.load(out / "checkpoint.pt") for out in (one, other))
    return _same(a, b) and (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def _same(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def main_together(times, seed, processes, options=()):
    """The same of several processes; the seconds before the first checkpoint are left out."""
    rng = random.Random(seed)
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, "alone")
        _, duration = run_together_and_kill(alone, 600, processes, 0, *options)
        print(f"left alone, {processes} processes: {duration:.2f} s, {updates_in(alone)} updates", flush=True)
        for number in range(1, times + 1):
            out, after, rank = Path(folder, str(number)), rng.uniform(0, 0.6) * duration, rng.randrange(processes)
            killed, _ = run_together_and_kill(out, after, processes, rank, *options)
            equal = same_results(alone, out)
            same += equal
            how = f"process {rank} killed" if killed else "had ended already"
            print(f"{number:>3}: {after:6.3f} s, {how}; {'the same bits' if equal else 'DIFFERENT'}", flush=True)
    print(f"{same} of {times} ended with the same weights")
    return same


def main(times, seed, options=()):
    """Rounds of which the weights were the same; prints each moment."""
    rng = random.Random(seed)
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, "alone")
        import_it()
        begin = time.perf_counter()
        run(alone, *options)
        duration = time.perf_counter() - begin
        print(f"left alone: {duration:.2f} s, {updates_in(alone)} updates")
        for number in range(1, times + 1):
            out, after = Path(folder, str(number)), rng.uniform(0, duration)
            killed = run_and_kill(out, after, *options)
            reached = updates_in(out)
            run(out, "--resume", *options)
            equal = same_results(alone, out)
            same += equal
            how = f"killed, checkpoint at update {reached}" if killed else "had ended already"
            print(
                f"{number:>3}: {after:6.3f} s, {how}; resumed: {'the same bits' if equal else 'DIFFERENT'}", flush=True
            )
    print(f"{same} of {times} ended with the same weights")
    return same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--epochs", default="20")
    arguments = parser.parse_args()
    options = ("--epochs", arguments.epochs)
    if arguments.processes == 1:
        sys.exit(main(arguments.times, arguments.seed, options) != arguments.times)
    ended = main_together(arguments.times, arguments.seed, arguments.processes, options)
    sys.exit(ended != arguments.times)
