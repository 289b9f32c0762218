"""What a parameter admits, and as what a schedule stores it."""

import enum
import math
import time
from typing import Annotated

import numpy as np
import pytest
from annotated_types import Ge, MaxLen, MinLen, MultipleOf

import optimsche as o
from optimsche import lr_fn
from optimsche.checking import admit


def test_numpy_numbers_and_lists_are_stored_as_plain_ones():
    s = o.milestones(start=np.float64(0.5), at=[np.int64(3), 5])
    assert repr(s) == "milestones(start=0.5, factor=0.1, at=(3, 5))"
    assert o.milestones(at=np.array([3, 5])) == o.milestones(at=(3, 5))
    assert repr(o.constant(value=-0.0)) == "constant(value=0.0, steps=None)"
    assert type(o.cosine(steps=2**60).params["steps"]) is float


@lr_fn
def of_either_kind(real_step, epoch, *, x: int | float = 1, y: o.Rate | o.Offset = 1, z: o.Rate | o.Steps = 1):
    return 0.5 * x


def test_what_one_of_several_ranges_admits_is_admitted():
    assert of_either_kind(x=2.5, y=-2.5).params == {"x": 2.5, "y": -2.5, "z": 1}
    with pytest.raises(ValueError, match=r"z must be >= 0 and finite or > 0 and finite \(a learning rate\), got -1"):
        of_either_kind(z=-1)
    with pytest.raises(TypeError, match=r"x must be a whole number or a number, got 'a' \(str\)"):
        of_either_kind(x="a")


@lr_fn
def of_a_list(real_step, epoch, *, values: list[o.Rate], pair: tuple[float, float] = (0.0, 1.0)):
    return values[0]


def test_an_annotation_that_has_no_hash_is_read_as_any_other():
    @lr_fn
    def own(real_step, epoch, *, peak: Annotated[float, {"unit": "1/s"}, Ge(0)] = 1.0):
        return peak + 0.0 * real_step

    assert own(peak=2)(1) == 2.0
    with pytest.raises(ValueError, match=r"own\(peak=-1\): peak must be >= 0"):
        own(peak=-1)


@pytest.mark.parametrize(
    ("annotation", "admitted", "refused"),
    [
        (Annotated[tuple[float, ...], MaxLen(2)], [(), (1.0,), (1.0, 2.0)], [(1.0, 2.0, 3.0)]),
        (Annotated[tuple[float, ...], MinLen(2)], [(1.0, 2.0), (1.0, 2.0, 3.0)], [(1.0,), ()]),
        (Annotated[int, MultipleOf(8)], [0, 8, 64, -16], [4, 12, 20, 7, 9]),
        (Annotated[float, MultipleOf(0.25)], [0.25, 1.75], [0.2, 0.375]),
    ],
)
def test_bounds_of_an_annotation_hold_where_it_says(annotation, admitted, refused):
    for value in admitted:
        assert admit("own", "x", annotation, value) == value
    for value in refused:
        with pytest.raises(ValueError, match=r"own\(x=.*\): x must be"):
            admit("own", "x", annotation, value)


def test_a_list_has_any_length_and_a_tuple_its_own():
    assert of_a_list(values=[0.5]).params["values"] == (0.5,)
    assert of_a_list(values=[0.5, 0.25, 0]).params["values"] == (0.5, 0.25, 0)
    with pytest.raises(ValueError, match="pair must be a tuple of 2"):
        of_a_list(values=[0.5], pair=(0.0, 1.0, 2.0))


class Edge(str, enum.Enum):
    LEFT = "left"


@pytest.mark.parametrize("left", [np.str_("left"), Edge.LEFT])
def test_text_of_other_types_is_plain_text(left):
    plan = o.linear(steps=9).staircase(5, closed=left)
    assert repr(plan) == "staircase(linear(start=1.0, end=0.0, steps=9), every=5, closed='left')"
    assert o.parse(repr(plan)) == plan


LONG = tuple(range(1, 1_200))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0, -1, "1", True, 2 + 0j])
@pytest.mark.parametrize("place", [0, 600, -1])
def test_an_element_of_a_long_row_is_held_to_its_range(bad, place):
    row = list(LONG)
    row[place] = bad
    with pytest.raises((TypeError, ValueError), match="at must be"):
        o.milestones(at=row)


def test_elements_of_a_long_row_are_stored_as_those_of_a_short_one():
    assert o.milestones(at=LONG).params["at"] == LONG
    rates = o.piecewise_linear(at=LONG, values=[-0.0, *LONG[1:]]).params["values"]
    assert math.copysign(1, rates[0]) == 1
    rates = o.piecewise_linear(at=LONG, values=[2**53 + 1, 2**53 + 2, *LONG[2:]]).params["values"]
    assert rates[:2] == (2**53, 2**53 + 2)
    assert type(rates[0]) is float


@lr_fn
def of_anything(real_step, epoch, *, rows, more: tuple = ()):
    return 1.0


def _doubled(times):
    rows = [1, 2]
    for _ in range(times):
        rows = [rows, rows]
    return rows


def _in_itself():
    rows = []
    rows += [rows, rows]
    return rows


@pytest.mark.parametrize("name", ["rows", "more"])
def test_nested_rows_are_counted_before_they_are_read(name):
    given = {"rows": 1}
    assert of_anything(**given | {name: [1, [2, "a", None]]}).params[name] == (1, (2, "a", None))
    for rows, message in (
        (_doubled(24), "more than 1,100,000 values in one"),
        (range(10**12), "more than 1,100,000 values in one"),
        (_in_itself(), "nested more than 250 deep"),
    ):
        begin = time.process_time()
        with pytest.raises(ValueError, match=message):
            of_anything(**given | {name: rows})
        assert time.process_time() - begin < 1.0


@pytest.mark.parametrize("most", [10**9, 10**12, 10**30])
def test_a_row_that_is_too_long_is_refused_before_it_is_read(most):
    with pytest.raises(ValueError, match=r"milestones\(at=range.*\): more than 1,100,000 values in one"):
        o.milestones(at=range(1, most))
    with pytest.raises(ValueError, match=r"linear\(steps=range.*\): more than 1,100,000 values in one"):
        o.linear(steps=range(1, most))
    with pytest.raises(ValueError, match=r"more than 1,100,000 values"):
        o.from_dict({"milestones": {"at": range(1, most)}})
