"""Optimizers from a name and its arguments, as a configuration has them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from optimsche.call_errors import did_you_mean
from optimsche.param_groups.names import cleaned, matches, named, unwrap
from optimsche.param_groups.optimizers import is_optimizer, of_torch
from optimsche.reading import numbers_from_text
from optimsche.schedule import Schedule
from optimsche.training.members import OF_MEMBER, Member
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.precision import UseAmp
from optimsche.training.stages import Stage

OptimType = str | type[torch.optim.Optimizer]


def from_conf(
    optim_type: OptimType,
    optim_conf: Mapping[str, Any] | None,
    model: nn.Module,
    schedule: Schedule | None = None,
    *,
    updated_modules: str | Sequence[str] | None = None,
    use_amp: UseAmp = True,
    grad_clip: float | Schedule | Stage | None = 1.0,
    **options: Any,
) -> OptimScheduler:
    """Build an optimizer that follows a schedule, with SpeeChain's defaults: mixed precision, and clipping at 1.

    A schedule that counts epochs is taken without ``steps_per_epoch``; ``step`` then needs ``epoch_num``.

    Args:
        optim_type: name of an optimizer in ``torch.optim``, or an ``Optimizer`` class.
        optim_conf: its arguments.
        model: the model, in its wrappers.
        schedule: the rate of each update.
        updated_modules: name, dotted name or glob of the parts of the model to update, or a list of these; None for
            the whole model.
        use_amp, grad_clip: as for :class:`OptimScheduler <optimsche.OptimScheduler>`.
        **options: its other arguments.

    Returns:
        The optimizer with its schedule.

    Raises:
        ValueError, TypeError: an unknown optimizer, argument or part of the model; whatever the class refuses.

    >>> from optimsche import noam
    >>> plan = noam(peak=2e-3, warmup_steps=4_000)
    >>> from_conf("Adam", {"betas": (0.9, 0.98)}, nn.Linear(1, 1), plan).get_lr()
    5e-07
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    of_member = {name: options.pop(name) for name in OF_MEMBER if name in options}
    optimizer = build(optim_type, optim_conf, select(model, updated_modules))
    member = Member(optimizer, schedule, **of_member, epochs_from_caller=True)
    return OptimScheduler(member, model=model, use_amp=use_amp, grad_clip=grad_clip, **options)


def optimizer_class(optim_type: OptimType) -> type[torch.optim.Optimizer]:
    """The optimizer class of this name in ``torch.optim``; a class is handed back.

    Raises:
        ValueError: there is none of this name.
        TypeError: neither a name nor an optimizer class.

    >>> optimizer_class("adam")
    Traceback (most recent call last):
    ValueError: optim_type='adam': torch.optim has no optimizer of this name; did you mean 'Adam'?
    """
    known = of_torch()
    if isinstance(optim_type, str):
        if optim_type not in known:
            hint = did_you_mean(optim_type, known) or f"; known are {', '.join(sorted(known))}"
            raise ValueError(f"optim_type={optim_type!r}: torch.optim has no optimizer of this name{hint}")
        return known[optim_type]
    if not is_optimizer(optim_type):
        raise TypeError(
            f"optim_type={optim_type!r}: optim_type must be a name in torch.optim or an Optimizer class, "
            f"got {type(optim_type).__name__}."
        )
    return optim_type


def build(
    optim_type: OptimType, optim_conf: Mapping[str, Any] | None, parameters: Sequence[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    """An optimizer over ``parameters``; numeric text in ``optim_conf`` counts as the number.

    Raises:
        ValueError: an argument that the optimizer does not have, or that it refuses.
        TypeError: arguments of the wrong kind.

    >>> build("SGD", {"lr": "1e-1", "momentumm": 0.9}, [torch.nn.Parameter(torch.zeros(1))])
    Traceback (most recent call last):
    ValueError: optim_conf: SGD has no argument 'momentumm'; did you mean 'momentum'?
    """
    kind = optimizer_class(optim_type)
    arguments = numbers_from_text({} if optim_conf is None else optim_conf)
    if not isinstance(arguments, dict):
        raise TypeError(f"optim_conf must be a mapping of the optimizer's arguments, got {type(optim_conf).__name__}.")
    known = {name: p for name, p in inspect.signature(kind).parameters.items() if name != "params"}
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for name, value in arguments.items():
        if name == "params":
            raise ValueError("optim_conf: 'params' comes from the model; choose parts of it with updated_modules=")
        if name not in known and not takes_any:
            raise ValueError(f"optim_conf: {kind.__name__} has no argument {name!r}{did_you_mean(name, known)}")
        if isinstance(value, str) and name in known and not _takes_text(known[name]):
            wanted = "True or False" if "bool" in str(known[name].annotation) else "a number"
            wanted = "numbers" if isinstance(known[name].default, tuple) else wanted
            raise ValueError(f"optim_conf.{name} must be {wanted}, got {value!r}")
    if "lr" in arguments and not isinstance(arguments["lr"], torch.Tensor):
        _rate(arguments["lr"])
    try:
        return kind(parameters, **arguments)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        sort = TypeError if isinstance(error, TypeError) else ValueError
        defaults = {name: known[name].default for name in arguments if name in known}
        raise sort(
            f"optim_conf: {kind.__name__} refuses {arguments!r:.200}: {error}\n    By itself it has {defaults}."
        ) from error


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
    parameters = list(unwrap(model).parameters())
    if updated_modules is None:
        return parameters
    patterns = [updated_modules] if isinstance(updated_modules, str) else updated_modules
    if not isinstance(patterns, Sequence) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(
            f"updated_modules={updated_modules!r}: updated_modules must be a name or a list of names, "
            f"got {type(updated_modules).__name__}."
        )
    if not patterns:
        raise ValueError("updated_modules=[]: there is nothing to update. For the whole model leave it out.")
    names = named(model)
    for pattern in patterns:
        if not any(matches(pattern, names[id(parameter)], parameter) for parameter in parameters):
            modules = [cleaned(unwrap(model), name) for name, _ in unwrap(model).named_modules() if name]
            known = [*modules, *(name for each in names.values() for name in each)]
            raise ValueError(
                f"updated_modules: no part of {type(unwrap(model)).__name__} is named {pattern!r}"
                f"{did_you_mean(pattern, known)}\n    "
                f"Its parts are {', '.join(sorted({name for name in known if '.' not in name}))}."
            )
    return [p for p in parameters if any(matches(pattern, names[id(p)], p) for pattern in patterns)]


def own_rate(optim_type: OptimType, optim_conf: Mapping[str, Any] | None) -> float | None:
    """The rate that an optimizer would have by itself: its ``lr``, or the default of its class.

    >>> own_rate("Adam", {"lr": "2e-3"}), own_rate("Adam", {})
    (0.002, 0.001)
    """
    if optim_conf and "lr" in optim_conf:
        return _rate(optim_conf["lr"])
    parameter = inspect.signature(optimizer_class(optim_type)).parameters.get("lr")
    return None if parameter is None or parameter.default is parameter.empty else float(parameter.default)


def _rate(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"optim_conf.lr must be a number (the rate), got {value!r}") from None


def _takes_text(parameter: inspect.Parameter) -> bool:
    """Whether text may be meant for an argument: it says so, or says nothing."""
    if isinstance(parameter.default, bool | int | float | tuple):
        return False
    return parameter.annotation is parameter.empty or "str" in str(parameter.annotation)
