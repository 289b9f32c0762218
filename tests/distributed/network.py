"""Two machines with a slow network that loses packets between them, simulated in network namespaces of Linux.

    sudo python -m tests.distributed.network --delay 0.02 --loss 0.01

Each namespace has one process of the demo; torchrun lets them meet over a pair of virtual network cards. Every packet
between these passes through this program, which holds it back and drops some (as `tc netem` does, where a kernel has
it). The run has to end like one of a single process. Not a part of the test suite: it needs root and `ip`, and takes a
minute.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.demo import kill_and_resume

ROOT = Path(__file__).parents[2]
CARD = "card"
MACHINES = {"optimsche-a": "10.77.0.1", "optimsche-b": "10.77.0.2"}


def command(*words: str) -> None:
    subprocess.run(words, check=True)


@contextmanager
def two_machines(delay: float, loss: float) -> Iterator[Cable]:
    """Two namespaces and the cable between them; gone again at the end."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    ends = []
    try:
        for name, address in MACHINES.items():
            command("ip", "netns", "add", name)
            enter(os.open(f"/run/netns/{name}", os.O_RDONLY))
            ends.append(network_card())
            command("ip", "address", "add", f"{address}/24", "dev", CARD)
            command("ip", "link", "set", "lo", "up")
            command("ip", "link", "set", CARD, "up")
        enter(here)
        cable = Cable(ends, delay, loss)
        cable.start()
        yield cable
    finally:
        enter(here)
        for name in MACHINES:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def enter(namespace: int) -> None:
    """Let this thread see the network of a namespace; what it opens there stays there."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns: are you root?")


def network_card() -> int:
    """A network card whose packets are read from and written to a file."""
    card = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(card, 0x400454CA, struct.pack("16sH", CARD.encode(), 0x0001 | 0x1000))  # TUNSETIFF; plain IP packets
    return card


class Cable(threading.Thread):
    """Takes packets from each end to the other, later, and not all of them."""

    def __init__(self, ends: list[int], delay: float, loss: float) -> None:
        super().__init__(daemon=True)
        self.ends, self.delay, self.loss = ends, delay, loss
        self.carried = self.dropped = 0

    def run(self) -> None:
        chance, waiting = random.Random(0), deque[tuple[float, int, bytes]]()
        while True:
            pause = max(waiting[0][0] - time.monotonic(), 0.0) if waiting else 1.0
            for end in select.select(self.ends, [], [], pause)[0]:
                packet = os.read(end, 65_536)
                if chance.random() < self.loss:
                    self.dropped += 1
                else:
                    other = self.ends[1 - self.ends.index(end)]
                    waiting.append((time.monotonic() + self.delay, other, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, end, packet = waiting.popleft()
                os.write(end, packet)
                self.carried += 1


def train(folder: Path, epochs: int) -> float:
    """Train on both machines; the seconds that it took."""
    processes = []
    begin = time.perf_counter()
    for rank, name in enumerate(MACHINES):
        words = ["ip", "netns", "exec", name, sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
        words += ["--node-rank", str(rank), "--nproc-per-node", "1", "--master-addr", next(iter(MACHINES.values()))]
        words += ["--master-port", "29500", "-m", "optimsche", "demo", "--epochs", str(epochs)]
        environment = {**os.environ, "GLOO_SOCKET_IFNAME": CARD}
        out = str(folder / f"machine {rank}")
        processes.append(subprocess.Popen([*words, "--out", out], cwd=ROOT, env=environment, stderr=subprocess.PIPE))
    errors = [process.communicate(timeout=900)[1].decode() for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("\n".join(errors))
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed.network", description=__doc__)
    parser.add_argument("--delay", type=float, default=0.02, help="seconds that each packet takes")
    parser.add_argument("--loss", type=float, default=0.01, help="share of the packets that are lost")
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with two_machines(options.delay, options.loss) as cable:
            seconds = train(folder, options.epochs)
        kill_and_resume.run(folder / "one", "--epochs", str(options.epochs))
        far = apart(folder / "machine 0", folder / "one")
    carried, dropped = cable.carried, cable.dropped
    print(
        f"two machines, {1000 * options.delay:g} ms, {dropped:,} of {carried + dropped:,} packets lost: "
        f"{seconds:.0f} s; losses and norms are those of one process within {far:.1e}"
    )
    sys.exit(far > 1e-3)


def apart(out: Path, other: Path) -> float:
    """How far losses and norms of two runs are from each other, relative to their size."""
    return max(abs(a - b) / max(abs(b), 1e-12) for a, b in zip(_numbers_in(out), _numbers_in(other), strict=True))


def _numbers_in(out: Path) -> list[float]:
    rows = list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))
    return [float(row[name]) for row in rows for name in ("loss", "grad_norm")]


if __name__ == "__main__":
    main()
