"""Torch's SequentialLR and ChainedScheduler, nested and not, against torch itself."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from optimsche import constant, peers
from tests.parity.test_curves import deviation

P = peers.torch
UPDATES = 60

LEAVES = {
    "ConstantLR": {"factor": st.sampled_from([0.25, 0.5, 0.3]), "total_iters": st.integers(0, 12)},
    "LinearLR": {
        "start_factor": st.sampled_from([0.1, 0.25, 1.0]),
        "end_factor": st.sampled_from([0.0, 0.5, 1.0]),
        "total_iters": st.integers(1, 12),
    },
    "StepLR": {"step_size": st.integers(1, 9), "gamma": st.sampled_from([0.1, 0.5, 0.9])},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 20), max_size=3), "gamma": st.sampled_from([0.5, 0.9])},
    "ExponentialLR": {"gamma": st.sampled_from([0.5, 0.9, 0.99])},
    "PolynomialLR": {"total_iters": st.integers(1, 15), "power": st.sampled_from([0.5, 1.0, 2.0])},
    "CosineAnnealingLR": {
        "T_max": st.integers(1, 15) | st.just(2.5),
        "eta_min": st.sampled_from([0.0, 0.0, 0.01, 0.1]),
    },
    "CosineAnnealingWarmRestarts": {
        "T_0": st.integers(1, 9),
        "T_mult": st.integers(1, 2),
        "eta_min": st.sampled_from([0.0, 0.01]),
    },
    "CyclicLR": {
        "base_lr": st.just(0.01),
        "max_lr": st.just(0.2),
        "step_size_up": st.integers(1, 5),
        "cycle_momentum": st.just(False),
    },
    "OneCycleLR": {
        "max_lr": st.sampled_from([0.05, 0.2]),
        "total_steps": st.integers(61, 80),
        "three_phase": st.booleans(),
        "cycle_momentum": st.just(False),
    },
    "LambdaLR": {"lr_lambda": st.just("0.95 ** t")},
    "MultiplicativeLR": {"lr_lambda": st.just("0.9 + 0.001 * t")},
}
leaves = st.one_of([st.tuples(st.just(name), st.fixed_dictionaries(values)) for name, values in LEAVES.items()])


@st.composite
def compositions(draw, depth=1):
    name = draw(st.sampled_from(["SequentialLR", "ChainedScheduler"]))
    inner = leaves if depth == 0 else leaves | compositions(depth=0)
    members = [draw(inner if name == "ChainedScheduler" else leaves) for _ in range(draw(st.integers(1, 3)))]
    if depth and name == "SequentialLR":
        members[0] = draw(inner)
    arguments = {"schedulers": members}
    if name == "SequentialLR":
        count = len(members) - 1
        arguments["milestones"] = sorted(draw(st.lists(st.integers(0, 20), min_size=count, max_size=count)))
    return name, arguments


def theirs(spec, optimizer):
    name, arguments = spec
    given = dict(arguments)
    if "schedulers" in given:
        given["schedulers"] = [theirs(one, optimizer) for one in given["schedulers"]]
        more = {} if name == "ChainedScheduler" else {"optimizer": optimizer}
        return getattr(lr_scheduler, name)(**more, **given)
    if "lr_lambda" in given:
        code = compile(given["lr_lambda"], "<lambda>", "eval")
        given["lr_lambda"] = lambda t: eval(code, {"t": t})
    return getattr(lr_scheduler, name)(optimizer, **given)


def played(spec, lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler, rates = theirs(spec, optimizer), []
        for _ in range(UPDATES):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


def ours(spec, lr):
    name, arguments = spec
    given = dict(arguments)
    if "schedulers" in given:
        given["schedulers"] = [ours(one, lr) for one in given["schedulers"]]
    if name not in ("SequentialLR", "CyclicLR", "OneCycleLR"):
        given["base_lr"] = lr
    return getattr(P, name)(**given)


def rates(schedule, count=UPDATES):
    return [schedule(n) for n in range(1, count + 1)]


@settings(max_examples=150, deadline=None)
@given(compositions())
def test_what_torch_plays_is_played_or_refused(spec):
    """Refused are rates below 0, one that is set and multiplied without an end, and a cosine that meets no end."""
    try:
        schedule = ours(spec, 0.1)
    except ValueError as error:
        refused = str(error)
        assert refused.startswith("torch.")
        assert "negative" in refused or "no closed form" in refused or "whole T_max" in refused
    else:
        assert deviation(rates(schedule), played(spec, 0.1)) <= 1e-11


def cosine(T_max, eta_min=0.0, base_lr=1.0):
    return P.CosineAnnealingLR(T_max, eta_min, base_lr=base_lr)


def test_a_cosine_in_a_chain_adds_an_amount_after_its_end():
    chain = P.ChainedScheduler([P.ExponentialLR(0.5, base_lr=1.0), cosine(2)], base_lr=1.0)
    assert rates(chain, 8) == pytest.approx([1, 0.25, 0, 0.5, 0.5, 0.125, 0, 0.5], abs=1e-15)


def test_a_cosine_to_a_floor_in_a_chain_is_listed():
    chain = P.ChainedScheduler([P.ExponentialLR(0.9, base_lr=1.0), cosine(8, 0.1)], base_lr=1.0)
    expected = [1, 0.869552, 0.705685, 0.533422, 0.374885, 0.246549, 0.157834, 0.110929, 0.1]
    assert rates(chain, 9) == pytest.approx(expected, abs=5e-7)


def test_after_a_warmup_the_cosine_has_a_closed_form_again():
    chain = P.ChainedScheduler([P.LinearLR(0.1, total_iters=5, base_lr=0.1), cosine(1_000_000, 1e-3, 0.1)], base_lr=0.1)
    assert len(repr(chain)) < 1_000
    assert chain(1_000_001) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            lambda: P.SequentialLR(
                [P.ConstantLR(0.5, 6, base_lr=0.1), P.MultiplicativeLR("0.9", base_lr=0.1)], milestones=[4]
            ),
            [0.05, 0.05, 0.05, 0.05, 0.045, 0.0405],
        ),
        (
            lambda: P.SequentialLR([P.ConstantLR(0.5, 2, base_lr=0.1), P.OneCycleLR(0.2, 8)], milestones=[3]),
            [0.004, 0.004, 0.008, 0.008],
        ),
        (
            lambda: P.SequentialLR([P.ConstantLR(0.0, 4, base_lr=0.1), P.StepLR(3, base_lr=0.1)], milestones=[4]),
            [0.0, 0.0, 0.0, 0.0, 0.1],
        ),
        (
            lambda: P.SequentialLR([P.OneCycleLR(0.1, 8), P.OneCycleLR(0.2, 8, div_factor=10)], milestones=[4]),
            [0.02, 0.16611408216728601, 0.19438838914750645, 0.16234935669607148, 0.02],
        ),
        (
            lambda: P.SequentialLR([P.ExponentialLR(0.5, base_lr=0.1), P.StepLR(2, 0.5, base_lr=0.1)], milestones=[0]),
            [0.1, 0.1, 0.05],
        ),
        (
            lambda: P.SequentialLR(
                [
                    P.SequentialLR(
                        [P.LinearLR(0.1, total_iters=5, base_lr=0.1), P.StepLR(9, base_lr=0.1)], milestones=[3]
                    ),
                    P.StepLR(9, base_lr=0.1),
                ],
                milestones=[10],
            ),
            [0.01, 0.028, 0.1],
        ),
        (
            lambda: P.SequentialLR(
                [
                    P.ChainedScheduler(
                        [P.LinearLR(0.1, total_iters=5, base_lr=0.1), P.ExponentialLR(0.9, base_lr=0.1)], base_lr=0.1
                    ),
                    P.StepLR(9, base_lr=0.1),
                ],
                milestones=[10],
            ),
            [0.009],
        ),
    ],
)
def test_the_first_updates(build, expected):
    assert rates(build(), len(expected)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: P.SequentialLR([constant(value=0.1)], []), TypeError, r"write sequence\(\[...\], at=...\) or a \* b"),
        (
            lambda: P.SequentialLR([P.StepLR(3, base_lr=0.1), P.StepLR(3, base_lr=0.2)], [5]),
            ValueError,
            "share an optimizer and its rate, got base_lr of 0.[12], 0.[12]",
        ),
        (
            lambda: P.SequentialLR([P.StepLR(3, base_lr=0.1), P.SequentialLR([P.StepLR(3, base_lr=0.1)], [])], [5]),
            ValueError,
            "torch raises NotImplementedError when a SequentialLR's turn comes",
        ),
        (
            lambda: P.SequentialLR([P.StepLR(3, base_lr=0.1), P.LinearLR(total_iters=0, base_lr=0.1)], [5]),
            ValueError,
            r"LinearLR\(total_iters=0\) as a later piece divides by 0",
        ),
        (
            lambda: P.SequentialLR([P.OneCycleLR(0.1, 8), P.StepLR(3, base_lr=0.1)], [9]),
            ValueError,
            "a OneCycleLR of 8 steps cannot be played for 9",
        ),
        (
            lambda: P.SequentialLR([P.ConstantLR(0.0, 4, base_lr=0.1), P.StepLR(3, base_lr=0.1)], [5]),
            ValueError,
            "a ConstantLR of 4 steps cannot be played for 5: torch .* divides by a factor of 0",
        ),
        (
            lambda: P.ChainedScheduler([cosine(5, 0.1, 0.1), P.ConstantLR(0.0, 4, base_lr=0.1)], base_lr=0.1),
            ValueError,
            "torch divides by ConstantLR's factor of 0 at its end",
        ),
        (lambda: P.SequentialLR([P.StepLR(3, base_lr=0.1)] * 2, [5, 6]), ValueError, "take 1 milestones, got 2"),
        (lambda: P.SequentialLR([P.StepLR(3, base_lr=0.1)] * 3, [6, 5]), ValueError, "milestones must not fall"),
        (
            lambda: P.ChainedScheduler([P.LambdaLR("0.9 ** t", base_lr=0.1), P.StepLR(7, base_lr=0.1)], base_lr=0.1),
            ValueError,
            "torch's LambdaLR and StepLR on one rate have no closed form",
        ),
        (
            lambda: P.ChainedScheduler([P.StepLR(7, 0.5, base_lr=0.1), cosine(5, 0.1, 0.1)], base_lr=0.1),
            ValueError,
            "torch's rate is negative",
        ),
        (
            lambda: P.SequentialLR([P.LambdaLR("1 - t", base_lr=0.1), P.MultiplicativeLR("0.9", base_lr=0.1)], [4]),
            ValueError,
            "torch's rate is negative when a scheduler's turn comes: -0.18",
        ),
        (
            lambda: P.SequentialLR(
                [P.ChainedScheduler([cosine(2.5, 0.0, 0.1)], base_lr=0.1), P.StepLR(3, base_lr=0.1)], [5]
            ),
            ValueError,
            "a cosine needs a whole T_max where others have moved the rate, got 2.5",
        ),
    ],
)
def test_refusals_say_why(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_what_comes_before_one_that_sets_the_rate_is_dropped():
    restarts = P.CosineAnnealingWarmRestarts(5, base_lr=0.1)
    chain = P.ChainedScheduler([P.ExponentialLR(0.9, base_lr=0.1), restarts], base_lr=0.1)
    assert chain == restarts


def test_a_length_that_is_no_whole_number():
    two_and_a_half = {
        "ConstantLR": {"total_iters": 2.5},
        "LinearLR": {"total_iters": 2.5},
        "PolynomialLR": {"total_iters": 2.5},
        "StepLR": {"step_size": 2.5},
        "MultiStepLR": {"milestones": [2.5, 4]},
        "CosineAnnealingLR": {"T_max": 2.5, "eta_min": 0.01},
    }
    for name, arguments in two_and_a_half.items():
        assert deviation(rates(ours((name, arguments), 0.1)), played((name, arguments), 0.1)) <= 1e-11, name


def test_momenta_are_functions_of_their_own():
    options = {"base_momentum": 0.8, "max_momentum": 1.2}
    assert P.CyclicMomentum(**options, step_size_up=4) == P.CyclicLR(0.1, 1.0, 4, **options, quantity="momentum")
    assert P.OneCycleMomentum(20, **options, three_phase=True) == P.OneCycleLR(
        0.1, 20, **options, three_phase=True, quantity="momentum"
    )
    assert math.isclose(P.OneCycleMomentum(20, **options)(1), 1.2)
