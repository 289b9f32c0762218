"""Terms as lines of code: what Python and JavaScript have in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from optimsche.source.simpler import ROUNDING, negated
from optimsche.source.terms import COMPARISONS, Knowledge, Term, Terms

# How tightly an operation binds, in both languages; a call and a name bind tightest.
_CHOICE, _OR, _AND, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, ATOM = range(9)
_BINDS = {
    **dict.fromkeys(COMPARISONS, _COMPARISON),
    **{"|": _OR, "&": _AND, "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER},
}
_EXACT_WITH_INTEGERS = (*COMPARISONS, "+", "-", "*", "%", "remainder", "//", "min", "max", "select")
_TRUTHS = (*COMPARISONS, "&", "|")
# What a value is called that is used more than once: as what is in it, or as what is done.
_NAMES = {
    **dict.fromkeys(("remainder", "%"), "place"),
    **dict.fromkeys(("floor", "ceil", "round", "int", "//"), "count"),
    **{"/": "part", "**": "power", "cos": "wave"},
}
_NAMED_AS_PARTS = ("+", "-", "*", "min", "max", "select")


class Writer:
    """Writes a term as nested `if` with one expression at each end; what is used more than once gets a name."""

    pi: ClassVar[str]
    rounding: ClassVar[str]
    indent: ClassVar[str]

    def __init__(self, terms: Terms, knowledge: Knowledge, variables: Mapping[str, str]) -> None:
        self.terms, self.knowledge, self.variables = terms, knowledge, variables
        self.helpers: set[str] = set()
        self.uses_rounding = False
        self._uses: Counter[Term] = Counter()

    # -- what a language says in its own way --------------------------------------------------------------------------

    def assigned(self, name: str, value: str) -> str:
        """A line that gives a value a name."""
        raise NotImplementedError

    def conditional(self, condition: str, lines: list[str]) -> list[str]:
        """Lines that are run if a condition holds; they return."""
        raise NotImplementedError

    def returned(self, term: Any, text: str) -> str:
        """A line that returns a value."""
        raise NotImplementedError

    def called(self, operation: str, parts: list[str]) -> str:
        """An operation that is a call."""
        raise NotImplementedError

    def selected(self, condition: str, when: str, otherwise: str) -> str:
        """One of two values."""
        raise NotImplementedError

    def sign(self, operation: str) -> str:
        """The sign of an operation between two values."""
        return operation

    def name(self, words: str) -> str:
        """A name, of words with underscores between them."""
        return words

    def number(self, value: float, *, whole: bool) -> str:
        """A number; `whole` where it may be written without a point."""
        raise NotImplementedError

    # -- lines --------------------------------------------------------------------------------------------------------

    def lines(self, term: Any) -> list[str]:
        """The body of a function that returns the term."""
        self._uses = _uses(term, set())
        return [*self._lines(term, {})]

    def _lines(self, term: Any, known: dict[Term, str]) -> Iterator[str]:
        known, before = dict(known), []  # type: ignore[var-annotated]
        if isinstance(term, Term) and term.operation == "if":
            condition, when, otherwise = term.arguments
            turned = negated(self.terms, condition)
            # The short branch first, and what comes first in time: so a plan of pieces becomes a ladder.
            is_late = isinstance(condition, Term) and condition.operation in (">", ">=")
            if turned is not None and (_size(otherwise), not is_late) < (_size(when), is_late):
                condition, when, otherwise = turned, otherwise, when
            text = self.text(condition, known, before)
            yield from before
            yield from self.conditional(text, [*self._lines(when, known)])
            yield from self._lines(otherwise, known)
        else:
            text = self.text(term, known, before)
            yield from before
            yield self.returned(term, text)

    def text(
        self, value: Any, known: dict[Term, str], before: list[str], binds: int = 0, *, whole: bool = False
    ) -> str:
        """A value as text, in brackets if it binds less than `binds`; lines that must stand before it are added."""
        if isinstance(value, bool):
            return self.number(float(value), whole=True)
        if not isinstance(value, Term):
            text = self.pi if value == math.pi else self.number(value, whole=whole)
            return f"({text})" if value < 0 and binds > _SIGN else text
        if value in known:
            return known[value]
        if not value.arguments:
            self.uses_rounding |= value.operation == ROUNDING
            return self.rounding if value.operation == ROUNDING else self.variables[value.operation]
        if self._uses[value] > 1 and value.operation not in _TRUTHS:
            text = self._operation(value, known, before)[0]
            known[value] = name = self._name(value, [*known.values(), *self.variables.values()])
            before.append(self.assigned(name, text))
            return name
        text, strength = self._operation(value, known, before)
        return f"({text})" if strength < binds else text

    def _operation(self, term: Term, known: dict[Term, str], before: list[str]) -> tuple[str, int]:
        operation, arguments = term.operation, term.arguments
        if operation == "+":
            arguments, operation = _as_difference(self.terms, *arguments)
        whole = self._may_be_integers(operation, arguments)

        def part(place: int, binds: int = 0) -> str:
            return self.text(arguments[place], known, before, binds, whole=whole)

        if operation in _BINDS:
            strength = _BINDS[operation]
            # A sum to the right of a sum is in brackets: another order would round differently.
            if operation == "**":
                left, right = part(0, ATOM), part(1, _SIGN)
            else:
                comparison = strength == _COMPARISON
                left, right = part(0, strength + comparison), part(1, strength + 1)
            return f"{left} {self.sign(operation)} {right}", strength
        if operation == "neg":
            return f"-{part(0, _SIGN)}", _SIGN
        if operation == "select":
            return self.selected(part(0, _CHOICE + 1), part(1, _CHOICE + 1), part(2, _CHOICE + 1)), _CHOICE
        return self._call(operation, [part(place, self.binds_in(operation)) for place in range(len(arguments))])

    def binds_in(self, operation: str) -> int:
        """How tightly the parts of a call must bind."""
        return 0

    def _call(self, operation: str, parts: list[str]) -> tuple[str, int]:
        return self.called(operation, parts), ATOM

    def _may_be_integers(self, operation: str, arguments: tuple[Any, ...]) -> bool:
        """Whether numbers in an operation may be written without a point, because integers give the same."""
        if operation == "/":
            return True
        known = [self.knowledge.of(one) for one in arguments]
        if operation in COMPARISONS:
            return True
        return operation in _EXACT_WITH_INTEGERS and all(one.whole for one in known)

    def _name(self, term: Term, taken: list[str]) -> str:
        words = _named(term)
        match term:
            case Term(operation="-", arguments=(Term(arguments=()), float(begin))) if begin.is_integer():
                words = f"since_{begin:.0f}"
            case Term(operation="-", arguments=(Term(arguments=()), float())):
                words = "since"
        name, number = self.name(words), 2
        while name in taken:
            name, number = self.name(f"{words}_{number}"), number + 1
        return name


def _named(term: Any) -> str:
    if not isinstance(term, Term) or not term.arguments:
        return ""
    if term.operation in _NAMED_AS_PARTS:
        parts = term.arguments[1:] if term.operation == "select" else term.arguments
        return next((name for name in map(_named, parts) if name and name != "x"), "x")
    return _NAMES.get(term.operation, "x")


def _as_difference(terms: Terms, left: Any, right: Any) -> tuple[tuple[Any, Any], str]:
    """A sum with a negative number in it as a difference, which has the same bits."""
    match right:
        case float(number) if number < 0:
            return (left, -number), "-"
        case Term(operation="*", arguments=(-1.0, other)):
            return (left, other), "-"
        case Term(operation=("*" | "/") as sign, arguments=(float(number), other)) if number < 0:
            return (left, terms.make(sign, -number, other)), "-"
        case Term(operation="neg", arguments=(other,)):
            return (left, other), "-"
    return (left, right), "+"


def _uses(term: Any, seen: set[Term]) -> Counter[Term]:
    """How often each term is written on the way to one value: of two branches the one where it is more often."""
    found: Counter[Term] = Counter()
    if not isinstance(term, Term):
        return found
    if term.operation == "if":
        condition, when, otherwise = term.arguments
        found += _uses(condition, seen)
        return found + (_uses(when, set(seen)) | _uses(otherwise, set(seen)))
    found[term] += 1
    if term not in seen:
        seen.add(term)
        for part in term.arguments:
            found += _uses(part, seen)
    return found


def _size(term: Any) -> int:
    """How many ends a tree of choices has."""
    if isinstance(term, Term) and term.operation == "if":
        return sum(map(_size, term.arguments[1:]))
    return 1
