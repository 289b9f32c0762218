"""One launch of four processes and one of two for all the tests of this folder."""

import os

import pytest

from tests.distributed import harness

TWO = ("ddp_worker", "two_processes", "meshes", "faults", "frameworks", "resumed")


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Where four processes leave what two, and one, find."""
    folder = tmp_path_factory.mktemp("shared")
    os.environ["OPTIMSCHE_SHARED"] = str(folder)
    yield folder
    del os.environ["OPTIMSCHE_SHARED"]


@pytest.fixture(scope="session")
def four(shared, tmp_path_factory):
    """What each of four gloo processes saw, by the name of the case."""
    return harness.run(4, tmp_path_factory.mktemp("four"), ["tests.distributed.four_processes"])


@pytest.fixture(scope="session")
def two(shared, four, tmp_path_factory):
    """What each of two gloo processes saw, by the name of the case."""
    return harness.run(2, tmp_path_factory.mktemp("two"), [f"tests.distributed.{name}" for name in TWO])
