"""Functions that a system takes as an argument, as schedules."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from optimsche.evaluation import trace
from optimsche.lr_fns import expression
from optimsche.peers._on_symbols import taking_symbols
from optimsche.schedule import Schedule

_PROBES = (1, 2, 3, 7, 20, 50, 101, 1_000)


def as_schedule(call: str, name: str, function: Any) -> Schedule:
    """A function of a counter as a schedule of that counter.

    Args:
        call: the function whose argument it is, for errors.
        name: the argument.
        function: a schedule; the text of a formula or of a lambda; or a Python function, read from its source, with
            numbers from around it filled in, or followed: with its defaults and helpers, the attributes of objects,
            and what ``functools.partial`` gave it.

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
    if isinstance(function, tuple | list):
        raise TypeError(
            f"{call}: {name} must be one function, got {len(function)}: build a schedule of each, and give each to its "
            "parameter groups with OptimScheduler(..., schedules={...})"
        )
    if not callable(function):
        raise TypeError(f"{call}: {name} must be a function, the text of one, or a schedule, got {function!r:.60}")
    in_the_way = "what was read computes something else"
    try:
        for text in _formulas(function):
            if _agrees(text, function):
                return expression(text=text)
    except Exception as error:  # whatever a function of someone's own may do on symbols
        in_the_way = str(error) or type(error).__name__
    raise TypeError(
        f"{call}: {name} cannot be read as one formula, and a schedule stores what it computes.\n    In the way was: "
        f'{in_the_way:.200}.\n    Give its text, {name}="0.95 ** t", or put @lr_fn above def f(real_step, epoch): ... '
        f"and pass {name}=f(); its real_step then counts from 0, as {call.partition('.')[0]}'s counter does"
    )


def _agrees(text: str, function: Callable[..., Any]) -> bool:
    try:
        read = expression(text=text)
        values = [float(function(t)) for t in _PROBES]
        return all(
            math.isclose(read(t), v, rel_tol=1e-12, abs_tol=1e-300) for t, v in zip(_PROBES, values, strict=True)
        )
    except Exception:  # not a formula, or a function that has no value there
        return False


def _formulas(function: Callable[..., Any]) -> Iterator[str]:
    """Each formula that the function may be: from its source, then from tracing it."""
    yield from _from_source(function)
    on_symbols = taking_symbols(function)

    def unless_refused(counter: Any) -> Any:
        try:
            return on_symbols(counter)
        except AssertionError:  # a check of its own, which says nothing of the values
            return _NOTHING

    yield _as_text(trace.trace(unless_refused, "t", is_foreign=True))


_NOTHING = math.nan


def _as_text(expression: trace.Expression) -> str:
    match expression:
        case trace.Choice(_, when, otherwise) if otherwise is _NOTHING:
            return _as_text(when)
        case trace.Choice(_, when, otherwise) if when is _NOTHING:
            return _as_text(otherwise)
        case trace.Choice(condition, when, otherwise):
            return f"({_as_text(when)} if {_as_text(condition)} else {_as_text(otherwise)})"
        case trace.Symbol(operation=operation, arguments=()):
            return operation
        case trace.Symbol(operation=function, arguments=arguments) if function.isidentifier() and function != "neg":
            return f"{function}({', '.join(map(_as_text, arguments))})"
        case trace.Symbol(operation="neg", arguments=(operand,)):
            return f"(-{_as_text(operand)})"
        case trace.Symbol(operation=operation, arguments=(left, right)):
            return f"({_as_text(left)} {operation} {_as_text(right)})"
    return repr(expression if type(expression) in (int, float) else float(expression))


def _from_source(function: Callable[..., Any]) -> Iterator[str]:
    """The source of each formula that the function may be, with outer numbers filled in."""
    given: dict[str, Any] = {}
    whole: Any = function
    if isinstance(whole, functools.partial) and not whole.args:
        function, given = whole.func, whole.keywords
    try:
        source = textwrap.dedent(inspect.getsource(function)).strip()
        known = inspect.getclosurevars(function)
    except (OSError, TypeError):
        return
    outer = {**known.globals, **known.nonlocals, **given}
    numbers = {n: v for n, v in outer.items() if type(v) in (int, float)}
    for tree in _trees(source):
        for node in ast.walk(tree):
            match node:
                case ast.Lambda(args=ast.arguments(args=[ast.arg(arg=variable)]), body=body):
                    formula: ast.expr | None = body
                case ast.FunctionDef(args=ast.arguments(args=[ast.arg(arg=variable)]), body=lines):
                    formula = _one_formula(lines)
                case _:
                    continue
            if formula is not None:
                meant: dict[str, ast.expr] = {n: ast.Constant(v) for n, v in numbers.items() if n != variable}
                yield f"lambda {variable}: {ast.unparse(_With(meant).visit(formula))}"


def _one_formula(lines: Sequence[ast.stmt]) -> ast.expr | None:
    """Lines that return as one expression: ``if`` as a choice, and names of values as those values."""
    if len(lines) > 20:  # each may double what is written
        return None
    match lines:
        case [ast.Expr(value=ast.Constant()) | ast.Assert(), *rest]:  # a docstring, or a check
            return _one_formula(rest)
        case [ast.Return(value=value), *_]:
            return value
        case [ast.If(test=test, body=when, orelse=otherwise), *rest]:
            first, second = _one_formula([*when, *rest]), _one_formula([*otherwise, *rest])
            return None if first is None or second is None else ast.IfExp(test, first, second)
        case [ast.Assign(targets=[ast.Name(id=name)], value=value), *rest]:
            formula = _one_formula(rest)
            return None if formula is None else _With({name: value}).visit(formula)
    return None


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


class _With(ast.NodeTransformer):
    """Names as the expressions that they stand for."""

    def __init__(self, meant: dict[str, ast.expr]) -> None:
        self.meant = meant

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.meant.get(node.id, node)
