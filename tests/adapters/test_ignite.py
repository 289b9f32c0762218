"""`ScheduleLR` in ignite's engine, by its own handler on either event, or as a plain function."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from optimsche import ScheduleLR
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES, batches, small_model, watched

ignite = pytest.importorskip("ignite")
pytestmark = pytest.mark.filterwarnings("ignore")


def run(plan=PLAN, event="ITERATION_STARTED", legacy=False, accumulate=1, updates=UPDATES, state=None, scales=(1.0,)):
    from ignite.engine import Engine, Events
    from ignite.handlers import LRScheduler

    model = small_model()
    parts = [model] if len(scales) == 1 else [model[0], model[2]]
    groups = [{"params": part.parameters(), "lr_scale": by} for part, by in zip(parts, scales, strict=True)]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    seen = watched(optimizer)
    scheduler = ScheduleLR(optimizer, plan)
    if state is not None:
        scheduler.load_state_dict(state)

    def update(engine, batch):
        nn.functional.mse_loss(model(batch[0]), batch[1]).backward()
        if engine.state.iteration % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()

    engine = Engine(update)
    if event is None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: scheduler.step())
    else:
        engine.add_event_handler(Events[event], LRScheduler(scheduler, use_legacy=legacy))
    engine.run(batches(updates * accumulate), max_epochs=1)
    return seen, scheduler.state_dict()


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    ("event", "legacy"), [("ITERATION_STARTED", False), ("ITERATION_COMPLETED", True), (None, False)]
)
def test_every_update_has_its_rate(event, legacy, accumulate):
    assert run(event=event, legacy=legacy, accumulate=accumulate) == (RATES, {"updates": UPDATES})


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_resumed(plan, rates):
    _, state = run(updates=3)
    assert run(plan, updates=UPDATES - 3, state=state)[0] == rates[3:]


def test_groups_with_an_lr_scale():
    assert run(scales=(0.25, 1.0))[0] == [0.25 * rate for rate in RATES]
