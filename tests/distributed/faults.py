"""Every fault of the table of faults on one of two processes, while the other knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from optimsche import LossScaler, OptimScheduler
from tests.distributed.two_processes import batches_of, between, ddp, off, union
from tests.training import faults
from tests.training.helpers import loss_of, same, small_model

INSIDE, CLOSING = faults.Place(1, 1, 2), faults.Place(1, faults.ACCUM_GRAD - 1, 2)
# In the micro-batch that all wait for, these end the run: see test_what_all_wait_for_fails.
ENDS_THE_RUN = ("exception in backward", "exception in the optimizer's step")
OF_GRADIENTS = [kind for kind, what in faults.KINDS.items() if what.counted]


class Run(faults.Run):
    """A run of the table of faults, in one process of several or in one that has all the data."""

    def __init__(self, trained: nn.Module, batches: Any, use_amp: Any, **options: Any) -> None:
        self.model, self.batches, self.results = trained, batches, []
        optimizer = torch.optim.SGD(trained.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        options = {"accum_grad": faults.ACCUM_GRAD, "grad_clip": 0.5, "use_amp": use_amp, **options}
        self.optim = OptimScheduler(optimizer, faults.PLAN, **options)
        if self.optim.scaler is not None:
            self.optim.scaler = LossScaler(init_scale=256.0)

    def loss(self, step_num: int) -> torch.Tensor:
        with self.optim.micro_batch(step_num):
            return loss_of(self.model, self.batches[step_num - 1])


def repeated(run: faults.Run, place: faults.Place) -> None:
    """A micro-batch twice: its second forward pass is refused already, which would upset DDP."""
    run.step(place.step_num)
    before = run.state()
    try:
        run.loss(place.step_num)
    except ValueError:
        assert same(before, run.state())
        return
    raise AssertionError("the number was taken twice")


STRIKES = {"step_num repeated": repeated}


def on_one_rank(rank: int, kind: str, place: faults.Place, use_amp: Any) -> Any:
    what = faults.KINDS[kind]
    number = faults.WINDOWS * faults.ACCUM_GRAD
    model = ddp()
    struck = Run(model, batches_of(rank, number), use_amp, model=model)
    clean = Run(small_model(), union(number), use_amp, distributed=False)
    for step_num in range(1, number + 1):
        if step_num == place.step_num and rank == 1:
            STRIKES.get(kind, what.strike)(struck, place)
        else:
            struck.step(step_num)
        if not (what.window_is_lost and (step_num - 1) // faults.ACCUM_GRAD == place.window):
            clean.step(step_num)
    seen = {"off": off(model, clean.model), "between": between(model)}
    seen["skips"] = sum(result.skipped for result in struck.results)
    seen["counted"] = what.window_is_lost
    return seen


CASES: dict[str, Callable[[int], Any]] = {
    f"fault: {kind}, {where}, {name}": lambda rank, kind=kind, place=place, amp=amp: on_one_rank(rank, kind, place, amp)
    for name, amp, kinds in (("ddp", False, [*faults.KINDS]), ("ddp fp16", "fp16", OF_GRADIENTS))
    for kind in kinds
    for where, place in (("inside", INSIDE), ("closing", CLOSING))
    if not (where == "closing" and kind in ENDS_THE_RUN) and not (where == "inside" and faults.KINDS[kind].only_closing)
}
