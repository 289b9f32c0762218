"""The path of an accelerator, on CPU tensors: the kernel divides and skips, and nothing is looked at before.

Torch's fused kernels run on the CPU, too. Told that reading is not free, the update takes the path that it takes on a
GPU, with real numbers.
"""

import itertools
import math

import pytest
import torch

from optimsche import (
    LossScaler,
    NonFiniteError,
    OptimScheduler,
    clip_adaptive,
    clip_each_group,
    clip_value,
    constant,
    cosine,
)
from optimsche.training import async_copy, gradients, updates, window
from tests.training.helpers import (
    break_gradients,
    loss_of,
    same,
    small_model,
    some_batches,
    train,
    train_by_hand,
    weights,
)

PLAN = cosine(start=0.05, steps=9).warmup(3)
FUSED = {
    "AdamW": (torch.optim.AdamW, {"weight_decay": 0.1}),
    "Adam": (torch.optim.Adam, {"weight_decay": 0.1}),
    "amsgrad": (torch.optim.AdamW, {"amsgrad": True}),
    "SGD": (torch.optim.SGD, {"weight_decay": 0.1}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "dampening": (torch.optim.SGD, {"momentum": 0.9, "dampening": 0.5}),
    "Adagrad": (torch.optim.Adagrad, {}),
}


@pytest.fixture
def on_device(monkeypatch):
    """Take the path on which nothing may be read."""
    monkeypatch.setattr(gradients, "is_here", lambda tensor: False)


def built(kind, model, **options):
    optimizer_class, arguments = FUSED[kind]
    return OptimScheduler(optimizer_class(model.parameters(), fused=True, **arguments), PLAN, **options)


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize("accum_grad", [1, 3, 4])
@pytest.mark.parametrize("grad_clip", [None, 0.05])
@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_equal_to_the_hand_loop(kind, accum_grad, grad_clip, use_amp):
    """Window, loss scale and clip are one division here: equal to 1e-6, and to the bit where nothing is divided."""
    ours, theirs = small_model(), small_model()
    batches = some_batches(24)
    optim = built(kind, ours, accum_grad=accum_grad, grad_clip=grad_clip, use_amp=use_amp)
    results = train(optim, ours, batches)
    optimizer_class, arguments = FUSED[kind]
    optimizer = optimizer_class(theirs.parameters(), **arguments)
    norms = train_by_hand(
        optimizer,
        PLAN,
        theirs,
        batches,
        accum_grad=accum_grad,
        grad_clip=grad_clip,
        scaler=torch.amp.GradScaler("cpu") if use_amp else None,
        dtype=torch.float16 if use_amp else None,
    )
    assert isinstance(results[-1].found_inf, bool | torch.Tensor)
    # Where a skipped first step would leave random momentum, torch's rule for the first step is kept by waiting once.
    tolerance = 1e-6 if not use_amp else 1e-4
    assert [result.grad_norm for result in results if result.closed] == pytest.approx(norms, rel=tolerance)
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=1e-6)


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("bad", [1, 2, 3])
@pytest.mark.parametrize("use_amp", [False, "fp16"])
def test_a_skip_changes_nothing_and_the_next_update_is_that_of_a_clean_run(kind, value, bad, use_amp):
    """Also where the first of all is skipped: fused SGD begins its momentum with it."""

    def run(with_bad):
        model = small_model()
        optim = built(kind, model, grad_clip=1.0, use_amp=use_amp)
        if optim.scaler is not None:
            optim.scaler = LossScaler(init_scale=16.0)
        for step_num, batch in enumerate(some_batches(5), 1):
            if step_num != bad:
                optim.step(loss_of(model, batch), step_num=step_num)
            elif with_bad:
                before = weights(model), copied(optim)
                assert optim.step(break_gradients(model, value), step_num=step_num).skipped
                assert same(before[0], weights(model))
                assert moments_before_hold(before[1], copied(optim))
                if optim.scaler is not None:
                    assert optim.scaler.get_scale() == 8.0
                    optim.scaler = LossScaler(init_scale=16.0)
        return weights(model), copied(optim)

    assert same(run(with_bad=True), run(with_bad=False))


def copied(optim):
    state = optim.optimizer.state_dict()["state"]
    return {n: {k: v.clone() for k, v in entry.items() if v is not None} for n, entry in state.items()}


def moments_before_hold(before, after):
    """Whether all that was there is as it was; what a skipped first step makes is 0."""
    for number, entry in after.items():
        for name, value in entry.items():
            if number in before and name in before[number]:
                assert torch.equal(value, before[number][name])
            else:
                assert not value.any(), (number, name)
    return True


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("clip", [clip_value(0.01), clip_each_group(0.05), clip_adaptive(0.02)])
def test_other_clips_are_those_of_the_host_path(clip, monkeypatch):
    def run():
        model = small_model()
        optim = built("AdamW", model, grad_clip=clip, accum_grad=2)
        train(optim, model, some_batches(8))
        return weights(model)

    on_device = run()
    monkeypatch.undo()
    for mine, other in zip(on_device, run(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-7)


@pytest.mark.usefixtures("on_device")
def test_nothing_stays_on_the_optimizer_after_an_exception(monkeypatch):
    """A grad_scale that stayed would divide whatever is done with the optimizer next."""
    model = small_model()
    optim = built("AdamW", model, grad_clip=0.01)

    def boom(*arguments, **options):
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "_fused_adamw_", boom)
        with pytest.raises(RuntimeError, match="boom"):
            optim.step(loss_of(model, some_batches(1)[0]), step_num=1)
    assert not hasattr(optim.optimizer, "grad_scale")
    assert not hasattr(optim.optimizer, "found_inf")
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=2).updated


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_what_the_kernel_divides_by_is_float32(dtype, monkeypatch):
    """It raises for any other; and a flag other than 0 and 1 corrupts its step counter."""
    seen = []
    model = small_model().to(dtype)
    optim = built("AdamW", model, grad_clip=0.01)
    honest = optim.optimizer.step

    def looking():
        seen.append((optim.optimizer.grad_scale.dtype, float(optim.optimizer.found_inf)))
        return honest()

    monkeypatch.setattr(optim.optimizer, "step", looking)
    for step_num, scale in enumerate((1.0, math.inf), 1):
        batch = [part.to(dtype) for part in some_batches(1)[0]]
        optim.step(loss_of(model, batch) * scale, step_num=step_num)
    assert seen == [(torch.float32, 0.0), (torch.float32, 1.0)]


class Later:
    """An event that is over once it was asked so many times."""

    def __init__(self, asked):
        self.left = asked

    def query(self):
        self.left -= 1
        return self.left < 0

    def synchronize(self):
        pass


@pytest.mark.usefixtures("on_device")
def test_skips_are_told_later_in_order_and_end_the_run(monkeypatch, caplog):
    """The numbers of an update arrive while the next ones are made."""
    monkeypatch.setattr(async_copy, "is_here", lambda tensor: False)
    monkeypatch.setattr(async_copy, "_recorded_event", lambda device: Later(2))
    model = small_model()
    told = []
    optim = built("AdamW", model, max_skips=2, on_update=lambda numbers, update: told.append((update, numbers)))
    counter = itertools.count(1)
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=next(counter)).updated
    optim.step(break_gradients(model), step_num=next(counter))
    assert told == []
    assert not caplog.records
    before = weights(model)

    def until_it_ends():
        for _ in range(9):
            optim.step(break_gradients(model), step_num=next(counter))

    with pytest.raises(NonFiniteError, match=r"2 updates in a row.*number 3"):
        until_it_ends()
    assert next(counter) > 4  # later than the skip that ended it
    assert [update for update, _ in told] == [1, 2, 3]
    assert [numbers["skipped"] for _, numbers in told] == [0.0, 1.0, 1.0]
    assert caplog.text.count("is skipped, number") == 2
    assert same(weights(model), before)


@pytest.mark.usefixtures("on_device")
def test_a_constant_rate_and_no_clip_hand_the_kernel_nothing_to_divide_by(monkeypatch):
    model = small_model()
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), fused=True), constant(value=0.1))
    seen = []
    honest = optim.optimizer.step
    monkeypatch.setattr(optim.optimizer, "step", lambda: (seen.append(optim.optimizer.grad_scale), honest()))
    optim.step(loss_of(model, some_batches(1)[0]), step_num=1)
    assert seen == [None]


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("skip_non_finite", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_window_that_weighs_nothing_on_the_device_changes_nothing(monkeypatch, fused, skip_non_finite):
    for module in (updates, window):  # beside the gradients
        monkeypatch.setattr(module, "is_here", lambda tensor: False)
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), fused=fused)
    optim = OptimScheduler(optimizer, PLAN, accum_grad=2, skip_non_finite=skip_non_finite)
    before, batches = weights(model), some_batches(4)
    nothing = [optim.step(loss_of(model, batches[n - 1]), step_num=n, weight=torch.tensor(0.0)).updated for n in (1, 2)]
    assert nothing == [False, False]
    assert same(before, weights(model))
    results = [optim.step(loss_of(model, batches[n - 1]), step_num=n, weight=torch.tensor(2.0)) for n in (3, 4)]
    assert results[1].updated
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.usefixtures("on_device")
def test_the_first_weight_of_a_window_may_be_0_on_the_device(monkeypatch):
    for module in (updates, window):
        monkeypatch.setattr(module, "is_here", lambda tensor: False)
    first, second = some_batches(2)
    model, alone = small_model(), small_model()
    optim = built("AdamW", model, accum_grad=2)
    for step_num, batch, weight in ((1, first, 0.0), (2, second, 3.0)):
        optim.step(loss_of(model, batch), step_num=step_num, weight=torch.tensor(weight))
    train(built("AdamW", alone), alone, [second])
    assert all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(weights(model), weights(alone), strict=True))
