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


def linked(reference: str) -> str:
    """The reference with a link from each name to its description."""

    def section(found: re.Match[str]) -> str:
        title, text = found.groups()
        if title not in SECTIONS:
            return found[0]
        row = re.compile(r"^\| (`(\w+)[^`]*`)", re.M)
        return f"## {title}\n" + row.sub(lambda m: f"| [{m[1]}][{_path(title, SECTIONS[title], m[2])}]", text)

    return re.sub(r"^## (.*)\n((?:(?!^##).*\n?)*)", section, reference, flags=re.M)


def _block(title: str, module: object, name: str) -> str:
    """What mkdocstrings replaces by the description of a name."""
    options = f"\n    options: {OPTIONS[name]}" if name in OPTIONS else ""
    return f"::: {_path(title, module, name)}{options}"


def _path(title: str, module: object, name: str) -> str:
    """Where a name is defined."""
    return f"{OWNERS.get(title) or OWNERS.get(name) or getattr(module, name).__module__}.{name}"
