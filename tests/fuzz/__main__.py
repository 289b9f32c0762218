"""Fuzz parse and from_dict: ``python -m tests.fuzz --inputs 200000``.

Each kind of input gets its share, those that are quick to make a larger one. An input may be read, or refused with
ValueError or TypeError; anything else, an import, a file opened, code executed, or more than a second of work is a
finding, and hypothesis shrinks it.
"""

import argparse
import sys
import time

import hypothesis

from optimsche import parse
from optimsche.testing.search import EVERY_HEALTH_CHECK
from tests.fuzz.inputs import INPUTS, SHARES
from tests.fuzz.watch import watched


def fuzz(name, inputs, seed):
    """Give so many inputs of one kind to the reader; return how many were read and the slowest time."""
    read, strategy = INPUTS[name]
    counts = {"tried": 0, "read": 0, "slowest": 0.0}

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=inputs, database=None, deadline=None, suppress_health_check=EVERY_HEALTH_CHECK, print_blob=False
    )
    @hypothesis.given(strategy)
    def is_read_or_refused(value):
        counts["tried"] += 1
        was_read, took = _timed(read, value)
        if took > 1.0:  # a pause of Python's garbage collector, or of the machine, does not come twice
            took = min(took, _timed(read, value)[1])
        counts["read"] += was_read
        counts["slowest"] = max(counts["slowest"], took)
        assert took < 1.0, "more than a second of work"

    is_read_or_refused()
    return counts


def _timed(read, value):
    begin = time.process_time()
    was_read = watched(read, value)
    return was_read, time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, help="in total (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    parse("cosine(steps=9)")  # whatever is imported at the first use is imported now
    total = 0
    for name in INPUTS:
        inputs = -(-options.inputs * SHARES[name] // sum(SHARES.values()))
        counts = fuzz(name, inputs, options.seed)
        total += counts["tried"]
        print(
            f"{name:<22}{counts['tried']:>8} inputs, {counts['read']:>7} read, slowest {counts['slowest']:.3f} s",
            flush=True,
        )
    print(f"{total} inputs, no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
