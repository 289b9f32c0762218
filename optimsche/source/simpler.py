"""What a formula comes to where updates and epochs are whole numbers: without tolerances, and without dead branches.

Every step keeps the bits of the value. A plan takes a clock that is within rounding of a boundary as one that is on it
(`ops.tolerance`); a trace has the rounding as a variable. Where no whole clock can come so near without being on the
boundary, the rounding says nothing, and goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optimsche.evaluation.precision import EXACT
from optimsche.source.terms import COMPARISONS, Knowledge, Known, Term, Terms, computed, value_at

#: The variable that stands for the rounding of clocks.
ROUNDING = "rounding"
#: The largest whole clock: beyond it a float does not hold every whole number.
LARGEST = 2.0**53

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def negated(terms: Terms, condition: Any) -> Any:
    """The condition that holds where this one does not; None for one that is more than a comparison."""
    if isinstance(condition, Term) and condition.operation in _NEGATED:
        return terms.make(_NEGATED[condition.operation], *condition.arguments)
    return None


class Simpler:
    """Simplifies terms by what is known of their variables."""

    def __init__(self, terms: Terms, variables: Mapping[str, Known]) -> None:
        self.terms, self.variables = terms, {**variables, ROUNDING: Known(0.0, EXACT)}
        self.knowledge = Knowledge(self.variables)
        self._done: dict[Term, Any] = {}
        self._without: dict[Term, Any] = {}

    def __call__(self, term: Any) -> Any:
        """The term in simpler form: a term, a number, or a truth."""
        if not isinstance(term, Term) or not term.arguments:
            return term
        if term not in self._done:
            self._done[term] = self._simpler(term)
        return self._done[term]

    def where(self, condition: Any, *, holds: bool) -> Simpler:
        """With what follows from a condition in its simpler form."""
        if isinstance(condition, Term) and condition.operation == ("&" if holds else "|"):
            left, right = condition.arguments
            return self.where(left, holds=holds).where(right, holds=holds)
        bounds = self._bounds(condition if holds else negated(self.terms, condition))
        return Simpler(self.terms, self.variables | bounds) if bounds else self

    def _bounds(self, condition: Any) -> dict[str, Known]:
        if not isinstance(condition, Term) or condition.operation not in ("<", "<=", ">", ">=", "=="):
            return {}
        variable, number = condition.arguments
        if isinstance(number, Term) or not isinstance(variable, Term) or variable.arguments:
            return {}
        low, high, whole = self.variables.get(variable.operation, Known())
        if condition.operation != "<" and condition.operation != "<=":
            low = max(low, number)
        if condition.operation != ">" and condition.operation != ">=":
            high = min(high, number)
        return {variable.operation: Known(low, high, whole)}

    # -- one operation ------------------------------------------------------------------------------------------------

    def _simpler(self, term: Term) -> Any:
        if term.operation == "if":
            return self._choice(*term.arguments)
        arguments = [self(one) for one in term.arguments]
        return self._operation(term.operation, arguments)

    def _operation(self, sign: str, arguments: list[Any]) -> Any:
        if sign in COMPARISONS:
            return self._comparison(sign, *arguments)
        if sign in ("&", "|"):
            return self._joined(sign, *arguments)
        if sign == "select":
            return self._selected(*arguments)
        if not any(isinstance(one, Term) for one in arguments):
            try:
                return computed(sign, *arguments)
            except (ArithmeticError, ValueError):  # where the value is asked for, it says so
                return self.terms.make(sign, *arguments)
        found = self._without_effect(sign, arguments)
        return self.terms.make(sign, *arguments) if found is None else found

    def _without_effect(self, sign: str, arguments: list[Any]) -> Any:
        """What an operation comes to that changes nothing, or is another one; else None."""
        of = [self.knowledge.of(one) for one in arguments]
        match sign, arguments:
            case "*", [1.0, x] | [x, 1.0]:
                return x
            case "*", [0.0, x] | [x, 0.0] if self._is_finite(x):
                return 0.0
            case "/", [0.0, _] if of[1].low > 0.0 or of[1].high < 0.0:
                return 0.0
            case "/" | "**", [x, 1.0]:
                return x
            case "+", [0.0, x] | [x, 0.0]:
                return x
            case "-", [x, 0.0]:
                return x
            case "min", [x, y] if of[0].high <= of[1].low:
                return x
            case "min", [x, y] if of[1].high <= of[0].low:
                return y
            case "max", [x, y] if of[0].low >= of[1].high:
                return x
            case "max", [x, y] if of[1].low >= of[0].high:
                return y
            case "floor" | "round" | "ceil" | "int", [x] if of[0].whole and of[0].high < math.inf:
                return x
            case "%", [x, y] if of[0].low >= 0 and of[1].low > 0:
                return self.terms.make("remainder", x, y)
            case (("-" | "+"), [Term(operation=("-" | "+") as inner, arguments=(x, float(c))), float(d)]):
                # (x - c) - d, of whole numbers, where nothing is rounded
                if self._is_whole(x, c, d):
                    return self._operation("+", [x, (c if inner == "+" else -c) + (d if sign == "+" else -d)])
            case (("-" | "+"), [x, float(c)]) if c < 0:
                return self.terms.make("+" if sign == "-" else "-", x, -c)
        return None

    def _is_finite(self, term: Any) -> bool:
        low, high, _ = self.knowledge.of(term)
        return -math.inf < low and high < math.inf

    def _joined(self, sign: str, left: Any, right: Any) -> Any:
        decides = sign == "|"
        for one, other in ((left, right), (right, left)):
            if isinstance(one, bool):
                return decides if one is decides else other
        return left if left is right else self.terms.make(sign, left, right)

    def _selected(self, condition: Any, when: Any, otherwise: Any) -> Any:
        if isinstance(condition, bool):
            return when if condition else otherwise
        return when if _same(when, otherwise) else self.terms.make("select", condition, when, otherwise)

    def _choice(self, condition: Any, when: Any, otherwise: Any) -> Any:
        condition = self(condition)
        if isinstance(condition, bool):
            return self(when if condition else otherwise)
        one, other = self.where(condition, holds=True), self.where(condition, holds=False)
        when, otherwise = one(when), other(otherwise)
        if _same(when, otherwise):
            return when
        # A branch for a single clock, where the other one has the same value, need not be there.
        for kept, left_out, simpler in ((when, otherwise, other), (otherwise, when, one)):
            if simpler.agree_where_it_is_left(kept, left_out):
                return kept
        return self.terms.make("if", condition, when, otherwise)

    def agree_where_it_is_left(self, one: Any, other: Any) -> bool:
        """Whether the variables of two terms can be nothing but one number each, for which their values are equal."""
        names = {name for term in (one, other) if isinstance(term, Term) for name in term.variables}
        bounded = [name for name, known in self.variables.items() if known.is_one_number]
        if not bounded or not names <= {*bounded}:
            return False
        place = {name: self.variables[name].low for name in names}
        try:
            return bool(value_at(one, place) == value_at(other, place))
        except (ArithmeticError, ValueError):
            return False

    # -- comparisons --------------------------------------------------------------------------------------------------

    def _comparison(self, sign: str, left: Any, right: Any) -> Any:
        if not isinstance(left, Term) and not isinstance(right, Term):
            return bool(computed(sign, left, right))
        variables = _variables(left) | _variables(right)
        if variables == {ROUNDING}:
            return bool(computed(sign, *(value_at(one, {ROUNDING: EXACT}) for one in (left, right))))
        if ROUNDING in variables:
            exact = self._without_rounding(sign, left, right)
            if exact is not None:
                return exact
        decided = _decided(sign, self.knowledge.of(left), self.knowledge.of(right))
        if decided is not None:
            return decided
        if not isinstance(left, Term):
            return self._comparison(_FLIPPED[sign], right, left)
        match left, right:
            # Differences of floats have the sign that the numbers in them say.
            case Term(operation="-", arguments=(x, y)), 0.0:
                return self._comparison(sign, x, y)
            case Term(operation=("-" | "+") as inner, arguments=(x, float(c))), float(d) if self._is_whole(x, c, d):
                return self._comparison(sign, x, d + c if inner == "-" else d - c)
            case Term(operation="-", arguments=(float(c), x)), float(d) if self._is_whole(x, c, d):
                return self._comparison(_FLIPPED[sign], x, c - d)
        if sign == "<=" and self.knowledge.of(left).low == right:
            sign = "=="
        if isinstance(right, Term) and not right.arguments and "t" in right.variables - left.variables:
            sign, left, right = _FLIPPED[sign], right, left
        return self.terms.make(sign, left, right)

    def _is_whole(self, *parts: Any) -> bool:
        return all(self.knowledge.of(part).whole for part in parts)

    # -- rounding -----------------------------------------------------------------------------------------------------

    def _without_rounding(self, sign: str, left: Any, right: Any) -> Any:
        """The comparison as it is for whole clocks, without the rounding; None if that is not the same."""
        exact = self._exact(left), self._exact(right)
        off = [self._how_far_off(one, without) for one, without in zip((left, right), exact, strict=True)]
        if self._is_whole(*exact) and None not in off:
            # Whole numbers compare alike if one of them is moved by less than 1, to the side that belongs to it.
            low, high = off[1].low - off[0].high, off[1].high - off[0].low  # type: ignore[union-attr]
            if (low >= 0.0 and high < 1.0) if sign in (">", "<=") else (low > -1.0 and high <= 0.0):
                return self._comparison(sign, *exact)
        return self._from_where_on(sign, left, right, exact)

    def _exact(self, term: Any) -> Any:
        """A term with a rounding of 0."""
        if not isinstance(term, Term) or ROUNDING not in term.variables:
            return term
        if term not in self._without:
            exact = 0.0 if not term.arguments else self._operation(term.operation, [*map(self._exact, term.arguments)])
            self._without[term] = exact
        return self._without[term]

    def _how_far_off(self, term: Any, exact: Any) -> Known | None:
        """By how much a term can be more than with a rounding of 0; None if that is not known."""
        if ROUNDING not in _variables(term):
            return Known(0.0, 0.0)
        if not isinstance(exact, Term):
            low, high, _ = self.knowledge.of(term)
            return Known(low - exact, high - exact)
        if term.operation in ("+", "-"):
            x, y = (self._how_far_off(one, self._exact(one)) for one in term.arguments)
            if x is not None and y is not None:
                plus = term.operation == "+"
                return Known(x.low + (y.low if plus else -y.high), x.high + (y.high if plus else -y.low))
        return None

    def _from_where_on(self, sign: str, left: Any, right: Any, exact: tuple[Any, Any]) -> Any:
        """A comparison that one clock decides: from which whole clock on it holds, or holds no more."""
        names = (_variables(left) | _variables(right)) - {ROUNDING}
        if len(names) != 1 or sign in ("==", "!="):
            return None
        (name,) = names
        low, high, whole = self.variables.get(name, Known())
        ways = direction(left, name, self.knowledge), direction(right, name, self.knowledge)
        if None in ways or ways[0] * ways[1] > 0 or not whole or not -LARGEST <= low <= high <= LARGEST:  # type: ignore[operator]
            return None
        with_rounding, without = self.terms.make(sign, left, right), self.terms.make(sign, *exact)
        first, last = math.ceil(low), math.floor(high)
        if first > last:
            return None

        def holds(term: Term, at: float) -> bool:
            return bool(value_at(term, {name: float(at), ROUNDING: EXACT}))

        def changes(term: Term) -> int:
            begin, end = first, last
            while begin < end:
                middle = (begin + end) // 2
                begin, end = (middle + 1, end) if holds(term, middle) == holds(term, first) else (begin, middle)
            return begin

        begins, ends = holds(with_rounding, first), holds(with_rounding, last)
        if begins == holds(without, first) and ends == holds(without, last):
            if begins == ends:
                return begins
            if changes(with_rounding) == changes(without):
                return self._comparison(sign, *exact)
        if begins == ends:
            return begins
        edge = float(changes(with_rounding))
        variable = self.terms.make(name)
        return self.terms.make("<", variable, edge) if begins else self.terms.make(">", variable, edge - 1.0)


def direction(term: Any, name: str, knowledge: Knowledge) -> int | None:
    """1 if a term never falls as a variable rises, -1 if it never rises, 0 without the variable, else None."""
    if name not in _variables(term):
        return 0
    if not term.arguments:
        return 1
    ways = [direction(one, name, knowledge) for one in term.arguments]
    if None in ways:
        return None
    match term.operation, ways:
        case "+" | "min" | "max", [x, y] if x * y >= 0:  # type: ignore[operator]
            return x or y
        case "-", [x, y] if x * y <= 0:  # type: ignore[operator]
            return x or -y  # type: ignore[operator]
        case "neg", [x]:
            return -x  # type: ignore[operator]
        case "floor" | "ceil" | "round" | "int", [x]:
            return x
        case "*", [x, 0] if knowledge.of(term.arguments[1]).low >= 0:
            return x
        case "*", [0, y] if knowledge.of(term.arguments[0]).low >= 0:
            return y
        case "/", [x, 0] if knowledge.of(term.arguments[1]).low > 0:
            return x
    return None


def _decided(sign: str, left: Known, right: Known) -> bool | None:
    """The truth of a comparison that is the same for all numbers."""
    match sign:
        case ">" | ">=":
            return _decided(_FLIPPED[sign], right, left)
        case "<":
            return True if left.high < right.low else False if left.low >= right.high else None
        case "<=":
            return True if left.high <= right.low else False if left.low > right.high else None
    apart = left.high < right.low or right.high < left.low
    return (sign == "!=") if apart else None


def _variables(term: Any) -> frozenset[str]:
    return term.variables if isinstance(term, Term) else frozenset()


def _same(one: Any, other: Any) -> bool:
    return one is other or (not isinstance(one, Term) and not isinstance(other, Term) and repr(one) == repr(other))
