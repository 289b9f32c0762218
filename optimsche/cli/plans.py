"""Plans as they are given on a command line: text, a file, or another system's schedule."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from optimsche.missing import needs
from optimsche.reading import syntax_tree
from optimsche.schedule import Schedule
from optimsche.text import from_dict, parse

_FILES = (".json", ".yaml", ".yml")


def plan_of(given: str) -> Schedule:
    """The plan that was given.

    Raises:
        ValueError, OSError: it cannot be read.
        ModuleNotFoundError: it is a YAML file, and PyYAML is not installed.
    """
    path = Path(given)
    try:
        if path.suffix.lower() in _FILES:
            return _in_file(path)
        return _of_any_system(given)
    except TypeError as error:  # a parameter of the wrong kind is a mistake in the text
        raise ValueError(str(error)) from error


def _in_file(path: Path) -> Schedule:
    """What a file says: data as `to_dict` writes it, or the text of a plan."""
    text = path.read_text(encoding="utf-8")
    try:
        return from_dict(json.loads(text) if path.suffix.lower() == ".json" else _yaml(text))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise needs("a YAML file", "yaml") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"this is no YAML: {error}") from error


def _of_any_system(text: str) -> Schedule:
    """A schedule as text, or another system's: its name in `optimsche.peers`, with arguments that are plain values."""
    from optimsche import names, peers

    bare = re.match(r"\s*(\w+)\(", text)
    if bare and bare[1] not in names.known() and (system := peers.system_of(bare[1])):
        raise ValueError(f"there is no {bare[1]!r} of this library's; another system has it: peers.{system}.{bare[1]}")
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
    except (AttributeError, SyntaxError, RecursionError) as error:  # a mistake in the text
        raise ValueError(str(error)) from error
