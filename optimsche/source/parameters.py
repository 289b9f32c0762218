"""A plan as a function of the update and of its parameters, for a page with sliders."""

from __future__ import annotations

import keyword
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from optimsche.evaluation.trace import Example, Untraceable, trace
from optimsche.schedule import Schedule
from optimsche.source.javascript import JavaScriptWriter
from optimsche.source.python import PythonWriter
from optimsche.source.simpler import LARGEST, Simpler
from optimsche.source.terms import Known, Terms
from optimsche.source.write import following

_TRIED = 200


class Range(NamedTuple):
    """What a parameter may be, and what it is at first."""

    low: float
    high: float
    value: float
    whole: bool = False
    """Whether it is a number of updates, or another that is whole."""


def code_with_parameters(build: Callable[..., Schedule], ranges: Mapping[str, Range], *, name: str) -> str:
    """JavaScript that computes a plan from the update and from parameters.

    Args:
        build: the plan from its parameters, given by name.
        ranges: of each parameter.
        name: of the function, in words with underscores between them.

    Returns:
        The text of a function of `realStep` and of the parameters in their order, their names in camel case. It knows
        no rounding errors of clocks: lengths and updates are meant to be whole.

    Raises:
        ValueError: what the plan is made of does not follow from the parameters as a formula, for all of their ranges.

    >>> from optimsche import linear
    >>> build = lambda steps: linear(start=0.1, steps=steps)
    >>> print(code_with_parameters(build, {"steps": Range(1, 200, 100, whole=True)}, name="rate"))
    function rate(realStep, steps) {
      if (realStep < steps) {
        return 0.1 - 0.1 * (realStep / steps);
      }
      return 0;
    }
    """
    for parameter in ranges:
        if not parameter.isidentifier() or keyword.iskeyword(parameter) or parameter in ("t", "e", "rounding"):
            raise ValueError(f"a parameter needs a name that a function can have, got {parameter!r}")
    terms = Terms()
    known = {parameter: Known(low, high, whole) for parameter, (low, high, _, whole) in ranges.items()}
    simpler = Simpler(terms, {"t": Known(0.0, LARGEST, True)} | known)
    term = _traced(build, ranges, terms, simpler)
    _check(build, ranges, terms, simpler, term)
    writer = JavaScriptWriter(terms, simpler.knowledge, {})
    camel = {parameter: writer.name(parameter) for parameter in ranges}
    writer.variables = {"t": "realStep"} | camel
    body = writer.lines(term)
    head = f"function {writer.name(name)}({', '.join(writer.variables.values())}) {{"
    return "\n".join([head, *("  " + line for line in [*writer.helper_lines(), *body]), "}"])


def _traced(build: Callable[..., Schedule], ranges: Mapping[str, Range], terms: Terms, simpler: Simpler) -> Any:

    def is_known(question: Any) -> bool | None:
        """What is equal but for rounding, and whether a rate is 0, needs no branch of its own."""
        is_order = question.operation in ("<", "<=", ">", ">=")
        return None if is_order or "t" in question.variables else True

    def formula(real_step: Any, epoch: Any, *parameters: Any) -> Any:
        examples = {
            name: Example(given.value, symbol) for (name, given), symbol in zip(ranges.items(), parameters, strict=True)
        }
        plan = build(**examples)
        if plan.counts_epochs:
            raise ValueError("it counts epochs")
        node = plan._node.with_params(_symbols_in(plan))
        return node.traced_value(real_step, epoch)

    try:
        return simpler(
            terms.read(
                trace(
                    formula, "t", "e", *ranges, is_foreign=True, following=following(terms, simpler, is_known=is_known)
                )
            )
        )
    except (Untraceable, RecursionError, TypeError) as error:
        raise ValueError(f"this plan cannot be written as one formula of its parameters: {error}") from error


def _symbols_in(plan: Schedule) -> dict[str, Any]:
    """What stands for numbers among the parameters of a plan, in the form that `apply` takes."""
    found: dict[str, Any] = {}
    for name, value in plan.arguments.items():
        if isinstance(value, Schedule):
            found[name] = _symbols_in(value)
        elif type(value) is Example:
            found[name] = value.symbol
        elif isinstance(value, tuple) and any(type(one) is Example for one in value):
            found[name] = tuple(one.symbol if type(one) is Example else one for one in value)
    return found


def _check(
    build: Callable[..., Schedule], ranges: Mapping[str, Range], terms: Terms, simpler: Simpler, term: Any
) -> None:
    """Refuse what was recorded of one example and does not hold for others."""
    writer = PythonWriter(terms, simpler.knowledge, {"t": "real_step", **{name: name for name in ranges}})
    body = "\n".join("    " + line for line in writer.lines(term))
    names: dict[str, Any] = {}
    exec(compile(f"import math\ndef function(real_step, {', '.join(ranges)}):\n{body}", "<plan>", "exec"), names)
    rng = random.Random(0)
    tried = 0
    for _ in range(20 * _TRIED):
        values = {name: _drawn(given, rng) for name, given in ranges.items()}
        try:
            plan = build(**values)
        except ValueError:  # parameters that do not go together
            continue
        last = int(plan.length if plan.length < LARGEST else 2 * max(values.values())) + 1
        steps = [0, 1, *(rng.randint(0, last) for _ in range(3)), last]
        highest = max(map(plan, steps))
        for step in steps:
            meant, written = plan(step), names["function"](step, **values)
            if abs(meant - written) > 1e-12 * highest:
                raise ValueError(
                    f"this plan cannot be written as one formula of its parameters: with {values} it is {meant!r} at "
                    f"{step}, and the formula gives {written!r}"
                )
        tried += 1
        if tried == _TRIED:
            return
    if not tried:
        raise ValueError("no plan can be built with parameters of these ranges")


def _drawn(given: Range, rng: random.Random) -> float:
    return rng.randint(int(given.low), int(given.high)) if given.whole else rng.uniform(given.low, given.high)
