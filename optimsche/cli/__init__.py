"""The command line: `optimsche show`, `list`, `describe`, `audit`, `demo`, `completion`.

>>> main(["show", "linear(start=0.1, steps=10)", "--steps", "2"])
linear(start=0.1, end=0.0, steps=10)
update  rate
     1  0.09
     2  0.08
0
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

from optimsche.call_errors import did_you_mean
from optimsche.cli import audit, completion, demo, describe, listing, show
from optimsche.cli.arguments import STATUSES, Help
from optimsche.missing import needs

_COMMANDS = (show, listing, describe, audit, demo, completion)
_EXAMPLES = """\
examples:
  optimsche show 'warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)'
  optimsche show plan.yaml --log --png curve.png
  optimsche describe cosine
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is what `STATUSES` says. Errors of its own keep their traceback."""
    parser = parser_of_all()
    completion.complete(parser)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(parser, options.command, unknown[0])
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
        if "pip install" not in str(error) and error.name is not None:
            error = needs("it", error.name.partition(".")[0])
        print(f"optimsche {options.command}: {error}", file=sys.stderr)
        return 1


def _refuse(parser: argparse.ArgumentParser, command: str, word: str) -> NoReturn:
    """Answer a word that a command does not take, with what is near."""
    of_command = next(one for one in completion.parsers_of_commands(parser) if one.prog.endswith(command))
    known = [option for action in of_command._actions for option in action.option_strings]
    of_command.error(f"there is no {word}{did_you_mean(word, known)}")


def parser_of_all() -> argparse.ArgumentParser:
    """The parser of all commands. No option is known by its beginning alone."""
    parser = argparse.ArgumentParser(
        prog="optimsche",
        description="Learning-rate schedules as immutable values.",
        epilog=f"{_EXAMPLES}\n{STATUSES}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"optimsche {metadata.version('optimsche')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
