"""How a pickled schedule is built again, and what PyTorch is told about it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from optimsche.names import lookup


def build(lr_fn: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """A schedule of a user's lr function, which pickle stores by its module."""
    return lr_fn(**arguments)


def build_by_name(name: str, arguments: Mapping[str, Any]) -> Any:
    """A schedule of one of the library's own, by the table of names: nothing else can be reached by it."""
    return lookup(name)(**arguments)


def let_torch_load_schedules() -> None:
    """Tell `torch.load`, whose default is `weights_only=True`, that `build_by_name` is safe: now, or once it is there.

    People import PyTorch after this library, too, and then nothing of this library runs again before they load.
    """
    serialization = sys.modules.get("torch.serialization")
    if serialization is None:
        sys.meta_path.insert(0, _WaitForTorch())
    elif hasattr(serialization, "add_safe_globals"):
        serialization.add_safe_globals([build_by_name])


class _WaitForTorch:
    """Steps aside when PyTorch's module is imported, and tells it as soon as it has run."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "torch.serialization":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def and_tell_it(module: ModuleType) -> None:
                execute(module)
                let_torch_load_schedules()

            spec.loader.exec_module = and_tell_it  # type: ignore[method-assign]
        return spec
