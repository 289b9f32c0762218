"""Formulas run once on symbols instead of numbers, so that what they compute is known as a whole.

A :class:`Symbol` stands for a number that is not known yet. Arithmetic on it is written down instead of done. Where a
formula asks ``if``, both answers are followed, with one run of the formula for each way through it. What comes out is
an :data:`Outcome`: a number, a symbol, or a :class:`Choice` between two outcomes. ``compiling`` makes code of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

# A formula with more ways through it than this is not written out.
_MOST_WAYS = 64


class Untraceable(Exception):
    """A formula that cannot be followed on symbols."""


class Symbol:
    """A number that is not known yet: a clock, or an operation and what it is done on. Equal ones are one object."""

    __slots__ = ("arguments", "operation")
    __array_ufunc__ = None
    operation: str
    arguments: tuple[Any, ...]

    def __new__(cls, operation: str, *arguments: Any) -> Symbol:
        """The one symbol for this operation on these arguments."""
        known = _trace.symbols
        key = operation, *((Symbol, id(one)) if type(one) is Symbol else (type(one), one) for one in arguments)
        if key not in known:
            known[key] = self = object.__new__(cls)
            self.operation, self.arguments = operation, arguments
        return known[key]

    def __bool__(self) -> bool:
        """Which way the formula goes on from here; called by ``if``."""
        return _trace.answer(self)

    def __neg__(self) -> Symbol:
        return Symbol("neg", self)

    def __abs__(self) -> Symbol:
        return Symbol("max", self, -self)

    def __floor__(self) -> Symbol:
        return Symbol("floor", self)

    # What needs the number itself. The words are for someone whose function was followed.

    def __float__(self) -> float:
        raise TypeError("float() of the step, or a function of math, needs its number")

    def __int__(self) -> int:
        raise TypeError("int() of the step needs its number")

    def __index__(self) -> int:
        raise TypeError("the step is an index, or a length, which needs its number")

    def __round__(self, digits: int | None = None) -> Symbol:
        raise TypeError("round() of the step needs its number")

    def __str__(self) -> str:
        raise TypeError("the step is made text, which needs its number")

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


def is_symbol(value: Any) -> bool:
    """Whether a formula was called with a symbol for this value."""
    return type(value) is Symbol


def written(operation: str, *arguments: Any) -> Any:
    """A symbol, typed as the number that it stands for."""
    return Symbol(operation, *arguments)


class Choice(NamedTuple):
    """Two outcomes and the condition that decides between them."""

    condition: Symbol
    when: Outcome
    otherwise: Outcome


Outcome: TypeAlias = "Choice | Symbol | float"


class _Trace(threading.local):
    """What is going on in this thread: the symbols made so far, and the answers to the formula's questions."""

    def __init__(self) -> None:
        self.symbols: dict[Any, Symbol] = {}
        self.given: list[bool] = []
        self.asked: dict[int, tuple[Symbol, bool]] = {}
        self.heaviest = 0
        self.is_foreign = False

    def answer(self, condition: Symbol) -> bool:
        if id(condition) not in self.asked:
            place = len(self.asked)
            self.asked[id(condition)] = condition, self.given[place] if place < len(self.given) else True
        return self.asked[id(condition)][1]


_trace = _Trace()


def heaviest() -> int:
    """How much may be written out with the rest, in the trace that is going on."""
    return _trace.heaviest


def outcome(formula: Callable[..., Any], *clocks: str, heaviest: int = 0, is_foreign: bool = False) -> Outcome:
    """Everything that a formula of clocks can come to.

    Args:
        formula: called with a symbol for each clock, again and again.
        clocks: their names.
        heaviest: what :func:`heaviest` says meanwhile.
        is_foreign: whether it is a function of someone's own, that may look a symbol up among numbers.

    Raises:
        Untraceable: there are too many ways through it.
        TypeError: it needs the number that a symbol stands for.

    >>> found = outcome(lambda t: t * 2.0 if t < 5.0 else 10.0, "t")
    >>> found.condition.operation, found.when.operation, found.otherwise
    ('<', '*', 10.0)
    """
    before = _trace.symbols, _trace.given, _trace.asked, _trace.heaviest, _trace.is_foreign
    _trace.symbols, _trace.heaviest, _trace.is_foreign, ways = {}, heaviest, is_foreign, 0

    def follow(given: list[bool]) -> Outcome:
        nonlocal ways
        ways += 1
        if ways > _MOST_WAYS:
            raise Untraceable(f"more than {_MOST_WAYS} ways through the formula")
        _trace.given, _trace.asked = given, {}
        found: Outcome = formula(*map(Symbol, clocks))
        asked = [condition for condition, _ in _trace.asked.values()]
        # Every question past the given answers was answered with yes. Where it is a no, the formula comes to another.
        for place in reversed(range(len(given), len(asked))):
            found = Choice(asked[place], found, follow([*given, *[True] * (place - len(given)), False]))
        return found

    try:
        return follow([])
    finally:
        _trace.symbols, _trace.given, _trace.asked, _trace.heaviest, _trace.is_foreign = before
