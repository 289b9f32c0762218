"""What the commands have in common: how arguments are read, and how help is laid out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

#: Where a command adds its parser.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: What an exit status means.
STATUSES = (
    "exit status: 0; 1 for a missing package; 2 for a mistake in the call; 3 for a run that has diverged;\n"
    "4 for a log that is not the plan's, or, without a plan, no plan's"
)
_LARGEST_SEED = 2**32 - 1


class Help(argparse.RawDescriptionHelpFormatter):
    """Help with examples that keep their lines, and with every option's words beside it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_help_position": 28, **kwargs})
        self._action_max_length = 14  # argparse forgets that the names of commands are indented


def command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], **words: Any
) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser: argparse.ArgumentParser = commands.add_parser(name, formatter_class=Help, allow_abbrev=False, **words)
    parser.set_defaults(run=run)
    return parser


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    number = text.replace("_", "")
    if not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(number)


def seed(text: str) -> int:
    """A whole number that seeds random numbers."""
    if not text.isdecimal() or int(text) > _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {_LARGEST_SEED}, got {text!r}")
    return int(text)


def file(text: str) -> Path:
    """The name of a file to write."""
    path = Path(text)
    if not path.name.strip("."):
        raise argparse.ArgumentTypeError(f"{text!r} is no file: name one, such as curve.png")
    return path
