"""Who sums the gradients of a model over processes: found once, when the optimizer is built, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from optimsche.param_groups.names import first_few, unwrap
from optimsche.training import sharded
from optimsche.training.processes import Processes

if TYPE_CHECKING:
    from optimsche.training.members import Member

Distributed: TypeAlias = "bool | dist.ProcessGroup | None"

_OF_LIGHTNING = ("lightning.pytorch.", "pytorch_lightning.")


def found(model: nn.Module | None, members: Sequence[Member], distributed: Distributed) -> Processes | None:
    """The processes that train a model together; None where this one is alone.

    Args:
        model: the model as it is called, wrappers included.
        members: the optimizers.
        distributed: None finds out; False leaves every synchronisation as it is; True insists; a process group is that
            of the stages of one model.

    Raises:
        ValueError: nobody sums gradients over the processes, or in a way that cannot be kept right.
        TypeError: ``distributed`` is something else.
    """
    several = dist.is_available() and dist.is_initialized()
    stages = distributed if several and isinstance(distributed, dist.ProcessGroup) else None
    if stages is None and distributed not in (None, True, False):
        raise TypeError(
            f"OptimScheduler(distributed={distributed!r:.60}): distributed must be None, True or False, or the process "
            "group of the stages of one model."
        )
    if not several and not hasattr(model, "no_sync"):
        if distributed:
            raise ValueError(_NOT_WRAPPED.format(type(model).__name__))
        return None
    for member in members:
        if hasattr(member.optimizer, "consolidate_state_dict") and member.schedules is not None:
            raise ValueError(_ZERO)
    holders = _holders(model)
    shards = [module for module in _modules(model) if sharded.is_sharded(module)]
    parameters = [parameter for member in members for parameter in member.parameters()]
    meshes = sharded.meshes_of(parameters)
    trainer, data = _trainer(model)
    if distributed is True and not holders:
        raise ValueError(_NOT_WRAPPED.format(type(model).__name__))
    if holders:
        data = sharded.data_groups(shards) or [getattr(holders[0], "process_group", None)]
        data = [group for group in data if group is not None]
    elif distributed is None and not meshes and trainer is None:
        if dist.get_world_size() == 1:
            return None
        raise ValueError(_NOBODY.format(dist.get_world_size(), "the model" if model is not None else "model=None"))
    if distributed is None and meshes and model is None:
        raise ValueError(_MESH_WITHOUT_MODEL)
    if distributed is False:
        if not meshes and trainer is None:
            return None
        holders, data = [], []
    together = Processes(holders, shards, data, sharded.groups_of(meshes), stages, trainer, parameters=parameters)
    if holders:
        _refuse_parts(model, members)
    return together


_NOT_WRAPPED = (
    "OptimScheduler(distributed=True): model must be wrapped in DistributedDataParallel or FSDP, got {}. Pass the "
    "wrapped model, or leave distributed=None to find out."
)
_NOBODY = (
    "OptimScheduler: this is one of {} processes, and nothing in {} sums gradients over them: no "
    "DistributedDataParallel, no fully_shard, no parameters on a mesh. Pass the model in its wrapper, model=ddp."
    "\n    In Lightning: model=self, self.manual_backward(loss) and optim.update(step_num=...)."
    "\n    Stages of one model: distributed=group, their process group, and optim.update(step_num=...)."
    "\n    Processes that train apart, or gradients that the loop sums itself: distributed=False."
)
_ZERO = (
    "schedules=: ZeroRedundancyOptimizer has given its parameters to processes by the groups that it was built with, "
    "and these cannot be split any more. Build it with those groups, each with an 'lr_scale', 'weight_decay', ... of "
    "its own; a schedule= of all multiplies them."
)
_MESH_WITHOUT_MODEL = (
    "OptimScheduler: the parameters are spread over a mesh of processes, and who sums their gradients is seen in the "
    "model: model=model. To leave all synchronisation as it is: distributed=False."
)
_OF_LIGHTNINGS = (
    "Lightning sums gradients over processes only in its own backward pass. Write self.manual_backward(loss / size), "
    "with size = counting.window_size(step_num, accum_grad, steps_per_epoch), and optim.update(step_num=...)"
)


def _modules(model: nn.Module | None) -> Iterable[nn.Module]:
    return () if model is None else model.modules()


def _holders(model: nn.Module | None) -> list[Any]:
    """The outermost modules that sum gradients over processes and can be told not to."""
    inside: set[int] = set()
    holders: list[Any] = []
    for module in _modules(model):
        if id(module) in inside:
            continue
        if hasattr(module, "no_sync") and hasattr(module, "clip_grad_norm_"):
            raise ValueError(
                "FSDP's first version is not supported: its shards do not know that they are shards, so a norm, a clip "
                "and a loss scale come out differently on each process. Use torch's fully_shard (FSDP2)."
            )
        told = isinstance(module, DistributedDataParallel) or sharded.is_sharded(module)
        if told or (module is model and hasattr(module, "no_sync")):
            holders.append(module)
            inside |= {id(each) for each in module.modules()}
    return holders


def _trainer(model: Any) -> tuple[str | None, list[Any]]:
    """Why backward passes have to be a trainer's own, and the group over which it spreads the data."""
    if not any(kind.__module__.startswith(_OF_LIGHTNING) for kind in type(model).__mro__):
        return None, []
    wrapped = getattr(getattr(getattr(model, "_trainer", None), "strategy", None), "model", None)
    if not isinstance(wrapped, DistributedDataParallel):
        return None, []
    return _OF_LIGHTNINGS, [wrapped.process_group]


def _refuse_parts(model: nn.Module | None, members: Sequence[Member]) -> None:
    """Refuse what cannot be kept equal in all processes, where a model sums its gradients over them.

    Raises:
        ValueError: a part of the model is left out, or several losses are followed.
    """
    names = [member.optim_loss for member in members]
    if len(set(names)) > 1:
        raise ValueError(
            "optimizers on a model that is synchronised over processes must follow the same loss, got optim_loss="
            f"{', '.join(map(repr, names))}. Wrappers allow one backward pass after each forward pass: follow the sum "
            "of the losses."
        )
    if model is None:
        return
    ids = {id(parameter) for member in members for parameter in member.parameters()}
    others = [name for name, p in unwrap(model).named_parameters() if p.requires_grad and id(p) not in ids]
    if others:
        raise ValueError(
            f"only a part of a {type(model).__name__} model would be updated, and not {first_few(others)}. Processes "
            "are kept in step only for whole models. Freeze the rest with requires_grad_(False), wrap each part by "
            "itself, or give the rest to another member: OptimScheduler({'a': Member(...), 'b': Member(...)})"
        )
