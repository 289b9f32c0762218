"""Reading SpeeChain's YAML: plain data, ``!ref <name>``, ``!tuple (1, 2)``, ``!list [1, 2]``, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from optimsche.call_errors import did_you_mean
from optimsche.missing import needs
from optimsche.reading import numbers_from_text

_REFERENCE = re.compile(r"<([^<>]+)>")


class _Ref(NamedTuple):
    """Text with ``<name>`` in it, to be replaced by top-level values."""

    text: str


def read(path: str | os.PathLike[str]) -> Any:
    """The content of a YAML file, with every ``!ref`` replaced.

    Args:
        path: the file.

    Returns:
        Plain data.

    Raises:
        ValueError: not YAML, another tag, or a reference to nothing.
        ModuleNotFoundError: PyYAML is missing.
    """
    with open(path, encoding="utf-8") as file:
        return loads(file.read(), name=os.fspath(path))


def loads(text: str, name: str = "YAML") -> Any:
    r"""The content of YAML text, with every ``!ref`` replaced.

    >>> loads("width: 4\nmodel:\n  size: !ref <width>\n  name: !ref w<width>\n  kernel: !tuple (3, 3)")
    {'width': 4, 'model': {'size': 4, 'name': 'w4', 'kernel': (3, 3)}}
    """
    try:
        import yaml
    except ModuleNotFoundError:
        raise needs("reading YAML", "yaml") from None

    class Loader(yaml.SafeLoader):
        """A safe loader with SpeeChain's tags."""

    def scalar(loader: Any, node: Any) -> str:
        return str(loader.construct_scalar(node))

    def items(loader: Any, node: Any) -> list[Any]:
        if isinstance(node, yaml.SequenceNode):
            return numbers_from_text(loader.construct_sequence(node, deep=True))  # type: ignore[no-any-return]
        inside = scalar(loader, node).strip()[1:-1]
        return [numbers_from_text(item.strip()) for item in inside.split(",") if item.strip()]

    Loader.add_constructor("!ref", lambda loader, node: _Ref(scalar(loader, node)))
    Loader.add_constructor("!tuple", lambda loader, node: tuple(items(loader, node)))
    Loader.add_constructor("!list", items)
    Loader.add_constructor("!str", scalar)
    try:
        data = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: {error}") from None
    return _resolve(data, data if isinstance(data, Mapping) else {}, name, ())


def _resolve(value: Any, top: Mapping[str, Any], path: str, open_references: tuple[str, ...]) -> Any:
    if isinstance(value, _Ref):
        whole = _REFERENCE.fullmatch(value.text)
        if whole:
            return _look_up(whole[1], top, path, open_references)
        return _REFERENCE.sub(lambda found: str(_look_up(found[1], top, path, open_references)), value.text)
    if isinstance(value, Mapping):
        return {key: _resolve(item, top, f"{path}: {key}", open_references) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_resolve(item, top, path, open_references) for item in value)
    return value


def _look_up(name: str, top: Mapping[str, Any], path: str, open_references: tuple[str, ...]) -> Any:
    if name not in top:
        raise ValueError(f"{path}: !ref <{name}> refers to no top-level value{did_you_mean(name, map(str, top))}")
    if name in open_references:
        raise ValueError(f"{path}: !ref <{name}> refers to itself")
    return _resolve(top[name], top, path, (*open_references, name))
