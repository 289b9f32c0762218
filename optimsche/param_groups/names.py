"""Parameters by name: what they are called, and which of them a pattern means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any, TypeAlias

import torch
from torch import nn

Pattern: TypeAlias = str | Callable[[str, torch.Tensor], bool]

# What torch.compile, FSDP, activation checkpointing and Lightning's Fabric put before a name. DDP's and DataParallel's
# "module" is not among them: a part of a model may be called so.
WRAPPERS = {
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
    "_original_module",
}


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own model, without the wrappers of DDP, FSDP and ``torch.compile``.

    >>> unwrap(nn.DataParallel(nn.Linear(1, 1)))
    Linear(in_features=1, out_features=1, bias=True)
    """
    while True:
        inner = getattr(model, "_orig_mod", getattr(model, "module", None) if _wraps(model) else None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def named(model: nn.Module) -> dict[int, list[str]]:
    """All names of each parameter of a model, by its ``id``: one that is tied has several.

    Wrappers leave no trace in a name.

    >>> model = nn.Linear(1, 1)
    >>> named(model)[id(model.bias)]
    ['bias']
    """
    model = unwrap(model)
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(cleaned(model, name))
    return names


def names_of(groups: Iterable[Mapping[str, Any]], model: nn.Module | None) -> dict[int, list[str]]:
    """Names of parameters by their ``id``: from the model, and from groups that were built with names."""
    names: dict[int, list[str]] = {}
    for group in groups:
        for parameter, name in zip(group["params"], group.get("param_names", ()), strict=False):
            names[id(parameter)] = [name]
    if model is not None:
        names.update(named(model))
    return names


def shown(pattern: Any) -> str:
    """A pattern for messages."""
    return pattern if isinstance(pattern, str) else getattr(pattern, "__name__", repr(pattern))


def matches(pattern: Pattern, names: Sequence[str], parameter: torch.Tensor) -> bool:
    """Whether a pattern means a parameter.

    Args:
        pattern: a name or a glob, of the parameter or of a module that it is in; or a predicate on (name, parameter).
        names: all that the parameter is called.
        parameter: itself.

    >>> patterns = ("blocks.*", "blocks", "*.weight", "block", "blocks.?")
    >>> [matches(pattern, ["blocks.0.weight"], torch.zeros(1)) for pattern in patterns]
    [True, True, True, False, True]
    """
    if isinstance(pattern, str):
        whole_and_modules = (part for name in names for part in accumulate(name.split("."), "{}.{}".format))
        return any(fnmatchcase(part, pattern) for part in whole_and_modules)
    if isinstance(pattern, Both):
        return any(pattern(name, parameter) for name in names)
    return any(_holds(pattern, name, parameter) for name in names)


class Both:
    """A pattern and a predicate: a parameter for which both hold. It need not match anything."""

    def __init__(self, pattern: Pattern, where: Callable[[str, torch.Tensor], bool]) -> None:
        self.pattern, self.where = pattern, where

    def __call__(self, name: str, parameter: torch.Tensor) -> bool:
        """Whether both hold."""
        return matches(self.pattern, [name], parameter) and matches(self.where, [name], parameter)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Both) and (self.pattern, self.where) == (other.pattern, other.where)

    def __hash__(self) -> int:
        return hash((self.pattern, self.where))

    def __repr__(self) -> str:
        return f"{shown(self.pattern)} and {shown(self.where)}"


def _holds(predicate: Callable[[str, torch.Tensor], bool], name: str, parameter: torch.Tensor) -> bool:
    try:
        found = predicate(name, parameter)
    except TypeError as error:  # nearly always its arguments
        raise TypeError(
            f"schedules: the predicate {shown(predicate)} failed for {name!r}: {error}. A predicate takes a name and a "
            "parameter: lambda name, parameter: parameter.dim() < 2"
        ) from error
    try:
        return bool(found)
    except (RuntimeError, ValueError):  # a tensor, or an array, of several
        raise TypeError(
            f"schedules: the predicate {shown(predicate)} must give True or False, got a {type(found).__name__} "
            f"of several for {name!r}. Reduce it: .any() or .all()"
        ) from None


def refuse_shared(owners: Mapping[str, Sequence[torch.Tensor]], model: nn.Module | None) -> None:
    """Refuse a parameter that two optimizers would both update.

    Args:
        owners: the parameters of each optimizer, by its name.
        model: where the parameters' names come from.

    Raises:
        ValueError: with the names of the optimizers and of the parameters.

    >>> weight = nn.Parameter(torch.zeros(2, 3))
    >>> refuse_shared({"a": [weight], "b": [weight]}, None)
    Traceback (most recent call last):
    ValueError: 'a' and 'b' would both update a parameter of shape (2, 3). Give it to one of them.
    """
    owner: dict[int, str] = {}
    shared: dict[tuple[str, str], list[torch.Tensor]] = {}
    for name, own in owners.items():
        for parameter in own:
            other = owner.setdefault(id(parameter), name)
            if other != name:
                shared.setdefault((other, name), []).append(parameter)
    for (first, second), both in shared.items():
        names = {} if model is None else named(model)
        listed = [repr(names[id(p)][0]) if id(p) in names else f"a parameter of shape {tuple(p.shape)}" for p in both]
        raise ValueError(f"{first!r} and {second!r} would both update {first_few(listed)}. Give it to one of them.")


def first_non_finite(groups: Iterable[Mapping[str, Any]], model: nn.Module | None) -> str:
    """What the first parameter is called whose gradient has inf or nan in it; nothing where none has."""
    groups = list(groups)
    for number, group in enumerate(groups):
        for place, parameter in enumerate(group["params"]):
            gradient = parameter.grad
            if (
                gradient is not None
                and not (gradient.coalesce().values() if gradient.is_sparse else gradient).isfinite().all()
            ):
                names = names_of(groups, model).get(id(parameter))
                return repr(names[0]) if names else f"parameter {place} of group {number}"
    return ""


def first_few(names: Sequence[str]) -> str:
    """At most three names, for a message.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c, ...'
    """
    return ", ".join(names[:3]) + ", ..." * (len(names) > 3)


def without_wrappers(name: str) -> str:
    """A parameter's name as a file may have it, without what wrappers put into it."""
    return ".".join(part for part in name.split(".") if part != "module" and part not in WRAPPERS)


def cleaned(model: nn.Module, name: str) -> str:
    """A name in ``model``, without what wrappers put into it."""
    parts = []
    holder: Any = model
    for part in name.split("."):
        if not (part in WRAPPERS or (part == "module" and _wraps(holder))):
            parts.append(part)
        holder = holder._modules.get(part) if isinstance(holder, nn.Module) else None
    return ".".join(parts)


def _wraps(model: Any) -> bool:
    """Whether a ``module`` in this one is what DDP, FSDP or DataParallel wrap, and not a part of a model."""
    return hasattr(model, "no_sync") or isinstance(model, nn.DataParallel)
