"""A rate that is a tensor is filled in place: a compiled step of the optimizer is compiled once."""

import pytest
import torch

from benchmarks.syncs import UPDATES, graphs_after_the_second
from optimsche import OptimScheduler, linear
from tests.training.helpers import small_model, some_batches, train, twin, weights

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's compiler warns of itself


def test_a_tensor_rate_never_compiles_again():
    assert graphs_after_the_second(torch.tensor(0.1)) == 0


def test_the_count_sees_what_a_number_costs():
    """The count itself is tested: a rate that is a number is another constant in every graph, up to torch's limit."""
    assert 0 < graphs_after_the_second(0.1) <= UPDATES


def test_betas_and_weight_decay_are_filled_in_place_too():
    model = small_model()
    decay = torch.tensor(0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=torch.tensor(0.1), momentum=0.9)
    optimizer.param_groups[0]["weight_decay"] = decay
    plan = linear(start=1.0, steps=10)
    optim = OptimScheduler(optimizer, schedules={"*": {"lr": plan, "weight_decay": 0.1 * plan}}, model=model)
    train(optim, model, some_batches(5))
    assert optimizer.param_groups[0]["weight_decay"] is decay
    assert float(decay) == pytest.approx(0.05)


def test_the_same_weights_as_with_a_number():
    first = small_model()
    second = twin(first)
    for model, rate in ((first, 0.1), (second, torch.tensor(0.1))):
        optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=rate), linear(start=0.25, steps=8))
        train(optim, model, some_batches(4))
    for one, other in zip(weights(first), weights(second), strict=True):
        torch.testing.assert_close(one, other)
