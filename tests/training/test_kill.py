"""SIGKILL at every moment of every micro-batch of a window: the resumed run ends with the same bits."""

import os
import signal
import sys

import pytest
import torch

from tests import forks
from tests.training import killing
from tests.training.helpers import same


@pytest.fixture(scope="module")
def context():
    """Processes that have torch already."""
    if sys.platform == "win32":
        pytest.skip("there is no SIGKILL on Windows")
    return forks.context()


def run(context, *arguments):
    process = context.Process(target=killing.train, args=arguments)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.fixture(scope="module")
def straight(context, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    assert run(context, folder) == 0
    return torch.load(folder / "weights.pt")


@pytest.mark.parametrize("at", range(1, killing.MICRO_BATCHES + 1))
@pytest.mark.parametrize("moment", killing.MOMENTS)
def test_killed_and_resumed(moment, at, context, straight, tmp_path):
    assert run(context, tmp_path, moment, at) == -signal.SIGKILL
    assert not (tmp_path / "weights.pt").exists()
    assert os.listdir(tmp_path) or at == 1 or moment == "in saving"
    assert run(context, tmp_path) == 0
    assert same(torch.load(tmp_path / "weights.pt"), straight)
