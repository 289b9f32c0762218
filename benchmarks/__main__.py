"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from benchmarks import curve, loop, scalar, start, syncs, update, write
from benchmarks.harness import Row

CORE = (scalar, write, curve, start)
TRAINING = (update, loop, syncs)
QUESTIONS = {question.name: question for file in (*CORE, *TRAINING) for question in file.QUESTIONS}
PACKAGES = ("optimsche", "numpy", "torch", "jax", "optax", "lrsched", "fvcore", "accelerate", "lightning")


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
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {versions}; {platform.machine()}, {os.cpu_count()} cores"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _line(row: Row, promised: float) -> str:
    if row.ours_s is None or row.rival_s is None or row.ratio is None:
        return f"{row.name:<24}{'':>36}{'':>10}  {row.rival}"
    ours, rival = (_measured(row.name, x) for x in (row.ours_s, row.rival_s))
    return f"{row.name:<24}{ours:>14}{rival:>14}{row.ratio:>8.3g}{'<= ' + str(promised):>10}  {row.rival}"


def _measured(name: str, x: float) -> str:
    """Seconds in a unit that reads well; some rows count reads, recompiles or bytes instead."""
    if name.startswith(("syncs/", "recompiles")):
        return f"{x:g}"
    if name == "memory":
        return f"{x / 2**20:,.0f} MiB"
    return f"{x * 1e9:,.2f} ns" if x < 1e-7 else f"{x * 1e9:,.0f} ns" if x < 1e-3 else f"{x * 1e3:,.0f} ms"


if __name__ == "__main__":
    main()
