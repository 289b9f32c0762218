"""What a training loop sees: numbered batches, contexts, results, several optimizers, and the snippets people type."""

import io
import itertools
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from optimsche import Member, OptimScheduler, constant, cosine, linear, total_updates
from tests.training.helpers import EncoderDecoder, loss_of, same, small_model, some_batches, train, weights


class Sampler:
    """Remembers which epochs it was told of."""

    def __init__(self):
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)


class Loader(list[Any]):
    """A list of batches with a sampler."""

    def __init__(self, batches):
        super().__init__(batches)
        self.sampler = Sampler()


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def test_batches_are_numbered_over_the_whole_run():
    optim = OptimScheduler(sgd(small_model()), constant(value=0.1), accum_grad=4)
    loader = Loader(list("abc"))
    everything = [(1, 1, "a"), (2, 1, "b"), (3, 1, "c"), (4, 2, "a"), (5, 2, "b"), (6, 2, "c")]
    assert list(optim.batches(loader, epochs=2)) == everything
    assert loader.sampler.epochs == [0, 1]
    assert optim.steps_per_epoch == 3
    assert list(optim.batches(loader, epochs=2, start=5)) == everything[4:]
    assert loader.sampler.epochs == [0, 1, 1]
    assert list(optim.batches(loader, epochs=2, start=7)) == []


def test_a_loader_with_a_set_epoch_of_its_own_is_told():
    class Streaming(list[Any]):
        told: list[int] = []  # noqa: RUF012  # one list for the one loader

        def set_epoch(self, epoch):
            self.told.append(epoch)

    loader = Streaming("ab")
    list(OptimScheduler(sgd(small_model()), constant(value=0.1)).batches(loader, epochs=2))
    assert loader.told == [0, 1]


class Stream(torch.utils.data.IterableDataset[int]):
    """0, 1, 2, ... without end, from 0 again whenever it is iterated."""

    def __iter__(self):
        return itertools.count()


@pytest.mark.parametrize(
    ("loader", "second_epoch"),
    [
        (torch.utils.data.DataLoader(Stream(), batch_size=None), [0, 1, 2]),  # begins again
        (itertools.count(), [3, 4, 5]),  # goes on, and nothing is lost
    ],
)
def test_a_stream_is_cut_into_epochs(loader, second_epoch):
    optim = OptimScheduler(sgd(small_model()), constant(value=0.1), steps_per_epoch=3)
    came = list(optim.batches(loader, epochs=2))
    assert [(step_num, epoch) for step_num, epoch, _ in came] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
    assert [batch for _, _, batch in came] == [0, 1, 2, *second_epoch]


@pytest.mark.parametrize("zero", [torch.tensor(0), np.array(0)])
def test_a_counter_that_is_counted_in_place(zero):
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1))
    for batch in some_batches(3):
        zero += 1
        with optim.micro_batch(zero):
            loss = loss_of(model, batch)
        result = optim.step(loss, step_num=zero)
    assert result.updated
    assert type(result.real_step) is int
    assert result.real_step == 3


def parts_of(model, **options):
    """A member for each part of a model."""
    return {
        name: Member(sgd(part), constant(value=0.1), **{key: value.format(name) for key, value in options.items()})
        for name, part in model.named_children()
    }


def test_batches_give_the_length_of_an_epoch_to_several_optimizers():
    model = EncoderDecoder()
    optim = OptimScheduler(parts_of(model), model=model, accum_grad=2)
    closed = []
    for step_num, epoch, batch in optim.batches(some_batches(3), epochs=1):
        with optim.micro_batch(step_num):
            loss = model(batch)["decoder_loss"]
        closed.append(optim.step(loss, step_num=step_num, epoch_num=epoch)["decoder"].closed)
    assert closed == [False, True, True]


def test_a_torch_loader_reshuffles_by_epoch():
    data = torch.utils.data.TensorDataset(torch.arange(8.0))
    sampler = torch.utils.data.DistributedSampler(data, num_replicas=1, rank=0)
    loader = torch.utils.data.DataLoader(data, batch_size=2, sampler=sampler)
    optim = OptimScheduler(sgd(small_model()), constant(value=0.1))
    orders = {epoch: [] for epoch in (1, 2)}  # type: dict[int, list[float]]
    for _, epoch, (batch,) in optim.batches(loader, epochs=2):
        orders[epoch] += batch.tolist()
    assert orders[1] != orders[2]
    resumed = [batch.tolist() for _, _, (batch,) in optim.batches(loader, epochs=2, start=7)]
    assert [x for batch in resumed for x in batch] == orders[2][4:]


def test_autocast_in_the_forward_pass_only():
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), use_amp="bf16")
    with optim.micro_batch(1):
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16
    assert not torch.is_autocast_enabled("cpu")


def test_results():
    model = small_model()
    optim = OptimScheduler(sgd(model), linear(start=1.0, steps=10), accum_grad=2, steps_per_epoch=4)
    inside, closed, *_ = train(optim, model, some_batches(4))
    assert (inside.closed, inside.real_step, inside.epoch, inside.lr) == (False, 1, 1, 0.9)
    assert (inside.updated, inside.skipped, inside.grad_norm) == (False, False, None)
    assert (closed.closed, closed.real_step, closed.updated, closed.skipped) == (True, 1, True, False)
    assert isinstance(closed.grad_norm, float)
    assert repr(inside) == (
        "StepResult(closed=False, real_step=1, epoch=1, lr=0.9, updated=False, skipped=False, grad_norm=None)"
    )


def test_timing_hooks_are_called_as_speechain_calls_them():
    calls = []

    @contextmanager
    def time_func(names):
        calls.append(names)
        yield
        calls.append("end")

    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), accum_grad=2)
    for step_num, batch in enumerate(some_batches(2), 1):
        optim.step(loss_of(model, batch), step_num=step_num, time_func=time_func, optim_name="main")
    assert calls == [["loss_backward_time", "main"], "end", ["optim_time", "main"], "end"] * 2

    calls.clear()
    model = EncoderDecoder()
    several = OptimScheduler(parts_of(model))  # timed as one, since backward passes are shared
    loss = model(some_batches(1)[0])["decoder_loss"]
    several.step(loss, step_num=1, time_func=time_func, optim_name="all")
    assert calls == [["loss_backward_time", "all"], "end", ["optim_time", "all"], "end"]


def test_repr_and_its_hook():
    class Own(OptimScheduler):
        def extra_repr_fn(self):
            return f"warmup_steps={3}"

    optim = Own(torch.optim.SGD(small_model().parameters()), constant(value=0.1), grad_clip=1.0)
    assert repr(optim) == "Own(optimizer=SGD, schedule=constant(value=0.1, steps=None), grad_clip=1.0, warmup_steps=3)"
    plain = OptimScheduler(torch.optim.SGD(small_model().parameters(), lr=0.1), constant(value=0.1))
    assert repr(plain) == "OptimScheduler(optimizer=SGD, schedule=constant(value=0.1, steps=None))"
    asked = OptimScheduler(plain.optimizer, constant(value=0.1), accum_grad=4, use_amp="bf16")
    assert repr(asked).endswith("accum_grad=4, use_amp='bf16')")


def test_groups_that_are_added_later():
    model = small_model()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, linear(start=1.0, steps=10), model=model)
    train(optim, model, some_batches(1))
    assert all(parameter.grad is None for parameter in model[2].parameters())
    optimizer.add_param_group({"params": model[2].parameters(), "lr_scale": 0.5})
    before = weights(model[2])
    train(optim, model, some_batches(2), start=2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.8, 0.4]
    assert not same(weights(model[2]), before)


def test_relative_rates():
    model = small_model()
    groups = [{"params": model[0].parameters(), "lr": 1e-5}, {"params": model[2].parameters(), "lr_scale": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=1e-3)
    optim = OptimScheduler(optimizer, linear(steps=10), rates="relative")
    train(optim, model, some_batches(5))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5e-5, 0.25e-3])
    assert optim.get_lr() == optimizer.param_groups[0]["lr"]
    again = OptimScheduler(optimizer, linear(steps=10), rates="relative")  # the base is still the group's own
    assert again.get_lr() == pytest.approx(0.9e-5)


def test_one_loss_for_several_optimizers_is_one_pass():
    together, alone = EncoderDecoder(), EncoderDecoder()
    several = OptimScheduler(parts_of(together), model=together, accum_grad=2)
    optim = OptimScheduler(sgd(alone), constant(value=0.1), model=alone, accum_grad=2)
    for step_num, batch in enumerate(some_batches(4), 1):
        with several.micro_batch(step_num):
            loss = together(batch)["decoder_loss"]
        results = several.step(loss, step_num=step_num)
        with optim.micro_batch(step_num):
            loss = alone(batch)["decoder_loss"]
        result = optim.step(loss, step_num=step_num)
        assert {name: one.updated for name, one in results.members.items()} == {
            "encoder": result.updated,
            "decoder": result.updated,
        }
        assert (results.updated, results.closed) == (result.updated, result.closed)
        assert results.grad_norm == pytest.approx(result.grad_norm)
    assert same(weights(together), weights(alone))


def test_one_bad_loss_skips_its_own_optimizer_only():
    model = EncoderDecoder()
    optim = OptimScheduler(parts_of(model, optim_loss="{}_loss"), model=model, use_amp="fp16")
    with optim.micro_batch(1):
        losses = model(some_batches(1)[0])
    scaler = optim.scaler
    assert scaler is not None
    scaler.load_state_dict({**scaler.state_dict(), "scale": 16.0})
    losses["encoder_loss"] = losses["encoder_loss"] * float("nan")
    results = optim.step(losses, step_num=1)
    assert results["encoder"].skipped
    assert results["decoder"].updated
    assert results.updated
    assert scaler.get_scale() == 8.0


def test_a_backward_pass_that_fails_drops_the_window_of_all(caplog):
    model = EncoderDecoder()
    optim = OptimScheduler(parts_of(model, optim_loss="{}_loss"), model=model, accum_grad=2)
    batches = some_batches(4)
    losses = model(batches[0])
    losses["decoder_loss"].register_hook(lambda _: (_ for _ in ()).throw(RuntimeError("boom")))
    with pytest.raises(RuntimeError, match="boom"):
        optim.step(losses, step_num=1)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert caplog.text.count("a backward pass of its window failed") == 1
    results = [optim.step(model(batches[n]), step_num=n + 1) for n in (1, 2, 3)]
    assert [result["encoder"].skipped for result in results] == [True, False, False]
    assert results[2]["decoder"].updated


# -- what people type in their first hour -----------------------------------------------------------------------------


def test_no_wrapper_at_all():
    plan = cosine(start=0.1, steps=10)
    optimizer = sgd(small_model())
    for group in optimizer.param_groups:
        group["lr"] = plan(5)
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_simplest():
    model = small_model()
    plan = linear(start=0.1, steps=10)
    optim = OptimScheduler(sgd(model, lr=123.0), plan)
    assert optim.get_lr() == plan(1)  # also before the first update
    assert optim.step(loss_of(model, some_batches(1)[0]), step_num=1).updated


def test_everything_asked_for():
    model = small_model()
    optim = OptimScheduler(sgd(model), constant(value=0.1), model=model, accum_grad=4, grad_clip=1.0, use_amp="bf16")
    assert [result.updated for result in train(optim, model, some_batches(4))] == [False, False, False, True]


def test_by_epoch():
    model = small_model()
    loader = some_batches(3)
    plan = cosine(steps=90).by_epoch()
    optim = OptimScheduler(sgd(model), plan, steps_per_epoch=len(loader))
    results = train(optim, model, loader * 2)
    assert [result.epoch for result in results] == [1, 1, 1, 2, 2, 2]
    assert [result.lr for result in results] == [cosine(steps=90)(0)] * 3 + [cosine(steps=90)(1)] * 3


def test_total_updates_is_what_a_run_makes():
    loader = some_batches(10)
    updates = total_updates(epochs=3, steps_per_epoch=len(loader), accum_grad=4)
    model = small_model()
    plan = cosine(start=0.1, steps=updates)
    optim = OptimScheduler(sgd(model), plan, accum_grad=4)
    for step_num, epoch, batch in optim.batches(loader, epochs=3):
        with optim.micro_batch(step_num):
            loss = loss_of(model, batch)
        result = optim.step({"loss": loss}, step_num=step_num, epoch_num=epoch)
    assert result.real_step == updates == 9
    assert result.lr == 0.0


def test_extending_the_plan_in_mid_run():
    model = small_model()
    plan = linear(start=1.0, end=0.5, steps=2)
    optim = OptimScheduler(sgd(model), plan)
    train(optim, model, some_batches(2))
    optim.schedule = plan.then(linear(start=0.5, steps=2), at=2)
    assert [result.lr for result in train(optim, model, some_batches(4), start=3)] == [0.25, 0.0]


def test_loading_from_a_file_as_torch_writes_it():
    model = small_model()
    optim = OptimScheduler(torch.optim.Adam(model.parameters()), constant(value=0.1), use_amp="fp16")
    train(optim, model, some_batches(2))
    path = io.BytesIO()
    torch.save(optim.state_dict(), path)
    path.seek(0)
    optim.load_state_dict(torch.load(path))
