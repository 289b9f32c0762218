"""The loop: everything a training run needs, with the schedule and its wrapper doing their part.

All randomness derives from the seed, the epoch and the number of the micro-batch, never from what ran before. With
the state after the last update in a checkpoint, that is enough to go on to bit-identical weights after any stop.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from tqdm import tqdm

from optimsche.combinators import over
from optimsche.counting import resume_step, total_updates
from optimsche.demo import digits, files
from optimsche.demo.team import Team, gathered, restarted
from optimsche.lr_fns import constant, cosine
from optimsche.schedule import Schedule
from optimsche.speechain import build_optim_sches
from optimsche.text import parse
from optimsche.training import OptimScheduler, StepResult

BATCH_SIZE, ACCUM_GRAD, GRAD_CLIP, SAVE_EVERY = 16, 4, 1.0, 10
PARTS = {"settings", "step_num", "model", "optim", "rows"}  # of a checkpoint


class Settings(NamedTuple):
    """What decides a run. A checkpoint carries it, with plans for their text, and a resumed run must agree with it."""

    epochs: int = 20
    seed: int = 0
    amp: str = "off"
    schedule: str | None = None
    config: str | None = None


class Outcome(NamedTuple):
    """How a run ended; updates are those that were made. Of several processes, one tells."""

    correct: int
    images: int
    updates: int
    skipped: int
    told: bool = True

    @property
    def accuracy(self) -> float:
        """Share of the test images that are classified rightly."""
        return self.correct / self.images


def default_plan(updates: int) -> Schedule:
    """Rise for a tenth of the run, hold, and fall along half a cosine: a plan in fractions of the run."""
    warmup_steps = max(updates // 10, 1)
    return over(3e-3 * (constant(steps=0.4) >> cosine(steps=0.6)), updates - warmup_steps).warmup(warmup_steps)


def train(settings: Settings, out: Path, *, resume: bool = False) -> Outcome:
    """Train the network; leave `checkpoint.pt`, `metrics.csv` and `curve.png` in `out`.

    Processes that torchrun has started train it together: each has its part of every batch, and the first writes.

    Args:
        settings: what decides the run.
        out: the folder; made if it is missing.
        resume: go on from the folder's checkpoint if there is one; else begin anew.

    Returns:
        How many test images are classified rightly, and how many updates were made and skipped.

    Raises:
        ValueError: the checkpoint is broken or belongs to a run with other settings; a schedule cannot be read, or has
            rates too large for the weights.
        NonFiniteError: the run has diverged.
    """
    with gathered() as team:
        return _train(settings, out, team, resume=resume or restarted())


def _train(settings: Settings, out: Path, team: Team, *, resume: bool) -> Outcome:
    # One thread: the work is small, and sums are then made in the same order in every run.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    out.mkdir(parents=True, exist_ok=True)
    dataset, test_images, test_labels = digits.split()
    sampler = digits.ShuffledByEpoch(len(dataset), settings.seed)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH_SIZE, sampler=sampler)
    network = digits.network(settings.seed).to(team.device)
    state = _read(out / "checkpoint.pt") if resume and (out / "checkpoint.pt").exists() else None
    if state is not None:
        network.load_state_dict(state["model"])
    elif team.leads:
        (out / "checkpoint.pt").unlink(missing_ok=True)
    model = team.wrap(network, test_images[:1])  # all wait here for the others, which have read the checkpoint then
    try:
        optim = _optimizer(settings, model, steps_per_epoch=len(loader))
    except TypeError as error:  # a parameter of the wrong kind is a mistake in the text or the file
        raise ValueError(str(error)) from error

    start = 1
    rows: list[tuple[Any, ...]] = []
    if state is not None:
        _refuse_other_settings(out / "checkpoint.pt", state["settings"], _decisive(settings, optim))
        optim.load_state_dict(state["optim"])
        rows = state["rows"]
        start = resume_step(state["step_num"], optim.accum_grad, len(loader))

    total = settings.epochs * len(loader)
    loss_of = nn.CrossEntropyLoss(reduction="sum" if team.size > 1 else "mean")
    batches = optim.batches(loader, settings.epochs, start)
    quiet = None if team.leads else True  # None: where nobody looks
    with tqdm(total=total, initial=start - 1, unit="batch", disable=quiet, file=sys.stderr) as bar:
        for step_num, epoch, (images, labels) in batches:
            torch.manual_seed(settings.seed * 1_000_003 + step_num)  # dropout
            whole, share = len(labels), None
            if team.size > 1:
                images, labels = images[team.part(whole)].to(team.device), labels[team.part(whole)].to(team.device)
                digits.dropout_of(network).batch = whole, team.part(whole)
                share = len(labels) / whole  # so that a batch counts as it does in one process
            with optim.micro_batch(step_num):
                loss = loss_of(model(images), labels) / (1 if share is None else max(len(labels), 1))
            result = _step(optim, loss, step_num, epoch, share)
            bar.update()
            closed = {name: one for name, one in (result.members or {"main": result}).items() if one.closed}
            if not closed:
                continue
            seen = team.sum(loss if share is None else loss * share)
            for name, one in closed.items():
                rows.append((name, one.real_step, epoch, step_num, one.lr, seen, one.grad_norm, one.skipped))
            bar.set_postfix(epoch=epoch, lr=f"{rows[-1][4]:.2e}", loss=f"{rows[-1][5]:.3f}")
            if team.leads and (rows[-1][1] % SAVE_EVERY == 0 or step_num == total):
                _save(out / "checkpoint.pt", settings, network, optim, step_num, rows)

    if team.leads:
        files.write_metrics(out / "metrics.csv", rows)
        plans = {name: member.schedule for name, member in optim.members.items()}
        files.draw_rates(out / "curve.png", plans, rows, steps_per_epoch=len(loader), accum_grad=ACCUM_GRAD)
    network.eval()
    with torch.no_grad():
        correct = int((network(test_images.to(team.device)).argmax(1).cpu() == test_labels).sum())
    skipped = sum(row[7] for row in rows)
    return Outcome(correct, len(test_labels), len(rows) - skipped, skipped, told=team.leads)


def _step(optim: OptimScheduler, loss: torch.Tensor, step_num: int, epoch: int, weight: float | None) -> StepResult:
    try:
        return optim.step(loss, step_num=step_num, epoch_num=epoch, weight=weight)
    except RuntimeError as error:
        if "overflow" not in str(error):
            raise
        rates = ", ".join(f"{member.optimizer.param_groups[0]['lr']:g}" for member in optim.members.values())
        raise ValueError(
            f"the rate of micro-batch {step_num}, {rates}, is too large for the weights: {error}"
        ) from None


def _optimizer(settings: Settings, model: nn.Module, steps_per_epoch: int) -> OptimScheduler:
    options: dict[str, Any] = {
        "accum_grad": ACCUM_GRAD,
        "steps_per_epoch": steps_per_epoch,
        "grad_clip": GRAD_CLIP,
        "use_amp": False if settings.amp == "off" else settings.amp,
    }
    if settings.config is not None:
        return build_optim_sches(settings.config, model, **options)
    updates = total_updates(settings.epochs, steps_per_epoch, ACCUM_GRAD)
    plan = default_plan(updates) if settings.schedule is None else parse(settings.schedule)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    return OptimScheduler(optimizer, plan, model=model, **options)


def _decisive(settings: Settings, optim: OptimScheduler) -> dict[str, Any]:
    """The settings, with the optimizers that text and files describe instead of the words and the paths."""
    return {
        **{name: value for name, value in settings._asdict().items() if name not in ("schedule", "config")},
        "optimizer": repr(optim),
    }


def _save(
    path: Path,
    settings: Settings,
    model: nn.Module,
    optim: OptimScheduler,
    step_num: int,
    rows: list[tuple[Any, ...]],
) -> None:
    state = {
        "settings": _decisive(settings, optim),
        "step_num": step_num,
        "model": model.state_dict(),
        "optim": optim.state_dict(),
        "rows": rows,
    }
    files.save_checkpoint(path, state)


def _read(path: Path) -> dict[str, Any]:
    return files.load_checkpoint(path, PARTS)


def _refuse_other_settings(path: Path, saved: dict[str, Any], here: dict[str, Any]) -> None:
    for name, wanted in here.items():
        if saved.get(name) != wanted:
            raise ValueError(
                f"{path} was made with {name}={saved.get(name)!r}, and this run wants {name}={wanted!r}: "
                "resume with the settings of the run, or begin anew without --resume"
            )
