"""Optimizers of torch: inside wrappers, and what one refuses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch


def unwrapped(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer that steps, inside wrappers that show its groups and its state as theirs.

    Lightning, Fabric and accelerate wrap optimizers so. What is written to attributes of such a wrapper may never reach
    the optimizer in it.

    >>> class Wrapper(torch.optim.SGD):
    ...     def __init__(self, optimizer):
    ...         self.__dict__.update(vars(optimizer), optimizer=optimizer)
    >>> inner = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    >>> unwrapped(Wrapper(Wrapper(inner))) is unwrapped(inner) is inner
    True
    """
    while True:
        inner = getattr(optimizer, "optimizer", None)
        # An optimizer with a state of its own besides, such as a Lookahead, is more than a wrapper.
        if not isinstance(inner, torch.optim.Optimizer) or inner.state is not optimizer.state:
            return optimizer
        optimizer = inner


def innermost(optimizer: Any) -> Any:
    """The optimizer inside others that show its groups as theirs, with whatever state of their own.

    Its `step` is what all of them end in: that of a SAM or a Lookahead may never run, or run no hooks.

    >>> inner = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    >>> class Sam(torch.optim.Optimizer):
    ...     def __init__(self, base):
    ...         self.base, self.param_groups = base, base.param_groups
    >>> innermost(Sam(Sam(inner))) is innermost(inner) is inner
    True
    """
    groups = getattr(optimizer, "param_groups", None)
    for inside in getattr(optimizer, "__dict__", {}).values():
        if isinstance(inside, torch.optim.Optimizer) and inside is not optimizer and inside.param_groups is groups:
            return innermost(inside)
    return optimizer


def check_rates(optimizer: torch.optim.Optimizer, call: str) -> None:
    """Refuse an optimizer whose rate is not a schedule's to decide.

    Args:
        optimizer: of which every group should have an ``lr``.
        call: who asks, for errors.

    Raises:
        ValueError: a group without a rate; one that computes its rate itself.
    """
    if type(optimizer) is torch.optim.ASGD:
        raise ValueError(
            f"{call}: torch.optim.ASGD computes the rate of a step at the end of the step before, so each rate of a "
            "schedule would come one update late. Take SGD, and torch.optim.swa_utils.AveragedModel for the mean of "
            "the weights."
        )
    for number, group in enumerate(optimizer.param_groups):
        if group.get("lr") is None:
            raise ValueError(
                f"{call}: {type(optimizer).__name__} has no 'lr' in parameter group {number}: there is no rate to write"
            )


def refuse_a_second_writer(optimizer: torch.optim.Optimizer, call: str) -> None:
    """Refuse an optimizer whose own hooks write rates already.

    Raises:
        ValueError: a ``ScheduleLR`` is on it.
    """
    for hook in getattr(optimizer, "_optimizer_step_pre_hooks", {}).values():
        other = getattr(hook, "__self__", None)
        if isinstance(other, torch.optim.lr_scheduler.LRScheduler):
            raise ValueError(
                f"{call}: this {type(optimizer).__name__} follows {other!r} already, and two would write into the same "
                "groups.\n    Take that one off first: scheduler.remove()"
            )


SWITCHES = {"capturable", "differentiable", "foreach", "fused"}  # how an optimizer computes, and not what


def stand_in(
    kind: type[torch.optim.Optimizer], group: Mapping[str, Any], like: torch.Tensor
) -> tuple[torch.optim.Optimizer, torch.Tensor]:
    """Such an optimizer of a parameter and a gradient that take no memory, with the arguments of a group.

    Raises:
        Exception: whatever the optimizer refuses its arguments with.
    """
    names = set(inspect.signature(kind).parameters) & set(group) - {"params", *SWITCHES}
    parameter = torch.nn.Parameter(torch.empty(like.shape, dtype=like.dtype, device="meta"))
    parameter.grad = torch.empty_like(parameter)
    if kind is torch.optim.SparseAdam:
        rows = torch.empty((1, 0), dtype=torch.long, device="meta")
        parameter.grad = torch.sparse_coo_tensor(rows, parameter.grad[:0], like.shape)
    return kind([parameter], **{name: _as_numbers(group[name]) for name in names}), parameter


def refusal_of(optimizer: torch.optim.Optimizer, group: Mapping[str, Any], name: str, value: Any) -> str | None:
    """Why an optimizer would not be built with this value of an argument; None if it would, or cannot be asked.

    >>> optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    >>> refusal_of(optimizer, optimizer.param_groups[0], "betas", (1.5, 0.999))
    'Invalid beta parameter at index 0: 1.5'
    """
    kind = type(unwrapped(optimizer))
    if name not in inspect.signature(kind).parameters or not group["params"]:
        return None
    try:
        stand_in(kind, group, group["params"][0])
    except Exception:  # it needs more than this to be built
        return None
    try:
        stand_in(kind, {**group, name: value}, group["params"][0])
    except Exception as error:  # whatever it refuses it with
        return str(error)
    return None


def _as_numbers(value: Any) -> Any:
    """An argument without tensors: some are refused unless they come together with a switch."""
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value
    return tuple(map(_as_numbers, value)) if isinstance(value, list | tuple) else value


def is_torchs_own(kind: type[torch.optim.Optimizer]) -> bool:
    """Whether a class is one of ``torch.optim`` itself, and no subclass.

    >>> is_torchs_own(torch.optim.SGD), is_torchs_own(type("Own", (torch.optim.SGD,), {}))
    (True, False)
    """
    return kind in of_torch().values()


def hyperparameters() -> set[str]:
    """The arguments of all optimizers in ``torch.optim``, apart from ``lr`` and the parameters.

    >>> {"betas", "momentum"} <= hyperparameters()
    True
    """
    return {name for kind in of_torch().values() for name in inspect.signature(kind).parameters} - {"params", "lr"}


def of_torch() -> dict[str, type[torch.optim.Optimizer]]:
    """The optimizers of ``torch.optim``, by name."""
    return {name: kind for name, kind in vars(torch.optim).items() if is_optimizer(kind)}


def is_optimizer(kind: object) -> TypeGuard[type[torch.optim.Optimizer]]:
    """Whether something is the class of an optimizer."""
    return isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
