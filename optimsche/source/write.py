"""A plan as one function in another language, or in Python without this library."""

from __future__ import annotations

import keyword
import math
import random
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from optimsche.call_errors import did_you_mean, shown
from optimsche.evaluation.trace import Answers, Following, Symbol, Untraceable
from optimsche.peers._on_symbols import taking_symbols
from optimsche.schedule import Schedule
from optimsche.source.javascript import JavaScriptWriter
from optimsche.source.python import PythonWriter
from optimsche.source.simpler import LARGEST, ROUNDING, Simpler
from optimsche.source.terms import Known, Term, Terms

Language: TypeAlias = Literal["python", "js"]
LANGUAGES: tuple[str, ...] = get_args(Language)

_MOST_PATHS = 4_096
_WIDTH = 100
_CLOCKS = {"t": Known(0.0, LARGEST, True), "e": Known(1.0, LARGEST, True)}
_CLOCK_NAMES = {"python": {"t": "real_step", "e": "epoch"}, "js": {"t": "realStep", "e": "epoch"}}
_ROUNDING_IS = "a clock that is so near to a boundary, as a part of it, is on it"


def code(plan: Schedule, language: Language = "python", *, name: str | None = None) -> str:
    """The text of a function that computes a plan: see `Schedule.code`."""
    if not isinstance(plan, Schedule):
        raise TypeError(f"code takes a schedule, got {shown(plan)} ({type(plan).__name__})")
    if language not in LANGUAGES:
        hint = {"javascript": "; did you mean 'js'?", "py": "; did you mean 'python'?"}.get(str(language).lower())
        raise ValueError(
            f"code: language must be 'python' or 'js', got {shown(language)}{hint or did_you_mean(language, LANGUAGES)}"
        )
    name = ("learning_rate" if language == "python" else "learningRate") if name is None else name
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"code: name must be a name that a function can have, got {shown(name)}")
    terms = Terms()
    simpler = Simpler(terms, _CLOCKS)
    term = simplified(plan, terms, simpler)
    counts_epochs = plan.counts_epochs or (isinstance(term, Term) and "e" in term.variables)
    if not _is_built_in(plan):
        python = PythonWriter(terms, simpler.knowledge, _CLOCK_NAMES["python"])
        _check(plan, _python(python, "function", term, counts_epochs), counts_epochs)
    names = _CLOCK_NAMES[language]
    if language == "python":
        text = _python(PythonWriter(terms, simpler.knowledge, names), name, term, counts_epochs)
        comment = "\n".join(_comment(plan, "# ", names["t"], counts_epochs))
        return f"import math\n\n\n{comment}\n{text}" if "math." in text else f"{comment}\n{text}"
    text = _javascript(JavaScriptWriter(terms, simpler.knowledge, names), name, term, counts_epochs)
    return "\n".join([*_comment(plan, "// ", names["t"], counts_epochs), text])


def simplified(plan: Schedule, terms: Terms, simpler: Simpler) -> Any:
    """All that a plan can compute, in its simplest form."""
    try:
        return simpler(terms.read(plan._node.traced_through(following(terms, simpler), rounding=ROUNDING)))
    except (Untraceable, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"this plan cannot be written as one formula: {reason}") from error


def following(terms: Terms, simpler: Simpler, *, is_known: Callable[[Any], bool | None] = lambda _: None) -> Following:
    """How a plan is followed: users' functions too, and no question is asked whose answer follows from earlier ones.

    Args:
        terms: reads the questions.
        simpler: what is known before any is asked.
        is_known: the answer to a question that follows from something else.
    """
    after: dict[tuple[tuple[int, bool], ...], Simpler] = {(): simpler}  # by the answers given, in their order

    def decide(condition: Symbol, answers: Answers) -> bool | None:
        found = is_known(terms.read(condition))
        if found is not None:
            return found
        given: tuple[tuple[int, bool], ...] = ()
        for asked, answer in answers:
            before, given = after[given], (*given, (id(asked), answer))
            if given not in after:
                after[given] = before.where(before(terms.read(asked)), holds=answer)
        found = after[given](terms.read(condition))
        return found if isinstance(found, bool) else None

    return Following(taking_symbols, decide, _MOST_PATHS)


def _is_built_in(plan: Schedule) -> bool:
    return plan.lr_fn.is_built_in and all(map(_is_built_in, plan.inner))


def _check(plan: Schedule, text: str, counts_epochs: bool) -> None:
    """Refuse a plan with somebody's own function in it that does on symbols something else than on numbers."""
    names: dict[str, Any] = {"math": math}
    exec(compile(text, "<plan>", "exec"), names)
    rng = random.Random(0)
    edges = [math.floor(boundary) + more for boundary in plan.boundaries(most=50) for more in (0, 1)]
    for step in [*range(60), *edges, *(round(10 ** (8 * rng.random())) for _ in range(200))]:
        clocks = (step, rng.randint(1, 100)) if counts_epochs else (step,)
        try:
            meant = plan(*clocks)
        except (ValueError, ArithmeticError):  # it has no value there
            continue
        written = names["function"](*clocks)
        if meant != written:
            raise ValueError(
                "this plan cannot be written as one formula: a function of your own in it was followed, and what was "
                f"found gives {written!r} for real_step={step}, where the plan gives {meant!r}"
            )


def _arguments(names: Mapping[str, str], counts_epochs: bool) -> str:
    return ", ".join(names[clock] for clock in ("t", "e") if clock == "t" or counts_epochs)


def _python(writer: PythonWriter, name: str, term: Any, counts_epochs: bool) -> str:
    body = writer.lines(term)
    if writer.uses_rounding:
        body.insert(0, f"rounding = 2**-32  # {_ROUNDING_IS}")
    head = f"def {name}({_arguments(writer.variables, counts_epochs)}):"
    return "\n".join([head, *("    " + line for line in body)])


def _javascript(writer: JavaScriptWriter, name: str, term: Any, counts_epochs: bool) -> str:
    body = writer.lines(term)
    helpers = writer.helper_lines()
    if writer.uses_rounding:
        helpers.append(f"const rounding = 2 ** -32; // {_ROUNDING_IS}")
    head = f"function {name}({_arguments(writer.variables, counts_epochs)}) {{"
    return "\n".join([head, *("  " + line for line in [*helpers, *body]), "}"])


def _comment(plan: Schedule, sign: str, step: str, counts_epochs: bool) -> list[str]:
    lines = textwrap.wrap(repr(plan), _WIDTH - len(sign), break_long_words=False)
    counted = "; epoch: of the pass over the data, from 1" if counts_epochs else ""
    return [sign + line for line in [*lines, f"{step}: number of the update, from 1{counted}"]]
