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
# What is not asked of every name: the members of Member are the step's business, and a schedule is there to be called.
OPTIONS = {
    "Member": "{members: false}",
    "Schedule": "{filters: ['!^_(?!_call__$)'], merge_init_into_class: false}",
}
# Types whose names are aliases: they have no module of their own to ask.
OWNERS = {"Ranges": "optimsche.ranges", "AccumGrad": "optimsche.counting"}


def pages() -> dict[str, tuple[str, str]]:
    """The title and text of each page, by its file's name."""
    sections = dict(re.findall(r"^## (.*)\n((?:(?!^##).*\n?)*)", REFERENCE.read_text(), re.M))
    found = {}
    for title, module in SECTIONS.items():
        names = dict.fromkeys(re.findall(r"^\| `([\w]+)", sections[title], re.M))
        blocks = "\n\n".join(_block(title, module, name) for name in names)
        words = re.split(r"^\|", sections[title], maxsplit=1, flags=re.M)[0].replace("](", "](../").strip()
        found[f"{'-'.join(re.findall(r'[a-z]+', title.lower()))}.md"] = (title, f"# {title}\n\n{words}\n\n{blocks}\n")
    return found


def _block(title: str, module: object, name: str) -> str:
    """What mkdocstrings replaces by the description of a name, which is asked for where it is defined."""
    owner = OWNERS.get(title) or OWNERS.get(name) or getattr(module, name).__module__
    options = f"\n    options: {OPTIONS[name]}" if name in OPTIONS else ""
    return f"::: {owner}.{name}{options}"
