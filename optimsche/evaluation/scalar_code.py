"""Flat Python code for a traced formula: for one number, and for a list of them.

The code has the formula's own operations in their own order, so the values are the same bits. What is gone is the tree:
calls from piece to piece, parameters looked up, questions whose answer is known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from optimsche.evaluation.clocks import NO_EPOCH
from optimsche.evaluation.trace import Choice, Expression, Symbol

_INFIX = ("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=")
_ELEMENTARY = ("cos", "sin", "tanh", "exp", "log", "sqrt")


def _uses(expression: Expression | tuple[Expression, ...], seen: set[Symbol]) -> Iterator[Symbol]:
    """Every symbol in the expression, as often as it is used; those that were seen before are not looked into."""
    if isinstance(expression, tuple):  # a choice
        for part in expression:
            yield from _uses(part, seen)
    elif isinstance(expression, Symbol):
        yield expression
        if expression not in seen:
            seen.add(expression)
            for part in expression.arguments:
                yield from _uses(part, seen)


def _written(constant: Any) -> str:
    return f"({constant!r})" if isinstance(constant, int | float) and constant < 0 else repr(constant)


class ScalarCode(NamedTuple):
    """A schedule as flat code."""

    one: Callable[..., float]
    """The value for one update and one epoch, both numbers."""
    many: Callable[[list[float], list[Any]], list[float]]
    """The values for a list of updates and as many epochs."""


def scalar_code(expression: Expression) -> ScalarCode:
    """Python functions that compute a traced formula.

    >>> from optimsche.evaluation.trace import trace
    >>> code = scalar_code(trace(lambda t, e: t * 2.0 if t < 5.0 else 10.0, "t", "e"))
    >>> code.one(3.0, 1.0), code.many([3.0, 7.0], [1.0, 1.0])
    (6.0, [6.0, 10.0])
    """
    writer = _Writer(expression)
    body = "\n".join(writer.lines(expression, {}))
    loop = "\n".join(writer.lines(expression, {}, end=("append(", "); continue")))
    source = f"def one(t, e=no_epoch):\n{_indented(body, 1)}\n"
    source += "def many(steps, epochs):\n values = []; append = values.append\n for t, e in zip(steps, epochs):\n"
    source += f"{_indented(loop, 2)}\n return values"
    exec(compile(source, "<schedule>", "exec"), writer.names)
    return ScalarCode(writer.names["one"], writer.names["many"])


def _indented(lines: str, depth: int) -> str:
    return "\n".join(" " * depth + line for line in lines.split("\n"))


class _Writer:
    """Writes nested `if` with one expression at each end; what is used more than once gets a name."""

    def __init__(self, expression: Expression) -> None:
        self.names: dict[str, Any] = {name: getattr(math, name) for name in _ELEMENTARY}
        self.names |= {"floor": _floor, "round": _round, "inf": math.inf, "nan": math.nan, "no_epoch": NO_EPOCH}
        self.uses = Counter(_uses(expression, set()))

    def lines(
        self, expression: Expression, known: dict[Symbol, str], end: tuple[str, str] = ("return ", "")
    ) -> Iterator[str]:
        """The expression as lines of code, each value between the two parts of `end`."""
        known, before = dict(known), []  # type: ignore[var-annotated]
        if isinstance(expression, Choice):
            condition = self.text(expression.condition, known, before)
            yield from before
            yield f"if {condition}:"
            yield from (f" {line}" for line in self.lines(expression.when, known, end))
            yield from self.lines(expression.otherwise, known, end)
        else:
            value = self.text(expression, known, before)
            yield from before
            yield f"{end[0]}{value if _is_float(expression) else f'float({value})'}{end[1]}"

    def text(self, value: Any, known: dict[Symbol, str], before: list[str], named: bool = False) -> str:
        """A value as text; lines that must stand before it are added to `before`."""
        if not isinstance(value, Symbol):
            return _written(value)
        if value in known or not value.arguments:
            return known.get(value, value.operation)
        # Both sides of a minimum are written twice.
        twice = value.operation in ("min", "max")
        function, arguments = _called(value)
        parts = [self.text(part, known, before, named=twice) for part in arguments]
        text = self.operation(value.operation, function, parts)
        if not named and self.uses[value] == 1:
            return text
        known[value] = name = f"v{len(known)}"
        before.append(f"{name} = {text}")
        return name

    def operation(self, sign: str, function: Any, parts: list[str]) -> str:
        match sign, parts:
            case sign, [left, right] if sign in _INFIX:
                return f"({left} {sign} {right})"
            case "&", [left, right]:
                return f"({left} and {right})"
            case "|", [left, right]:
                return f"({left} or {right})"
            case "neg", [operand]:
                return f"(-{operand})"
            case "min", [left, right]:
                return f"({left} if {left} < {right} else {right})"
            case "max", [left, right]:
                return f"({left} if {left} > {right} else {right})"
            case "select", [condition, when, otherwise]:
                return f"({when} if {condition} else {otherwise})"
            case "call", _:
                sign = f"f{len(self.names)}"
                self.names[sign] = function
        return f"{sign}({', '.join(parts)})"


def _is_float(value: Any) -> bool:
    """Whether a value is a float for certain: clocks and calls are, a difference of truths is not."""
    if not isinstance(value, Symbol):
        return type(value) is float
    match value.operation:
        case "min" | "max" | "select":
            return all(map(_is_float, value.arguments[-2:]))
        case "+" | "-" | "*" | "/" | "%" | "**" | "neg":
            return any(map(_is_float, value.arguments)) or value.operation == "/"
    return not value.arguments or value.operation in (*_ELEMENTARY, "floor", "round", "call")


def _called(symbol: Symbol) -> tuple[Any, tuple[Any, ...]]:
    """The function that a call is of, and what an operation is done on."""
    return (symbol.arguments[0], symbol.arguments[1:]) if symbol.operation == "call" else (None, symbol.arguments)


def _floor(x: float) -> float:
    return float(math.floor(x)) if abs(x) < math.inf else x


def _round(x: float) -> float:
    return float(round(x)) if -math.inf < x < math.inf else x
