"""Formulas written as text: reading them into a syntax tree, and compiling that for numbers and for arrays."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from optimsche import ops
from optimsche.call_errors import did_you_mean, shown
from optimsche.evaluation.clocks import LARGEST_CLOCK
from optimsche.evaluation.trace import is_symbol, recorded
from optimsche.reading import syntax_tree


def normal_form(text: str) -> str:
    """The formula in Python's own form, with `t` as its variable; refused unless it is one."""
    try:
        normal = ast.unparse(_read(text))
    except RecursionError:
        raise ValueError("the text is nested too deeply to be a formula") from None
    compiled[normal]  # now, because torch.compile can follow the functions but not Python's parser
    return normal


# ---------------------------------------------------------------------------------------------------------------------
# Reading: only what is on a list, so that nothing but arithmetic can be compiled
# ---------------------------------------------------------------------------------------------------------------------

_LONGEST, _DEEPEST = 10_000, 60
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_CONSTANTS = {"pi": math.pi, "e": math.e}


def _read(text: str) -> ast.expr:
    """The syntax tree of the text's formula, with `t` as its variable."""
    if len(text) > _LONGEST:
        raise ValueError(f"the text has {len(text)} characters; at most {_LONGEST} are read")
    try:
        tree = syntax_tree(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = getattr(error, "msg", "") or ("this is no text" if isinstance(error, ValueError) else "nested too deeply")
        raise ValueError(f"{text!r:.80} is not a formula: {why}") from None
    variable = "t"
    if isinstance(tree, ast.Lambda):
        taken = [argument.arg for argument in (*tree.args.posonlyargs, *tree.args.args)]
        if len(taken) != 1 or tree.args.vararg or tree.args.kwarg or tree.args.kwonlyargs or tree.args.defaults:
            raise ValueError(f"a lambda of one argument is read, got {text!r:.80}")
        (variable,), tree = taken, tree.body
    return _admitted(tree, variable, depth=0)


def _admitted(node: ast.expr, variable: str, depth: int, *, asked: bool = False) -> ast.expr:
    """The node in the one form that is compiled; refused unless it is on the list. Of one `asked`, only its truth."""
    if depth > _DEEPEST:
        raise ValueError(f"the formula is nested more than {_DEEPEST} deep")
    inner = functools.partial(_admitted, variable=variable, depth=depth + 1)
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if not abs(value) <= LARGEST_CLOCK:
                raise ValueError(f"{shown(value)} is too large a number")
            return ast.Constant(value)
        case ast.Name(id=name) if name == variable:
            return ast.Name("t", ast.Load())
        case ast.UnaryOp(op=ast.Not() as sign, operand=operand):
            return ast.UnaryOp(sign, _truth(inner(operand, asked=True)))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return ast.UnaryOp(sign, inner(operand))
        case ast.BinOp(left=left, op=sign, right=right) if isinstance(sign, _OPERATORS):
            return ast.BinOp(inner(left), sign, inner(right))
        case ast.BoolOp(op=sign, values=values):
            parts = [inner(value, asked=asked) for value in values]
            if not asked and not all(map(_is_truth, parts)):
                raise ValueError(
                    f"{ast.unparse(node)!r:.60} takes one of two numbers by 'and' and 'or', which join conditions; "
                    "write: a if condition else b"
                )
            return ast.BoolOp(sign, [_truth(part) for part in parts])
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if isinstance(sign, _COMPARISONS):
            return ast.Compare(inner(left), [sign], [inner(right)])
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return ast.IfExp(_truth(inner(test, asked=True)), inner(body), inner(orelse))
        case ast.Call(func=ast.Name() | ast.Attribute() as function, args=args, keywords=[]) if args:
            return ast.Call(
                ast.Name(_function(function, len(args)), ast.Load()), [inner(argument) for argument in args], []
            )
        case ast.Name() | ast.Attribute() if _bare(node) in _CONSTANTS:
            return ast.Name(_bare(node), ast.Load())
    known = f"numbers, {variable}, arithmetic, comparisons, a if b else c, {', '.join((*_ARITY, *_CONSTANTS))}"
    hint = did_you_mean(node.id, [variable, *_ARITY, *_CONSTANTS]) if isinstance(node, ast.Name) else ""
    if isinstance(node, ast.Name) and not hint:
        hint = f"; the counter is called {variable}"
    raise ValueError(f"{ast.unparse(node)!r:.60} has no place in a formula{hint}; known are {known}")


def _truth(node: ast.expr) -> ast.expr:
    """A condition; a number that stands for one is written as a comparison with 0."""
    return node if _is_truth(node) else ast.Compare(node, [ast.NotEq()], [ast.Constant(0)])


def _is_truth(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _bare(node: ast.expr) -> str:
    """`cos` for `cos` and for `math.cos`; an empty text for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="math" | "np" | "numpy" | "torch" | "jnp"), attr=name):
            return name
    return ""


def _function(node: ast.expr, given: int) -> str:
    name = _bare(node)
    if name not in _ARITY:
        raise ValueError(f"unknown function {ast.unparse(node)!r:.60}{did_you_mean(name, _ARITY)}")
    least, most = _ARITY[name]
    if not least <= given <= most:
        bound = f"{least}" if least == most else f"at least {least}" if given < least else f"at most {most}"
        raise ValueError(f"{name} takes {bound}, got {given} arguments")
    return name


# ---------------------------------------------------------------------------------------------------------------------
# Computing: the same tree for numbers and for arrays, with other functions behind the names
# ---------------------------------------------------------------------------------------------------------------------


class Compiled(NamedTuple):
    """What computes a formula."""

    for_numbers: Callable[[Any], Any]
    for_arrays: Callable[[Any], Any]
    for_symbols: Callable[[Any], Any]


class _Compiled(dict[str, Compiled]):
    """The functions of each text, made when they are first asked for."""

    def __missing__(self, text: str) -> Compiled:
        if len(self) >= _MOST_KEPT:
            self.clear()
        tree = _RealNumbers().visit(_read(text))
        for_numbers = _function_of_t(tree, _FOR_NUMBERS)
        for_symbols = _function_of_t(tree, _FOR_SYMBOLS)
        for_arrays = _function_of_t(_WithoutBranches().number(tree), _FOR_ARRAYS)
        self[text] = made = Compiled(for_numbers, for_arrays, for_symbols)
        return made


_MOST_KEPT = 1_000
compiled = _Compiled()


def _function_of_t(tree: ast.expr, functions: dict[str, Any]) -> Callable[[Any], Any]:
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("t")], kwonlyargs=[], kw_defaults=[], defaults=[])
    whole = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, tree)))
    return eval(compile(whole, "<formula>", "eval"), {"__builtins__": {"__import__": __import__}, **functions})


class _RealNumbers(ast.NodeTransformer):
    """Whole numbers as floats, whose powers take no time and whose overflow is an error."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Constant(float(node.value))  # type: ignore[arg-type]  # numbers only, by `_admitted`


class _WithoutBranches(ast.NodeTransformer):
    """Choices as functions, for arrays that have both sides; a condition that is used as a number as 1.0 or 0.0."""

    def number(self, node: ast.expr) -> ast.expr:
        found: ast.expr = self.visit(node)
        return _where(found, ast.Constant(1.0), ast.Constant(0.0)) if _is_truth(node) else found

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        return _where(self.visit(node.test), self.number(node.body), self.number(node.orelse))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return ast.BinOp(self.number(node.left), node.op, self.number(node.right))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Call(node.func, [self.number(argument) for argument in node.args], [])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        return ast.Compare(self.number(node.left), node.ops, [self.number(node.comparators[0])])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        sign = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        return functools.reduce(lambda a, b: ast.BinOp(a, sign, b), [self.visit(value) for value in node.values])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not):
            return ast.Compare(self.visit(node.operand), [ast.Eq()], [ast.Constant(False)])
        return ast.UnaryOp(node.op, self.number(node.operand))


def _where(condition: ast.expr, when: ast.expr, otherwise: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("where", ast.Load()), [condition, when, otherwise], [])


def _fold(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *values: functools.reduce(function, values)


def _as_floats(function: Callable[[Any], Any]) -> Callable[[Any], float]:
    return lambda x: float(function(x))


def _recorded(name: str) -> Callable[[Any], Any]:
    return lambda x: recorded(name, x) if is_symbol(x) else _FOR_NUMBERS[name](x)


_ARITY = {
    **dict.fromkeys(("min", "max"), (2, 100)),
    **dict.fromkeys(
        ("abs", "float", "int", "floor", "ceil", "round", "sqrt", "exp", "log", "cos", "sin", "tanh"), (1, 1)
    ),
    "pow": (2, 2),
}
_FOR_NUMBERS: dict[str, Any] = {
    **_CONSTANTS,
    **{name: getattr(math, name) for name in ("sqrt", "exp", "log", "cos", "sin", "tanh", "pow")},
    **{function.__name__: _as_floats(function) for function in (int, math.floor, math.ceil, round)},
    **{"min": min, "max": max, "abs": abs, "float": float},
}
_FOR_ARRAYS: dict[str, Any] = {
    **_CONSTANTS,
    **{name: getattr(ops, name) for name in ("floor", "sqrt", "exp", "log", "cos", "sin", "tanh", "where")},
    "ceil": lambda x: -ops.floor(-x),
    "round": ops.nearest,
    "int": lambda x: ops.where(x < 0, -ops.floor(-x), ops.floor(x)),
    "min": _fold(ops.minimum),
    "max": _fold(ops.maximum),
    "abs": lambda x: ops.maximum(x, -x),
    "float": lambda x: x,
    "pow": lambda x, y: x**y,
}
# Both sides of a choice are followed, so branches stay; the functions are those of arrays, which record symbols.
_FOR_SYMBOLS: dict[str, Any] = {**_FOR_ARRAYS, **{name: _recorded(name) for name in ("ceil", "int")}}
