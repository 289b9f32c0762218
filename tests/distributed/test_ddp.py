"""Two processes under DDP: one synchronisation per update, and the update of a single process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from optimsche import OptimScheduler
from tests.distributed.ddp_worker import OPTIONS, PLAN, WORLD, batches_of, flat, parts_of
from tests.training.helpers import loss_of, small_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two gloo processes saw."""
    folder = tmp_path_factory.mktemp("ddp")
    command = [sys.executable, "-m", "tests.distributed.ddp_worker"]
    workers = [
        subprocess.Popen([*command, str(rank), str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in range(WORLD)
    ]
    try:
        errors = [worker.communicate(timeout=120)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0] * WORLD, "\n".join(errors)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(WORLD)]


@pytest.mark.parametrize("use_amp", ["plain", "fp16"])
def test_gradients_are_summed_once_per_update(ranks, use_amp):
    """Row 14: 0, 0, 0, 1 and not 1, 1, 1, 1; also where the end of an epoch cuts a window short."""
    for rank in ranks:
        closing = [n in (4, 8, 10, 14, 18, 20) for n in range(1, 21)]
        assert rank[use_amp]["reduced"] == closing  # so small a model is one bucket
        assert rank[use_amp]["updated"] == closing


DROPPED = ["discard", "discard fp16", "discard before", "fail"]


WEIGHTED = ["weighted number", "weighted tensor"]


@pytest.mark.parametrize("case", ["plain", "fp16", "nan", *DROPPED, *WEIGHTED, "weighted dropped"])
def test_processes_stay_equal(ranks, case):
    assert ranks[0][case]["weights"] == ranks[1][case]["weights"]


@pytest.mark.parametrize(
    ("case", "tolerance"), [("plain", 1e-5), ("fsdp", 1e-5), ("fully_shard", 1e-5), ("fully_shard fp16", 1e-2)]
)
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


@pytest.mark.parametrize("case", [*DROPPED, "discard fsdp", "discard fully_shard"])
def test_a_window_dropped_by_one_is_skipped_by_all(ranks, case):
    assert [rank[case]["skipped"] for rank in ranks] == [[True, False, False]] * WORLD


def test_a_part_of_a_distributed_model_is_refused(ranks):
    """Rows 7 and 12: by name, and found through the wrapper."""
    assert "owns only a part of a DistributedDataParallel model" in ranks[0]["refusals"]["part"]
    assert "encoder.0.weight" in ranks[0]["refusals"]["part"]
    assert "several optimizers on a model whose gradients are summed" in ranks[0]["refusals"]["several"]
