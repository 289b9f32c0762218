"""The examples with several optimizers train."""

import importlib.util
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.usefixtures("one_thread")
EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module


def test_a_gan_learns_mean_and_deviation():
    gan = example("gan")
    drawn = gan.train(updates=400)
    assert float(drawn.mean()) == pytest.approx(gan.MEAN, abs=0.4)
    assert float(drawn.std()) == pytest.approx(gan.DEVIATION, abs=0.3)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no torch.optim.Muon")
def test_muon_and_adamw_share_a_backward_pass():
    losses = example("muon_adamw").train(updates=80)
    assert losses[-1] < 0.8 * losses[0]
