"""``check_scheduler``: the laws of whatever is stepped, searched for a program that breaks one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import errors

from optimsche.call_errors import did_you_mean
from optimsche.missing import needs
from optimsche.testing.schedulers import programs
from optimsche.testing.schedulers.driving import Maker
from optimsche.testing.schedulers.laws import ASKED_FOR, BY_DEFAULT, Case, Found, Law, in_words
from optimsche.testing.schedulers.programs import Program, Word, text_of
from optimsche.testing.search import search

if TYPE_CHECKING:
    import torch


def check_scheduler(
    make: Callable[[torch.optim.Optimizer], Any],
    *,
    horizon: int = 30,
    also: Collection[str] = (),
    without: Collection[str] = (),
    examples: int = 30,
    optimizer: Callable[[list[dict[str, Any]]], torch.optim.Optimizer] | None = None,
) -> tuple[str, ...]:
    """Search for a program of steps, saves, loads, copies and reads for which a scheduler breaks a law.

    Args:
        make: puts a new scheduler on an optimizer, which has two groups with rates 0.1 and 0.025, and returns it. Of
            torch's kind (``step()``, also with a metric, or with the number of the step), timm's, ignite's, or a
            function of the number of steps so far, from 0, such as optax's.
        horizon: how many steps it may make; >= 1.
        also: laws that are asked besides: "base_rates", "added_groups", "in_place", "optimizer_first", "pickle".
        without: laws that it breaks on purpose.
        examples: how many programs hypothesis draws for a law, after all those that do one thing once.
        optimizer: makes the optimizer of a list of groups; by default ``torch.optim.AdamW``.

    Returns:
        The names of the laws that were asked. Left out are those that it has nothing for: no ``get_last_lr``, no
        closed form, no state.

    Raises:
        AssertionError: a law is broken; the message has the law, the shortest program that was found, both values.
        TypeError: ``make`` returns no scheduler.
        ValueError: ``also`` or ``without`` has an unknown name, or ``horizon`` is less than 1.

    >>> import torch
    >>> class Halving:
    ...     def __init__(self, optimizer):
    ...         self.optimizer, self.number = optimizer, 0
    ...     def step(self):
    ...         self.number += 1
    ...         for group in self.optimizer.param_groups:
    ...             group["lr"] = group["lr"] / 2 if self.number % 10 == 0 else group["lr"]
    ...     def state_dict(self):
    ...         return {}
    ...     def load_state_dict(self, state):
    ...         pass
    >>> check_scheduler(Halving)
    Traceback (most recent call last):
    AssertionError: resumed: Halving: a resumed run goes on like one left alone
        after ['step', 'resume'] + ['step'] * 9 the rates are [0.1, 0.025], and those of a run left alone [0.05, 0.0125]
    """
    if not callable(make):
        raise TypeError(f"check_scheduler(make): make must be a function of an optimizer, got {type(make).__name__}")
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise ValueError(f"check_scheduler(horizon={horizon!r}): horizon must be a whole number of steps >= 1")
    laws = _laws(also, without)
    if find_spec("torch") is None:
        raise needs("check_scheduler", "torch")
    maker = Maker(make, optimizer, horizon)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what schedulers say of the order of calls is no finding
        first = maker.run()
        asked = {name: law for name, law in laws.items() if law.applies(first)}
        for name, law in asked.items():
            _search(name, law, maker, first.driver.takes_metric, examples)
    return tuple(asked)


def _laws(also: Collection[str], without: Collection[str]) -> dict[str, Law]:
    for argument, names, known in (("also", also, ASKED_FOR), ("without", without, BY_DEFAULT)):
        if isinstance(names, str):
            raise TypeError(f"check_scheduler({argument}={names!r}): write a list, {argument}=[{names!r}]")
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"; they are {', '.join(known)}"
                other = BY_DEFAULT if known is ASKED_FOR else ASKED_FOR
                if name in other:
                    hint = "; it is asked by default" if other is BY_DEFAULT else "; it is asked only with also="
                raise ValueError(f"check_scheduler({argument}=...) has no law {name!r}{hint}")
    chosen = {name: law for name, law in BY_DEFAULT.items() if name not in without}
    return chosen | {name: law for name, law in ASKED_FOR.items() if name in also}


def _search(name: str, law: Law, maker: Maker, takes_metric: bool, examples: int) -> None:
    """First every program that does one thing once, so that none is missed; then those that hypothesis draws."""
    subject = type(maker.run().scheduler).__name__

    def holds(program: Program) -> None:
        found = _broken(law, maker, program, takes_metric)
        if found is not None:
            raise _refusal(name, law, subject, found)

    first = programs.with_one_word(law.words, maker.horizon) if law.words else [programs.steps(maker.horizon)]
    broken = [found for found in (_broken(law, maker, program, takes_metric) for program in first) if found]
    if broken:
        raise _refusal(name, law, subject, min(broken, key=lambda found: found.length))
    if not law.words and not takes_metric:
        return
    drawn = programs.drawn(tuple(law.words), maker.horizon, with_metric=takes_metric)
    try:
        search(holds, drawn, examples=examples)
    except AssertionError as error:  # without hypothesis' own notes: the message has all that they say
        raise AssertionError(str(error)) from error.__cause__
    except errors.Flaky as error:
        raise AssertionError(
            f"repeatable: {subject} broke the law {name!r} and kept it when asked again\n    {error}"
        ) from None


class _CounterExample(NamedTuple):
    """What a program shows that breaks a law, and how long it is."""

    length: int
    how: str
    cause: BaseException | None


def _refusal(name: str, law: Law, subject: str, broken: _CounterExample) -> AssertionError:
    error = AssertionError(f"{name}: {subject}: {law.says}\n    {broken.how}")
    error.__cause__ = broken.cause
    return error


def _broken(law: Law, maker: Maker, program: Program, takes_metric: bool) -> _CounterExample | None:
    """Do what a program says, and look before its first word and after each; None if it keeps the law."""
    try:
        case = Case(maker, program, law.setting)
    except Exception as error:
        return _CounterExample(0, f"making it raises {in_words(error)}", error)
    done: list[Word] = []
    cause: BaseException | None = None
    try:
        how = law.look(case)
        for word in program:
            if how is not None:
                break
            done.append(word)
            if word.name == "step":
                case.run.step(word.metric)
            else:
                law.words[word.name](case)
            how = law.look(case)
    except Found as found:
        how, cause = str(found), found.__cause__
    except Exception as error:
        how, cause = f"it raises {in_words(error)}", error
        if law.asks_for_rates:
            how += f"\n    If it ends before that, say so: horizon={max(case.run.count - 1, 1)}"
        elif done and done[-1].name == "step" and case.alone() is None:
            return None  # so does one that is left alone
    if how is None:
        return None
    return _CounterExample(len(done), f"after {text_of(done, with_metric=takes_metric)} {how}", cause)
