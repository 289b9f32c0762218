"""The ends of each range: the last value that it admits, and the nearest one that it refuses."""

import math
import sys

import pytest

import optimsche as o
from optimsche import ranges

LEAST, MOST = math.ulp(0.0), sys.float_info.max
ABOVE_ONE = math.nextafter(1, 2)
RANGES = {
    "Rate": ([0, LEAST, MOST], [-LEAST, math.inf, math.nan]),
    "Factor": ([0, LEAST, MOST], [-LEAST, math.inf, math.nan]),
    "PositiveFactor": ([LEAST, MOST], [0, -LEAST, math.inf, math.nan]),
    "Fraction": ([LEAST, 1], [0, ABOVE_ONE, math.nan]),
    "Power": ([LEAST, MOST], [0, math.inf, math.nan]),
    "Steps": ([LEAST, MOST], [0, math.inf, math.nan]),
    "Length": ([0, LEAST, MOST], [-LEAST, math.inf, math.nan]),
    "Offset": ([-MOST, 0, MOST], [-math.inf, math.inf, math.nan]),
    "Ratio": ([LEAST, MOST], [0, math.inf, math.nan]),
    "Growth": ([1, 1.5, 100], [math.nextafter(1, 0), math.nextafter(100, 101), math.nan]),
    "Count": ([1, 10**6], [0, 1.5, math.inf, math.nan]),
    "Cycles": ([1, 10_000], [0, 10_001, 1.5, math.nan]),
    "Closed": (["right", "left"], ["", "both"]),
    "Seed": ([0, 2**32 - 1], [-1, 2**32, 0.5]),
    "Share": ([0, LEAST, 1], [-LEAST, ABOVE_ONE, math.nan]),
    "Milestones": ([(LEAST,), (1, MOST)], [(), (0,), (1, math.inf)]),
    "Points": ([(0,), (0, MOST)], [(), (-LEAST,), (0, math.inf)]),
    "Rates": ([(0,), (MOST, 0)], [(), (-LEAST,), (0, math.inf)]),
}


def _with_parameter_in(name):
    @o.lr_fn
    def in_a_range(real_step, epoch, *, x: getattr(ranges, name)):
        return 1.0

    return in_a_range


def test_every_range_is_here():
    assert RANGES.keys() == set(ranges.__all__) - {"Meaning", "ReadAs"}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (good, _) in RANGES.items() for value in good])
def test_a_range_admits_its_ends(name, value):
    assert _with_parameter_in(name)(x=value).params["x"] == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, bad) in RANGES.items() for value in bad])
def test_a_range_refuses_what_is_past_its_ends(name, value):
    with pytest.raises(ValueError, match="x must be"):
        _with_parameter_in(name)(x=value)
