"""Every recorded case in float32: JAX's default under jit, NumPy and PyTorch give what numbers give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from optimsche import Schedule, running_product
from tests.parity.replay import replay
from tests.parity.test_curves import CASES


def _evaluated(system, case, monkeypatch):
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

    with monkeypatch.context() as patch:
        patch.setattr(Schedule, "__call__", noted)
        values = replay(system, case)
    # Building one may ask it for a value too; the last calls are the case's own.
    kept = [(schedule, pairs[-len(values) :]) for schedule, pairs in found.values()]
    return [(schedule, dict(pairs)) for schedule, pairs in kept if {v for _, v in pairs} & set(values)]


def _is_a_running_product(schedule):
    return schedule.lr_fn == running_product or any(map(_is_a_running_product, schedule.inner))


@pytest.mark.parametrize(("system", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_float32_gives_what_numbers_give(system, case, monkeypatch):
    evaluated = _evaluated(system, case, monkeypatch)
    assert evaluated
    for schedule, pairs in evaluated:
        steps = np.array([*pairs], dtype="float32")
        meant, held = (np.array([schedule(t) for t in clocks]) for clocks in (pairs, steps.tolist()))
        curves = [schedule(steps)]
        if not _is_a_running_product(schedule):  # it takes no tensors
            curves += [jax.jit(schedule)(jnp.asarray(steps)), schedule(torch.tensor(steps))]
        for curve in map(np.asarray, curves):
            assert curve.dtype == np.float32
            # A fraction is rounded before it comes: its value is that of what was meant, or of what float32 holds.
            bound = 2.0**-23 * abs(held) + 1e-12 * abs(held).max() + 1e-45
            assert (np.minimum(abs(curve - meant), abs(curve - held)) <= bound).all()
