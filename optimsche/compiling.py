"""Python code for a formula that was followed on symbols: for one number, and for blocks of a NumPy array.

Both are the formula's own operations in their own order, so the values are the same. What is gone is the tree: calls
from piece to piece, parameters looked up, questions whose answer is known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from optimsche.symbols import Choice, Outcome, Symbol

_INFIX = ("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=")
_ELEMENTARY = ("cos", "sin", "tanh", "exp", "log", "sqrt")


def _uses(outcome: Outcome | tuple[Outcome, ...], seen: set[Symbol]) -> Iterator[Symbol]:
    """Every symbol in the outcome, as often as it is used; those that were seen before are not looked into."""
    if isinstance(outcome, tuple):  # a choice
        for part in outcome:
            yield from _uses(part, seen)
    elif isinstance(outcome, Symbol):
        yield outcome
        if outcome not in seen:
            seen.add(outcome)
            for part in outcome.arguments:
                yield from _uses(part, seen)


def _function(lines: list[str], names: dict[str, Any]) -> Callable[[Any, Any], Any]:
    body = "\n".join(f"    {line}" for line in lines)
    exec(compile(f"def played(t, e=1.0):\n{body}", "<schedule>", "exec"), names)
    return names["played"]  # type: ignore[no-any-return]


def _written(constant: Any) -> str:
    return f"({constant!r})" if isinstance(constant, int | float) and constant < 0 else repr(constant)


# ---------------------------------------------------------------------------------------------------------------------
# One number
# ---------------------------------------------------------------------------------------------------------------------


def for_numbers(outcome: Outcome) -> Callable[[float, float], float]:
    """The outcome as a function of the two clocks, as numbers.

    >>> from optimsche.symbols import outcome
    >>> for_numbers(outcome(lambda t, e: t * 2.0 if t < 5.0 else 10.0, "t", "e"))(3.0, 1.0)
    6.0
    """
    writer = _NumberWriter(outcome)
    return _function(list(writer.lines(outcome, {})), writer.names)


class _NumberWriter:
    """Writes nested ``if`` with one expression at each end; what is used more than once gets a name."""

    def __init__(self, outcome: Outcome) -> None:
        self.names: dict[str, Any] = {name: getattr(math, name) for name in _ELEMENTARY}
        self.names |= {"floor": _floor, "round": _round, "inf": math.inf, "nan": math.nan}
        self.uses = Counter(_uses(outcome, set()))

    def lines(self, outcome: Outcome, known: dict[Symbol, str]) -> Iterator[str]:
        known, before = dict(known), []  # type: ignore[var-annotated]
        if isinstance(outcome, Choice):
            condition = self.text(outcome.condition, known, before)
            yield from before
            yield f"if {condition}:"
            yield from (f"    {line}" for line in self.lines(outcome.when, known))
            yield from self.lines(outcome.otherwise, known)
        else:
            value = self.text(outcome, known, before)
            yield from before
            yield f"return {value if _is_float(outcome) else f'float({value})'}"

    def text(self, value: Any, known: dict[Symbol, str], before: list[str], named: bool = False) -> str:
        """A value as text; lines that must stand before it are added to ``before``."""
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
    """Whether a value is a float for certain; a clock may be a whole number, and a call may return anything."""
    if not isinstance(value, Symbol):
        return type(value) is float
    match value.operation:
        case "min" | "max" | "select":
            return all(map(_is_float, value.arguments[-2:]))
        case "+" | "-" | "*" | "/" | "%" | "**" | "neg":
            return any(map(_is_float, value.arguments)) or value.operation == "/"
    return value.operation in (*_ELEMENTARY, "floor", "round")


def _called(symbol: Symbol) -> tuple[Any, tuple[Any, ...]]:
    """The function that a call is of, and what an operation is done on."""
    return (symbol.arguments[0], symbol.arguments[1:]) if symbol.operation == "call" else (None, symbol.arguments)


def _floor(x: float) -> float:
    return float(math.floor(x)) if abs(x) < math.inf else x


def _round(x: float) -> float:
    return float(round(x)) if -math.inf < x < math.inf else x


# ---------------------------------------------------------------------------------------------------------------------
# Blocks of an array
# ---------------------------------------------------------------------------------------------------------------------


# So many elements of eight bytes fit.
_CACHED = 2**17


class Blocks:
    """The outcome as a function of a block of clocks: one operation after the other, each on the whole block.

    Where all of a block goes one way, only that way is computed; a mixed block is taken apart. Every result has a place
    of its own in a workspace that is made once for all blocks, since fresh memory costs more than arithmetic.

    Args:
        outcome: what is computed.
        call: how a formula that could not be followed is called with arrays: ``call(formula, real_step, epoch)``.
    """

    def __init__(self, outcome: Outcome, call: Callable[..., Any]) -> None:
        self._call = call
        self._uses = Counter(_uses(outcome, set()))
        self._places = 0
        self._play = self._function(outcome, {})

    @property
    def size(self) -> int:
        """How many elements a block should have, so that all places together stay in a core's own cache."""
        return max(min(_CACHED // (self._places + 2), 32_768), 2_048)

    def workspace(self, dtype: Any) -> tuple[list[Any], list[Any]]:
        """Places for the results of one block after another: numbers, and truths."""
        import numpy

        numbers, truths = numpy.empty((self._places, self.size), dtype), numpy.empty((self._places, self.size), bool)
        return list(numbers), list(truths)

    def __call__(self, t: Any, e: Any, workspace: tuple[list[Any], list[Any]]) -> Any:
        """The values for a block ``t``, in the workspace or as one number; good until the next block."""
        return self._play(t, e, (), *_of_size(t.size, *workspace))

    def _function(self, outcome: Outcome, known: dict[Symbol, int]) -> Callable[..., Any]:
        """A function of a block, an epoch, and what the choices before have computed and in which places."""
        writer = _BlockWriter(known, self._uses, self._call)
        if not isinstance(outcome, Choice):
            last = f"return {writer.text(outcome)}"
        else:
            condition = writer.text(outcome.condition)
            # What is known already is used as it is, so what it was made of is no longer needed.
            needed = {*_uses((outcome.when, outcome.otherwise), set(writer.place_of))}
            live = {symbol: place for symbol, place in writer.place_of.items() if symbol in needed}
            writer.names["when"] = self._function(outcome.when, live)
            writer.names["otherwise"] = self._function(outcome.otherwise, live)
            kept = "".join(f"v{place}, " for place in live.values())
            last = f"return choose({condition}, when, otherwise, t, e, ({kept}), numbers, truths)"
        self._places = max(self._places, writer.places)
        return writer.function(last)


def _of_size(size: int, numbers: list[Any], truths: list[Any]) -> tuple[list[Any], list[Any]]:
    if not numbers or numbers[0].size == size:
        return numbers, truths
    return [place[:size] for place in numbers], [place[:size] for place in truths]


def _choose(
    holds: Any, when: Any, otherwise: Any, t: Any, e: Any, live: tuple[Any, ...], numbers: Any, truths: Any
) -> Any:
    import numpy

    count = int(numpy.count_nonzero(holds))
    if count == t.size:
        return when(t, e, live, numbers, truths)
    if count == 0:
        return otherwise(t, e, live, numbers, truths)
    # In a sorted block one side comes first, and slices are enough. It also is played first: a side may use up its part
    # of what is known, which begins at the beginning of its place.
    if holds[:count].all():
        sides: list[tuple[Any, Any]] = [(slice(0, count), when), (slice(count, None), otherwise)]
    elif holds[-count:].all():
        sides = [(slice(0, t.size - count), otherwise), (slice(t.size - count, None), when)]
    else:
        sides = [(holds.copy(), when), (~holds, otherwise)]
    known = [tuple(value[side] for value in live) for side, _ in sides]
    values = numpy.empty_like(t)
    for (side, play), mine in zip(sides, known, strict=True):
        part = t[side]
        values[side] = play(part, e, mine, *_of_size(part.size, numbers, truths))
    return values


class _BlockWriter:
    """Writes one operation a line; a result that is needed only once gives its place to the next."""

    def __init__(self, known: dict[Symbol, int], uses: Counter[Symbol], call: Callable[..., Any]) -> None:
        import numpy

        self.names: dict[str, Any] = {name: getattr(numpy, name) for name in (*_ELEMENTARY, *_UFUNCS.values())}
        self.names |= {"inf": math.inf, "nan": math.nan, "call": call, "choose": _choose}
        self.names |= {"remainder": _remainder, "select": _select}
        self.uses = uses
        self.place_of = dict(known)
        self.places = max(known.values(), default=-1) + 1
        self.written = [f"{''.join(f'v{place}, ' for place in known.values())} = known"] if known else []

    def function(self, last: str) -> Callable[..., Any]:
        body = "\n".join(f"    {line}" for line in [*self.written, last])
        exec(compile(f"def played(t, e, known, numbers, truths):\n{body}", "<schedule>", "exec"), self.names)
        return self.names["played"]  # type: ignore[no-any-return]

    def text(self, value: Any) -> str:
        if not isinstance(value, Symbol):
            return _written(value)
        if value in self.place_of:
            return f"v{self.place_of[value]}"
        if not value.arguments:
            return value.operation
        function, arguments = _called(value)
        parts = [self.text(part) for part in arguments]
        place = self.place(value, arguments)
        sign, out = value.operation, f"out={'truths' if value.operation in _TRUTH else 'numbers'}[{place}]"
        if sign == "call":
            self.names[f"f{place}"] = function
            parts = [f"f{place}", *parts]
        self.written.append(f"v{place} = {_UFUNCS.get(sign, sign)}({', '.join([*parts, out])})")
        self.place_of[value] = place
        return f"v{place}"

    def place(self, value: Symbol, arguments: tuple[Any, ...]) -> int:
        """Where to put a result: where an operand was that nothing else needs, or in a new place."""
        if value.operation not in ("select", "%", "call", *_TRUTH):
            for argument in arguments:
                if self.uses[argument] == 1 and argument in self.place_of and argument.operation not in _TRUTH:
                    return self.place_of[argument]
        self.places += 1
        return self.places - 1


_UFUNCS = {
    "%": "remainder",
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "**": "power",
    "neg": "negative",
    "min": "minimum",
    "max": "maximum",
    "floor": "floor",
    "round": "rint",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "==": "equal",
    "!=": "not_equal",
    "&": "logical_and",
    "|": "logical_or",
}
_TRUTH = ("<", "<=", ">", ">=", "==", "!=", "&", "|")


def _select(condition: Any, when: Any, otherwise: Any, out: Any) -> Any:
    import numpy

    numpy.copyto(out, otherwise)
    numpy.copyto(out, when, where=condition)
    return out


def _remainder(x: Any, n: Any, out: Any) -> Any:
    """``x % n`` for clocks ``x`` >= 0; for a whole ``n`` in simple steps, which are exact and several times as fast."""
    import numpy

    if not (isinstance(n, float) and n.is_integer() and n < 2**53):
        return numpy.remainder(x, n, out=out)
    numpy.floor(numpy.divide(x, n, out=out), out=out)
    numpy.multiply(out, n, out=out)
    numpy.subtract(x, out, out=out)
    # The quotient may have been rounded up to the next whole number.
    return numpy.add(out, n, out=out, where=out < 0)
