"""What a formula may rely on, whatever kind of number the clock came in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from optimsche.combinators import add, by_tokens, stretch
from optimsche.evaluation.clocks import NO_EPOCH
from optimsche.evaluation.trace import is_symbol
from optimsche.libraries import double_precision_of_jax, is_number
from optimsche.lr_fn import LrFn
from optimsche.schedule import Schedule
from optimsche.testing.backends import available_backends, filled_up, slope
from optimsche.testing.laws import broken, clocks, largest_value

# Past this many elements a NumPy array goes to the formula as an array, and not number by number.
_MANY = 600
# After some calls a schedule has flat code: what holds for the first holds for this one, whatever number comes next.
_FORTIETH, _ONCE_MORE = 40, 2

_Make = Callable[[list[int]], Any]


def assert_sees_one_kind(
    schedule: Schedule,
    real_steps: Iterable[int] | None = None,
    epoch: float = 1.0,
    *,
    backends: Sequence[str] | None = None,
) -> None:
    """The formula gets Python floats, or arrays of the one widest real type of their library, whatever came in.

    Whole numbers, NumPy's scalars, arrays of whole numbers, of float32 and of the other byte order; at the first calls
    and past the fortieth; alone, in ``apply``, and inside a combinator or a function of somebody else.

    Args:
        schedule: the schedule, whose own formula is watched.
        real_steps: whole clocks; by default :func:`~optimsche.testing.clocks`.
        epoch: the other clock.
        backends: of "numpy", "torch" and "jax". By default those that are installed; none for numbers only.

    Raises:
        AssertionError: the formula saw something else.

    >>> from optimsche import cosine
    >>> assert_sees_one_kind(cosine(steps=100), backends=["numpy"])
    """
    steps = clocks(schedule) if real_steps is None else sorted(set(real_steps))
    names = available_backends() if backends is None else tuple(backends)
    watched, seen = _watched(schedule)
    for place, road in _roads_into(watched):
        calls = _FORTIETH
        for words, make in _kinds(names):
            clock = make(steps)
            for call in range(1, calls + 1 if is_number(clock) else 2):
                road(clock, epoch)
                strange = next((found for pair in seen for found in pair if not _is_one_kind(found)), None)
                seen.clear()
                if strange is not None:
                    how = (
                        f"{place}, with {words} as its clock, call {call} gives the formula {_shown(strange)}; it must "
                        "be a float, or an array of the widest real type"
                    )
                    raise broken("assert_sees_one_kind", schedule, how)
            calls = _ONCE_MORE


def _watched(schedule: Schedule) -> tuple[Schedule, list[tuple[Any, Any]]]:
    """An equal schedule, and the clocks that its formula has been called with since the list was last emptied."""
    original, seen = schedule.lr_fn, []
    spy: LrFn[...] = object.__new__(LrFn)
    vars(spy).update(vars(original))

    def formula(real_step: Any, epoch: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_symbol(real_step) and not is_symbol(epoch):  # it is called with these when flat code is written
            seen.append((real_step, epoch))
        return original.formula(real_step, epoch, *args, **kwargs)

    spy.formula = formula
    return Schedule._of(spy, schedule.arguments), seen


def _hands_on_whole_numbers(real_step: Any, epoch: Any, schedule: Schedule) -> Any:
    return schedule(int(real_step) if is_number(real_step) else real_step, int(epoch) if is_number(epoch) else epoch)


_SOMEBODYS_OWN: LrFn[...] = LrFn(_hands_on_whole_numbers)
_SOMEBODYS_OWN.is_built_in = False


def _roads_into(schedule: Schedule) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    yield "alone", schedule
    yield "in apply", lambda t, e: schedule.apply(t, e, schedule.params)
    yield "inside add", add(schedule, schedule)
    yield "inside a function of one's own", _SOMEBODYS_OWN(schedule)


def _kinds(names: Sequence[str]) -> Iterator[tuple[str, _Make]]:
    """Kinds of clocks, in words, and how to make one of whole numbers."""
    yield "an int", lambda steps: steps[-1]
    yield "a float", lambda steps: float(steps[-1])
    if "numpy" in names:
        import numpy as np

        yield "numpy.int64", lambda steps: np.int64(steps[-1])
        yield "numpy.float32", lambda steps: np.float32(steps[-1])
        for kind in ("int64", "float32", "float64", ">f8", ">i8"):
            short = partial(np.array, dtype=kind)
            yield f"a short NumPy array of {kind}", short
            yield f"a long NumPy array of {kind}", partial(_resized, short)
    if "torch" in names:
        import torch

        for tensor_kind in (torch.int64, torch.float32, torch.float64):
            yield f"a tensor of {tensor_kind}", partial(torch.tensor, dtype=tensor_kind)
    if "jax" in names:
        import jax.numpy as jnp

        for kind in ("int32", "float32"):
            yield f"a JAX array of {kind}", partial(_in_jax, partial(jnp.asarray, dtype=kind))


def _resized(make: _Make, steps: list[int]) -> Any:
    import numpy as np

    return np.resize(make(steps), _MANY)


def _in_jax(make: _Make, steps: list[int]) -> Any:
    return make(filled_up([t for t in steps if t < 2**31] or [0]))


def _is_one_kind(clock: Any) -> bool:
    if type(clock) is float or clock is NO_EPOCH:
        return True
    library = type(clock).__module__.partition(".")[0]
    if library == "numpy":
        return getattr(clock, "ndim", 0) > 0 and clock.dtype == float and clock.dtype.isnative
    if library == "torch":
        return str(clock.dtype) == ("torch.float32" if clock.device.type == "mps" else "torch.float64")
    if library in ("jax", "jaxlib"):
        return str(clock.dtype) == "float64"  # also where JAX has no wider type than float32
    return False


def _shown(clock: Any) -> str:
    kind = getattr(clock, "dtype", None)
    return f"{clock!r} ({type(clock).__name__})" if kind is None else f"{type(clock).__name__} of {kind}"


def assert_may_write_into_its_clock(
    schedule: Schedule,
    real_steps: Iterable[int] | None = None,
    epoch: float = 1.0,
    *,
    backends: Sequence[str] | None = None,
    ulps: float = 4,
) -> None:
    """A formula may compute in place: ``s + s`` is twice ``s``, and the caller's arrays stay what they are.

    On short and long NumPy arrays and on tensors, in each type and byte order; JAX's arrays cannot be written into.

    Args:
        schedule: the schedule.
        real_steps: whole clocks; by default :func:`~optimsche.testing.clocks`.
        epoch: the other clock.
        backends: as for :func:`~optimsche.testing.assert_same_on_every_backend`.
        ulps: how far arrays and numbers may be apart.

    Raises:
        AssertionError: an array was changed, or the second ``s`` saw what the first had made of its clock.

    >>> from optimsche import cosine
    >>> assert_may_write_into_its_clock(cosine(steps=100), backends=["numpy"])
    """
    steps = clocks(schedule) if real_steps is None else sorted(set(real_steps))
    names = available_backends() if backends is None else tuple(backends)
    law, twice = "assert_may_write_into_its_clock", add(schedule, schedule)
    expected = [twice(t, epoch) for t in steps]
    bound = ulps * math.ulp(largest_value(twice, steps, epoch))
    for words, make in _kinds([name for name in names if name != "jax"]):
        clock = make(steps)
        if not hasattr(clock, "__len__") or "float32" in words:
            continue
        before = clock.tolist()
        for s in (schedule, twice):
            result: Any = s(clock, epoch)
            if clock.tolist() != before:
                raise broken(law, schedule, f"with {words} as its clock, a call changes the caller's array")
        # A long array is the short one again and again.
        for t, wanted, value in zip(steps, expected, result.tolist(), strict=False):
            if not abs(value - wanted) <= bound and not abs(value - wanted) <= bound + 2 * slope(schedule, t, epoch):
                how = f"with {words} as its clock, at real_step={t}, epoch={epoch} s + s is {value!r}, not {wanted!r}"
                raise broken(law, schedule, how)


# ---------------------------------------------------------------------------------------------------------------------
# Narrow types
# ---------------------------------------------------------------------------------------------------------------------

_EPS = 2.0**-23
# How many units in the last place of a float32 clock the rounding of a few operations may move it.
_FEW_ULPS = 16
_PAST_EVERY_RATE = 1e30
# The type, how far apart its numbers are as a part of them, the smallest that it keeps, and the largest that is asked.
_NARROW = {
    "numpy": [("float32", _EPS, 2.0**-126, _PAST_EVERY_RATE), ("float16", 2.0**-10, 2.0**-24, 6e4)],
    "torch": [("float32", _EPS, 2.0**-126, _PAST_EVERY_RATE), ("bfloat16", 2.0**-7, 2.0**-126, _PAST_EVERY_RATE)],
    "jax": [("float32", _EPS, 2.0**-126, _PAST_EVERY_RATE)],
}


def assert_same_in_float32(
    schedule: Schedule,
    real_steps: Iterable[float] | None = None,
    epoch: float = 1.0,
    *,
    backends: Sequence[str] | None = None,
) -> None:
    """In float32, float16 and bfloat16 the value is that of the number, to the precision of the type.

    Values may be 64 times the rounding of float32 apart, as a part of the largest value, and as far besides as 16
    units in the last place of the clock move them. At the first boundaries, whole or not, and one update to each side
    of them, it is the value of the right side: a boundary at 0.3 is met by the number nearest to 0.3 that there is.
    Where a clock inside runs faster, in tokens, that is asked of whole updates alone.
    JAX is asked in float32, its default.

    Args:
        schedule: the schedule.
        real_steps: clocks besides the boundaries; by default :func:`~optimsche.testing.clocks`. Those that a type does
            not have are left out.
        epoch: the other clock; left out for a type that does not have it.
        backends: of "numpy", "torch" and "jax". By default those that are installed; without any, NumPy's arrays, which
            a formula of numbers takes one by one.

    Raises:
        AssertionError: another value.

    >>> from optimsche import linear
    >>> assert_same_in_float32(linear(steps=0.3).warmup(10), backends=["numpy"])
    """
    asked = clocks(schedule) if real_steps is None else sorted(set(real_steps))
    names = available_backends() if backends is None else tuple(backends) or ("numpy",)
    boundaries = schedule.boundaries(most=8)
    near = {t for boundary in boundaries for t in (boundary - 1, boundary, boundary + 1) if t >= 0}
    # One update is more than what rounding moves the clock by. An inner clock that runs faster may move by pieces.
    faster = _runs_faster(schedule)
    near = {t for t in near if t * _EPS * _FEW_ULPS < 0.25 and (t == int(t) or not faster)}
    steps = sorted({*map(float, asked), *near})
    whole, fractions = [t for t in steps if t == int(t)], [t for t in steps if t != int(t)]
    values = {t: schedule(t, epoch) for t in steps}
    largest = max(_largest_inside(schedule, steps, epoch), *map(abs, values.values()))
    for name in names:
        for kind, eps, smallest, most in _NARROW.get(name, ()):
            if largest > most:
                continue
            # An array of whole numbers is what it says; fractions stand for whatever is rounded to them.
            found = [one for own in (whole, fractions) if own for one in _in_type(name, kind, schedule, own, epoch)]
            for t, clock, value in found:
                if clock != t and (t not in near or kind != "float32"):
                    continue
                wanted = values[t]
                bound = 64 * _EPS * largest + eps * abs(wanted) + smallest
                rounded = _EPS if t == int(t) else eps
                if abs(value - wanted) <= bound + _moved(schedule, t, epoch, rounded, one_side=t in boundaries):
                    continue
                # A fraction may stand for a boundary beside it.
                meant = [b for b in boundaries if t != int(t) and t not in boundaries and abs(b - t) <= rounded * t]
                if any(abs(value - schedule(b * (1 + past), epoch)) <= bound for b in meant for past in (0.0, 1e-9)):
                    continue
                how = f"at real_step={t!r}, epoch={epoch} it is {wanted!r}, and in {kind} of {name} {value!r}"
                raise broken("assert_same_in_float32", schedule, how)


def _runs_faster(schedule: Schedule) -> bool:
    """Whether a clock inside counts more than the updates: tokens, or what is stretched by less than 1."""
    faster = schedule.lr_fn is by_tokens or (schedule.lr_fn is stretch and schedule.arguments["by"] < 1)
    return faster or any(map(_runs_faster, schedule.inner))


def _largest_inside(schedule: Schedule, steps: list[float], epoch: float) -> float:
    """The largest value of a schedule and of those in it: their rounding errors do not cancel with them."""
    return max(largest_value(schedule, steps, epoch), *(_largest_inside(s, steps, epoch) for s in schedule.inner), 0.0)


def _moved(schedule: Schedule, real_step: float, epoch: float, rounded: float, *, one_side: bool) -> float:
    """How far rounding of the clock moves the value; at a boundary on the side that changes less, which is its own."""
    here = schedule(real_step, epoch)
    parts = (_EPS, _FEW_ULPS / 4 * _EPS, _FEW_ULPS * _EPS, rounded)
    sides = [max(abs(schedule(real_step * (1 + sign * part), epoch) - here) for part in parts) for sign in (-1, 1)]
    return 2 * min(sides) if one_side else max(sides)


def _in_type(
    name: str, kind: str, schedule: Schedule, steps: list[float], epoch: float
) -> list[tuple[float, float, float]]:
    """Each clock, what a type makes of it, and the value there; of those clocks that it has, or nearly."""
    if name == "numpy":
        import numpy as np

        few = [t for t in steps if t < 6e4] if kind == "float16" else steps
        array = np.array(few, dtype=kind)
        return list(zip(few, array.tolist(), schedule(array, epoch).tolist(), strict=True))
    if name == "torch":
        import torch

        tensor = torch.tensor(steps, dtype=getattr(torch, kind))
        return list(zip(steps, tensor.tolist(), schedule(tensor, epoch).tolist(), strict=True))
    import jax.numpy as jnp

    with double_precision_of_jax(False):
        padded = jnp.asarray(filled_up(steps), dtype=kind)
        return list(zip(steps, padded.tolist(), schedule(padded, epoch).tolist(), strict=False))
