"""Loaded once by the server that the processes of :mod:`tests.training.killing` are forked from: torch warmed up."""

import tempfile
from pathlib import Path

from tests.training import killing

with tempfile.TemporaryDirectory() as folder:
    killing.train(Path(folder))
