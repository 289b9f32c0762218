"""How a pickled schedule is built again, and what PyTorch is told about it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from optimsche.names import lookup


def build(lr_fn: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """A schedule of a user's lr function, which pickle stores by its module."""
    return lr_fn(**arguments)


def build_by_name(name: str, arguments: Mapping[str, Any]) -> Any:
    """A schedule of one of the library's own, by the table of names: nothing else can be reached by it."""
    return lookup(name)(**arguments)


def let_torch_load_schedules() -> None:
    """Tell `torch.load`, whose default is `weights_only=True`, that `build_by_name` is safe, if PyTorch is there."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "serialization"):
        torch.serialization.add_safe_globals([build_by_name])
