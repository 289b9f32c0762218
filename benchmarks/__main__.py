"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from benchmarks import loop, scalar, syncs, update
from benchmarks.harness import Row

QUESTIONS = {
    question.name: question for question in [*scalar.QUESTIONS, *update.QUESTIONS, *loop.QUESTIONS, *syncs.QUESTIONS]
}


def main() -> None:
    """Measure the named rows, all by default; print a table and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time optimsche against its rivals.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows to measure: {', '.join(QUESTIONS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args()
    for name in options.names:
        if name not in QUESTIONS:
            parser.error(f"unknown row {name!r}; there are {', '.join(QUESTIONS)}")
    print(_machine())
    print(f"{'name':<24}{'ours':>14}{'rival':>14}{'ratio':>8}{'promised':>10}  against")
    rows = []
    for name in options.names or QUESTIONS:
        row = QUESTIONS[name].measure()
        rows.append(row)
        print(_line(row, QUESTIONS[name].promised), flush=True)
    if options.json:
        options.json.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n")


def _machine() -> str:
    versions = ", ".join(f"{package} {_version(package)}" for package in ("optimsche", "numpy", "torch"))
    return f"Python {platform.python_version()}, {versions}; {platform.machine()}, {os.cpu_count()} cores"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _line(row: Row, promised: float) -> str:
    if row.ours_s is None or row.rival_s is None or row.ratio is None:
        return f"{row.name:<24}{'':>36}{'':>10}  {row.rival}"
    counted = row.name.startswith(("syncs/", "recompiles"))  # these count, the others measure time
    ours, rival = (f"{x:g}" if counted else f"{x * 1e9:,.0f} ns" for x in (row.ours_s, row.rival_s))
    return f"{row.name:<24}{ours:>14}{rival:>14}{row.ratio:>8.2f}{'<= ' + str(promised):>10}  {row.rival}"


if __name__ == "__main__":
    main()
