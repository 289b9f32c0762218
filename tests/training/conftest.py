"""What tests of the training step share."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """PyTorch on one thread: so small a model gains nothing from more, and loses much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
