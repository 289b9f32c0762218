"""One mutant after the other, each in a process of its own that has loaded the packages already."""

import contextlib
import os
import resource
import sys
from pathlib import Path

from tests.mutation.covering import OPTIONS

FAILED = 70  # of a child, by something else than its tests
NO_TESTS = 5  # pytest's, where it finds none
_OURS = ("optimsche", "tests", "benchmarks", "examples", "conftest")


def in_a_child(work, seconds):
    """What ``work`` gives as an exit status, in a fork of this process; None if it was ended by a signal.

    Args:
        work: gives a number.
        seconds: of work, after which the process ends.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    status = FAILED
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        status = work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def begin(copy):
    """Let this process run the copy: no module of ours stays loaded from anywhere else."""
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    os.chdir(copy)
    sys.path[:] = [str(copy), *(each for each in sys.path if each not in ("", str(Path.cwd())))]
    os.environ["PYTHONPATH"] = str(copy)


def judge(tests):
    """Run some tests of the copy in this process, the first failure ends it; the exit status of pytest."""
    import pytest

    sys.dont_write_bytecode = True
    order = {test: place for place, test in enumerate(tests)}

    class Only:
        def pytest_collection_modifyitems(self, items):
            named = [item for item in items if item.nodeid in order]
            items[:] = sorted(named, key=lambda item: order[item.nodeid]) or items  # or whole files were named

    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    return int(pytest.main([*OPTIONS, "-x", *files], plugins=[Only()]))


@contextlib.contextmanager
def changed(file, text):
    """A file with another text, put back afterwards as it was, so that what Python has compiled of it holds again."""
    before, times = file.read_bytes(), file.stat()
    file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
