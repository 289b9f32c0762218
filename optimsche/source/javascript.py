"""Terms as JavaScript."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from optimsche.source.writer import Writer

# What JavaScript does in another way than Python, written once in the function that needs it.
_HELPERS = {
    "roundHalfToEven": [
        "const roundHalfToEven = (x) => {",
        "  const up = Math.floor(x + 0.5);",
        "  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;",
        "};",
    ],
    "modulo": [
        "const modulo = (x, n) => {",
        "  const rest = x % n;",
        "  return rest !== 0 && rest < 0 !== n < 0 ? rest + n : rest;",
        "};",
    ],
    "floorDivide": ["const floorDivide = (x, n) => Math.round((x - modulo(x, n)) / n);"],
}
_NEEDS = {"floorDivide": ("modulo",)}
_HELPER = {"round": "roundHalfToEven", "%": "modulo", "//": "floorDivide"}


class JavaScriptWriter(Writer):
    """Writes JavaScript that needs nothing but `Math`."""

    pi: ClassVar[str] = "Math.PI"
    rounding: ClassVar[str] = "rounding"
    indent: ClassVar[str] = "  "

    def helper_lines(self) -> list[str]:
        """What must stand before the lines that were written."""
        return [line for helper, lines in _HELPERS.items() if helper in self.helpers for line in lines]

    def assigned(self, name: str, value: str) -> str:
        return f"const {name} = {value};"

    def conditional(self, condition: str, lines: list[str]) -> list[str]:
        return [f"if ({condition}) {{", *(self.indent + line for line in lines), "}"]

    def returned(self, term: Any, text: str) -> str:
        return f"return {text};"

    def called(self, operation: str, parts: list[str]) -> str:
        if operation == "remainder":
            return f"{parts[0]} % {parts[1]}"
        if operation in _HELPER:
            helper = _HELPER[operation]
            self.helpers |= {helper, *_NEEDS.get(helper, ())}
            return f"{helper}({', '.join(parts)})"
        return f"Math.{'trunc' if operation == 'int' else operation}({', '.join(parts)})"

    def selected(self, condition: str, when: str, otherwise: str) -> str:
        return f"{condition} ? {when} : {otherwise}"

    def sign(self, operation: str) -> str:
        return {"&": "&&", "|": "||", "==": "===", "!=": "!=="}.get(operation, operation)

    def name(self, words: str) -> str:
        first, *others = words.split("_")
        return first + "".join(word.capitalize() for word in others)

    def number(self, value: float, *, whole: bool) -> str:
        if math.isinf(value) or math.isnan(value):
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[repr(value)]
        return repr(int(value)) if value.is_integer() and abs(value) <= 2**53 else repr(value)

    def binds_in(self, operation: str) -> int:
        return 6 if operation == "remainder" else 0

    def _call(self, operation: str, parts: list[str]) -> tuple[str, int]:
        return self.called(operation, parts), 4 if operation == "remainder" else 8
