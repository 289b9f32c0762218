"""`ScheduleLR` in accelerate's loop."""

from __future__ import annotations

import pytest

from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES

pytest.importorskip("accelerate")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("prepared", [True, False])
def test_one_process(prepared, accumulate, tmp_path):
    from tests.adapters.accelerate_loop import run

    assert run(tmp_path, prepared=prepared, accumulate=accumulate) == RATES


@pytest.mark.parametrize(("factor", "rates"), [(1.0, RATES), (0.5, HALVES)])
def test_one_process_resumed(factor, rates, tmp_path):
    from tests.adapters.accelerate_loop import run

    assert run(tmp_path, updates=3, save=True) == RATES[:3]
    assert run(tmp_path, updates=UPDATES - 3, plan=factor * PLAN, load=True) == rates[3:]


def test_groups_and_the_rate_that_the_wrapper_tells():
    import torch
    from accelerate import Accelerator

    from optimsche import ScheduleLR
    from tests.adapters.helpers import small_model, trained

    accelerator, model = Accelerator(cpu=True), small_model()
    groups = [{"params": model[0].parameters(), "lr_scale": 0.25}, {"params": model[2].parameters()}]
    raw = torch.optim.AdamW(groups, lr=1e-3)
    model, optimizer, scheduler = accelerator.prepare(model, raw, ScheduleLR(raw, PLAN))
    for update in trained(model, optimizer, UPDATES):
        assert scheduler.get_last_lr() == [0.25 * PLAN(update), PLAN(update)]
        scheduler.step()
