"""Rates from a counter on the device, in plain and in compiled code."""

import pytest
import torch

from optimsche import cosine, linear
from optimsche.training import advance_rates

PLAN = cosine(start=0.05, steps=30).warmup(3)


def built(lr):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [{"params": weights[:1]}, {"params": weights[1:], "lr_scale": 0.5, "lr": torch.tensor(0.0)}]
    return torch.optim.SGD(groups, lr=lr)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of itself
def test_every_call_has_the_next_rate(compiled):
    optimizer = built(torch.tensor(0.0))
    counter = torch.tensor(0)

    def advance():
        advance_rates(optimizer, PLAN, counter)

    call = torch.compile(advance, backend="eager") if compiled else advance
    for update in range(1, 40):
        call()
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(PLAN(update), rel=1e-6)
        assert float(optimizer.param_groups[1]["lr"]) == pytest.approx(0.5 * PLAN(update), rel=1e-6)
    assert int(counter) == 39


def test_mistakes():
    with pytest.raises(TypeError, match=r"group 0 is a number, which a captured(.|\n)*capturable=True"):
        advance_rates(built(0.1), PLAN, torch.tensor(0))
    with pytest.raises(TypeError, match="a tensor of one whole number"):
        advance_rates(built(torch.tensor(0.1)), PLAN, torch.tensor(0.0))
    with pytest.raises(ValueError, match="counts epochs"):
        advance_rates(built(torch.tensor(0.1)), linear(steps=9).by_epoch(), torch.tensor(0))
