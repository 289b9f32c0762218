"""A ``torch.optim`` optimizer from its name and arguments, as a configuration gives them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import torch

from optimsche.call_errors import did_you_mean
from optimsche.reading import numbers_from_text

OptimType = str | type[torch.optim.Optimizer]


def optimizer_class(optim_type: OptimType) -> type[torch.optim.Optimizer]:
    """The optimizer class of this name in ``torch.optim``; a class is handed back.

    Raises:
        ValueError: there is none of this name.
        TypeError: neither a name nor an optimizer class.

    >>> optimizer_class("adam")
    Traceback (most recent call last):
    ValueError: optim_type='adam': torch.optim has no optimizer of this name; did you mean 'Adam'?
    """
    known = _of_torch()
    if isinstance(optim_type, str):
        if optim_type not in known:
            hint = did_you_mean(optim_type, known) or f"; known are {', '.join(sorted(known))}"
            raise ValueError(f"optim_type={optim_type!r}: torch.optim has no optimizer of this name{hint}")
        return known[optim_type]
    if not _is_optimizer(optim_type):
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


def own_rate(optim_type: OptimType, optim_conf: Mapping[str, Any] | None) -> float | None:
    """The rate that an optimizer would have by itself: its ``lr``, or the default of its class.

    >>> own_rate("Adam", {"lr": "2e-3"}), own_rate("Adam", {})
    (0.002, 0.001)
    """
    if optim_conf and "lr" in optim_conf:
        return _rate(optim_conf["lr"])
    parameter = inspect.signature(optimizer_class(optim_type)).parameters.get("lr")
    return None if parameter is None or parameter.default is parameter.empty else float(parameter.default)


def is_torchs_own(kind: type[torch.optim.Optimizer]) -> bool:
    """Whether a class is one of ``torch.optim`` itself, and no subclass.

    >>> is_torchs_own(torch.optim.SGD), is_torchs_own(type("Own", (torch.optim.SGD,), {}))
    (True, False)
    """
    return kind in _of_torch().values()


def hyperparameters() -> set[str]:
    """The arguments of all optimizers in ``torch.optim``, apart from ``lr`` and the parameters.

    >>> {"betas", "momentum"} <= hyperparameters()
    True
    """
    return {name for kind in _of_torch().values() for name in inspect.signature(kind).parameters} - {"params", "lr"}


def _of_torch() -> dict[str, type[torch.optim.Optimizer]]:
    return {name: kind for name, kind in vars(torch.optim).items() if _is_optimizer(kind)}


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


def _is_optimizer(kind: object) -> TypeGuard[type[torch.optim.Optimizer]]:
    return isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
