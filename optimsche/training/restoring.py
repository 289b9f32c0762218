"""Putting an optimizer back as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from optimsche.param_groups.entries import tensors_of
from optimsche.param_groups.optimizers import unwrapped


def keep(optimizer: torch.optim.Optimizer, *, moments: bool = False) -> Callable[[], None]:
    """Remember an optimizer as it is.

    Args:
        optimizer: its groups may be split, added to and written to afterwards.
        moments: whether it may be stepped, too; they are then copied.

    Returns:
        What puts everything back when it is called. Groups, the state and tensors of the groups, such as a rate, are
        the same objects again.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    >>> put_back = keep(optimizer)
    >>> optimizer.param_groups[0]["lr"] = 7.0
    >>> put_back()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """
    holders = {id(each): (each, dict(vars(each))) for each in nested(optimizer)}.values()
    optimizer = unwrapped(optimizer)
    entries, groups = optimizer.state, optimizer.param_groups
    each = list(groups)
    contents = [{**group, "params": list(group["params"])} for group in each]
    tensors = tensors_of([*contents, optimizer.defaults])
    defaults = dict(optimizer.defaults)
    kept = {key: copy.deepcopy(entry) if moments else entry for key, entry in entries.items()}

    def put_back() -> None:
        for holder, attributes in holders:
            vars(holder).clear()
            vars(holder).update(attributes)
        groups[:] = each
        fill(optimizer, entries, groups, kept, contents)
        with torch.no_grad():
            for tensor, value in tensors:
                tensor.copy_(value)
        optimizer.defaults.clear()
        optimizer.defaults.update(defaults)

    return put_back


def nested(optimizer: torch.optim.Optimizer) -> Iterator[torch.optim.Optimizer]:
    """An optimizer, and those that it has inside."""
    yield optimizer
    for value in list(vars(optimizer).values()):
        if isinstance(value, torch.optim.Optimizer):
            yield from nested(value)


def fill(
    optimizer: torch.optim.Optimizer,
    entries: Any,
    groups: list[dict[str, Any]],
    new_entries: Mapping[Any, Any],
    contents: Sequence[Mapping[str, Any]],
) -> None:
    """Give an optimizer these very objects for its state and its groups, with new content."""
    entries.clear()
    entries.update(new_entries)
    for group, content in zip(groups, contents, strict=True):
        group.clear()
        group.update(content)
    optimizer.state, optimizer.param_groups = entries, groups


@contextmanager
def restored_on_failure(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Put an optimizer back as it was, should what is done to its groups fail.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=torch.tensor(0.5))
    >>> try:
    ...     with restored_on_failure(optimizer):
    ...         optimizer.param_groups[0]["lr"].fill_(0.1)
    ...         optimizer.param_groups[0]["momentun"] = 0.9 / 0
    ... except ZeroDivisionError:
    ...     print(optimizer.param_groups[0]["lr"])
    tensor(0.1000)
    tensor(0.5000)
    """
    put_back = keep(optimizer)
    try:
        yield
    except BaseException:
        put_back()
        raise
