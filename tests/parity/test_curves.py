"""Every recorded curve of every system, point by point."""

import json
from pathlib import Path

import pytest

from tests.parity.replay import replay

FILES = sorted((Path(__file__).parent / "curves").glob("*.json"))
CASES = [(read["system"], case) for read in map(json.loads, (f.read_text() for f in FILES)) for case in read["cases"]]


def test_all_of_them_are_here():
    assert len(CASES) == 503
    assert len({system for system, _ in CASES}) == 31


def deviation(got, expected):
    """The largest distance of two curves, as a part of the second one's peak."""
    return max(abs(a - b) for a, b in zip(got, expected, strict=True)) / max(map(abs, expected))


@pytest.mark.parametrize(("system", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_is_met(system, case):
    bound = 5e-6 if case.get("precision") == "float32" else 1e-12
    assert deviation(replay(system, case), case["values"]) <= bound
