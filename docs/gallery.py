"""Draw every shape, combinator, plan and peer, and write docs/gallery.md: ``python docs/gallery.py``.

The example of each is the first in its docstring; that of another system's schedule is that of docs/tools/examples.py.
The line beside it is the first of its docstring.
"""

import ast
import doctest
import inspect
import re
import sys
import textwrap
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

import optimsche  # noqa: E402
from docs.tools import examples  # noqa: E402
from optimsche import combinators, lr_fns, peers, plans  # noqa: E402
from optimsche.curve import figure_of, ranges, style  # noqa: E402
from optimsche.curve.canvas import svg_of  # noqa: E402
from optimsche.schedule import Schedule  # noqa: E402

PICTURES = DOCS / "pictures" / "gallery"
SECTIONS = {
    "Shapes": lr_fns.__all__,
    "Combinators": sorted([*combinators.__all__, "sequence"]),
    "Plans": plans.__all__,
}
SAID = {
    "Shapes": "A shape goes from one rate to another, or on without an end.",
    "Combinators": "A combinator makes a schedule of others, which are drawn in grey.",
    "Plans": "A plan is a whole run, in the totals that people think in.",
}
# Of longer code only the beginning is shown.
LONGEST = 240


class Item:
    """What the page says of one: its name, its line, its code, and the schedule that the code builds."""

    def __init__(self, name, function, code, schedule):
        self.name, self.code, self.schedule = name, code, schedule
        # Other systems' docstrings are in their own markup.
        self.line = inspect.getdoc(function).partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def own(name):
    """The first schedule in the doctests of a function that it has built."""
    function = getattr(optimsche, name)
    known = {public: getattr(optimsche, public) for public in dir(optimsche)}
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(function)):
        for node in ast.walk(ast.parse(example.source)):
            made = _value(node, known) if isinstance(node, ast.Call | ast.BinOp) else None
            if isinstance(made, Schedule) and (name in _called(node) or made.lr_fn.name == name):
                code = ast.get_source_segment(example.source, node)
                has_variables = _names(node) - set(dir(optimsche))
                return Item(name, function, repr(made) if has_variables else code, made)
        exec(example.source, known)
    raise ValueError(f"no doctest of {name} builds a schedule")


def _value(node, known):
    try:
        return eval(compile(ast.Expression(node), "doctest", "eval"), known)
    except Exception:  # a part of an expression that means nothing alone
        return None


def _called(node):
    return {
        getattr(call.func, "id", getattr(call.func, "attr", ""))
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
    }


def _names(node):
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def others(system):
    """The schedules of a system, each as its example calls it."""
    for name, (code, schedule) in examples.of_system(system).items():
        function = getattr(getattr(peers, system), name)
        yield Item(f"{system}.{name}", function, f"{system}.{code}", schedule)


def picture(item):
    """A small picture; of a combinator with what it is made of, in grey."""
    options = {"steps_per_epoch": 10} if item.schedule.counts_epochs else {}
    figure = figure_of(item.schedule, with_expression=False, size=(4.4, 2.4), **options)
    (axes,) = figure.axes
    axes.set_ylabel("")
    if item.schedule.lr_fn.name in combinators.__all__ and "." not in item.name:
        last = axes.get_lines()[0].get_xdata()[-1]
        for part in item.schedule.inner:
            if not part.counts_epochs:
                axes.plot(*ranges.sample(part, last, None), color=style.GREY, linewidth=1, alpha=0.7, zorder=1)
    return _small(svg_of(figure))


def _small(svg):
    """Without what nobody sees: comments, metadata, and decimals below a hundredth of a point."""
    svg = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(
        r'\b(?:d|x|y|width|height|transform)="[^"]*"', lambda places: re.sub(r"(\.\d\d)\d+", r"\1", places[0]), svg
    )
    svg = re.sub(r"\s*\n\s*(?=[^<\s])", " ", svg)  # a line for each element
    return re.sub(r"\n\s+", "\n", svg)


def row(item):
    """Its row on the page."""
    code = item.code if len(item.code) <= LONGEST else f"{item.code[:LONGEST]} …"
    code = "<br>".join(f"`{line}`" for line in textwrap.wrap(code, 60)).replace("|", r"\|")
    return f"| ![{item.name}](pictures/gallery/{item.name}.svg) | **{item.name}**<br>{item.line}<br>{code} |"


def table(items):
    """A table of items, whose pictures are drawn."""
    rows = []
    for item in items:
        (PICTURES / f"{item.name}.svg").write_text(picture(item))
        rows.append(row(item))
    return "\n".join(["| | |", "|---|---|", *rows])


def main():
    """Write the page and the pictures."""
    warnings.simplefilter("ignore", UserWarning)  # an example may jump
    PICTURES.mkdir(exist_ok=True)
    for path in PICTURES.glob("*.svg"):
        path.unlink()
    parts = [
        "# Gallery",
        "Every shape, combinator, plan and schedule of another system, with an example. A dot marks the highest rate "
        "and a ring the end; what comes after the end is shaded. `python docs/gallery.py` draws this page.",
    ]
    for title, names in SECTIONS.items():
        parts += [f"## {title}", SAID[title], table(map(own, names))]
    parts += ["## Other systems", "`from optimsche import peers`; each is in `peers`: `peers.torch.StepLR(...)`."]
    for system in peers.__all__:
        line = inspect.getdoc(getattr(peers, system)).partition("\n")[0].replace("``", "`")
        parts += [f"### {system}", line, table(others(system))]
    (DOCS / "gallery.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
