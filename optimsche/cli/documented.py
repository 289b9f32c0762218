"""What there is, by name: the functions that `list` lists and `describe` describes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from optimsche import metrics, peers
from optimsche.call_errors import did_you_mean
from optimsche.combinators import __all__ as combinator_names
from optimsche.lr_fn import LrFn
from optimsche.names import known

Documented = Callable[..., Any]


def groups() -> dict[str, dict[str, Documented]]:
    """Every function by name, in groups."""
    found: dict[str, dict[str, Documented]] = {"Shapes": {}, "Combinators": {}, "Plans": {}}
    for name, constructor in sorted(known().items()):
        if name in (*combinator_names, "sequence"):
            found["Combinators"][name] = constructor
        else:
            found["Shapes" if isinstance(constructor, LrFn) else "Plans"][name] = constructor
    found["Factors that follow a metric, in Python"] = {name: getattr(metrics, name) for name in metrics.__all__}
    return found


def systems() -> dict[str, dict[str, Documented]]:
    """Every other system's schedules by name."""
    return {name: of_system(name) for name in peers.__all__}


def of_system(name: str) -> dict[str, Documented]:
    """A system's schedules by name.

    Raises:
        ValueError: there is no such system.
    """
    if name not in peers.__all__:
        hint = did_you_mean(name, peers.__all__) or f"; there are {', '.join(peers.__all__)}"
        raise ValueError(f"there is no system {name!r}{hint}")
    module = getattr(peers, name)
    return {function: getattr(module, function) for function in peers.names_of(name)}


def found(name: str) -> Documented:
    """A function by its name, also another system's: `cosine`, `torch.StepLR`.

    Raises:
        ValueError: there is none.
    """
    system, dot, schedule = name.removeprefix("peers.").removeprefix("optimsche.").partition(".")
    if dot:
        of = of_system(system)
        if schedule not in of:
            raise ValueError(f"{system} has no {schedule!r}{did_you_mean(schedule, of) or '; it has ' + ', '.join(of)}")
        return of[schedule]
    all_of_ours = {name: function for group in groups().values() for name, function in group.items()}
    if name not in all_of_ours:
        if name in peers.__all__:
            raise ValueError(f"{name} is a system: optimsche list --peers {name} lists its schedules")
        elsewhere = [f"{one}.{name}" for one, of in systems().items() if name in of]
        there = f"; another system has it: {', '.join(elsewhere)}" if elsewhere else ""
        hint = there or did_you_mean(name, all_of_ours) or "; optimsche list names all"
        raise ValueError(f"there is no {name!r}{hint}")
    return all_of_ours[name]


def summary(documented: object) -> str:
    """The first line of what is said of it, with names of parameters in back-ticks."""
    return (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "`")
