"""The rate-range test: what it finds, what it draws, and that nothing is left of it."""

import math

import pytest
import torch
from torch import nn

from optimsche import RangeTest, range_test
from tests.training.helpers import loss_of, same, small_model, some_batches, weights


def run(model=None, lr=0.1, kind=torch.optim.SGD, **options):
    model = small_model() if model is None else model
    optimizer = kind(model.parameters(), lr=lr)
    return model, optimizer, range_test(optimizer, model, loss_of, some_batches(5), **options)


def test_rates_rise_from_start_to_end():
    _, _, test = run(start=1e-4, end=1e-2, updates=30)
    assert len(test.rates) == len(test.losses) == len(test.smoothed) == 30
    assert test.rates[0] == pytest.approx(1e-4)
    assert test.rates[-1] == pytest.approx(1e-2)
    assert all(
        b / a == pytest.approx(test.rates[1] / test.rates[0]) for a, b in zip(test.rates, test.rates[1:], strict=False)
    )


def test_the_largest_usable_rate_of_a_parabola():
    """Gradient descent on x**2 / 2 * 10 diverges from a rate of 2 / 10 on: the test ends soon after, not before."""
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    test = range_test(
        optimizer, model, lambda model, x: 5 * model(x).square().sum(), [torch.ones(1, 1)], start=1e-4, end=1e3
    )
    assert 0.2 < test.rates[-1] < 100
    assert test.rates[0] < test.steepest < 0.2


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("tensor", [False, True])
def test_everything_is_put_back(kind, tensor):
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    rate = torch.tensor(0.3) if tensor else 0.3
    optimizer = kind(model.parameters(), lr=rate)
    loss_of(model, some_batches(1)[0]).backward()
    optimizer.step()
    before, buffers = weights(model), [buffer.clone() for buffer in model.buffers()]
    state = {
        n: {k: torch.as_tensor(v).clone() for k, v in e.items() if v is not None}
        for n, e in optimizer.state_dict()["state"].items()
    }
    range_test(optimizer, model, loss_of, some_batches(5), updates=20)
    assert same(weights(model), before)
    assert same(list(model.buffers()), buffers)
    after = {
        n: {k: torch.as_tensor(v) for k, v in e.items() if v is not None}
        for n, e in optimizer.state_dict()["state"].items()
    }
    assert same(after, state)
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.3)
    assert (optimizer.param_groups[0]["lr"] is rate) or not tensor
    assert all(parameter.grad is None for parameter in model.parameters())


def test_also_after_an_error():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = weights(model)
    calls = []

    def failing(model, batch):
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("boom")
        return loss_of(model, batch)

    with pytest.raises(RuntimeError, match="boom"):
        range_test(optimizer, model, failing, some_batches(5), start=0.1, end=1.0)
    assert same(weights(model), before)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_groups_that_rules_have_split_are_one_again():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    group, settings = optimizer.param_groups[0], dict(optimizer.param_groups[0])
    rules = {"0.*": {"lr_scale": 0.5, "momentum": 0.5}, "*": {}}
    test = range_test(optimizer, model, loss_of, some_batches(5), updates=5, schedules=rules, rates="relative")
    assert len(test.rates) == 5
    assert optimizer.param_groups == [settings]  # without lr_scale and initial_lr
    assert optimizer.param_groups[0] is group
    assert not optimizer.state


def test_buffers_that_are_not_saved_are_put_back():
    class Counting(nn.Linear):
        def __init__(self):
            super().__init__(4, 3)
            self.register_buffer("calls", torch.zeros(()), persistent=False)
            self.register_buffer("largest", torch.zeros(1), persistent=False)

        def forward(self, x):
            self.calls += 1
            self.largest = torch.cat([self.largest, x.max().reshape(1)])  # another tensor, of another size
            return super().forward(x)

    model = Counting()
    calls = model.calls
    range_test(torch.optim.SGD(model.parameters()), model, loss_of, some_batches(5), updates=5)
    assert model.calls is calls
    assert (float(calls), model.largest.tolist()) == (0.0, [0.0])


def test_the_search_for_a_loss_scale_does_not_end_it():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    test = range_test(
        optimizer,
        model,
        lambda model, batch: 1e4 * loss_of(model, batch),
        some_batches(5),
        start=1e-9,
        end=1e-8,
        updates=20,
        use_amp="fp16",
    )
    assert len(test.rates) == 20
    assert (test.rates[0], test.rates[-1]) == (pytest.approx(1e-9), pytest.approx(1e-8))


def test_losses_by_name():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def losses(model, batch):
        return {"loss": loss_of(model, batch), "other": torch.zeros(())}

    plain = range_test(optimizer, model, loss_of, some_batches(5), updates=5)
    assert range_test(optimizer, model, losses, some_batches(5), updates=5) == plain
    with pytest.raises(ValueError, match="no loss named 'los'"):
        range_test(optimizer, model, losses, some_batches(5), optim_loss="los")


def diverging(model, batch):
    """A loss that is nan once the weights are large."""
    return loss_of(model, batch) * (1.0 if float(model[0].weight.detach().norm()) < 1e3 else math.nan)


@pytest.mark.parametrize("max_skips", [1, 100])
def test_a_skipped_update_ends_it(max_skips):
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"start": 1.0, "end": 1e6, "updates": 50, "stop_at": math.inf, "max_skips": max_skips}
    test = range_test(optimizer, model, diverging, some_batches(5), **options)
    assert 1 <= len(test.rates) < 50


@pytest.mark.parametrize("shift", [-10.0, -1.0, 0.0, 10.0])
def test_a_loss_may_have_any_sign(shift):
    """It goes on while the loss falls, and ends where it rises far above its lowest."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    test = range_test(
        optimizer, model, lambda model, x: model(x).square().sum() + shift, [torch.ones(1, 1)], start=1e-3, end=1e3
    )
    assert min(test.losses) == pytest.approx(shift, abs=0.01)
    assert 1 < test.rates[-1] < 100


def test_options_of_the_step_and_accumulation():
    _, _, test = run(updates=10, accum_grad=3, grad_clip=0.1, use_amp="bf16")
    assert len(test.rates) == 10


def test_its_picture(tmp_path):
    from matplotlib.figure import Figure

    _, _, test = run(updates=20)
    figure = Figure()
    axes = test.plot(ax=figure.subplots())
    assert axes.get_xscale() == "log"
    assert [line.get_label() for line in axes.get_lines()][:2] == ["loss", "running mean"]
    figure.savefig(tmp_path / "range.png")
    assert (tmp_path / "range.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 1.0, "end": 0.1}, "the rate must rise"),
        ({"start": 0.0}, "start must be > 0 and finite"),
        ({"updates": 1}, "updates must be"),
        ({"stop_at": 1.0}, "stop_at must be > 1"),
        ({"stop_at": math.nan}, "stop_at must be"),
        ({"end": math.inf}, "end must be finite"),
        ({"start": "1e-5"}, r"range_test\(start='1e-5'\): start must be a number(.|\n)*without quotes"),
        ({"start": None}, "start must be a number"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(**options)


def test_mistaken_kinds():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match="the optimizer comes first, and got the model first"):
        range_test(model, optimizer, loss_of, some_batches(1))
    with pytest.raises(TypeError, match=r"must be a torch.optim.Optimizer, got str"):
        range_test("SGD", model, loss_of, some_batches(1))
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got list"):
        range_test(optimizer, [], loss_of, some_batches(1))
    with pytest.raises(TypeError, match=r"loss_of must be a function .* got Tensor"):
        range_test(optimizer, model, torch.zeros(()), some_batches(1))
    with pytest.raises(ValueError, match="it has seen no update"):
        RangeTest([], [], []).steepest  # noqa: B018


def test_no_batches_and_a_loss_that_is_nan():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="there are no batches"):
        range_test(optimizer, model, loss_of, [])
    with pytest.raises(ValueError, match="lower start="):
        range_test(optimizer, model, lambda model, batch: loss_of(model, batch) * math.nan, some_batches(1))
