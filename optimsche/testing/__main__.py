"""``python -m optimsche.testing``: which lr functions the strategies draw, and how deep."""

from __future__ import annotations

import argparse
import sys

from optimsche.testing.drawn import coverage


def main() -> int:
    """Print the table; the exit status is 1 if a function was missed at a depth."""
    parser = argparse.ArgumentParser(prog="python -m optimsche.testing", description=__doc__)
    parser.add_argument("--depth", type=int, default=6, help="the deepest nesting (default: %(default)s)")
    parser.add_argument("--examples", type=int, default=5_000, help="schedules to draw (default: %(default)s)")
    options = parser.parse_args()
    drawn = coverage(depth=options.depth, examples=options.examples)
    print(drawn)
    return 1 if drawn.missing else 0


if __name__ == "__main__":
    sys.exit(main())
