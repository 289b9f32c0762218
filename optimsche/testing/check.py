"""``check_laws``: every law that applies to an lr function, searched for a counter-example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import errors
from hypothesis import strategies as st

from optimsche.combinators import then
from optimsche.lr_fn import LrFn
from optimsche.schedule import Schedule
from optimsche.testing import algebra, backends, kinds, laws, segments
from optimsche.testing.numbers import epochs, real_steps
from optimsche.testing.search import search
from optimsche.testing.strategies import params
from optimsche.testing.subjects import OnePlan, PlanFunction, Subject, Tested, subjects_of

_FACTORS = st.sampled_from([0.5, 0.1, 3.0, 3e-4])
_LENGTHS = st.integers(1, 1_000)


class _Case(NamedTuple):
    """One example: a schedule, clocks, how to draw more, and how to make the schedule again."""

    schedule: Schedule
    steps: list[int]
    epoch: float
    draw: Callable[[st.SearchStrategy[Any]], Any]
    options: dict[str, Any]
    again: Callable[[], Schedule]


_Law = Callable[[_Case], object]


def check_laws(
    lr_fn: Tested | Iterable[Tested],
    *,
    segment: bool | None = None,
    continuous: bool = False,
    backends: Sequence[str] | None = None,
    ulps: float = 4,
    examples: int = 100,
    **strategies: st.SearchStrategy[Any],
) -> tuple[str, ...]:
    """Search for parameters and clocks for which an lr function, or a plan, breaks a law.

    Every function is asked to be pure, finite, not negative, equal on arrays and numbers, also in float32, to
    round-trip through text and JSON, and to obey the laws of the combinators. That it sees one kind of clock, which it
    may write into, is what the library promises it, and is asked besides. A segment is asked for exact ends and a
    monotone way between them; continuity is asked of those that are declared continuous. A function that returns a plan
    is asked besides for an equal one when it is called again.

    Args:
        lr_fn: a function made by ``@lr_fn``; a plan; a function that returns one, such as a named plan, whose
            parameters are drawn from its signature; or a list of these.
        segment: whether the laws of segments apply. By default if its first parameters are start, end and steps.
        continuous: whether its values must not jump.
        backends: array libraries that it must work on, as for
            :func:`~optimsche.testing.assert_same_on_every_backend`; an empty list for one that takes numbers only.
        ulps: how far arrays and numbers may be apart, in units in the last place.
        examples: how many examples each law is tried on.
        strategies: hypothesis strategies for parameters whose annotation does not say enough, by name.

    Returns:
        The names of the laws that were tried.

    Raises:
        AssertionError: a law is broken; the message has the law, the smallest schedule found that breaks it, the
            clock and the values.
        TypeError: none of these, an unknown parameter in ``strategies``, or a parameter of which nothing says what to
            draw.
        ValueError: no parameters were found that the function takes, or the list is empty.

    >>> from optimsche import Rate, Steps, lr_fn
    >>> @lr_fn
    ... def falling_again(real_step, epoch, *, peak: Rate, every: Steps):
    ...     return peak * (1 - (real_step % every) / every)
    >>> "assert_pure" in check_laws(falling_again, backends=["numpy"], examples=20)
    True
    """
    subjects = subjects_of(lr_fn, "check_laws")
    if isinstance(backends, str):
        raise TypeError(f"check_laws(backends={backends!r}): write a list, backends=[{backends!r}]")
    options = {"backends": backends, "ulps": ulps}
    tried: dict[str, None] = {}
    for subject, own in _with_their_strategies(subjects, strategies):
        drawn = params(subject, **own)
        for name, law in _laws_for(subject, segment, continuous).items():
            _search(law, subject, drawn, options, examples)
            tried[name] = None
    return tuple(tried)


def _with_their_strategies(
    subjects: list[Subject], strategies: dict[str, st.SearchStrategy[Any]]
) -> Iterator[tuple[Subject, dict[str, st.SearchStrategy[Any]]]]:
    """Each with the strategies for the parameters that it has; one that none has is left to the first to refuse."""
    known = {name for subject in subjects for name in subject.__signature__.parameters}
    for subject in subjects:
        has = subject.__signature__.parameters
        yield subject, {name: given for name, given in strategies.items() if name in has or name not in known}


def _laws_for(lr_fn: Subject, segment: bool | None, continuous: bool) -> dict[str, _Law]:
    chosen = dict(_FOR_ALL)
    if not isinstance(lr_fn, LrFn | OnePlan):
        chosen = {"assert_same_plan": _same_plan, **chosen}
    if lr_fn.is_segment if segment is None else segment:
        chosen |= _FOR_SEGMENTS
    if continuous:
        chosen["assert_continuous"] = lambda case: laws.assert_continuous(case.schedule, epoch=case.epoch)
    return chosen | _COMBINED


def _search(
    law: _Law, lr_fn: Subject, drawn: st.SearchStrategy[dict[str, Any]], options: dict[str, Any], examples: int
) -> None:
    def holds(arguments: dict[str, Any], steps: list[int], epoch: float, data: st.DataObject) -> None:
        schedule = lr_fn(**arguments)
        clocks = sorted({*laws.clocks(schedule), *steps})
        try:
            law(_Case(schedule, clocks, epoch, data.draw, options, lambda: lr_fn(**arguments)))
        except AssertionError as error:
            if not isinstance(lr_fn, PlanFunction) or not arguments:
                raise
            raise AssertionError(f"{error}\n    of {lr_fn.call(arguments)}") from error.__cause__

    try:
        search(holds, drawn, st.lists(real_steps(), max_size=4), epochs(), st.data(), examples=examples)
    except AssertionError as error:  # without hypothesis' own notes: the message has all that they say
        raise AssertionError(str(error)) from error.__cause__
    except errors.Unsatisfiable:
        raise ValueError(
            f"check_laws: no parameters of {lr_fn.name} were found that it takes; say what they are drawn from: "
            f"check_laws({lr_fn.name}, {next(iter(lr_fn.__signature__.parameters), 'name')}=strategy)"
        ) from None
    except errors.Flaky as error:
        raise AssertionError(
            f"assert_pure: {lr_fn.name} broke a law and kept it when asked again, so it depends on more than its "
            f"clocks and parameters\n    {error}"
        ) from None


def _same_plan(case: _Case) -> None:
    again = case.again()
    if again != case.schedule:
        raise laws.broken("assert_same_plan", case.schedule, f"called again, the function returns {again!r}")


def _then(case: _Case) -> None:
    s, at = case.schedule, case.draw(_LENGTHS)
    algebra.assert_then_plays_both(s, s, at, epoch=case.epoch)
    algebra.assert_then_associates(s, then(s, s, at=3), s, at=(at, case.draw(_LENGTHS)), epoch=case.epoch)


def _scale(case: _Case) -> None:
    by = case.draw(_FACTORS)
    algebra.assert_scale_distributes(case.schedule, case.schedule, case.draw(_LENGTHS), by, epoch=case.epoch)
    algebra.assert_scale_composes(case.schedule, (by, case.draw(_FACTORS)), epoch=case.epoch)


def _shift(case: _Case) -> None:
    by, sign = (case.draw(_LENGTHS), case.draw(_LENGTHS)), case.draw(st.sampled_from([1, -1]))
    algebra.assert_shift_adds(case.schedule, (sign * by[0], sign * by[1]), epoch=case.epoch)


def _clocks(law: Callable[..., object]) -> _Law:
    return lambda case: law(case.schedule, case.steps, case.epoch)


_FOR_ALL: dict[str, _Law] = {
    # Whether it has a value at all comes first: without one no other law can be asked.
    "assert_finite": _clocks(laws.assert_finite),
    "assert_pure": _clocks(laws.assert_pure),
    "assert_not_negative": _clocks(laws.assert_not_negative),
    "assert_length_and_boundaries": lambda case: laws.assert_length_and_boundaries(case.schedule),
    "assert_same_on_every_backend": lambda case: backends.assert_same_on_every_backend(
        case.schedule, case.steps, case.epoch, **case.options
    ),
    "assert_sees_one_kind": lambda case: kinds.assert_sees_one_kind(
        case.schedule, case.steps, case.epoch, backends=case.options["backends"]
    ),
    "assert_may_write_into_its_clock": lambda case: kinds.assert_may_write_into_its_clock(
        case.schedule, case.steps, case.epoch, **case.options
    ),
    "assert_same_in_float32": lambda case: kinds.assert_same_in_float32(
        case.schedule, case.steps, case.epoch, backends=case.options["backends"]
    ),
    "assert_apply": _clocks(laws.assert_apply),
    "assert_round_trips": _clocks(laws.assert_round_trips),
}
_FOR_SEGMENTS: dict[str, _Law] = {
    "assert_exact_ends": lambda case: segments.assert_exact_ends(case.schedule),
    "assert_inside": lambda case: segments.assert_inside(case.schedule, case.steps),
    "assert_one_way": lambda case: segments.assert_one_way(case.schedule, case.steps),
}
_COMBINED: dict[str, _Law] = {
    "assert_then": _then,
    "assert_scale": _scale,
    "assert_shift_adds": _shift,
    "assert_stretch_multiplies": lambda case: algebra.assert_stretch_multiplies(
        case.schedule, (2 ** case.draw(st.integers(0, 3)), 4), epoch=case.epoch
    ),
    "assert_warmup_meets": lambda case: algebra.assert_warmup_meets(
        case.schedule, case.draw(_LENGTHS), epoch=case.epoch
    ),
    "assert_repeats": lambda case: algebra.assert_repeats(case.schedule, case.draw(_LENGTHS), case.epoch),
    "assert_clamps": lambda case: algebra.assert_clamps(case.schedule, 0.1, 0.1 + case.draw(_FACTORS), case.epoch),
}
