"""Every block of docs/anywhere.md that needs a package of its own runs, and each update has its rate.

The other blocks run in tests/unit/test_docs.py.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader

from optimsche import ScheduleLR, warmup_cosine
from tests.adapters.helpers import PLAN, RATES, UPDATES, batches, small_model, trained

PAGE = (Path(__file__).parents[2] / "docs" / "anywhere.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", PAGE, re.M))
BLOCK = re.compile(r"^```py\n(.*?)^```", re.S | re.M)
PACKAGES = {
    "Hugging Face `Trainer`": "transformers",
    "Lightning": "lightning",
    "accelerate": "accelerate",
    "ignite": "ignite",
    "timm": "timm.optim",
    "Keras": "keras",
    "torchtitan and composer": "torchtitan",
}


class Model(nn.Module):
    """Gives a loss as transformers asks for it, and an output otherwise."""

    def __init__(self):
        super().__init__()
        self.body = small_model()

    def forward(self, inputs, labels=None):
        output = self.body(inputs)
        return output if labels is None else {"loss": nn.functional.mse_loss(output, labels)}


def test_every_block_is_run():
    assert {name for name, text in SECTIONS.items() if BLOCK.search(text)} == set(PACKAGES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("section", "number"), [(name, k) for name in PACKAGES for k in range(len(BLOCK.findall(SECTIONS[name])))]
)
def test_block(section, number, tmp_path, monkeypatch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        pytest.importorskip(PACKAGES[section])
    except RuntimeError as error:
        pytest.skip(f"{PACKAGES[section]} cannot be imported: {error}")
    monkeypatch.chdir(tmp_path)
    pairs = [(inputs[0], targets[0]) for inputs, targets in batches(8 * UPDATES)]
    names = {
        "torch": torch,
        "ScheduleLR": ScheduleLR,
        "warmup_cosine": warmup_cosine,
        "plan": PLAN,
        "model": Model(),
        "dataset": [{"inputs": inputs, "labels": targets} for inputs, targets in pairs],
        "loader": DataLoader(pairs[: (2 if section == "accelerate" else 1) * UPDATES]),
        "loss_of": lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]),
    }
    rates = []
    hook = register_optimizer_step_post_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    try:
        exec(compile(BLOCK.findall(SECTIONS[section])[number], section, "exec"), names)
        if section == "timm":
            list(trained(names["model"].body, names["optimizer"], UPDATES))
    finally:
        hook.remove()
    if section not in ("Keras", "torchtitan and composer"):
        assert rates == pytest.approx(RATES)
