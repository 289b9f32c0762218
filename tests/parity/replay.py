"""A recorded case of another system, played by this library: ``replay(system, case)`` gives its values.

A case is a mapping in the form of the files in ``curves``: ``schedule``, ``params``, ``base_lr``, ``steps``, and what
else the system needs. Each system has a module here that says what its counter counts and how its arguments in a file
become the arguments of ``optimsche.peers``.
"""

import importlib
from collections.abc import Mapping


def replay(system: str, case: Mapping) -> list[float]:
    """The values of the schedule that a case describes, at the counters in its ``steps``."""
    return importlib.import_module(f"tests.parity.systems.{system}").values(case)


def build(system: str, case: Mapping):
    """The schedule that a case describes."""
    return importlib.import_module(f"tests.parity.systems.{system}").build(case)
