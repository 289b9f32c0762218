"""Optimizers inside of others, as Lightning, Fabric and accelerate hand them out."""

import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, constant
from optimsche.training import gradients
from tests.training.helpers import loss_of, small_model, some_batches, train

PLAN = constant(value=0.1)


def wrapped(optimizer):
    """An optimizer around another one, with a copy of its attributes, as Lightning makes it."""

    class Wrapper(type(optimizer)):
        def __init__(self):
            self.__dict__.update({k: v for k, v in optimizer.__dict__.items() if k != "step"})
            self.optimizer = optimizer

        def step(self, closure=None):
            return optimizer.step()

    return Wrapper()


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_a_fused_optimizer_in_a_wrapper_divides_clips_and_skips(kind, on_device, monkeypatch):
    if on_device:
        monkeypatch.setattr(gradients, "is_here", lambda tensor: False)
    plain, inside = small_model(), small_model()
    batches = some_batches(6)
    batches[2] = (batches[2][0] * torch.nan, batches[2][1])
    for model, wrap in ((plain, lambda optimizer: optimizer), (inside, wrapped)):
        optimizer = wrap(kind(model.parameters(), lr=0.1, fused=True))
        results = train(OptimScheduler(optimizer, PLAN, accum_grad=2, grad_clip=0.1), model, batches)
        assert [r.skipped for r in results] == [False, False, False, True, False, False]
    for mine, theirs in zip(plain.parameters(), inside.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_step_that_accelerate_holds_back_is_refused():
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.gradient_state = type("GradientState", (), {"sync_gradients": False})()
    optim = OptimScheduler(optimizer, PLAN)
    (batch,) = some_batches(1)
    with pytest.raises(ValueError, match="accelerate holds this step back"):
        optim.step(loss_of(model, batch), step_num=1)
    optimizer.gradient_state.sync_gradients = True
    assert optim.step(loss_of(model, batch), step_num=1).updated  # nothing was lost
