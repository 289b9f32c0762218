"""Functions that a system takes as an argument, as schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from optimsche.evaluation import trace
from optimsche.lr_fns import expression
from optimsche.peers._on_symbols import taking_symbols
from optimsche.schedule import Schedule

# Where what was read is compared with the function itself.
_PROBES = (*range(150), 200, 300, 365, 500, 999, 1_000)


def as_schedule(call: str, name: str, function: Any) -> Schedule:
    """A function of a counter as a schedule of that counter.

    Args:
        call: the function whose argument it is, for errors.
        name: the argument.
        function: a schedule; the text of a formula or of a lambda; or a Python function, which is followed: with its
            defaults and helpers, the numbers around it, the attributes of objects, and what ``functools.partial`` gave
            it. Where it raises, it is taken to have no value.

    Raises:
        TypeError: it is none of these.
        ValueError: the text is no formula.

    >>> as_schedule("LambdaLR", "lr_lambda", lambda epoch: 0.5**epoch)
    expression(text='0.5 ** t')
    """
    if isinstance(function, Schedule):
        return function
    if isinstance(function, str):
        return expression(text=function)
    if isinstance(function, tuple | list):
        raise TypeError(
            f"{call}: {name} must be one function, got {len(function)}: build a schedule of each, and give each to its "
            "parameter groups with OptimScheduler(..., schedules={...})"
        )
    if not callable(function):
        raise TypeError(f"{call}: {name} must be a function, the text of one, or a schedule, got {function!r:.60}")
    try:
        read = expression(text=_formula(function))
        in_the_way = _difference(read, function)
        if not in_the_way:
            return read
    except Exception as error:  # whatever a function of someone's own may do on symbols
        in_the_way = str(error) or type(error).__name__
    raise TypeError(
        f"{call}: {name} cannot be read as one formula, and a schedule stores what it computes.\n    In the way was: "
        f'{in_the_way:.200}.\n    Give its text, {name}="0.95 ** t", or put @lr_fn above def f(real_step, epoch): ... '
        f"and pass {name}=f(); its real_step then counts from 0, as {call.partition('.')[0]}'s counter does"
    )


def _difference(read: Schedule, function: Callable[..., Any]) -> str:
    """Where what was read is not what the function gives, in words; empty if nowhere. Where it raises, it has none."""
    compared = False
    for t in _PROBES:
        try:
            given = float(function(t))
        except Exception:  # its own
            continue
        if not math.isfinite(given):
            continue
        compared = True
        if not math.isclose(read(t), given, rel_tol=1e-12, abs_tol=1e-300):
            return f"what was read gives {read(t):g} at {t}, and the function {given:g}"
    return "" if compared else "it gives no number"


def _formula(function: Callable[..., Any]) -> str:
    """What the function does with a counter, followed on a symbol."""
    on_symbols, errors = taking_symbols(function), list[Exception]()

    def unless_it_raises(counter: Any) -> Any:
        try:
            return on_symbols(counter)
        except (TypeError, trace.Untraceable):  # a symbol is no number
            raise
        except Exception as error:  # its own check of what it was given
            errors.append(error)
            return trace.NOTHING

    found = _where_it_has_values(trace.trace(unless_it_raises, "t", is_foreign=True))
    if found is trace.NOTHING:
        raise errors[0]
    return _as_text(found)


def _where_it_has_values(expression: trace.Expression) -> trace.Expression:
    if not isinstance(expression, trace.Choice):
        return expression
    when, otherwise = map(_where_it_has_values, expression[1:])
    if when is trace.NOTHING:
        return otherwise
    if otherwise is trace.NOTHING:
        return when
    return trace.Choice(expression.condition, when, otherwise)


def _as_text(expression: trace.Expression) -> str:
    match expression:
        case trace.Choice(condition, when, otherwise):
            return f"({_as_text(when)} if {_as_text(condition)} else {_as_text(otherwise)})"
        case trace.Symbol(operation=operation, arguments=()):
            return operation
        case trace.Symbol(operation=function, arguments=arguments) if function.isidentifier() and function != "neg":
            return f"{function}({', '.join(map(_as_text, arguments))})"
        case trace.Symbol(operation="neg", arguments=(operand,)):
            return f"(-{_as_text(operand)})"
        case trace.Symbol(operation=operation, arguments=(left, right)):
            return f"({_as_text(left)} {operation} {_as_text(right)})"
    return repr(expression if type(expression) in (int, float) else float(expression))
