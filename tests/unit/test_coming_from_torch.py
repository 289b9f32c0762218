"""The tables for those who come from PyTorch, update for update."""

import re
from pathlib import Path

import pytest
import torch
from torch.optim import lr_scheduler as theirs

import optimsche
from optimsche import cosine, exponential, linear, milestones, polynomial, step_decay
from optimsche.names import known

LR, F, N, E, P, G = 0.1, 0.25, 20, 0.01, 2.0, 0.5
NAMES = {"lr": LR, "f": F, "n": N, "e": E, "p": P, "g": G}
PAGE = (Path(__file__).parents[2] / "docs" / "migration" / "torch.md").read_text().partition("## The same numbers")[2]
ROWS = re.findall(r"^\| `(\w+\(opt.*?\))`.*?\| `(.*?)` \|$", PAGE, re.M)


@pytest.mark.parametrize(("scheduler", "schedule"), ROWS)
def test_row(scheduler, schedule):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    stepped = eval(scheduler, {**vars(theirs), **NAMES, "opt": optimizer})
    ours = eval(schedule, {**vars(optimsche), **NAMES})
    cycles = 4 if "WarmRestarts" in scheduler else 1
    by_epoch = ours.counts_epochs
    for update in range(1, 7 if by_epoch else cycles * N + 2):  # after its end, torch's cosine rises again
        rate = ours(update, epoch=update) if by_epoch else ours(update)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12 * LR), update
        optimizer.step()
        stepped.step()


def test_the_table_has_its_rows():
    assert len(ROWS) == 12
    assert {cosine, exponential, linear, milestones, polynomial, step_decay} <= set(known().values())


def test_a_plan_in_torchs_own_scheduler_goes_through_a_checkpoint(tmp_path):
    plan = cosine(start=0.1, steps=10).warmup(3)

    def run():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        return optimizer, theirs.LambdaLR(optimizer, plan.shift(-1))

    optimizer, scheduler = run()
    for update in range(1, 6):
        assert optimizer.param_groups[0]["lr"] == plan(update)
        optimizer.step()
        scheduler.step()
    torch.save([optimizer.state_dict(), scheduler.state_dict()], tmp_path / "checkpoint.pt")
    again, resumed = run()
    for part, state in zip((again, resumed), torch.load(tmp_path / "checkpoint.pt"), strict=True):
        part.load_state_dict(state)
    assert again.param_groups[0]["lr"] == plan(6)
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == plan(7)
    assert resumed.lr_lambdas[0] == plan.shift(-1)
