"""`ScheduleLR` on timm's optimizers, whose layer decay is an `lr_scale` in each group."""

from __future__ import annotations

import pytest
from torch import nn

from optimsche import ScheduleLR
from tests.adapters.helpers import PLAN, RATES, UPDATES, small_model, trained, watched

try:
    from timm.optim import create_optimizer_v2
except (ImportError, RuntimeError) as error:  # a torchvision of another build than torch
    pytest.skip(f"timm cannot be imported: {error}", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


class Layered(nn.Sequential):
    def group_matcher(self, coarse=False):
        return {"stem": r"^0", "blocks": r"^(\d+)"}


def test_layer_decay():
    model = Layered(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05, layer_decay=0.5)
    scales = [group["lr_scale"] for group in optimizer.param_groups]
    assert len(set(scales)) > 1
    seen = [watched(optimizer, group=number) for number in range(len(scales))]
    ScheduleLR(optimizer, PLAN)
    list(trained(model, optimizer, UPDATES))
    assert seen == [[rate * scale for rate in RATES] for scale in scales]


def test_lookahead():
    model = small_model()
    optimizer = create_optimizer_v2(model, opt="lookahead_adamw", lr=1e-3)
    scheduler = ScheduleLR(optimizer, PLAN)
    rates = [scheduler.get_last_lr()[0] for _ in trained(model, optimizer, UPDATES)]
    assert rates == RATES
