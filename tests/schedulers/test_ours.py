"""ScheduleLR under the laws that it offers for others."""

import torch

from optimsche import ScheduleLR, warmup_cosine
from optimsche.testing import check_scheduler
from optimsche.testing.schedulers.laws import ASKED_FOR, BY_DEFAULT

PLAN = warmup_cosine(peak=1e-3, warmup_steps=5, total_steps=40)
# It computes each rate from its number: there is no other form to compare with.
NOT_APPLIED = {"closed_form"}


class WithFactors(torch.optim.AdamW):
    """A plan is the rate itself: groups say with ``lr_scale`` what part of it is theirs, also those added later."""

    def add_param_group(self, group):
        super().add_param_group({"lr_scale": float(group["lr"]) / 0.1, **group})


def test_schedule_lr_keeps_every_law():
    asked = check_scheduler(
        lambda optimizer: ScheduleLR(optimizer, PLAN), also=list(ASKED_FOR), optimizer=WithFactors, examples=10
    )
    assert set(asked) == {*BY_DEFAULT, *ASKED_FOR} - NOT_APPLIED
