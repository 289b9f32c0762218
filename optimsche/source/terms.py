"""Traced formulas as terms: arithmetic on clocks, of which it is known how large it can be and whether it is whole."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from optimsche.evaluation.trace import Choice, Expression, Symbol, Untraceable

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Term:
    """An operation on numbers and terms; a variable has no arguments. Equal ones of one `Terms` are one object."""

    __slots__ = ("arguments", "operation", "variables")

    def __init__(self, operation: str, arguments: tuple[Any, ...]) -> None:
        self.operation, self.arguments = operation, arguments
        own = frozenset() if arguments else frozenset({operation})
        self.variables: frozenset[str] = own.union(*(one.variables for one in arguments if isinstance(one, Term)))

    def __repr__(self) -> str:
        return f"{self.operation}{self.arguments or ''}"


class Terms:
    """Makes terms, each of them once, and reads traced formulas."""

    def __init__(self) -> None:
        self._known: dict[Any, Term] = {}
        self._read: dict[int, tuple[Symbol, Any]] = {}

    def make(self, operation: str, *arguments: Any) -> Term:
        """The one term for this operation on these arguments."""
        key = operation, *(id(one) if isinstance(one, Term) else repr(one) for one in arguments)
        if key not in self._known:
            self._known[key] = Term(operation, arguments)
        return self._known[key]

    def read(self, expression: Expression) -> Any:
        """A traced formula as a term, or a number; a choice is the operation `if`."""
        if isinstance(expression, Choice):
            return self.make("if", *map(self.read, expression))
        if not isinstance(expression, Symbol):
            return expression if isinstance(expression, bool) else float(expression)
        if id(expression) not in self._read:  # held with what it was read as, so that nothing else takes its id
            self._read[id(expression)] = expression, self._term(expression)
        return self._read[id(expression)][1]

    def _term(self, symbol: Symbol) -> Any:
        arguments = [self.read(one) for one in symbol.arguments]
        sign = symbol.operation
        if arguments and sign not in _PLAIN:
            raise Untraceable(f"{sign} of a step cannot be written out")
        if sign in ("min", "max"):
            found = arguments[0]
            for other in arguments[1:]:
                found = self.make(sign, found, other)
            return found
        if sign in ("round", "int", "floor", "ceil") and len(arguments) > 1:
            raise Untraceable(f"{sign} to a number of digits cannot be written out")
        return self.make(sign, *arguments)


# ---------------------------------------------------------------------------------------------------------------------
# What a term is for given clocks
# ---------------------------------------------------------------------------------------------------------------------


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(function(x)) if abs(x) < math.inf else x


_PLAIN: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "remainder": operator.mod,  # of a number that is not negative
    "**": operator.pow,
    "neg": operator.neg,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&": lambda x, y: x and y,
    "|": lambda x, y: x or y,
    "min": lambda x, y: x if x < y else y,
    "max": lambda x, y: x if x > y else y,
    "select": lambda condition, x, y: x if condition else y,
    "if": lambda condition, x, y: x if condition else y,
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "round": _whole(round),
    "int": _whole(int),
    **{name: getattr(math, name) for name in ("cos", "sin", "tanh", "exp", "log", "sqrt")},
}


def computed(operation: str, *numbers: Any) -> Any:
    """The result of an operation on numbers."""
    return _PLAIN[operation](*numbers)


def value_at(term: Any, variables: Mapping[str, float], known: dict[Term, Any] | None = None) -> Any:
    """The value of a term where its variables are numbers."""
    if not isinstance(term, Term):
        return term
    if not term.arguments:
        return variables[term.operation]
    known = {} if known is None else known
    if term not in known:
        if term.operation in ("select", "if"):  # one side alone: the other may have no value
            condition, when, otherwise = term.arguments
            known[term] = value_at(when if value_at(condition, variables, known) else otherwise, variables, known)
        else:
            known[term] = computed(term.operation, *(value_at(one, variables, known) for one in term.arguments))
    return known[term]


# ---------------------------------------------------------------------------------------------------------------------
# What is known of a term for all clocks
# ---------------------------------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """How small and how large a number can be, and whether it is whole for whole clocks."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    @property
    def is_one_number(self) -> bool:
        """Whether there is only one that it can be."""
        return self.low == self.high


class Knowledge:
    """What is known of terms, from what is known of their variables."""

    def __init__(self, variables: Mapping[str, Known]) -> None:
        self.variables = variables
        self._known: dict[Term, Known] = {}

    def of(self, term: Any) -> Known:
        """What is known of a term or a number."""
        if not isinstance(term, Term):
            number = float(term)
            return Known(number, number, number.is_integer())
        if not term.arguments:
            return self.variables.get(term.operation, Known())
        if term not in self._known:
            try:
                found = _known(term.operation, [self.of(one) for one in term.arguments])
            except (ArithmeticError, ValueError):
                found = Known()
            self._known[term] = Known(whole=found.whole) if math.isnan(found.low + found.high) else found
        return self._known[term]


def _known(operation: str, of: list[Known]) -> Known:
    whole = all(one.whole for one in of)
    low, high = of[0].low, of[-1].high
    match operation, of:
        case "+", [x, y]:
            return Known(x.low + y.low, x.high + y.high, whole)
        case "-", [x, y]:
            return Known(x.low - y.high, x.high - y.low, whole)
        case "neg", [x]:
            return Known(-x.high, -x.low, whole)
        case "*", [x, y]:
            return _corners(operator.mul, x, y, whole)
        case "/", [x, y]:
            is_one = y.is_one_number and y.low == 1.0
            return _corners(operator.truediv, x, y, whole and is_one) if y.low > 0 or y.high < 0 else Known()
        case "//", [x, y] if y.low > 0:
            return _corners(lambda a, b: a if math.isinf(a) else a // b, x, y, True)
        case "%" | "remainder", [x, y] if y.low > 0:
            return Known(0.0, min(x.high, y.high) if x.low >= 0 else y.high, whole)
        case "**", [x, y]:
            whole = whole and y.low >= 0
            return _corners(_power, x, y, whole) if x.low > 0 or (x.low >= 0 and y.low >= 0) else Known(whole=whole)
        case "min", [x, y]:
            return Known(min(x.low, y.low), min(x.high, y.high), whole)
        case "max", [x, y]:
            return Known(max(x.low, y.low), max(x.high, y.high), whole)
        case "select" | "if", [_, x, y]:
            return Known(min(x.low, y.low), max(x.high, y.high), x.whole and y.whole)
        case "floor" | "ceil" | "round" | "int", [x]:
            return Known(computed(operation, x.low), computed(operation, x.high), True)
        case "cos" | "sin", _:
            return Known(-1.0, 1.0)
        case "tanh", _:
            return Known(math.tanh(low), math.tanh(high))
        case "exp", _:
            return Known(_exp(low), _exp(high))
        case "log" | "sqrt", _ if low > 0:
            return Known(computed(operation, low), computed(operation, high))
        case "sqrt", _:
            return Known(0.0, math.sqrt(max(high, 0.0)))
    if operation in (*COMPARISONS, "&", "|"):
        return Known(0.0, 1.0, True)
    return Known()


def _corners(function: Callable[[float, float], float], x: Known, y: Known, whole: bool) -> Known:
    """Of a function that is monotone in each of its arguments."""
    found = [_or_zero(function, a, b) for a in (x.low, x.high) for b in (y.low, y.high)]
    return Known(min(found), max(found), whole)


def _or_zero(function: Callable[[float, float], float], x: float, y: float) -> float:
    found = function(x, y)
    return 0.0 if math.isnan(found) else found  # 0 times a bound that is not there


def _power(x: float, y: float) -> float:
    try:
        return float(x**y)
    except OverflowError:
        return math.inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf
