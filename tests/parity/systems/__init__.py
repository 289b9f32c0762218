"""How the arguments recorded of each system become those of ``optimsche.peers``, and its counter an update."""


def at_finished(schedule, case):
    """The values of a system that counts finished updates from 0: counter ``c`` is played by update ``c + 1``."""
    return [schedule(step + 1) for step in case["steps"]]


def at_number(schedule, case):
    """The values of a system that counts updates from 1."""
    return [schedule(step) for step in case["steps"]]


def called(module, case, **nested):
    """A schedule by its own name and recorded arguments, with the optimizer's rate where it takes that."""
    rate = {} if case["base_lr"] is None else {"base_lr": case["base_lr"]}
    return getattr(module, case["schedule"])(**{**case["params"], **nested}, **rate)
