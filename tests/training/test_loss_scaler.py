"""The loss scaler is torch's, update for update and key for key, without its passes over the gradients."""

import copy
import math

import pytest
import torch

from optimsche import LossScaler, OptimScheduler, constant
from tests.training.helpers import loss_of, same, small_model, some_batches, train


def torchs(**arguments):
    scaler = torch.amp.GradScaler("cpu", **arguments)
    scaler.scale(torch.ones(()))  # it begins with the first loss
    return scaler


def test_the_scale_moves_as_torchs_does():
    ours = LossScaler(init_scale=64.0, growth_interval=3)
    theirs = torchs(init_scale=64.0, growth_interval=3)
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    for bad in (False, False, False, True, False, False, True, True, False, False, False, False):
        weight.grad = torch.full((1,), float("inf") if bad else 1.0)
        theirs.unscale_(optimizer)
        theirs.step(optimizer)
        theirs.update()
        ours.update([bad])
        assert ours.state_dict() == theirs.state_dict()


def test_states_are_exchanged_with_torch_in_both_directions():
    theirs = torchs(init_scale=8.0, growth_interval=7)
    theirs.load_state_dict({**theirs.state_dict(), "_growth_tracker": 1_999})
    ours = LossScaler()
    ours.load_state_dict(theirs.state_dict())
    assert ours.state_dict() == theirs.state_dict()
    again = torchs()
    again.load_state_dict(ours.state_dict())
    assert again.state_dict() == ours.state_dict()


def test_one_bad_optimizer_of_several_lowers_the_scale_once():
    scaler = LossScaler(init_scale=8.0)
    scaler.update([torch.tensor(0.0), torch.tensor(1.0), True])
    assert scaler.get_scale() == 4.0


def test_no_update_at_all_leaves_it():
    scaler = LossScaler(init_scale=8.0, growth_interval=1)
    scaler.update([])
    assert scaler.get_scale() == 8.0


def test_a_state_that_lacks_a_key_changes_nothing():
    scaler = LossScaler(init_scale=8.0)
    with pytest.raises(ValueError, match="missing: growth_factor"):
        scaler.load_state_dict({"scale": 2.0})
    assert scaler.get_scale() == 8.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"init_scale": 0}, "init_scale must be >= 5.96.* got 0"),
        ({"init_scale": 1e39}, "init_scale must be .* <= 3.40.* got 1e.39"),
        ({"init_scale": math.inf}, "init_scale must be finite .* got inf"),
        ({"growth_factor": 1}, "growth_factor must be > 1 and finite .* got 1"),
        ({"growth_factor": math.inf}, "growth_factor must be finite .* got inf"),
        ({"backoff_factor": 1.5}, "backoff_factor must be > 0 and < 1 .* got 1.5"),
        ({"growth_interval": 0}, "growth_interval must be a whole number >= 1 .* got 0"),
        ({"growth_interval": 2.5}, "growth_interval must be a whole number .* got 2.5"),
    ],
)
def test_ranges(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossScaler(**arguments)


@pytest.mark.parametrize("value", ["65536", None, True])
def test_kinds(value):
    for name in ("init_scale", "growth_factor", "backoff_factor", "growth_interval"):
        with pytest.raises(TypeError, match=rf"LossScaler\({name}=.*must be a (whole )?number"):
            LossScaler(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *[("scale", scale, r"search for one anew.*'scaler': None") for scale in (0.0, -1.0, math.inf, math.nan, 1e-30)],
        ("scale", "x", "scale must be a number"),
        ("growth_factor", 0.0, "growth_factor must be > 1"),
        ("backoff_factor", 5.0, "backoff_factor must be > 0 and < 1"),
        ("growth_interval", 0, "growth_interval must be a whole number >= 1"),
        ("_growth_tracker", -5, "_growth_tracker must be a whole number >= 0"),
    ],
)
def test_a_state_out_of_range_changes_nothing(name, value, message):
    model = small_model()
    optim = OptimScheduler(torch.optim.Adam(model.parameters()), constant(value=0.1), use_amp="fp16")
    optim.scaler = LossScaler(init_scale=16.0)
    train(optim, model, some_batches(2))
    before = copy.deepcopy(optim.state_dict())
    state = copy.deepcopy(before)
    state["scaler"][name] = value
    state["optimizer"]["param_groups"][0]["eps"] = 1.0
    with pytest.raises((TypeError, ValueError), match="(?s)LossScaler.load_state_dict.*" + message):
        optim.load_state_dict(state)
    assert same(optim.state_dict(), before)


def test_it_stops_above_0():
    """At 0 the loss would be divided by 0, and would never be anything else again."""
    scaler = LossScaler()
    for _ in range(400):
        scaler.update([True])
    assert scaler.get_scale() == 2.0**-24


def test_torchs_own_scaler_is_refused_with_the_way_to_take_it_over():
    optim = OptimScheduler(torch.optim.SGD(small_model().parameters()), constant(value=0.1), use_amp="fp16")
    with pytest.raises(TypeError, match=r"must be a LossScaler, got GradScaler.*load_state_dict"):
        optim.scaler = torch.amp.GradScaler("cpu")


def test_every_window_of_an_own_backward_pass_is_scaled():
    """Torch notices a loss without the scale in the first update only."""
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters()), constant(value=0.1), use_amp="fp16")
    optim.scaler = LossScaler(init_scale=4.0)
    optim.scaler.scale(loss_of(model, some_batches(1)[0])).backward()
    assert optim.update(step_num=1).updated
    loss_of(model, some_batches(1)[0]).backward()
    with pytest.raises(ValueError, match="no loss was scaled"):
        optim.update(step_num=2)
