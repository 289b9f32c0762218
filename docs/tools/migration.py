"""The pages of those who come from another system: one for each module of `optimsche.peers`.

What is true of a system has an owner elsewhere: its schedules and what it counts in the module and its docstrings, how
it differs in conventions.md, the recorded curves in tests/parity. A page lays these together. Words of our own about a
system stand in docs/migration/NAME.md, and come first.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optimsche
from docs.tools import examples
from optimsche import peers

ROOT = Path(__file__).parents[2]
CALLED = {
    "composer": "Composer",
    "deepspeed": "DeepSpeed",
    "diffusers": "Hugging Face diffusers",
    "espnet": "ESPnet",
    "keras": "Keras",
    "levanter": "Levanter",
    "lightning": "Lightning",
    "megatron": "Megatron-LM",
    "mmengine": "MMEngine",
    "nemo": "NeMo",
    "olmo_core": "OLMo-core",
    "paddle": "Paddle",
    "speechain": "SpeeChain",
    "torch": "PyTorch",
    "transformers": "Hugging Face transformers",
    "wenet": "WeNet",
}
# In conventions.md, where the module's own name is not what stands there.
IN_CONVENTIONS = {"megatron": "Megatron", "olmo_core": "OLMo-core"}
WIDTH = 96
LONGEST = 500  # characters of an example; what is longer says nothing to a reader


def called(system: str) -> str:
    """What its people call a system."""
    return CALLED.get(system, system)


def page(system: str) -> str:
    """The page of a system: our own words if there are any, then what is known of it."""
    words = ROOT / "docs" / "migration" / f"{system}.md"
    own = words.read_text() if words.exists() else f"# Coming from {called(system)}\n"
    return "\n".join([own, *_counts(system), *_differs(system), *_schedules(system)])


def overview() -> str:
    """The table of all systems, below the words of docs/migration/index.md."""
    rows = ["| system | schedules | recorded version |", "|---|---:|---|"]
    for system in sorted(peers.__all__, key=lambda system: called(system).lower()):
        names = len(peers.names_of(system))
        rows.append(f"| [{called(system)}]({system}.md) | {names} | {examples.recorded(system)['version']} |")
    return (ROOT / "docs" / "migration" / "index.md").read_text() + "\n" + "\n".join(rows) + "\n"


def _counts(system: str) -> Iterator[str]:
    recorded = examples.recorded(system)
    yield f"\n## How {called(system)} counts\n"
    yield _markdown(inspect.getdoc(getattr(peers, system)) or "")
    yield (
        f"\n`optimsche.peers.{system}` is compared with {len(recorded['cases'])} curves recorded from version "
        f"{recorded['version']}: [how close the peers are](../internals/parity.md).\n"
    )


def _differs(system: str) -> Iterator[str]:
    """The rows of conventions.md that name the system."""
    name = re.compile(rf"(?<![\w-]){IN_CONVENTIONS.get(system, system)}(?![\w-])", re.I)
    found = []
    text = (ROOT / "docs" / "conventions.md").read_text().partition("\n## The same in this library's own terms")[0]
    for question, section in re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", text, re.M):
        table = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", section, re.M)]
        if not table or "who" not in table[0]:
            continue
        head, _, *rows = table
        for *cells, who in rows:
            ours = [item for item in who.split(", ") if name.search(item)]
            if ours:
                says = "; ".join(
                    f"{what}: {cell}" if len(cells) > 1 else cell for what, cell in zip(head, cells, strict=False)
                )
                only = "" if name.fullmatch(ours[0]) else f" ({ours[0]})"
                found.append(f"| {question} | {says}{only} |")
    if found:
        yield "\n## Where it may differ\n"
        yield "| question | its answer |\n|---|---|\n" + "\n".join(found)
        yield "\n[Where systems disagree](../conventions.md) lays the answers of all systems side by side.\n"


def _schedules(system: str) -> Iterator[str]:
    yield "\n## Its schedules\n"
    yield "By its own names and arguments, and below each an example and the same in this library's own terms.\n"
    shown = _examples(system)
    used = sorted({name for _, plan in shown.values() for name in re.findall(r"\b\w+(?=\()", plan)} & set(_known()))
    yield f"```python\nfrom optimsche import {', '.join(sorted([*used, 'peers']))}\n```\n"
    for name in peers.names_of(system):
        yield f"\n### `{name}` {{: #{name} }}\n"
        function = getattr(getattr(peers, system), name)
        yield _markdown(inspect.getdoc(function) or "") + "\n"
        yield f"![{name}](../pictures/gallery/{system}.{name}.svg)\n"
        yield "```text\n" + _signature(name, function) + "\n```\n"
        if name in shown:
            call, plan = shown[name]
            same = f"{call} == {plan}  # -> True"
            if len(same) > WIDTH:
                same = f"{_laid_out(call)} == (\n    {_laid_out(plan, 4)}\n)  # -> True"
            yield f"```python\n{same}\n```\n"


def _markdown(docstring: str) -> str:
    """A docstring's prose: without its sections and doctests, and with Markdown's code."""
    prose = re.split(r"^(?:Args:|Returns:|Raises:|>>> )", docstring, maxsplit=1, flags=re.M)[0]
    return re.sub(r":func:`(\w+)`", r"`\1`", prose.replace("``", "`")).strip()


def _signature(name: str, function: Any) -> str:
    """Names and defaults; the ranges are words of Python, and errors say them in English."""
    parameters = inspect.signature(function).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    text = f"{name}{inspect.Signature(bare)}"
    return text if len(text) <= WIDTH else name + "(\n    " + ",\n    ".join(map(str, _starred(bare))) + ",\n)"


def _starred(parameters: list[inspect.Parameter]) -> Iterator[object]:
    keywords = False
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            yield "*"
        yield parameter


@functools.cache
def _known() -> dict[str, Any]:
    return {name: getattr(optimsche, name) for name in optimsche.__all__ if name.islower()}


def _examples(system: str) -> dict[str, tuple[str, str]]:
    """For each name an example, and the expression that it gives, where they are short enough and are code."""
    pairs = {name: (f"peers.{system}.{code}", repr(plan)) for name, (code, plan) in examples.of_system(system).items()}
    return {
        name: (call, plan)
        for name, (call, plan) in pairs.items()
        if len(call + plan) <= LONGEST and _is_true(f"{call} == {plan}")
    }


def _is_true(text: str) -> bool:
    """Whether it is code, and true: some arguments are functions, which do not print as code."""
    try:
        return eval(text, {**_known(), "peers": peers}) is True
    except (SyntaxError, NameError, TypeError):
        return False


def _laid_out(text: str, indent: int = 0) -> str:
    """A call in lines of its arguments, where it is too long for one."""
    node = ast.parse(text, mode="eval").body
    if len(text) + indent <= WIDTH or not isinstance(node, ast.Call):
        return text
    arguments = [(None, argument) for argument in node.args] + [(one.arg, one.value) for one in node.keywords]
    inner = indent + 4
    lines = []
    for name, value in arguments:
        prefix = f"{name}=" if name else ""
        lines.append(" " * inner + prefix + _laid_out(ast.get_source_segment(text, value) or "", inner) + ",")
    function = ast.get_source_segment(text, node.func)
    return f"{function}(\n" + "\n".join(lines) + "\n" + " " * indent + ")"
