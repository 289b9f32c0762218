"""`optimsche list`: what there is, one line each."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Mapping

from optimsche import peers
from optimsche.cli.arguments import Commands, command
from optimsche.cli.documented import Documented, groups, of_system, summary, systems
from optimsche.cli.terminal import BOLD, has_colours, styled, width

_EXAMPLES = """\
examples:
  optimsche list
  optimsche list --peers
  optimsche list --peers torch
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "list the shapes, combinators and plans, or other systems' schedules", "epilog": _EXAMPLES}
    parser = command(commands, "list", run, **words)
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)  # a habit, which gets an answer
    parser.add_argument("--peers", nargs="?", const="", metavar="SYSTEM", help="other systems' schedules, or one's")


def run(options: argparse.Namespace) -> int:
    """List what was asked for."""
    if options.name is not None:
        name = options.name.removeprefix("peers.")
        if name == "peers" or name in peers.__all__:
            raise ValueError(f"list takes no name: optimsche list --peers{'' if name == 'peers' else ' ' + name}")
        raise ValueError(f"list takes no name: optimsche describe {options.name} explains it")
    if options.peers is None:
        print("\n\n".join(_group(title, functions) for title, functions in groups().items()))
        print("\noptimsche describe NAME explains one; optimsche list --peers lists other systems' schedules.")
        return 0
    found = {options.peers: of_system(options.peers)} if options.peers else systems()
    print("\n\n".join(_group(f"{one}: {summary(getattr(peers, one))}", of) for one, of in found.items()))
    print(f"\noptimsche describe {next(iter(found))}.NAME explains one.")
    return 0


def _group(title: str, functions: Mapping[str, Documented]) -> str:
    margin = max(map(len, functions)) + 4
    lines = [
        textwrap.fill(
            summary(function),
            max(width(), margin + 40),
            initial_indent=f"  {name:<{margin - 2}}",
            subsequent_indent=" " * margin,
        )
        for name, function in functions.items()
    ]
    # Without its mark the name of a parameter is lost among words: "Evaluate the schedule `by` updates later."
    marked = [
        re.sub("`([^`\n]*)`", lambda found: styled(found[1], BOLD) if has_colours() else found[0], line)
        for line in lines
    ]
    return "\n".join([styled(title, BOLD), *marked])
