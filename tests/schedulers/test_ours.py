"""ScheduleLR under the laws that it offers for others."""

import torch

from optimsche import ScheduleLR, warmup_cosine
from optimsche.testing import check_scheduler

PLAN = warmup_cosine(peak=1e-3, warmup_steps=5, total_steps=40)


def with_factors(groups):
    """A plan is the rate itself: groups say with ``lr_scale`` what part of it is theirs."""
    return torch.optim.AdamW([{**group, "lr_scale": float(group["lr"]) / 0.1} for group in groups])


def test_schedule_lr_keeps_the_laws():
    also = ["base_rates", "in_place", "optimizer_first", "pickle"]
    asked = check_scheduler(
        lambda optimizer: ScheduleLR(optimizer, PLAN), also=also, optimizer=with_factors, examples=10
    )
    assert {*also, "resumed", "resumed_scheduler_first", "last_lr", "copied", "weights_only"} <= set(asked)


def test_a_group_that_is_added_follows():
    first, second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.AdamW([{"params": [first], "lr_scale": 0.5}])
    scheduler = ScheduleLR(optimizer, PLAN)
    for update in (1, 2, 3):
        if update == 2:
            optimizer.add_param_group({"params": [second], "lr_scale": 0.25})
        optimizer.step()
        scheduler.step()
        assert [group["lr"] for group in optimizer.param_groups] == [
            PLAN(update + 1) * group["lr_scale"] for group in optimizer.param_groups
        ]
