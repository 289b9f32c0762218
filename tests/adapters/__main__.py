"""Which jobs are right in which framework: `python -m tests.adapters` runs the tests and prints the table.

A cell is right where all its tests passed, `-` where the package cannot be imported, and text where none is to be made.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata

import pytest

JOBS = ("train", "accumulate", "resume", "other plan", "two processes", "groups", "log")
_ONE_RATE = "one rate for all weights"
# The beginnings of the names of a cell's tests.
TABLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "Hugging Face Trainer": (
        "transformers",
        (
            "test_transformers.py::test_every_update_has_its_rate_and_the_log_says_it[1]",
            "test_transformers.py::test_every_update_has_its_rate_and_the_log_says_it[2]",
            "test_transformers.py::test_resumed_from_a_checkpoint[plan0",
            "test_transformers.py::test_resumed_from_a_checkpoint[plan1",
            "test_two_processes.py::test_two_processes[transformers]",
            "test_transformers.py::test_groups_with_an_lr_scale",
            "test_transformers.py::test_every_update_has_its_rate_and_the_log_says_it",
        ),
    ),
    "Lightning": (
        "lightning",
        (
            "test_lightning.py::test_every_update_has_its_rate",
            "test_lightning.py::test_every_update_has_its_rate",
            "test_lightning.py::test_resumed_from_a_checkpoint",
            "test_lightning.py::test_resumed_from_a_checkpoint",
            "test_two_processes.py::test_two_processes[lightning]",
            "test_lightning.py::test_groups_with_an_lr_scale",
            "test_lightning.py::test_the_rates_that_the_monitor_logs[step",
        ),
    ),
    "Fabric": (
        "lightning",
        (
            "test_lightning.py::test_fabric[1]",
            "test_lightning.py::test_fabric[2]",
            "test_lightning.py::test_fabric_saves_and_loads[plan0",
            "test_lightning.py::test_fabric_saves_and_loads[plan1",
            "test_two_processes.py::test_two_processes[fabric]",
            "the optimizer's own",
            "`get_last_lr()`",
        ),
    ),
    "accelerate": (
        "accelerate",
        (
            "test_accelerate.py::test_one_process[True-1]",
            "test_accelerate.py::test_one_process[True-2]",
            "test_accelerate.py::test_one_process_resumed[1.0",
            "test_accelerate.py::test_one_process_resumed[0.5",
            "test_two_processes.py::test_two_processes[accelerate]",
            "test_accelerate.py::test_groups_and_the_rate_that_the_wrapper_tells",
            "test_accelerate.py::test_groups_and_the_rate_that_the_wrapper_tells",
        ),
    ),
    "ignite": (
        "pytorch-ignite",
        (
            "test_ignite.py::test_every_update_has_its_rate",
            "test_ignite.py::test_every_update_has_its_rate",
            "test_ignite.py::test_resumed[plan0",
            "test_ignite.py::test_resumed[plan1",
            "the optimizer's own",
            "test_ignite.py::test_groups_with_an_lr_scale",
            "`get_last_lr()`",
        ),
    ),
    "timm's optimizers": (
        "timm",
        (
            "test_timm.py::test_l",
            "the loop's own",
            "the loop's own",
            "the loop's own",
            "the optimizer's own",
            "test_timm.py::test_layer_decay",
            "`get_last_lr()`",
        ),
    ),
    "a plain loop": (
        "torch",
        (
            "test_schedule_lr.py::test_the_clock_is_the_optimizers_steps",
            "the loop's own",
            "test_schedule_lr.py::test_a_run_is_resumed_also_with_another_plan",
            "test_schedule_lr.py::test_a_run_is_resumed_also_with_another_plan",
            "the optimizer's own",
            "test_schedule_lr.py::test_lr_scale_multiplies_a_groups_rate",
            "test_schedule_lr.py::test_the_clock_is_the_optimizers_steps",
        ),
    ),
    "Keras on JAX": (
        "keras",
        (
            "test_keras.py::test_each_update_has_its_rate",
            "test_keras.py::test_accumulated",
            "test_keras.py::test_resumed_from_a_saved_model[plan0",
            "test_keras.py::test_resumed_from_a_saved_model[plan1",
            "not asked",
            _ONE_RATE,
            "test_keras.py::test_the_rate_that_the_optimizer_tells",
        ),
    ),
    "optax": (
        "optax",
        (
            "test_optax.py::test_each_update_has_its_rate",
            "test_optax.py::test_accumulated",
            "test_optax.py::test_resumed[plan0",
            "test_optax.py::test_resumed[plan1",
            "not asked",
            "test_optax.py::test_groups",
            "test_optax.py::test_inject_hyperparams_logs_the_rate",
        ),
    ),
}


class Outcomes:
    """What pytest says of each test."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("/")[2]
        if report.when == "call" or report.outcome != "passed":
            self.of[name] = report.outcome

    def cell(self, test: str) -> str:
        """The word for a cell: of the tests whose names begin so."""
        if not test.startswith("test_"):
            return test
        found = {outcome for name, outcome in self.of.items() if name.startswith(test)}
        return "right" if found == {"passed"} else "WRONG" if "failed" in found else "-"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def main() -> int:
    """Run the tests and print the table."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    outcomes = Outcomes()
    status = pytest.main(["tests/adapters", "-q", "--show-capture=no"], plugins=[outcomes])
    print(f"\n| framework | version | {' | '.join(JOBS)} |\n|---|---|{'---|' * len(JOBS)}")
    for framework, (package, tests) in TABLE.items():
        print(f"| {framework} | {_version(package)} | {' | '.join(map(outcomes.cell, tests))} |")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
