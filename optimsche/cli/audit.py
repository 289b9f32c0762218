"""`optimsche audit`: a run's log against its plan."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from optimsche.cli.arguments import STATUSES, Commands, at_least_one, command, file
from optimsche.cli.plans import plan_of

if TYPE_CHECKING:
    from optimsche.runs import Audit, Fit

_EXAMPLES = """\
examples:
  optimsche audit trainer_state.json plan.yaml
  optimsche audit run.csv 'warmup_linear(peak=1e-5, warmup_steps=500, total_steps=5_000)' --png log.png
  optimsche audit run.csv
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "compare a run's log with its plan, or find the plan of a log"}
    parser = command(commands, "audit", run, epilog=f"{_EXAMPLES}\n{STATUSES}", **words)
    parser.add_argument(
        "log", type=Path, metavar="LOG", help="trainer_state.json, a CSV, TensorBoard's files, printed text"
    )
    parser.add_argument(
        "plan", nargs="?", metavar="PLAN", help="text, also peers.transformers.get_scheduler(...), or a file"
    )
    parser.add_argument(
        "--counts",
        choices=["this", "next"],
        default="this",
        help="which update's rate a line has (next: transformers before 4.51)",
    )
    parser.add_argument("--accum-grad", type=at_least_one, metavar="N", help="micro-batches in one update")
    parser.add_argument("--world-size", type=at_least_one, metavar="N", help="number of processes")
    parser.add_argument("--steps-per-epoch", type=at_least_one, metavar="N", help="micro-batches in an epoch")
    parser.add_argument("--rate", metavar="NAME", help="the column of the rates")
    parser.add_argument("--step", metavar="NAME", help="the column of the steps")
    parser.add_argument(
        "--pattern", metavar="REGEX", help="for printed text, with groups (?P<rate>...) and (?P<step>...)"
    )
    parser.add_argument("--png", type=file, metavar="FILE", help="draw plan and log over each other into FILE")


def run(options: argparse.Namespace) -> int:
    """Compare, or find a plan."""
    from optimsche.runs import audit, fit, read_log

    log = read_log(options.log, rate=options.rate, step=options.step, pattern=options.pattern)
    found: Audit | Fit
    if options.plan is None:
        found = fit(log.rates, [step + (options.counts == "next") for step in log.steps])
        is_good = found.plan is not None
    else:
        found = audit(
            plan_of(options.plan),
            *log,
            accum_grad=options.accum_grad,
            world_size=options.world_size,
            steps_per_epoch=options.steps_per_epoch,
            counts=options.counts,
        )
        is_good = found.clean
    print(found)
    if options.png is not None:
        from optimsche.curve import canvas

        canvas.unshown_figure(found.draw, width=8.0, height=4.5).savefig(options.png, format="png", dpi=120)
    return 0 if is_good else 4
