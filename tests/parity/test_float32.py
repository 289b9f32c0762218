"""Every recorded case in float32: JAX, NumPy and PyTorch give what numbers give, and jit for one of each kind."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from optimsche import Schedule, running_product
from tests.parity.replay import replay
from tests.parity.test_curves import CASES

# JAX compiles each operation anew for each shape, and many schedules at once sooner than one by one.
OFTEN, TOGETHER = 64, 24


def _evaluated(system, case):
    """The schedules that a case calls, each with its updates and values."""
    found, call, depth = {}, Schedule.__call__, 0

    def noted(schedule, real_step, *epoch):
        nonlocal depth
        depth += 1
        value = call(schedule, real_step, *epoch)
        depth -= 1
        if not depth:
            found.setdefault(id(schedule), (schedule, []))[1].append((float(real_step), value))
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Schedule, "__call__", noted)
        values = replay(system, case)
    # Building one may ask it for a value too; the last calls are the case's own.
    kept = [(schedule, pairs[-len(values) :]) for schedule, pairs in found.values()]
    return [(schedule, dict(pairs)) for schedule, pairs in kept if {v for _, v in pairs} & set(values)]


def _is_a_running_product(schedule):
    return schedule.lr_fn == running_product or any(map(_is_a_running_product, schedule.inner))


def _clocks(pairs):
    return np.array([*pairs], dtype="float32")


def _kind(schedule):
    """Its functions, and what of their arguments is no number; tables are of one kind, however long."""
    return re.sub(r"#(, #)+", "#s", re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", repr(schedule)))


@pytest.fixture(scope="module")
def evaluated():
    """Of each case its schedules."""
    found = {case["id"]: _evaluated(system, case) for system, case in CASES}
    assert len(found) == len(CASES)
    return found


@pytest.fixture(scope="module")
def compiled(evaluated):
    """The first schedule of each kind, its clocks, and its curve under jit."""
    kinds = {}
    for schedule, pairs in itertools.chain(*evaluated.values()):
        if not _is_a_running_product(schedule):  # it takes no tensors
            kinds.setdefault(_kind(schedule), (schedule, _clocks(pairs)))
    curves, first = {}, list(kinds.values())
    for begin in range(0, len(first), TOGETHER):
        schedules, clocks = zip(*first[begin : begin + TOGETHER], strict=True)

        @jax.jit
        def play(clocks, schedules=schedules):
            return [schedule(steps) for schedule, steps in zip(schedules, clocks, strict=True)]

        for schedule, steps, curve in zip(schedules, clocks, play([*map(jnp.asarray, clocks)]), strict=True):
            curves[schedule, steps.tobytes()] = curve
    return curves


@pytest.mark.parametrize("case", [case["id"] for _, case in CASES])
def test_float32_gives_what_numbers_give(case, evaluated, compiled):
    assert evaluated[case]
    for schedule, pairs in evaluated[case]:
        steps = _clocks(pairs)
        meant, held = (np.array([schedule(t) for t in clocks]) for clocks in (pairs, steps.tolist()))
        curves = [schedule(steps)]
        if not _is_a_running_product(schedule):
            padded = jnp.asarray(np.resize(steps, -(-steps.size // OFTEN) * OFTEN))
            curves += [schedule(padded)[: steps.size], schedule(torch.tensor(steps))]
        if (schedule, steps.tobytes()) in compiled:
            curves.append(compiled[schedule, steps.tobytes()])
        for curve in map(np.asarray, curves):
            assert curve.dtype == np.float32
            # A fraction is rounded before it comes: its value is that of what was meant, or of what float32 holds.
            bound = 2.0**-23 * abs(held) + 1e-12 * abs(held).max() + 1e-45
            assert (np.minimum(abs(curve - meant), abs(curve - held)) <= bound).all()


def test_every_kind_is_compiled(evaluated, compiled):
    kinds = {_kind(schedule) for schedule, _ in itertools.chain(*evaluated.values())}
    left_out = kinds - {_kind(schedule) for schedule, _ in compiled}
    assert len(kinds) > 250
    assert all("running_product" in kind for kind in left_out)
