"""The loop: everything a training run needs, with the schedule and its wrapper doing their part.

All randomness derives from the seed, the epoch and the number of the micro-batch, never from what ran before. With
the state after the last update in a checkpoint, that is enough to go on to bit-identical weights after any stop.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from tqdm import tqdm

from optimsche import OptimScheduler, StepResult
from optimsche.combinators import over
from optimsche.counting import resume_step, total_updates
from optimsche.demo import digits, files, processes
from optimsche.lr_fns import constant, cosine
from optimsche.schedule import Schedule
from optimsche.speechain import build_optim_sches
from optimsche.text import parse

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
    """How a run ended; updates are those that were made."""

    correct: int
    images: int
    updates: int
    skipped: int

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

    In several processes, as torchrun starts them, each does its share of every window, and the run is the same but for
    the order of sums. A checkpoint is resumed in any number of them that divides a window.

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
    # One thread: the work is small, and sums are then made in the same order in every run.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    out.mkdir(parents=True, exist_ok=True)
    with processes.joined() as (rank, count, device):
        return _train(settings, out, resume or processes.was_restarted(), rank, count, device)


def _train(settings: Settings, out: Path, resume: bool, rank: int, count: int, device: torch.device) -> Outcome:
    dataset, test_images, test_labels = digits.split()
    sampler = digits.ShuffledByEpoch(len(dataset), settings.seed)
    loader = torch.utils.data.DataLoader(dataset, batch_sampler=digits.EveryNth(sampler, BATCH_SIZE, rank, count))
    share = processes.Share(rank, count, batches=-(-len(dataset) // BATCH_SIZE))
    network = digits.network(settings.seed).to(device)
    model = processes.wrapped(network, count, test_images[:1].to(device))
    try:
        optim = _optimizer(settings, model, steps_per_epoch=share.batches)
    except TypeError as error:  # a parameter of the wrong kind is a mistake in the text or the file
        raise ValueError(str(error)) from error
    decisive = _decisive(settings, optim)  # for any number of processes the same

    start = 1
    rows: list[tuple[Any, ...]] = []
    if resume and (out / "checkpoint.pt").exists():
        done, rows = _load(out / "checkpoint.pt", decisive, network, optim)
        start = share.step_of(resume_step(done, optim.accum_grad, share.batches))
    processes.wait_for_all(count)
    if start == 1 and processes.leads():
        (out / "checkpoint.pt").unlink(missing_ok=True)
    accum_grad = divide(optim, share)

    total = settings.epochs * share.steps
    loss_of = nn.CrossEntropyLoss()
    batches = optim.batches(loader, settings.epochs, start)
    quiet = None if processes.leads() else True
    with tqdm(total=total, initial=start - 1, unit="batch", disable=quiet, file=sys.stderr) as bar:
        for step_num, epoch, (images, labels) in batches:
            step = step_num - (epoch - 1) * share.steps
            place = (epoch - 1) * share.batches + share.place(step)
            torch.manual_seed(settings.seed * 1_000_003 + place)  # dropout
            with optim.micro_batch(step_num):
                loss = loss_of(model(images.to(device)), labels.to(device))
            result = _step(optim, loss, step_num, epoch, share.weight(step))
            bar.update()
            closed = {name: one for name, one in (result.members or {"main": result}).items() if one.closed}
            if not closed:
                continue
            done, last_loss = share.done(step_num), share.of_the_last(loss, step)
            for name, one in closed.items():
                rows.append((name, one.real_step, epoch, done, one.lr, last_loss, one.grad_norm, one.skipped))
            bar.set_postfix(epoch=epoch, lr=f"{rows[-1][4]:.2e}", loss=f"{rows[-1][5]:.3f}")
            if processes.leads() and (rows[-1][1] % SAVE_EVERY == 0 or step_num == total):
                _save(out / "checkpoint.pt", decisive, network, optim, done, rows)

    if processes.leads():
        files.write_metrics(out / "metrics.csv", rows)
        plans = {name: member.schedule for name, member in optim.members.items()}
        files.draw_rates(out / "curve.png", plans, rows, steps_per_epoch=share.batches, accum_grad=accum_grad)
    network.eval()
    with torch.no_grad():
        correct = int((network(test_images.to(device)).argmax(1).cpu() == test_labels).sum())
    skipped = sum(row[7] for row in rows)
    return Outcome(correct, len(test_labels), len(rows) - skipped, skipped)


def divide(optim: OptimScheduler, share: processes.Share) -> int:
    """Let each process do its share of every window; how many micro-batches one has in all of them together.

    Raises:
        ValueError: the processes cannot share a window evenly.
    """
    accum_grad = optim.accum_grad
    if not isinstance(accum_grad, int) or accum_grad % share.size:
        raise ValueError(
            f"{share.size} processes cannot share windows of accum_grad={accum_grad} micro-batches: take as many "
            "processes as divide it"
        )
    optim.accum_grad, optim.steps_per_epoch = accum_grad // share.size, share.steps
    return accum_grad


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
    decisive: Mapping[str, Any],
    model: nn.Module,
    optim: OptimScheduler,
    step_num: int,
    rows: list[tuple[Any, ...]],
) -> None:
    state = {
        "settings": dict(decisive),
        "step_num": step_num,
        "model": model.state_dict(),
        "optim": optim.state_dict(),
        "rows": rows,
    }
    files.save_checkpoint(path, state)


def _load(
    path: Path, decisive: Mapping[str, Any], model: nn.Module, optim: OptimScheduler
) -> tuple[int, list[tuple[Any, ...]]]:
    state = files.load_checkpoint(path, PARTS)
    for name, wanted in decisive.items():
        saved = state["settings"].get(name)
        if saved != wanted:
            raise ValueError(
                f"{path} was made with {name}={saved!r}, and this run wants {name}={wanted!r}: "
                "resume with the settings of the run, or begin anew with --restart"
            )
    model.load_state_dict(state["model"])
    optim.load_state_dict(state["optim"])
    return state["step_num"], state["rows"]
