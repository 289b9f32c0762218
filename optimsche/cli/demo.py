"""`optimsche demo`: the main job on real data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optimsche.cli.arguments import STATUSES, Commands, at_least_one, command, seed

_EXAMPLES = """\
examples:
  optimsche demo
  optimsche demo --resume
  optimsche demo --schedule 'one_cycle(peak=3e-3, total_steps=460)' --restart
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "train a small network on real data, with a schedule, to the end"}
    parser = command(commands, "demo", run, extra="demo", epilog=f"{_EXAMPLES}\n{STATUSES}", **words)
    parser.add_argument("--out", type=Path, default=Path("optimsche-demo"), metavar="DIR", help="default: %(default)s")
    found = parser.add_mutually_exclusive_group()
    found.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint, wherever the run stopped")
    found.add_argument("--restart", action="store_true", help="begin anew, and drop DIR's checkpoint")
    plan = parser.add_mutually_exclusive_group()
    plan.add_argument("--schedule", metavar="TEXT", help="a schedule as text, its lengths in updates")
    plan.add_argument("--config", metavar="FILE", help="a YAML file in SpeeChain's form (optim_sches)")
    parser.add_argument("--epochs", type=at_least_one, default=20, help="passes over the data (default: %(default)s)")
    parser.add_argument("--amp", choices=["off", "bf16"], default="off", help="mixed precision (default: %(default)s)")
    parser.add_argument(
        "--seed", type=seed, default=0, help="of weights, dropout and data order (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Train to the end, or from where an earlier run stopped."""
    from optimsche.demo.train import Settings, train
    from optimsche.training import NonFiniteError

    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume and not options.restart:
        raise ValueError(
            f"{checkpoint} is there from an earlier run. Add --resume to go on from it, or --restart to drop it and "
            "begin anew; --out DIR leaves it alone"
        )
    if options.resume and not checkpoint.exists():
        print(f"there is no {checkpoint} to resume: the run begins anew", file=sys.stderr)
    settings = Settings(options.epochs, options.seed, options.amp, options.schedule, options.config)
    try:
        outcome = train(settings, options.out, resume=options.resume)
    except NonFiniteError as error:
        print(f"optimsche demo: {error}", file=sys.stderr)
        return 3
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    print(f"{outcome.updates} updates{skipped}; {options.out}/curve.png shows the rates planned and applied")
    print(f"test accuracy {outcome.accuracy:.1%} ({outcome.correct} of {outcome.images} images)")
    return 0
