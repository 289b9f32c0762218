"""`ScheduleLR` and plans from the files of Lightning's command line."""

from __future__ import annotations

import json

import pytest
import torch
from torch.utils.data import DataLoader

from optimsche import Schedule, cosine, parse
from tests.adapters.helpers import PLAN, RATES, UPDATES, batches, watched

lightning = pytest.importorskip("lightning.pytorch")
typing = pytest.importorskip("jsonargparse.typing")
from lightning.pytorch.cli import LightningCLI, LRSchedulerCallable  # noqa: E402

from tests.adapters.test_lightning import Model  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # of the trainer's own


class Configured(Model):
    def __init__(self, scheduler: LRSchedulerCallable, other: Schedule = PLAN):
        super().__init__()
        self.scheduler, self.other = scheduler, other

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        self.seen = watched(optimizer)
        return [optimizer], [self.scheduler(optimizer)]


class Data(lightning.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(batches(64), batch_size=None)


def test_a_run_from_a_file(tmp_path):
    typing.register_type(Schedule, serializer=str, deserializer=parse, fail_already_registered=False)
    given = {
        "trainer.max_steps": UPDATES,
        **dict.fromkeys(("trainer.logger", "trainer.enable_checkpointing", "trainer.enable_progress_bar"), False),
        "trainer.accelerator": "cpu",
        "model.scheduler": {"class_path": "optimsche.ScheduleLR", "init_args": {"schedule": str(PLAN)}},
        "model.other": {"class_path": "optimsche.cosine", "init_args": {"steps": 9}},
    }
    (tmp_path / "run.json").write_text(json.dumps(given))
    arguments = ["fit", "--config", str(tmp_path / "run.json")]
    model = LightningCLI(Configured, Data, args=arguments, save_config_callback=None).model
    assert model.seen == RATES
    assert model.other == parse(model.hparams.other) == cosine(steps=9)  # Lightning keeps what was in the file
