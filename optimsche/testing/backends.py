"""One formula, every kind of number: arrays agree with Python's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any

from optimsche.evaluation import clocks as door
from optimsche.libraries import double_precision_of_jax
from optimsche.schedule import Schedule
from optimsche.testing.laws import broken, clocks, largest_value

BACKENDS = ("numpy", "torch", "jax")
# XLA's own power is an exponential of a logarithm: off by some ulp times the exponent, which is drawn up to 50.
_TIMES_ULPS = {"numpy": 1, "torch": 1, "jax": 32}


def available_backends() -> tuple[str, ...]:
    """The array libraries that can be imported here, of NumPy, PyTorch and JAX.

    >>> "numpy" in available_backends()
    True
    """
    return tuple(name for name in BACKENDS if find_spec(name) is not None)


def assert_same_on_every_backend(
    schedule: Schedule,
    real_steps: Iterable[int] | None = None,
    epoch: float = 1.0,
    *,
    backends: Sequence[str] | None = None,
    ulps: float = 4,
) -> tuple[str, ...]:
    """An array of clocks gives what each of them gives as a number, on every array library that is installed.

    The formula itself must take arrays: one that branches on its clock, or calls ``math``, breaks this law, though it
    can be drawn on a NumPy range element by element.

    Args:
        schedule: the schedule.
        real_steps: whole clocks; by default :func:`~optimsche.testing.clocks`.
        epoch: the other clock.
        backends: of "numpy", "torch" and "jax". By default those that are installed.
        ulps: how far apart the values may be, in units in the last place of the schedule's largest value. Libraries
            round their powers and cosines differently; JAX is allowed 32 times as much. Where the curve is steep, as
            far apart besides as the last bits of the clock move it.

    Returns:
        The names of the libraries that were compared.

    Raises:
        AssertionError: a library has no value, or another one.
        ValueError: an unknown name among ``backends``.

    >>> from optimsche import cosine
    >>> assert_same_on_every_backend(cosine(steps=100), backends=["numpy"])
    ('numpy',)
    """
    names = available_backends() if backends is None else tuple(backends)
    steps = clocks(schedule) if real_steps is None else sorted(set(real_steps))
    expected = [schedule(t, epoch) for t in steps]
    unit = math.ulp(largest_value(schedule, steps, epoch))
    for name in names:
        if name not in BACKENDS:
            raise ValueError(f"backends={names!r}: {name!r} is none of {', '.join(BACKENDS)}")
        bound = ulps * _TIMES_ULPS[name] * unit
        for words, road in _ROADS[name]:
            try:
                values = road(schedule, steps, epoch)
            except Exception as error:
                how = (
                    f"{words} it has no value: {type(error).__name__}: {_first_line(error)}\n"
                    "    Write the formula with optimsche.ops (ops.where and ops.switch instead of if, ops.cos instead "
                    "of math.cos), or ask for no arrays: backends=[]"
                )
                raise broken("assert_same_on_every_backend", schedule, how) from error
            for t, value, wanted in zip(steps, values, expected, strict=True):
                if not abs(value - wanted) <= bound and not abs(value - wanted) <= bound + slope(schedule, t, epoch):
                    how = (
                        f"at real_step={t}, epoch={epoch} it is {wanted!r}, and {words} {value!r}: "
                        f"{abs(value - wanted) / unit:.3g} ulp apart, allowed are {bound / unit:.3g}"
                    )
                    raise broken("assert_same_on_every_backend", schedule, how)
    return names


def slope(schedule: Schedule, real_step: float, epoch: float) -> float:
    """How far the last bits of a clock move the value: no more can be asked of arithmetic that rounds on the way."""
    near = (real_step * (1 - 2.0**-51), real_step * (1 + 2.0**-51))
    return max(abs(schedule(clock, epoch) - schedule(real_step, epoch)) for clock in near)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _numpy_call(schedule: Schedule, steps: list[int], epoch: float) -> list[float]:
    import numpy as np

    return schedule(np.array(steps), epoch).tolist()  # type: ignore[no-any-return]


def _numpy_formula(schedule: Schedule, steps: list[int], epoch: float) -> list[float]:
    import numpy as np

    clock = np.array(steps, dtype=float)
    values: list[float] = door.spread(schedule._node(clock, float(epoch)), clock, float(epoch)).tolist()
    return values


def _torch_call(schedule: Schedule, steps: list[int], epoch: float) -> list[float]:
    import torch

    return schedule(torch.tensor(steps), epoch).tolist()


def _jax_call(schedule: Schedule, steps: list[int], epoch: float) -> list[float]:
    import jax.numpy as jnp

    with double_precision_of_jax(True):
        return schedule(jnp.asarray(filled_up(steps)), epoch).tolist()[: len(steps)]


# More than a law looks at by default.
_OFTEN = 64


def filled_up(steps: list[Any]) -> list[Any]:
    """The clocks again and again, to a multiple of 64: JAX compiles every operation anew for each shape."""
    count = max(math.ceil(len(steps) / _OFTEN), 1) * _OFTEN
    return (steps * count)[:count]


_Road = Callable[[Schedule, list[int], float], list[Any]]
_ROADS: dict[str, list[tuple[str, _Road]]] = {
    # The formula itself first: a call of one that cannot take arrays goes element by element.
    "numpy": [("with a NumPy array", _numpy_formula), ("called with a NumPy array", _numpy_call)],
    "torch": [("with a PyTorch tensor", _torch_call)],
    "jax": [("with a JAX array", _jax_call)],
}
