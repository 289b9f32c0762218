"""The mutants: Cosmic Ray's operators, each at each place where it can change the code."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

MUTATED = (
    "evaluation",
    "libraries.py",
    "ops.py",
    "ranges.py",
    "checking.py",
    "schedule.py",
    "lr_fn.py",
    "combinators",
    "lr_fns",
    "text.py",
    "counting.py",
    "param_groups",
    "training",
)

# What notices `+` for `-` notices `+` for `**`: each operator becomes its nearest relatives only. A bar stands in
# annotations, which nothing evaluates, and between the classes of a pattern; floats have no other bits.
_BINARY = {
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Div_FloorDiv", "FloorDiv_Div", "FloorDiv_Mul"),
    *("Mod_Mul", "Mod_FloorDiv", "Pow_Mul", "BitAnd_BitOr"),
}
# A comparison becomes its opposite, and the one that differs at the bound.
_COMPARISON = {
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
}


class Mutant(NamedTuple):
    """One change: an operator at one of the places in a file where it applies."""

    module: str
    operator: str
    occurrence: int
    lines: tuple[int, int]

    def code(self, source):
        """The file with the change."""
        return mutate_code(source, get_operator(self.operator)(), self.occurrence)

    def key(self, source):
        """What it is called in a file of results: the same as long as the file is."""
        text = f"{self.operator} {self.occurrence} {source}"
        return f"{self.module}:{self.lines[0]}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def modules(root, parts):
    """The files of the parts that are asked for (``text``, ``training``, ``training/window``), by their paths.

    Raises:
        SystemExit: there is no such part.
    """
    files = sorted(
        file.relative_to(root)
        for each in MUTATED
        for file in ((root / "optimsche" / each).rglob("*.py") if "." not in each else [root / "optimsche" / each])
    )
    for part in parts or [""]:
        path = Path("optimsche") / part
        chosen = [str(file) for file in files if path in (file.with_suffix(""), *file.parents)]
        if not chosen:
            raise SystemExit(f"no part of the core is called {part}; there are {', '.join(MUTATED)}, and files in them")
        yield from chosen


def mutants_of(module, source):
    """All mutants of one file."""
    tree = get_ast(source)
    for name in operator_names():
        kind = get_operator(name)
        if not _is_used(name) or kind.arguments():
            continue
        operator = kind()
        places = (place for node in ast_nodes(tree) for place in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            yield Mutant(module, name, occurrence, (start[0], end[0]))


def _is_used(name):
    binary = re.search("ReplaceBinaryOperator_(.*)", name)
    comparison = re.search("ReplaceComparisonOperator_(.*)", name)
    if binary or comparison:
        return binary.group(1) in _BINARY if binary else comparison.group(1) in _COMPARISON
    return not re.search("ReplaceUnaryOperator_.*_(Invert|Not)", name)
