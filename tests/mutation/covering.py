"""Which tests run which lines, and how long each takes: found by one run of all of them, before anything is changed."""

import importlib
import pkgutil
import time

import coverage
import pytest

_UNIT = (
    "ops shapes schedule combinators counting text lr_fn json_schema wrong_calls expression jitter ranges checking "
    "boundaries left_out libraries combinator_formulas signatures names check_plan"
)
_PROPERTY = "segments values laws combinators flat_code precision backends"
_SLOW = "jax or tensor or compiled or every_depth or fresh_process"  # what they would kill, others kill
# Those that a change of the core, or of the training step, can fail, in one process and without waiting.
OF_THE_CORE = (
    *(f"tests/unit/test_{name}.py" for name in _UNIT.split()),
    *(f"tests/property/test_{name}.py" for name in _PROPERTY.split()),
    *("tests/unit/evaluation", "tests/unit/source", "tests/parity/test_curves.py", f"-k=not ({_SLOW})"),
)
OF_THE_STEP = (
    *("tests/training", "tests/adapters/test_schedule_lr.py"),
    *("--deselect=tests/training/test_kill.py", "--deselect=tests/training/test_examples.py"),
    *("--ignore=tests/training/test_faults.py", "-k", "not compiled"),
)
# Code of several processes, and the tests of it: which lines those processes run is not measured.
_WITH_OTHERS = "processes finding sharded by_name norms gradients updates window optim_scheduler"
SEVERAL = {f"optimsche/training/{name}.py" for name in _WITH_OTHERS.split()}
OF_SEVERAL = "tests/distributed"
_NEED_MORE_EXAMPLES = 3  # so many tests may; they judge nothing
OPTIONS = ("-q", "--tb=short", "--assert=plain", "-p", "no:cacheprovider")


class _ByTest:
    """A plugin of pytest: each test is a context of the measured lines."""

    def __init__(self, measured):
        self.measured, self.seconds, self.failed, self._began = measured, {}, set(), 0.0

    def pytest_runtest_logstart(self, nodeid, location):
        self.measured.switch_context(nodeid)
        self._began = time.process_time()

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid, location):
        self.seconds[nodeid] = time.process_time() - self._began
        self.measured.switch_context("")


def measured(root, modules):
    """The tests that run each line of some modules, and the seconds of each test.

    Returns:
        For each file a dictionary from lines to tests, where "" stands for an import; and seconds by test.

    Raises:
        SystemExit: tests fail before anything is changed, more than those that need more examples than they get here.
    """
    lines = coverage.Coverage(data_file=None, include=[str(root / module) for module in modules], config_file=False)
    lines.start()
    _import_all()
    plugin = _ByTest(lines)
    step = [module for module in modules if module.split("/")[1] in ("training", "param_groups")]
    for some, judges in ((step, OF_THE_STEP), (set(modules) - set(step), OF_THE_CORE)):
        if some and pytest.main([*OPTIONS, *sorted(some), *judges], plugins=[plugin]) not in (0, 1):
            raise SystemExit("pytest could not run the tests")
    lines.stop()
    if len(plugin.failed) > _NEED_MORE_EXAMPLES:
        raise SystemExit("tests fail before anything is changed")
    data = lines.get_data()
    by_line = {
        file[len(str(root)) + 1 :]: {
            line: [test for test in tests if test not in plugin.failed]
            for line, tests in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    return by_line, plugin.seconds


def _import_all():
    """Import every module now: what runs then belongs to no test."""
    package = importlib.import_module("optimsche")
    for module in pkgutil.walk_packages(package.__path__, "optimsche."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:
                continue  # of a package that is not there


def chosen(mutant, by_line, seconds, budget):
    """The tests that judge a mutant: those that run its lines, as many as fit into the time.

    First its examples and the tests of its file, which know it best; then the quickest.
    """
    stem = mutant.module.rpartition("/")[2].removesuffix(".py")
    folder = mutant.module.split("/")[1]
    near = (mutant.module, f"test_{stem}.py", f"test_{folder}.py")
    of_file = by_line.get(mutant.module, {})
    own = {test for line in range(mutant.lines[0], mutant.lines[1] + 1) for test in of_file.get(line, ())}
    if not own or "" in own:  # it runs at import: whatever uses the file may notice
        own |= {test for tests in of_file.values() for test in tests}
    if own <= {""}:  # and who uses what such a file says is not known
        own |= set(seconds)
    left, found = budget, []
    for test in sorted(own - {""}, key=lambda test: (not any(n in test for n in near), seconds.get(test, 0.0))):
        left -= seconds.get(test, 0.0)
        if left < 0 and found:
            break
        found.append(test)
    return found
