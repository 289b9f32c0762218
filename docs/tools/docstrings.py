"""What mkdocstrings has to be told of this library: a Griffe extension."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> ", re.M)


class Optimsche(griffe.Extension):
    """Functions under `@lr_fn` are constructors of schedules, and docstrings end in doctests without a title."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Leave out the clocks, which a constructor does not take, and say what it gives."""
        if any(str(decorator.value).partition("(")[0] == "lr_fn" for decorator in func.decorators):
            for clock in ("real_step", "epoch"):
                if clock in func.parameters:
                    del func.parameters[clock]
            func.returns = griffe.ExprName("Schedule", parent=func.parent)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put the doctests at the end of a docstring under the title that Google's style has for them."""
        if obj.docstring and (first := _DOCTEST.search(obj.docstring.value)):
            before, after = obj.docstring.value[: first.start()], obj.docstring.value[first.start() :]
            obj.docstring.value = before + "Examples:\n" + re.sub(r"^(?=.)", "    ", after, flags=re.M)
