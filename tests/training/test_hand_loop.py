"""The update is a hand-written PyTorch loop's, bit for bit."""

import pytest
import torch

from optimsche import LossScaler, OptimScheduler, constant, cosine, noam
from tests.training.helpers import loss_of, same, small_model, some_batches, train, train_by_hand, twin, weights

SGD = (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01})
ADAM = (torch.optim.Adam, {"lr": 0.1, "betas": (0.9, 0.98)})
ADAMW = (torch.optim.AdamW, {"lr": 0.1})
COSINE = cosine(start=0.1, steps=9).warmup(3)
NOAM = noam(d_model=64, warmup_steps=4)


@pytest.mark.parametrize("accum_grad", [1, 4])
@pytest.mark.parametrize("grad_clip", [None, 0.05])
@pytest.mark.parametrize("use_amp", [False, "bf16", "fp16"])
@pytest.mark.parametrize(("kind", "plan", "ft_factor"), [(SGD, COSINE, 1.0), (ADAM, NOAM, 0.5), (ADAMW, COSINE, 0.3)])
def test_equal_bit_for_bit(accum_grad, grad_clip, use_amp, kind, plan, ft_factor):
    optimizer_class, arguments = kind
    ours, theirs = small_model(), small_model()
    batches = some_batches(24)
    optim = OptimScheduler(
        optimizer_class(ours.parameters(), **arguments),
        plan,
        model=ours,
        accum_grad=accum_grad,
        grad_clip=grad_clip,
        use_amp=use_amp,
        ft_factor=ft_factor,
    )
    results = train(optim, ours, batches)

    optimizer = optimizer_class(theirs.parameters(), **arguments)
    scaler = torch.amp.GradScaler("cpu") if use_amp == "fp16" else None
    norms = train_by_hand(
        optimizer,
        lambda real_step: ft_factor * plan(real_step),
        theirs,
        batches,
        accum_grad=accum_grad,
        grad_clip=grad_clip,
        scaler=scaler,
        dtype={False: None, "bf16": torch.bfloat16, "fp16": torch.float16}[use_amp],
    )
    assert same(weights(ours), weights(theirs))
    assert same(optim.optimizer.state_dict(), optimizer.state_dict())
    assert [result.grad_norm for result in results if result.closed] == norms
    if grad_clip is not None:
        assert max(norms) > grad_clip
    if scaler is not None:
        assert optim.scaler is not None
        assert optim.scaler.state_dict() == scaler.state_dict()


@pytest.mark.parametrize("fused", [False, True])
def test_a_loss_scale_that_overflows_lowers_itself_as_by_hand(fused):
    """Several updates are skipped first; fused SGD then has the momentum that it would have had without them."""
    ours, theirs = small_model(), small_model()
    batches = some_batches(8)
    # The hand loop is not fused: torch's fused SGD has a random momentum after a skipped first step.
    optim = OptimScheduler(
        torch.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9, fused=fused), constant(value=0.1), use_amp="fp16"
    )
    optim.scaler = LossScaler(init_scale=2.0**18, growth_interval=2)
    results = train(optim, ours, batches)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**18, growth_interval=2)
    train_by_hand(optimizer, lambda _: 0.1, theirs, batches, scaler=scaler, dtype=torch.float16)
    assert any(result.skipped for result in results)
    assert any(result.updated for result in results)
    assert results[0].skipped
    assert scaler.state_dict() == optim.scaler.state_dict()
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(mine, other)
        assert fused or torch.equal(mine, other)


def test_windows_that_an_epoch_cuts_short():
    """Ten micro-batches in windows of four: three updates an epoch. Row 18 of docs/speechain.md."""
    ours, theirs = small_model(), small_model()
    batches = some_batches(20)
    optim = OptimScheduler(
        torch.optim.SGD(ours.parameters(), lr=0.1), COSINE, accum_grad=4, steps_per_epoch=10, grad_clip=0.05
    )
    results = train(optim, ours, batches)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    train_by_hand(optimizer, COSINE, theirs, batches, accum_grad=4, steps_per_epoch=10, grad_clip=0.05)
    assert [n for n, result in enumerate(results, 1) if result.updated] == [4, 8, 10, 14, 18, 20]
    assert same(weights(ours), weights(theirs))


def test_windows_written_out_by_hand():
    """Nothing here asks the library which micro-batch belongs where."""
    ours, theirs = small_model(), small_model()
    batches = some_batches(20)
    optim = OptimScheduler(
        torch.optim.AdamW(ours.parameters()), COSINE, accum_grad=4, steps_per_epoch=10, grad_clip=0.05
    )
    train(optim, ours, batches)
    windows = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], [11, 12, 13, 14], [15, 16, 17, 18], [19, 20]]
    optimizer = torch.optim.AdamW(theirs.parameters())
    for number, window in enumerate(windows, 1):
        optimizer.zero_grad()
        for step_num in window:
            (loss_of(theirs, batches[step_num - 1]) / len(window)).backward()
        optimizer.param_groups[0]["lr"] = COSINE(number)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.05)
        optimizer.step()
    assert same(weights(ours), weights(theirs))


def test_each_update_has_the_gradient_of_its_own_micro_batches():
    """The full-batch gradient of what the window holds, also in a short one. Row 18 of docs/speechain.md."""
    model = small_model()
    batches = some_batches(10)
    optim = OptimScheduler(torch.optim.SGD(model.parameters(), lr=1.0), constant(value=1.0), accum_grad=4)
    for window in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9]):
        before, reference = weights(model), twin(model)
        inputs = torch.cat([batches[i][0] for i in window])
        targets = torch.cat([batches[i][1] for i in window])
        loss_of(reference, (inputs, targets)).backward()
        for step_num, batch in optim_batches(optim, batches):
            if step_num - 1 in window:
                optim.step(loss_of(model, batch), step_num=step_num, epoch_num=1)
        for old, new, parameter in zip(before, weights(model), reference.parameters(), strict=True):
            torch.testing.assert_close(old - new, parameter.grad)


def optim_batches(optim, batches):
    """All micro-batches of an epoch, numbered."""
    return [(step_num, batch) for step_num, _, batch in optim.batches(batches, epochs=1)]


def test_own_backward_pass():
    ours, theirs = small_model(), small_model()
    batches = some_batches(8)
    optim = OptimScheduler(torch.optim.Adam(ours.parameters()), COSINE, accum_grad=2, grad_clip=0.05)
    for step_num, batch in enumerate(batches, 1):
        (loss_of(ours, batch) / 2).backward()
        optim.update(step_num=step_num)
    optimizer = torch.optim.Adam(theirs.parameters())
    train_by_hand(optimizer, COSINE, theirs, batches, accum_grad=2, grad_clip=0.05)
    assert same(weights(ours), weights(theirs))


def test_own_backward_pass_and_windows_between_updates():
    """What the caller's backward pass leaves in the windows between is not part of an update."""
    ours, theirs = small_model(), small_model()
    batches = some_batches(4)
    optim = OptimScheduler(torch.optim.Adam(ours.parameters()), COSINE, step_per_update=2)
    for step_num, batch in enumerate(batches, 1):
        loss_of(ours, batch).backward()
        optim.update(step_num=step_num)
    train_by_hand(torch.optim.Adam(theirs.parameters()), COSINE, theirs, batches[1::2])
    assert same(weights(ours), weights(theirs))


def test_own_backward_pass_with_a_loss_scale():
    ours, theirs = small_model(), small_model()
    batches = some_batches(4)
    optim = OptimScheduler(torch.optim.Adam(ours.parameters()), COSINE, use_amp="fp16")
    assert optim.scaler is not None
    for step_num, batch in enumerate(batches, 1):
        with optim.micro_batch(step_num):
            loss = loss_of(ours, batch)
        optim.scaler.scale(loss).backward()
        optim.update(step_num=step_num)
    scaler = torch.amp.GradScaler("cpu")
    train_by_hand(torch.optim.Adam(theirs.parameters()), COSINE, theirs, batches, scaler=scaler, dtype=torch.float16)
    assert same(weights(ours), weights(theirs))


def test_sparse_gradients():
    ours = torch.nn.Embedding(5, 3, sparse=True)
    theirs = twin(ours)
    optim = OptimScheduler(torch.optim.SparseAdam(ours.parameters()), constant(value=0.1))
    optimizer = torch.optim.SparseAdam(theirs.parameters(), lr=0.1)
    rows = torch.tensor([1, 1, 2])
    result = optim.step(ours(rows).sum(), step_num=1)
    theirs(rows).sum().backward()
    optimizer.step()
    assert same(weights(ours), weights(theirs))
    assert result.grad_norm == pytest.approx((4 * 3 + 3) ** 0.5)


def test_infinity_norm_clips_by_the_largest_gradient():
    model = torch.nn.Linear(2, 1, bias=False)
    optim = OptimScheduler(
        torch.optim.SGD(model.parameters(), lr=1.0), constant(value=1.0), grad_clip=1.0, grad_norm_type=float("inf")
    )
    before = model.weight.detach().clone()
    result = optim.step(model(torch.tensor([4.0, 2.0])).sum(), step_num=1)
    assert result.grad_norm == 4.0
    torch.testing.assert_close(before - model.weight.detach(), torch.tensor([[1.0, 0.5]]))
