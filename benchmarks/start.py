"""What does it cost to be there? Importing, resuming far into a run, and drawing a curve larger than the memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from benchmarks.harness import Question, Row, compare
from optimsche import cosine

RESTARTED = cosine(start=3e-4, steps=1_000).repeat(stretch=2)


def resume() -> Row:
    """The value far into a run, against the value at its beginning."""
    far, calls = 10**9, 1_000
    return compare(
        lambda: [RESTARTED(far) for _ in range(calls)],
        lambda: [RESTARTED(1) for _ in range(calls)],
        pieces=calls,
    )


def importing() -> Row:
    """``import optimsche`` in a fresh process, against ``import numpy``, both less an empty process."""
    _seconds("import optimsche, numpy")  # bytecode is written once, as an installation does
    rounds = []
    for _ in range(15):
        ours, numpy, nothing = (_seconds(code) for code in ("import optimsche", "import numpy", "pass"))
        rounds.append((ours - nothing, numpy - nothing))
    ours, numpy = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Row(ours, numpy)


def _seconds(code: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - begin


_IN_BLOCKS = """
import sys, tempfile
import numpy as np
from optimsche import warmup_cosine

total, block = int(sys.argv[1]), 1_000_000
plan = warmup_cosine(peak=3e-4, warmup_steps=total // 10, total_steps=total)
with tempfile.TemporaryFile() as file:
    for begin in range(1, total + 1, block):
        plan(np.arange(begin, begin + block)).tofile(file)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


def memory() -> Row:
    """The peak memory of a process that writes a curve of 10**8 steps to a file, against one of 10**6 steps."""
    large, small = (
        float(subprocess.run([sys.executable, "-c", _IN_BLOCKS, str(n)], check=True, capture_output=True).stdout)
        for n in (10**8, 10**6)
    )
    return Row(large, small, unit="B")


QUESTIONS = [
    Question("resume", "the value at step 10**9 of growing restarts", "the value at step 1", 1.5, resume),
    Question("import", "import optimsche in a fresh process, less an empty one", "import numpy", 0.6, importing),
    Question("memory", "peak memory, 10**8 steps in blocks of 10**6", "a curve of 1,000,000 steps", 1.1, memory),
]
