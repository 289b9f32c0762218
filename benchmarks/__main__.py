"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--json FILE]``; what there is: ``--list``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from benchmarks import curve, loop, scalar, size, start, syncs, update, write
from benchmarks.harness import Question, Row

CORE = (scalar, write, curve, size, start)
TRAINING = (update, loop, syncs)
QUESTIONS = {question.name: question for file in (*CORE, *TRAINING) for question in file.QUESTIONS}
PACKAGES = ("optimsche", "numpy", "torch", "jax", "optax", "lrsched", "fvcore", "accelerate", "lightning")


def main() -> None:
    """Measure the named rows, all by default; print a table and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time optimsche against its rivals.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows to measure: {', '.join(QUESTIONS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--list", action="store_true", help="say what each row measures, and measure nothing")
    options = parser.parse_args()
    for name in options.names:
        if name not in QUESTIONS:
            parser.error(f"unknown row {name!r}; there are {', '.join(QUESTIONS)}")
    questions = [QUESTIONS[name] for name in options.names or QUESTIONS]
    if options.list:
        for question in questions:
            print(f"{question.name:<24}{question.work}, against {question.rival}")
        return
    print(_machine())
    print(f"{'name':<24}{'ours':>14}{'rival':>14}{'ratio':>8}{'promised':>10}  against")
    rows = []
    for question in questions:
        row, against = _measured(question)
        print(_line(question, row, against), flush=True)
        rows.append(
            {"name": question.name, "against": against, **(row._asdict() | {"ratio": row.ratio} if row else {})}
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def _machine() -> str:
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {versions}; {platform.machine()}, {os.cpu_count()} cores"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _measured(question: Question) -> tuple[Row | None, str]:
    """The row and whom it is against, or None and what is not installed."""
    try:
        return question.measure(), question.rival
    except ModuleNotFoundError as error:
        return None, f"{error.name} (not installed)"


def _line(question: Question, row: Row | None, against: str) -> str:
    if row is None:
        return f"{question.name:<24}{'':>46}  {against}"
    ours, theirs = (_readable(x, row.unit) for x in (row.ours, row.theirs))
    promised = f"<= {question.promised}"
    return f"{question.name:<24}{ours:>14}{theirs:>14}{row.ratio:>8.3g}{promised:>10}  {against}"


def _readable(x: float, unit: str) -> str:
    """A number with its unit, in a multiple that reads well."""
    if unit == "B":
        return f"{x / 2**20:,.0f} MiB"
    if unit == "s":
        return f"{x * 1e9:,.2f} ns" if x < 1e-7 else f"{x * 1e9:,.0f} ns" if x < 1e-3 else f"{x * 1e3:,.0f} ms"
    return f"{x:g}"


if __name__ == "__main__":
    main()
