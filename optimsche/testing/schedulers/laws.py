"""The laws: what is done besides steps, and what must be true before the first word of a program and after each."""

from __future__ import annotations

import copy
import io
import math
import numbers
import pickle
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimsche.testing.schedulers.driving import USUAL, Maker, Run, Seen, Setting, new_group
from optimsche.testing.schedulers.programs import Program, metrics_of, steps

# Two ways to the same rate may round differently; this is far more than that, and far less than any fault.
_CLOSE = 1e-9
# The rounding of a float32, many times over.
_CLOSE_IN_FLOAT32 = 1e-5
_SMALLEST_FLOAT32 = 1e-30


class Found(Exception):
    """What a word finds wrong while it is done."""


class Case:
    """One program on one scheduler: the run, what others show that are stepped alike, and what the law keeps."""

    def __init__(self, maker: Maker, program: Program, setting: Setting) -> None:
        self.maker = maker
        self.run = maker.run(setting)
        takes_metric = self.run.driver.takes_metric
        self._metrics = metrics_of(program if takes_metric else steps(maker.horizon))
        self.kept: list[Any] = []

    def alone(self, setting: Setting = USUAL) -> Seen | None:
        """What a run shows that was stepped as often, and nothing else; None where that raises."""
        seen = self.maker.alone(self._metrics, setting)
        return seen[self.run.count] if self.run.count < len(seen) else None


Act = Callable[[Case], None]
Look = Callable[[Case], str | None]


@dataclass(frozen=True)
class Law:
    """A law: what it says, what it looks at, the words that its programs have besides ``step``."""

    says: str
    look: Look
    words: Mapping[str, Act] = field(default_factory=dict)
    setting: Setting = USUAL
    applies: Callable[[Run], bool] = lambda run: True
    # A run that raises where one left alone raises, too, breaks this law only, and no other.
    asks_for_rates: bool = False


# ---------------------------------------------------------------------------------------------------------------------
# Comparing
# ---------------------------------------------------------------------------------------------------------------------


def shown(rates: Sequence[Any]) -> str:
    """Rates as a message has them."""
    return f"[{', '.join(map(repr, rates))}]"


def _agree(one: Any, other: Any, close: float = _CLOSE) -> bool:
    """Whether two rates are the same; whatever they are, also if they are no numbers."""
    try:
        if one == other or (one != one and other != other):
            return True
        bound = close * max(abs(one), abs(other), USUAL.base_rates[0] * 1e-3)
        return bool(abs(one - other) <= bound)
    except Exception:
        return False


def _all_agree(some: Sequence[Any], others: Sequence[Any], close: float = _CLOSE) -> bool:
    return len(some) == len(others) and all(_agree(a, b, close) for a, b in zip(some, others, strict=True))


def _difference(one: Any, other: Any, path: str = "state") -> str | None:
    """Where a nest of dictionaries, lists, tensors and objects is no longer what it was, in words."""
    if one is other:
        return None
    if hasattr(one, "tolist") and hasattr(other, "tolist"):
        return _difference(one.tolist(), other.tolist(), path)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            if key not in other:
                return f"{path}[{key!r}] was {one[key]!r} and is gone"
            if key not in one:
                return f"{path}[{key!r}] is new: {other[key]!r}"
            found = _difference(one[key], other[key], f"{path}[{key!r}]")
            if found:
                return found
        return None
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        inside = (_difference(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((found for found in inside if found), None)
    if type(one) is type(other) and hasattr(one, "__dict__") and not isinstance(one, type | types.FunctionType):
        return _difference(vars(one), vars(other), path)
    return None if _agree(one, other, 0.0) else f"{path} was {one!r} and is {other!r}"


# ---------------------------------------------------------------------------------------------------------------------
# What is looked at
# ---------------------------------------------------------------------------------------------------------------------


def _is_rate(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _finite(case: Case) -> str | None:
    rates = case.run.seen().rates
    return None if all(map(_is_rate, rates)) else f"the rates are {shown(rates)}"


def _not_negative(case: Case) -> str | None:
    rates = case.run.seen().rates
    return f"the rates are {shown(rates)}" if any(_is_rate(rate) and rate < 0 for rate in rates) else None


def _like_one_left_alone(case: Case) -> str | None:
    seen, alone = case.run.seen(), case.alone()
    if alone is None:
        return None
    if not _all_agree(seen.rates, alone.rates):
        return f"the rates are {shown(seen.rates)}, and those of a run left alone {shown(alone.rates)}"
    if seen.last is not None and alone.last is not None and not _all_agree(seen.last, alone.last):
        return f"get_last_lr() is {shown(seen.last)}, and that of a run left alone {shown(alone.last)}"
    return None


def _the_same_twice(case: Case) -> str | None:
    seen, before = case.run.seen(), case.alone()
    if before is None or _all_agree(seen.rates, before.rates, 0.0):
        return None
    return f"the rates are {shown(seen.rates)}, and in a run before this one they were {shown(before.rates)}"


def _groups_independent(case: Case) -> str | None:
    first, second = USUAL.base_rates
    alone = case.alone()
    for base_rates, place, here in [
        ((second, first), 0, 1),
        ((second, first), 1, 0),
        ((first, 2 * second), 0, 0),
        ((2 * first, second), 1, 1),
        ((first,), 0, 0),
    ]:
        other = case.alone(Setting(base_rates))
        if alone is None or other is None:
            continue
        if len(other.rates) != len(base_rates) or not _agree(other.rates[place], alone.rates[here]):
            return (
                f"a group of base rate {base_rates[place]} has {other.rates[place]!r} where the groups have base rates "
                f"{list(base_rates)}, and {alone.rates[here]!r} where they have {[first, second]}"
            )
    return None


def _last_lr(case: Case) -> str | None:
    seen = case.run.seen()
    if seen.last is None or _all_agree(seen.last, seen.rates):
        return None
    return f"get_last_lr() is {shown(seen.last)}, and the groups have {shown(seen.rates)}"


def _closed_form(case: Case) -> str | None:
    rates, closed = case.run.seen().rates, tuple(case.run.scheduler._get_closed_form_lr())
    if _all_agree(rates, closed):
        return None
    return f"the rates are {shown(rates)}, and the closed form has {shown(closed)}"


def _tensor_rate(case: Case) -> str | None:
    rates, alone = case.run.seen().rates, case.alone()
    if alone is None or _all_agree(rates, alone.rates, _CLOSE_IN_FLOAT32):
        return None
    return f"the rates are {shown(rates)}, and {shown(alone.rates)} where they are floats"


def _in_place(case: Case) -> str | None:
    for number, (group, tensor) in enumerate(zip(case.run.optimizer.param_groups, case.run.given, strict=True)):
        if group["lr"] is not tensor:
            return f"the rate of group {number} is no longer the tensor that it was, but {group['lr']!r}"
    return None


def _saved_states_stay(case: Case) -> str | None:
    found = (_difference(before, state) for before, state in case.kept)
    return next((f"in a state that was saved before, {words}" for words in found if words), None)


def _base_rates(case: Case) -> str | None:
    bases = USUAL.base_rates
    doubled = tuple(2 * base for base in bases)
    alone, other = case.alone(), case.alone(Setting(doubled))
    if alone is None or other is None:
        return None
    for rates, base_rates in ((alone.rates, bases), (other.rates, doubled)):
        factor = _ratio(alone.rates[0], bases[0])
        if not all(_agree(_ratio(rate, base), factor) for rate, base in zip(rates, base_rates, strict=True)):
            return (
                f"of base rates {list(base_rates)} it makes {shown(rates)}, where of {bases[0]} it makes "
                f"{alone.rates[0]!r}: not the same part"
            )
    return None


def _ratio(rate: Any, base: float) -> Any:
    try:
        return rate / base
    except Exception:
        return rate


def _added_groups(case: Case) -> str | None:
    seen, alone = case.run.seen(), case.alone()
    if alone is None:
        return None
    number = len(alone.rates)
    if not _all_agree(seen.rates[:number], alone.rates):
        return f"the old groups have {shown(seen.rates[:number])}, and without the new one {shown(alone.rates)}"
    added, steps_since = seen.rates[number:], case.run.count - case.kept[0] if case.kept else 0
    if not added or not steps_since:
        return None
    always = case.alone(Setting((*USUAL.base_rates, _BASE_OF_ADDED)))
    if always is None or _agree(added[0], always.rates[number]):
        return None
    return f"the added group has {added[0]!r}, and one that was there from the beginning {always.rates[number]!r}"


def _nothing(case: Case) -> None:
    return None


# ---------------------------------------------------------------------------------------------------------------------
# What is done
# ---------------------------------------------------------------------------------------------------------------------

_BASE_OF_ADDED = 0.05
# Where the long message of torch.load(..., weights_only=True) says what it did not load.
_WHY = "WeightsUnpickler error"


def _saved(run: Run) -> tuple[Any, Any, int]:
    """A checkpoint: what both have now, apart from them, and the training loop's number of steps."""
    if not run.has_state and not run.driver.is_stateless:
        raise Found("it has no state_dict and load_state_dict, so a run cannot be resumed")
    return copy.deepcopy(run.optimizer.state_dict()), copy.deepcopy(run.state()), run.count


def _resume(case: Case) -> None:
    optimizer, state, count = _saved(case.run)
    case.run = case.maker.run()
    case.run.optimizer.load_state_dict(optimizer)
    case.run.load(state, count)


def _resume_scheduler_first(case: Case) -> None:
    optimizer, state, count = _saved(case.run)
    case.run = case.maker.run()
    case.run.load(state, count)
    case.run.optimizer.load_state_dict(optimizer)


def _resume_on_restored_optimizer(case: Case) -> None:
    optimizer, state, count = _saved(case.run)
    case.run = case.maker.run()
    case.run.optimizer = case.maker.new_optimizer(USUAL)
    case.run.optimizer.load_state_dict(optimizer)
    case.run.attach()
    case.run.load(state, count)


def _load_into_another(case: Case) -> None:
    """Another one is made, takes over a state as it is, and goes on."""
    other = case.maker.run()
    state = copy.deepcopy(case.run.state())
    before = copy.deepcopy(state)
    other.load(state, case.run.count)
    found = _difference(before, state)
    if found:
        raise Found(f"in the state that was loaded, {found}")
    _go_on(other)
    found = _difference(before, state)
    if found:
        raise Found(f"in the state that was loaded, once its loader has gone on, {found}")


def _go_on(run: Run) -> None:
    """A step or two, as far as it may go."""
    for _ in range(min(2, run.maker.horizon - run.count)):
        run.step()


def _lend(case: Case) -> None:
    """Another one is made, takes the state as it is, and goes on by itself."""
    other = case.maker.run()
    other.optimizer.load_state_dict(case.run.optimizer.state_dict())
    other.load(case.run.state(), case.run.count)
    _go_on(other)


def _save(case: Case) -> None:
    state = case.run.state()
    case.kept.append((copy.deepcopy(state), state))


def _to_file(case: Case) -> None:
    import torch

    file = io.BytesIO()
    try:
        torch.save(case.run.state(), file)
    except Exception as error:
        raise Found(f"torch.save of its state raises {in_words(error)}") from error
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except Exception as error:
        raise Found(f"torch.load(..., weights_only=True) of its state raises {in_words(error)}") from error


def _copy(case: Case) -> None:
    """The copy goes on, and so does what it was made of, apart from it."""
    optimizer, scheduler = copy.deepcopy((case.run.optimizer, case.run.scheduler))
    if case.run.count < case.maker.horizon:
        case.run.step()
        case.run.count -= 1
    case.run.optimizer, case.run.scheduler = optimizer, scheduler


def _pickle(case: Case) -> None:
    both = pickle.loads(pickle.dumps((case.run.optimizer, case.run.scheduler)))
    case.run.optimizer, case.run.scheduler = both


def _read(case: Case) -> None:
    case.run.read()


def _add_group(case: Case) -> None:
    if case.kept:  # one is enough
        return
    case.kept.append(case.run.count)
    case.run.optimizer.add_param_group(new_group(_BASE_OF_ADDED))


def in_words(error: BaseException) -> str:
    """An error in one line: its first, or the sentence in which torch.load says why."""
    text = str(error).strip()
    why = (text[text.index(_WHY) :].partition(". ")[0] if _WHY in text else text).partition("\n")[0]
    return f"{type(error).__name__}: {why}" if why else type(error).__name__


# ---------------------------------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------------------------------


def _has(method: str) -> Callable[[Run], bool]:
    return lambda run: callable(getattr(run.scheduler, method, None))


def _is_saved(run: Run) -> bool:
    return run.has_state


_AS_TENSORS = Setting(as_tensors=True)

# Whether there are rates at all comes first: without them no other law can be asked.
BY_DEFAULT: dict[str, Law] = {
    "finite": Law("a rate is a real, finite number", _finite, asks_for_rates=True),
    "not_negative": Law("no rate is below 0", _not_negative),
    "repeatable": Law("the same run has the same rates, bit for bit", _the_same_twice),
    "groups_independent": Law("a group's rate does not depend on the other groups", _groups_independent),
    "last_lr": Law("get_last_lr() is what the groups have", _last_lr, applies=_has("get_last_lr")),
    "closed_form": Law("step by step is the closed form", _closed_form, applies=_has("_get_closed_form_lr")),
    "tensor_rate": Law("a tensor as rate has the values of a float", _tensor_rate, setting=_AS_TENSORS),
    "reading": Law("reading changes nothing", _like_one_left_alone, {"read": _read}),
    "resumed": Law("a resumed run goes on like one left alone", _like_one_left_alone, {"resume": _resume}),
    "resumed_scheduler_first": Law(
        "so does one whose scheduler is loaded before its optimizer",
        _like_one_left_alone,
        {"resume": _resume_scheduler_first},
        applies=_is_saved,
    ),
    "load_keeps_source": Law(
        "one that loads a state shares nothing with its owner",
        _like_one_left_alone,
        {"lend": _lend},
        applies=_is_saved,
    ),
    "load_keeps_argument": Law(
        "loading a state does not change it",
        _nothing,
        {"load": _load_into_another},
        applies=_is_saved,
    ),
    "saved_state_stays": Law(
        "a state does not change after it was saved", _saved_states_stay, {"save": _save}, applies=_is_saved
    ),
    "weights_only": Law(
        "a saved state is loaded with weights_only=True", _nothing, {"save": _to_file}, applies=_is_saved
    ),
    "copied": Law("a copy goes on like the original, and apart from it", _like_one_left_alone, {"copy": _copy}),
}
# What no system keeps for all of its schedulers: asked for by name.
ASKED_FOR: dict[str, Law] = {
    "base_rates": Law("rates are in proportion to the groups' base rates", _base_rates),
    "added_groups": Law(
        "old groups go on when one is added, and that one follows", _added_groups, {"add_group": _add_group}
    ),
    "in_place": Law("a tensor as rate stays the same tensor", _in_place, setting=_AS_TENSORS),
    "optimizer_first": Law(
        "a resumed run goes on where the optimizer is restored before the scheduler is made",
        _like_one_left_alone,
        {"resume": _resume_on_restored_optimizer},
    ),
    "pickle": Law("optimizer and scheduler go on after pickle", _like_one_left_alone, {"pickle": _pickle}),
}
