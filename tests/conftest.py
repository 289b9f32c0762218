"""Settings that hold for all tests."""

import os

from hypothesis import HealthCheck, Phase, settings

# The same examples in every run, and no limit of time, so that neither chance nor a slow machine makes a test fail.
settings.register_profile(
    "quick",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# Other examples in every run: a search.
settings.register_profile("thorough", max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
# Many mutants are judged, by the same examples each time; that one fails is all that matters.
settings.register_profile(
    "mutation",
    settings.get_profile("quick"),
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Read by type checkers, never run; and a command with packages of its own.
collect_ignore = ["typing/accepted.py", "typing/rejected.py", "mutation"]
