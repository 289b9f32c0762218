"""Parameters that are spread over a mesh of processes (DTensor), and ``fully_shard``, which spreads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist


def is_sharded(module: Any) -> bool:
    """Whether ``fully_shard`` was called on a module."""
    return hasattr(module, "set_requires_gradient_sync")


def on_mesh(tensor: Any) -> bool:
    """Whether a tensor is spread over a mesh of processes: a DTensor."""
    return type(tensor) is not torch.Tensor and hasattr(tensor, "device_mesh") and hasattr(tensor, "placements")


def here(tensor: Any) -> torch.Tensor:
    """What this process holds of a tensor; a view of it."""
    local: torch.Tensor = tensor.to_local() if on_mesh(tensor) else tensor
    return local


def copies(tensor: Any, size: int) -> int:
    """How many of ``size`` processes hold the same numbers as this one."""
    if not on_mesh(tensor):
        return size
    for dim, placement in enumerate(tensor.placements):
        if placement.is_partial():
            raise ValueError(f"a gradient is a sum that is still to be made over {tensor.device_mesh}: redistribute it")
        if not placement.is_replicate():
            size //= tensor.device_mesh.size(dim)
    return size


def refuse_another_spread(name: object, entry: Mapping[str, Any], parameter: Any) -> None:
    """Refuse the state of a parameter that is spread over processes, where the parameter is not, and the reverse.

    Raises:
        ValueError: a step would fail.
    """
    for kind, value in entry.items():
        if isinstance(value, torch.Tensor) and value.dim() and on_mesh(value) != on_mesh(parameter):
            raise ValueError(
                f"the state of parameter {name} has {kind!r} {_how(value)}, and the parameter is {_how(parameter)}. "
                "Through torch.distributed.checkpoint a state fits any number of processes: dcp.save({'optim': optim}, "
                "...) and dcp.load({'optim': optim}, ...)"
            )


def _how(tensor: Any) -> str:
    return f"spread over a mesh of {tensor.device_mesh.size()} processes" if on_mesh(tensor) else "whole"


def units_are_cut_along(tensor: Any) -> Iterator[Any]:
    """The groups over which the rows of a matrix, or a whole vector, are spread."""
    if on_mesh(tensor):
        for dim, placement in enumerate(tensor.placements):
            if not placement.is_replicate() and (tensor.dim() < 2 or placement.dim > 0):
                yield tensor.device_mesh.get_group(dim)


def meshes_of(parameters: Iterable[Any]) -> list[Any]:
    """The meshes over which parameters are spread, each once."""
    found: dict[int, Any] = {}
    for parameter in parameters:
        if on_mesh(parameter) and parameter.device_mesh not in found.values():
            found[id(parameter.device_mesh)] = parameter.device_mesh
    return list(found.values())


def groups_of(meshes: Sequence[Any]) -> list[Any]:
    """The groups whose sums, one after the other, are a sum over all processes of some meshes.

    One group if there can be one: a mesh in a line, or all the processes there are.

    Raises:
        ValueError: no mesh has all processes of the others.
    """
    if not meshes:
        return []
    ranks = {id(mesh): set(mesh.mesh.flatten().tolist()) for mesh in meshes}
    largest = max(meshes, key=lambda mesh: len(ranks[id(mesh)]))
    if not all(ranks[id(mesh)] <= ranks[id(largest)] for mesh in meshes):
        root = largest._get_root_mesh()
        whole = set(root.mesh.flatten().tolist())
        if not all(each <= whole for each in ranks.values()):
            raise ValueError(
                f"the parameters are spread over meshes of which none has all processes: {', '.join(map(str, meshes))}."
                " Make them parts of one: init_device_mesh('cuda', (2, 4), mesh_dim_names=('dp', 'tp'))"
            )
        largest, ranks[id(root)] = root, whole
    if len(ranks[id(largest)]) == dist.get_world_size():
        return [dist.group.WORLD]
    return [largest.get_group(dim) for dim in range(largest.ndim)]


def data_groups(shards: Sequence[Any]) -> list[Any]:
    """The groups over which ``fully_shard`` means gradients: of the shards, and of their replicas.

    Raises:
        ValueError: parts of the model are spread over different processes.
    """
    found: list[list[Any]] = []
    for group in _param_groups(shards):
        names = ("shard_process_group", "replicate_process_group")
        own = [getattr(group.mesh_info, name) for name in names if hasattr(group.mesh_info, name)]
        if own not in found:
            found.append(own)
    if len({sorted_ranks(own) for own in found}) > 1:
        raise ValueError(
            "parts of the model are spread over different processes by fully_shard, so that the data are, too. Use one "
            "mesh for all."
        )
    return found[0] if found else []


def sorted_ranks(groups: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    """The processes of some groups, to compare them."""
    return tuple(tuple(sorted(dist.get_process_group_ranks(group))) for group in groups)


def drop_gradients(shards: Sequence[Any]) -> None:
    """Drop the gradients that ``fully_shard`` keeps until they are summed. Torch has no call for it."""
    for parameter in _kept_by(shards):
        parameter.unsharded_accumulated_grad = None
        whole = getattr(parameter, "_unsharded_param", None)
        if whole is not None:
            whole.grad = None


def multiply(shards: Sequence[Any], factor: float) -> None:
    """Multiply the gradients that ``fully_shard`` keeps until they are summed."""
    for parameter in _kept_by(shards):
        if parameter.unsharded_accumulated_grad is not None:
            parameter.unsharded_accumulated_grad.mul_(factor)
        whole = getattr(parameter, "_unsharded_param", None)
        if whole is not None and whole.grad is not None:
            whole.grad.mul_(factor)


def kept(shards: Sequence[Any]) -> bool:
    """Whether ``fully_shard`` keeps gradients that are not summed yet."""
    for parameter in _kept_by(shards):
        whole = getattr(parameter, "_unsharded_param", None)
        if parameter.unsharded_accumulated_grad is not None or (whole is not None and whole.grad is not None):
            return True
    return False


def _kept_by(shards: Sequence[Any]) -> Iterator[Any]:
    for group in _param_groups(shards):
        yield from group.fsdp_params


def _param_groups(shards: Sequence[Any]) -> Iterator[Any]:
    for module in shards:
        state = module._get_fsdp_state()
        groups = getattr(state, "_fsdp_param_groups", None)
        yield from [state._fsdp_param_group] if groups is None and state._fsdp_param_group else groups or []
