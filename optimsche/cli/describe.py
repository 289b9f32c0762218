"""`optimsche describe NAME`: a function's parameters, formula and example."""

from __future__ import annotations

import argparse
import inspect
import re

from optimsche.cli.arguments import Commands, command
from optimsche.cli.documented import found
from optimsche.cli.terminal import BOLD, styled, width

_EXAMPLES = """\
examples:
  optimsche describe warmup_cosine
  optimsche describe torch.OneCycleLR
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "explain a shape, a combinator, a plan or another system's schedule", "epilog": _EXAMPLES}
    parser = command(commands, "describe", run, **words)
    parser.add_argument("name", metavar="NAME", help="as optimsche list and optimsche list --peers name it")


def run(options: argparse.Namespace) -> int:
    """Describe one function."""
    function = found(options.name)
    name = options.name.removeprefix("peers.").removeprefix("optimsche.")
    # Annotations that are text stand in quotes; defaults keep theirs.
    shown = re.sub(r"(: |-> )'([^']*)'(?= = |, |\)|$)", r"\1\2", str(inspect.signature(function)))
    print(styled(_over_lines(f"{name}{shown}"), BOLD))
    print(f"\n{(inspect.getdoc(function) or '').replace('``', '`')}")
    return 0


def _over_lines(call: str) -> str:
    """A call in one line, or with each parameter in its own where it is longer than a line."""
    if len(call) <= width():
        return call
    name, _, rest = call.partition("(")
    inside, _, returned = rest.rpartition(")")
    parameters = re.split(r", (?=[*/]|\w+[:=])", inside)
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){returned}"])
