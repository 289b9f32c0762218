"""How fast does this machine stream through memory, and does that change? ``python -m benchmarks.machine``.

Once a second it adds one array to another, both larger than the caches, with one thread and with all, and prints GB/s.
Where the ratio of the two jumps about, so do the rows ``update/...``, which stream through memory with all threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import torch

NUMBERS = 30_000_000  # as many as the parameters of update/...: 120 MB in float32
PASSES = 5
BYTES = 3 * 4 * NUMBERS  # of one pass: two arrays are read, one is written


def speed(threads: int, x: torch.Tensor, y: torch.Tensor) -> float:
    """GB/s of ``x += y``, the median of some passes."""
    torch.set_num_threads(threads)
    times = []
    for _ in range(PASSES):
        begin = time.perf_counter()
        x.add_(y)
        times.append(time.perf_counter() - begin)
    return BYTES / statistics.median(times) / 1e9


def main() -> None:
    """Print a line a second, and the range at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine", description="Stream through memory.")
    parser.add_argument("--seconds", type=int, default=20, help="how many lines to print, one a second (20)")
    options = parser.parse_args()
    threads = os.cpu_count() or 1
    x, y = torch.zeros(NUMBERS), torch.ones(NUMBERS)
    print(f"{'second':>6}{'1 thread':>12}{f'{threads} threads':>12}{'ratio':>8}")
    found = []
    for second in range(1, options.seconds + 1):
        begin = time.perf_counter()
        one, all_threads = speed(1, x, y), speed(threads, x, y)
        found.append((one, all_threads, all_threads / one))
        print(f"{second:>6}{one:>7.1f} GB/s{all_threads:>7.1f} GB/s{all_threads / one:>8.2f}", flush=True)
        time.sleep(max(begin + 1 - time.perf_counter(), 0))
    for name, values in zip(
        ("1 thread, GB/s", f"{threads} threads, GB/s", "ratio"), zip(*found, strict=True), strict=True
    ):
        print(f"{name}: {min(values):.2f} to {max(values):.2f}")


if __name__ == "__main__":
    main()
