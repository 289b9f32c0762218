"""Tracing: a formula run on symbols instead of numbers, so that all it can compute is known.

A `Symbol` stands for a number that is not known yet. Arithmetic on it is recorded instead of done. Where a formula asks
`if`, both branches are traced, with one run of the formula for each path through it. The result is an `Expression`: a
number, a symbol, or a `Choice` between two expressions. `scalar_code` writes Python code from it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeAlias

# A formula with more paths through it than this is not traced, unless somebody wants them all.
_MOST_PATHS = 64


_AS_TEXT = "the step is made text, which needs its number"
# What a formula gives on a path that has no value, where it raises; it may have made text of the step for the words.
NOTHING = math.nan


class Untraceable(Exception):
    """A formula that cannot be traced."""


class Symbol:
    """A number that is not known yet: a clock, or an operation and what it is done on. Equal ones are one object."""

    __slots__ = ("arguments", "operation")
    __array_ufunc__ = None
    operation: str
    arguments: tuple[Any, ...]

    def __new__(cls, operation: str, *arguments: Any) -> Symbol:
        """The one symbol for this operation on these arguments."""
        known = _trace.symbols
        arguments = tuple(one.symbol if type(one) is Example else one for one in arguments)
        key = operation, *((Symbol, id(one)) if type(one) is Symbol else (type(one), one) for one in arguments)
        if key not in known:
            known[key] = self = object.__new__(cls)
            self.operation, self.arguments = operation, arguments
        return known[key]

    def __bool__(self) -> bool:
        """Which branch the formula takes from here; called by `if`."""
        return _trace.answer(self)

    def __neg__(self) -> Symbol:
        return Symbol("neg", self)

    def __abs__(self) -> Symbol:
        return Symbol("max", self, -self)

    def __floor__(self) -> Symbol:
        return Symbol("floor", self)

    # What needs the number itself. The words are for someone whose function was traced.

    def __float__(self) -> float:
        raise TypeError("float() of the step, or a function of math, needs its number")

    def __int__(self) -> int:
        raise TypeError("int() of the step needs its number")

    def __index__(self) -> int:
        raise TypeError("the step is an index, or a length, which needs its number")

    def __round__(self, digits: int | None = None) -> Symbol:
        raise TypeError("round() of the step needs its number")

    def __str__(self) -> str:
        if not _trace.is_foreign:
            raise TypeError(_AS_TEXT)
        _trace.is_text_made = True
        return "the step"

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self) if _trace.is_foreign else object.__repr__(self)

    def __hash__(self) -> int:
        if _trace.is_foreign:  # it would find nothing, and say nothing
            raise TypeError("the step is looked up in a set or a dictionary, which needs its number")
        return object.__hash__(self)

    def __eq__(self, other: object) -> Any:
        return Symbol("==", self, other)

    def __ne__(self, other: object) -> Any:
        return Symbol("!=", self, other)


def _define(name: str, sign: str) -> None:
    setattr(Symbol, f"__{name}__", lambda self, other: Symbol(sign, self, other))
    setattr(Symbol, f"__r{name}__", lambda self, other: Symbol(sign, other, self))


_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**"}
_LOGIC = {"and": "&", "or": "|", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
for _name, _sign in (_ARITHMETIC | _LOGIC).items():
    _define(_name, _sign)


class Example(float):
    """A number that stands for others of its range: a plan is built with it, and what is computed from it is recorded.

    Where somebody asks how it compares, it is the number. So what is recorded holds as long as the answers do.
    """

    __slots__ = ("symbol",)
    symbol: Any

    def __new__(cls, value: float, symbol: Any) -> Example:
        """The number, and the symbol for it."""
        self = super().__new__(cls, value)
        self.symbol = symbol
        return self

    def is_integer(self) -> bool:
        """False, so that nobody makes a plain number of it."""
        return False

    def __floor__(self) -> Any:
        return Example(math.floor(float(self)), Symbol("floor", self.symbol))

    def __round__(self, digits: Any = None) -> Any:
        return (
            Example(round(float(self)), Symbol("round", self.symbol)) if digits is None else round(float(self), digits)
        )


def _define_for_examples(name: str, sign: str) -> None:
    def operation(one: Any, other: Any) -> Any:
        if is_symbol(one) or is_symbol(other):
            return Symbol(sign, one, other)
        plain = getattr(float, f"__{name}__")(float(one), float(other))
        return plain if plain is NotImplemented else Example(plain, Symbol(sign, one, other))

    setattr(Example, f"__{name}__", operation)
    setattr(Example, f"__r{name}__", lambda self, other: operation(other, self))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _define_for_examples(_name, _ARITHMETIC[_name])


def is_symbol(value: Any) -> bool:
    """Whether a formula was called with a symbol for this value."""
    return type(value) is Symbol


def recorded(operation: str, *arguments: Any) -> Any:
    """A symbol, typed as the number that it stands for."""
    return Symbol(operation, *arguments)


class Choice(NamedTuple):
    """Two expressions and the condition that decides between them."""

    condition: Symbol
    when: Expression
    otherwise: Expression


Expression: TypeAlias = "Choice | Symbol | float"
Answers: TypeAlias = "Collection[tuple[Symbol, bool]]"


class Following(NamedTuple):
    """What a trace needs that leaves no calls: it follows users' functions, and asks only what is not known already."""

    on_symbols: Callable[[Callable[..., Any]], Callable[..., Any]]
    """A user's function as one that takes symbols."""
    decide: Callable[[Symbol, Answers], bool | None]
    """The answer to a formula's question that follows from the answers before it; None if both are possible."""
    most_paths: int


class _Trace(threading.local):
    """The trace that runs in this thread: its symbols, and the answers to the formula's questions."""

    def __init__(self) -> None:
        self.symbols: dict[Any, Symbol] = {}
        self.given: list[bool] = []
        self.asked: dict[int, tuple[Symbol, bool]] = {}
        self.is_foreign = False
        self.is_text_made = False
        self.leaves_parts = False
        self.following: Following | None = None

    def answer(self, condition: Symbol) -> bool:
        if id(condition) not in self.asked:
            known = self.following and self.following.decide(condition, self.asked.values())
            if known is not None:
                return known
            place = len(self.asked)
            self.asked[id(condition)] = condition, self.given[place] if place < len(self.given) else True
        return self.asked[id(condition)][1]


_trace = _Trace()


def leaves_parts() -> bool:
    """Whether schedules inside of the one that is traced stay calls."""
    return _trace.leaves_parts


def following() -> Following | None:
    """How the trace that runs follows what would else stay a call; None for one that leaves calls."""
    return _trace.following


def trace(
    formula: Callable[..., Any],
    *clocks: str,
    is_foreign: bool = False,
    leaves_parts: bool = False,
    following: Following | None = None,
) -> Expression:
    """All that a formula of clocks can compute.

    Args:
        formula: called with a symbol for each clock, once for each path through it.
        clocks: their names.
        is_foreign: whether it is a user's function, which may look a symbol up among numbers.
        leaves_parts: whether schedules inside stay calls, because the whole has too many paths.
        following: for a trace that leaves no calls at all.

    Raises:
        Untraceable: there are too many paths through it.
        TypeError: it needs the number that a symbol stands for.

    >>> found = trace(lambda t: t * 2.0 if t < 5.0 else 10.0, "t")
    >>> found.condition.operation, found.when.operation, found.otherwise
    ('<', '*', 10.0)
    """
    before = dict(vars(_trace))
    _trace.symbols, _trace.is_foreign, _trace.leaves_parts, _trace.following = {}, is_foreign, leaves_parts, following
    most, paths = (following.most_paths if following else _MOST_PATHS), 0

    def explore(given: list[bool]) -> Expression:
        nonlocal paths
        paths += 1
        if paths > most:
            raise Untraceable(f"more than {most} paths through the formula")
        _trace.given, _trace.asked, _trace.is_text_made = given, {}, False
        found: Expression = formula(*map(Symbol, clocks))
        if _trace.is_text_made and found is not NOTHING:
            raise TypeError(_AS_TEXT)
        asked = [condition for condition, _ in _trace.asked.values()]
        # Every question past the given answers was answered with yes. Each of them leads elsewhere with a no.
        for place in reversed(range(len(given), len(asked))):
            found = Choice(asked[place], found, explore([*given, *[True] * (place - len(given)), False]))
        return found

    try:
        return explore([])
    finally:
        vars(_trace).update(before)
