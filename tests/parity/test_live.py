"""The peers of torch and optax against torch and optax themselves, with arguments that nobody recorded."""

import jax
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from optimsche import peers
from tests.parity.test_curves import deviation

rates = st.floats(1e-6, 2.0)
counts = st.integers(1, 40)
factors = st.floats(0.01, 1.0)
gammas = st.sampled_from([0.1, 0.5, 0.9, 1.0, 1.1])

TORCH = {
    "ConstantLR": {"factor": factors, "total_iters": st.integers(0, 40)},
    "LinearLR": {"start_factor": factors, "end_factor": st.floats(0.0, 1.0), "total_iters": counts},
    "StepLR": {"step_size": counts, "gamma": gammas},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 60), min_size=1, max_size=5), "gamma": gammas},
    "ExponentialLR": {"gamma": gammas},
    "PolynomialLR": {"total_iters": counts, "power": st.floats(0.1, 5.0)},
    "CosineAnnealingLR": {"T_max": counts, "eta_min": st.floats(0.0, 0.01)},
    "CosineAnnealingWarmRestarts": {"T_0": counts, "T_mult": st.integers(1, 4), "eta_min": st.floats(0.0, 0.01)},
    "ReduceLROnPlateau": {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.floats(0.1, 0.9),
        "patience": st.integers(0, 5),
        "threshold": st.sampled_from([1e-4, 0.1]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 4),
        "min_lr": st.sampled_from([0.0, 1e-3]),
    },
}
OPTAX = {
    "linear_schedule": {
        "init_value": rates,
        "end_value": rates,
        "transition_steps": st.integers(-2, 50),
        "transition_begin": st.integers(-2, 20),
    },
    "polynomial_schedule": {
        "init_value": rates,
        "end_value": rates,
        "power": st.floats(0.1, 4.0),
        "transition_steps": counts,
        "transition_begin": st.integers(0, 20),
    },
    "piecewise_constant_schedule": {
        "init_value": rates,
        "boundaries_and_scales": st.dictionaries(st.integers(0, 60), st.floats(0.0, 2.0), max_size=4),
    },
    "exponential_decay": {
        "init_value": rates,
        "transition_steps": st.integers(0, 40),
        "decay_rate": st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.2]),
        "transition_begin": st.integers(-2, 20),
        "staircase": st.booleans(),
        "end_value": st.none() | rates,
    },
    "cosine_decay_schedule": {
        "init_value": rates,
        "decay_steps": counts,
        "alpha": st.floats(0.0, 1.5),
        "exponent": st.sampled_from([0.5, 1.0, 2.0]),
    },
    "cosine_onecycle_schedule": {"transition_steps": counts, "peak_value": rates, "pct_start": st.floats(0.05, 0.95)},
    "warmup_cosine_decay_schedule": {
        "init_value": rates,
        "peak_value": rates,
        "warmup_steps": st.integers(0, 20),
        "decay_steps": st.integers(21, 60),
        "end_value": rates,
    },
}


@pytest.mark.parametrize("name", TORCH)
@given(st.data(), rates)
def test_torch(name, data, lr):
    arguments = {argument: data.draw(values, argument) for argument, values in TORCH[name].items()}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = getattr(lr_scheduler, name)(optimizer, **arguments)
    by_metric = name == "ReduceLROnPlateau"
    metrics = data.draw(st.lists(st.floats(-1, 3), min_size=60, max_size=60)) if by_metric else [None] * 90
    expected = [float(optimizer.param_groups[0]["lr"])]
    for metric in metrics:
        optimizer.step()
        scheduler.step(*([metric] if by_metric else []))
        expected.append(float(optimizer.param_groups[0]["lr"]))
    more = {"metrics": metrics} if by_metric else {}
    schedule = getattr(peers.torch, name)(**arguments, **more, base_lr=lr)
    assert deviation([schedule(n) for n in range(1, len(expected) + 1)], expected) <= 1e-12


@pytest.mark.parametrize("name", OPTAX)
@settings(max_examples=25)
@given(st.data())
def test_optax(name, data):
    arguments = {argument: data.draw(values, argument) for argument, values in OPTAX[name].items()}
    schedule, steps = getattr(peers.optax, name)(**arguments), range(0, 90, 3)
    with jax.enable_x64(True):
        theirs = getattr(optax, name)(**arguments)
        expected = [float(theirs(step)) for step in steps]
    assert deviation([schedule(step + 1) for step in steps], expected) <= 1e-12
