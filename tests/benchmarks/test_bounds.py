"""Rows of the benchmarks within wide bounds: a busy machine must not break them, and a change that slows down must."""

import pytest

from benchmarks.__main__ import QUESTIONS

# Four times what is promised: a change that makes one of these ten times as slow cannot land.
ROWS = [
    *("scalar/hand", "scalar/tree", "write1/torch", "write100/torch"),
    *("curve/where", "curve/tree", "restarts/hand", "resume"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_is_not_many_times_slower_than_promised(name):
    row = QUESTIONS[name].measure()
    assert row.ratio < 4 * QUESTIONS[name].promised
