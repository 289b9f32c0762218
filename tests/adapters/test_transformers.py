"""`ScheduleLR` in Hugging Face's `Trainer`."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from optimsche import ScheduleLR, audit, cosine, read_log, warmup_cosine
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES, batches, small_model, watched

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the trainer's own


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = small_model()

    def forward(self, inputs, labels):
        return {"loss": nn.functional.mse_loss(self.body(inputs), labels)}


def data(number=64):
    return [{"inputs": x[0], "labels": y[0]} for x, y in batches(number)]


def arguments(folder, **options):
    options = {"max_steps": UPDATES, "per_device_train_batch_size": 2, "save_strategy": "no", **options}
    return transformers.TrainingArguments(
        str(folder), report_to=[], use_cpu=True, logging_steps=1, disable_tqdm=True, **options
    )


def trainer_of(folder, plan=PLAN, groups=None, **options):
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters() if groups is None else groups(model), lr=1e-3)
    seen = watched(optimizer)
    scheduler = ScheduleLR(optimizer, plan)
    trainer = transformers.Trainer(
        model, arguments(folder, **options), train_dataset=data(), optimizers=(optimizer, scheduler)
    )
    return trainer, scheduler, seen


def logged(trainer):
    return [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_update_has_its_rate_and_the_log_says_it(accumulate, tmp_path):
    trainer, _, seen = trainer_of(tmp_path, gradient_accumulation_steps=accumulate)
    trainer.train()
    assert seen == logged(trainer) == RATES
    trainer.save_state()
    log = read_log(tmp_path / "trainer_state.json")
    assert audit(PLAN, *log).clean
    assert audit(PLAN, *log, counts="next").causes[0].kind == "logged_this"


def test_a_plan_by_epochs_where_an_epoch_ends_in_the_middle_of_an_update(tmp_path):
    """Five batches by two are three updates."""
    model, plan = Model(), cosine(start=1e-3, steps=4).by_epoch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seen, scheduler = watched(optimizer), ScheduleLR(optimizer, plan, steps_per_epoch=math.ceil(5 / 2))
    options = arguments(tmp_path, max_steps=-1, num_train_epochs=2, gradient_accumulation_steps=2)
    transformers.Trainer(model, options, train_dataset=data(10), optimizers=(optimizer, scheduler)).train()
    assert seen == [plan(1, epoch) for epoch in (1, 1, 1, 2, 2, 2)]


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_resumed_from_a_checkpoint(plan, rates, tmp_path):
    trainer_of(tmp_path, save_strategy="steps", save_steps=3)[0].train()
    trainer, scheduler, seen = trainer_of(tmp_path, plan)
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert seen == rates[3:]
    assert scheduler.updates == UPDATES


def test_groups_with_an_lr_scale(tmp_path):
    def groups(model):
        return [{"params": model.body[0].parameters(), "lr_scale": 0.25}, {"params": model.body[2].parameters()}]

    trainer, scheduler, seen = trainer_of(tmp_path, groups=groups)
    trainer.train()
    assert seen == [0.25 * rate for rate in RATES]
    assert scheduler.get_last_lr()[1] == PLAN(UPDATES + 1)


def test_the_trainers_own_optimizer_and_length(tmp_path):
    """The recipe of docs/anywhere.md for a plan in parts of the run, whose length the trainer knows."""
    in_parts = warmup_cosine(peak=1e-3, warmup_steps=0.25, total_steps=1)
    seen = []

    class Planned(transformers.Trainer):
        def create_scheduler(self, num_training_steps, optimizer=None):
            optimizer = optimizer or self.optimizer
            if self.lr_scheduler is not None:
                self.lr_scheduler.remove()
            seen.append(watched(getattr(optimizer, "optimizer", optimizer)))
            self.lr_scheduler = ScheduleLR(optimizer, in_parts.over(num_training_steps))
            return self.lr_scheduler

    trainer = Planned(Model(), arguments(tmp_path), train_dataset=data())
    for _ in range(2):
        trainer.train()
        assert seen[-1] == pytest.approx(RATES)
        assert logged(trainer) == pytest.approx(RATES)
