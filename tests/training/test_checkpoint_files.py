"""Checkpoint files that are cut off, of another model, of another precision, or written by an enemy."""

import io
import pickle

import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, clip_value, cosine
from tests.training.helpers import same, small_model, some_batches, train, weights

PLAN = cosine(start=0.05, steps=9).warmup(3)


def built(model=None, kind=torch.optim.AdamW, **arguments):
    model = small_model() if model is None else model
    return model, OptimScheduler(kind(model.parameters(), lr=0.1, **arguments), PLAN, use_amp="fp16")


def written(optim):
    file = io.BytesIO()
    torch.save(optim.state_dict(), file)
    return file.getvalue()


def test_a_file_cut_off_anywhere_is_refused_and_changes_nothing():
    """By torch, before anything of it reaches the optimizer."""
    model, optim = built()
    train(optim, model, some_batches(4))
    content = written(optim)
    before = written(optim), weights(model)
    for length in range(0, len(content), 97):
        with pytest.raises((RuntimeError, ValueError, EOFError, pickle.UnpicklingError)):
            optim.load_state_dict(torch.load(io.BytesIO(content[:length])))
    assert (written(optim), True) == (before[0], same(weights(model), before[1]))
    optim.load_state_dict(torch.load(io.BytesIO(content)))


class Enemy:
    """What runs when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("where", ["state", "param_groups", "scaler"])
def test_a_malicious_pickle_is_refused_unread(where, tmp_path):
    """torch.load reads plain data and tensors only, which is all that a state of ours holds."""
    model, optim = built()
    train(optim, model, some_batches(2))
    state = optim.state_dict()
    victim = tmp_path / "victim"
    if where == "scaler":
        state["scaler"] = {**state["scaler"], "scale": Enemy(victim)}
    else:
        state["optimizer"] = {**state["optimizer"], where: Enemy(victim)}
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    before = written(optim)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        optim.load_state_dict(torch.load(file))
    assert not victim.exists()
    assert written(optim) == before


def test_a_group_with_a_clip_and_a_factor_of_its_own_is_written_as_plain_data():
    """What belongs to the program is not in the file, and stays what the program says."""
    model = small_model()
    group = {"params": model.parameters(), "grad_clip": clip_value(0.5), "lr_scale": 0.5}
    optim = OptimScheduler(torch.optim.SGD([group], lr=0.1), PLAN)
    optim.load_state_dict(torch.load(io.BytesIO(written(optim)), weights_only=True))
    assert optim.optimizer.param_groups[0]["grad_clip"] == clip_value(0.5)
    assert optim.optimizer.param_groups[0]["lr_scale"] == 0.5
    assert not {"grad_clip", "lr_scale"} & set(optim.state_dict()["optimizer"]["param_groups"][0])


@pytest.mark.parametrize("model", [nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))])
def test_the_state_of_another_model_is_refused(model):
    _, optim = built()
    train(optim, optim.model or small_model(), [])
    first = small_model()
    _, saved = built(first)
    train(saved, first, some_batches(3))
    _, other = built(model)
    before = written(other)
    with pytest.raises(ValueError, match=r"the model or (its grouping|the order of its parameters) has changed"):
        other.load_state_dict(torch.load(io.BytesIO(written(saved))))
    assert written(other) == before


@pytest.mark.parametrize("saved_in", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("loaded_in", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.NAdam, torch.optim.SGD])
def test_moments_of_another_precision_are_converted(saved_in, loaded_in, kind):
    """The run goes on in the precision of its own parameters; counters and factors keep theirs."""
    arguments = {"momentum": 0.9} if kind is torch.optim.SGD else {}

    def built_in(dtype):
        model = small_model().to(dtype)
        return model, OptimScheduler(kind(model.parameters(), lr=0.1, **arguments), PLAN)

    batches = some_batches(4)
    model, optim = built_in(saved_in)
    train(optim, model, [tuple(part.to(saved_in) for part in batch) for batch in batches[:2]])
    other, again = built_in(loaded_in)
    again.load_state_dict(torch.load(io.BytesIO(written(optim))))
    for parameter, entry in again.optimizer.state.items():
        for name, value in entry.items():
            if isinstance(value, torch.Tensor):
                assert value.dtype is (loaded_in if value.shape == parameter.shape else torch.float32), name
    train(again, other, [tuple(part.to(loaded_in) for part in batch) for batch in batches], start=3)
    assert all(weight.isfinite().all() for weight in weights(other))
