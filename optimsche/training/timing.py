"""The timing hooks of a training loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

TimeFunc: TypeAlias = Callable[[list[str]], AbstractContextManager[Any]]


def timed(time_func: TimeFunc | None, what: str, optim_name: str) -> AbstractContextManager[Any]:
    """The context that ``time_func`` gives for a part of an optimizer's work; none, if there is no ``time_func``."""
    return nullcontext() if time_func is None else time_func([what, optim_name])
