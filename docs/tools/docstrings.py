"""What mkdocstrings has to be told of this library: a Griffe extension."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> ", re.M)
_ROLE = re.compile(r":\w+:`~?(?:optimsche\.[\w.]*\.)?([\w.]+)`")


class Optimsche(griffe.Extension):
    """Functions under `@lr_fn` are constructors; docstrings have Sphinx' roles, and doctests without a title."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Leave out the clocks, which a constructor does not take, and say what it gives."""
        if any(str(decorator.value).partition("(")[0] == "lr_fn" for decorator in func.decorators):
            for clock in ("real_step", "epoch"):
                if clock in func.parameters:
                    del func.parameters[clock]
            func.returns = griffe.ExprName("Schedule", parent=func.parent)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Write roles as code, and put the doctests at the end under the title that Google's style has for them."""
        if obj.docstring is None:
            return
        text = _ROLE.sub(r"`\1`", obj.docstring.value)
        if first := _DOCTEST.search(text):
            text = text[: first.start()] + "Examples:\n" + re.sub(r"^(?=.)", "    ", text[first.start() :], flags=re.M)
        obj.docstring.value = text
