"""The API pages: for each section of reference.md a page with the full description of every name in its table."""

from __future__ import annotations

import re
from pathlib import Path

import optimsche
from optimsche import counting, ops, testing, theory

REFERENCE = Path(__file__).parents[1] / "reference.md"
# Sections with a page, and where their names are.
SECTIONS = {
    "Schedules": optimsche,
    "Shapes": optimsche,
    "Plans": optimsche,
    "Combinators": optimsche,
    "Factors that follow a metric": optimsche,
    "Text, data and pictures": optimsche,
    "Plans and runs": optimsche,
    "Theory": theory,
    "Ranges": optimsche,
    "Formulas": ops,
    "Counting": counting,
    "Training": optimsche,
    "Other people's trainers": optimsche,
    "Testing": testing,
}
# Types whose names are aliases: they have no module of their own to ask.
OWNERS = {"Ranges": "optimsche.ranges", "AccumGrad": "optimsche.counting"}


def pages() -> dict[str, tuple[str, str]]:
    """The title and text of each page, by its file's name."""
    reference = REFERENCE.read_text()
    sections = dict(re.findall(r"^## (.*)\n((?:(?!^##).*\n?)*)", reference, re.M))
    found = {}
    for title, module in SECTIONS.items():
        names = re.findall(r"^\| `([\w]+)", sections[title], re.M)
        blocks = "\n\n".join(f"::: {_path(title, module, name)}" for name in dict.fromkeys(names))
        words = re.split(r"^\|", sections[title], maxsplit=1, flags=re.M)[0].replace("](", "](../").strip()
        found[f"{'-'.join(re.findall(r'[a-z]+', title.lower()))}.md"] = (title, f"# {title}\n\n{words}\n\n{blocks}\n")
    return found


def _path(title: str, module: object, name: str) -> str:
    """Where a name is defined."""
    value = getattr(module, name)
    owner = OWNERS.get(title) or OWNERS.get(name) or value.__module__
    return f"{owner}.{name}"
