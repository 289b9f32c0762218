"""`optimsche demo`: the main job on real data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optimsche.cli.arguments import STATUSES, Commands, at_least_one, command, seed

_EXAMPLES = """\
examples:
  optimsche demo
  torchrun --nproc-per-node 2 -m optimsche demo
  optimsche demo --schedule 'one_cycle(peak=3e-3, total_steps=460)' --restart
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "train a small network on real data, with a schedule, to the end"}
    parser = command(commands, "demo", run, epilog=f"{_EXAMPLES}\n{STATUSES}", **words)
    parser.add_argument("--out", type=Path, default=Path("optimsche-demo"), metavar="DIR", help="default: %(default)s")
    found = parser.add_mutually_exclusive_group()
    found.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint, as by default")
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
    from optimsche.demo.processes import leads
    from optimsche.demo.train import Settings, train
    from optimsche.training.outcomes import NonFiniteError

    checkpoint = options.out / "checkpoint.pt"
    if leads() and options.resume and not checkpoint.exists():
        print(f"there is no {checkpoint} to resume: the run begins anew", file=sys.stderr)
    elif leads() and checkpoint.exists() and not options.resume and not options.restart:
        print(f"going on from {checkpoint}; --restart begins anew", file=sys.stderr)
    settings = Settings(options.epochs, options.seed, options.amp, options.schedule, options.config)
    try:
        outcome = train(settings, options.out, resume=not options.restart)
    except NonFiniteError as error:
        if leads():
            print(f"optimsche demo: {error}", file=sys.stderr)
        return 3
    if not leads():
        return 0
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    print(f"{outcome.updates} updates{skipped}; {options.out}/curve.png shows the rates planned and applied")
    print(f"test accuracy {outcome.accuracy:.1%} ({outcome.correct} of {outcome.images} images)")
    return 0
