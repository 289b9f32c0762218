"""`optimsche completion`: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from optimsche.cli.arguments import Commands, command
from optimsche.cli.documented import groups, systems

_EXAMPLES = """\
where it goes:
  bash   echo 'eval "$(optimsche completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(optimsche completion zsh)"' >> ~/.zshrc
  fish   optimsche completion fish > ~/.config/fish/completions/optimsche.fish
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    words = {"help": "print what bash, zsh or fish needs to complete this command's words", "epilog": _EXAMPLES}
    parser = command(commands, "completion", run, **words)
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], metavar="SHELL", help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    """Print the shell's own code."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["optimsche"], shell=options.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end; else do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete
    from argcomplete.completers import FilesCompleter

    def plans(prefix: str, **_: Any) -> Iterable[str]:
        names = [f"{name}(" for group in [*groups().values()][:3] for name in group]
        return [*names, *FilesCompleter(("yaml", "yml", "json"))(prefix)]

    def names(prefix: str, **_: Any) -> Iterable[str]:
        ours = [name for group in groups().values() for name in group]
        return [*ours, *(f"{system}.{name}" for system, of in systems().items() for name in of)]

    completers: dict[str, Any] = {"plans": plans, "plan": plans, "name": names, "peers": lambda **_: [*systems()]}
    for one in parsers_of_commands(parser):
        for action in one._actions:
            if action.dest in completers and action.help != argparse.SUPPRESS:
                action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def parsers_of_commands(parser: argparse.ArgumentParser) -> Iterable[argparse.ArgumentParser]:
    """The parser of each command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()
