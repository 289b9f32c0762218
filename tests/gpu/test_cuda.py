"""What only a GPU can show: the profiler's count of synchronisations, a real fp16 loss scale, a CUDA graph."""

import pytest
import torch

from optimsche import LossScaler, OptimScheduler, advance_rates, cosine
from tests.training.helpers import break_gradients, loss_of, same, small_model, some_batches, weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU, and there is none here")

PLAN = cosine(start=0.05, steps=30).warmup(3)


def on_gpu(batches):
    return [tuple(part.cuda() for part in batch) for batch in batches]


@pytest.mark.parametrize("use_amp", [False, "bf16", "fp16"])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_an_update_never_waits(kind, use_amp):
    """Torch itself raises where the program would wait for the device."""
    model = small_model().cuda()
    optimizer = kind(model.parameters(), lr=0.1, fused=True)
    optim = OptimScheduler(optimizer, PLAN, model=model, grad_clip=1.0, use_amp=use_amp, accum_grad=2)
    batches = on_gpu(some_batches(12))
    for step_num, batch in enumerate(batches[:4], 1):
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        optim.step(loss, step_num=step_num)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step_num, batch in enumerate(batches[4:], 5):
            with optim.micro_batch(step_num):
                loss = loss_of(model, batch)
            result = optim.step(loss, step_num=step_num)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert result.updated


def test_the_wait_would_be_seen():
    """The check itself is tested."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(RuntimeError):
            torch.ones(1, device="cuda").item()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD, torch.optim.Adagrad])
def test_a_skip_with_a_real_loss_scale_changes_nothing(kind):
    model = small_model().cuda()
    optim = OptimScheduler(kind(model.parameters(), lr=0.1, fused=True), PLAN, model=model, use_amp="fp16")
    optim.scaler = LossScaler(init_scale=256.0)
    before = weights(model)
    assert optim.step(break_gradients(model), step_num=1).skipped
    assert same(weights(model), before)
    assert optim.scaler.get_scale() == 128.0
    assert optim.step(loss_of(model, on_gpu(some_batches(1))[0]), step_num=2).updated


def test_a_captured_step_has_the_next_rate_with_every_replay():
    weight = torch.nn.Parameter(torch.ones(4, device="cuda"))
    optimizer = torch.optim.AdamW([weight], lr=torch.tensor(0.0, device="cuda"), capturable=True)
    counter = torch.zeros((), dtype=torch.int64, device="cuda")
    weight.grad = torch.ones_like(weight)
    optimizer.step()  # makes its state, at a rate of 0
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        advance_rates(optimizer, PLAN, counter)
        optimizer.step()
    counter.zero_()
    for update in range(1, 20):
        graph.replay()
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(PLAN(update), rel=1e-6)
