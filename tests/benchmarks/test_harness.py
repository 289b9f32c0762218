"""How two things are timed against each other, on a clock that the tests move."""

import pytest

from benchmarks import harness
from benchmarks.harness import compare


@pytest.fixture
def clock(monkeypatch):
    """The seconds that have gone by, in a list of one."""
    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])
    return now


def taking(clock, seconds, said=None, log=None):
    def work():
        clock[0] += seconds
        if log is not None:
            log.append(said)

    return work


def test_the_ratio_is_ours_to_theirs_for_one_piece(clock):
    row = compare(taking(clock, 30.0), taking(clock, 2.0), pieces=10)
    assert (row.ours, row.theirs, row.ratio) == pytest.approx((3.0, 0.2, 15.0))
    assert row.unit == "s"
    assert compare(taking(clock, 30.0), taking(clock, 2.0), pieces=10, their_pieces=1).ratio == pytest.approx(1.5)


def test_what_goes_before_is_not_timed(clock):
    row = compare(
        taking(clock, 3.0), taking(clock, 2.0), before_ours=taking(clock, 100.0), before_theirs=taking(clock, 50.0)
    )
    assert (row.ours, row.theirs, row.ratio) == pytest.approx((3.0, 2.0, 1.5))


def test_each_round_calls_both_in_alternating_order(clock):
    log = []
    compare(
        taking(clock, 1.0, "ours", log),
        taking(clock, 1.0, "theirs", log),
        before_ours=taking(clock, 0.0, "before ours", log),
        before_theirs=taking(clock, 0.0, "before theirs", log),
        rounds=2,
    )
    one_way = ["before ours", "ours", "before theirs", "theirs"]
    assert log == (one_way + one_way[2:] + one_way[:2]) * 2  # two rounds to warm up, and two


def test_a_machine_that_slows_down_does_not_change_the_ratio(clock):
    speed = [1.0]

    def drifting(seconds):
        def work():
            speed[0] *= 1.01
            clock[0] += seconds * speed[0]

        return work

    assert compare(drifting(1.0), drifting(10.0)).ratio == pytest.approx(0.1, rel=0.02)
