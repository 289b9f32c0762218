"""Which parameters an optimizer owns, and how to find them by name."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from optimsche.call_errors import did_you_mean

# What torch.compile, FSDP and activation checkpointing put before a name. DDP's and DataParallel's "module" is not
# among them: a part of a model may be called so.
WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own model, without the wrappers of DDP, FSDP and ``torch.compile``.

    >>> unwrap(nn.DataParallel(nn.Linear(1, 1)))
    Linear(in_features=1, out_features=1, bias=True)
    """
    while True:
        if hasattr(model, "_orig_mod"):
            inner = model._orig_mod
        elif hasattr(model, "module") and _wraps(model):
            inner = model.module
        else:
            return model
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def owned(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """All parameters of an optimizer, also those of groups that were added later."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def same(first: Sequence[object], second: Sequence[object]) -> bool:
    """Whether two rows are of the very same objects: ``==`` of tensors is a tensor.

    >>> weight = torch.zeros(2)
    >>> same([weight], [weight]), same([weight], [weight.clone()])
    (True, False)
    """
    return len(first) == len(second) and all(map(operator.is_, first, second))


def names_of(groups: Iterable[Mapping[str, Any]], model: nn.Module | None) -> dict[int, str]:
    """Names of parameters by their ``id``: from the model, or from groups that were built with names.

    >>> model = nn.Linear(1, 1)
    >>> sorted(names_of([], model).values())
    ['bias', 'weight']
    """
    names: dict[int, str] = {}
    for group in groups:
        for parameter, name in zip(group["params"], group.get("param_names", ()), strict=False):
            names[id(parameter)] = name
    if model is not None:
        names.update({id(parameter): name for name, parameter in named(model)})
    return names


def named(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters of a model with their names, without what wrappers put before them."""
    model = unwrap(model)
    return ((_clean(model, name), parameter) for name, parameter in model.named_parameters())


def foreign(model: nn.Module, own: Iterable[torch.Tensor]) -> list[str]:
    """Names of the model's trainable parameters that are not among ``own``.

    >>> model = nn.Linear(1, 1)
    >>> foreign(model, [model.weight])
    ['bias']
    """
    ids = {id(parameter) for parameter in own}
    return [name for name, p in unwrap(model).named_parameters() if p.requires_grad and id(p) not in ids]


def refuse_shared(owners: Mapping[str, Sequence[torch.Tensor]], models: Iterable[nn.Module | None], cure: str) -> None:
    """Refuse a parameter that two optimizers would both update.

    Args:
        owners: the parameters of each optimizer, by its name.
        models: where the parameters' names come from.
        cure: what to do instead.

    Raises:
        ValueError: with the names of the optimizers and of the parameters.

    >>> weight = nn.Parameter(torch.zeros(2, 3))
    >>> refuse_shared({"a": [weight], "b": [weight]}, [], "Give it to one of them.")
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
        names = {id(p): name for model in models if model is not None for name, p in named(model)}
        shown = [repr(names[id(p)]) if id(p) in names else f"a parameter of shape {tuple(p.shape)}" for p in both]
        listed = ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")
        raise ValueError(f"{first!r} and {second!r} would both update {listed}. {cure}")


def refuse_a_part(model: nn.Module, *foreign_to_each: Sequence[str]) -> None:
    """Refuse to update only a part of a model whose gradients are summed over processes.

    Those wrappers wait for a gradient of every trainable parameter.

    Args:
        model: the wrapped model.
        foreign_to_each: for each optimizer, what :func:`foreign` said when it was built: between the passes,
            ``fully_shard`` puts other parameters into the model.

    Raises:
        ValueError: with the names of some parameters that are foreign to all.
    """
    first, *more = foreign_to_each
    others = [name for name in first if all(name in each for each in more)]
    if others:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise ValueError(
            f"only a part of a {type(model).__name__} model would be updated, and not {shown}. Processes are kept in "
            "step only for whole models. Freeze the rest with requires_grad_(False), wrap each part by itself, or give "
            "the rest to another optimizer and step them together: step_all(optims, losses, step_num=...)"
        )


def select(model: nn.Module, updated_modules: str | Sequence[str] | None) -> list[nn.Parameter]:
    """The parameters of some parts of a model, each once, in the model's order.

    Args:
        model: a model, in whatever wrappers.
        updated_modules: name of a part (``"encoder"``), dotted (``"encoder.layers.0"``) or a glob
            (``"*.adapter"``), or a list of these; None for the whole model. A parameter has a name, too.

    Returns:
        The parameters, frozen ones included.

    Raises:
        ValueError: a name that matches nothing, or an empty list.
        TypeError: something that is not a name.

    >>> model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    >>> [tuple(p.shape) for p in select(model, "0")], len(select(model, ["0", "*.bias"]))
    ([(2, 1), (2,)], 3)
    """
    model = unwrap(model)
    if updated_modules is None:
        return list(model.parameters())
    patterns = [updated_modules] if isinstance(updated_modules, str) else updated_modules
    if not isinstance(patterns, Sequence) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(
            f"updated_modules={updated_modules!r}: updated_modules must be a name or a list of names, "
            f"got {type(updated_modules).__name__}."
        )
    if not patterns:
        raise ValueError("updated_modules=[]: there is nothing to update. For the whole model leave it out.")
    by_name: dict[str, list[nn.Parameter]] = {}
    for name, module in model.named_modules(remove_duplicate=False):  # a part that is tied has two names
        by_name[_clean(model, name)] = list(module.parameters())
    for name, parameter in model.named_parameters(remove_duplicate=False):
        by_name[_clean(model, name)] = [parameter]
    del by_name[""]
    chosen: set[int] = set()
    for pattern in patterns:
        matches = [name for name in by_name if fnmatchcase(name, pattern)]
        if not matches:
            parts = sorted(name for name in by_name if "." not in name)
            raise ValueError(
                f"updated_modules: no part of {type(model).__name__} is named {pattern!r}"
                f"{did_you_mean(pattern, by_name)}\n    Its parts are {', '.join(parts)}."
            )
        chosen.update(id(parameter) for name in matches for parameter in by_name[name])
    return [parameter for parameter in model.parameters() if id(parameter) in chosen]


def _clean(model: nn.Module, name: str) -> str:
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
