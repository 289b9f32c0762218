"""The peers against the packages that are installed, with a few draws each: `tests.parity.live` draws more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from optimsche import peers
from tests.parity.live import compare, counts, optimizer_of, rates, rivals
from tests.parity.test_curves import deviation

RIVALS = [rival for rival in rivals() if rival.name != "compositions"]  # which have a test of their own


def test_the_packages_of_the_tests_are_among_them():
    assert {rival.system for rival in RIVALS} >= {"torch", "optax", "deepspeed"}


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: f"{rival.system}-{rival.name}")
@settings(max_examples=15, deadline=None)
@given(st.data(), rates)
def test_what_the_package_gives(rival, data, lr):
    outcome, words = compare(rival, data.draw(st.fixed_dictionaries(rival.arguments)), lr)
    assert outcome == "agree", words


PLATEAU = {
    "mode": st.sampled_from(["min", "max"]),
    "factor": st.floats(0.1, 0.9),
    "patience": st.integers(0, 5),
    "threshold": st.sampled_from([1e-4, 0.1]),
    "threshold_mode": st.sampled_from(["rel", "abs"]),
    "cooldown": st.integers(0, 4),
    "min_lr": st.sampled_from([0.0, 1e-3]),
}


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries(PLATEAU), st.lists(st.floats(-1, 3), min_size=60, max_size=60), rates)
def test_the_plateau_of_torch(arguments, metrics, lr):
    optimizer = optimizer_of(lr)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
    expected = [lr]
    for metric in metrics:
        scheduler.step(metric)
        expected.append(float(optimizer.param_groups[0]["lr"]))
    schedule = peers.torch.ReduceLROnPlateau(**arguments, metrics=metrics, base_lr=lr)
    assert deviation([schedule(n) for n in range(1, 62)], expected) <= 1e-12


MOMENTUM = {"base_momentum": st.floats(0.0, 1.0), "max_momentum": st.floats(0.0, 1.5)}


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries({**MOMENTUM, "step_size_up": counts, "step_size_down": st.none() | counts}))
def test_the_momentum_of_cycles(arguments):
    optimizer = optimizer_of(0.1)
    _same_momentum(lr_scheduler.CyclicLR(optimizer, 0.1, 1.0, **arguments), peers.torch.CyclicMomentum(**arguments))


@settings(max_examples=50, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            **MOMENTUM,
            "total_steps": st.integers(50, 90),
            "pct_start": st.floats(0.1, 0.45),
            "anneal_strategy": st.sampled_from(["cos", "linear"]),
            "three_phase": st.booleans(),
        }
    )
)
def test_the_momentum_of_one_cycle(arguments):
    optimizer = optimizer_of(0.1)
    _same_momentum(lr_scheduler.OneCycleLR(optimizer, 1.0, **arguments), peers.torch.OneCycleMomentum(**arguments))


def _same_momentum(scheduler, schedule):
    expected = []
    for _ in range(50):
        expected.append(scheduler.optimizer.param_groups[0]["momentum"])
        scheduler.optimizer.step()
        scheduler.step()
    assert [schedule(n) for n in range(1, 51)] == pytest.approx(expected, abs=1e-12)
