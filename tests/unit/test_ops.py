"""The arithmetic under all formulas: the same values from numbers, whole or not, and from NumPy arrays."""

import math

import numpy as np
import pytest

import optimsche as o
from optimsche import ops

INF = math.inf


def _kinds(arguments):
    """The arguments as floats, as whole numbers where they are, as arrays, and each of them alone as an array."""
    floats = [float(x) for x in arguments]
    yield floats
    yield [int(x) if x == int(x) else x for x in floats] if all(map(math.isfinite, floats)) else floats
    yield [np.array([x, x]) for x in floats]
    for chosen in range(len(floats)):
        yield [np.array([x, x]) if place == chosen else x for place, x in enumerate(floats)]


def _check(function, arguments, expected):
    for kind in _kinds(arguments):
        found = function(*kind)
        found = found if isinstance(found, tuple) else (found,)
        wanted = expected if isinstance(expected, tuple) else (expected,)
        for value, right in zip(found, wanted, strict=True):
            assert np.all(np.asarray(value) == right), (kind, value, right)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        # NumPy's own functions may differ from Python's in the last bit, with its version and the processor.
        (ops.cos, [math.pi], pytest.approx(-1.0, rel=4e-16)),
        (ops.sin, [0.5], pytest.approx(math.sin(0.5), rel=4e-16)),
        (ops.tanh, [0.5], pytest.approx(math.tanh(0.5), rel=4e-16)),
        (ops.exp, [1.0], pytest.approx(math.e, rel=4e-16)),
        (ops.log, [math.e], pytest.approx(1.0, rel=4e-16)),
        (ops.sqrt, [2.25], 1.5),
        (ops.floor, [2.75], 2.0),
        (ops.floor, [-0.25], -1.0),
        (ops.nearest, [2.5], 2.0),
        (ops.nearest, [3.5], 4.0),
        (ops.nearest, [2.4], 2.0),
        (ops.power, [3.0, 2.0], 9.0),
        (ops.power, [0.0, 0.5], 0.0),
        (ops.power, [4.0, 0.5], 2.0),
        (ops.power, [0.5, 2.0], 0.25),
        (ops.minimum, [1.0, 2.0], 1.0),
        (ops.minimum, [2.0, 1.0], 1.0),
        (ops.maximum, [1.0, 2.0], 2.0),
        (ops.maximum, [2.0, 1.0], 2.0),
    ],
)
def test_elementary(function, arguments, expected):
    _check(function, arguments, expected)


@pytest.mark.parametrize("function", [ops.floor, ops.nearest])
def test_rounding_keeps_what_is_not_finite(function):
    assert (function(INF), function(-INF)) == (INF, -INF)
    assert math.isnan(function(math.nan))
    assert [type(function(value)) for value in (2, 2.5)] == [float, float]


def test_real():
    assert (ops.real(3), type(ops.real(3))) == (3.0, float)
    whole = ops.real(np.array([2**24 + 1, 3], dtype=np.int32))
    assert (whole.tolist(), whole.dtype) == ([2**24 + 1, 3], np.float64)


def test_where_chooses_numbers_and_elements():
    assert (ops.where(True, 1.0, 2.0), ops.where(False, 1.0, 2.0)) == (1.0, 2.0)
    assert ops.where(np.array([True, False]), 1.0, np.array([5.0, 6.0])).tolist() == [1.0, 6.0]


@pytest.mark.parametrize(
    ("real_step", "steps", "expected"),
    [
        (0.0, 100.0, 0.0),
        (25.0, 100.0, 0.25),
        (99.0, 100.0, 0.99),
        (100.0, 100.0, 1.0),
        (101.0, 100.0, 1.0),
        (0.0, 0.0, 1.0),
        (3.0, 0.0, 1.0),
        (0.125, 0.5, 0.25),
        (1.0, 4.0, 0.25),
        # Within 2**-32 of the piece, and never a quarter of an update, the end counts as met ...
        (100.0 - 100.0 * 2.0**-32, 100.0, 1.0),
        (2.0**40 - 0.25, 2.0**40, 1.0),
        # ... and a little farther away it does not.
        (100.0 - 100.0 * 2.0**-31, 100.0, 1.0 - 2.0**-31),
        (2.0**40 - 0.5, 2.0**40, 1.0 - 2.0**-41),
        (2.0**50 - 1.0, 2.0**50, 1.0 - 2.0**-50),
    ],
)
def test_progress(real_step, steps, expected):
    _check(ops.progress, [real_step, steps], expected)


@pytest.mark.parametrize(
    ("steps", "expected"), [(1.0, 2.0**-32), (2.0**20, 2.0**-12), (2.0**30, 0.25), (2.0**40, 0.25), (0.0, 0.0)]
)
def test_slack(steps, expected):
    _check(ops.tolerance, [steps], expected)


@pytest.mark.parametrize(
    ("start", "end", "weight", "expected"),
    [
        (0.1, 0.3, 0.0, 0.1),
        (0.1, 0.3, 0.5, 0.2),
        (0.1, 0.3, 1.0, 0.3),
        (0.1, 0.3, 2.0, 0.3),
        (4.0, 2.0, 0.25, 3.5),
        (4.0, 2.0, 1.0, 2.0),
        (4.0, 2.0, 1.5, 2.0),
        (2.0, 2.0, 0.5, 2.0),
        (3.0, 1e-17, 1.0, 1e-17),  # 3 + (1e-17 - 3) is 0
        (0.18, 0.92, 1.0, 0.92),  # 0.18 + (0.92 - 0.18) is less
        (0.63, 0.04, 1.0, 0.04),  # 0.63 + (0.04 - 0.63) is more
    ],
)
def test_segment(start, end, weight, expected):
    _check(ops.segment, [start, end, weight], expected)


@pytest.mark.parametrize(
    ("value", "start", "end", "weight", "expected"),
    [
        (0.5, 0.0, 1.0, 0.5, 0.5),
        (1.5, 0.0, 1.0, 0.5, 1.0),  # beyond the end
        (0.5, 0.0, 1.0, 1.0, 1.0),  # there
        (0.5, 1.0, 0.0, 0.5, 0.5),
        (-0.5, 1.0, 0.0, 0.5, 0.0),
        (0.5, 1.0, 0.0, 1.0, 0.0),
        (0.5, 1.0, 1.0, 0.25, 0.5),
        (1.5, 1.0, 1.0, 0.25, 1.0),
    ],
)
def test_landing(value, start, end, weight, expected):
    def landing(value, start, end):  # both come from the clock: a number, or an array like it
        return ops.clip_to_end(value, start, end, 0.0 * value + weight)

    _check(landing, [value, start, end], expected)


@pytest.mark.parametrize(
    ("real_step", "at", "expected"),
    [
        (0.0, 10.0, -0.0),
        (9.0, 10.0, -9.0),
        (10.0, 10.0, -10.0),
        (11.0, 10.0, 1.0),
        (10.0 + 2.0**-29, 10.0, -10.0 - 2.0**-29),  # nearly on the boundary
        (10.0 + 2.0**-28, 10.0, 2.0**-28),
        (10.5, 10.0, 0.5),
        (2.0**40 + 0.25, 2.0**40, -(2.0**40) - 0.25),
        (2.0**40 + 0.5, 2.0**40, 0.5),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 1.0),
    ],
)
def test_switch(real_step, at, expected):
    _check(lambda t, at: ops.switch(t, at, before=lambda x: -x, after=lambda x: x), [real_step, at], expected)


def test_switch_shows_neither_side_a_clock_of_the_other():
    seen = {}
    steps = np.array([1.0, 9.0, 10.0, 11.0, 30.0])

    def before(t):
        seen["before"] = np.max(t)
        return 0.0 * t

    def after(t):
        seen["after"] = np.min(t)
        return 0.0 * t + 1.0

    for at in (10.0, np.array(10.0)):
        assert ops.switch(steps, at, before, after).tolist() == [0, 0, 0, 1, 1]
        assert seen == {"before": 10.0, "after": 0.0}


def test_switch_has_the_common_shape_of_clocks_and_boundaries_also_where_all_are_on_one_side():
    steps, boundaries = np.array([1.0, 2.0]), np.array([[5.0], [6.0]])
    assert ops.switch(steps, boundaries, before=lambda t: t, after=lambda t: 0.0 * t).tolist() == [[1, 2], [1, 2]]
    assert ops.switch(steps + 7, boundaries, before=lambda t: 0.0 * t, after=lambda t: t).tolist() == [[3, 4], [2, 3]]


def test_switch_does_not_compute_the_side_that_no_element_is_on():
    def never(t):
        raise AssertionError("computed for nothing")

    assert ops.switch(np.array([1.0, 10.0]), 10.0, before=lambda t: t, after=never).tolist() == [1, 10]
    assert ops.switch(np.array([11.0, 15.0]), 10.0, before=never, after=lambda t: t).tolist() == [1, 5]


@pytest.mark.parametrize(
    ("real_step", "every", "closed", "expected"),
    [
        (0.0, 10.0, "right", (0.0, 0.0)),
        (1.0, 10.0, "right", (0.0, 1.0)),
        (10.0, 10.0, "right", (0.0, 10.0)),
        (11.0, 10.0, "right", (1.0, 1.0)),
        (30.0, 10.0, "right", (2.0, 10.0)),
        (0.0, 10.0, "left", (0.0, 0.0)),
        (9.0, 10.0, "left", (0.0, 9.0)),
        (10.0, 10.0, "left", (1.0, 0.0)),
        (29.0, 10.0, "left", (2.0, 9.0)),
        (0.5, 0.5, "right", (0.0, 0.5)),
        (0.75, 0.5, "right", (1.0, 0.25)),
        (0.75, 0.5, "left", (1.0, 0.25)),
        (2.0**53 - 1, 2.0**52, "right", (1.0, 2.0**52 - 1)),
        # A sum of fractions that misses an edge by a rounding error is on it.
        (10.0 + 2.0**-30, 10.0, "right", (0.0, 10.0 + 2.0**-30)),
        (10.0 + 2.0**-28, 10.0, "right", (1.0, 2.0**-28)),
        (10.0 - 2.0**-30, 10.0, "left", (1.0, 0.0)),
        (10.0 - 2.0**-28, 10.0, "left", (0.0, 10.0 - 2.0**-28)),
        # However far the clock is, by no more than a 1,024th of a block, and no more than a quarter of an update.
        (2.0**42 + 2.0**-10, 1.0, "right", (2.0**42 - 1, 1.0 + 2.0**-10)),
        (2.0**42 + 2.0**-9, 1.0, "right", (2.0**42, 2.0**-9)),
        (2.0**23 + 2.0**-10 + 2.0**-21, 1.0, "right", (2.0**23, 2.0**-10 + 2.0**-21)),
        (2.0**42 + 1.0 - 2.0**-10, 1.0, "left", (2.0**42 + 1.0, 0.0)),
        (2.0**42 + 1.0 - 2.0**-9, 1.0, "left", (2.0**42, 1.0 - 2.0**-9)),
        (2.0**42 + 0.25, 2.0**20, "right", (2.0**22 - 1, 2.0**20 + 0.25)),
        (2.0**42 + 0.5, 2.0**20, "right", (2.0**22, 0.5)),
    ],
)
def test_block(real_step, every, closed, expected):
    _check(lambda t, n: ops.block(t, n, closed), [real_step, every], expected)


POINTS = (10, 20.5, 30)


@pytest.mark.parametrize(
    ("real_step", "expected"),
    [
        (0.0, 0),
        (10.0, 0),
        (10.0 + 10.0 * 2.0**-32, 0),
        (10.0 + 11.0 * 2.0**-32, 1),
        (11.0, 1),
        (20.5, 1),
        (21.0, 2),
        (30.0, 2),
        (31.0, 3),
        (1e9, 3),
    ],
)
def test_count_below(real_step, expected):
    _check(lambda t: ops.count_below(POINTS, t), [real_step], expected)
    assert ops.count_below(np.array(POINTS), np.array([real_step])).tolist() == [expected]
    assert ops.count_below((), real_step) == 0


def test_take():
    assert ops.take((0.5, 0.25), 1) == 0.25
    assert ops.take((1, 0.25), np.array([1, 0, 1])).tolist() == [0.25, 1.0, 0.25]
    assert ops.take(np.array([1.0, 0.25]), 0) == 1.0
    with pytest.raises(TypeError, match="no arithmetic for float"):
        ops.take((0.5, 0.25), 1.0)


@pytest.mark.parametrize(
    ("real_step", "expected"),
    [
        (0.0, 1.0),
        (2.0, 1.0),
        (2.0 + 2.0**-31, 1.0),  # nearly on the point
        (2.5, 1.25),
        (4.0, 2.0),
        (6.0, 3.0),
        (6.25, 2.75),
        (7.0, 2.0),
        (9.0, 0.0),
        (10.0, 0.0),
        (1e9, 0.0),
    ],
)
def test_interpolate(real_step, expected):
    _check(lambda t: ops.interpolate(t, (2, 6.0, 9.0), (1, 3.0, 0.0)), [real_step], expected)


def test_a_line_through_one_point_is_flat():
    _check(lambda t: ops.interpolate(t, (5.0,), (0.5,)), [5.0], 0.5)
    assert ops.interpolate(np.array([0.0, 5.0, 9.0]), (5.0,), (0.5,)).tolist() == [0.5] * 3


def test_what_has_no_arithmetic_is_refused():
    with pytest.raises(TypeError, match="no arithmetic for str; use a number, or a NumPy, PyTorch or JAX array"):
        ops.cos("x")


def test_what_ops_offers_is_listed():
    assert [name for name in ops.__all__ if not hasattr(ops, name)] == []
    defined = {name for name, value in vars(ops).items() if getattr(value, "__module__", None) == ops.__name__}
    assert {name for name in defined if not name.startswith("_")} == {*ops.__all__} - {"is_number"}


def test_lines_through_points_that_are_arrays_are_those_through_numbers():
    plan = o.piecewise_linear(values=(1.0, 3.0, 2.0), at=(10, 20, 21))
    steps = np.array([0.0, 10.0, 10.25, 11.0, 15.0, 20.0, 20.5, 21.0, 30.0])
    each = plan.apply(steps, None, {"at": (np.full(9, 10.0), np.full(9, 20.0), np.full(9, 21.0))})
    assert each.tolist() == pytest.approx([plan(t) for t in steps.tolist()], rel=1e-15)
