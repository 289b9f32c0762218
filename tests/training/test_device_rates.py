"""Rates from a counter on the device, in plain and in compiled code."""

import pytest
import torch

from optimsche import advance_rates, cosine, linear

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
    with pytest.raises(TypeError, match=r"a tensor of one whole number, got 0\.(.|\n)*torch.tensor\(0"):
        advance_rates(built(torch.tensor(0.1)), PLAN, 0)
    with pytest.raises(TypeError, match=r"schedule must be a Schedule(.|\n)*constant\(value=0.1\)"):
        advance_rates(built(torch.tensor(0.1)), 0.1, torch.tensor(0))
    with pytest.raises(ValueError, match="counts epochs"):
        advance_rates(built(torch.tensor(0.1)), linear(steps=9).by_epoch(), torch.tensor(0))
    optimizer = built(torch.tensor(0.1))
    optimizer.param_groups[1]["lr_scale"] = "x"
    with pytest.raises(TypeError, match=r"parameter group 1\(lr_scale='x'\): lr_scale must be a number"):
        advance_rates(optimizer, PLAN, torch.tensor(0))


def test_one_tensor_for_two_rates():
    """torch puts one and the same into every group that names none."""
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:], "lr_scale": 0.1}], torch.tensor(0.0))
    counter = torch.tensor(0)
    with pytest.raises(ValueError, match=r"groups 0 and 1 have one tensor as their rate, and lr_scale=1.0 and 0.1"):
        advance_rates(optimizer, PLAN, counter)
    assert int(counter) == 0
    del optimizer.param_groups[1]["lr_scale"]
    advance_rates(optimizer, PLAN, counter)  # one rate for both is what one tensor can hold
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([PLAN(1)] * 2)
