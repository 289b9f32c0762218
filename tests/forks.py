"""Processes that are forked of one that has imported PyTorch, the demo and the cases of several processes."""

import multiprocessing

# The server is started once for all tests, by the first that needs it.
_LOADED = [
    *("tests.training.killing_ready", "optimsche.cli", "optimsche.demo.train", "matplotlib.pyplot"),
    *("tests.distributed.four_processes", "tests.distributed.ddp_worker", "tests.distributed.meshes"),
]


def context():
    """As of ``multiprocessing``; not on Windows."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_LOADED)
    return found
