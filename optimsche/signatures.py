"""Signatures that a person can read: `steps: Steps` and not `steps: Annotated[float, Gt(gt=0), Lt(lt=inf), ...]`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from optimsche import ranges

_NAMES = tuple((name, getattr(ranges, name)) for name in ranges.__all__)


def readable(annotation: Any) -> str:
    """An annotation as people write it: a range by its name, another by its kind and its bounds.

    >>> from optimsche import Rate, Steps
    >>> readable(Steps | None), readable(tuple[Rate, ...]), readable(Literal["up", "down"])
    ('Steps | None', 'tuple[Rate, ...]', "'up' | 'down'")
    >>> from annotated_types import Ge, Le
    >>> readable(Annotated[int, Ge(1), Le(9)])
    'int (>= 1, <= 9)'
    """
    name = next((name for name, known in _NAMES if known is annotation or known == annotation), "")
    if name:
        return name
    origin, items = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return readable(items[0]) + _bounds(items[1:])
    if origin is Literal:
        return " | ".join(map(repr, items))
    if origin is typing.Union or origin is types.UnionType:
        return " | ".join(map(readable, items))
    if origin is not None and items:
        kind = getattr(origin, "__name__", str(origin))
        return f"{kind}[{', '.join('...' if item is Ellipsis else readable(item) for item in items)}]"
    if annotation is None or annotation is type(None):
        return "None"
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _bounds(metadata: Iterable[Any]) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    found = [
        f"{sign} {getattr(item, bound):g}"
        for item in metadata
        for bound, sign in signs.items()
        if isinstance(getattr(item, bound, None), int | float) and abs(getattr(item, bound)) != float("inf")
    ]
    return f" ({', '.join(found)})" if found else ""


class _Parameter(inspect.Parameter):
    """A parameter that prints its annotation readably; what it holds is the annotation itself."""

    __slots__ = ()

    def __str__(self) -> str:
        text = self.name
        if self.annotation is not self.empty:
            text += f": {readable(self.annotation)}"
        if self.default is not self.empty:
            text += f" = {self.default!r}" if self.annotation is not self.empty else f"={self.default!r}"
        return {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(self.kind.name, "") + text


class _Signature(inspect.Signature):
    __slots__ = ()

    def __str__(self) -> str:
        shown: list[str] = []
        parameters = list(self.parameters.values())
        for place, parameter in enumerate(parameters):
            before = parameters[place - 1].kind if place else None
            if before is parameter.POSITIONAL_ONLY and parameter.kind is not parameter.POSITIONAL_ONLY:
                shown.append("/")
            if parameter.kind is parameter.KEYWORD_ONLY and before not in (
                parameter.KEYWORD_ONLY,
                parameter.VAR_POSITIONAL,
            ):
                shown.append("*")
            shown.append(str(parameter))
        if parameters and parameters[-1].kind is inspect.Parameter.POSITIONAL_ONLY:
            shown.append("/")
        returned = "" if self.return_annotation is self.empty else f" -> {readable(self.return_annotation)}"
        return f"({', '.join(shown)}){returned}"

    def format(self, **_: Any) -> str:
        """As it prints; Python 3.13 asks for it in this way."""
        return str(self)


def signature(parameters: Iterable[inspect.Parameter], returned: Any) -> inspect.Signature:
    """A signature that prints readably, of parameters with their annotations.

    >>> from optimsche import cosine
    >>> print(inspect.signature(cosine))
    (*, start: Rate = 1.0, end: Rate = 0.0, steps: Steps) -> Schedule
    """
    own = [_Parameter(p.name, p.kind, default=p.default, annotation=p.annotation) for p in parameters]
    return _Signature(own, return_annotation=returned)
