"""`ScheduleLR` in Lightning's `Trainer` and in Fabric."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from optimsche import Schedule, ScheduleLR
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES, batches, small_model, watched

lightning = pytest.importorskip("lightning.pytorch")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the trainer's own


class Model(lightning.LightningModule):
    def __init__(self, plan: Schedule = PLAN, interval: str | None = None, scaled: bool = False):
        super().__init__()
        self.save_hyperparameters()
        self.body, self.seen, self.logged = small_model(), [], []

    def training_step(self, batch, _):
        self.logged.append(self.optimizers().param_groups[0]["lr"])
        return nn.functional.mse_loss(self.body(batch[0]), batch[1])

    def configure_optimizers(self):
        groups = [{"params": part.parameters()} for part in (self.body[0], self.body[2])]
        if self.hparams.scaled:
            groups[0]["lr_scale"] = 0.25
        optimizer = torch.optim.AdamW(groups, lr=1e-3)
        self.seen = watched(optimizer)
        scheduler = ScheduleLR(optimizer, self.hparams.plan)
        if self.hparams.interval is None:
            return [optimizer], [scheduler]  # its default interval is the epoch
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": self.hparams.interval}}


def fitted(model, folder, steps=UPDATES, resume=None, **options):
    loader = DataLoader(batches(64), batch_size=None)
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        **{"logger": False, "enable_checkpointing": False, **options},
    )
    trainer.fit(model, loader, ckpt_path=resume)
    return trainer


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("interval", [None, "epoch", "step"])
def test_every_update_has_its_rate(interval, accumulate, tmp_path):
    model = Model(interval=interval)
    fitted(model, tmp_path, accumulate_grad_batches=accumulate)
    assert model.seen == RATES


def test_a_forward_pass_sees_the_rate_of_its_update(tmp_path):
    """Lightning runs it inside of the optimizer's step."""
    model = Model()
    fitted(model, tmp_path)
    assert model.logged == RATES


@pytest.mark.parametrize(("interval", "sees"), [("step", RATES), (None, [RATES[0], *RATES[:-1]])])
def test_under_a_loss_scaler_it_runs_before_the_step(interval, sees, tmp_path):
    from lightning.pytorch.plugins import MixedPrecision

    model, scaler = Model(interval=interval), torch.amp.GradScaler("cpu", init_scale=2.0)
    fitted(model, tmp_path, plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)])
    assert (model.seen, model.logged) == (RATES, sees)


def test_a_search_for_a_rate_is_told_that_its_rates_are_lost(tmp_path):
    from lightning.pytorch.tuner import Tuner

    trainer = lightning.Trainer(
        accelerator="cpu", default_root_dir=tmp_path, logger=False, enable_progress_bar=False, max_steps=3
    )
    loader = DataLoader(batches(8), batch_size=None)
    with pytest.warns(UserWarning, match="has the rate 1e-08, which something else has written"):
        Tuner(trainer).lr_find(Model(), train_dataloaders=loader, num_training=3, update_attr=False)


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
@pytest.mark.parametrize("interval", [None, "step"])
def test_resumed_from_a_checkpoint(interval, plan, rates, tmp_path):
    trainer = fitted(Model(interval=interval), tmp_path, steps=3)
    trainer.save_checkpoint(tmp_path / "three.ckpt")
    model = Model(plan, interval)
    fitted(model, tmp_path, resume=tmp_path / "three.ckpt")
    assert model.seen == rates[3:]
    assert Model.load_from_checkpoint(tmp_path / "three.ckpt").hparams.plan == PLAN


def test_groups_with_an_lr_scale(tmp_path):
    model = Model(scaled=True)
    fitted(model, tmp_path)
    assert model.seen == [0.25 * rate for rate in RATES]


@pytest.mark.parametrize(("interval", "rates"), [("step", RATES), (None, [RATES[0], *RATES[:-1]])])
def test_the_rates_that_the_monitor_logs(interval, rates, tmp_path):
    """It looks before the step: by the epoch it finds the rate of the update before."""
    from lightning.pytorch.callbacks import LearningRateMonitor
    from lightning.pytorch.loggers import CSVLogger

    fitted(
        Model(interval=interval), tmp_path, logger=CSVLogger(tmp_path), callbacks=[LearningRateMonitor("step")]
    ).logger.save()
    (path,) = tmp_path.rglob("metrics.csv")
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    column = header.index("lr-AdamW/pg1")
    assert [float(row[column]) for row in rows if row[column]] == pytest.approx(rates)


def run_in_fabric(fabric, folder, *, plan=PLAN, accumulate=1, updates=UPDATES, save=False, load=False):
    model = small_model()
    raw = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seen = watched(raw)
    model, optimizer = fabric.setup(model, raw)
    scheduler = ScheduleLR(optimizer, plan)
    assert scheduler.optimizer is raw
    state = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    if load:
        fabric.load(folder / "state.ckpt", state)
    for number, (inputs, targets) in enumerate(batches(updates * accumulate), 1):
        with fabric.no_backward_sync(model, enabled=number % accumulate != 0):
            fabric.backward(nn.functional.mse_loss(model(inputs), targets) / accumulate)
        if number % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    if save:
        fabric.save(folder / "state.ckpt", state)
    return seen


@pytest.mark.parametrize("accumulate", [1, 2])
def test_fabric(accumulate, tmp_path):
    from lightning.fabric import Fabric

    assert run_in_fabric(Fabric(accelerator="cpu", devices=1), tmp_path, accumulate=accumulate) == RATES


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_fabric_saves_and_loads(plan, rates, tmp_path):
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    run_in_fabric(fabric, tmp_path, updates=3, save=True)
    assert run_in_fabric(fabric, tmp_path, plan=plan, updates=UPDATES - 3, load=True) == rates[3:]
