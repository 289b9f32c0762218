"""Compare today's values with those of the recording: ``python -m tests.recording``.

Or write a recording: ``python -m tests.recording --record FILE``. That is for a change of values that is meant, and the
file is tests/recording/values.json.gz; its commit says which values changed and why. A tree whose value depends on how
often a schedule was called, or on whether its clock is a float or a whole number, is printed and left out of it.
"""

import argparse
import sys

from optimsche import parse
from tests.recording import recorded, trees

SHOWN = 20


def record(file, count):
    """Draw trees, play them, write what all ways of playing agree on."""
    kept, left_out = [], 0
    for case in trees.draw(count):
        try:
            rows = recorded.played(*case)
        except (ValueError, ArithmeticError) as error:
            left_out += 1
            print(f"{case.text}\n    is left out: {error}")
            continue
        values = rows["first call, float"]
        tree = recorded.Tree(case.text, parse(case.text).length, case.clocks, case.epochs, values)
        found = recorded.differences(tree, exact=True)
        if found:
            left_out += 1
            print(f"{found[0]}\n    is left out, with {len(found)} clocks that differ")
        else:
            kept.append(tree)
    recorded.write(file, kept)
    print(f"{len(kept)} trees, {sum(len(tree.values) for tree in kept)} values; {left_out} trees are left out")
    return 0


def compare(file):
    """Print what differs from a recording."""
    libm, kept = recorded.read(file)
    exact = libm == recorded.libm()
    found = [differences for tree in kept if (differences := recorded.differences(tree, exact=exact))]
    for differences in found[:SHOWN]:
        print(differences[0])
    print("bit for bit, with the libm of the recording" if exact else "within 1e-9: the recording is of another libm")
    values = sum(len(tree.values) for tree in kept)
    print(f"{len(kept)} trees, {values} values; {sum(map(len, found))} values of {len(found)} trees differ")
    return 1 if found else 0


def main():
    reader = argparse.ArgumentParser(prog="python -m tests.recording", description=__doc__)
    reader.add_argument("--record", metavar="FILE", help="write a recording of today's values instead")
    reader.add_argument("--trees", type=int, default=5_000, help="how many to record (default: %(default)s)")
    reader.add_argument("--file", default=recorded.FILE, help="the recording to compare with (default: the one here)")
    options = reader.parse_args()
    return record(options.record, options.trees) if options.record else compare(options.file)


if __name__ == "__main__":
    sys.exit(main())
