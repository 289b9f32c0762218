"""How a stored schedule is built again, and what PyTorch and PyYAML are told about schedules."""

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


def tell_whoever_stores(schedule: type) -> None:
    """Tell `torch.load`, whose default is `weights_only=True`, that `build_by_name` is safe, and PyYAML to write text.

    Now, or once they are there: people import them after this library, too, and then nothing of this library runs again
    before they load or write. What they know of a schedule otherwise is how it is pickled, which YAML's readers refuse.

    Args:
        schedule: the class.
    """

    def torch_serialization(module: Any) -> None:
        if hasattr(module, "add_safe_globals"):
            module.add_safe_globals([build_by_name])

    def yaml_representer(module: Any) -> None:
        for kind in (module.SafeRepresenter, module.Representer):
            kind.add_multi_representer(schedule, lambda writer, plan: writer.represent_str(str(plan)))

    waiting: dict[str, Callable[[Any], None]] = {
        "torch.serialization": torch_serialization,
        "yaml.representer": yaml_representer,
    }
    for name in [name for name in waiting if name in sys.modules]:
        waiting.pop(name)(sys.modules[name])
    if waiting:
        sys.meta_path.insert(0, _WaitFor(waiting))


class _WaitFor:
    """Steps aside when one of these modules is imported, and tells it as soon as it has run."""

    def __init__(self, waiting: dict[str, Callable[[Any], None]]) -> None:
        self.waiting = waiting

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        tell = self.waiting.pop(name, None)
        if tell is None:
            return None
        if not self.waiting:
            sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def and_tell_it(module: ModuleType) -> None:
                execute(module)
                tell(module)

            spec.loader.exec_module = and_tell_it  # type: ignore[method-assign]
        return spec
