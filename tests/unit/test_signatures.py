"""What `cosine?` and `help(cosine)` show."""

import inspect
import pickle
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Lt

import optimsche as o
from optimsche import Rate, Steps, lr_fn
from optimsche.names import known
from optimsche.signatures import readable


def test_ranges_have_their_names():
    assert str(inspect.signature(o.cosine)) == "(*, start: Rate = 1.0, end: Rate = 0.0, steps: Steps) -> Schedule"
    assert (
        str(inspect.signature(o.then)) == "(first: Schedule, second: Schedule, *, at: Length | None = None) -> Schedule"
    )
    assert str(inspect.signature(o.warmup_cosine)) == (
        "(*, peak: Rate, warmup_steps: Length, total_steps: Steps, floor: Rate = 0.0) -> Schedule"
    )


OURS = sorted(name for name, constructor in known().items() if constructor.__module__.startswith("optimsche."))


@pytest.mark.parametrize("name", OURS)
def test_no_signature_shows_how_a_range_is_made(name):
    shown = str(inspect.signature(known()[name]))
    assert not {word for word in ("Annotated", "typing", "Meaning", "inf") if word in shown}, shown


COMBINATORS = [name for name in OURS if name != "sequence" and hasattr(o.Schedule, name)]


@pytest.mark.parametrize("name", COMBINATORS)
def test_a_method_has_the_parameters_of_its_combinator(name):
    of_function, of_method = (
        [
            (parameter.name, parameter.kind, parameter.default)
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        for function in (known()[name], getattr(o.Schedule, name))
    )
    assert of_function == of_method


def test_annotations_are_what_they_were():
    parameter = inspect.signature(o.cosine).parameters["steps"]
    assert parameter.annotation == Steps
    assert parameter.replace(default=3).annotation == Steps
    assert inspect.signature(o.cosine).bind(steps=9).arguments == {"steps": 9}
    assert pickle.loads(pickle.dumps(o.cosine)) is o.cosine


@lr_fn
def of_many_kinds(
    real_step,
    epoch,
    first: Rate,
    /,
    second: Annotated[float, Gt(0), Lt(0.5)] = 0.25,
    *,
    third: Literal["up", "down"] = "up",
    fourth: tuple[Steps, ...] = (1.0,),
    fifth: Annotated[int, Ge(2)] | None = None,
    sixth=3,
):
    return first


def test_ones_own_annotations_are_shown_with_their_bounds():
    assert str(inspect.signature(of_many_kinds)) == (
        "(first: Rate, /, second: float (> 0, < 0.5) = 0.25, *, third: 'up' | 'down' = 'up', "
        "fourth: tuple[Steps, ...] = (1.0,), fifth: int (>= 2) | None = None, sixth=3) -> Schedule"
    )


def test_other_annotations():
    assert readable(float | None) == "float | None"
    assert readable("Text") == "Text"
    assert readable(dict[str, float]) == "dict[str, float]"
