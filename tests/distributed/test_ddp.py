"""Two processes under DDP: one synchronisation per update, and the update of a single process."""

import pytest
import torch

from optimsche import OptimScheduler
from tests.distributed.ddp_worker import OPTIONS, PLAN, WORLD, batches_of, flat, parts_of, several
from tests.training.helpers import loss_of, small_model


@pytest.fixture(scope="module")
def ranks(two):
    """What each of two gloo processes saw, by rank."""
    return [{name: each[rank] for name, each in two.items()} for rank in range(WORLD)]


@pytest.mark.parametrize("use_amp", ["plain", "fp16"])
def test_gradients_are_summed_once_per_update(ranks, use_amp):
    """Row 13 of docs/speechain.md: 0, 0, 0, 1 and not 1, 1, 1, 1; also where an epoch cuts a window short."""
    for rank in ranks:
        closing = [n in (4, 8, 10, 14, 18, 20) for n in range(1, 21)]
        assert rank[use_amp]["reduced"] == closing  # so small a model is one bucket
        assert rank[use_amp]["updated"] == closing


DROPPED = ["discard", "discard fp16", "discard before", "fail"]


WEIGHTED = ["weighted number", "weighted tensor"]


SEVERAL = ["several", "several fp16"]


@pytest.mark.parametrize(
    "case", ["plain", "fp16", "nan", *DROPPED, *WEIGHTED, "weighted dropped", *SEVERAL, "several dropped"]
)
def test_processes_stay_equal(ranks, case):
    assert ranks[0][case]["weights"] == ranks[1][case]["weights"]


@pytest.mark.parametrize(("case", "tolerance"), [("plain", 1e-5), ("fully_shard", 1e-5), ("fully_shard fp16", 1e-2)])
def test_as_a_single_process_with_all_the_data(ranks, case, tolerance):
    model = small_model()
    optim = OptimScheduler(torch.optim.AdamW(model.parameters(), lr=0.1), PLAN, **OPTIONS)
    norms = []
    pairs = zip(*(batches_of(rank) for rank in range(WORLD)), strict=True)
    for step_num, pair in enumerate(pairs, 1):
        batch = tuple(torch.cat(parts) for parts in zip(*pair, strict=True))
        norms.append(optim.step(loss_of(model, batch), step_num=step_num).grad_norm)
    weights = torch.tensor(ranks[0][case]["weights"])
    torch.testing.assert_close(weights, torch.tensor(flat(model)), rtol=tolerance, atol=tolerance)
    if "norms" in ranks[0][case]:
        assert ranks[0][case]["norms"] == ranks[1][case]["norms"]
        found = [norm for norm in ranks[0][case]["norms"] if norm is not None]
        assert found == pytest.approx([norm for norm in norms if norm is not None], rel=tolerance)


@pytest.mark.parametrize("case", [*WEIGHTED, "weighted fully_shard"])
def test_weights_count_over_all_processes(ranks, case):
    """The gradient of the mean over all examples of the window, on whichever process they were."""
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters())
    norms = []
    for window in (slice(0, 3), slice(3, 6)):
        optimizer.param_groups[0]["lr"] = PLAN(len(norms) + 1)
        parts = [batch for rank in range(WORLD) for batch in parts_of(rank)[window]]
        loss_of(model, tuple(torch.cat(each) for each in zip(*parts, strict=True))).backward()
        norms.append(float(torch.nn.utils.get_total_norm([parameter.grad for parameter in model.parameters()])))
        optimizer.step()
        optimizer.zero_grad()
    assert ranks[0][case]["norms"] == pytest.approx(norms, rel=1e-5)
    assert ranks[0][case]["norms"] == ranks[1][case]["norms"]
    if case in WEIGHTED:
        torch.testing.assert_close(torch.tensor(ranks[0][case]["weights"]), torch.tensor(flat(model)))


def test_a_weighted_window_dropped_by_one_is_skipped_by_all(ranks):
    assert [rank["weighted dropped"]["skipped"] for rank in ranks] == [[False, True]] * WORLD


def test_one_nan_skips_on_every_process(ranks):
    assert [rank["nan"]["skipped"] for rank in ranks] == [[True, False]] * WORLD


@pytest.mark.parametrize("case", [*DROPPED, "discard fully_shard"])
def test_a_window_dropped_by_one_is_skipped_by_all(ranks, case):
    assert [rank[case]["skipped"] for rank in ranks] == [[True, False, False]] * WORLD


@pytest.mark.parametrize(
    ("case", "tolerance"), [("several", 1e-5), ("several fp16", 1e-2), ("several fully_shard", 1e-5)]
)
def test_several_optimizers_as_in_a_single_process(ranks, case, tolerance):
    model = small_model()
    optim = several(model)
    norms = []
    pairs = zip(*(batches_of(rank)[:12] for rank in range(WORLD)), strict=True)
    for step_num, pair in enumerate(pairs, 1):
        batch = tuple(torch.cat(parts) for parts in zip(*pair, strict=True))
        results = optim.step(loss_of(model, batch), step_num=step_num).members
        norms += [result.grad_norm for result in results.values() if result.updated]
    assert len(norms) == 4 + 2
    for rank in ranks:
        assert rank[case]["norms"] == pytest.approx(norms, rel=tolerance)
        assert not any(rank[case]["skipped"])
    if case in SEVERAL:
        weights = torch.tensor(ranks[0][case]["weights"])
        torch.testing.assert_close(weights, torch.tensor(flat(model)), rtol=tolerance, atol=tolerance)
        closing = [n % 3 == 0 for n in range(1, 13)]  # also in the windows of which only one makes an update
        assert [rank[case]["reduced"] for rank in ranks] == [closing] * WORLD


def test_a_window_of_several_dropped_by_one_is_skipped_by_all(ranks):
    """In order: the weights; weights and biases; the weights; weights and biases."""
    skipped = [False, True, True, False, False, False]
    assert [rank["several dropped"]["skipped"] for rank in ranks] == [skipped] * WORLD


@pytest.mark.parametrize(
    ("case", "part_of_message"),
    [
        ("part", "only a part of a DistributedDataParallel model would be updated, and not encoder.0.weight"),
        ("alone", "only a part of a DistributedDataParallel model would be updated, and not encoder.0.weight"),
        ("two losses", "must follow the same loss, got optim_loss='ctc', 'att'"),
        ("fsdp", "Use torch's fully_shard (FSDP2)"),
    ],
)
def test_what_processes_cannot_keep_equal_is_refused(ranks, case, part_of_message):
    """Rows 7 and 11 of docs/speechain.md: a part of a wrapped model is found by its name, and not updated alone."""
    assert part_of_message in ranks[0]["refusals"][case]
