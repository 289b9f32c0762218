"""How the arguments recorded of each system become those of ``optimsche.peers``, and its counter an update."""


def at_finished(schedule, case):
    """The values of a system that counts finished updates from 0: counter ``c`` is played by update ``c + 1``."""
    return [schedule(step + 1) for step in case["steps"]]


def at_number(schedule, case):
    """The values of a system that counts updates from 1."""
    return [schedule(step) for step in case["steps"]]
