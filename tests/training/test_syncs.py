"""What an update reads back from the device: nothing where the optimizer is fused, one transfer elsewhere.

Row 25 of docs/speechain.md.
"""

import pytest
import torch

from benchmarks.fake_cuda import counting_reads, give_gradients, on_cuda
from optimsche import OptimScheduler, clip_adaptive, clip_each_group, clip_value, cosine

PLAN = cosine(start=0.1, steps=100).warmup(10)
FUSED = [
    (torch.optim.AdamW, {}),
    (torch.optim.Adam, {"amsgrad": True}),
    (torch.optim.SGD, {}),
    (torch.optim.SGD, {"momentum": 0.9}),
    (torch.optim.Adagrad, {}),
]
CLIPS = [None, 1.0, clip_value(0.1), clip_each_group(1.0), clip_adaptive()]


def reads_of_updates(kind, arguments, *, updates=3, dtype=torch.float32, **options):
    """What each update reads."""
    found = []
    with counting_reads() as names:
        parameters = on_cuda((64, 64), (64,), dtype=dtype)
        optim = OptimScheduler(kind(parameters, **arguments), PLAN, **options)
        for step_num in range(1, updates + 1):
            give_gradients(parameters)
            if optim.scaler is not None:
                optim.scaler.scale(torch.empty((), device="cuda"))
            names.clear()
            result = optim.update(step_num=step_num)
            assert result.closed
            assert result.norm is not None
            found.append(list(names))
    return found


@pytest.mark.parametrize(("kind", "arguments"), FUSED)
@pytest.mark.parametrize("use_amp", [False, "bf16", "fp16"])
@pytest.mark.parametrize("grad_clip", CLIPS)
def test_a_fused_optimizer_reads_nothing(kind, arguments, use_amp, grad_clip):
    found = reads_of_updates(kind, {**arguments, "fused": True}, use_amp=use_amp, grad_clip=grad_clip)
    assert found == [[], [], []]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_nor_do_half_precision_parameters(dtype):
    assert reads_of_updates(torch.optim.AdamW, {"fused": True}, dtype=dtype, grad_clip=1.0) == [[], [], []]


def test_nor_does_a_rate_that_is_a_tensor():
    """It is filled in place; a new tensor would be a copy from the host."""
    with counting_reads() as names:
        parameters = on_cuda((8, 8))
        optim = OptimScheduler(torch.optim.AdamW(parameters, fused=True), PLAN)
        rate = optim.optimizer.param_groups[0]["lr"] = torch.full((), 0.1, device="cuda")
        optim.update(step_num=1)
        assert names == []
        assert optim.optimizer.param_groups[0]["lr"] is rate


def test_nor_does_an_observer():
    seen = []
    found = reads_of_updates(
        torch.optim.AdamW, {"fused": True}, grad_clip=1.0, on_update=lambda numbers, update: seen.append(numbers)
    )
    assert found == [[], [], []]
    assert seen == []  # the numbers have not arrived


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (torch.optim.AdamW, {"foreach": True}),
        (torch.optim.SGD, {"momentum": 0.9}),
        (torch.optim.RMSprop, {}),
        (torch.optim.NAdam, {}),
    ],
)
@pytest.mark.parametrize("use_amp", [False, "fp16"])
@pytest.mark.parametrize("grad_clip", CLIPS)
def test_another_optimizer_reads_once(kind, arguments, use_amp, grad_clip):
    for names in reads_of_updates(kind, arguments, use_amp=use_amp, grad_clip=grad_clip):
        assert len(names) == 1, names


def test_fused_sgd_with_dampening_reads_once_and_then_nothing():
    """Its first momentum is not one that begins at 0: whether the first step is made has to be known."""
    found = reads_of_updates(torch.optim.SGD, {"momentum": 0.9, "dampening": 0.5, "fused": True})
    assert [len(names) for names in found] == [1, 0, 0]


@pytest.mark.parametrize("look", [lambda result: result.updated, lambda result: result.grad_norm])
def test_looking_at_a_result_is_what_waits(look):
    with counting_reads() as names:
        parameters = on_cuda((8, 8))
        optim = OptimScheduler(torch.optim.AdamW(parameters, fused=True), PLAN)
        result = optim.update(step_num=1)
        assert "grad_norm=..." in repr(result)
        assert names == []
        look(result)
        assert len(names) == 1


def test_a_deliberate_item_is_counted():
    """The count itself is tested: what people write by hand reads once."""
    with counting_reads() as names:
        parameters = on_cuda((8, 8))
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        assert names == []
        norm.item()
        assert len(names) == 1
        norm.to("cpu")
        assert len(names) == 2
        norm.to("cpu", non_blocking=True)
        assert len(names) == 2
        if norm > 1:
            pass
        assert len(names) == 3


def test_the_step_is_traced_and_not_skipped(monkeypatch):
    """If the update read the norm, this would see it: one that reads is counted in the very place."""
    from optimsche.training import gradients

    honest = gradients.total_norm

    def reading(*arguments):
        norm = honest(*arguments)
        norm.item()
        return norm

    monkeypatch.setattr(gradients, "total_norm", reading)
    found = reads_of_updates(torch.optim.AdamW, {"fused": True}, grad_clip=1.0)
    assert [len(names) for names in found] == [1, 1, 1]
