"""Terms as Python."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from optimsche.source.terms import Term
from optimsche.source.writer import Writer

_OF_MATH = ("cos", "sin", "tanh", "exp", "log", "sqrt", "floor", "ceil")


class PythonWriter(Writer):
    """Writes Python that needs nothing but `math`."""

    pi: ClassVar[str] = "math.pi"
    rounding: ClassVar[str] = "rounding"
    indent: ClassVar[str] = "    "

    def assigned(self, name: str, value: str) -> str:
        return f"{name} = {value}"

    def conditional(self, condition: str, lines: list[str]) -> list[str]:
        return [f"if {condition}:", *(self.indent + line for line in lines)]

    def returned(self, term: Any, text: str) -> str:
        return f"return {text if self._is_float(term) else f'float({text})'}"

    def called(self, operation: str, parts: list[str]) -> str:
        if operation in ("remainder", "%", "//"):
            return f"{parts[0]} {'//' if operation == '//' else '%'} {parts[1]}"
        return f"{'math.' if operation in _OF_MATH else ''}{operation}({', '.join(parts)})"

    def selected(self, condition: str, when: str, otherwise: str) -> str:
        return f"{when} if {condition} else {otherwise}"

    def sign(self, operation: str) -> str:
        return {"&": "and", "|": "or"}.get(operation, operation)

    def number(self, value: float, *, whole: bool) -> str:
        if math.isinf(value) or math.isnan(value):
            return f"math.{value!r}" if value != -math.inf else "-math.inf"
        return repr(int(value)) if whole and value.is_integer() and abs(value) <= 2**53 else repr(value)

    def binds_in(self, operation: str) -> int:
        return 6 if operation in ("remainder", "%", "//") else 0

    def _call(self, operation: str, parts: list[str]) -> tuple[str, int]:
        text = self.called(operation, parts)
        return text, 4 if operation in ("remainder", "%", "//") else 8

    def _is_float(self, term: Any) -> bool:
        """Whether a value is a float for certain, and not an integer, which a step may be."""
        if not isinstance(term, Term):
            return True
        match term.operation:
            case "min" | "max" | "select":
                return all(map(self._is_float, term.arguments[-2:]))
            case "+" | "-" | "*" | "**" | "neg":
                integers = self._may_be_integers(term.operation, term.arguments)
                return not integers and any(map(self._is_float, term.arguments))
        return term.operation in ("/", "cos", "sin", "tanh", "exp", "log", "sqrt")
