"""`optimsche show`: plans as tables, pictures, numbers and code."""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimsche.cli import picture, terminal
from optimsche.cli.arguments import Commands, at_least_one, command, file
from optimsche.cli.plans import plan_of
from optimsche.curve import plot, ranges
from optimsche.missing import needs
from optimsche.schedule import Schedule
from optimsche.source import LANGUAGES

_MOST_LINES = 1_000_000
_EXAMPLES = """\
examples:
  optimsche show 'cosine(start=3e-4, steps=9_000).warmup(1_000)'
  optimsche show plan.yaml --steps 20_000 --png curve.png
  optimsche show --compare 'cosine(steps=100)' 'linear(steps=100)'
  optimsche show 'peers.torch.OneCycleLR(0.1, total_steps=100)' --log
  optimsche show plan.json --csv - | head
  optimsche show plan.yaml --as python > learning_rate.py
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words: dict[str, Any] = {
        "help": "print a plan's rates, and draw it",
        "description": "Print a plan's rates and, on a terminal, its curve. The picture needs Plotille.",
        "epilog": _EXAMPLES,
    }
    parser = command(commands, "show", run, **words)
    parser.add_argument(
        "plans", nargs="+", metavar="PLAN", help="text, such as 'cosine(steps=9_000)', or a file: plan.yaml, plan.json"
    )
    parser.add_argument("--compare", action="store_true", help="show several plans in one table and one picture")
    parser.add_argument("--steps", type=at_least_one, metavar="N", help="how far, in updates (default: to the end)")
    parser.add_argument("--steps-per-epoch", type=at_least_one, metavar="N", help="for plans that count epochs")
    parser.add_argument("--log", action="store_true", help="draw the rate on a logarithmic axis")
    drawing = parser.add_mutually_exclusive_group()
    drawing.add_argument("--draw", action="store_true", help="draw in the terminal, also into a pipe")
    drawing.add_argument("--no-draw", action="store_true", help="do not draw in the terminal")
    parser.add_argument("--png", type=file, metavar="FILE", help="also draw the curve into FILE, as PNG")
    parser.add_argument("--svg", type=file, metavar="FILE", help="also draw the curve into FILE, as SVG")
    parser.add_argument(
        "--csv", type=file, metavar="FILE", help="also write the rate of each update into FILE; - prints them alone"
    )
    parser.add_argument("--as", choices=LANGUAGES, dest="language", help="print the plan as one plain function")


def run(options: argparse.Namespace) -> int:
    """Show the plans that were given."""
    plans = [plan_of(given) for given in options.plans]
    if len(plans) == 1 and options.compare:
        raise ValueError("--compare compares several plans: give another")
    if len(plans) > 1 and not options.compare:
        raise ValueError("several plans are shown together: add --compare")
    for plan in plans:
        if plan.counts_epochs and options.steps_per_epoch is None and options.language is None:
            raise ValueError(f"{plan} counts epochs: add --steps-per-epoch N, the micro-batches in one")
    if options.language is not None:
        return _print_code(plans, options)
    named = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", plans, strict=False)) if options.compare else {"": plans[0]}
    if len(plans) > len(named):
        raise ValueError(f"--compare takes up to {len(named)} plans, got {len(plans)}")
    per_epoch = ranges.updates_per_epoch("show", options.steps_per_epoch, 1)
    last = float(options.steps or max(ranges.reach_of(plan, per_epoch) for plan in plans))
    if str(options.csv) == "-":
        print(_csv(named, last, per_epoch), end="")
    else:
        _print(named, last, per_epoch, options)
        if options.csv is not None:
            options.csv.write_text(_csv(named, last, per_epoch), encoding="utf-8")
    for path, form in ((options.png, "png"), (options.svg, "svg")):
        if path is not None:
            _draw_into(path, form, named, last, options)
    return 0


def _print_code(plans: list[Schedule], options: argparse.Namespace) -> int:
    others = {"--compare": options.compare, "--csv": options.csv, "--png": options.png, "--svg": options.svg}
    others |= {"--steps": options.steps, "--log": options.log, "--draw": options.draw}
    for name, given in others.items():
        if given:
            raise ValueError(f"--as prints code and nothing else: leave {name} out")
    print(plans[0].code(options.language))
    return 0


def _print(named: Mapping[str, Schedule], last: float, per_epoch: int | None, options: argparse.Namespace) -> None:
    if len(named) == 1:
        (plan,) = named.values()
        print(terminal.styled(repr(plan), terminal.BOLD))
        header, *rows = repr(plan.table(steps=last, steps_per_epoch=options.steps_per_epoch)).split("\n")
    else:
        for name, plan in zip(picture.legend([*named]), named.values(), strict=True):
            print(f"{name}  {plan}")
        header, *rows = _compared(named, last, per_epoch)
    print(terminal.styled(header, terminal.DIM))
    print("\n".join(rows))
    wanted = options.draw or (options.log and not (options.png or options.svg))
    if wanted or (terminal.is_terminal() and not options.no_draw and picture.is_available()):
        if not picture.is_available():
            raise needs("a picture in the terminal", "plotille")
        print()
        print(picture.drawn(named, last, per_epoch, log=options.log))


def _rate(plan: Schedule, update: float, per_epoch: int | None) -> float:
    return plan(update, 1.0 if per_epoch is None else ranges.epoch_of(update, per_epoch))


def _compared(named: Mapping[str, Schedule], last: float, per_epoch: int | None) -> list[str]:
    """A table of several plans at the updates that the table of any of them has."""
    tables = [plan.table(steps=last, steps_per_epoch=per_epoch, rows=8) for plan in named.values()]
    updates = sorted({row.update for rows in tables for row in rows})
    lines = [["update", *named]]
    lines += [
        [f"{update:.6g}", *(f"{_rate(plan, update, per_epoch):.6g}" for plan in named.values())] for update in updates
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.rjust(size) for text, size in zip(line, widths, strict=True)) for line in lines]


def _csv(named: Mapping[str, Schedule], last: float, per_epoch: int | None) -> str:
    """The rate of every update, with all digits, in columns that `optimsche audit` reads."""
    import numpy as np

    count = math.floor(last)
    if not 1 <= count <= _MOST_LINES:
        raise ValueError(f"--csv writes a line for each update, from 1 to {_MOST_LINES:,} of them; add --steps N")
    updates = np.arange(1.0, count + 1.0)
    epochs = None if per_epoch is None else np.ceil(updates / per_epoch)
    curves = [plan(updates, epochs).tolist() for plan in named.values()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", *([name or "lr" for name in named])])
    writer.writerows([int(update), *rates] for update, *rates in zip(updates.tolist(), *curves, strict=True))
    return text.getvalue()


def _draw_into(path: Path, form: str, named: Mapping[str, Schedule], last: float, options: argparse.Namespace) -> None:
    drawn: Any = named if len(named) > 1 else next(iter(named.values()))
    steps = options.steps and last
    figure: Any = plot(drawn, steps=steps, steps_per_epoch=options.steps_per_epoch, log=options.log).figure
    figure.savefig(path, format=form)
    print(f"{path} has the picture", file=sys.stderr)
