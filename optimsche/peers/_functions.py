"""Functions that a system takes as an argument, as schedules."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from optimsche import symbols
from optimsche.lr_fns import expression
from optimsche.schedule import Schedule

_PROBES = (1, 2, 3, 7, 20, 101)


def as_schedule(call: str, name: str, function: Any) -> Schedule:
    """A function of a counter as a schedule of that counter.

    Args:
        call: the function whose argument it is, for errors.
        name: the argument.
        function: a schedule; the text of a formula or of a lambda; or a Python function, read from its source, with
            numbers from around it filled in, or followed on symbols where there is no source or more than a formula.

    Raises:
        TypeError: it is none of these.
        ValueError: the text is no formula.

    >>> as_schedule("LambdaLR", "lr_lambda", lambda epoch: 0.5**epoch)
    expression(text='0.5 ** t')
    """
    if isinstance(function, Schedule):
        return function
    if isinstance(function, str):
        return expression(text=function)
    if not callable(function):
        raise TypeError(f"{call}: {name} must be a function, the text of one, or a schedule, got {function!r:.60}")
    for text in _formulas(function):
        try:
            read = expression(text=text)
            values: list[Any] = [function(t) for t in _PROBES]
            if all(
                math.isclose(read(t), v, rel_tol=1e-12, abs_tol=1e-300) for t, v in zip(_PROBES, values, strict=True)
            ):
                return read
        except (ValueError, TypeError, ArithmeticError):
            continue
    raise TypeError(
        f"{call}: {name} cannot be read as one formula, and a schedule stores what it computes. Give its text, "
        f'{name}="0.95 ** t", or put @lr_fn above def f(real_step, epoch): ... and pass {name}=f()'
    )


def _formulas(function: Callable[..., Any]) -> Iterator[str]:
    """Each formula that the function may be: from its source, else from following it on symbols."""
    yield from _from_source(function)
    try:
        yield _as_text(symbols.outcome(function, "t"))
    except (TypeError, ValueError, ArithmeticError, AttributeError, symbols.Untraceable):
        return


def _as_text(outcome: symbols.Outcome) -> str:
    match outcome:
        case symbols.Choice(condition, when, otherwise):
            return f"({_as_text(when)} if {_as_text(condition)} else {_as_text(otherwise)})"
        case symbols.Symbol(operation=operation, arguments=()):
            return operation
        case symbols.Symbol(operation="neg", arguments=(operand,)):
            return f"(-{_as_text(operand)})"
        case symbols.Symbol(operation=operation, arguments=(left, right)):
            return f"({_as_text(left)} {operation} {_as_text(right)})"
    return repr(outcome)


def _from_source(function: Callable[..., Any]) -> Iterator[str]:
    """The source of each formula that the function may be, with outer numbers filled in."""
    try:
        source = textwrap.dedent(inspect.getsource(function)).strip()
        known = inspect.getclosurevars(function)
    except (OSError, TypeError):
        return
    numbers = {n: v for n, v in {**known.globals, **known.nonlocals}.items() if type(v) in (int, float)}
    for tree in _trees(source):
        for node in ast.walk(tree):
            body: ast.expr | None
            match node:
                case ast.Lambda(args=ast.arguments(args=[ast.arg(arg=variable)]), body=body):
                    pass
                case ast.FunctionDef(args=ast.arguments(args=[ast.arg(arg=variable)]), body=[*before, last]):
                    is_formula = isinstance(last, ast.Return) and all(map(_is_docstring, before))
                    body = last.value if isinstance(last, ast.Return) and is_formula else None
                case _:
                    continue
            if body is not None:
                yield f"lambda {variable}: {ast.unparse(_WithNumbers(variable, numbers).visit(body))}"


def _is_docstring(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _trees(source: str) -> Iterator[ast.AST]:
    """The source as a tree; a lambda inside a call over several lines is cut out of its lines first."""
    begins = [0, *(at for at in range(len(source)) if source.startswith("lambda", at))]
    for begin in begins:
        for end in range(len(source), begin, -1):
            try:
                yield ast.parse(source[begin:end])
                break
            except SyntaxError:
                if begin == 0:
                    break


class _WithNumbers(ast.NodeTransformer):
    """Names of numbers from outside the function as those numbers."""

    def __init__(self, variable: str, numbers: dict[str, float]) -> None:
        self.variable, self.numbers = variable, numbers

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = None if node.id == self.variable else self.numbers.get(node.id)
        return node if value is None else ast.Constant(value)
