"""What the pieces of a plan are called."""

import pytest
from hypothesis import given

from optimsche import (
    Rate,
    Schedule,
    constant,
    cosine,
    linear,
    lr_fn,
    milestones,
    noam,
    triangular,
    warmup_constant,
    wsd,
)
from optimsche.curve.pieces import pieces
from optimsche.lr_fn import LrFn
from optimsche.names import known
from optimsche.testing import schedules

OURS = [function for function in known().values() if isinstance(function, LrFn) and function.is_built_in]


@lr_fn
def half_of(real_step, epoch, schedule: Schedule, *, floor: Rate = 0.0):
    return max(schedule(real_step, epoch) / 2, floor)


@lr_fn
def rounded(real_step, epoch, schedule: Schedule):
    return schedule(int(real_step * 10), epoch)


def names_of(plan, upto=None):
    edges = (0.0, *(plan.boundaries() if upto is None else (*plan.boundaries(upto - 1), upto)))
    return [(piece.name, piece.end) for piece in pieces(plan, edges, [1.0] * (len(edges) - 1))]


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (wsd(peak=0.1, warmup_steps=5, decay_steps=20, total_steps=100), ["warmup", "constant", "linear"]),
        (warmup_constant(peak=0.1, warmup_steps=5).cooldown(at=50, steps=10), ["warmup", "constant", "cooldown"]),
        (constant(0.1).cooldown(at=50, steps=10, along=cosine), ["constant", "cosine"]),
        (3e-4 * (constant(steps=0.8) >> linear(steps=0.2)).over(100).warmup(9), ["warmup", "constant", "linear"]),
        (cosine(steps=10).repeat(3).warmup(5).jitter(0.1), ["warmup", "cosine"]),
        ((cosine(steps=10) + linear(steps=10)).warmup(5), ["warmup", "add"]),
        (rounded(cosine(steps=10)).then(constant(0.0, steps=5), at=10), ["cosine", "constant"]),
        (linear(steps=10).clamp(floor=0.1).then(constant(0.1, steps=5), at=10), ["linear", "constant"]),
        (half_of(linear(steps=10)).then(constant(0.0, steps=5), at=10), ["linear", "constant"]),
    ],
    ids=repr,
)
def test_a_piece_has_the_name_of_what_moves(plan, named):
    assert [name for name, _ in names_of(plan)] == named


def test_neighbours_of_one_name_are_one_piece():
    assert names_of(triangular(peak=1.0, cycle_steps=10), upto=40) == [("linear", 40)]
    assert names_of(milestones(at=(30, 60)), upto=90) == [("milestones", 90)]
    assert names_of(noam(d_model=512, warmup_steps=10), upto=30) == [("warmup", 10), ("inverse_sqrt", 30)]


@given(schedules(OURS))
def test_every_schedule_has_names(plan):
    edges = (0.0, *plan.boundaries(most=5), 1e5)
    edges = sorted({edge for edge in edges if edge <= 1e5})
    for piece in pieces(plan, edges, [2.0] * (len(edges) - 1)):
        assert f"{piece.name}(" in repr(plan)
