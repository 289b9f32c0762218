"""An expression laid out over several lines, as one would write it in a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from optimsche.schedule import Schedule

_INDENT = "    "


def laid_out(schedule: Schedule, *, width: int = 80, most: int | None = None) -> str:
    """The expression of a schedule in lines of at most `width` characters, where its numbers and names are that short.

    Args:
        schedule: the schedule.
        width: characters in a line.
        most: how many lines at most; what follows is an ellipsis. By default all, and then it is the same expression.

    >>> from optimsche import linear, wsd
    >>> print(laid_out(linear(steps=100)))
    linear(start=1.0, end=0.0, steps=100)
    >>> print(laid_out(wsd(peak=3e-4, warmup_steps=2_000, decay_steps=20_000, total_steps=100_000), width=60))
    warmup(
        then(
            constant(value=0.0003, steps=78000),
            linear(start=0.0003, end=0.0, steps=20000),
            at=78000,
        ),
        steps=2000, start=0.0,
    )
    """
    text = repr(schedule)
    tree = ast.parse(text, mode="eval").body
    lines = [text] if len(text) <= width else [*_lines(tree, text.encode(), "", "", "", width)]
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][:width].rstrip(' ,')} …"]
    return "\n".join(lines)


def kept(text: str) -> str:
    """A text whose spaces SVG keeps: it makes one of several."""
    return text.replace("  ", "\u00a0\u00a0")


def _lines(node: ast.expr, text: bytes, indent: str, before: str, after: str, width: int) -> Iterator[str]:
    """The lines of a part of the text, with what stands before it and after it."""
    whole = f"{indent}{before}{_text_of(node, text)}{after}"
    if len(whole) <= width or not isinstance(node, ast.Call | ast.Tuple):
        yield whole
        return
    name = _text_of(node.func, text) if isinstance(node, ast.Call) else ""
    yield f"{indent}{before}{name}("
    line = ""
    for label, part in _parts(node):
        written = f"{label}{_text_of(part, text)},"
        if isinstance(part, ast.Call) or len(written) > width - len(indent + _INDENT):
            if line:
                yield f"{indent}{_INDENT}{line}"
                line = ""
            yield from _lines(part, text, indent + _INDENT, label, ",", width)
        elif line and len(f"{indent}{_INDENT}{line} {written}") > width:
            yield f"{indent}{_INDENT}{line}"
            line = written
        else:
            line = f"{line} {written}".lstrip()
    if line:
        yield f"{indent}{_INDENT}{line}"
    yield f"{indent}){after}"


def _parts(node: ast.Call | ast.Tuple) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Tuple):
        yield from (("", element) for element in node.elts)
    else:
        yield from (("", argument) for argument in node.args)
        yield from ((f"{keyword.arg}=", keyword.value) for keyword in node.keywords)


def _text_of(node: ast.expr, text: bytes) -> str:
    """Its part of a text that is one line: `ast.get_source_segment` looks for lines each time."""
    return text[node.col_offset : node.end_col_offset].decode()
