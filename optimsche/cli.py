"""The command line: `optimsche demo`, `optimsche show`, `optimsche audit`, `optimsche list`."""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from optimsche.call_errors import did_you_mean
from optimsche.combinators import __all__ as combinator_names
from optimsche.lr_fn import LrFn
from optimsche.names import known, lookup
from optimsche.reading import syntax_tree
from optimsche.schedule import Schedule
from optimsche.text import parse

#: What an exit status means.
STATUSES = (
    "exit status: 0; 1 for a missing package; 2 for a mistake in the call; 3 for a run that has diverged; "
    "4 for a log that is not the plan's, or, without a plan, no plan's"
)
_LARGEST_SEED = 2**32 - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is what `STATUSES` says. Errors of its own keep their traceback."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"optimsche {options.command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = "demo" if options.command == "demo" else "plot"
        hint = "" if "pip install" in str(error) else f"; pip install 'optimsche[{extra}]'"
        print(f"optimsche {options.command}: {error}{hint}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optimsche", description="Learning-rate schedules as immutable values.", epilog=STATUSES
    )
    parser.add_argument("--version", action="version", version=f"optimsche {metadata.version('optimsche')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="train a small network on real data, with a schedule, to the end", epilog=STATUSES
    )
    demo.add_argument("--out", type=Path, default=Path("optimsche-demo"), metavar="DIR", help="default: %(default)s")
    demo.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint, wherever the run stopped")
    plan = demo.add_mutually_exclusive_group()
    plan.add_argument("--schedule", metavar="TEXT", help="a schedule as text, its lengths in updates")
    plan.add_argument("--config", metavar="FILE", help="a YAML file in SpeeChain's form (optim_sches)")
    demo.add_argument("--epochs", type=_at_least_one, default=20, help="passes over the data (default: %(default)s)")
    demo.add_argument("--amp", choices=["off", "bf16"], default="off", help="mixed precision (default: %(default)s)")
    demo.add_argument("--seed", type=_seed, default=0, help="of weights, dropout and data order (default: %(default)s)")
    demo.set_defaults(run=_demo)

    show = commands.add_parser("show", help="read a schedule and print its rates")
    show.add_argument("schedule", metavar="TEXT", help="such as 'cosine(start=3e-4, steps=9_000).warmup(1_000)'")
    show.add_argument("--steps-per-epoch", type=_at_least_one, metavar="N", help="for schedules that count epochs")
    show.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curve into FILE")
    show.set_defaults(run=_show)

    check = commands.add_parser(
        "audit", help="compare a run's log with its plan, or find the plan of a log", epilog=STATUSES
    )
    check.add_argument(
        "log", type=Path, metavar="LOG", help="trainer_state.json, a CSV, TensorBoard's files, printed text"
    )
    check.add_argument("plan", nargs="?", metavar="PLAN", help="as text, also peers.transformers.get_scheduler(...)")
    check.add_argument("--counts", choices=["this", "next"], default="this", help="which update's rate a line has")
    check.add_argument("--accum-grad", type=_at_least_one, metavar="N", help="micro-batches in one update")
    check.add_argument("--world-size", type=_at_least_one, metavar="N", help="number of processes")
    check.add_argument("--steps-per-epoch", type=_at_least_one, metavar="N", help="micro-batches in an epoch")
    check.add_argument("--rate", metavar="NAME", help="the column of the rates")
    check.add_argument("--step", metavar="NAME", help="the column of the steps")
    check.add_argument(
        "--pattern", metavar="REGEX", help="for printed text, with groups (?P<rate>...) and (?P<step>...)"
    )
    check.add_argument("--png", type=Path, metavar="FILE", help="draw plan and log over each other into FILE")
    check.set_defaults(run=_audit)

    listing = commands.add_parser("list", help="list the shapes, combinators and plans, or explain one")
    listing.add_argument("name", nargs="?", metavar="NAME", help="one of them, to read its formula and parameters")
    listing.add_argument("--peers", action="store_true", help="other systems' schedules; with NAME those of a system")
    listing.set_defaults(run=_list)
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {_LARGEST_SEED}, got {text!r}")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from optimsche.demo.train import Settings, train
    from optimsche.training import NonFiniteError

    if options.resume and not (options.out / "checkpoint.pt").exists():
        print(f"there is no {options.out}/checkpoint.pt to resume: the run begins anew", file=sys.stderr)
    settings = Settings(options.epochs, options.seed, options.amp, options.schedule, options.config)
    try:
        outcome = train(settings, options.out, resume=options.resume)
    except NonFiniteError as error:
        print(f"optimsche demo: {error}", file=sys.stderr)
        return 3
    if not outcome.told:
        return 0
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    print(f"{outcome.updates} updates{skipped}; {options.out}/curve.png shows the rates planned and applied")
    print(f"test accuracy {outcome.accuracy:.1%} ({outcome.correct} of {outcome.images} images)")
    return 0


def _show(options: argparse.Namespace) -> int:
    if options.plot is not None and not options.plot.name.strip("."):
        raise ValueError(f"--plot {options.plot}: name a file, such as curve.png")
    try:
        schedule = parse(options.schedule)
    except TypeError as error:  # a parameter of the wrong kind is a mistake in the text
        raise ValueError(str(error)) from error
    if schedule.counts_epochs and options.steps_per_epoch is None:
        raise ValueError(f"{schedule} counts epochs: add --steps-per-epoch N, the micro-batches in one")
    print(schedule)
    print(schedule.table(steps_per_epoch=options.steps_per_epoch))
    if options.plot is not None:
        figure: Any = schedule.plot(steps_per_epoch=options.steps_per_epoch).figure
        figure.savefig(options.plot)
    return 0


def _audit(options: argparse.Namespace) -> int:
    from optimsche.runs import Audit, Fit, audit, fit, read_log

    log = read_log(options.log, rate=options.rate, step=options.step, pattern=options.pattern)
    found: Audit | Fit
    if options.plan is None:
        found = fit(log.rates, [step + (options.counts == "next") for step in log.steps])
        is_good = found.plan is not None
    else:
        found = audit(
            _plan_of_any_system(options.plan),
            *log,
            accum_grad=options.accum_grad,
            world_size=options.world_size,
            steps_per_epoch=options.steps_per_epoch,
            counts=options.counts,
        )
        is_good = found.clean
    print(found)
    if options.png is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8.0, 4.5), layout="constrained")
        found.draw(figure)
        figure.savefig(options.png, format="png", dpi=120)
    return 0 if is_good else 4


def _plan_of_any_system(text: str) -> Schedule:
    """A schedule as text, or another system's: its name in `optimsche.peers`, with arguments that are plain values."""
    from optimsche import peers

    named = re.match(r"\s*(?:peers\.)?(\w+)\.(\w+)\(", text)
    try:
        if named is None or named[1] not in peers.__all__:
            return parse(text)
        tree = syntax_tree(text)
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Attribute):
            raise ValueError(f"{text!r} must be one call, such as peers.torch.CosineAnnealingLR(100, base_lr=0.1)")
        arguments = [ast.literal_eval(argument) for argument in tree.args]
        by_name = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords}
        made: Schedule = getattr(getattr(peers, named[1]), named[2])(*arguments, **by_name)
        return made
    except (TypeError, AttributeError, SyntaxError, RecursionError) as error:  # a mistake in the text
        raise ValueError(str(error)) from error


def _list(options: argparse.Namespace) -> int:
    if options.peers:
        return _list_peers(options.name)
    if options.name is not None:
        constructor = lookup(options.name)
        print(
            f"{options.name}({', '.join(inspect.signature(constructor).parameters)})\n\n{inspect.getdoc(constructor)}"
        )
        return 0
    groups: dict[str, list[str]] = {"Shapes": [], "Combinators": [], "Plans": []}
    for name, constructor in sorted(known().items()):
        if name in (*combinator_names, "sequence"):
            kind = "Combinators"
        else:
            kind = "Shapes" if isinstance(constructor, LrFn) else "Plans"
        groups[kind].append(f"  {name:<20}{_summary(constructor)}")
    print("\n\n".join("\n".join([title, *lines]) for title, lines in groups.items()))
    print(
        "\nIn Python there are also plateau and greedy for factors that follow a metric, and other systems' schedules\n"
        "by their own names in optimsche.peers: optimsche list --peers."
    )
    return 0


def _summary(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _list_peers(name: str | None) -> int:
    """Every system with its schedules; of one system, or of a schedule such as `torch.StepLR`, what it says."""
    from optimsche import peers

    system, _, schedule = (name or "").partition(".")
    if system and system not in peers.__all__:
        raise ValueError(f"there is no system {system!r}{did_you_mean(system, peers.__all__) or ''}")
    if schedule and schedule not in peers.names_of(system):
        known = peers.names_of(system)
        raise ValueError(
            f"{system} has no {schedule!r}{did_you_mean(schedule, known) or '; it has ' + ', '.join(known)}"
        )
    if schedule:
        function = getattr(getattr(peers, system), schedule)
        print(f"{name}({', '.join(inspect.signature(function).parameters)})\n\n{inspect.getdoc(function)}")
        return 0
    for one in [system] if system else peers.__all__:
        module = getattr(peers, one)
        print(f"{one}: {_summary(module)}")
        for function_name in peers.names_of(one):
            print(f"  {function_name:<34}  {_summary(getattr(module, function_name))}")
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
