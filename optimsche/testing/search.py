"""One search for a counter-example by hypothesis, which leaves nothing behind and says nothing but what it finds."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import hypothesis
from hypothesis import HealthCheck, Phase, configuration, errors
from hypothesis import strategies as st

# Trees take long to draw, and some are drawn in vain: no reason to stop.
EVERY_HEALTH_CHECK: tuple[HealthCheck, ...] = tuple(cast("Any", HealthCheck))


def search(holds: Callable[..., None], *strategies: st.SearchStrategy[Any], examples: int, **options: Any) -> None:
    """Call ``holds`` with what the strategies draw, and raise for the smallest example what it raises."""
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
        raise ValueError(f"examples={examples!r}: examples must be a whole number >= 1")
    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=EVERY_HEALTH_CHECK,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        **options,
    )
    with _no_folder_left(), warnings.catch_warnings():
        # What it says to those who write strategies: that a plan uses `random` is for a law to say.
        warnings.simplefilter("ignore", errors.HypothesisDeprecationWarning)
        settings(hypothesis.given(*strategies)(holds))()


@contextlib.contextmanager
def _no_folder_left() -> Iterator[None]:
    """What hypothesis would write into ``.hypothesis/`` goes into a folder that is removed."""
    before = configuration.storage_directory(intent_to_write=False).home_directory
    with tempfile.TemporaryDirectory() as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(before)
