"""check_scheduler names what is wrong with a scheduler, with the shortest program, and leaves right ones alone."""

import pytest

from optimsche.testing.schedulers.laws import ASKED_FOR, BY_DEFAULT
from optimsche.testing import check_scheduler
from tests.schedulers import right
from tests.schedulers.faults import FAULTS

RIGHT = [right.Right, right.ByNumber, right.Plateau, right.ChainedForm]


@pytest.mark.parametrize(("faulty", "law", "program"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_a_fault_is_named_with_the_shortest_program(faulty, law, program):
    with pytest.raises(AssertionError) as caught:
        check_scheduler(faulty, also=[law] if law in ASKED_FOR else [])
    first, second = str(caught.value).split("\n")[:2]
    assert first.startswith(f"{law}: {faulty.__name__}: ")
    assert second.startswith(f"    after {program} ")


@pytest.mark.parametrize("make", RIGHT)
def test_what_is_right_keeps_every_law(make):
    also = [] if make is right.ChainedForm else list(ASKED_FOR)
    assert check_scheduler(make, also=also) == (*BY_DEFAULT, *also)
